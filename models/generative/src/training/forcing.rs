//! How strongly a batch is forced.

use candle_core::Result;

use super::{ForcingKind, TrainPlan};
use crate::elbo::Batch;
use crate::latent::{Strength, Workspace};
use crate::vae::SequenceVae;

/// Batches from one look at the Jacobians to the next.
const EVERY: usize = 5;
/// What is left of `α` at a look that asks for less.
const DECAY: f64 = 0.999;

/// The forcing strength as training goes on; only the adaptive one has a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForcingState {
    /// `α` of the next batch under adaptive forcing.
    pub adaptive: f64,
}

impl ForcingState {
    pub fn new(plan: &TrainPlan) -> Self {
        Self { adaptive: plan.alpha[0] }
    }

    /// Looks at the Jacobians where it is time to; `batch_index` counts from the beginning of training.
    pub fn adapt(
        &mut self,
        plan: &TrainPlan,
        model: &SequenceVae,
        workspace: &Workspace,
        batch: &Batch,
        batch_index: usize,
    ) -> Result<()> {
        if plan.forcing == ForcingKind::Adaptive && batch_index.is_multiple_of(EVERY) {
            let growth = model.growth(workspace, batch, Strength::Constant(self.adaptive))?;
            // A growth that is not a number leaves α as it is; the loss will tell.
            let needed = (1.0 - 1.0 / growth).max(0.0);
            self.adaptive = needed.max(DECAY * self.adaptive);
        }
        Ok(())
    }

    /// What the batches of `epoch` are forced with, and the share that is written down.
    pub fn strength(&self, plan: &TrainPlan, epoch: usize) -> (Strength<'static>, f64) {
        match plan.forcing {
            ForcingKind::Generalised => (Strength::Constant(plan.alpha_at(epoch)), plan.alpha_at(epoch)),
            ForcingKind::Adaptive => (Strength::Constant(self.adaptive), self.adaptive),
            ForcingKind::Sparse => {
                let interval = plan.forcing_interval.max(1);
                (Strength::Every(interval), 1.0 / interval as f64)
            }
        }
    }
}
