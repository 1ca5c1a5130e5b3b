//! The model of one recording: encoder, latent RNN, observation.

use std::ops::Range;

use candle_core::{Device, Tensor, Var};
use nalgebra::DMatrix;
use rand::Rng;

mod plan;
mod saved;

pub use plan::{ModelError, ModelPlan};

use crate::encoder::{Encoder, Sight};
use crate::latent::{LatentParameters, LatentShape, LinearMap};
use crate::missing::is_whole;
use crate::observation::Observation;
use crate::simulation::{FrozenModel, ProcessNoise};
use crate::{Projection, Series};

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
        let changes = |channel: usize| {
            let mut seen = rows.iter().skip(channel).step_by(n).filter(|x| !x.is_nan());
            let first = seen.next();
            seen.any(|x| Some(x) != first)
        };
        if !(0..n).any(changes) {
            return Err(ModelError::NothingChanges);
        }
        plan.check(n)?;
        let observed = plan.observed_dim(n);
        let projection = match observed < n {
            true => Projection::principal(rows, n, observed),
            false => Projection::identity(n),
        };
        let ModelPlan { latent_dim: latent, hidden_dim: hidden, .. } = *plan;
        let sight = Sight { observation: plan.observation, n_channels: observed, has_gaps: !series.is_complete() };
        let shape = LatentShape { latent_dim: latent, hidden_dim: hidden, input_dim: series.n_inputs };
        let process_log_std = match plan.encoder.is_deterministic() {
            true => None,
            false => Some(Var::from_tensor(&Tensor::full(-1.0f32, latent, &Device::Cpu)?)?),
        };
        let seen = projection.apply(rows);
        let from = training.start;
        let runs: Vec<Range<usize>> =
            series.runs(training.clone()).into_iter().map(|run| run.start - from..run.end - from).collect();
        let model = Self {
            latent: LatentParameters::init(rng, plan.family, shape)?,
            encoder: Encoder::init(rng, plan.encoder, sight, &seen, &runs, latent)?,
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
        self.plan.needed_context(self.encoder.knows_gaps())
    }

    /// Posterior means `[range.len(), M]`; a row is NaN where the samples of its run inside `range` do not say enough
    /// for a state: at the start of a run, before the encoder has its context, and in gaps.
    pub fn encode(&self, series: &Series, range: Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        let mut states = DMatrix::from_element(range.len(), self.plan.latent_dim, f64::NAN);
        let context = self.plan.encoder.context();
        let needed = self.plan.encoder.needed_context(self.encoder.knows_gaps());
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
            is_whole(&row).then_some(row)
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
}

/// `z̄_t`, `z̄_{t+1}` and `s_t`.
pub(crate) struct EncodedStep<'a> {
    pub from: Vec<f64>,
    pub to: Vec<f64>,
    pub input: &'a [f32],
}
