//! Zero-inflated Poisson counts.

use rand::{Rng, RngExt};

use super::elementary::{exp, ln_1p};
use super::family::{Auxiliary, Channel, Family, LOG_RATE_RANGE, bounded_rate, within};
use super::gamma::ln_factorial;
use super::poisson::{LnFactorials, draw_count};

/// `x = 0` with probability `π`, else `x ~ Poisson(λ)`; `λ = exp η`, `π = 1 / (1 + exp −θ)`: units that fall silent.
///
/// A zero has both sources: `p(0) = π + (1 − π) e^−λ`; `p(x) = (1 − π) λ^x e^−λ / x!` for `x > 0`.
/// Source: Lambert (1992), Technometrics 34, 1–14.
pub struct ZeroInflatedPoisson;

/// Beyond these silence is certain, or never occurs.
const LOGIT_RANGE: (f32, f32) = (-10.0, 10.0);

impl Family for ZeroInflatedPoisson {
    fn auxiliary(&self) -> Option<Auxiliary> {
        Some(Auxiliary { name: "silence_logit", start: -2.0 })
    }

    /// With `w = 1 / (1 + exp −(θ + λ))`, the probability that an observed zero was silence: slopes `−λ (1 − w)`
    /// and `w − π` at zero, `x − λ` and `−π` elsewhere.
    fn evaluate(&self, channel: Channel<'_>) {
        let Channel { x, theta, predictor, by_theta, log_prob } = channel;
        let (low, high) = LOG_RATE_RANGE;
        let logit = theta.clamp(LOGIT_RANGE.0, LOGIT_RANGE.1);
        let free = f32::from(logit == theta);
        let silent = (1.0 + (-logit).exp()).recip();
        // ln(1 − π)
        let log_active = -f64::from(logit).exp().ln_1p() as f32;
        let factorials = LnFactorials::up_to_largest(x);
        for (&x, total) in x.iter().zip(log_prob.iter_mut()) {
            *total -= factorials.of(x);
        }
        for (((x, eta), by_theta), total) in x.iter().zip(predictor).zip(by_theta).zip(log_prob) {
            let seen = !x.is_nan();
            let x = if seen { *x } else { 0.0 };
            let bounded = eta.clamp(low, high);
            let rate = exp(bounded);
            // ln(π + (1 − π) e^−λ) = ln(1 − π) + ln(e^θ + e^−λ)
            let odds = logit + rate;
            let smaller = exp(-odds.abs());
            let log_sum = logit.max(-rate) + ln_1p(smaller);
            let was_silence = if odds > 0.0 { 1.0 } else { smaller } / (1.0 + smaller);
            let zero = x == 0.0;
            let term = if zero { log_sum } else { x * bounded - rate };
            let by_eta = if zero { -rate * (1.0 - was_silence) } else { x - rate };
            let by_logit = if zero { was_silence - silent } else { -silent };
            *total += if seen { log_active + term } else { 0.0 };
            *by_theta = if seen { free * by_logit } else { 0.0 };
            *eta = if seen && within(*eta) { by_eta } else { 0.0 };
        }
    }

    fn log_prob(&self, x: f64, eta: f64, theta: f64) -> f64 {
        let (rate, silent) = (bounded_rate(eta), silence(theta));
        match x == 0.0 {
            true => (silent + (1.0 - silent) * (-rate).exp()).ln(),
            false => (1.0 - silent).ln() + x * rate.ln() - rate - ln_factorial(x),
        }
    }

    fn mean(&self, eta: f64, theta: f64) -> f64 {
        (1.0 - silence(theta)) * bounded_rate(eta)
    }

    fn predictor(&self, mean: f64, theta: f64) -> f64 {
        (mean / (1.0 - silence(theta))).ln()
    }

    fn draw(&self, rng: &mut dyn Rng, mean: f64, theta: f64) -> f64 {
        let silent = silence(theta);
        match rng.random_bool(silent) {
            true => 0.0,
            false => draw_count(rng, mean / (1.0 - silent)),
        }
    }
}

fn silence(theta: f64) -> f64 {
    (1.0 + (-theta.clamp(f64::from(LOGIT_RANGE.0), f64::from(LOGIT_RANGE.1))).exp()).recip()
}
