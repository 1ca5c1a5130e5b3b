//! `ln p(x | z)` as one differentiable operation.
//!
//! Predictor, log-probabilities and their slopes are worked out together, channel by channel along contiguous
//! samples; the backward pass is three small products. Candle's elementwise operations would read and write every
//! intermediate tensor once forward and once backward.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::family::{Channel, Family};
use crate::times_matrix::Order::{Columns, Rows};
use crate::times_matrix::{contiguous, multiply};

/// `x: [batch, time, D]`, `features: [batch, time, F]` → `[batch, time]`, in nats, summed over channels.
///
/// `parameters` is one row: the weight `[D, F]` row by row, the bias `[D]`, and `θ: [D]` where the family has one.
/// Differentiable in the features and the parameters. A sample that is NaN is missing and counts for nothing.
pub fn log_likelihood(
    family: &'static dyn Family,
    x: &Tensor,
    features: &Tensor,
    parameters: &Tensor,
) -> Result<Tensor> {
    let ((batch, time, n_channels), (_, _, n_features)) = (x.dims3()?, features.dims3()?);
    if features.dims()[..2] != [batch, time] {
        bail!("need a state for each of {batch} × {time} samples, found {:?}", features.dims());
    }
    let n_auxiliary = if family.auxiliary().is_some() { n_channels } else { 0 };
    let needed = n_channels * (n_features + 1) + n_auxiliary;
    if parameters.elem_count() != needed {
        bail!("need {needed} parameters of the observation, found {}", parameters.elem_count());
    }
    let shape = Dimensions { rows: batch * time, n_channels, n_features, n_auxiliary };
    let operation = LogLikelihood { family, shape, slopes: Mutex::default() };
    let log_prob = x.reshape((shape.rows, n_channels))?.contiguous()?.apply_op3(
        &features.reshape((shape.rows, n_features))?.contiguous()?,
        &parameters.contiguous()?,
        operation,
    )?;
    log_prob.reshape((batch, time))
}

#[derive(Clone, Copy)]
struct Dimensions {
    rows: usize,
    n_channels: usize,
    n_features: usize,
    n_auxiliary: usize,
}

struct LogLikelihood {
    family: &'static dyn Family,
    shape: Dimensions,
    /// Found forward, used backward.
    slopes: Mutex<Slopes>,
}

/// `∂ ln p / ∂η` and `∂ ln p / ∂θ`, both `[D, rows]`; the latter empty where there is no `θ`.
#[derive(Default)]
struct Slopes {
    predictor: Vec<f32>,
    theta: Vec<f32>,
}

impl CustomOp3 for LogLikelihood {
    fn name(&self) -> &'static str {
        "log-likelihood"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        features: &CpuStorage,
        features_layout: &Layout,
        parameters: &CpuStorage,
        parameters_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Dimensions { rows, n_channels, n_features, n_auxiliary } = self.shape;
        let (x, features) = (contiguous(x, x_layout)?, contiguous(features, features_layout)?);
        let (weight, rest) = contiguous(parameters, parameters_layout)?.split_at(n_channels * n_features);
        let (bias, theta) = rest.split_at(n_channels);
        let mut predictor = vec![0.0; n_channels * rows];
        for (row, &bias) in predictor.chunks_exact_mut(rows).zip(bias) {
            row.fill(bias);
        }
        multiply(&mut predictor, weight, Rows, features, Columns, [n_channels, n_features, rows], true);
        let mut by_theta = vec![0.0; n_auxiliary * rows];
        let mut log_prob = vec![0.0; rows];
        let mut samples = vec![0.0; rows];
        for channel in 0..n_channels {
            for (to, from) in samples.iter_mut().zip(x[channel..].iter().step_by(n_channels)) {
                *to = *from;
            }
            let own = channel * rows..(channel + 1) * rows;
            self.family.evaluate(Channel {
                x: &samples,
                theta: theta.get(channel).copied().unwrap_or_default(),
                predictor: &mut predictor[own.clone()],
                by_theta: if n_auxiliary > 0 { &mut by_theta[own] } else { &mut [] },
                log_prob: &mut log_prob,
            });
        }
        *self.slopes.lock().expect("no other thread holds the slopes") = Slopes { predictor, theta: by_theta };
        Ok((CpuStorage::F32(log_prob), Shape::from(rows)))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        features: &Tensor,
        parameters: &Tensor,
        _log_prob: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Dimensions { rows, n_channels, n_features, .. } = self.shape;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (flat_features, flat_parameters, grad) = (values(features)?, values(parameters)?, values(grad)?);
        let mut slopes = std::mem::take(&mut *self.slopes.lock().expect("no other thread holds the slopes"));
        for row in slopes.predictor.chunks_exact_mut(rows) {
            for (slope, upstream) in row.iter_mut().zip(&grad) {
                *slope *= upstream;
            }
        }
        let mut by_parameters = vec![0.0; flat_parameters.len()];
        let (by_weight, rest) = by_parameters.split_at_mut(n_channels * n_features);
        let (by_bias, by_theta) = rest.split_at_mut(n_channels);
        multiply(by_weight, &slopes.predictor, Rows, &flat_features, Rows, [n_channels, rows, n_features], false);
        for (sum, row) in by_bias.iter_mut().zip(slopes.predictor.chunks_exact(rows)) {
            *sum = lanes_sum(row.iter().copied());
        }
        for (sum, row) in by_theta.iter_mut().zip(slopes.theta.chunks_exact(rows)) {
            *sum = lanes_sum(row.iter().zip(&grad).map(|(slope, upstream)| slope * upstream));
        }
        let weight = &flat_parameters[..n_channels * n_features];
        let mut by_features = vec![0.0; rows * n_features];
        multiply(&mut by_features, &slopes.predictor, Columns, weight, Rows, [rows, n_channels, n_features], false);
        Ok((
            None,
            Some(Tensor::from_vec(by_features, features.shape(), features.device())?),
            Some(Tensor::from_vec(by_parameters, parameters.shape(), parameters.device())?),
        ))
    }
}

/// A sum in eight partial sums, which run side by side and round less than one would.
fn lanes_sum(values: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (index, value) in values.enumerate() {
        lanes[index % 8] += value;
    }
    lanes.iter().sum()
}
