//! One recording as the models see it: numbers over time, and which of them may be learned from.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Observations `[T, N]`, external inputs `[T, K]` and nuisance regressors `[T, R]`, all row-major.
///
/// A sample that was not measured is NaN: no likelihood counts it, and nothing is put in its place. The recording
/// may be made of trials, of any lengths: no sequence, prediction or simulation runs from one into the next.
#[derive(Clone, Debug)]
pub struct Series {
    pub observed: Vec<f32>,
    pub n_channels: usize,
    /// What acts on the latent state; empty when `n_inputs` is 0.
    pub inputs: Vec<f32>,
    pub n_inputs: usize,
    /// What acts on the observation alone, such as head movement; empty when `n_nuisance` is 0.
    pub nuisance: Vec<f32>,
    pub n_nuisance: usize,
    /// First samples of the trials, ascending from 0.
    trials: Vec<usize>,
}

#[derive(Debug, Error, PartialEq)]
pub enum SeriesError {
    // Places are told as a person counts them, from 1.
    #[error("need observations that are finite or missing, found an infinite one in sample {}, channel {}", .time + 1, .channel + 1)]
    Infinite { time: usize, channel: usize },
    #[error("need finite external inputs, found {value} in sample {}, input {}", .time + 1, .input + 1)]
    InputNotFinite { value: f32, time: usize, input: usize },
    #[error("need whole counts from 0 on, found {value} in sample {}, channel {}", .time + 1, .channel + 1)]
    NotACount { value: f32, time: usize, channel: usize },
    #[error(
        "need whole rows of {n_channels} channels and {n_inputs} inputs, found {observed} observations and {inputs} inputs"
    )]
    Ragged { n_channels: usize, n_inputs: usize, observed: usize, inputs: usize },
    #[error("need {n_nuisance} nuisance regressors for each of {n_times} samples, found {found} values")]
    RaggedNuisance { n_nuisance: usize, n_times: usize, found: usize },
    #[error("need trials of at least one sample that add up to {n_times} samples, found {found} in {n_trials} trials")]
    Trials { n_times: usize, found: usize, n_trials: usize },
    #[error("need at least {needed} time steps to fit and judge, found {found}")]
    TooShort { needed: usize, found: usize },
    #[error(
        "need fractions in (0, 1), with validation inside the training part, found train {train} and validation {validation}"
    )]
    BadSplit { train: f64, validation: f64 },
}

impl Series {
    /// One uninterrupted recording.
    pub fn new(observed: Vec<f32>, n_channels: usize, inputs: Vec<f32>, n_inputs: usize) -> Result<Self, SeriesError> {
        let whole = n_channels > 0
            && observed.len().is_multiple_of(n_channels)
            && inputs.len() == observed.len() / n_channels.max(1) * n_inputs;
        if !whole {
            let (observed, inputs) = (observed.len(), inputs.len());
            return Err(SeriesError::Ragged { n_channels, n_inputs, observed, inputs });
        }
        if let Some(at) = observed.iter().position(|value| value.is_infinite()) {
            let (time, channel) = (at / n_channels, at % n_channels);
            return Err(SeriesError::Infinite { time, channel });
        }
        if let Some(at) = inputs.iter().position(|value| !value.is_finite()) {
            let (time, input) = (at / n_inputs, at % n_inputs);
            return Err(SeriesError::InputNotFinite { value: inputs[at], time, input });
        }
        Ok(Self { observed, n_channels, inputs, n_inputs, nuisance: Vec::new(), n_nuisance: 0, trials: vec![0] })
    }

    /// The same recording cut into trials of these lengths.
    pub fn with_trials(mut self, lengths: &[usize]) -> Result<Self, SeriesError> {
        let (n_times, found) = (self.n_times(), lengths.iter().sum());
        if found != n_times || lengths.contains(&0) {
            return Err(SeriesError::Trials { n_times, found, n_trials: lengths.len() });
        }
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        self.trials = ends.zip(lengths).map(|(end, length)| end - length).collect();
        Ok(self)
    }

