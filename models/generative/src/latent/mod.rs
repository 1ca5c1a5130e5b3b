//! The latent recurrent network: its parameters, and the one operation that drives it through time.

mod parameters;
#[cfg(test)]
mod reference;
mod rollout;

pub use parameters::{LatentFamily, LatentParameters, LatentShape};
pub use rollout::{Forcing, rollout};
