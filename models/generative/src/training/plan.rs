use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainPlan {
    pub epochs: usize,
    pub batches_per_epoch: usize,
    pub batch_size: usize,
    /// Time steps the RNN runs through in one sequence; shortened when the recording is shorter.
    pub sequence_length: usize,
    /// First and last learning rate; in between it falls exponentially.
    pub learning_rate: [f64; 2],
    /// Strength of teacher forcing at the first and last epoch; in between it changes linearly.
    pub alpha: [f64; 2],
    /// Gradients longer than this are shortened to it.
    pub max_gradient_norm: f64,
    /// Epochs from one validation (and possible checkpoint) to the next.
    pub validate_every: usize,
}

impl Default for TrainPlan {
    fn default() -> Self {
        Self {
            epochs: 60,
            batches_per_epoch: 40,
            batch_size: 16,
            sequence_length: 50,
            learning_rate: [5e-3, 2e-4],
            alpha: [0.3, 0.1],
            max_gradient_norm: 10.0,
            validate_every: 5,
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
        first * (last / first).powf(self.progress(epoch))
    }

    pub(super) fn alpha_at(&self, epoch: usize) -> f64 {
        let [first, last] = self.alpha;
        first + (last - first) * self.progress(epoch)
    }
}
