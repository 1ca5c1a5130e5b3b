//! Several starts, of which the best goes on.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::chains::Rein;
use super::counts::Counts;
use super::descent::{Descent, Stage, gain};
use super::model::{QuadraticModel, Shape};

/// A part of a stage, and how many starts go on after it.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub stage: Stage,
    pub iterations: Range<usize>,
    pub survivors: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Search {
    pub starts: usize,
    pub rounds: Vec<Round>,
    /// Bins of the windows that starts are compared on.
    pub judged_window: usize,
}

/// Windows shorter than this say too little of a state that hardly shows.
const FIRST_WINDOW: usize = 30;
pub(super) const WINDOW: usize = 60;

/// Of an iteration; while many starts are compared, half of a recording of 90,000 bins is enough.
const MOST_BINS: usize = 100_000;
/// Iterations from one look at the gain to the next.
const LOOK_EVERY: usize = 50;

/// Far from the streams of training epochs, which count from one.
const FIRST_STREAM: u64 = 1 << 40;
const LOOKS_STREAM: u64 = FIRST_STREAM - 1;
pub(super) const LESSONS_STREAM: u64 = FIRST_STREAM - 2;

impl Search {
    /// Short windows, which find a rotation and its loadings; longer ones, which need the map to be right for longer;
    /// and more trajectories at a small rate.
    ///
    /// Adjoints are held in all but the last: along a chaotic orbit a few of them outgrow all others.
    pub fn thorough() -> Self {
        let held = Rein { longest: 4.0, keep: 0.98 };
        let first = Stage {
            window: FIRST_WINDOW,
            iterations: 300,
            bins: MOST_BINS / 2,
            chains: 1008,
            learning_rate: [4e-3, 4e-3],
            renewed: [1.0, 0.5],
            weight_of_new: [1.0, 1.0],
            rein: held,
        };
        let second =
            Stage { window: WINDOW, iterations: 550, learning_rate: [4e-3, 2e-4], renewed: [0.5, 0.1], ..first };
        let last = Stage {
            iterations: 300,
            bins: MOST_BINS,
            chains: 2000,
            learning_rate: [3e-4, 3e-5],
            renewed: [0.1, 0.1],
            weight_of_new: [1.0, 0.0],
            rein: Rein { keep: 1.0, ..held },
            ..second
        };
        let round = |stage, iterations, survivors| Round { stage, iterations, survivors };
        let rounds = vec![
            round(first, 0..300, 4),
            round(second, 0..250, 2),
            round(Stage { bins: MOST_BINS, ..second }, 250..550, 2),
            round(last, 0..300, 1),
        ];
        Self { starts: 6, rounds, judged_window: WINDOW }
    }

    /// The start with the largest gain on all windows of `training`, and that gain in nats per bin above constant rates.
    ///
    /// Gradients see the windows of `fit` alone. All starts have as many parameters, few beside the windows, so that what they
    /// gain in what they have seen tells them apart, too, and much more precisely than a short part that they have not seen.
    /// While the rate is large a model comes and goes: in each round the best of its looks counts, and in
    /// the end the best of all.
    ///
    /// Every start has a random stream of its own, which nothing else that follows from `seed` uses, so that the number of
    /// threads changes nothing.
    pub fn run(
        &self,
        seed: u64,
        fit: &Counts<'_>,
        training: &Counts<'_>,
        latent_dim: usize,
        threads: usize,
    ) -> (QuadraticModel<f32>, f64) {
        let shape = Shape { latent_dim, n_channels: fit.mean.len() };
        let period = fit.period(self.judged_window);
        let judged = training.windows(self.judged_window, [0.0; 2], usize::MAX, &fit.mean);
        let mut candidates: Vec<Candidate> = (0..self.starts as u64)
            .map(|start| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(FIRST_STREAM + start);
                let model = QuadraticModel::init(&mut rng, shape, period, &fit.mean);
                let best = model.clone();
                Candidate { rng, descent: Descent::new(model), gain: f64::NEG_INFINITY, best }
            })
            .collect();
        let mut best = (f64::NEG_INFINITY, candidates[0].descent.model.clone());
        for round in &self.rounds {
            let go_on = |candidate: &mut Candidate| {
                candidate.gain = f64::NEG_INFINITY;
                let Range { start, end } = round.iterations;
                for from in (start..end).step_by(LOOK_EVERY) {
                    candidate.descent.run(&mut candidate.rng, fit, &round.stage, from..end.min(from + LOOK_EVERY));
                    let mut draws = ChaCha8Rng::seed_from_u64(seed);
                    draws.set_stream(LOOKS_STREAM);
                    let found = gain(&mut draws, &candidate.descent.model, &judged);
                    if found > candidate.gain {
                        candidate.gain = found;
                        candidate.best = candidate.descent.model.clone();
                    }
                }
            };
            match threads {
                0 | 1 => candidates.iter_mut().for_each(go_on),
                _ => candidates.par_iter_mut().for_each(go_on),
            }
            // The sort is stable: of equals the earlier start goes on.
            candidates.sort_by(|a, b| b.gain.total_cmp(&a.gain));
            if candidates[0].gain > best.0 {
                best = (candidates[0].gain, candidates[0].best.clone());
            }
            candidates.truncate(round.survivors.max(1));
        }
        let (gain, model) = best;
        (model, gain)
    }
}

struct Candidate {
    rng: ChaCha8Rng,
    descent: Descent,
    /// The best look of the round, and what was seen.
    gain: f64,
    best: QuadraticModel<f32>,
}
