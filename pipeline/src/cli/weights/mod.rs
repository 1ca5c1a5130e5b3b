//! Weights made elsewhere, in JSON or safetensors: one map each.

mod file;
mod json;
mod piecewise_linear;
mod remarks;
mod smooth;
mod source;
mod type_in_words;

use std::path::Path;

use anyhow::{Context, Result, bail};
use nullcline_dynamics::{Map, PiecewiseLinearMap, SmoothSystem};

use crate::outputs::is_ours;
pub use remarks::remarks;
use source::Source;
use type_in_words::{Settled, TypeInWords};

/// A map by weights.
pub enum ForeignMap {
    PiecewiseLinear(PiecewiseLinearMap),
    /// Networks that are differentiable, and flows.
    Smooth(Box<dyn SmoothSystem>),
}

impl ForeignMap {
    pub fn map(&self) -> &dyn Map {
        match self {
            Self::PiecewiseLinear(map) => map,
            Self::Smooth(map) => map.as_ref(),
        }
    }
}

/// Whether `path` holds weights made elsewhere, and not a model that was trained here.
pub fn is_foreign(path: &Path) -> Result<bool> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => Ok(!is_ours(path)?),
        Some("json") => Ok(true),
        _ => bail!("need a model in .safetensors or weights in .json, found {}", path.display()),
    }
}

/// The families that are understood, as `"type"` names them.
const FAMILIES: &str = "shPLRNN, clippedShPLRNN, ALRNN, PLRNN, lowRank, tanhRNN, GRU, neuralODE or polynomial";

/// The map whose weights `path` holds, under a constant `input`; where none is given, under the `"input"` of the file, else none.
///
/// Arrays are nested lists, row after row. Their names may have prefixes that end in a dot, as those of PyTorch's
/// modules have. What the type of a file does not say is taken from the names of its arrays where they leave no doubt.
/// A file that says more than is used, remarks aside, is refused.
pub fn read_weights(path: &Path, input: Option<&[f64]>) -> Result<ForeignMap> {
    let source = Source::read(path)?;
    map_of(&source, input).with_context(|| format!("the weights in {}", path.display()))
}

fn map_of(source: &Source, input: Option<&[f64]>) -> Result<ForeignMap> {
    let family = family(source)?;
    // That of the file is known also where it is not used.
    let of_file = source.optional_vector(&["input"])?;
    let input = input.or(of_file.as_deref());
    let map = match &family {
        Family::PiecewiseLinear(family) => ForeignMap::PiecewiseLinear(piecewise_linear::read(source, *family, input)?),
        Family::Smooth(family, settled) => ForeignMap::Smooth(smooth::read(source, *family, settled, input)?),
    };
    source.check_size(&["dim", "latent_dim", "M"], map.map().dim())?;
    source.check_all_used(family.name())?;
    Ok(map)
}

enum Family {
    PiecewiseLinear(piecewise_linear::Family),
    Smooth(smooth::Family, Settled),
}

impl Family {
    fn name(&self) -> &'static str {
        use piecewise_linear::Family::{AlmostLinear, ClippedShallow, LowRank, Plain, Shallow};
        use smooth::Family::{Gru, LowRankTanh, NeuralOde, Polynomial, TanhRnn};
        match self {
            Self::PiecewiseLinear(Shallow) => "a shPLRNN",
            Self::PiecewiseLinear(ClippedShallow) => "a clippedShPLRNN",
            Self::PiecewiseLinear(AlmostLinear) => "an ALRNN",
            Self::PiecewiseLinear(Plain) => "a PLRNN",
            Self::PiecewiseLinear(LowRank) | Self::Smooth(LowRankTanh, _) => "a lowRank network",
            Self::Smooth(TanhRnn, _) => "a tanhRNN",
            Self::Smooth(Gru, _) => "a GRU of one layer",
            Self::Smooth(NeuralOde, _) => "a neuralODE",
            Self::Smooth(Polynomial, _) => "a polynomial",
        }
    }
}

fn family(source: &Source) -> Result<Family> {
    use piecewise_linear::Family::{AlmostLinear, ClippedShallow, Plain, Shallow};
    use smooth::Family::{Gru, NeuralOde, Polynomial, TanhRnn};
    let Some(text) = source.word("type")? else {
        return inferred(source)?.with_context(|| format!("need the \"type\": {FAMILIES}"));
    };
    let said = TypeInWords::of(text);
    let plain = |family| Family::Smooth(family, Settled::default());
    let family = match said.name.as_str() {
        "shplrnn" => Family::PiecewiseLinear(Shallow),
        "clippedshplrnn" => Family::PiecewiseLinear(ClippedShallow),
        "alrnn" => Family::PiecewiseLinear(AlmostLinear),
        "plrnn" => Family::PiecewiseLinear(Plain),
        "lowrank" | "lowrankrnn" => low_rank(source)?,
        "tanhrnn" | "rnn" | "rnncell" | "elman" | "elmanrnn" => plain(TanhRnn),
        "gru" | "grucell" | "grurnn" => plain(Gru),
        "polynomial" | "sindy" => plain(Polynomial),
        "neuralode" | "node" | "mlp" => return Ok(Family::Smooth(NeuralOde, said.settled()?)),
        _ => bail!("need the type {FAMILIES}, found {text:?}"),
    };
    said.check_plain()?;
    Ok(family)
}

/// Its rates are rectified, unless the file says otherwise.
fn low_rank(source: &Source) -> Result<Family> {
    match source.word("activation")?.map(str::to_lowercase).as_deref() {
        None | Some("relu") => Ok(Family::PiecewiseLinear(piecewise_linear::Family::LowRank)),
        Some("tanh") => Ok(Family::Smooth(smooth::Family::LowRankTanh, Settled::default())),
        Some(other) => bail!("need the \"activation\" relu or tanh of a lowRank network, found {other:?}"),
    }
}

/// Of a file that names no type: recurrent weights are those of a GRU when there are three rows for each column.
fn inferred(source: &Source) -> Result<Option<Family>> {
    if let Some((rows, columns)) = source.shape_of("weight_hh") {
        let family = if rows == 3 * columns { smooth::Family::Gru } else { smooth::Family::TanhRnn };
        return Ok(Some(Family::Smooth(family, Settled::default())));
    }
    let is_low_rank = [piecewise_linear::DECAY, piecewise_linear::TO_LATENT, piecewise_linear::FROM_LATENT]
        .iter()
        .all(|names| source.has(names));
    is_low_rank.then(|| low_rank(source)).transpose()
}
