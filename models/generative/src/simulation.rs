//! Running a learned model in f64, freely or from a given state.

use nalgebra::{Cholesky, DMatrix, DVector};
use nullcline_dynamics::{Map, PiecewiseLinearMap};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::Series;
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

/// What acts on a simulation from outside.
#[derive(Clone, Copy, Debug)]
pub enum Surroundings<'a> {
    /// Neither inputs nor nuisance.
    Silent,
    /// What was recorded from sample `first` on.
    Recorded { series: &'a Series, first: usize },
}

impl<'a> Surroundings<'a> {
    /// What drives the state from step `t` to the next.
    fn input_at(self, t: usize) -> &'a [f32] {
        match self {
            Surroundings::Silent => &[],
            Surroundings::Recorded { series, first } => series.input_at(first + t),
        }
    }

    fn nuisance_at(self, t: usize) -> &'a [f32] {
        match self {
            Surroundings::Silent => &[],
            Surroundings::Recorded { series, first } => series.nuisance_at(first + t),
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

    /// `n_times` states, the first being the last row of `past: [≥ 1, M]`; the rows before it are earlier states, of
    /// which only the observation knows. Recorded inputs drive the step from their own sample to the next, and process
    /// noise too where the model uses it. `None` when the trajectory diverges.
    pub fn simulate(
        &self,
        rng: &mut impl Rng,
        past: &[&[f64]],
        n_times: usize,
        around: Surroundings<'_>,
    ) -> Option<Simulation> {
        let mut states: Vec<Vec<f64>> = past.iter().map(|state| state.to_vec()).collect();
        let mut z = states.pop()?;
        let (m, memory, n_past) = (z.len(), self.observation.memory(), states.len());
        let mut scratch = Vec::new();
        let mut observed = Vec::with_capacity(n_times * self.observation.n_channels());
        for t in 0..n_times {
            if z.iter().any(|value| value.is_nan() || value.abs() > DIVERGENCE_BOUND) {
                return None;
            }
            states.push(z.clone());
            let recent: Vec<&[f64]> =
                states[states.len().saturating_sub(memory + 1)..].iter().map(Vec::as_slice).collect();
            observed.extend(self.observation.mean(&recent, around.nuisance_at(t)));
            if t + 1 < n_times {
                self.step(&mut z, around.input_at(t), &mut scratch);
                self.noise.add(rng, &mut z);
            }
        }
        Some(Simulation {
            latent: DMatrix::from_row_slice(n_times, m, &states[n_past..].concat()),
            observed: DMatrix::from_row_slice(n_times, self.observation.n_channels(), &observed),
        })
    }

    /// `n_steps` ahead of the last of `past`, without noise: the expected observation.
    pub fn predict(&self, past: &[&[f64]], n_steps: usize, around: Surroundings<'_>) -> Vec<f64> {
        let memory = self.observation.memory();
        let mut z = past.last().map_or_else(Vec::new, |state| state.to_vec());
        let mut scratch = Vec::new();
        let mut ahead = Vec::with_capacity(n_steps);
        for t in 0..n_steps {
            self.step(&mut z, around.input_at(t), &mut scratch);
            ahead.push(z.clone());
        }
        let states: Vec<&[f64]> = past.iter().copied().chain(ahead.iter().map(Vec::as_slice)).collect();
        let recent = &states[states.len().saturating_sub(memory + 1)..];
        self.observation.mean(recent, around.nuisance_at(n_steps))
    }
}
