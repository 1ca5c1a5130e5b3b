//! Every choice of a training.

use serde::{Deserialize, Serialize};

use super::optimiser::OptimiserKind;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainPlan {
    pub start: Start,
    /// A start from windows may do without any.
    pub epochs: usize,
    pub batches_per_epoch: usize,
    pub batch_size: usize,
    /// Time steps the RNN runs through in one sequence; shortened when the recording is shorter.
    pub sequence_length: usize,
    pub optimiser: OptimiserKind,
    /// Of AdamW and RAdam, decoupled from the gradient; 0 is none.
    pub weight_decay: f64,
    /// First and last learning rate.
    pub learning_rate: [f64; 2],
    /// How it goes from the first to the last.
    pub schedule: Schedule,
    /// Epochs in which the learning rate rises linearly to its first value.
    pub warmup_epochs: usize,
    pub forcing: ForcingKind,
    /// Strength of generalised forcing at the first and last epoch; in between it changes linearly. Adaptive forcing
    /// starts from the first.
    pub alpha: [f64; 2],
    /// Steps from one forced state to the next under sparse forcing.
    pub forcing_interval: usize,
    /// `λ_lat (Σ (1 − A)² + Σ W² + Σ h²)` is added to the loss: the latent state forgets slowly and interacts little
    /// unless the data ask for it (Schmidt et al. 2021, ICLR).
    pub latent_penalty: f64,
    /// `λ_obs Σ B²` is added to the loss.
    pub observation_penalty: f64,
    /// Gradients longer than this are shortened to it; `inf` leaves them as they are.
    pub max_gradient_norm: f64,
    /// Epochs from one validation (and possible checkpoint) to the next.
    pub validate_every: usize,
    /// Training ends after so many validations in a row of which none betters the score by .001; 0 never.
    pub patience: usize,
}

/// Where the weights of the latent map begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Small and random.
    #[default]
    Random,
    /// At the linear map that best foretells the encoded states of the fit part (ridge regression), itself the first
    /// checkpoint: what training adds is what a linear model lacks. For `shPLRNN` and `clippedShPLRNN`.
    Linear,
    /// At a model learned from the likelihood of whole windows of 60 bins, map, loadings and encoder, itself the first
    /// checkpoint: for Poisson counts too weak to tell a state. For `shPLRNN` and `clippedShPLRNN`.
    Windows,
}

/// What drives the latent state beside itself while it is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForcingKind {
    /// A share `alpha` of the encoded state at every step, fixed or annealed (Hess et al. 2023, ICML).
    #[default]
    Generalised,
    /// `α = max(0, 1 − 1/κ)`, with κ the largest mean growth of a perturbation over the batch, looked up every five
    /// batches and decayed by .999 where less would do (Hess et al. 2023, section 4).
    Adaptive,
    /// The encoded state itself every `forcing_interval` steps (Mikhaeil et al. 2022, NeurIPS).
    Sparse,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    #[default]
    Exponential,
    /// Half a cosine (Loshchilov & Hutter 2017, ICLR).
    Cosine,
    Linear,
    /// The first learning rate throughout.
    Constant,
}

impl Default for TrainPlan {
    fn default() -> Self {
        Self {
            start: Start::default(),
            epochs: 60,
            batches_per_epoch: 40,
            batch_size: 16,
            sequence_length: 50,
            optimiser: OptimiserKind::Radam,
            weight_decay: 0.0,
            learning_rate: [5e-3, 2e-4],
            schedule: Schedule::Exponential,
            warmup_epochs: 0,
            forcing: ForcingKind::Generalised,
            alpha: [0.3, 0.1],
            forcing_interval: 25,
            latent_penalty: 0.0,
            observation_penalty: 0.0,
            max_gradient_norm: 10.0,
            validate_every: 5,
            patience: 0,
        }
    }
}

impl TrainPlan {
    /// How far training is at `epoch` (counted from 0): 0 at the first, 1 at the last.
    fn progress(&self, epoch: usize) -> f64 {
        epoch as f64 / (self.epochs.max(2) - 1) as f64
    }

    pub(super) fn learning_rate_at(&self, epoch: usize) -> f64 {
        let [first, last] = self.learning_rate;
        if epoch < self.warmup_epochs {
            return first * (epoch + 1) as f64 / (self.warmup_epochs + 1) as f64;
        }
        let done = self.progress(epoch);
        match self.schedule {
            Schedule::Exponential => first * (last / first).powf(done),
            Schedule::Cosine => last + (first - last) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Schedule::Linear => first + (last - first) * done,
            Schedule::Constant => first,
        }
    }

    pub(super) fn alpha_at(&self, epoch: usize) -> f64 {
        let [first, last] = self.alpha;
        first + (last - first) * self.progress(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_begins_and_ends_where_it_says() {
        for schedule in [Schedule::Exponential, Schedule::Cosine, Schedule::Linear] {
            let plan = TrainPlan { epochs: 11, learning_rate: [1e-2, 1e-4], schedule, ..TrainPlan::default() };
            assert!((plan.learning_rate_at(0) - 1e-2).abs() < 1e-12, "{schedule:?}");
            assert!((plan.learning_rate_at(10) - 1e-4).abs() < 1e-12, "{schedule:?}");
            let falls = (1..11).all(|epoch| plan.learning_rate_at(epoch) < plan.learning_rate_at(epoch - 1));
            assert!(falls, "{schedule:?}");
        }
    }

    #[test]
    fn a_warm_up_rises_to_the_first_rate() {
        let plan = TrainPlan { epochs: 20, warmup_epochs: 3, schedule: Schedule::Constant, ..TrainPlan::default() };
        let rates: Vec<f64> = (0..5).map(|epoch| plan.learning_rate_at(epoch) / 5e-3).collect();
        for (found, expected) in rates.iter().zip([0.25, 0.5, 0.75, 1.0, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{rates:?}");
        }
    }
}
