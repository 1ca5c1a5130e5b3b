//! Weights made elsewhere, in JSON or safetensors: one map each.

mod piecewise_linear;
mod smooth;
mod source;

use std::path::Path;

use anyhow::{Context, Result, bail};
use nullcline_dynamics::{Map, PiecewiseLinearMap, SmoothSystem};

use source::Source;

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

/// The families that are understood, as `"type"` names them.
const FAMILIES: &str = "shPLRNN, clippedShPLRNN, ALRNN, PLRNN, lowRank, tanhRNN, GRU, neuralODE or polynomial";

/// The map whose weights `path` holds, under a constant `input`; where none is given, under the `"input"` of the file, else none.
///
/// Arrays are nested lists, row after row. Their names may have prefixes that end in a dot, as those of PyTorch's
/// modules have. What the type of a file does not say is taken from the names of its arrays where they leave no doubt.
pub fn read_weights(path: &Path, input: Option<&[f64]>) -> Result<ForeignMap> {
    let source = Source::read(path)?;
    let map = || -> Result<ForeignMap> {
        let input = match input {
            Some(input) => Some(input.to_vec()),
            None => source.optional_vector(&["input"])?,
        };
        if let Some(at) = input.iter().flatten().position(|x| !x.is_finite()) {
            bail!("need a finite input, found one that is not at place {at}");
        }
        let input = input.as_deref();
        match family(&source)? {
            Family::PiecewiseLinear(family) => {
                Ok(ForeignMap::PiecewiseLinear(piecewise_linear::read(&source, family, input)?))
            }
            Family::Smooth(family) => Ok(ForeignMap::Smooth(smooth::read(&source, family, input)?)),
        }
    };
    map().with_context(|| format!("the weights in {}", path.display()))
}

enum Family {
    PiecewiseLinear(piecewise_linear::Family),
    Smooth(smooth::Family),
}

fn family(source: &Source) -> Result<Family> {
    use piecewise_linear::Family::{AlmostLinear, ClippedShallow, LowRank, Plain, Shallow};
    use smooth::Family::{Gru, LowRankTanh, NeuralOde, Polynomial, TanhRnn};
    let Some(said) = source.word("type") else {
        return inferred(source).with_context(|| format!("need the \"type\": {FAMILIES}"));
    };
    let name: String = said.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let is_tanh = source.word("activation").is_some_and(|activation| activation.eq_ignore_ascii_case("tanh"));
    Ok(match name.as_str() {
        "shplrnn" => Family::PiecewiseLinear(Shallow),
        "clippedshplrnn" => Family::PiecewiseLinear(ClippedShallow),
        "alrnn" => Family::PiecewiseLinear(AlmostLinear),
        "plrnn" => Family::PiecewiseLinear(Plain),
        "lowrank" | "lowrankrnn" if is_tanh => Family::Smooth(LowRankTanh),
        "lowrank" | "lowrankrnn" => Family::PiecewiseLinear(LowRank),
        "tanhrnn" | "rnn" | "rnncell" | "elman" | "elmanrnn" => Family::Smooth(TanhRnn),
        "polynomial" | "sindy" => Family::Smooth(Polynomial),
        _ if name.starts_with("gru") => Family::Smooth(Gru),
        _ if name.starts_with("neuralode") || name == "mlp" || name == "node" => Family::Smooth(NeuralOde),
        _ => bail!("need the type {FAMILIES}, found {said:?}"),
    })
}

/// Of a file that names no type: recurrent weights are those of a GRU when there are three rows for each column.
fn inferred(source: &Source) -> Option<Family> {
    if let Some((rows, columns)) = source.shape_of("weight_hh") {
        return Some(Family::Smooth(if rows == 3 * columns { smooth::Family::Gru } else { smooth::Family::TanhRnn }));
    }
    let has = |names: &[&str]| names.iter().any(|name| source.has(name));
    let low_rank =
        has(piecewise_linear::DECAY) && has(piecewise_linear::TO_LATENT) && has(piecewise_linear::FROM_LATENT);
    low_rank.then_some(Family::PiecewiseLinear(piecewise_linear::Family::LowRank))
}
