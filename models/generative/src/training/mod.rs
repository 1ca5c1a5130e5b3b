//! Gradient descent on the negative ELBO, from a plan to a chosen checkpoint.

mod checkpoint;
mod plan;
mod radam;
mod run;
mod validation;

pub use checkpoint::{Checkpoint, EpochRecord};
pub use plan::TrainPlan;
pub use run::{Task, TrainError, Trained, train};
pub use validation::validate;
