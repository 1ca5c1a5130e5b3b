//! The learned tensors of a latent map, whatever its family.

use candle_core::{DType, Device, Result, Tensor, Var};
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::LatentFamily;
use super::family::{Family, with_family};
use crate::random::uniform_tensor;

/// M latent dimensions, H hidden units (relu units of an ALRNN), K external inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatentShape {
    pub latent_dim: usize,
    pub hidden_dim: usize,
    pub input_dim: usize,
}

/// `A: [M]`, a bias `[M]`, the tensors of the family, and `C: [M, K]` where there are inputs.
#[derive(Clone, Debug)]
pub struct LatentParameters {
    pub family: LatentFamily,
    pub shape: LatentShape,
    /// In the order in which [`rollout`](super::rollout) packs them; `C` is absent without inputs, since candle
    /// has no empty tensors to differentiate.
    tensors: Vec<(&'static str, Var)>,
}

impl LatentParameters {
    /// A contracting start: `A` in [0.5, 0.9], no bias, small random weights.
    pub fn init(rng: &mut impl Rng, family: LatentFamily, shape: LatentShape) -> Result<Self> {
        let LatentShape { latent_dim: m, input_dim: k, .. } = shape;
        let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu);
        let a = uniform_tensor(rng, &[m], 0.5, 0.9)?;
        let mut tensors = with_family!(family, F => {
            let names = F::tensors(shape).into_iter().map(|(name, _)| name);
            let weights = names.zip(F::init(rng, shape)?);
            [("A", a), (F::BIAS, zeros(&[m])?)].into_iter().chain(weights).collect::<Vec<_>>()
        });
        if k > 0 {
            // Zero: an input that never occurs in training has no gradient, and so no effect ever.
            tensors.push(("C", zeros(&[m, k])?));
        }
        let tensors =
            tensors.into_iter().map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?))).collect::<Result<_>>()?;
        Ok(Self { family, shape, tensors })
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        self.tensors.iter().map(|(name, var)| (*name, var)).collect()
    }

    /// Sets the tensor called `name` from its values, row-major.
    pub(crate) fn set(&self, name: &str, values: &[f64]) -> Result<()> {
        match self.tensors.iter().find(|(other, _)| *other == name) {
            Some((_, var)) => {
                let values = values.iter().map(|&value| value as f32).collect();
                var.set(&Tensor::from_vec(values, var.shape(), var.device())?)
            }
            None => candle_core::bail!("need a tensor {name:?} of {}, found none", self.family),
        }
    }

    /// Numbers that are learned: a diagonal that stays zero does not count.
    pub fn n_parameters(&self) -> usize {
        let LatentShape { latent_dim: m, input_dim: k, .. } = self.shape;
        2 * m + with_family!(self.family, F => F::n_weights(self.shape)) + m * k
    }

    /// All parameters in one row, differentiable.
    pub(super) fn packed(&self) -> Result<Tensor> {
        let flat: Vec<Tensor> =
            self.tensors.iter().map(|(_, var)| var.as_tensor().flatten_all()).collect::<Result<_>>()?;
        Tensor::cat(&flat, 0)
    }

    /// The same map in f64, without input, for `dynamics`.
    pub fn freeze(&self) -> Result<std::result::Result<PiecewiseLinearMap, MapError>> {
        let LatentShape { latent_dim: m, input_dim: k, .. } = self.shape;
        let packed = self.packed()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let weights = &packed[2 * m..packed.len() - m * k];
        Ok(with_family!(self.family, F => F::freeze(self.shape, &packed[..m], &packed[m..2 * m], weights)))
    }

    /// `C: [M, K]` in f64, row-major; empty without inputs.
    pub fn input_weights(&self) -> Result<Vec<f64>> {
        match self.tensors.last() {
            Some(("C", c)) => c.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>(),
            _ => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
impl LatentParameters {
    /// The same parameters in another number type, with input weights that are not zero.
    pub(super) fn for_tests(&self, rng: &mut impl Rng, dtype: DType) -> Self {
        let tensors = self
            .tensors
            .iter()
            .map(|(name, var)| {
                let tensor = match *name {
                    "C" => uniform_tensor(rng, var.dims(), -1.0, 1.0).unwrap(),
                    _ => var.as_tensor().clone(),
                };
                (*name, Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap())
            })
            .collect();
        Self { tensors, ..self.clone() }
    }
}
