//! Negative binomial counts.

use rand::{Rng, RngExt};
use rand_distr::Gamma;

use super::elementary::{exp, ln_1p};
use super::family::{Auxiliary, Channel, Family, LOG_RATE_RANGE, bounded_rate, within};
use super::gamma::{digamma, ln_factorial, ln_gamma};
use super::poisson::{draw_count, largest_count};

/// `x ~ NB(μ, r)`, `μ = exp η`, `θ = ln r`: counts with variance `μ + μ²/r`, more than Poisson counts have.
///
/// `ln p = ln Γ(x + r) − ln Γ(r) − ln x! + r ln(r / (r + μ)) + x ln(μ / (r + μ))`; Poisson as `r → ∞`.
/// Source: Hilbe (2011), Negative Binomial Regression, ch. 8.
pub struct NegativeBinomial;

/// Beyond these a channel is told neither from Poisson nor from noise of another kind.
const LOG_SIZE_RANGE: (f32, f32) = (-6.0, 10.0);

impl Family for NegativeBinomial {
    fn auxiliary(&self) -> Option<Auxiliary> {
        Some(Auxiliary { name: "log_size", start: 1.0 })
    }

    /// As `ln p = Σ_{j<x} ln(1 + j/r) − ln x! + x η − (r + x) ln(1 + μ/r)`, whose terms stay small for large `r`;
    /// slopes `(x − μ) r / (r + μ)` in `η` and `(r + x) μ / (r + μ) − r ln(1 + μ/r) − Σ_{j<x} j / (r + j)` in `ln r`.
    fn evaluate(&self, channel: Channel<'_>) {
        let Channel { x, theta, predictor, by_theta, log_prob } = channel;
        let (low, high) = LOG_RATE_RANGE;
        let bounded_theta = theta.clamp(LOG_SIZE_RANGE.0, LOG_SIZE_RANGE.1);
        let free = f32::from(bounded_theta == theta);
        let size = f64::from(bounded_theta).exp();
        let rising = Rising::up_to_largest(x, size);
        for ((&x, by_theta), total) in x.iter().zip(by_theta.iter_mut()).zip(log_prob.iter_mut()) {
            let (term, slope) = rising.of(x);
            *total += term;
            *by_theta = -slope;
        }
        let (size, inverse) = (size as f32, size.recip() as f32);
        for (((x, eta), by_theta), total) in x.iter().zip(predictor).zip(by_theta).zip(log_prob) {
            let seen = !x.is_nan();
            let x = if seen { *x } else { 0.0 };
            let bounded = eta.clamp(low, high);
            let mean = exp(bounded);
            let log_ratio = ln_1p(mean * inverse);
            let share = (size + mean).recip();
            let by_size = (size + x) * mean * share - size * log_ratio + *by_theta;
            *total += if seen { x * bounded - (size + x) * log_ratio } else { 0.0 };
            *by_theta = if seen { free * by_size } else { 0.0 };
            *eta = if seen && within(*eta) { (x - mean) * size * share } else { 0.0 };
        }
    }

    fn log_prob(&self, x: f64, eta: f64, theta: f64) -> f64 {
        let (mean, size) = (bounded_rate(eta), bounded_size(theta));
        ln_gamma(x + size) - ln_gamma(size) - ln_factorial(x) - size * (mean / size).ln_1p()
            + x * (mean / (size + mean)).ln()
    }

    fn mean(&self, eta: f64, _theta: f64) -> f64 {
        bounded_rate(eta)
    }

    fn predictor(&self, mean: f64, _theta: f64) -> f64 {
        mean.ln()
    }

    /// A Poisson count whose rate is drawn from a gamma distribution.
    fn draw(&self, rng: &mut dyn Rng, mean: f64, theta: f64) -> f64 {
        let size = bounded_size(theta);
        let rate = Gamma::new(size, mean / size).map_or(0.0, |gamma| rng.sample(gamma));
        draw_count(rng, rate)
    }
}

fn bounded_size(theta: f64) -> f64 {
    theta.clamp(f64::from(LOG_SIZE_RANGE.0), f64::from(LOG_SIZE_RANGE.1)).exp()
}

/// `Σ_{j<x} ln(1 + j/r) − ln x!` and `Σ_{j<x} j / (r + j)`, by table for the counts that occur.
struct Rising {
    size: f64,
    table: Vec<(f32, f32)>,
}

impl Rising {
    fn up_to_largest(x: &[f32], size: f64) -> Self {
        let (mut logs, mut shares) = (0.0f64, 0.0f64);
        let terms = (0..largest_count(x)).map(|j| {
            let j = j as f64;
            logs += (j / size).ln_1p() - (j + 1.0).ln();
            shares += j / (size + j);
            (logs as f32, shares as f32)
        });
        Self { size, table: std::iter::once((0.0, 0.0)).chain(terms).collect() }
    }

    #[inline]
    fn of(&self, x: f32) -> (f32, f32) {
        // A missing count becomes 0 in this cast.
        match self.table.get(x as usize) {
            Some(&terms) => terms,
            None => {
                let (x, size) = (f64::from(x), self.size);
                let logs = ln_gamma(x + size) - ln_gamma(size) - x * size.ln() - ln_factorial(x);
                let shares = x - size * (digamma(x + size) - digamma(size));
                (logs as f32, shares as f32)
            }
        }
    }
}
