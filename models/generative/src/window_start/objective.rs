//! What descent minimises, with its gradient.

use super::chains::Rein;
use super::counts::Windows;
use super::likelihood::Likelihood;
use super::model::QuadraticModel;
use super::number::Number;

/// Beyond this `|z|²` for each latent dimension a state is being lost.
const SAFE_SQUARED_LENGTH: f64 = 8.0 / 3.0;
const ESCAPE_PENALTY: f64 = 1e-4;
const QUADRATIC_PENALTY: f64 = 1e-6;

pub(super) struct Evaluation<R> {
    pub loss: f64,
    /// In the order of the model's parameters.
    pub gradient: Vec<f64>,
    /// Where the trajectories of a window's length end: `[M, K]`.
    pub end: Vec<R>,
}

impl<R: Number> QuadraticModel<R> {
    /// `−gain + 1e-4 ⟨relu(|z|² − 8 M / 3)²⟩ + 1e-6 |Q|²` along the trajectories from `start: [M, K]`, which weigh `weights: [K]`.
    ///
    /// The penalties say nothing of a model that fits; without the first, some starts are thrown at the clip and stay there.
    pub fn evaluate(&self, start: &[R], weights: &[R], windows: &Windows<R>, rein: Rein) -> Evaluation<R> {
        let (states, end) = self.run(start, windows.length);
        let log_rates = self.log_rates(&states);
        let (gain, mut by_rates) = Likelihood { windows, log_rates: &log_rates, weights }.gradient();
        by_rates.iter_mut().for_each(|by| *by = -*by);
        let n_chains = states.n_chains;
        let safe = SAFE_SQUARED_LENGTH * self.shape.latent_dim as f64;
        let each = R::of(4.0 * ESCAPE_PENALTY / (states.n_times() * n_chains) as f64);
        let mut escape = 0.0;
        let mut by_states = Vec::with_capacity(states.values.len());
        let mut beyond = vec![R::default(); n_chains];
        for time in 0..states.n_times() {
            let z = states.at(time);
            beyond.fill(R::of(-safe));
            for row in z.chunks_exact(n_chains) {
                beyond.iter_mut().zip(row).for_each(|(beyond, &z)| *beyond += z * z);
            }
            for beyond in &mut beyond {
                *beyond = beyond.larger(R::default());
                escape += (*beyond * *beyond).double();
            }
            for row in z.chunks_exact(n_chains) {
                by_states.extend(row.iter().zip(&beyond).map(|(&z, &beyond)| each * beyond * z));
            }
        }
        let mut gradient = self.gradient(&states, &by_rates, by_states, rein);
        let quadratic = self.shape.parts()[1].clone();
        let mut squares = 0.0;
        for at in quadratic {
            let q = self.values[at].double();
            squares += q * q;
            gradient[at] += 2.0 * QUADRATIC_PENALTY * q;
        }
        let escape = ESCAPE_PENALTY * escape / (states.n_times() * n_chains) as f64;
        Evaluation { loss: escape + QUADRATIC_PENALTY * squares - gain, gradient, end }
    }
}
