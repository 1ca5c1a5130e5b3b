//! What a distribution of observations must tell.

use rand::Rng;

/// One distribution `p(x | η, θ)` of a sample in one channel: `η` is the linear predictor, which changes with the
/// latent state, `θ` an auxiliary parameter of the channel, on an unbounded scale.
pub trait Family: Sync {
    /// `θ`: its name among the weights, and where learning starts; `None` where the distribution has none.
    fn auxiliary(&self) -> Option<Auxiliary>;

    /// Log-probabilities of all samples of a channel and their slopes, in one pass of single precision.
    fn evaluate(&self, channel: Channel<'_>);

    /// `ln p(x | η, θ)` in nats, straight from its definition.
    fn log_prob(&self, x: f64, eta: f64, theta: f64) -> f64;

    /// `E[x | η, θ]`.
    fn mean(&self, eta: f64, theta: f64) -> f64;

    /// The predictor that leads to this mean.
    fn predictor(&self, mean: f64, theta: f64) -> f64;

    /// A sample of the distribution that has this mean.
    fn draw(&self, rng: &mut dyn Rng, mean: f64, theta: f64) -> f64;
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auxiliary {
    pub name: &'static str,
    pub start: f32,
}

/// A channel's samples, one for each state, and where its terms go. Missing samples are NaN and count for nothing.
pub struct Channel<'a> {
    pub x: &'a [f32],
    pub theta: f32,
    /// `η` on entry, `∂ ln p / ∂η` on return.
    pub predictor: &'a mut [f32],
    /// `∂ ln p / ∂θ` on return; empty where there is no `θ`.
    pub by_theta: &'a mut [f32],
    /// `ln p` is added to it.
    pub log_prob: &'a mut [f32],
}

/// Beyond `e⁸` expected counts a bin is a runaway, not a rate; it also keeps exp finite.
pub const LOG_RATE_RANGE: (f32, f32) = (-16.0, 8.0);

/// Whether the predictor is where it has an effect.
#[inline(always)]
pub fn within(eta: f32) -> bool {
    (LOG_RATE_RANGE.0..=LOG_RATE_RANGE.1).contains(&eta)
}

/// `exp η` with the bound that training has.
pub fn bounded_rate(eta: f64) -> f64 {
    eta.clamp(f64::from(LOG_RATE_RANGE.0), f64::from(LOG_RATE_RANGE.1)).exp()
}
