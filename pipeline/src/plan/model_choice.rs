//! The model of a run file, and what it becomes for one recording.

use anyhow::{Result, bail};
use clap::ValueEnum;
use nullcline_datasets::Modality;
use nullcline_models::latent::LatentFamily;
use nullcline_models::{EncoderPlan, ModelPlan, ObservationKind};
use serde::{Deserialize, Serialize};

/// The model, as far as it does not depend on the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelChoice {
    pub family: LatentFamily,
    pub latent_dim: usize,
    /// Hidden units of a shPLRNN; relu units of an ALRNN.
    pub hidden_dim: usize,
    /// EEG and fMRI with more channels are seen through this many principal components.
    pub components: usize,
    /// How the latent state shows in the recording.
    pub observation: ObservationChoice,
    /// How the latent state is read from the recording.
    pub encoder: EncoderChoice,
    /// Samples that delays, or each layer of a convolutional encoder, look back on, the present one included.
    pub encoder_kernel: usize,
    pub encoder_hidden: usize,
    /// One or two.
    pub encoder_layers: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ObservationChoice {
    /// Poisson for spike counts, Gaussian for everything else.
    #[default]
    Auto,
    Gaussian,
    Poisson,
    NegativeBinomial,
    ZeroInflatedPoisson,
    /// Gaussian, seen through the canonical haemodynamic response.
    Bold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderChoice {
    /// Pseudo-inverse for Gaussian observations, convolutional for all others.
    #[default]
    Auto,
    PseudoInverse,
    /// A linear map of the last samples, as many as the encoder's kernel says, for Gaussian observations.
    Delays,
    Convolutional,
}

impl Default for ModelChoice {
    fn default() -> Self {
        Self {
            family: LatentFamily::Shallow,
            latent_dim: 8,
            hidden_dim: 50,
            components: 8,
            observation: ObservationChoice::default(),
            encoder: EncoderChoice::default(),
            encoder_kernel: 8,
            encoder_hidden: 32,
            encoder_layers: 1,
        }
    }
}

impl ModelChoice {
    /// The model of a recording with `n_channels` channels, one sample every `step_secs`.
    pub fn for_recording(&self, modality: Modality, n_channels: usize, step_secs: f64) -> Result<ModelPlan> {
        let observation = match (self.observation, modality) {
            (ObservationChoice::Auto, Modality::Spikes) => ObservationChoice::Poisson,
            (ObservationChoice::Auto, Modality::Eeg | Modality::Meg | Modality::Bold) => ObservationChoice::Gaussian,
            (chosen, _) => chosen,
        };
        let observation = observation.at(Some(step_secs))?;
        if observation.is_counts() != (modality == Modality::Spikes) {
            bail!("need model.observation for {modality}, found {observation}");
        }
        Ok(self.with_observation(observation, n_channels))
    }

    /// The model of `n_channels` channels that are observed so.
    pub fn with_observation(&self, observation: ObservationKind, n_channels: usize) -> ModelPlan {
        let convolutional = EncoderPlan::Convolutional {
            kernel: self.encoder_kernel,
            hidden: self.encoder_hidden,
            layers: self.encoder_layers,
        };
        let encoder = match (self.encoder, observation) {
            (EncoderChoice::Auto, ObservationKind::Gaussian) => EncoderPlan::PseudoInverse,
            (EncoderChoice::PseudoInverse, _) => EncoderPlan::PseudoInverse,
            (EncoderChoice::Delays, _) => EncoderPlan::Delays { lags: self.encoder_kernel },
            (EncoderChoice::Auto | EncoderChoice::Convolutional, _) => convolutional,
        };
        let observed = n_channels.min(self.components);
        let latent_dim = match encoder {
            EncoderPlan::PseudoInverse => self.latent_dim.min(observed),
            EncoderPlan::Delays { lags } => self.latent_dim.min(lags * observed),
            EncoderPlan::Convolutional { .. } => self.latent_dim,
        };
        ModelPlan {
            family: self.family,
            latent_dim,
            hidden_dim: self.hidden_dim,
            observation,
            encoder,
            max_observed_dim: self.components,
        }
    }
}

impl ObservationChoice {
    /// For samples every `step_secs`, which BOLD must know; an array whose kind nobody told is Gaussian.
    pub fn at(self, step_secs: Option<f64>) -> Result<ObservationKind> {
        Ok(match self {
            ObservationChoice::Auto | ObservationChoice::Gaussian => ObservationKind::Gaussian,
            ObservationChoice::Poisson => ObservationKind::Poisson,
            ObservationChoice::NegativeBinomial => ObservationKind::NegativeBinomial,
            ObservationChoice::ZeroInflatedPoisson => ObservationKind::ZeroInflatedPoisson,
            ObservationChoice::Bold => match step_secs {
                Some(tr_secs) => ObservationKind::Bold { tr_secs },
                None => bail!("need the time from volume to volume for BOLD observations (--tr-secs), found none"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_must_fit_the_recording() {
        let choice = |observation| ModelChoice { observation, ..ModelChoice::default() };
        let bold = choice(ObservationChoice::Bold).for_recording(Modality::Bold, 20, 2.0).unwrap();
        assert_eq!(bold.observation, ObservationKind::Bold { tr_secs: 2.0 });
        assert_eq!(bold.encoder, EncoderPlan::Convolutional { kernel: 8, hidden: 32, layers: 1 });
        let delays =
            ModelChoice { encoder: EncoderChoice::Delays, encoder_kernel: 3, latent_dim: 50, ..ModelChoice::default() };
        let plan = delays.with_observation(ObservationKind::Gaussian, 4);
        assert_eq!((plan.encoder, plan.latent_dim), (EncoderPlan::Delays { lags: 3 }, 12));
        let counts = choice(ObservationChoice::NegativeBinomial);
        assert!(counts.for_recording(Modality::Spikes, 20, 0.1).is_ok());
        let message = counts.for_recording(Modality::Eeg, 20, 0.1).unwrap_err().to_string();
        assert_eq!(message, "need model.observation for EEG, found negative binomial");
    }
}
