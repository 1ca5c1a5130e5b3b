//! How well a model reproduces what it has not seen, beside rivals that know no dynamics.
//!
//! No number stands alone: a shuffle has the right states, a phase surrogate the right spectrum, a
//! constant often a small prediction error.

mod free_run;
mod prediction;
mod rivals;
mod score;
mod space;
mod spectrum;
mod spikes;
mod state_space;

use serde::{Deserialize, Serialize};

pub use free_run::{NoRun, free_run};
pub use prediction::prediction_error;
pub use rivals::{VectorAutoregression, phase_surrogate};
pub use score::{Judgement, Scores, Verdict, judge};
pub use space::JudgingSpace;
pub use spectrum::{power_spectrum, spectral_distance, through_the_same_gaps};
pub use spikes::bits_per_spike;
pub use state_space::{binned_divergence, mixture_divergence, state_space_divergence};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgePlan {
    /// Steps ahead of the n-step prediction error.
    pub prediction_steps: usize,
    /// Bins per dimension of the state-space divergence, up to five dimensions.
    pub bins: usize,
    /// Monte Carlo draws of the state-space divergence above five dimensions and of short recordings.
    pub mixture_samples: usize,
    /// Free simulations over which scores are averaged, where they are random: of the model with process noise or
    /// counts, of VAR(p), and phase surrogates.
    pub simulations: usize,
    /// Largest order tried for the VAR(p) rival; the order is chosen by BIC on the training part.
    pub max_var_order: usize,
    /// Principal components in which spike counts are judged.
    pub count_components: usize,
    /// How far a faithful model may be on the way from the recording itself (0) to a constant (1), in
    /// both D_stsp and D_H.
    pub faithful_share: f64,
}

impl Default for JudgePlan {
    fn default() -> Self {
        Self {
            prediction_steps: 20,
            bins: 30,
            mixture_samples: 1000,
            simulations: 5,
            max_var_order: 5,
            count_components: 3,
            faithful_share: 0.5,
        }
    }
}
