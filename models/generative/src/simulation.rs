//! Running a learned model in f64, freely or from a given state.

use nalgebra::{Cholesky, DMatrix, DVector};
use nullcline_dynamics::{Map, PiecewiseLinearMap};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::observation::FrozenObservation;

/// A generative model that no longer learns.
#[derive(Clone, Debug)]
pub struct FrozenModel {
    /// The latent map without input.
    pub map: PiecewiseLinearMap,
    /// `C: [M, K]`.
    pub input_weights: DMatrix<f64>,
    pub observation: FrozenObservation,
    pub noise: ProcessNoise,
}

/// `z_{t+1} = F(z_t, s_t) + L ε`, `ε ~ N(0, I)`: what drives the latent state beside its own dynamics.
///
/// A recording at rest is largely driven by what the model does not see; without this noise its best
/// model would fall silent. Whether a free simulation uses it is decided on the training part
/// ([`validate`](crate::training::validate)).
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessNoise {
    /// Lower triangular `L: [M, M]`.
    pub cholesky: DMatrix<f64>,
    /// Whether free simulations draw it.
    pub used: bool,
}

impl ProcessNoise {
    pub fn none(latent_dim: usize) -> Self {
        Self { cholesky: DMatrix::zeros(latent_dim, latent_dim), used: false }
    }

    /// Maximum-likelihood noise of one-step residuals `[T, M]`; none when they are not finite.
    pub fn of_residuals(residuals: &DMatrix<f64>) -> Self {
        let m = residuals.ncols();
        let mut covariance = residuals.tr_mul(residuals) / residuals.nrows().max(1) as f64;
        let ridge = (1e-9 * covariance.trace() / m as f64).max(f64::MIN_POSITIVE.sqrt());
        covariance += DMatrix::from_diagonal_element(m, m, ridge);
        match Cholesky::new(covariance) {
            Some(factor) => Self { cholesky: factor.unpack(), used: true },
            None => Self::none(m),
        }
    }

    fn add(&self, rng: &mut impl Rng, z: &mut [f64]) {
        if self.used {
            let draws = DVector::from_fn(z.len(), |_, _| rng.sample(StandardNormal));
            for (z, kick) in z.iter_mut().zip((&self.cholesky * draws).iter()) {
                *z += kick;
            }
        }
    }
}

/// A trajectory and what is expected to be observed along it.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// `[T, M]`.
    pub latent: DMatrix<f64>,
    /// Means or expected counts, `[T, D]`.
    pub observed: DMatrix<f64>,
}

/// A state this far from the origin, in units of the encoded data's spread, will not come back.
const DIVERGENCE_BOUND: f64 = 1e6;

impl FrozenModel {
    pub fn latent_dim(&self) -> usize {
        self.map.dim()
    }

    /// `F(z, s)`, in place.
    pub fn step(&self, z: &mut Vec<f64>, input: &[f32], scratch: &mut Vec<f64>) {
        scratch.resize(z.len(), 0.0);
        self.map.step(z, scratch);
        for (i, next) in scratch.iter_mut().enumerate() {
            for (k, &s) in input.iter().enumerate() {
                *next += self.input_weights[(i, k)] * f64::from(s);
            }
        }
        std::mem::swap(z, scratch);
    }

    /// `n_times` states from `start` on, the first being `start` itself; `input_at(t)` drives the step
    /// from `t` to `t + 1`, and process noise too where the model uses it. `None` when the trajectory diverges.
    pub fn simulate<'a>(
        &self,
        rng: &mut impl Rng,
        start: &[f64],
        n_times: usize,
        input_at: impl Fn(usize) -> &'a [f32],
    ) -> Option<Simulation> {
        let mut z = start.to_vec();
        let mut scratch = Vec::new();
        let mut latent = Vec::with_capacity(n_times * z.len());
        let mut observed = Vec::with_capacity(n_times * self.observation.n_channels());
        for t in 0..n_times {
            if z.iter().any(|value| value.is_nan() || value.abs() > DIVERGENCE_BOUND) {
                return None;
            }
            latent.extend_from_slice(&z);
            observed.extend(self.observation.mean(&z));
            if t + 1 < n_times {
                self.step(&mut z, input_at(t), &mut scratch);
                self.noise.add(rng, &mut z);
            }
        }
        Some(Simulation {
            latent: DMatrix::from_row_slice(n_times, start.len(), &latent),
            observed: DMatrix::from_row_slice(n_times, self.observation.n_channels(), &observed),
        })
    }
}
