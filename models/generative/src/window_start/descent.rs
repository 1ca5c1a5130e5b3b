//! One start of the search: Adam through stages of longer and longer windows.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::chains::Rein;
use super::counts::{Counts, Windows};
use super::likelihood::{Likelihood, alike};
use super::model::QuadraticModel;

/// A stretch of the descent; what has two values goes from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    /// Bins of a window.
    pub window: usize,
    pub iterations: usize,
    /// At most about so many bins in each iteration; of more windows every second, third, … one, from a random one on.
    pub bins: usize,
    /// Trajectories side by side.
    pub chains: usize,
    /// Geometrically.
    pub learning_rate: [f64; 2],
    /// Share of the trajectories that begin anew in each iteration, instead of going on from their last end.
    pub renewed: [f64; 2],
    /// How much a trajectory that has just begun anew weighs beside the others.
    pub weight_of_new: [f64; 2],
    pub rein: Rein,
}

const LONGEST_GRADIENT: f64 = 0.02;
const BETA: [f64; 2] = [0.9, 0.99];
const EPSILON: f64 = 1e-8;
/// Of the learning rate: loadings and mean rates are nearly right from the start.
const PACE: [f64; 5] = [1.0, 1.0, 1.0, 0.1, 0.3];

/// A model on its way.
#[derive(Clone)]
pub(super) struct Descent {
    pub model: QuadraticModel<f32>,
    moments: [Vec<f64>; 2],
    step: i32,
    /// Where the trajectories are: `[M, K]`; none yet at the beginning.
    ends: Vec<f32>,
}

impl Descent {
    pub fn new(model: QuadraticModel<f32>) -> Self {
        let n = model.values.len();
        Self { model, moments: [vec![0.0; n], vec![0.0; n]], step: 0, ends: Vec::new() }
    }

    /// Iterations `range` of `stage`.
    pub fn run(&mut self, rng: &mut impl Rng, counts: &Counts<'_>, stage: &Stage, range: std::ops::Range<usize>) {
        let m = self.model.shape.latent_dim;
        for iteration in range {
            let done = iteration as f64 / (stage.iterations.max(2) - 1) as f64;
            let between = |[first, last]: [f64; 2]| first + (last - first) * done;
            let [first, last] = stage.learning_rate;
            let rate = first * (last / first).powf(done);
            let all_new = self.ends.len() != m * stage.chains;
            self.ends.resize(m * stage.chains, 0.0);
            let share = if all_new { 1.0 } else { between(stage.renewed) };
            let is_lost = |chain: usize| (0..m).any(|i| !self.ends[i * stage.chains + chain].is_finite());
            let is_new: Vec<bool> =
                (0..stage.chains).map(|chain| rng.random::<f64>() < share || is_lost(chain)).collect();
            renew(rng, &mut self.ends, &is_new);
            let of_new = if all_new { 1.0 } else { between(stage.weight_of_new) };
            let weights: Vec<f64> = is_new.iter().map(|&new| if new { of_new } else { 1.0 }).collect();
            let total: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let weights: Vec<f32> = weights.iter().map(|weight| (weight / total) as f32).collect();
            let from = [rng.random(), rng.random()];
            let windows = counts.windows(stage.window, from, stage.bins / stage.window, &counts.mean);
            let found = self.model.evaluate(&self.ends, &weights, &windows, stage.rein);
            self.ends = found.end;
            if found.loss.is_finite() {
                self.update(&found.gradient, rate);
            }
        }
    }

    /// Adam (Kingma & Ba 2015); a gradient that is not finite changes nothing.
    fn update(&mut self, gradient: &[f64], rate: f64) {
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return;
        }
        let shrink = (LONGEST_GRADIENT / norm.max(1e-12)).min(1.0);
        self.step += 1;
        let [first_left, second_left] = BETA.map(|beta| 1.0 - beta.powi(self.step));
        let [first, second] = &mut self.moments;
        for (part, pace) in self.model.shape.parts().into_iter().zip(PACE) {
            for at in part {
                let g = shrink * gradient[at];
                first[at] = BETA[0] * first[at] + (1.0 - BETA[0]) * g;
                second[at] = BETA[1] * second[at] + (1.0 - BETA[1]) * g * g;
                let towards = first[at] / first_left / ((second[at] / second_left).sqrt() + EPSILON);
                self.model.values[at] -= (rate * pace * towards) as f32;
            }
        }
    }
}

/// From a standard normal distribution, chain by chain.
fn renew(rng: &mut impl Rng, states: &mut [f32], is_new: &[bool]) {
    let m = states.len() / is_new.len();
    for (chain, _) in is_new.iter().enumerate().filter(|(_, new)| **new) {
        (0..m).for_each(|i| states[i * is_new.len() + chain] = rng.sample::<f64, _>(StandardNormal) as f32);
    }
}

/// Standard normal states `[M, K]` that have run for `n_steps`.
pub(super) fn burnt_in(rng: &mut impl Rng, model: &QuadraticModel<f32>, n_chains: usize, n_steps: usize) -> Vec<f32> {
    let mut states = vec![0.0; model.shape.latent_dim * n_chains];
    renew(rng, &mut states, &vec![true; n_chains]);
    model.run_to(&states, n_steps)
}

/// Steps after which trajectories have forgotten where they began; shorter chaos that leads to rest must not pass for
/// lasting.
pub(super) const BURN_IN: usize = 1000;

/// The gain of `model` on `windows`, from trajectories that have forgotten where they began.
pub(super) fn gain(rng: &mut impl Rng, model: &QuadraticModel<f32>, windows: &Windows<f32>) -> f64 {
    const CHAINS: usize = 2048;
    let (states, _) = model.run(&burnt_in(rng, model, CHAINS, BURN_IN), windows.length);
    let log_rates = model.log_rates(&states);
    Likelihood { windows, log_rates: &log_rates, weights: &alike(CHAINS) }.gain()
}
