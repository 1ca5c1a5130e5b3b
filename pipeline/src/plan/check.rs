//! Values that a run file can hold and no run can use.

use anyhow::{Result, bail};
use clap::ValueEnum;
use nullcline_models::latent::LatentFamily;
use nullcline_models::training::{ForcingKind, Start};
use nullcline_models::{EncoderPlan, SplitPlan};

use super::{EncoderChoice, ModelChoice, ObservationChoice, RunPlan};

impl RunPlan {
    /// Values that would only fail deep inside.
    pub fn checked(self) -> Result<Self> {
        let positive = [
            ("refits", self.refits),
            ("model.latent_dim", self.model.latent_dim),
            ("model.hidden_dim", self.model.hidden_dim),
            ("model.components", self.model.components),
            ("model.encoder_kernel", self.model.encoder_kernel),
            ("model.encoder_hidden", self.model.encoder_hidden),
            ("model.encoder_layers", self.model.encoder_layers),
            ("train.batches_per_epoch", self.train.batches_per_epoch),
            ("train.batch_size", self.train.batch_size),
            ("train.sequence_length", self.train.sequence_length),
            ("judge.prediction_steps", self.judge.prediction_steps),
            ("judge.bins", self.judge.bins),
            ("judge.mixture_samples", self.judge.mixture_samples),
            ("judge.simulations", self.judge.simulations),
            ("analyse.starts", self.analyse.starts),
            ("analyse.steps", self.analyse.steps),
            ("compare.permutations", self.compare.permutations),
            ("judge.count_components", self.judge.count_components),
        ];
        for (name, value) in positive {
            if value == 0 {
                bail!("need a positive {name}, found 0");
            }
        }
        // A start from windows may be the whole training.
        if self.train.epochs == 0 && self.train.start != Start::Windows {
            bail!("need a positive train.epochs, found 0");
        }
        if self.train.forcing == ForcingKind::Sparse && self.train.forcing_interval == 0 {
            bail!("need a positive train.forcing_interval for sparse forcing, found 0");
        }
        let family = self.model.family;
        if self.train.start == Start::Linear && !matches!(family, LatentFamily::Shallow | LatentFamily::ClippedShallow)
        {
            bail!("need shPLRNN or clippedShPLRNN for train.start = \"linear\", found {family}");
        }
        let ModelChoice { encoder, encoder_layers: layers, observation, .. } = self.model;
        if self.train.start == Start::Windows {
            if !matches!(family, LatentFamily::Shallow | LatentFamily::ClippedShallow) {
                bail!("need shPLRNN or clippedShPLRNN for train.start = \"windows\", found {family}");
            }
            if !matches!(observation, ObservationChoice::Auto | ObservationChoice::Poisson) {
                bail!("need Poisson counts for train.start = \"windows\", found {}", name(observation));
            }
        }
        if layers > EncoderPlan::MAX_LAYERS {
            bail!("need model.encoder_layers of at most {}, found {layers}", EncoderPlan::MAX_LAYERS);
        }
        let is_linear = matches!(encoder, EncoderChoice::PseudoInverse | EncoderChoice::Delays);
        let sees_gaussian = matches!(observation, ObservationChoice::Auto | ObservationChoice::Gaussian);
        if is_linear && !sees_gaussian {
            bail!("need Gaussian observations for model.encoder = {:?}, found {}", name(encoder), name(observation));
        }
        let not_negative = [
            ("train.weight_decay", self.train.weight_decay),
            ("train.latent_penalty", self.train.latent_penalty),
            ("train.observation_penalty", self.train.observation_penalty),
        ];
        for (name, value) in not_negative {
            if !(value >= 0.0 && value.is_finite()) {
                bail!("need {name} of 0 or more, found {value}");
            }
        }
        let [first, last] = self.train.learning_rate;
        if !(first > 0.0 && last > 0.0 && first.is_finite() && last.is_finite()) {
            bail!("need positive learning rates, found {first} and {last}");
        }
        let SplitPlan { train_fraction, validation_fraction } = self.split;
        let shares = [
            ("split.train_fraction", train_fraction),
            ("split.validation_fraction", validation_fraction),
            ("compare.alpha", self.compare.alpha),
        ];
        for (name, share) in shares {
            if !(share > 0.0 && share < 1.0) {
                bail!("need {name} between 0 and 1, found {share}");
            }
        }
        // Above 1 a model may be worse than a constant: odd, and yet what somebody may want to see.
        if self.judge.faithful_share.is_nan() || self.judge.faithful_share <= 0.0 {
            bail!("need a positive judge.faithful_share, found {}", self.judge.faithful_share);
        }
        if !(self.train.max_gradient_norm > 0.0 && self.cleaning.spikes.bin_secs > 0.0) {
            let (norm, secs) = (self.train.max_gradient_norm, self.cleaning.spikes.bin_secs);
            bail!("need positive train.max_gradient_norm and cleaning.spikes.bin_secs, found {norm} and {secs}");
        }
        // Five dimensions of bins must be countable in 64 bits.
        if self.judge.bins > 1000 {
            bail!("need judge.bins of at most 1000, found {}", self.judge.bins);
        }
        if self.train.sequence_length < 2 {
            bail!("need train.sequence_length of at least 2, found {}", self.train.sequence_length);
        }
        if self.train.alpha.iter().any(|alpha| !(0.0..=1.0).contains(alpha)) {
            bail!("need train.alpha between 0 and 1, found {:?}", self.train.alpha);
        }
        Ok(self)
    }
}

/// As it is written in run files.
fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
}
