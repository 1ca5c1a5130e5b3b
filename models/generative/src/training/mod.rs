//! Gradient descent on the negative ELBO, from a plan to a chosen checkpoint.

mod checkpoint;
mod forcing;
mod optimiser;
mod penalty;
mod plan;
mod run;
mod validation;
mod windows;

pub use checkpoint::{Checkpoint, EpochRecord};
pub(crate) use optimiser::Optimiser;
pub use optimiser::OptimiserKind;
pub use plan::{ForcingKind, Schedule, Start, TrainPlan};
pub use run::{Task, TrainError, Trained, train};
pub use validation::{NotValidated, validate};
