//! Poisson counts.

use rand::{Rng, RngExt};
use rand_distr::Poisson as Counts;

use super::elementary::exp;
use super::family::{Auxiliary, Channel, Family, LOG_RATE_RANGE, bounded_rate, within};
use super::gamma::ln_factorial;

/// `x ~ Poisson(λ)`, `λ = exp η`: counts per bin.
pub struct Poisson;

impl Family for Poisson {
    fn auxiliary(&self) -> Option<Auxiliary> {
        None
    }

    /// `ln p = x η − λ − ln x!`; slope `x − λ`.
    fn evaluate(&self, channel: Channel<'_>) {
        let Channel { x, predictor, log_prob, .. } = channel;
        let (low, high) = LOG_RATE_RANGE;
        let factorials = LnFactorials::up_to_largest(x);
        for (&x, total) in x.iter().zip(log_prob.iter_mut()) {
            *total -= factorials.of(x);
        }
        for ((x, eta), total) in x.iter().zip(predictor).zip(log_prob) {
            let seen = !x.is_nan();
            let x = if seen { *x } else { 0.0 };
            let bounded = eta.clamp(low, high);
            let rate = exp(bounded);
            *total += if seen { x * bounded - rate } else { 0.0 };
            *eta = if seen && within(*eta) { x - rate } else { 0.0 };
        }
    }

    fn log_prob(&self, x: f64, eta: f64, _theta: f64) -> f64 {
        let rate = bounded_rate(eta);
        x * rate.ln() - rate - ln_factorial(x)
    }

    fn mean(&self, eta: f64, _theta: f64) -> f64 {
        bounded_rate(eta)
    }

    fn predictor(&self, mean: f64, _theta: f64) -> f64 {
        mean.ln()
    }

    fn draw(&self, rng: &mut dyn Rng, mean: f64, _theta: f64) -> f64 {
        draw_count(rng, mean)
    }
}

/// A Poisson count; 0 for a rate of zero, which the distribution does not admit.
pub(super) fn draw_count(rng: &mut dyn Rng, rate: f64) -> f64 {
    Counts::new(rate).map_or(0.0, |poisson| rng.sample(poisson))
}

/// `ln x!` by table for the counts that occur; missing counts have 0.
pub(super) struct LnFactorials {
    table: Vec<f32>,
}

impl LnFactorials {
    /// Beyond this a count is rare enough to be worked out on its own.
    pub(super) const LONGEST_TABLE: usize = 1024;

    pub(super) fn up_to_largest(x: &[f32]) -> Self {
        let mut sum = 0.0f64;
        let terms = (1..=largest_count(x)).map(|n| {
            sum += (n as f64).ln();
            sum as f32
        });
        Self { table: std::iter::once(0.0).chain(terms).collect() }
    }

    #[inline]
    pub(super) fn of(&self, x: f32) -> f32 {
        // A missing count becomes 0 in this cast.
        match self.table.get(x as usize) {
            Some(&value) => value,
            None => ln_factorial(f64::from(x)) as f32,
        }
    }
}

/// The largest count, as far as tables go.
pub(super) fn largest_count(x: &[f32]) -> usize {
    (x.iter().copied().fold(0.0, f32::max) as usize).min(LnFactorials::LONGEST_TABLE)
}
