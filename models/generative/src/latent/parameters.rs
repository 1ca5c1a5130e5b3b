use candle_core::{DType, Device, Result, Tensor, Var};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::random::uniform_tensor;

/// Which map the latent state follows.
///
/// - `shPLRNN`: `z' = A z + W₁ relu(W₂ z + h₂) + h₁ + C s`
/// - `clippedShPLRNN`: `z' = A z + W₁ [relu(W₂ z + h₂) − relu(W₂ z)] + h₁ + C s`, bounded when max|A| < 1
///
/// Source: Hess et al. (2023), ICML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LatentFamily {
    #[serde(rename = "shPLRNN")]
    Shallow,
    #[serde(rename = "clippedShPLRNN")]
    ClippedShallow,
}

impl std::fmt::Display for LatentFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LatentFamily::Shallow => "shPLRNN",
            LatentFamily::ClippedShallow => "clippedShPLRNN",
        })
    }
}

/// M latent dimensions, H hidden units, K external inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatentShape {
    pub latent_dim: usize,
    pub hidden_dim: usize,
    pub input_dim: usize,
}

/// `A: [M]`, `W₁: [M, H]`, `W₂: [H, M]`, `h₁: [M]`, `h₂: [H]`, `C: [M, K]`.
#[derive(Clone, Debug)]
pub struct LatentParameters {
    pub family: LatentFamily,
    pub shape: LatentShape,
    pub a: Var,
    pub w1: Var,
    pub w2: Var,
    pub h1: Var,
    pub h2: Var,
    /// Absent when there is no input: candle has no empty tensors to differentiate.
    pub c: Option<Var>,
}

impl LatentParameters {
    /// A contracting start: `A` in [0.5, 0.9], small random weights, zero bias `h₁`, and the kinks of
    /// the hidden units spread over the unit ball, where the standardised latent states lie.
    pub fn init(rng: &mut impl Rng, family: LatentFamily, shape: LatentShape) -> Result<Self> {
        let LatentShape { latent_dim: m, hidden_dim: h, input_dim: k } = shape;
        let w1_bound = (1.0 / h as f64).sqrt();
        let w2_bound = (1.0 / m as f64).sqrt();
        let c = match k {
            0 => None,
            // Zero: an input that never occurs in training has no gradient, and so no effect ever.
            _ => Some(Var::zeros(&[m, k], DType::F32, &Device::Cpu)?),
        };
        Ok(Self {
            family,
            shape,
            a: Var::from_tensor(&uniform_tensor(rng, &[m], 0.5, 0.9)?)?,
            w1: Var::from_tensor(&uniform_tensor(rng, &[m, h], -w1_bound, w1_bound)?)?,
            w2: Var::from_tensor(&uniform_tensor(rng, &[h, m], -w2_bound, w2_bound)?)?,
            h1: Var::zeros(&[m], DType::F32, &Device::Cpu)?,
            h2: Var::from_tensor(&uniform_tensor(rng, &[h], -1.0, 1.0)?)?,
            c,
        })
    }

    /// The variables by name, in the order in which [`rollout`](super::rollout) packs them.
    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        let mut named = vec![("A", &self.a), ("W1", &self.w1), ("W2", &self.w2), ("h1", &self.h1), ("h2", &self.h2)];
        named.extend(self.c.as_ref().map(|c| ("C", c)));
        named
    }

    /// All parameters in one row, differentiable.
    pub(super) fn packed(&self) -> Result<Tensor> {
        let flat: Vec<Tensor> =
            self.named().into_iter().map(|(_, var)| var.as_tensor().flatten_all()).collect::<Result<_>>()?;
        Tensor::cat(&flat, 0)
    }

    /// The same map in f64, without input, for `dynamics`.
    pub fn freeze(&self) -> Result<std::result::Result<PiecewiseLinearMap, MapError>> {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = self.shape;
        let vector = |var: &Var| -> Result<Vec<f64>> { var.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>() };
        let a = vector(&self.a)?;
        let w1 = DMatrix::from_row_slice(m, h, &vector(&self.w1)?);
        let w2 = DMatrix::from_row_slice(h, m, &vector(&self.w2)?);
        let (h1, h2) = (vector(&self.h1)?, vector(&self.h2)?);
        Ok(match self.family {
            LatentFamily::Shallow => PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2),
            LatentFamily::ClippedShallow => PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2),
        })
    }

    /// `C: [M, K]` in f64, row-major; empty without inputs.
    pub fn input_weights(&self) -> Result<Vec<f64>> {
        match &self.c {
            None => Ok(Vec::new()),
            Some(c) => c.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>(),
        }
    }
}
