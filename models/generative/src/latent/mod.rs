//! The latent recurrent network: its families, and the one operation that drives it through time.
//!
//! A family is one file (`shallow.rs`, …); `family.rs` lists them; `engine/` knows time, batches and registers.

mod almost_linear;
mod clipped_shallow;
mod engine;
mod family;
mod linear_start;
mod parameters;
mod piecewise_linear;
#[cfg(test)]
mod reference;
mod rollout;
mod shallow;

pub use engine::Workspace;
pub use family::LatentFamily;
pub use linear_start::LinearMap;
pub use parameters::{LatentParameters, LatentShape};
pub use rollout::{Forcing, Strength, growth, rollout};
