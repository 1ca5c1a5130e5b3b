//! `PE(n)`: how far off is the model n steps ahead?

use std::ops::Range;

use nalgebra::DMatrix;

use super::JudgingSpace;
use crate::Series;
use crate::vae::{ModelError, SequenceVae};

/// Mean squared n-step prediction error over every start in `range`, in the judging space.
///
/// `PE(n) = ⟨‖x̂_{t+n} − x_{t+n}‖² / D⟩`, the prediction made from `q(z_t | x_{≤t})` alone and the
/// recorded inputs. 1 is what the mean of standardised data scores. `None` when `range` is too short
/// or a prediction overflows.
pub fn prediction_error(
    space: &JudgingSpace,
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
    steps: usize,
) -> Result<Option<f64>, ModelError> {
    let Some(predictions) = predict(model, series, range.clone(), steps)? else { return Ok(None) };
    let n_predicted = predictions.nrows();
    let truth = space.data(series, range.end - n_predicted..range.end);
    Ok(mean_squared(&truth, &space.expected(&model.freeze()?.observation, &predictions)))
}

/// Expected observations `[n, observed]` for the last `n` times of `range`, each `steps` ahead of the
/// last sample its prediction has seen. `None` when no start has its context inside `range`.
pub(super) fn predict(
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
    steps: usize,
) -> Result<Option<DMatrix<f64>>, ModelError> {
    let context = model.plan.encoder.context();
    if range.len() <= context + steps {
        return Ok(None);
    }
    let encoded = model.encode(series.rows(range.clone()))?;
    let frozen = model.freeze()?;
    let n_predicted = encoded.nrows() - steps;
    let mut predictions = Vec::with_capacity(n_predicted * frozen.observation.n_channels());
    let mut scratch = Vec::new();
    for start in 0..n_predicted {
        let mut z: Vec<f64> = encoded.row(start).iter().copied().collect();
        for step in 0..steps {
            frozen.step(&mut z, series.input_at(range.start + context + start + step), &mut scratch);
        }
        predictions.extend(frozen.observation.mean(&z));
    }
    Ok(Some(DMatrix::from_row_slice(n_predicted, frozen.observation.n_channels(), &predictions)))
}

pub(super) fn mean_squared(truth: &DMatrix<f64>, predicted: &DMatrix<f64>) -> Option<f64> {
    let error = (truth - predicted).norm_squared() / truth.len() as f64;
    (!truth.is_empty() && error.is_finite()).then_some(error)
}
