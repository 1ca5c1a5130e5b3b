//! Which parts a model has, of which sizes, and which of them go together.

use nullcline_dynamics::MapError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::convolution::MAX_LAYERS;
use crate::encoder::EncoderPlan;
use crate::latent::LatentFamily;
use crate::observation::ObservationKind;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPlan {
    pub family: LatentFamily,
    pub latent_dim: usize,
    pub hidden_dim: usize,
    pub observation: ObservationKind,
    pub encoder: EncoderPlan,
    /// Gaussian recordings with more channels are seen through this many principal components.
    pub max_observed_dim: usize,
}

impl ModelPlan {
    /// Samples before the first state of a sequence that it cannot do without: those the encoder looks back on, and
    /// states that still show.
    pub fn needed_context(&self, has_gaps: bool) -> usize {
        self.encoder.needed_context(has_gaps) + self.observation.memory()
    }

    /// Dimensions in which a recording of `n_channels` is seen: as many, or so many principal components.
    pub(crate) fn observed_dim(&self, n_channels: usize) -> usize {
        if self.observation.is_counts() { n_channels } else { n_channels.min(self.max_observed_dim) }
    }

    pub(crate) fn check(&self, n_channels: usize) -> Result<(), ModelError> {
        let ModelPlan { latent_dim: latent, hidden_dim: hidden, .. } = *self;
        let observed = self.observed_dim(n_channels);
        let encoder_is_empty = match self.encoder {
            EncoderPlan::PseudoInverse => false,
            EncoderPlan::Delays { lags } => lags == 0,
            EncoderPlan::Convolutional { kernel, hidden, .. } => kernel == 0 || hidden == 0,
        };
        if latent == 0 || hidden == 0 || observed == 0 || encoder_is_empty {
            return Err(ModelError::EmptyModel { latent, hidden, observed });
        }
        match self.encoder {
            EncoderPlan::Convolutional { layers, .. } if layers == 0 || layers > MAX_LAYERS => {
                return Err(ModelError::EncoderLayers { found: layers });
            }
            EncoderPlan::Convolutional { .. } => {}
            _ if self.observation != ObservationKind::Gaussian => {
                return Err(ModelError::NeedsConvolution(self.observation));
            }
            EncoderPlan::PseudoInverse if latent > observed => {
                return Err(ModelError::MoreLatentThanObserved { latent, observed });
            }
            EncoderPlan::PseudoInverse => {}
            EncoderPlan::Delays { lags } if latent > lags * observed => {
                return Err(ModelError::MoreLatentThanDelays { latent, lags, observed });
            }
            EncoderPlan::Delays { .. } => {}
        }
        match self.observation {
            ObservationKind::Bold { tr_secs } if !(MIN_TR_SECS..=MAX_TR_SECS).contains(&tr_secs) => {
                Err(ModelError::RepetitionTime { found: tr_secs })
            }
            _ => Ok(()),
        }
    }
}

/// Outside, the haemodynamic response is not sampled as such: it lasts 32 s.
const MIN_TR_SECS: f64 = 0.05;
const MAX_TR_SECS: f64 = 8.0;

#[derive(Debug, Error)]
pub enum ModelError {
    #[error("need positive latent, hidden, observed and encoder dimensions, found {latent}, {hidden} and {observed}")]
    EmptyModel { latent: usize, hidden: usize, observed: usize },
    #[error("need a convolutional encoder for {0} observations, found a linear one")]
    NeedsConvolution(ObservationKind),
    #[error("need shPLRNN or clippedShPLRNN to start from a linear model, found {0}")]
    NoLinearStart(LatentFamily),
    #[error("need Poisson counts to start from windows, found {0} observations")]
    NoWindowStart(ObservationKind),
    #[error("need shPLRNN or clippedShPLRNN to start from windows, found {0}")]
    NoWindowFamily(LatentFamily),
    #[error("need counts without external inputs to start from windows, found {found} inputs")]
    WindowInputs { found: usize },
    #[error("need a model of {needed} channels to read states from windows of counts, found a recording of {found}")]
    WindowChannels { needed: usize, found: usize },
    #[error("need a model whose orbits stay finite to read states from windows of counts, found that they leave")]
    WindowOrbits,
    #[error("need {needed} windows of {window} bins in one piece in the fit part to start from, found {found}")]
    TooFewWindows { needed: usize, window: usize, found: usize },
    #[error("need an encoder of 1 to {MAX_LAYERS} layers, found {found}")]
    EncoderLayers { found: usize },
    #[error(
        "need a time from volume to volume of {MIN_TR_SECS} to {MAX_TR_SECS} s for BOLD observations, found {found}"
    )]
    RepetitionTime { found: f64 },
    #[error("need samples of every channel in the training part, found none of channel {}", .channel + 1)]
    NothingSeen { channel: usize },
    #[error("need a recording that changes, found every channel constant in the training part")]
    NothingChanges,
    #[error(
        "need at most as many latent dimensions as observed ones for the pseudo-inverse, found {latent} of {observed}"
    )]
    MoreLatentThanObserved { latent: usize, observed: usize },
    #[error(
        "need at most {lags} · {observed} latent dimensions for {lags} delays of {observed} channels, found {latent}"
    )]
    MoreLatentThanDelays { latent: usize, lags: usize, observed: usize },
    #[error("need a tensor {name:?} of shape {needed:?}, found {found}")]
    Weights { name: String, needed: Vec<usize>, found: String },
    #[error("the learned map cannot be frozen: {0}")]
    Frozen(#[from] MapError),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