    /// The same recording with regressors of the observation, `[T, R]` row-major. Where one of them is not finite,
    /// the whole sample counts as missing.
    pub fn with_nuisance(mut self, nuisance: Vec<f32>, n_nuisance: usize) -> Result<Self, SeriesError> {
        let n_times = self.n_times();
        if nuisance.len() != n_times * n_nuisance {
            return Err(SeriesError::RaggedNuisance { n_nuisance, n_times, found: nuisance.len() });
        }
        (self.nuisance, self.n_nuisance) = (nuisance, n_nuisance);
        for time in 0..n_times {
            let row = &mut self.nuisance[time * n_nuisance..(time + 1) * n_nuisance];
            if row.iter().any(|value| !value.is_finite()) {
                row.fill(0.0);
                self.observed[time * self.n_channels..(time + 1) * self.n_channels].fill(f32::NAN);
            }
        }
        Ok(self)
    }

    /// Fails where an observation is neither a whole count nor missing.
    pub fn check_counts(&self) -> Result<(), SeriesError> {
        match self.observed.iter().position(|value| *value < 0.0 || value.fract() != 0.0 && !value.is_nan()) {
            None => Ok(()),
            Some(at) => {
                let (time, channel) = (at / self.n_channels, at % self.n_channels);
                Err(SeriesError::NotACount { value: self.observed[at], time, channel })
            }
        }
    }

    pub fn n_times(&self) -> usize {
        self.observed.len() / self.n_channels
    }

    /// Whether every sample was measured, in one uninterrupted recording.
    pub fn is_complete(&self) -> bool {
        self.trials.len() == 1 && !self.observed.iter().any(|value| value.is_nan())
    }

    /// The uninterrupted stretches of `range`: the parts of its trials.
    pub fn runs(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let ends = self.trials[1..].iter().copied().chain([self.n_times()]);
        let trials = self.trials.iter().copied().zip(ends);
        let runs = trials.map(|(start, end)| start.max(range.start)..end.min(range.end));
        runs.filter(|run| !run.is_empty()).collect()
    }

    /// Rows `range` of the observations, `[range.len(), N]`.
    pub fn rows(&self, range: Range<usize>) -> &[f32] {
        &self.observed[range.start * self.n_channels..range.end * self.n_channels]
    }

    /// The inputs at `time`, `[K]`.
    pub fn input_at(&self, time: usize) -> &[f32] {
        &self.inputs[time * self.n_inputs..(time + 1) * self.n_inputs]
    }

    /// The nuisance regressors at `time`, `[R]`.
    pub fn nuisance_at(&self, time: usize) -> &[f32] {
        &self.nuisance[time * self.n_nuisance..(time + 1) * self.n_nuisance]
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
    fn an_infinite_value_is_named_and_nan_is_a_missing_sample() {
        let error = Series::new(vec![1.0, 2.0, f32::INFINITY, 4.0], 2, vec![], 0).unwrap_err();
        assert!(error.to_string().contains("sample 2, channel 1"), "{error}");
        let gappy = Series::new(vec![1.0, 2.0, f32::NAN, 4.0], 2, vec![], 0).unwrap();
        assert!(!gappy.is_complete() && gappy.check_counts().is_ok());
    }

    #[test]
    fn runs_are_the_parts_of_trials_inside_a_range() {
        let series = Series::new(vec![0.0; 12], 1, vec![], 0).unwrap().with_trials(&[5, 1, 6]).unwrap();
        assert_eq!(series.runs(0..12), [0..5, 5..6, 6..12]);
        assert_eq!(series.runs(3..8), [3..5, 5..6, 6..8]);
        assert_eq!(series.runs(7..9), vec![7..9]);
        assert!(Series::new(vec![0.0; 12], 1, vec![], 0).unwrap().with_trials(&[5, 6]).is_err());
    }

    #[test]
    fn a_sample_whose_nuisance_is_unknown_is_missing() {
        let series = Series::new(vec![1.0, 2.0, 3.0, 4.0], 2, vec![], 0).unwrap();
        let series = series.with_nuisance(vec![f32::NAN, 0.5], 1).unwrap();
        assert!(series.rows(0..1).iter().all(|x| x.is_nan()) && series.rows(1..2) == [3.0, 4.0]);
        assert_eq!(series.nuisance, [0.0, 0.5]);
    }
}
