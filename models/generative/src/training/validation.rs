//! One number by which checkpoints of a training are told apart.

use std::ops::Range;

use rand::Rng;
use thiserror::Error;

use crate::judging::{JudgePlan, JudgingSpace, NoRun, prediction_error, spectral_distance, state_space_divergence};
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Split};

/// A few percent of noise do not change which checkpoint is chosen; more draws would cost more than a step.
const VALIDATION_SAMPLES: usize = 200;

/// Longer recordings are judged by their training end. A shorter run would miss those that leave the attractor late.
const VALIDATION_STEPS: usize = 100_000;
/// Simulations that are random are repeated until about so many steps are simulated, since short ones differ more from
/// each other than models do.
const RANDOM_STEPS: usize = 30_000;
const MOST_RUNS: usize = 4;
/// Starts of n-step predictions.
const VALIDATION_STARTS: usize = 2_000;

/// Estimates the model's process noise, decides whether its free simulations use it, and says how far
/// it is from the training end of the recording; lower is better, 3 is the worst.
///
/// The score has three bounded parts of equal weight: free simulation against the training part, or its last
/// 100,000 samples (`D_stsp / (1 + D_stsp)` and `D_H`), and n-step prediction on the validation part, which no
/// gradient has seen (`PE / (1 + PE)`). One part alone can be had cheaply: a shuffle has the right states, a phase
/// surrogate the right spectrum, a fixed point often the smallest error. Of the simulations with and
/// without noise the better one counts.
pub fn validate(
    rng: &mut impl Rng,
    model: &mut SequenceVae,
    series: &Series,
    split: &Split,
    plan: &JudgePlan,
) -> Result<Result<f64, NotValidated>, ModelError> {
    let plan = &JudgePlan { mixture_samples: plan.mixture_samples.min(VALIDATION_SAMPLES), ..plan.clone() };
    let space = JudgingSpace::of(model, series, split, plan);
    let longest = VALIDATION_STARTS + plan.prediction_steps + model.plan.encoder.context();
    let predicted = last(split.validation.clone(), longest);
    let Some(pe) = prediction_error(&space, model, series, predicted, plan.prediction_steps)? else {
        return Ok(Err(NotValidated::NoPrediction { steps: plan.prediction_steps }));
    };
    let training = last(split.training(), VALIDATION_STEPS);
    let truth = space.data(series, training.clone());
    model.estimate_noise(series, training.clone())?;
    let mut best: Result<(f64, bool), NotValidated> = Err(NotValidated::Incomparable);
    for used in [false, true] {
        model.noise.used = used;
        let is_random = used || model.plan.observation.is_counts();
        let n_runs = if is_random { (RANDOM_STEPS / training.len().max(1)).clamp(1, MOST_RUNS) } else { 1 };
        let frozen = model.freeze()?;
        let (mut d_stsp, mut d_h) = (0.0, 0.0);
        for _ in 0..n_runs {
            let run = space.simulate(rng, model, series, training.clone())?;
            if let (Err(reason), true) = (&run, best.is_err()) {
                best = Err(NotValidated::NoRun(*reason));
            }
            let scores = run.ok().and_then(|simulated| {
                // The recording holds observation noise, its spectrum hardly shows it: a simulation without noise of any
                // kind would lose in state space to one whose process noise only imitates that of the electrodes.
                let seen = if is_random { simulated.clone() } else { frozen.observation.draw(rng, &simulated) };
                Some((state_space_divergence(rng, &truth, &seen, plan)?, spectral_distance(&truth, &simulated)?))
            });
            // A run that diverges makes the mean what it is.
            let (state_space, spectrum) = scores.unwrap_or((f64::NAN, f64::NAN));
            d_stsp += state_space / n_runs as f64;
            d_h += spectrum / n_runs as f64;
        }
        if d_stsp.is_nan() || d_h.is_nan() {
            continue;
        }
        let score = bounded(d_stsp.max(0.0)) + d_h + bounded(pe);
        if best.is_ok_and(|(lowest, _)| lowest <= score) {
            continue;
        }
        best = Ok((score, used));
    }
    model.noise.used = best.is_ok_and(|(_, used)| used);
    Ok(best.map(|(score, _)| score))
}

/// Why a checkpoint has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotValidated {
    #[error("no prediction {steps} steps ahead on the validation part is finite")]
    NoPrediction { steps: usize },
    #[error("{0}")]
    NoRun(NoRun),
    #[error("the gaps of the training part leave too little to compare a free simulation with")]
    Incomparable,
}

/// The last `longest` of `range`.
fn last(range: Range<usize>, longest: usize) -> Range<usize> {
    range.end - range.len().min(longest)..range.end
}

fn bounded(value: f64) -> f64 {
    value / (1.0 + value)
}
