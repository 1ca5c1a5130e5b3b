//! What the loss adds for weights that are larger than they need to be.

use candle_core::{Result, Tensor};

use super::TrainPlan;
use crate::vae::SequenceVae;

/// `λ_lat (Σ (1 − A)² + Σ W² + Σ h²) + λ_obs Σ B²`, with all weights and biases of the latent map; nothing when both
/// are zero.
///
/// Source: Schmidt et al. (2021), ICLR (manifold attractor regularisation).
pub fn penalty(model: &SequenceVae, plan: &TrainPlan) -> Result<Option<Tensor>> {
    let mut terms = Vec::new();
    if plan.latent_penalty > 0.0 {
        for (name, var) in model.latent.named() {
            let size = match name {
                "A" => (1.0 - var.as_tensor())?.sqr()?.sum_all()?,
                // Inputs act as strongly as they act.
                "C" => continue,
                _ => var.sqr()?.sum_all()?,
            };
            terms.push((size * plan.latent_penalty)?);
        }
    }
    if plan.observation_penalty > 0.0 {
        terms.push((model.observation_weight().sqr()?.sum_all()? * plan.observation_penalty)?);
    }
    let mut terms = terms.into_iter();
    let Some(first) = terms.next() else { return Ok(None) };
    terms.try_fold(first, |sum, term| sum + term).map(Some)
}
