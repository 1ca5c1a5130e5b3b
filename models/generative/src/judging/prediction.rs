//! `PE(n)`: how far off is the model n steps ahead?

use std::ops::Range;

use nalgebra::{DMatrix, RowDVector};

use super::JudgingSpace;
use crate::missing::is_whole;
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Surroundings};

/// Mean squared n-step prediction error over every start in `range`, in the judging space.
///
/// `PE(n) = ⟨‖x̂_{t+n} − x_{t+n}‖² / D⟩`, the prediction made from `q(z_t | x_{≤t})` alone and the
/// recorded inputs, over the samples that are there. 1 is what the mean of standardised data scores. `None` when
/// `range` is too short or a prediction overflows.
pub fn prediction_error(
    space: &JudgingSpace,
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
    steps: usize,
) -> Result<Option<f64>, ModelError> {
    let Some(predictions) = predict(model, series, range.clone(), steps)? else { return Ok(None) };
    let truth = space.data(series, range);
    Ok(mean_squared(&truth, &space.expected(&model.freeze()?.observation, &predictions)))
}

/// Expected observations `[range.len(), observed]`, each `steps` ahead of the last sample that its prediction has seen,
/// in the same trial; NaN where there is no state to start from. `None` when one overflows.
pub(super) fn predict(
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
    steps: usize,
) -> Result<Option<DMatrix<f64>>, ModelError> {
    let frozen = model.freeze()?;
    let encoded = Encoded::of(model, series, range.clone())?;
    let mut predictions = DMatrix::from_element(range.len(), frozen.observation.n_channels(), f64::NAN);
    for run in series.runs(range.clone()) {
        for start in run.start..run.end.saturating_sub(steps) {
            let Some(past) = encoded.past(start) else { continue };
            let ahead = frozen.predict(&past, steps, Surroundings::Recorded { series, first: start });
            if ahead.iter().any(|x| !x.is_finite()) {
                return Ok(None);
            }
            predictions.set_row(start + steps - range.start, &RowDVector::from_vec(ahead));
        }
    }
    Ok(Some(predictions))
}

/// Encoded states of a range, with what an observation sees of the states before each.
pub(super) struct Encoded {
    states: Vec<Vec<f64>>,
    first: usize,
    memory: usize,
    runs: Vec<Range<usize>>,
}

impl Encoded {
    pub fn of(model: &SequenceVae, series: &Series, range: Range<usize>) -> Result<Self, ModelError> {
        let states = model.encode(series, range.clone())?;
        Ok(Self {
            states: states.row_iter().map(|row| row.iter().copied().collect()).collect(),
            first: range.start,
            memory: model.plan.observation.memory(),
            runs: series.runs(range),
        })
    }

    /// The state at `time`, last, and those before it that an observation still shows; `None` where one is not known.
    pub fn past(&self, time: usize) -> Option<Vec<&[f64]>> {
        let run = self.runs.get(self.runs.partition_point(|run| run.end <= time)).filter(|run| run.contains(&time))?;
        let from = time.checked_sub(self.memory).filter(|from| *from >= run.start)?;
        let past = &self.states[from - self.first..=time - self.first];
        is_whole(past.iter().flatten()).then(|| past.iter().map(Vec::as_slice).collect())
    }
}

/// Over the values of `truth` that are there and predicted; `None` without any, or when it is not finite.
pub(super) fn mean_squared(truth: &DMatrix<f64>, predicted: &DMatrix<f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0);
    for (x, y) in truth.iter().zip(predicted).filter(|(x, y)| !x.is_nan() && !y.is_nan()) {
        sum += (x - y).powi(2);
        n += 1;
    }
    let error = sum / f64::from(n);
    (n > 0 && error.is_finite()).then_some(error)
}
