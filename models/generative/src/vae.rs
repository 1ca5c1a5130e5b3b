//! The model of one recording: encoder, latent RNN, observation, joined by the evidence lower bound.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use candle_core::{D, Device, Tensor, Var};
use nalgebra::DMatrix;
use nullcline_dynamics::MapError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::encoder::{Encoder, EncoderPlan};
use crate::latent::{Forcing, LatentFamily, LatentParameters, LatentShape, Strength, Workspace, growth, rollout};
use crate::observation::{Observation, ObservationKind};
use crate::simulation::{FrozenModel, ProcessNoise};
use crate::{Projection, Series};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        let encoder_is_empty =
            matches!(self.encoder, EncoderPlan::Convolutional { kernel, hidden } if kernel == 0 || hidden == 0);
        if latent == 0 || hidden == 0 || observed == 0 || encoder_is_empty {
            return Err(ModelError::EmptyModel { latent, hidden, observed });
        }
        Ok(())
    }
}

#[derive(Debug, Error)]
pub enum ModelError {
    #[error("need positive latent, hidden, observed and encoder dimensions, found {latent}, {hidden} and {observed}")]
    EmptyModel { latent: usize, hidden: usize, observed: usize },
    #[error("need a convolutional encoder for {0} observations, found the pseudo-inverse")]
    PseudoInverseOfCounts(ObservationKind),
    #[error(
        "need at most as many latent dimensions as observed ones for the pseudo-inverse, found {latent} of {observed}"
    )]
    MoreLatentThanObserved { latent: usize, observed: usize },
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
    encoder: Encoder,
    observation: Observation,
    /// Process noise `log σ: [M]` of the prior `p(z_{t+1} | z_t)`; the pseudo-inverse needs none.
    process_log_std: Option<Var>,
    /// What free simulations draw; set by [`estimate_noise`](Self::estimate_noise).
    pub noise: ProcessNoise,
}

/// Terms of the training loss, in nats per time step, each a scalar tensor.
///
/// Reconstruction, consistency and entropy are the negative ELBO; prediction is the likelihood of the states
/// that the RNN itself reaches, added as in Brenner et al. (2024), ICML, so that it learns to run alone. With
/// the pseudo-inverse there is no `q`, and prediction is all.
pub struct ElboTerms {
    /// `−log p(x | z)` of the unforced states: what the RNN must predict.
    pub prediction: Tensor,
    /// `−E_q log p(x | z̄)`; absent for a deterministic encoder.
    pub reconstruction: Option<Tensor>,
    /// `−E_q log N(z̄_{t+1}; z_{t+1}, Σ)`.
    pub consistency: Option<Tensor>,
    /// Entropy of `q`, subtracted from the loss.
    pub entropy: Option<Tensor>,
}

impl ElboTerms {
    /// `prediction + reconstruction + consistency − entropy`.
    pub fn loss(&self) -> candle_core::Result<Tensor> {
        let mut loss = self.prediction.clone();
        for term in [&self.reconstruction, &self.consistency].into_iter().flatten() {
            loss = (loss + term)?;
        }
        match &self.entropy {
            None => Ok(loss),
            Some(entropy) => loss - entropy,
        }
    }
}

/// Sequences of one batch: `observed: [batch, context + T + 1, D]`, `inputs: [batch, T, K]`.
pub struct Batch {
    pub observed: Tensor,
    pub inputs: Option<Tensor>,
}

