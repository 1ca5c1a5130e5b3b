//! Every scientific choice of a run, complete, in one value that can be written down.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use nullcline_datasets::{CleaningPlan, Modality};
use nullcline_dynamics::{AttractorPlan, CycleSearchPlan, FixedPointPlan, PortraitPlan};
use nullcline_models::judging::JudgePlan;
use nullcline_models::latent::LatentFamily;
use nullcline_models::training::{ForcingKind, Start, TrainPlan};
use nullcline_models::{EncoderPlan, ModelPlan, ObservationKind, SplitPlan};
use serde::{Deserialize, Serialize};

/// A run file (`--config run.toml`) sets any of these; what it leaves out has its default, and
/// `OUT/logs/run.toml` shows all of them as they were used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunPlan {
    pub seed: u64,
    /// Models trained per subject, each with its own seed.
    pub refits: usize,
    pub recordings: RecordingChoice,
    pub cleaning: CleaningPlan,
    pub split: SplitPlan,
    pub model: ModelChoice,
    pub train: TrainPlan,
    pub judge: JudgePlan,
    pub analyse: AnalysePlan,
    pub compare: ComparePlan,
}

impl Default for RunPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            refits: 3,
            recordings: RecordingChoice::default(),
            cleaning: CleaningPlan::default(),
            split: SplitPlan::default(),
            model: ModelChoice::default(),
            train: TrainPlan::default(),
            judge: JudgePlan::default(),
            analyse: AnalysePlan::default(),
            compare: ComparePlan::default(),
        }
    }
}

/// Which of a subject's recordings is used: exactly one must be left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingChoice {
    pub task: Option<String>,
    pub session: Option<String>,
    pub run: Option<String>,
    /// Other entities of the file name, such as `seg = "Schaefer200"`.
    pub entities: BTreeMap<String, String>,
}

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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderChoice {
    /// Pseudo-inverse for Gaussian observations, convolutional for all others.
    #[default]
    Auto,
    PseudoInverse,
    /// A linear map of the last `encoder_kernel` samples, for Gaussian observations.
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
            (ObservationChoice::Auto, Modality::Eeg | Modality::Bold) => ObservationChoice::Gaussian,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysePlan {
    /// Encoded states of the recording from which orbits are started; basins are shares of these.
    pub starts: usize,
    pub transient: usize,
    pub steps: usize,
    /// Fixed points: decide every pattern of the hidden units when there are no more than this,
    pub max_patterns: usize,
    /// else divide space into at most this many boxes,
    pub max_boxes: usize,
    /// else list every linear region when there are no more than this.
    pub max_regions: usize,
    /// Linear systems solved at most by the search where enumeration is out of reach.
    pub max_solves: usize,
    /// The longest period of cycles looked for.
    pub max_period: usize,
    /// Polygons followed at most, in one and two dimensions, where the list of cycles is proven to be complete.
    pub max_polygons: usize,
    /// Steps composed at most by the search for cycles elsewhere.
    pub max_cycle_steps: usize,
    /// Columns and rows of the picture of the basins on the subject's page; 0 for no picture.
    pub picture_cells: usize,
}

impl Default for AnalysePlan {
    fn default() -> Self {
        Self {
            starts: 100,
            transient: 1000,
            steps: 1000,
            max_patterns: 1 << 20,
            max_boxes: 50_000,
            max_regions: 4096,
            max_solves: 20_000,
            max_period: 100,
            max_polygons: 1_000_000,
            max_cycle_steps: 100_000,
            picture_cells: 48,
        }
    }
}

impl AnalysePlan {
    pub fn portrait_plan(&self, latent_dim: usize) -> PortraitPlan {
        PortraitPlan {
            fixed_points: FixedPointPlan {
                max_regions: self.max_regions,
                max_patterns: self.max_patterns,
                max_boxes: self.max_boxes,
                max_solves: self.max_solves,
                residual_tolerance: 1e-10,
                merge_distance: 1e-6,
                marginal_tolerance: 1e-6,
            },
            cycles: CycleSearchPlan {
                max_period: self.max_period,
                max_polygons: self.max_polygons,
                max_steps: self.max_cycle_steps,
                residual_tolerance: 1e-10,
                merge_distance: 1e-6,
                marginal_tolerance: 1e-6,
            },
            attractors: AttractorPlan {
                transient: self.transient,
                steps: self.steps,
                extra_rounds: 3,
                divergence_bound: 1e6,
                max_period: 200.min(self.steps / 2),
                arrival_distance: 1e-6,
                merge_distance: 0.05,
                exponent_steps: 20_000,
                neutral_growth: 5.0,
                marginal_tolerance: 1e-6,
                n_exponents: latent_dim,
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComparePlan {
    /// Column of participants.tsv that names the group; guessed only when just one has two values.
    pub group_column: Option<String>,
    /// The reference level of that column.
    pub control: Option<String>,
    /// The level compared with it; needed only where the column has more than two.
    pub versus: Option<String>,
    /// Columns to adjust for. Absent: `age` (or `age_days`) and `sex`, as far as they are there.
    pub covariates: Option<Vec<String>>,
    pub permutations: usize,
    pub alpha: f64,
    pub min_per_group: usize,
}

impl Default for ComparePlan {
    fn default() -> Self {
        Self {
            group_column: None,
            control: None,
            versus: None,
            covariates: None,
            permutations: 5000,
            alpha: 0.05,
            min_per_group: 3,
        }
    }
}

impl RunPlan {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("need a run file in TOML, could not read {}", path.display()))?;
        let plan: Self = toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            anyhow::anyhow!("{message}, in line {line} of {}", path.display())
        })?;
        plan.checked()
    }

    /// The settings in `text`, the others as they are by default.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str::<Self>(text)?.checked()
    }

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
            ("train.epochs", self.train.epochs),
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
        if self.train.forcing == ForcingKind::Sparse && self.train.forcing_interval == 0 {
            bail!("need a positive train.forcing_interval for sparse forcing, found 0");
        }
        let family = self.model.family;
        if self.train.start == Start::Linear && !matches!(family, LatentFamily::Shallow | LatentFamily::ClippedShallow)
        {
            bail!("need shPLRNN or clippedShPLRNN for train.start = \"linear\", found {family}");
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

    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a plan is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_plan_reads_back_as_itself() {
        let plan = RunPlan::default();
        assert_eq!(toml::from_str::<RunPlan>(&plan.to_toml()).unwrap(), plan);
    }

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

    #[test]
    fn an_unknown_setting_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "refits = 2\nlearning_rat = 3\n").unwrap();
        let message = RunPlan::read(&path).unwrap_err().to_string();
        assert!(message.contains("learning_rat") && message.contains("line 2"), "{message}");
    }
}
