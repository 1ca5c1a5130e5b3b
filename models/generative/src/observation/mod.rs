//! From latent states to observations: `p(x | z)`.

pub(crate) mod elementary;
mod family;
mod frozen;
mod gamma;
mod gaussian;
mod haemodynamic;
mod likelihood;
mod negative_binomial;
mod poisson;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod tests;
mod zero_inflated_poisson;

use candle_core::{D, DType, Device, Result, Tensor, Var, bail};
use nalgebra::DMatrix;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::missing::{is_whole, mean_of_seen, seen};
use crate::random::normal_tensor;
use crate::times_matrix::times_matrix;
use family::Family;
pub(crate) use family::LOG_RATE_RANGE;
pub use frozen::FrozenObservation;
use haemodynamic::{canonical_response, convolve};
use likelihood::log_likelihood;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    /// `x ~ N(B (h ∗ z) + b, diag σ²)`: states seen through the canonical haemodynamic response `h`, one state for
    /// each volume.
    Bold { tr_secs: f64 },
}

impl ObservationKind {
    pub(crate) fn family(self) -> &'static dyn Family {
        match self {
            ObservationKind::Gaussian | ObservationKind::Bold { .. } => &gaussian::Gaussian,
            ObservationKind::Poisson => &poisson::Poisson,
            ObservationKind::NegativeBinomial => &negative_binomial::NegativeBinomial,
            ObservationKind::ZeroInflatedPoisson => &zero_inflated_poisson::ZeroInflatedPoisson,
        }
    }

    /// How a state shows in the samples from its own on: `[1]` where a sample depends on its own state alone.
    pub fn response(self) -> Vec<f64> {
        match self {
            ObservationKind::Bold { tr_secs } => canonical_response(tr_secs),
            _ => vec![1.0],
        }
    }

    /// Earlier states on which a sample depends.
    pub fn memory(self) -> usize {
        self.response().len() - 1
    }

    /// Whether it speaks of whole counts, whose log rate is linear in the state.
    pub fn is_counts(self) -> bool {
        match self {
            ObservationKind::Gaussian | ObservationKind::Bold { .. } => false,
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
            ObservationKind::Bold { .. } => "BOLD",
        })
    }
}

/// `B: [D, M]`, `b: [D]`, the family's auxiliary parameter `θ: [D]` where it has one, and the weights `J: [D, R]` of
/// nuisance regressors `r` where there are any: the linear predictor is `B z + J r + b`.
#[derive(Clone, Debug)]
pub struct Observation {
    pub kind: ObservationKind,
    pub weight: Var,
    pub bias: Var,
    pub auxiliary: Option<Var>,
    pub nuisance: Option<Var>,
}

impl Observation {
    /// Signals: `z` starts as the principal components of the standardised data, `y: [T, D]`, each
    /// with unit variance. Counts: every unit starts at its mean rate, with small random loadings. Missing samples
    /// are NaN; nuisance weights start at zero.
    pub fn init(
        rng: &mut impl Rng,
        kind: ObservationKind,
        training: &DMatrix<f64>,
        latent_dim: usize,
        n_nuisance: usize,
    ) -> Result<Self> {
        let observed_dim = training.ncols();
        let mean = training.column_iter().map(mean_of_seen);
        let (weight, bias): (Tensor, Vec<f32>) = if kind.is_counts() {
            (normal_tensor(rng, &[observed_dim, latent_dim], 0.2)?, mean.map(|m| m.max(1e-4).ln() as f32).collect())
        } else {
            (principal_loadings(rng, training, latent_dim)?, mean.map(|m| m as f32).collect())
        };
        let auxiliary = match kind.family().auxiliary() {
            None => None,
            Some(auxiliary) => Some(Var::from_tensor(&Tensor::full(auxiliary.start, observed_dim, &Device::Cpu)?)?),
        };
        let nuisance = match n_nuisance {
            0 => None,
            n => Some(Var::zeros((observed_dim, n), DType::F32, &Device::Cpu)?),
        };
        let bias = Var::from_vec(bias, observed_dim, &Device::Cpu)?;
        Ok(Self { kind, weight: Var::from_tensor(&weight)?, bias, auxiliary, nuisance })
    }

