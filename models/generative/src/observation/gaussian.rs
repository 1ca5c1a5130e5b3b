//! Gaussian observations.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::family::{Auxiliary, Channel, Family};

/// `x ~ N(η, σ²)`, `θ = ln σ`: continuous signals.
pub struct Gaussian;

/// Below this the likelihood of a channel that is fitted exactly would grow without bound.
const MIN_LOG_STD: f32 = -4.0;

impl Family for Gaussian {
    fn auxiliary(&self) -> Option<Auxiliary> {
        Some(Auxiliary { name: "log_std", start: -0.5 })
    }

    /// `ln p = −½ u² − ln σ − ½ ln 2π` with `u = (x − η) / σ`; slopes `u / σ` and `u² − 1`.
    fn evaluate(&self, channel: Channel<'_>) {
        let Channel { x, theta, predictor, by_theta, log_prob } = channel;
        let log_std = theta.max(MIN_LOG_STD);
        let free = f32::from(theta > MIN_LOG_STD);
        let precision = (-log_std).exp();
        let constant = -log_std - (0.5 * TAU.ln()) as f32;
        for (((x, eta), by_theta), total) in x.iter().zip(predictor).zip(by_theta).zip(log_prob) {
            let seen = !x.is_nan();
            let u = if seen { (x - *eta) * precision } else { 0.0 };
            *total += if seen { constant - 0.5 * u * u } else { 0.0 };
            *eta = u * precision;
            *by_theta = if seen { free * (u * u - 1.0) } else { 0.0 };
        }
    }

    fn log_prob(&self, x: f64, eta: f64, theta: f64) -> f64 {
        let log_std = theta.max(f64::from(MIN_LOG_STD));
        let u = (x - eta) * (-log_std).exp();
        -0.5 * u * u - log_std - 0.5 * TAU.ln()
    }

    fn mean(&self, eta: f64, _theta: f64) -> f64 {
        eta
    }

    fn predictor(&self, mean: f64, _theta: f64) -> f64 {
        mean
    }

    fn draw(&self, rng: &mut dyn Rng, mean: f64, theta: f64) -> f64 {
        mean + theta.max(f64::from(MIN_LOG_STD)).exp() * rng.sample::<f64, _>(StandardNormal)
    }
}
