//! Running a learned model in f64, freely or from a given state.

use nalgebra::DMatrix;
use nullcline_dynamics::{Map, PiecewiseLinearMap};

use crate::observation::{ObservationKind, rate};

/// A generative model that no longer learns.
#[derive(Clone, Debug)]
pub struct FrozenModel {
    /// The latent map without input.
    pub map: PiecewiseLinearMap,
    /// `C: [M, K]`.
    pub input_weights: DMatrix<f64>,
    pub observation: ObservationKind,
    /// `B: [D, M]`.
    pub weight: DMatrix<f64>,
    /// `b: [D]`.
    pub bias: Vec<f64>,
}

/// A trajectory and what it would look like, noise-free.
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

    /// Expected observation at `z`: `[D]`.
    pub fn observe(&self, z: &[f64]) -> Vec<f64> {
        (0..self.weight.nrows())
            .map(|channel| {
                let linear = z.iter().enumerate().fold(self.bias[channel], |sum, (i, z)| {
                    sum + self.weight[(channel, i)] * z
                });
                match self.observation {
                    ObservationKind::Gaussian => linear,
                    ObservationKind::Poisson => rate(linear),
                }
            })
            .collect()
    }

    /// `n_times` states from `start` on, the first being `start` itself; `input_at(t)` drives the step
    /// from `t` to `t + 1`. `None` when the trajectory diverges.
    pub fn simulate<'a>(
        &self,
        start: &[f64],
        n_times: usize,
        input_at: impl Fn(usize) -> &'a [f32],
    ) -> Option<Simulation> {
        let mut z = start.to_vec();
        let mut scratch = Vec::new();
        let mut latent = Vec::with_capacity(n_times * z.len());
        let mut observed = Vec::with_capacity(n_times * self.bias.len());
        for t in 0..n_times {
            if z.iter().any(|value| value.is_nan() || value.abs() > DIVERGENCE_BOUND) {
                return None;
            }
            latent.extend_from_slice(&z);
            observed.extend(self.observe(&z));
            if t + 1 < n_times {
                self.step(&mut z, input_at(t), &mut scratch);
            }
        }
        Some(Simulation {
            latent: DMatrix::from_row_slice(n_times, start.len(), &latent),
            observed: DMatrix::from_row_slice(n_times, self.bias.len(), &observed),
        })
    }
}