impl SequenceVae {
    /// A model with random weights, its observation part set from `training` rows of `series`.
    pub fn init(
        rng: &mut impl Rng,
        plan: &ModelPlan,
        series: &Series,
        training: std::ops::Range<usize>,
    ) -> Result<Self, ModelError> {
        let rows = series.rows(training);
        let n = series.n_channels;
        let projection = match plan.observation {
            kind if !kind.is_counts() && n > plan.max_observed_dim => {
                Projection::principal(rows, n, plan.max_observed_dim)
            }
            _ => Projection::identity(n),
        };
        let observed = projection.n_components();
        plan.check(observed)?;
        let ModelPlan { latent_dim: latent, hidden_dim: hidden, .. } = *plan;
        if plan.encoder == EncoderPlan::PseudoInverse {
            if plan.observation.is_counts() {
                return Err(ModelError::PseudoInverseOfCounts(plan.observation));
            }
            if latent > observed {
                return Err(ModelError::MoreLatentThanObserved { latent, observed });
            }
        }
        let shape = LatentShape { latent_dim: latent, hidden_dim: hidden, input_dim: series.n_inputs };
        let process_log_std = match plan.encoder {
            EncoderPlan::PseudoInverse => None,
            EncoderPlan::Convolutional { .. } => Some(Var::from_tensor(&Tensor::full(-1.0f32, latent, &Device::Cpu)?)?),
        };
        Ok(Self {
            latent: LatentParameters::init(rng, plan.family, shape)?,
            encoder: Encoder::init(rng, plan.encoder, observed, latent)?,
            observation: Observation::init(rng, plan.observation, &projection.apply(rows), latent)?,
            process_log_std,
            projection,
            noise: ProcessNoise::none(latent),
            plan: plan.clone(),
        })
    }

    /// The training loss of one batch, forced with `strength`.
    pub fn elbo(
        &self,
        rng: &mut impl Rng,
        workspace: &Workspace,
        batch: &Batch,
        strength: Strength<'_>,
    ) -> candle_core::Result<ElboTerms> {
        let posterior = self.encoder.encode(&batch.observed, &self.observation)?;
        let encoded = posterior.sample(rng)?;
        let n_steps = encoded.dim(1)? - 1;
        let context = self.plan.encoder.context();
        let driving = encoded.narrow(1, 0, n_steps)?;
        let targets = batch.observed.narrow(1, context + 1, n_steps)?.contiguous()?;
        let forcing = Forcing { states: &driving, strength };
        let states = rollout(workspace, &self.latent, forcing, batch.inputs.as_ref())?;
        let prediction = self.observation.log_prob(&targets, &states)?.mean_all()?.neg()?;
        let (Some(log_std), Some(process_log_std)) = (posterior.log_std, &self.process_log_std) else {
            return Ok(ElboTerms { prediction, reconstruction: None, consistency: None, entropy: None });
        };
        let reached = encoded.narrow(1, 1, n_steps)?.contiguous()?;
        let reconstruction = self.observation.log_prob(&targets, &reached)?.mean_all()?.neg()?;
        let half_log_tau = 0.5 * TAU.ln();
        let scaled = (reached - states)?.broadcast_mul(&process_log_std.neg()?.exp()?)?;
        let consistency =
            ((scaled.sqr()? * 0.5)?.broadcast_add(process_log_std)? + half_log_tau)?.sum(D::Minus1)?.mean_all()?;
        let entropy = (log_std.narrow(1, 1, n_steps)? + (0.5 + half_log_tau))?.sum(D::Minus1)?.mean_all()?;
        Ok(ElboTerms {
            prediction,
            reconstruction: Some(reconstruction),
            consistency: Some(consistency),
            entropy: Some(entropy),
        })
    }

    /// How fast nearby latent trajectories part along the forced ones of `batch`, per step.
    pub fn growth(&self, workspace: &Workspace, batch: &Batch, strength: Strength<'_>) -> candle_core::Result<f64> {
        let encoded = self.encoder.encode(&batch.observed, &self.observation)?.mean;
        let driving = encoded.narrow(1, 0, encoded.dim(1)? - 1)?.contiguous()?;
        growth(workspace, &self.latent, Forcing { states: &driving, strength }, batch.inputs.as_ref())
    }

    /// `B: [D, M]`.
    pub fn observation_weight(&self) -> &Var {
        &self.observation.weight
    }

