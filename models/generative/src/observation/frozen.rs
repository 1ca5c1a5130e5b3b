//! Observation models in f64, for simulations and scores.

use nalgebra::DMatrix;
use rand::Rng;

use super::ObservationKind;

/// An observation model in f64 that no longer learns.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenObservation {
    pub kind: ObservationKind,
    /// `B: [D, M]`.
    pub weight: DMatrix<f64>,
    /// `b: [D]`.
    pub bias: Vec<f64>,
    /// `θ: [D]`: `ln σ`, `ln r`, or the logit of silence; 0 where the family has none.
    pub auxiliary: Vec<f64>,
    /// `J: [D, R]`.
    pub nuisance: DMatrix<f64>,
    /// How a state shows in the samples from its own on.
    pub response: Vec<f64>,
}

impl FrozenObservation {
    pub fn n_channels(&self) -> usize {
        self.bias.len()
    }

    /// Earlier states on which a sample depends.
    pub fn memory(&self) -> usize {
        self.response.len() - 1
    }

    /// `B (h ∗ z) + J r + b: [D]` of the sample that belongs to the last of `states`: the mean, or the log rate.
    ///
    /// Before the first of the states the model counts as at rest there. Regressors that are not given are zero.
    pub fn predictor(&self, states: &[&[f64]], nuisance: &[f32]) -> Vec<f64> {
        let mut seen = vec![0.0; self.weight.ncols()];
        for (k, h) in self.response.iter().enumerate() {
            let state = states[states.len().saturating_sub(k + 1)];
            seen.iter_mut().zip(state).for_each(|(sum, z)| *sum += h * z);
        }
        let channel = |d: usize| {
            let from_states: f64 = seen.iter().enumerate().map(|(m, z)| self.weight[(d, m)] * z).sum();
            let regressors = nuisance.iter().enumerate();
            self.bias[d] + from_states + regressors.map(|(r, &x)| self.nuisance[(d, r)] * f64::from(x)).sum::<f64>()
        };
        (0..self.n_channels()).map(channel).collect()
    }

    /// `E[x | z]: [D]` of the sample that belongs to the last of `states`.
    pub fn mean(&self, states: &[&[f64]], nuisance: &[f32]) -> Vec<f64> {
        let family = self.kind.family();
        let predictor = self.predictor(states, nuisance);
        predictor.iter().zip(&self.auxiliary).map(|(&eta, &theta)| family.mean(eta, theta)).collect()
    }

    /// `ln p(x | z)` in nats, summed over channels; a channel that is NaN is missing.
    pub fn log_prob(&self, x: &[f64], states: &[&[f64]], nuisance: &[f32]) -> f64 {
        let family = self.kind.family();
        let predictor = self.predictor(states, nuisance);
        let terms = x.iter().zip(predictor).zip(&self.auxiliary).filter(|((x, _), _)| !x.is_nan());
        terms.map(|((&x, eta), &theta)| family.log_prob(x, eta, theta)).sum()
    }

    /// Observations `[T, D]` drawn around their expectations.
    pub fn draw(&self, rng: &mut impl Rng, expected: &DMatrix<f64>) -> DMatrix<f64> {
        let family = self.kind.family();
        let mut drawn = expected.clone();
        for mut row in drawn.row_iter_mut() {
            for (value, &theta) in row.iter_mut().zip(&self.auxiliary) {
                *value = family.draw(rng, *value, theta);
            }
        }
        drawn
    }

    /// `E[f(x)]` of a count in `channel` whose mean is `mean`: a sum over the distribution, as far as it has mass.
    pub fn expectation(&self, channel: usize, mean: f64, f: impl Fn(f64) -> f64) -> f64 {
        // Beyond this mean the distribution is narrow beside it, and the sum grows long.
        const SUMMED_BELOW: f64 = 200.0;
        // What lies beyond moves the result by less than single precision shows.
        const MASS_LEFT: f64 = 1e-11;
        if mean.is_nan() || mean > SUMMED_BELOW {
            return f(mean);
        }
        let (family, theta) = (self.kind.family(), self.auxiliary[channel]);
        let eta = family.predictor(mean, theta);
        let (mut mass, mut expected) = (0.0, 0.0);
        for count in (0..MOST_COUNTS).map(f64::from) {
            let p = family.log_prob(count, eta, theta).exp();
            mass += p;
            expected += p * f(count);
            if mass >= 1.0 - MASS_LEFT {
                break;
            }
        }
        expected / mass
    }
}

/// A heavy tail ends here.
const MOST_COUNTS: u32 = 20_000;