    /// Sets `B` and `b` by least squares: `y: [T, D]` seen from `states: [T, M]`, where both are known.
    pub(crate) fn fit(&self, states: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<()> {
        let is_known = |t: &usize| is_whole(states.row(*t)) && is_whole(y.row(*t));
        let known: Vec<usize> = (0..states.nrows()).filter(is_known).collect();
        let design = states.select_rows(&known).insert_column(states.ncols(), 1.0);
        let ridge = 1e-9 * known.len() as f64;
        let gram = design.tr_mul(&design) + DMatrix::from_diagonal_element(design.ncols(), design.ncols(), ridge);
        let Some(factors) = gram.cholesky() else { return Ok(()) };
        let solved = factors.solve(&design.tr_mul(&y.select_rows(&known)));
        let (d, m) = (y.ncols(), states.ncols());
        let values = |rows: std::ops::Range<usize>| {
            let entries = (0..d).flat_map(move |i| rows.clone().map(move |j| (i, j)));
            entries.map(|(i, j)| solved[(j, i)] as f32).collect::<Vec<f32>>()
        };
        self.weight.set(&Tensor::from_vec(values(0..m), (d, m), &Device::Cpu)?)?;
        self.bias.set(&Tensor::from_vec(values(m..m + 1), d, &Device::Cpu)?)
    }

    /// Sets `B: [D, M]`, row-major, and `b: [D]`.
    pub(crate) fn set(&self, weight: Vec<f32>, bias: Vec<f32>) -> Result<()> {
        self.weight.set(&Tensor::from_vec(weight, self.weight.shape(), &Device::Cpu)?)?;
        self.bias.set(&Tensor::from_vec(bias, self.bias.shape(), &Device::Cpu)?)
    }

    /// `x: [batch, time, D]`, `z: [batch, memory + time, M]`, `r: [batch, time, R]` → `[batch, time]`, in nats.
    ///
    /// A sample that is NaN is missing: it has no part in the sum over channels, and no gradient. The first `memory`
    /// states are the past of the first sample, for observations that have one.
    pub fn log_prob(&self, x: &Tensor, z: &Tensor, nuisance: Option<&Tensor>) -> Result<Tensor> {
        let response = self.kind.response();
        let seen = match response.len() {
            1 => z.clone(),
            _ => convolve(z, &response.iter().map(|&h| h as f32).collect::<Vec<_>>())?,
        };
        let features = match (nuisance, &self.nuisance) {
            (Some(nuisance), Some(_)) => Tensor::cat(&[&seen, nuisance], D::Minus1)?,
            (None, None) => seen,
            (given, learned) => bail!(
                "need {} nuisance regressors, found {}",
                learned.as_ref().map_or(Ok(0), |var| var.dim(1))?,
                given.map_or(Ok(0), |given| given.dim(D::Minus1))?
            ),
        };
        log_likelihood(self.kind.family(), x, &features, &self.packed()?)
    }

    /// `J r`, where there are nuisance regressors `r: [batch, time, R]`.
    pub(crate) fn nuisance_part(&self, nuisance: Option<&Tensor>) -> Result<Option<Tensor>> {
        match (nuisance, &self.nuisance) {
            (Some(nuisance), Some(weight)) => Ok(Some(times_matrix(&nuisance.contiguous()?, &weight.t()?)?)),
            _ => Ok(None),
        }
    }

    /// All parameters in one row, differentiable: the weights of a channel, of states and nuisance, side by side.
    fn packed(&self) -> Result<Tensor> {
        let weight = match &self.nuisance {
            None => self.weight.as_tensor().clone(),
            Some(nuisance) => Tensor::cat(&[self.weight.as_tensor(), nuisance.as_tensor()], 1)?,
        };
        let mut flat = vec![weight.flatten_all()?, self.bias.as_tensor().clone()];
        flat.extend(self.auxiliary.as_ref().map(|var| var.as_tensor().clone()));
        Tensor::cat(&flat, 0)
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        let mut named = vec![("B", &self.weight), ("b", &self.bias)];
        named.extend(self.auxiliary.as_ref().zip(self.kind.family().auxiliary()).map(|(var, is)| (is.name, var)));
        named.extend(self.nuisance.as_ref().map(|var| ("J", var)));
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
            nuisance: match &self.nuisance {
                None => DMatrix::zeros(rows, 0),
                Some(nuisance) => DMatrix::from_row_slice(rows, nuisance.dim(1)?, &values(nuisance)?),
            },
            response: self.kind.response(),
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
        let std = nalgebra::DVector::from_vec(seen(scores.column(component))).variance().sqrt();
        for (channel, row) in weight.iter_mut().enumerate() {
            row[component] += (principal.axes[(channel, component)] * std / principal.scale) as f32;
        }
    }
    Tensor::from_vec(weight.concat(), (observed_dim, latent_dim), &Device::Cpu)
}
