//! A two-population circuit that remembers, or does not.
//!
//! ```text
//! τ ṙ_i = −r_i + σ(w_self r_i − w_cross r_j + b + cue_i) + noise,   σ(x) = 1 / (1 + e^{−x})
//! ```
//!
//! With `b = −(w_self − w_cross) / 2` the state (½, ½) is at rest, and the difference `r₁ − r₂` grows
//! away from it when `(w_self + w_cross) / 4 > 1`: then two states persist, population 1 high or
//! population 2 high, and the circuit remembers the last cue. Below 1 the rest state is the only
//! attractor, and a cue is forgotten.
//!
//! Source: a reduction of Wong & Wang (2006), J. Neurosci. 26, 1314–1328; the loss of persistent states
//! with weaker recurrent excitation as in Murray et al. (2014), Cereb. Cortex 24, 859–872.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

#[derive(Clone, Copy, Debug)]
pub struct Circuit {
    pub w_self: f64,
    pub w_cross: f64,
    pub tau_secs: f64,
    /// Standard deviation of the noise in each rate, at rest without recurrence.
    pub noise: f64,
}

/// Rates `[time, 2]` and cues `[time, 2]` (0 or 1), sampled every `dt_secs`.
pub struct Activity {
    pub rates: Vec<[f64; 2]>,
    /// (onset, duration, population), seconds.
    pub cues: Vec<(f64, f64, usize)>,
}

const CUE_STRENGTH: f64 = 4.0;
const EULER_STEPS: usize = 10;

impl Circuit {
    /// Runs for `secs` under cues of `cue_secs` to a random population, `gap_secs` apart on average.
    pub fn run(&self, rng: &mut impl Rng, secs: f64, dt_secs: f64, cue_secs: f64, gap_secs: f64) -> Activity {
        let mut cues = Vec::new();
        let mut onset = gap_secs / 2.0;
        while onset + cue_secs < secs {
            // On the sampling grid, so that events name exactly the samples they drive.
            let on_grid = (onset / dt_secs).round() * dt_secs;
            cues.push((on_grid, cue_secs, rng.random_range(0..2usize)));
            onset += cue_secs + gap_secs * rng.random_range(0.5..1.5);
        }
        let bias = -(self.w_self - self.w_cross) / 2.0;
        let step = dt_secs / EULER_STEPS as f64 / self.tau_secs;
        let kick = self.noise * (2.0 * step).sqrt();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut state = [0.5, 0.5];
        let n_times = (secs / dt_secs).round() as usize;
        let mut rates = Vec::with_capacity(n_times);
        for t in 0..n_times {
            rates.push(state);
            let now = t as f64 * dt_secs;
            let mut cue = [0.0; 2];
            for &(onset, duration, population) in &cues {
                if now >= onset - 1e-9 && now < onset + duration - 1e-9 {
                    cue[population] = CUE_STRENGTH;
                }
            }
            for _ in 0..EULER_STEPS {
                let drive = |i: usize| self.w_self * state[i] - self.w_cross * state[1 - i] + bias + cue[i];
                let target = [sigmoid(drive(0)), sigmoid(drive(1))];
                for i in 0..2 {
                    state[i] += step * (target[i] - state[i]) + kick * rng.sample::<f64, _>(StandardNormal);
                }
            }
        }
        Activity { rates, cues }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn difference_at_end(w_self: f64) -> f64 {
        let circuit = Circuit { w_self, w_cross: 2.0, tau_secs: 0.2, noise: 0.0 };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // One cue, then four seconds of nothing.
        let activity = circuit.run(&mut rng, 8.0, 0.1, 0.5, 7.0);
        let last = activity.rates[activity.rates.len() - 1];
        (last[0] - last[1]).abs()
    }

    #[test]
    fn the_circuit_remembers_above_the_margin_and_forgets_below() {
        // (4 + 2) / 4 > 1 > (1 + 2) / 4.
        assert!(difference_at_end(4.0) > 0.5);
        assert!(difference_at_end(1.0) < 0.01);
    }
}
