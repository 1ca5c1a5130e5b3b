//! From latent states to observations: `p(x | z)`.

mod elementary;
mod family;
mod frozen;
mod gamma;
mod gaussian;
mod likelihood;
mod negative_binomial;
mod poisson;
#[cfg(test)]
mod tests;
mod zero_inflated_poisson;

use candle_core::{DType, Device, Result, Tensor, Var};
use nalgebra::DMatrix;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::random::normal_tensor;
use family::Family;
pub use frozen::FrozenObservation;
use likelihood::log_likelihood;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObservationKind {
    /// `x ~ N(B z + b, diag σ²)`.
    Gaussian,
    /// `x ~ Poisson(exp(B z + b))`, counts per bin.
    Poisson,
    /// Counts of the same mean with variance `μ + μ²/r`, `r` for each unit.
    NegativeBinomial,
    /// Poisson counts of units that are silent with probability `π`, whatever the state; `π` for each unit.
    ZeroInflatedPoisson,
}

impl ObservationKind {
    pub(crate) fn family(self) -> &'static dyn Family {
        match self {
            ObservationKind::Gaussian => &gaussian::Gaussian,
            ObservationKind::Poisson => &poisson::Poisson,
            ObservationKind::NegativeBinomial => &negative_binomial::NegativeBinomial,
            ObservationKind::ZeroInflatedPoisson => &zero_inflated_poisson::ZeroInflatedPoisson,
        }
    }

    /// Whether it speaks of whole counts, whose log rate is linear in the state.
    pub fn is_counts(self) -> bool {
        match self {
            ObservationKind::Gaussian => false,
            ObservationKind::Poisson | ObservationKind::NegativeBinomial | ObservationKind::ZeroInflatedPoisson => true,
        }
    }
}

impl std::fmt::Display for ObservationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ObservationKind::Gaussian => "Gaussian",
            ObservationKind::Poisson => "Poisson",
            ObservationKind::NegativeBinomial => "negative binomial",
            ObservationKind::ZeroInflatedPoisson => "zero-inflated Poisson",
        })
    }
}

/// `B: [D, M]`, `b: [D]`, and the family's auxiliary parameter `θ: [D]` where it has one.
#[derive(Clone, Debug)]
pub struct Observation {
    pub kind: ObservationKind,
    pub weight: Var,
    pub bias: Var,
    pub auxiliary: Option<Var>,
}

impl Observation {
    /// Gaussian: `z` starts as the principal components of the standardised data, `y: [T, D]`, each
    /// with unit variance. Counts: every unit starts at its mean rate, with small random loadings.
    pub fn init(rng: &mut impl Rng, kind: ObservationKind, training: &DMatrix<f64>, latent_dim: usize) -> Result<Self> {
        let observed_dim = training.ncols();
        let mean = training.column_iter().map(|column| column.mean());
        let (weight, bias): (Tensor, Vec<f32>) = if kind.is_counts() {
            (normal_tensor(rng, &[observed_dim, latent_dim], 0.2)?, mean.map(|m| m.max(1e-4).ln() as f32).collect())
        } else {
            (principal_loadings(rng, training, latent_dim)?, mean.map(|m| m as f32).collect())
        };
        let auxiliary = match kind.family().auxiliary() {
            None => None,
            Some(auxiliary) => Some(Var::from_tensor(&Tensor::full(auxiliary.start, observed_dim, &Device::Cpu)?)?),
        };
        let bias = Var::from_vec(bias, observed_dim, &Device::Cpu)?;
        Ok(Self { kind, weight: Var::from_tensor(&weight)?, bias, auxiliary })
    }

    /// `x: [batch, time, D]`, `z: [batch, time, M]` → `[batch, time]`, in nats.
    ///
    /// A sample that is NaN is missing: it has no part in the sum over channels, and no gradient.
    pub fn log_prob(&self, x: &Tensor, z: &Tensor) -> Result<Tensor> {
        log_likelihood(self.kind.family(), x, z, &self.packed()?)
    }

    /// All parameters in one row, differentiable.
    fn packed(&self) -> Result<Tensor> {
        let flat: Vec<Tensor> =
            self.named().into_iter().map(|(_, var)| var.as_tensor().flatten_all()).collect::<Result<_>>()?;
        Tensor::cat(&flat, 0)
    }

    /// The variables by name, in the order in which they are packed.
    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        let mut named = vec![("B", &self.weight), ("b", &self.bias)];
        named.extend(self.auxiliary.as_ref().zip(self.kind.family().auxiliary()).map(|(var, is)| (is.name, var)));
        named
    }

    /// The same in f64, no longer learning.
    pub fn freeze(&self) -> Result<FrozenObservation> {
        let values = |var: &Var| -> Result<Vec<f64>> { var.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>() };
        let (rows, columns) = self.weight.dims2()?;
        Ok(FrozenObservation {
            kind: self.kind,
            weight: DMatrix::from_row_slice(rows, columns, &values(&self.weight)?),
            bias: values(&self.bias)?,
            auxiliary: self.auxiliary.as_ref().map_or(Ok(vec![0.0; rows]), values)?,
        })
    }
}

/// `[D, M]`: the principal axes of `training: [T, D]`, each as long as its component's standard deviation, and a
/// little noise on what is left.
fn principal_loadings(rng: &mut impl Rng, training: &DMatrix<f64>, latent_dim: usize) -> Result<Tensor> {
    let observed_dim = training.ncols();
    let rows: Vec<f32> = training.transpose().iter().map(|&v| v as f32).collect();
    let principal = crate::Projection::principal(&rows, observed_dim, latent_dim);
    let scores = principal.apply(&rows);
    let mut weight = normal_tensor(rng, &[observed_dim, latent_dim], 0.01)?.to_vec2::<f32>()?;
    for component in 0..principal.n_components() {
        let std = scores.column(component).variance().sqrt();
        for (channel, row) in weight.iter_mut().enumerate() {
            row[component] += (principal.axes[(channel, component)] * std / principal.scale) as f32;
        }
    }
    Tensor::from_vec(weight.concat(), (observed_dim, latent_dim), &Device::Cpu)
}
