//! One recording as the models see it: numbers over time, and which of them may be learned from.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Observations `[T, N]` and external inputs `[T, K]`, both row-major.
#[derive(Clone, Debug)]
pub struct Series {
    pub observed: Vec<f32>,
    pub n_channels: usize,
    /// Empty when `n_inputs` is 0.
    pub inputs: Vec<f32>,
    pub n_inputs: usize,
}

#[derive(Debug, Error, PartialEq)]
pub enum SeriesError {
    #[error("need finite observations, found {value} at time {time}, channel {channel}")]
    NotFinite { value: f32, time: usize, channel: usize },
    #[error(
        "need whole rows of {n_channels} channels and {n_inputs} inputs, found {observed} observations and {inputs} inputs"
    )]
    Ragged { n_channels: usize, n_inputs: usize, observed: usize, inputs: usize },
    #[error("need at least {needed} time steps to fit and judge, found {found}")]
    TooShort { needed: usize, found: usize },
    #[error(
        "need fractions in (0, 1), with validation inside the training part, found train {train} and validation {validation}"
    )]
    BadSplit { train: f64, validation: f64 },
}

impl Series {
    pub fn new(observed: Vec<f32>, n_channels: usize, inputs: Vec<f32>, n_inputs: usize) -> Result<Self, SeriesError> {
        let whole = n_channels > 0
            && observed.len().is_multiple_of(n_channels)
            && inputs.len() == observed.len() / n_channels.max(1) * n_inputs;
        if !whole {
            let (observed, inputs) = (observed.len(), inputs.len());
            return Err(SeriesError::Ragged { n_channels, n_inputs, observed, inputs });
        }
        if let Some(at) = observed.iter().position(|value| !value.is_finite()) {
            let (time, channel) = (at / n_channels, at % n_channels);
            return Err(SeriesError::NotFinite { value: observed[at], time, channel });
        }
        Ok(Self { observed, n_channels, inputs, n_inputs })
    }

    pub fn n_times(&self) -> usize {
        self.observed.len() / self.n_channels
    }

    /// Rows `range` of the observations, `[range.len(), N]`.
    pub fn rows(&self, range: Range<usize>) -> &[f32] {
        &self.observed[range.start * self.n_channels..range.end * self.n_channels]
    }

    /// The inputs at `time`, `[K]`.
    pub fn input_at(&self, time: usize) -> &[f32] {
        &self.inputs[time * self.n_inputs..(time + 1) * self.n_inputs]
    }
}

/// How a recording is divided in time: fit, then validation, then the held-out end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitPlan {
    /// Share of the recording that training may see (fit and validation); the rest judges.
    pub train_fraction: f64,
    /// Share of the training part kept from the gradient, to choose the checkpoint.
    pub validation_fraction: f64,
}

impl Default for SplitPlan {
    fn default() -> Self {
        Self { train_fraction: 0.7, validation_fraction: 0.2 }
    }
}

/// Consecutive index ranges over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pub fit: Range<usize>,
    pub validation: Range<usize>,
    pub held_out: Range<usize>,
}

impl Split {
    /// Below this, neither a spectrum nor a prediction error means anything.
    pub const MIN_PART: usize = 16;

    pub fn new(n_times: usize, plan: &SplitPlan) -> Result<Self, SeriesError> {
        let SplitPlan { train_fraction: train, validation_fraction: validation } = *plan;
        if !(train > 0.0 && train < 1.0 && validation > 0.0 && validation < 1.0) {
            return Err(SeriesError::BadSplit { train, validation });
        }
        let n_train = (n_times as f64 * train).round() as usize;
        let n_fit = (n_train as f64 * (1.0 - validation)).round() as usize;
        let split = Self { fit: 0..n_fit, validation: n_fit..n_train, held_out: n_train..n_times };
        let shortest = [&split.fit, &split.validation, &split.held_out].map(ExactSizeIterator::len);
        if shortest.iter().any(|&len| len < Self::MIN_PART) {
            let smallest_share = (train * validation).min(1.0 - train).min(train * (1.0 - validation));
            let needed = (Self::MIN_PART as f64 / smallest_share).ceil() as usize + 1;
            return Err(SeriesError::TooShort { needed, found: n_times });
        }
        Ok(split)
    }

    /// The split that an earlier run made.
    pub fn from_lengths(n_fit: usize, n_validation: usize, n_times: usize) -> Result<Self, SeriesError> {
        let n_train = n_fit + n_validation;
        if n_train >= n_times {
            return Err(SeriesError::TooShort { needed: n_train + 1, found: n_times });
        }
        Ok(Self { fit: 0..n_fit, validation: n_fit..n_train, held_out: n_train..n_times })
    }

    /// The part training may see.
    pub fn training(&self) -> Range<usize> {
        self.fit.start..self.validation.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_follow_each_other_and_cover_the_recording() {
        let split = Split::new(1000, &SplitPlan::default()).unwrap();
        assert_eq!(split, Split { fit: 0..560, validation: 560..700, held_out: 700..1000 });
        assert_eq!(split.training(), 0..700);
    }

    #[test]
    fn a_recording_too_short_to_judge_says_how_long_it_must_be() {
        let plan = SplitPlan::default();
        let Err(SeriesError::TooShort { needed, found }) = Split::new(60, &plan) else { panic!() };
        assert_eq!(found, 60);
        assert!(Split::new(needed, &plan).is_ok());
    }

    #[test]
    fn a_value_that_is_not_finite_is_named() {
        let error = Series::new(vec![1.0, 2.0, f32::NAN, 4.0], 2, vec![], 0).unwrap_err();
        assert!(error.to_string().contains("time 1, channel 0"), "{error}");
    }
}
