//! The model of one recording: encoder, latent RNN, observation.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Device, Tensor, Var};
use nalgebra::DMatrix;
use nullcline_dynamics::MapError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::convolution::MAX_LAYERS;
use crate::encoder::{Encoder, EncoderPlan, Sight};
use crate::latent::{LatentFamily, LatentParameters, LatentShape, LinearMap};
use crate::observation::{Observation, ObservationKind};
use crate::simulation::{FrozenModel, ProcessNoise};
use crate::{Projection, Series};

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
    fn check(&self, observed: usize) -> Result<(), ModelError> {
        let ModelPlan { latent_dim: latent, hidden_dim: hidden, .. } = *self;
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
    #[error("need an encoder of 1 to {MAX_LAYERS} layers, found {found}")]
    EncoderLayers { found: usize },
    #[error(
        "need a time from volume to volume of {MIN_TR_SECS} to {MAX_TR_SECS} s for BOLD observations, found {found}"
    )]
    RepetitionTime { found: f64 },
    #[error("need samples of every channel in the training part, found none of channel {channel}")]
    NothingSeen { channel: usize },
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

/// A generative model of one recording: `z_{t+1} = F(z_t, s_t)`, `x_t ~ p(x | z_t)`, `z̄_t ~ q(z | x_{≤t})`.
#[derive(Clone, Debug)]
pub struct SequenceVae {
    pub plan: ModelPlan,
    pub projection: Projection,
    pub latent: LatentParameters,
    pub(crate) encoder: Encoder,
    pub(crate) observation: Observation,
    /// Process noise `log σ: [M]` of the prior `p(z_{t+1} | z_t)`; an encoder that gives points needs none.
    pub(crate) process_log_std: Option<Var>,
    /// What free simulations draw; set by [`estimate_noise`](Self::estimate_noise).
    pub noise: ProcessNoise,
}

impl SequenceVae {
    /// A model with random weights, its observation part set from `training` rows of `series`.
    pub fn init(
        rng: &mut impl Rng,
        plan: &ModelPlan,
        series: &Series,
        training: Range<usize>,
    ) -> Result<Self, ModelError> {
        let rows = series.rows(training.clone());
        let n = series.n_channels;
        let unseen = |&channel: &usize| rows.iter().skip(channel).step_by(n).all(|x| x.is_nan());
        if let Some(channel) = (0..n).find(unseen) {
            return Err(ModelError::NothingSeen { channel });
        }
        let projection = match plan.observation {
            kind if !kind.is_counts() && n > plan.max_observed_dim => {
                Projection::principal(rows, n, plan.max_observed_dim)
            }
            _ => Projection::identity(n),
        };
        let observed = projection.n_components();
        plan.check(observed)?;
        let ModelPlan { latent_dim: latent, hidden_dim: hidden, .. } = *plan;
        let sight = Sight { observation: plan.observation, n_channels: observed, has_gaps: !series.is_complete() };
        let shape = LatentShape { latent_dim: latent, hidden_dim: hidden, input_dim: series.n_inputs };
        let process_log_std = match plan.encoder.is_deterministic() {
            true => None,
            false => Some(Var::from_tensor(&Tensor::full(-1.0f32, latent, &Device::Cpu)?)?),
        };
        let seen = projection.apply(rows);
        let model = Self {
            latent: LatentParameters::init(rng, plan.family, shape)?,
            encoder: Encoder::init(rng, plan.encoder, sight, &seen, latent)?,
            observation: Observation::init(rng, plan.observation, &seen, latent, series.n_nuisance)?,
            process_log_std,
            projection,
            noise: ProcessNoise::none(latent),
            plan: plan.clone(),
        };
        if let Encoder::Delays(_) = model.encoder {
            model.observation.fit(&model.encode(series, training)?, &seen)?;
        }
        Ok(model)
    }

