//! How samples lie in time: unbroken runs, end to end in memory, with gaps between them in time.

use std::ops::Range;

use super::{SampleRate, Support};

/// Samples that follow one another without a break: the `i`-th of them was taken `i / rate` after `start_secs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub samples: Range<usize>,
    pub start_secs: f64,
}

/// The time axis of a recording. Invariant: the runs cover its samples in order, and none is empty.
///
/// Neighbouring samples of two runs are not neighbours in time, so nothing may filter, predict or integrate from
/// one into the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// One run that starts at 0 s.
    pub fn unbroken(n_times: usize) -> Self {
        Self::from_lengths([(n_times, 0.0)])
    }

    /// Runs of `(samples, start in seconds)`; empty ones are left out.
    pub fn from_lengths(lengths: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut first = 0;
        let runs = lengths.into_iter().filter(|&(n, _)| n > 0).map(|(n, start_secs)| {
            let samples = first..first + n;
            first = samples.end;
            Run { samples, start_secs }
        });
        Self { runs: runs.collect() }
    }

    /// The samples at `rate` that each stretch of `support` holds, rounded to whole samples.
    pub fn of(support: &Support, rate: SampleRate) -> Self {
        let n_samples = |[start, stop]: &[f64; 2]| ((stop - start) * rate.hz()).round() as usize;
        Self::from_lengths(support.intervals_secs().iter().map(|interval| (n_samples(interval), interval[0])))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Run> {
        self.runs.iter()
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn n_times(&self) -> usize {
        self.runs.last().map_or(0, |run| run.samples.end)
    }

    /// The stretches of time that the samples stand for.
    pub fn support(&self, rate: SampleRate) -> Support {
        Support::new(
            self.runs.iter().map(|run| [run.start_secs, run.start_secs + run.samples.len() as f64 / rate.hz()]),
        )
    }

    /// When sample `t` was taken; `None` past the end.
    pub fn secs_of(&self, t: usize, rate: SampleRate) -> Option<f64> {
        let run = &self.runs[self.runs.partition_point(|run| run.samples.end <= t)..].first()?;
        Some(run.start_secs + (t - run.samples.start) as f64 / rate.hz())
    }

    /// The samples taken from `from_secs` up to, not including, `to_secs`; one range for each run they lie in.
    ///
    /// A stretch shorter than a sample takes the sample nearest to its start, where that is within half a sample.
    pub fn between(&self, [from_secs, to_secs]: [f64; 2], rate: SampleRate) -> Vec<Range<usize>> {
        // A millionth of a sample forgives times that were rounded when written.
        const ROUNDING: f64 = 1e-6;
        let within = |run: &Run| {
            let from = (from_secs - run.start_secs) * rate.hz();
            let to = (to_secs.max(from_secs) - run.start_secs) * rate.hz();
            let (first, last) = ((from - ROUNDING).ceil(), (to - ROUNDING).ceil());
            let (first, last) = if last > first { (first, last) } else { (from.round(), from.round() + 1.0) };
            // `as` saturates, so what lies far outside ends at the borders.
            let clip = |sample: f64| run.samples.start + (sample.max(0.0) as usize).min(run.samples.len());
            clip(first)..clip(last)
        };
        self.runs.iter().map(within).filter(|range| range.start < range.end).collect()
    }

    /// The samples of `x` that follow one another without a break or a missing (non-finite) value.
    pub fn stretches_of(&self, x: &[f64]) -> Vec<Range<usize>> {
        let mut stretches = Vec::new();
        for run in &self.runs {
            let mut t = run.samples.start;
            while t < run.samples.end {
                let missing = |t: &usize| !x[*t].is_finite();
                let start = (t..run.samples.end).find(|t| !missing(t)).unwrap_or(run.samples.end);
                let end = (start..run.samples.end).find(missing).unwrap_or(run.samples.end);
                if start < end {
                    stretches.push(start..end);
                }
                t = end + 1;
            }
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(hz: f64) -> SampleRate {
        SampleRate::from_hz(hz).unwrap()
    }

    #[test]
    fn runs_follow_the_support_and_give_it_back() {
        let support = Support::new([[0.0, 2.0], [5.0, 6.5]]);
        let runs = Runs::of(&support, rate(2.0));
        assert_eq!(runs.iter().map(|run| run.samples.clone()).collect::<Vec<_>>(), [0..4, 4..7]);
        assert_eq!(runs.support(rate(2.0)), support);
        assert_eq!((runs.secs_of(3, rate(2.0)), runs.secs_of(4, rate(2.0))), (Some(1.5), Some(5.0)));
        assert_eq!(runs.secs_of(7, rate(2.0)), None);
    }

    #[test]
    fn time_maps_to_samples_of_the_run_it_lies_in() {
        let runs = Runs::from_lengths([(4, 0.0), (0, 3.0), (3, 5.0)]);
        let between = |from, to| runs.between([from, to], rate(2.0));
        assert_eq!(between(0.5, 1.5), std::slice::from_ref(&(1..3)));
        assert_eq!(between(1.0, 5.6), [2..4, 4..6]);
        assert_eq!(between(2.5, 4.0), []);
        assert_eq!(between(5.1, 5.1), std::slice::from_ref(&(4..5)));
        assert_eq!(between(-9.0, 99.0), [0..4, 4..7]);
    }

    #[test]
    fn stretches_end_at_breaks_and_missing_values() {
        let nan = f64::NAN;
        let x = [nan, 1.0, 2.0, 3.0, 4.0, nan, nan, 5.0];
        assert_eq!(Runs::from_lengths([(3, 0.0), (5, 9.0)]).stretches_of(&x), [1..3, 3..5, 7..8]);
        assert_eq!(Runs::unbroken(8).stretches_of(&x), [1..5, 7..8]);
        assert_eq!(Runs::unbroken(2).stretches_of(&[nan, nan]), []);
    }
}
