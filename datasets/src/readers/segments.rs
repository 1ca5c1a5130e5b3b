//! From positions in stored samples to seconds, where a recording was interrupted.

use crate::recording::Support;

/// What was recorded without interruption. Invariant: in order, together all `n_times` samples, the first from 0.
pub(super) struct Segments {
    step_secs: f64,
    segments: Vec<Segment>,
}

/// Samples from `first` on, at `start_secs`.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: usize,
    n_times: usize,
    start_secs: f64,
}

/// The recording stopped before sample `first` and went on after `gap_secs`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Break {
    pub first: usize,
    /// `None` where the file does not say; then one sample, so that the two sides are never taken for neighbours.
    pub gap_secs: Option<f64>,
}

impl Segments {
    /// Breaks at or beyond the ends, and repeated ones, are left out.
    pub fn new(n_times: usize, step_secs: f64, mut breaks: Vec<Break>) -> Self {
        breaks.retain(|at| (1..n_times).contains(&at.first));
        breaks.sort_by_key(|at| at.first);
        breaks.dedup_by_key(|at| at.first);
        breaks.insert(0, Break { first: 0, gap_secs: None });
        let mut segments: Vec<Segment> = Vec::with_capacity(breaks.len());
        for (i, at) in breaks.iter().enumerate() {
            let end = breaks.get(i + 1).map_or(n_times, |next| next.first);
            let start_secs = segments.last().map_or(0.0, |before| {
                let gap_secs = at.gap_secs.filter(|secs| secs.is_finite()).unwrap_or(0.0).max(step_secs);
                before.start_secs + before.n_times as f64 * step_secs + gap_secs
            });
            segments.push(Segment { first: at.first, n_times: end - at.first, start_secs });
        }
        Self { step_secs, segments }
    }

    pub fn n_breaks(&self) -> usize {
        self.segments.len() - 1
    }

    /// One sentence where there are breaks.
    pub fn warning(&self) -> Option<String> {
        interruptions(self.n_breaks())
    }

    /// When a position was recorded, counted in samples from 0; it may lie between samples.
    pub fn secs(&self, position: f64) -> f64 {
        let after = self.segments.partition_point(|segment| segment.first as f64 <= position);
        let segment = &self.segments[after.max(1) - 1];
        segment.start_secs + (position - segment.first as f64) * self.step_secs
    }

    pub fn support(&self) -> Support {
        let interval =
            |segment: &Segment| [segment.start_secs, segment.start_secs + segment.n_times as f64 * self.step_secs];
        Support::new(self.segments.iter().map(interval))
    }
}

/// One sentence where there are `n` breaks.
pub(super) fn interruptions(n: usize) -> Option<String> {
    match n {
        0 => None,
        1 => Some("The recording was interrupted once.".to_owned()),
        n => Some(format!("The recording was interrupted {n} times.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_gaps() {
        let at = |first, gap_secs| Break { first, gap_secs };
        let segments = Segments::new(
            10,
            0.5,
            vec![at(6, None), at(2, Some(3.0)), at(2, Some(9.0)), at(0, Some(1.0)), at(10, Some(1.0))],
        );
        assert_eq!(segments.n_breaks(), 2);
        let secs: Vec<f64> = [0.0, 1.5, 2.0, 5.0, 6.0, 9.0].map(|t| segments.secs(t)).to_vec();
        assert_eq!(secs, [0.0, 0.75, 4.0, 5.5, 6.5, 8.0]);
        assert_eq!(segments.support().intervals_secs(), [[0.0, 1.0], [4.0, 6.0], [6.5, 8.5]]);
    }
}
