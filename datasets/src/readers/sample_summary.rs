//! Mean, standard deviation and extremes of a channel, in one pass over its samples.

use super::outline::Outline;
use super::sample_store::SampleSink;

/// Statistics of the finite samples; the first five as they are.
///
/// Each stretch has its mean and sum of squared deviations in two passes; stretches are joined by
/// `M₂ = M₂ₐ + M₂ᵦ + δ² nₐ nᵦ / n` (Chan, Golub & LeVeque 1983, Am. Stat. 37, 242–247), which does not cancel
/// where the offset is large.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSummary {
    pub n_samples: usize,
    pub n_finite: usize,
    pub first: Vec<f64>,
    /// How they go over time.
    pub outline: Outline,
    mean: f64,
    squared_deviations: f64,
    min: f64,
    max: f64,
}

const N_FIRST: usize = 5;

impl Default for SampleSummary {
    fn default() -> Self {
        Self {
            n_samples: 0,
            n_finite: 0,
            first: Vec::new(),
            outline: Outline::default(),
            mean: 0.0,
            squared_deviations: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl SampleSummary {
    /// `None`, as for the rest, where no sample is finite.
    pub fn mean(&self) -> Option<f64> {
        self.known(self.mean)
    }

    /// Population standard deviation.
    pub fn std(&self) -> Option<f64> {
        self.known((self.squared_deviations / self.n_finite as f64).sqrt())
    }

    pub fn min(&self) -> Option<f64> {
        self.known(self.min)
    }

    pub fn max(&self) -> Option<f64> {
        self.known(self.max)
    }

    fn known(&self, value: f64) -> Option<f64> {
        (self.n_finite > 0).then_some(value)
    }
}

impl SampleSink for SampleSummary {
    fn take(&mut self, samples: &[f64]) {
        self.n_samples += samples.len();
        self.outline.take(samples);
        let room = N_FIRST.saturating_sub(self.first.len());
        self.first.extend(samples.iter().take(room));
        let finite = || samples.iter().copied().filter(|value| value.is_finite());
        let n = finite().count();
        if n == 0 {
            return;
        }
        let mean = finite().sum::<f64>() / n as f64;
        let squared_deviations = finite().map(|value| (value - mean).powi(2)).sum::<f64>();
        let (before, added) = (self.n_finite as f64, n as f64);
        let delta = mean - self.mean;
        self.n_finite += n;
        self.mean += delta * added / (before + added);
        self.squared_deviations += squared_deviations + delta * delta * before * added / (before + added);
        self.min = finite().fold(self.min, f64::min);
        self.max = finite().fold(self.max, f64::max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_agrees_with_two_beside_a_large_offset() {
        let values: Vec<f64> = (0..10_000).map(|i| 1e6 + ((i * 37) % 101) as f64 * 1e-3).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let mut summary = SampleSummary::default();
        values.chunks(777).for_each(|stretch| summary.take(stretch));
        summary.take(&[f64::NAN, f64::INFINITY]);
        assert!((summary.mean().unwrap() / mean - 1.0).abs() < 1e-12);
        assert!((summary.std().unwrap() / std - 1.0).abs() < 1e-9);
        assert_eq!((summary.min(), summary.max()), (Some(1e6), Some(1e6 + 0.1)));
        assert_eq!(summary.first, values[..5]);
        assert_eq!((summary.n_samples, summary.n_finite), (10_002, 10_000));
    }

    #[test]
    fn nothing_finite_is_nothing_known() {
        let mut summary = SampleSummary::default();
        summary.take(&[f64::NAN]);
        assert_eq!((summary.mean(), summary.std(), summary.min()), (None, None, None));
    }
}