    /// Sets the latent map to the linear one that best foretells the encoded states in `range` of `series`.
    pub fn start_linear(&self, series: &Series, range: Range<usize>) -> Result<(), ModelError> {
        let steps = self.encoded_steps(series, range)?;
        let (m, k) = (self.plan.latent_dim, series.n_inputs);
        let rows = |width: usize, at: &dyn Fn(&EncodedStep<'_>) -> Vec<f64>| {
            DMatrix::from_row_iterator(steps.len(), width, steps.iter().flat_map(at))
        };
        let with_input = |step: &EncodedStep<'_>| {
            step.from.iter().copied().chain(step.input.iter().map(|&s| f64::from(s))).collect()
        };
        let (from, to) = (rows(m + k, &with_input), rows(m, &|step| step.to.clone()));
        let weight = self.observation.freeze()?.weight;
        let Some(linear) = LinearMap::fit(&from, &to, &weight) else { return Ok(()) };
        match self.latent.start_linear(&linear, &to)? {
            true => Ok(()),
            false => Err(ModelError::NoLinearStart(self.plan.family)),
        }
    }

    /// Samples before the first state of a sequence: what the encoder looks back on, and states that still show.
    pub fn context(&self) -> usize {
        self.plan.encoder.context() + self.plan.observation.memory()
    }

    /// `B: [D, M]`.
    pub fn observation_weight(&self) -> &Var {
        &self.observation.weight
    }

    /// As far as they must be there; where the encoder knows of gaps, its context may be one.
    pub fn needed_context(&self) -> usize {
        self.encoder.needed_context() + self.plan.observation.memory()
    }

    /// Posterior means `[range.len(), M]`; a row is NaN where the samples of its run inside `range` do not say enough
    /// for a state: at the start of a run, before the encoder has its context, and in gaps.
    pub fn encode(&self, series: &Series, range: Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        let mut states = DMatrix::from_element(range.len(), self.plan.latent_dim, f64::NAN);
        let context = self.plan.encoder.context();
        let needed = self.encoder.needed_context();
        for run in series.runs(range.clone()).into_iter().filter(|run| run.len() > needed) {
            let y = self.projection.apply(series.rows(run.clone()));
            let (n, d) = y.shape();
            // What an encoder that knows of gaps would see before the run is one.
            let mut values = vec![f32::NAN; (context - needed) * d];
            values.extend(y.transpose().iter().map(|&v| v as f32));
            let gaps = values.iter().any(|value| value.is_nan());
            let y = Tensor::from_vec(values, (1, n + context - needed, d), &Device::Cpu)?;
            let nuisance = series.n_nuisance;
            let regressors = &series.nuisance[run.start * nuisance..run.end * nuisance];
            let regressors = match nuisance {
                0 => None,
                r => Some(Tensor::from_slice(regressors, (1, n, r), &Device::Cpu)?),
            };
            let posterior = self.encoder.encode(&y, regressors.as_ref(), gaps, &self.observation)?;
            let mean = posterior.mean.squeeze(0)?.to_vec2::<f32>()?;
            for (t, z) in mean.iter().enumerate() {
                if posterior.seen.as_ref().is_none_or(|seen| seen[t]) {
                    let row = run.start - range.start + needed + t;
                    states.row_mut(row).iter_mut().zip(z).for_each(|(to, &from)| *to = f64::from(from));
                }
            }
        }
        Ok(states)
    }

    /// The only way to `dynamics`: everything that generates, in f64, no longer learning.
    pub fn freeze(&self) -> Result<FrozenModel, ModelError> {
        let m = self.plan.latent_dim;
        let input_weights = self.latent.input_weights()?;
        Ok(FrozenModel {
            map: self.latent.freeze()??,
            input_weights: DMatrix::from_row_slice(m, input_weights.len() / m, &input_weights),
            observation: self.observation.freeze()?,
            noise: self.noise.clone(),
        })
    }

    /// Sets the process noise: the learned prior, or, where the encoder gives points, what one-step predictions
    /// leave over in `range` of `series`.
    pub fn estimate_noise(&mut self, series: &Series, range: Range<usize>) -> Result<(), ModelError> {
        self.noise = match &self.process_log_std {
            Some(log_std) => {
                let std: Vec<f64> = log_std.to_vec1::<f32>()?.iter().map(|&v| f64::from(v).exp()).collect();
                ProcessNoise { cholesky: DMatrix::from_diagonal(&std.into()), used: true }
            }
            None => ProcessNoise::of_residuals(&self.one_step_residuals(series, range)?),
        };
        Ok(())
    }

    /// `z̄_{t+1} − F(z̄_t, s_t)` where both states are known, inside the runs of `range`: `[≤ T − 1, M]`.
    fn one_step_residuals(&self, series: &Series, range: Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        let m = self.plan.latent_dim;
        let frozen = self.freeze()?;
        let steps = self.encoded_steps(series, range)?;
        let mut residuals = Vec::with_capacity(steps.len() * m);
        let mut scratch = Vec::new();
        for EncodedStep { mut from, to, input } in steps {
            frozen.step(&mut from, input, &mut scratch);
            residuals.extend(to.iter().zip(&from).map(|(reached, predicted)| reached - predicted));
        }
        Ok(DMatrix::from_row_slice(residuals.len() / m, m, &residuals))
    }

    /// The steps inside the runs of `range` of which both states are known.
    pub(crate) fn encoded_steps<'a>(
        &self,
        series: &'a Series,
        range: Range<usize>,
    ) -> Result<Vec<EncodedStep<'a>>, ModelError> {
        let encoded = self.encode(series, range.clone())?;
        let state = |t: usize| {
            let row: Vec<f64> = encoded.row(t - range.start).iter().copied().collect();
            (!row.iter().any(|value| value.is_nan())).then_some(row)
        };
        let runs = series.runs(range.clone());
        let steps = runs.into_iter().flat_map(|run| run.start..run.end - 1);
        Ok(steps
            .filter_map(|t| Some(EncodedStep { from: state(t)?, to: state(t + 1)?, input: series.input_at(t) }))
            .collect())
    }

    /// Every learned variable, in a fixed order.
    pub fn variables(&self) -> Vec<Var> {
        self.named().into_iter().map(|(_, var)| var.clone()).collect()
    }

    pub fn n_parameters(&self) -> usize {
        let latent: usize = self.latent.named().iter().map(|(_, var)| var.elem_count()).sum();
        self.named().iter().map(|(_, var)| var.elem_count()).sum::<usize>() - latent + self.latent.n_parameters()
    }

    pub(crate) fn named(&self) -> Vec<(String, &Var)> {
        let prefixed = |part: &'static str| move |(name, var)| (format!("{part}.{name}"), var);
        let mut named: Vec<(String, &Var)> = self.latent.named().into_iter().map(prefixed("latent")).collect();
        named.extend(self.encoder.named().into_iter().map(prefixed("encoder")));
        named.extend(self.observation.named().into_iter().map(prefixed("observation")));
        named.extend(self.process_log_std.as_ref().map(|var| ("prior.log_std".to_string(), var)));
        named
    }

    /// Copies of the weights by name, with the projection (f64), for the disk.
    pub fn to_tensors(&self) -> Result<BTreeMap<String, Tensor>, ModelError> {
        let mut tensors = BTreeMap::new();
        for (name, var) in self.named() {
            tensors.insert(name, var.as_tensor().copy()?);
        }
        let Projection { mean, axes, scale, explained } = &self.projection;
        let axes_rows: Vec<f64> = axes.transpose().iter().copied().collect();
        tensors.insert("projection.axes".into(), Tensor::from_vec(axes_rows, axes.shape(), &Device::Cpu)?);
        tensors.insert("projection.mean".into(), Tensor::from_vec(mean.clone(), mean.len(), &Device::Cpu)?);
        let noise_rows: Vec<f64> = self.noise.cholesky.transpose().iter().copied().collect();
        tensors
            .insert("noise.cholesky".into(), Tensor::from_vec(noise_rows, self.noise.cholesky.shape(), &Device::Cpu)?);
        tensors.insert("noise.used".into(), Tensor::new(&[f64::from(u8::from(self.noise.used))], &Device::Cpu)?);
        tensors.insert("projection.scale".into(), Tensor::new(&[*scale, *explained], &Device::Cpu)?);
        Ok(tensors)
    }

    /// The model that [`to_tensors`](Self::to_tensors) wrote down.
    pub fn from_tensors(plan: &ModelPlan, tensors: &BTreeMap<String, Tensor>) -> Result<Self, ModelError> {
        let get = |name: &str| {
            tensors.get(name).ok_or_else(|| ModelError::Weights {
                name: name.to_string(),
                needed: Vec::new(),
                found: "nothing".to_string(),
            })
        };
        let axes = get("projection.axes")?;
        let (n, d) = axes.dims2()?;
        plan.check(d)?;
        let scale = exactly(get("projection.scale")?, "projection.scale", 2)?;
        let projection = Projection {
            mean: exactly(get("projection.mean")?, "projection.mean", n)?,
            axes: DMatrix::from_row_slice(n, d, &exactly(axes, "projection.axes", n * d)?),
            scale: scale[0],
            explained: scale[1],
        };
        let noise = ProcessNoise {
            cholesky: DMatrix::from_row_slice(
                plan.latent_dim,
                plan.latent_dim,
                &exactly(get("noise.cholesky")?, "noise.cholesky", plan.latent_dim.pow(2))?,
            ),
            used: exactly(get("noise.used")?, "noise.used", 1)?[0] > 0.0,
        };
        let input_dim = tensors.get("latent.C").map_or(Ok(0), |c| c.dim(1))?;
        let n_nuisance = tensors.get("observation.J").map_or(Ok(0), |j| j.dim(1))?;
        // An encoder that knows of gaps has twice the weights: a sample, and whether it is missing.
        let has_gaps = match plan.encoder {
            EncoderPlan::PseudoInverse | EncoderPlan::Delays { .. } => false,
            EncoderPlan::Convolutional { kernel, .. } => get("encoder.kernel")?.dim(0)? == 2 * kernel * d,
        };
        let sight = Sight { observation: plan.observation, n_channels: d, has_gaps };
        let shape = LatentShape { latent_dim: plan.latent_dim, hidden_dim: plan.hidden_dim, input_dim };
        // The values drawn here are all replaced below; what stays is which variables there are.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let blank = DMatrix::zeros(2, d);
        let model = Self {
            plan: plan.clone(),
            latent: LatentParameters::init(&mut rng, plan.family, shape)?,
            encoder: Encoder::init(&mut rng, plan.encoder, sight, &blank, plan.latent_dim)?,
            observation: Observation::init(&mut rng, plan.observation, &blank, plan.latent_dim, n_nuisance)?,
            process_log_std: match plan.encoder.is_deterministic() {
                true => None,
                false => Some(Var::zeros(plan.latent_dim, candle_core::DType::F32, &Device::Cpu)?),
            },
            projection,
            noise,
        };
        for (name, var) in model.named() {
            let saved = get(&name)?;
            if saved.dims() != var.dims() {
                let (needed, found) = (var.dims().to_vec(), format!("{:?}", saved.dims()));
                return Err(ModelError::Weights { name, needed, found });
            }
            var.set(&saved.copy()?)?;
        }
        Ok(model)
    }
}

/// `z̄_t`, `z̄_{t+1}` and `s_t`.
pub(crate) struct EncodedStep<'a> {
    pub from: Vec<f64>,
    pub to: Vec<f64>,
    pub input: &'a [f32],
}

/// The values of an f64 tensor of `n` elements.
fn exactly(tensor: &Tensor, name: &str, n: usize) -> Result<Vec<f64>, ModelError> {
    let values = tensor.flatten_all()?.to_vec1::<f64>()?;
    if values.len() != n {
        let (needed, found) = (vec![n], format!("{:?}", tensor.dims()));
        return Err(ModelError::Weights { name: name.to_string(), needed, found });
    }
    Ok(values)
}
