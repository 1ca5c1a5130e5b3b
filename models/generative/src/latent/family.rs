//! Which map the latent state follows. A family is one file: its tensors, their start, its frozen map, and its
//! nonlinear part forward and backward. Here they are only listed.

use candle_core::{Result, Tensor};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::LatentShape;
use super::engine::Nonlinearity;
use super::linear_start::Imitation;

/// Which map the latent state follows; all have a diagonal `A` and external inputs `C s`.
///
/// - `shPLRNN`: `z' = A z + W₁ relu(W₂ z + h₂) + h₁ + C s`
/// - `clippedShPLRNN`: `z' = A z + W₁ [relu(W₂ z + h₂) − relu(W₂ z)] + h₁ + C s`, bounded when max|A| < 1
/// - `ALRNN`: `z' = A z + W φ(z) + h + C s`, relu on the last P units (`hidden_dim`), the others pass
/// - `PLRNN`: `z' = A z + W relu(z) + h + C s`, `W` without diagonal
///
/// Sources: Hess et al. (2023), ICML; Brenner et al. (2024), NeurIPS (AL-RNN); Koppe et al. (2019), PLoS Comput. Biol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LatentFamily {
    #[serde(rename = "shPLRNN")]
    Shallow,
    #[serde(rename = "clippedShPLRNN")]
    ClippedShallow,
    #[serde(rename = "ALRNN")]
    AlmostLinear,
    #[serde(rename = "PLRNN")]
    PiecewiseLinear,
}

/// Runs `$body` with `$F` as the type of the family.
macro_rules! with_family {
    ($family:expr, $F:ident => $body:expr) => {
        match $family {
            $crate::latent::LatentFamily::Shallow => {
                type $F = $crate::latent::shallow::Shallow;
                $body
            }
            $crate::latent::LatentFamily::ClippedShallow => {
                type $F = $crate::latent::clipped_shallow::ClippedShallow;
                $body
            }
            $crate::latent::LatentFamily::AlmostLinear => {
                type $F = $crate::latent::almost_linear::AlmostLinear;
                $body
            }
            $crate::latent::LatentFamily::PiecewiseLinear => {
                type $F = $crate::latent::piecewise_linear::PiecewiseLinear;
                $body
            }
        }
    };
}
pub(super) use with_family;

/// What a family is beside its arithmetic.
pub(super) trait Family: Nonlinearity {
    const NAME: &'static str;
    /// Name of the bias that stands beside `A z`.
    const BIAS: &'static str;
    /// Name and shape of every tensor beside `A`, the bias and `C`.
    fn tensors(shape: LatentShape) -> Vec<(&'static str, Vec<usize>)>;
    /// Numbers in these tensors that are learned.
    fn n_weights(shape: LatentShape) -> usize {
        Self::tensors(shape).iter().map(|(_, dims)| dims.iter().product::<usize>()).sum()
    }
    /// What is wrong with `shape`, in words.
    fn refuses(_shape: LatentShape) -> Option<String> {
        None
    }
    /// Random tensors to start from, in the order of [`tensors`](Self::tensors).
    fn init(rng: &mut impl Rng, shape: LatentShape) -> Result<Vec<Tensor>>;
    /// Tensors, and a bias, with which `N(z) = excess · z` wherever `states: [n, M]` lie, as far as the hidden units
    /// suffice; units that are left keep their place in `start`, with no effect yet. `None` for a family without units
    /// that can.
    fn imitate(
        _shape: LatentShape,
        _start: &[Tensor],
        _excess: &DMatrix<f64>,
        _states: &DMatrix<f64>,
    ) -> Result<Option<Imitation>> {
        Ok(None)
    }
    /// The map without input; `weights` are the family's tensors, one after the other.
    fn freeze(
        shape: LatentShape,
        a: &[f64],
        bias: &[f64],
        weights: &[f64],
    ) -> std::result::Result<PiecewiseLinearMap, MapError>;
    /// `N(z)` by candle's own operations, `z: [batch, M]`: what the engine is tested against.
    #[cfg(test)]
    fn by_candle(tensors: &[Tensor], shape: LatentShape, z: &Tensor) -> Result<Tensor>;
}

impl LatentFamily {
    pub const ALL: [LatentFamily; 4] = [Self::Shallow, Self::ClippedShallow, Self::AlmostLinear, Self::PiecewiseLinear];

    pub fn name(self) -> &'static str {
        with_family!(self, F => F::NAME)
    }

    /// Whether it is `A z + h₁` and a layer of hidden units.
    pub(crate) fn has_hidden_layer(self) -> bool {
        matches!(self, Self::Shallow | Self::ClippedShallow)
    }

    /// What is wrong with `shape` for this family, in words.
    pub fn refuses(self, shape: LatentShape) -> Option<String> {
        with_family!(self, F => F::refuses(shape))
    }
}

impl std::fmt::Display for LatentFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