    /// Posterior means of the rows from the first that has its context: `[T − context, M]`.
    pub fn encode(&self, rows: &[f32]) -> Result<DMatrix<f64>, ModelError> {
        let y = self.projection.apply(rows);
        let values: Vec<f32> = y.transpose().iter().map(|&v| v as f32).collect();
        let y = Tensor::from_vec(values, (1, y.nrows(), y.ncols()), &Device::Cpu)?;
        let mean = self.encoder.encode(&y, &self.observation)?.mean;
        let (_, n_steps, m) = mean.dims3()?;
        let values = mean.flatten_all()?.to_vec1::<f32>()?;
        Ok(DMatrix::from_row_iterator(n_steps, m, values.into_iter().map(f64::from)))
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

    /// Sets the process noise: the learned prior, or, for the pseudo-inverse, what one-step predictions
    /// leave over in `range` of `series`.
    pub fn estimate_noise(&mut self, series: &Series, range: std::ops::Range<usize>) -> Result<(), ModelError> {
        self.noise = match &self.process_log_std {
            Some(log_std) => {
                let std: Vec<f64> = log_std.to_vec1::<f32>()?.iter().map(|&v| f64::from(v).exp()).collect();
                ProcessNoise { cholesky: DMatrix::from_diagonal(&std.into()), used: true }
            }
            None => ProcessNoise::of_residuals(&self.one_step_residuals(series, range)?),
        };
        Ok(())
    }

    /// `z̄_{t+1} − F(z̄_t, s_t)`: `[T − 1, M]`.
    fn one_step_residuals(&self, series: &Series, range: std::ops::Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        let encoded = self.encode(series.rows(range.clone()))?;
        let frozen = self.freeze()?;
        let mut residuals = DMatrix::zeros(encoded.nrows() - 1, encoded.ncols());
        let mut scratch = Vec::new();
        for t in 0..residuals.nrows() {
            let mut z: Vec<f64> = encoded.row(t).iter().copied().collect();
            frozen.step(&mut z, series.input_at(range.start + t), &mut scratch);
            for (i, predicted) in z.iter().enumerate() {
                residuals[(t, i)] = encoded[(t + 1, i)] - predicted;
            }
        }
        Ok(residuals)
    }

    /// Every learned variable, in a fixed order.
    pub fn variables(&self) -> Vec<Var> {
        self.named().into_iter().map(|(_, var)| var.clone()).collect()
    }

    pub fn n_parameters(&self) -> usize {
        let latent: usize = self.latent.named().iter().map(|(_, var)| var.elem_count()).sum();
        self.named().iter().map(|(_, var)| var.elem_count()).sum::<usize>() - latent + self.latent.n_parameters()
    }

    fn named(&self) -> Vec<(String, &Var)> {
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
        let shape = LatentShape { latent_dim: plan.latent_dim, hidden_dim: plan.hidden_dim, input_dim };
        // The values drawn here are all replaced below; what stays is which variables there are.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let blank = DMatrix::zeros(2, d);
        let model = Self {
            plan: plan.clone(),
            latent: LatentParameters::init(&mut rng, plan.family, shape)?,
            encoder: Encoder::init(&mut rng, plan.encoder, d, plan.latent_dim)?,
            observation: Observation::init(&mut rng, plan.observation, &blank, plan.latent_dim)?,
            process_log_std: match plan.encoder {
                EncoderPlan::PseudoInverse => None,
                EncoderPlan::Convolutional { .. } => {
                    Some(Var::zeros(plan.latent_dim, candle_core::DType::F32, &Device::Cpu)?)
                }
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

/// The values of an f64 tensor of `n` elements.
fn exactly(tensor: &Tensor, name: &str, n: usize) -> Result<Vec<f64>, ModelError> {
    let values = tensor.flatten_all()?.to_vec1::<f64>()?;
    if values.len() != n {
        let (needed, found) = (vec![n], format!("{:?}", tensor.dims()));
        return Err(ModelError::Weights { name: name.to_string(), needed, found });
    }
    Ok(values)
}
