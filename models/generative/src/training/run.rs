//! Training itself: epochs, checkpoints, and when to stop.

use std::ops::{ControlFlow, Range};

use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use super::checkpoint::with_moments;
use super::forcing::ForcingState;
use super::optimiser::Optimiser;
use super::penalty::penalty;
use super::windows::Windows;
use super::{Checkpoint, EpochRecord, NotValidated, Start, TrainPlan, validate};
use crate::judging::JudgePlan;
use crate::latent::Workspace;
use crate::missing::whole_rows;
use crate::vae::{ModelError, ModelPlan, SequenceVae};
use crate::{Series, Split, WindowStart};

#[derive(Debug, Error)]
pub enum TrainError {
    #[error("the {what} became {value} in epoch {epoch}")]
    NotFinite { what: &'static str, value: f64, epoch: usize },
    #[error("stopped after epoch {epoch}")]
    Stopped { epoch: usize },
    #[error("no checkpoint could be validated; of the last, {0}")]
    NeverValid(NotValidated),
    #[error("need {needed} time steps to fit on, as a state needs {context} samples before its own, found {found}")]
    TooShort { needed: usize, context: usize, found: usize },
    #[error("need more than {needed} time steps to {what}, found {found}")]
    TooShortToJudge { what: &'static str, needed: usize, found: usize },
    #[error("need a stretch without gaps from which a state can be told to {what}, found none")]
    NoState { what: &'static str },
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        TrainError::Model(error.into())
    }
}

/// The checkpoint with the best validation score, and how training got there.
#[derive(Clone, Debug)]
pub struct Trained {
    pub model: SequenceVae,
    pub history: Vec<EpochRecord>,
    /// Epochs done when the model was chosen.
    pub chosen_epoch: usize,
    pub validation: f64,
    /// Of a start from windows, in the run that began with it.
    pub window_start: Option<WindowStart>,
}

/// What is to be learned, from what, and how.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub series: &'a Series,
    pub split: &'a Split,
    pub model: &'a ModelPlan,
    pub train: &'a TrainPlan,
    /// Scores the checkpoints among which one is chosen.
    pub judge: &'a JudgePlan,
    /// Threads that this one model may use; they change no result.
    pub threads: usize,
}

/// Fits one model to the fit part of `series`.
///
/// Every epoch draws from a generator of its own, derived from `seed`, so a run continued from a
/// [`Checkpoint`] gives the same bytes as one that was never interrupted. `observe` is called after
/// each epoch, with a checkpoint where the model was validated, and may stop the run.
pub fn train(
    seed: u64,
    task: &Task<'_>,
    resume: Option<Checkpoint>,
    observe: &mut dyn FnMut(&EpochRecord, Option<&Checkpoint>) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    let Task { series, split, model: model_plan, train: plan, judge: judge_plan, threads } = *task;
    let mut not_validated = NotValidated::Incomparable;
    let mut window_start = None;
    let (mut model, mut optimiser, mut progress) = match resume {
        Some(checkpoint) => {
            let (model, optimiser) = checkpoint.restore(model_plan, plan)?;
            (model, optimiser, checkpoint)
        }
        None => {
            model_plan.check(series.n_channels)?;
            check_lengths(task)?;
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut model = SequenceVae::init(&mut rng, model_plan, series, split.training())?;
            check_states(&model, task)?;
            match plan.start {
                Start::Random => {}
                Start::Linear => model.start_linear(series, split.fit.clone())?,
                Start::Windows => {
                    window_start = Some(model.start_windows(seed, series, split, threads)?);
                }
            }
            let best_score = match plan.start {
                Start::Random => f64::INFINITY,
                Start::Linear | Start::Windows => {
                    match validate(&mut draws_of_validation(seed), &mut model, series, split, judge_plan)? {
                        Ok(score) => score,
                        Err(reason) => {
                            not_validated = reason;
                            f64::INFINITY
                        }
                    }
                }
            };
            let optimiser = Optimiser::new(plan.optimiser, plan.weight_decay, &model.variables());
            let start = Checkpoint {
                history: Vec::new(),
                current: model.to_tensors()?,
                best: model.to_tensors()?,
                best_epoch: 0,
                best_score,
                score_to_beat: best_score,
                optimiser_step: 0,
                adaptive_alpha: ForcingState::new(plan).adaptive,
                stale: 0,
            };
            (model, optimiser, start)
        }
    };
    let variables = model.variables();
    let workspace = Workspace::with_threads(threads);
    let mut forcing = ForcingState { adaptive: progress.adaptive_alpha };
    let windows = Windows::new(&model, series, split, sequence_length(task))?;
    for epoch in progress.history.len()..plan.epochs {
        if plan.patience > 0 && progress.stale >= plan.patience {
            break;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch as u64 + 1);
        let learning_rate = plan.learning_rate_at(epoch);
        let mut sums = TermSums::default();
        for index in 0..plan.batches_per_epoch {
            let batch = windows.draw(&mut rng, plan.batch_size)?;
            forcing.adapt(plan, &model, &workspace, &batch, epoch * plan.batches_per_epoch + index)?;
            let (strength, _) = forcing.strength(plan, epoch);
            let terms = model.elbo(&mut rng, &workspace, &batch, strength)?;
            let mut loss = terms.loss()?;
            if let Some(penalty) = penalty(&model, plan)? {
                loss = (loss + penalty)?;
            }
            let value = sums.add(&terms, &loss)?;
            if !value.is_finite() {
                return Err(TrainError::NotFinite { what: "loss", value, epoch: epoch + 1 });
            }
            let norm = optimiser.update(&variables, &loss.backward()?, learning_rate, plan.max_gradient_norm)?;
            if !norm.is_finite() {
                return Err(TrainError::NotFinite { what: "gradient", value: norm, epoch: epoch + 1 });
            }
        }
        let done = epoch + 1;
        let validated = done.is_multiple_of(plan.validate_every.max(1)) || done == plan.epochs;
        let mut score = None;
        if validated {
            match validate(&mut draws_of_validation(seed), &mut model, series, split, judge_plan)? {
                Ok(found) => score = Some(found),
                Err(reason) => not_validated = reason,
            }
            match score {
                // Not than the best: many small gains are one that can be noticed.
                Some(score) if progress.score_to_beat - score > NOTICEABLE_GAIN => {
                    progress.score_to_beat = score;
                    progress.stale = 0;
                }
                _ => progress.stale += 1,
            }
        }
        if let Some(score) = score.filter(|&score| score < progress.best_score) {
            progress.best_score = score;
            progress.best_epoch = done;
            progress.best = model.to_tensors()?;
        }
        progress.adaptive_alpha = forcing.adaptive;
        let (_, alpha) = forcing.strength(plan, epoch);
        progress.history.push(sums.record(done, alpha, learning_rate, score));
        if validated {
            progress.optimiser_step = optimiser.step;
            progress.current = with_moments(model.to_tensors()?, &optimiser)?;
        }
        let record = progress.history.last().expect("one record was just pushed");
        if observe(record, validated.then_some(&progress)).is_break() {
            return Err(TrainError::Stopped { epoch: done });
        }
    }
    if progress.best_score.is_infinite() {
        return Err(TrainError::NeverValid(not_validated));
    }
    Ok(Trained {
        model: SequenceVae::from_tensors(model_plan, &progress.best)?,
        history: progress.history,
        chosen_epoch: progress.best_epoch,
        validation: progress.best_score,
        window_start,
    })
}

/// Steps of a training sequence: as many as asked for, at most half of what there is to fit on.
fn sequence_length(task: &Task<'_>) -> usize {
    task.train.sequence_length.min((task.split.fit.len() / 2).saturating_sub(needed_context(task) + 1))
}

/// Samples before the first state of a sequence that must be there.
fn needed_context(task: &Task<'_>) -> usize {
    task.model.needed_context(!task.series.is_complete())
}

/// Sequences need steps, a prediction starts after the encoder's context and needs a sample to meet.
///
/// Before anything is computed: an encoder of many delays takes long to set up, and hours to train.
fn check_lengths(task: &Task<'_>) -> Result<(), TrainError> {
    let Task { series, split, judge, .. } = *task;
    let context = needed_context(task);
    if sequence_length(task) < 2 {
        return Err(TrainError::TooShort { needed: 2 * (context + 4), context, found: split.fit.len() });
    }
    let needed = context + judge.prediction_steps;
    for (what, part) in parts_beside(split) {
        let longest = series.runs(part.clone()).into_iter().map(|run| run.len()).max().unwrap_or(0);
        if longest <= needed {
            return Err(TrainError::TooShortToJudge { what, needed, found: longest });
        }
    }
    Ok(())
}

/// Without gaps every part tells a state somewhere.
fn check_states(model: &SequenceVae, task: &Task<'_>) -> Result<(), TrainError> {
    for (what, part) in parts_beside(task.split) {
        let states = model.encode(task.series, part.clone())?;
        if !whole_rows(&states).contains(&true) {
            return Err(TrainError::NoState { what });
        }
    }
    Ok(())
}

/// What each part beside the one that is fitted is needed for.
fn parts_beside(split: &Split) -> [(&'static str, &Range<usize>); 2] {
    [("validate the model", &split.validation), ("judge the model", &split.held_out)]
}

/// Of a validation score, which lies between 0 and 3; less than this does not keep a training alive.
const NOTICEABLE_GAIN: f64 = 1e-3;

/// The same for every checkpoint, so that they differ by what they learned and not by their luck.
fn draws_of_validation(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::MAX);
    rng
}

/// Running sums of the loss and its terms over one epoch.
#[derive(Default)]
struct TermSums {
    n: f64,
    loss: f64,
    prediction: f64,
    reconstruction: Option<f64>,
    consistency: Option<f64>,
    entropy: Option<f64>,
}

impl TermSums {
    fn add(&mut self, terms: &crate::ElboTerms, loss: &Tensor) -> candle_core::Result<f64> {
        let scalar = |tensor: &Tensor| tensor.to_scalar::<f32>().map(f64::from);
        let value = scalar(loss)?;
        self.n += 1.0;
        self.loss += value;
        self.prediction += scalar(&terms.prediction)?;
        let optional = [
            (&mut self.reconstruction, &terms.reconstruction),
            (&mut self.consistency, &terms.consistency),
            (&mut self.entropy, &terms.entropy),
        ];
        for (sum, term) in optional {
            if let Some(term) = term {
                *sum.get_or_insert(0.0) += scalar(term)?;
            }
        }
        Ok(value)
    }

    fn record(&self, epoch: usize, alpha: f64, learning_rate: f64, validation: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            loss: self.loss / self.n,
            prediction: self.prediction / self.n,
            reconstruction: self.reconstruction.map(|sum| sum / self.n),
            consistency: self.consistency.map(|sum| sum / self.n),
            entropy: self.entropy.map(|sum| sum / self.n),
            alpha,
            learning_rate,
            validation,
        }
    }
}
