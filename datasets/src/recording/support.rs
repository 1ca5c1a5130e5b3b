//! When something was measured: stretches of time.

/// Stretches of time in seconds, `[start, stop)`, on one clock.
///
/// Invariant: sorted, disjoint and not touching, finite, none empty. What lies outside was not measured, whatever
/// the reason: an interrupted recording, a scrubbed volume, a unit that was lost. No step fills such a gap or
/// reaches across it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Support {
    intervals_secs: Vec<[f64; 2]>,
}

impl Support {
    /// The union of `intervals_secs`, in any order; empty and non-finite ones add nothing.
    pub fn new(intervals_secs: impl IntoIterator<Item = [f64; 2]>) -> Self {
        let sound = |[start, stop]: &[f64; 2]| start.is_finite() && stop.is_finite() && start < stop;
        let mut sorted: Vec<[f64; 2]> = intervals_secs.into_iter().filter(sound).collect();
        sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut united: Vec<[f64; 2]> = Vec::with_capacity(sorted.len());
        for [start, stop] in sorted {
            match united.last_mut() {
                Some(last) if start <= last[1] => last[1] = last[1].max(stop),
                _ => united.push([start, stop]),
            }
        }
        Self { intervals_secs: united }
    }

    /// One stretch; none where `stop_secs` is not after `start_secs`.
    pub fn between(start_secs: f64, stop_secs: f64) -> Self {
        Self::new([[start_secs, stop_secs]])
    }

    /// `[start, stop)`, sorted.
    pub fn intervals_secs(&self) -> &[[f64; 2]] {
        &self.intervals_secs
    }

    pub fn is_empty(&self) -> bool {
        self.intervals_secs.is_empty()
    }

    /// From the first start to the last stop.
    pub fn span_secs(&self) -> Option<[f64; 2]> {
        Some([self.intervals_secs.first()?[0], self.intervals_secs.last()?[1]])
    }

    /// Time measured, without the gaps.
    pub fn total_secs(&self) -> f64 {
        self.intervals_secs.iter().map(|[start, stop]| stop - start).sum()
    }

    /// What lies between the stretches.
    pub fn gaps(&self) -> Self {
        let between = self.intervals_secs.windows(2).map(|pair| [pair[0][1], pair[1][0]]);
        Self { intervals_secs: between.collect() }
    }

    /// Without gaps shorter than `secs`, such as those that rounding leaves.
    pub fn closed(&self, secs: f64) -> Self {
        let mut closed: Vec<[f64; 2]> = Vec::with_capacity(self.intervals_secs.len());
        for &[start, stop] in &self.intervals_secs {
            match closed.last_mut() {
                Some(last) if start - last[1] < secs => last[1] = stop,
                _ => closed.push([start, stop]),
            }
        }
        Self { intervals_secs: closed }
    }

    /// Time in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let (a, b) = (&self.intervals_secs, &other.intervals_secs);
        let (mut i, mut j) = (0, 0);
        let mut common = Vec::new();
        while i < a.len() && j < b.len() {
            let [start, stop] = [a[i][0].max(b[j][0]), a[i][1].min(b[j][1])];
            if start < stop {
                common.push([start, stop]);
            }
            if a[i][1] < b[j][1] {
                i += 1;
            } else {
                j += 1;
            }
        }
        Self { intervals_secs: common }
    }

    /// Time in `self` and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let Some([start, stop]) = self.span_secs() else {
            return Self::default();
        };
        let edges = other.intervals_secs.iter();
        let mut outside = Vec::with_capacity(edges.len() + 1);
        let mut from = start;
        for &[begin, end] in edges {
            outside.push([from, begin]);
            from = from.max(end);
        }
        outside.push([from, stop]);
        self.intersection(&Self::new(outside))
    }

    /// Whether all of `[start, stop)` was measured.
    pub fn covers(&self, [start, stop]: [f64; 2]) -> bool {
        let after = self.intervals_secs.partition_point(|interval| interval[0] <= start);
        after > 0 && stop <= self.intervals_secs[after - 1][1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overlapping_and_touching_stretches_are_one() {
        let support = Support::new([[3.0, 4.0], [0.0, 1.0], [1.0, 2.0], [3.5, 5.0], [7.0, 7.0], [f64::NAN, 9.0]]);
        assert_eq!(support.intervals_secs(), [[0.0, 2.0], [3.0, 5.0]]);
        assert_eq!(support.span_secs(), Some([0.0, 5.0]));
        assert_eq!(support.total_secs(), 4.0);
        assert_eq!(support.gaps().intervals_secs(), [[2.0, 3.0]]);
        assert_eq!(support.closed(1.5).intervals_secs(), [[0.0, 5.0]]);
        assert!(support.covers([3.0, 5.0]) && !support.covers([1.5, 3.5]) && !support.covers([-1.0, 0.0]));
    }

    fn supports() -> impl Strategy<Value = Support> {
        prop::collection::vec((0u8..40, 1u8..6), 0..8)
            .prop_map(|pairs| Support::new(pairs.into_iter().map(|(a, n)| [f64::from(a), f64::from(a + n)])))
    }

    proptest! {
        /// At the middle of every unit of time, the operations are those of logic.
        #[test]
        fn stretches_are_sets(a in supports(), b in supports()) {
            let (both, only_a) = (a.intersection(&b), a.without(&b));
            for t in 0..50 {
                let second = [f64::from(t), f64::from(t) + 1.0];
                let (in_a, in_b) = (a.covers(second), b.covers(second));
                prop_assert_eq!(both.covers(second), in_a && in_b);
                prop_assert_eq!(only_a.covers(second), in_a && !in_b);
            }
            prop_assert!((both.total_secs() + only_a.total_secs() - a.total_secs()).abs() < 1e-9);
        }
    }
}
