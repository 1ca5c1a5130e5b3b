//! From observations to latent states: `q(z̄ | x)`.

use std::ops::Range;

use candle_core::{Result, Tensor, Var};
use nalgebra::DMatrix;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::convolution::{Convolution, MAX_LAYERS};
use crate::delays::Delays;
use crate::observation::{Observation, ObservationKind};
use crate::pseudo_inverse::{least_squares, pseudo_inverse};
use crate::random::normal_tensor;
use crate::times_matrix::times_matrix;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EncoderPlan {
    /// `z̄ = B⁺ x`: nothing to learn, for linear-Gaussian observations.
    PseudoInverse,
    /// A linear map of the last `lags` samples, for Gaussian observations: states may have up to `lags` times as many
    /// dimensions as the recording.
    Delays { lags: usize },
    /// `layers` causal temporal convolutions of `hidden` channels, each over `kernel` samples, then mean and log
    /// standard deviation of a diagonal Gaussian.
    Convolutional {
        kernel: usize,
        hidden: usize,
        #[serde(default = "one")]
        layers: usize,
    },
}

fn one() -> usize {
    1
}

impl EncoderPlan {
    /// Of a convolutional encoder.
    pub const MAX_LAYERS: usize = MAX_LAYERS;

    /// Samples before the one that is encoded on which its state depends.
    pub fn context(&self) -> usize {
        match *self {
            EncoderPlan::PseudoInverse => 0,
            EncoderPlan::Delays { lags } => lags - 1,
            EncoderPlan::Convolutional { kernel, layers, .. } => layers * (kernel - 1),
        }
    }

    /// As far as they must be there: an encoder that knows of gaps takes what lies before a trial for one.
    pub fn needed_context(&self, has_gaps: bool) -> usize {
        match self {
            EncoderPlan::Convolutional { .. } if has_gaps => 0,
            _ => self.context(),
        }
    }

    /// Whether `q` is a point: then there is no prior either.
    pub fn is_deterministic(&self) -> bool {
        match self {
            EncoderPlan::PseudoInverse | EncoderPlan::Delays { .. } => true,
            EncoderPlan::Convolutional { .. } => false,
        }
    }
}

/// Mean and log standard deviation of `q`, both `[batch, T, M]`; no spread means a point.
pub struct Posterior {
    pub mean: Tensor,
    pub log_std: Option<Tensor>,
    /// `[batch · T]`: where the data say enough for a state; elsewhere the model must run on by itself. Absent when
    /// they do everywhere.
    pub seen: Option<Vec<bool>>,
}

impl Posterior {
    /// A reparameterised draw (Kingma & Welling 2014).
    pub fn sample(&self, rng: &mut impl Rng) -> Result<Tensor> {
        match &self.log_std {
            None => Ok(self.mean.clone()),
            Some(log_std) => {
                let noise = normal_tensor(rng, self.mean.dims(), 1.0)?;
                &self.mean + (log_std.exp()? * noise)?
            }
        }
    }
}

/// What an encoder must know of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    pub observation: ObservationKind,
    pub n_channels: usize,
    /// Whether samples can be missing, also before the first of a trial.
    pub has_gaps: bool,
}

#[derive(Clone, Debug)]
pub enum Encoder {
    PseudoInverse,
    Delays(Delays),
    Convolutional(Convolution),
}

impl Encoder {
    /// `training: [T, D]` are the samples to learn from, NaN where one is missing, and `runs` its uninterrupted rows.
    pub fn init(
        rng: &mut impl Rng,
        plan: EncoderPlan,
        sight: Sight,
        training: &DMatrix<f64>,
        runs: &[Range<usize>],
        latent: usize,
    ) -> Result<Self> {
        Ok(match plan {
            EncoderPlan::PseudoInverse => Encoder::PseudoInverse,
            EncoderPlan::Delays { lags } => Encoder::Delays(Delays::init(training, runs, lags, latent)?),
            EncoderPlan::Convolutional { kernel, hidden, layers } => {
                Encoder::Convolutional(Convolution::init(rng, kernel, hidden, layers, sight, latent)?)
            }
        })
    }

    /// Whether it was made for a recording with gaps, and takes what lies before a trial for one.
    pub fn knows_gaps(&self) -> bool {
        matches!(self, Encoder::Convolutional(convolution) if convolution.sight.has_gaps)
    }

    /// `y: [batch, context + T, D]` → posterior `[batch, T, M]`. With `gaps`, samples that are NaN are missing.
    ///
    /// The state at a time depends on samples up to that time only, so a prediction made from it has
    /// seen nothing of what it predicts. The pseudo-inverse and the delays see `y` without its nuisance part.
    pub fn encode(
        &self,
        y: &Tensor,
        nuisance: Option<&Tensor>,
        gaps: bool,
        observation: &Observation,
    ) -> Result<Posterior> {
        match self {
            Encoder::PseudoInverse => {
                let centred = y.broadcast_sub(&observation.bias)?;
                let centred = match observation.nuisance_part(nuisance)? {
                    None => centred,
                    Some(part) => (centred - part)?,
                };
                let weight = &observation.weight;
                if gaps {
                    let mean = least_squares(weight, &centred)?;
                    let seen = rows_with(y, weight.dim(1)?)?;
                    return Ok(Posterior { mean, log_std: None, seen: Some(seen) });
                }
                let mean = times_matrix(&centred, &pseudo_inverse(weight)?.t()?)?;
                Ok(Posterior { mean, log_std: None, seen: None })
            }
            Encoder::Delays(delays) => match observation.nuisance_part(nuisance)? {
                None => delays.encode(y, gaps),
                Some(part) => delays.encode(&(y - part.detach())?, gaps),
            },
            Encoder::Convolutional(convolution) => convolution.encode(y, gaps),
        }
    }

    /// Sets a convolutional encoder to the ridge regression of `states: [batch, T, M]` on the samples `y: [batch, context + T, D]`.
    pub fn start_linear(&self, y: &Tensor, states: &Tensor) -> Result<()> {
        match self {
            Encoder::Convolutional(convolution) => convolution.start_linear(y, states),
            Encoder::PseudoInverse | Encoder::Delays(_) => Ok(()),
        }
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        match self {
            Encoder::PseudoInverse => Vec::new(),
            Encoder::Delays(delays) => delays.named(),
            Encoder::Convolutional(convolution) => convolution.named(),
        }
    }
}

/// `[batch · T]`: whether at least `n` channels are there.
fn rows_with(y: &Tensor, n: usize) -> Result<Vec<bool>> {
    let (_, _, n_channels) = y.dims3()?;
    let values = y.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.chunks_exact(n_channels).map(|row| row.iter().filter(|x| !x.is_nan()).count() >= n).collect())
}
