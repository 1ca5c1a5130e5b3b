//! What is learned from one recording: a recurrent network inside a variational autoencoder.
//!
//! No file is opened here, no clock read, and every draw comes from a generator the caller seeded.
//! The way out is [`SequenceVae::freeze`]: the learned map in f64, for `nullcline-dynamics`.

pub mod judging;
pub mod latent;
pub mod training;

mod convolution;
mod delays;
mod elbo;
mod encoder;
mod missing;
mod observation;
mod projection;
mod pseudo_inverse;
mod random;
mod series;
mod simulation;
mod times_matrix;
mod vae;
mod window_start;

pub use elbo::{Batch, ElboTerms};
pub use encoder::EncoderPlan;
pub use observation::{FrozenObservation, Observation, ObservationKind};
pub use projection::Projection;
pub use series::{Series, SeriesError, Split, SplitPlan};
pub use simulation::{FrozenModel, ProcessNoise, Simulation, Surroundings};
pub use vae::{ModelError, ModelPlan, SequenceVae};
pub use window_start::WindowStart;
