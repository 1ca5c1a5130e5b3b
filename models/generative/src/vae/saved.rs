//! A model as named tensors, and back.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{ModelError, ModelPlan, SequenceVae};
use crate::Projection;
use crate::encoder::{Encoder, EncoderPlan, Sight};
use crate::latent::{LatentParameters, LatentShape};
use crate::observation::Observation;
use crate::simulation::ProcessNoise;

impl SequenceVae {
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
            encoder: Encoder::init(&mut rng, plan.encoder, sight, &blank, &[], plan.latent_dim)?,
            observation: Observation::init(&mut rng, plan.observation, &blank, plan.latent_dim, n_nuisance)?,
            process_log_std: match plan.encoder.is_deterministic() {
                true => None,
                false => Some(Var::zeros(plan.latent_dim, DType::F32, &Device::Cpu)?),
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
