//! From observations to latent states: `q(z̄ | x)`.

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::{Linear, Module};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::pseudo_inverse::pseudo_inverse;
use crate::random::{normal_tensor, uniform_tensor};
use crate::times_matrix::{data_times_matrix, times_matrix};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EncoderPlan {
    /// `z̄ = B⁺ x`: nothing to learn, for linear-Gaussian observations.
    PseudoInverse,
    /// A causal temporal convolution over `kernel` samples, `hidden` channels, then mean and log
    /// standard deviation of a diagonal Gaussian.
    Convolutional { kernel: usize, hidden: usize },
}

impl EncoderPlan {
    /// Samples before the first one that can be encoded.
    pub fn context(&self) -> usize {
        match *self {
            EncoderPlan::PseudoInverse => 0,
            EncoderPlan::Convolutional { kernel, .. } => kernel - 1,
        }
    }
}

/// Mean and log standard deviation of `q`, both `[batch, T, M]`; no spread means a point.
pub struct Posterior {
    pub mean: Tensor,
    pub log_std: Option<Tensor>,
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

#[derive(Clone, Debug)]
pub enum Encoder {
    PseudoInverse,
    Convolutional(Convolution),
}

impl Encoder {
    pub fn init(rng: &mut impl Rng, plan: EncoderPlan, observed: usize, latent: usize) -> Result<Self> {
        Ok(match plan {
            EncoderPlan::PseudoInverse => Encoder::PseudoInverse,
            EncoderPlan::Convolutional { kernel, hidden } => {
                Encoder::Convolutional(Convolution::init(rng, kernel, observed, hidden, latent)?)
            }
        })
    }

    /// `y: [batch, context + T, D]` → posterior `[batch, T, M]`.
    ///
    /// The state at a time depends on samples up to that time only, so a prediction made from it has
    /// seen nothing of what it predicts.
    pub fn encode(&self, y: &Tensor, observation: &Observation) -> Result<Posterior> {
        match self {
            Encoder::PseudoInverse => {
                let centred = y.broadcast_sub(&observation.bias)?;
                let inverse = pseudo_inverse(&observation.weight)?;
                let mean = times_matrix(&centred, &inverse.t()?)?;
                Ok(Posterior { mean, log_std: None })
            }
            Encoder::Convolutional(convolution) => convolution.encode(y),
        }
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        match self {
            Encoder::PseudoInverse => Vec::new(),
            Encoder::Convolutional(c) => vec![
                ("kernel", &c.kernel_weight),
                ("kernel_bias", &c.kernel_bias),
                ("head", &c.head_weight),
                ("head_bias", &c.head_bias),
            ],
        }
    }
}

/// Counts enter through `√(x + 3/8)`, which makes their variance independent of their mean
/// (Anscombe 1948).
#[derive(Clone, Debug)]
pub struct Convolution {
    kernel: usize,
    latent: usize,
    /// `[kernel · D, hidden]`, oldest sample first.
    kernel_weight: Var,
    kernel_bias: Var,
    /// `[2 M, hidden]`.
    head_weight: Var,
    head_bias: Var,
}

/// Keeps `q` from collapsing to a point or filling the space before the model has learned anything.
const LOG_STD_RANGE: (f64, f64) = (-6.0, 2.0);

impl Convolution {
    fn init(rng: &mut impl Rng, kernel: usize, observed: usize, hidden: usize, latent: usize) -> Result<Self> {
        let fan_in = (kernel * observed) as f64;
        let head_bound = (1.0 / hidden as f64).sqrt();
        let zeros = |n: usize| Tensor::zeros(n, candle_core::DType::F32, &Device::Cpu);
        let log_std_start = Tensor::full(-1.0f32, latent, &Device::Cpu)?;
        Ok(Self {
            kernel,
            latent,
            kernel_weight: Var::from_tensor(&normal_tensor(rng, &[kernel * observed, hidden], fan_in.sqrt().recip())?)?,
            kernel_bias: Var::from_tensor(&zeros(hidden)?)?,
            head_weight: Var::from_tensor(&uniform_tensor(rng, &[2 * latent, hidden], -head_bound, head_bound)?)?,
            head_bias: Var::from_tensor(&Tensor::cat(&[zeros(latent)?, log_std_start], 0)?)?,
        })
    }

    fn encode(&self, counts: &Tensor) -> Result<Posterior> {
        let windows = self.windows(counts)?;
        let features = data_times_matrix(&windows, &self.kernel_weight)?.broadcast_add(&self.kernel_bias)?.tanh()?;
        let head = Linear::new(self.head_weight.as_tensor().clone(), Some(self.head_bias.as_tensor().clone()));
        let head = head.forward(&features)?;
        let mean = head.narrow(D::Minus1, 0, self.latent)?.contiguous()?;
        let log_std = head.narrow(D::Minus1, self.latent, self.latent)?.contiguous()?;
        Ok(Posterior { mean, log_std: Some(log_std.clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1)?) })
    }

    /// Every time's last `kernel` samples side by side, `[batch, T, kernel · D]`, oldest first: the
    /// convolution is then one matrix product. Data needs no gradient, so this is plain copying.
    fn windows(&self, counts: &Tensor) -> Result<Tensor> {
        let (batch, length, dim) = counts.dims3()?;
        let n_steps = length + 1 - self.kernel;
        let values: Vec<f32> =
            counts.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|x| (x + 0.375).sqrt()).collect();
        let mut windows = Vec::with_capacity(batch * n_steps * self.kernel * dim);
        for sequence in values.chunks_exact(length * dim) {
            for t in 0..n_steps {
                windows.extend_from_slice(&sequence[t * dim..(t + self.kernel) * dim]);
            }
        }
        Tensor::from_vec(windows, (batch, n_steps, self.kernel * dim), counts.device())
    }
}
