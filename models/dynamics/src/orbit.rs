//! Recorded orbits, and what their points have in common.

use std::ops::Range;

use crate::geometry::{distance, squared};
use crate::vectorised::vectorised;

/// Points of an attractor kept to recognise it, and points of an orbit compared with them.
const CLOUD_POINTS: usize = 600;
const PROBE_POINTS: usize = 60;

/// A recorded stretch of orbit, `[time, M]` in one piece.
pub(crate) struct Orbit {
    pub dim: usize,
    pub states: Vec<f64>,
}

impl Orbit {
    pub fn len(&self) -> usize {
        self.states.len() / self.dim
    }

    pub fn state(&self, t: usize) -> &[f64] {
        &self.states[t * self.dim..(t + 1) * self.dim]
    }

    pub fn last(&self) -> &[f64] {
        self.state(self.len() - 1)
    }

    pub fn states(&self) -> impl Iterator<Item = &[f64]> + Clone {
        self.states.chunks_exact(self.dim)
    }

    pub fn extent(&self, range: Range<usize>) -> f64 {
        center_and_extent(range.map(|t| self.state(t)).collect::<Vec<_>>().into_iter()).1
    }

    /// Up to `points` of its states, evenly spread over it.
    pub fn spread(&self, points: usize) -> Vec<Vec<f64>> {
        strided_indices(self.len(), points).map(|t| self.state(t).to_vec()).collect()
    }

    /// Periods after which the end of the orbit nearly repeats itself throughout one period, the most exact first.
    ///
    /// A cycle that doubled its period a moment ago nearly repeats after half of it: the strict answer is tried
    /// before the lax one. Distances below `negligible` are the jitter of rounding about a point of rest.
    pub fn recurrences(&self, max_period: usize, extent: f64, negligible: f64) -> Vec<usize> {
        let end = self.len() - 1;
        let mut periods = Vec::new();
        for nearly in [1e-8, 1e-6, 1e-4, 1e-2].map(|fraction| negligible.max(fraction * extent)) {
            let shortest = (1..=max_period).find(|&period| {
                end >= 2 * period
                    && (0..period)
                        .all(|back| distance(self.state(end - back), self.state(end - back - period)) <= nearly)
            });
            periods.extend(shortest.filter(|period| !periods.contains(period)));
        }
        periods
    }

    /// Whether both halves cover the same ground: an orbit on its way does not come back to where it was.
    pub fn is_stationary(&self, merge_distance: f64) -> bool {
        let middle = self.len() / 2;
        let (first, second) = (self.extent(0..middle), self.extent(middle..self.len()));
        let negligible = merge_distance * first.max(second);
        (first - second).abs() <= 0.2 * first.max(second)
            && Cloud::of(self, 0..middle).covers(&Cloud::of(self, middle..self.len()), negligible)
    }
}

/// Points of an orbit, and how far apart sampling left them.
pub(crate) struct Cloud {
    dim: usize,
    /// `[point, M]` in one piece.
    points: Vec<f64>,
    /// Median and 95th percentile of the distance from one point to the nearest other.
    gaps: [f64; 2],
}

impl Cloud {
    pub fn of(orbit: &Orbit, range: Range<usize>) -> Self {
        let points = scattered_indices(range.len(), CLOUD_POINTS);
        Self::of_points(orbit.dim, points.flat_map(|t| orbit.state(range.start + t)).copied().collect())
    }

    pub fn of_points(dim: usize, points: Vec<f64>) -> Self {
        let mut cloud = Self { dim, points, gaps: [0.0; 2] };
        let nearest = cloud.probes().map(|i| {
            let (before, after) = (&cloud.points[..i * dim], &cloud.points[(i + 1) * dim..]);
            let point = cloud.point(i);
            nearest_squared(point, before).min(nearest_squared(point, after)).sqrt()
        });
        cloud.gaps = percentiles(nearest.collect(), [0.5, 0.95]);
        cloud
    }

    /// Whether the points of `other` are no further from this cloud than its own are from each other, by the half
    /// and by the four fifths of them: two samples of one attractor differ by more in a few points.
    pub fn covers(&self, other: &Self, negligible: f64) -> bool {
        let gaps = other.probes().map(|i| nearest_squared(other.point(i), &self.points).sqrt());
        let found = percentiles(gaps.collect(), [0.5, 0.8]);
        found.iter().zip(self.gaps).all(|(&found, own)| found <= negligible.max(SAMPLING_SLACK * own))
    }

    fn point(&self, i: usize) -> &[f64] {
        &self.points[i * self.dim..(i + 1) * self.dim]
    }

    fn probes(&self) -> impl Iterator<Item = usize> {
        strided_indices(self.points.len() / self.dim.max(1), PROBE_POINTS)
    }
}

/// The squared distance from `point` to the nearest of `points`, which lie side by side.
fn nearest_squared(point: &[f64], points: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || points.chunks_exact(point.len()).map(|other| squared(point, other)).fold(f64::INFINITY, f64::min),
    )
}

/// How much larger a percentile of sixty distances may come out by chance.
const SAMPLING_SLACK: f64 = 2.0;

/// Mean of the points and their root mean square distance from it.
pub(crate) fn center_and_extent<'a>(points: impl Iterator<Item = &'a [f64]> + Clone) -> (Vec<f64>, f64) {
    let n = points.clone().count().max(1) as f64;
    let dim = points.clone().next().map_or(0, <[f64]>::len);
    let mut center = vec![0.0; dim];
    for point in points.clone() {
        center.iter_mut().zip(point).for_each(|(c, x)| *c += x / n);
    }
    let mean_square = points.map(|point| distance(point, &center).powi(2) / n).sum::<f64>();
    (center, mean_square.sqrt())
}

/// Up to `points` of all, evenly spread.
pub(crate) fn strided(all: &[Vec<f64>], points: usize) -> Vec<Vec<f64>> {
    strided_indices(all.len(), points).map(|i| all[i].clone()).collect()
}

fn strided_indices(len: usize, points: usize) -> impl Iterator<Item = usize> {
    let points = points.min(len);
    (0..points).map(move |i| i * len / points)
}

/// Up to `points` of all, in no step with any period: an even stride meets only a part of an orbit that nearly repeats.
fn scattered_indices(len: usize, points: usize) -> impl Iterator<Item = usize> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    // Closer together, two of the golden points may fall on one state.
    let is_sparse = len >= 4 * points;
    let count = points.min(len);
    (0..count)
        .map(move |i| if is_sparse { ((i as f64 * GOLDEN).fract() * len as f64) as usize } else { i * len / count })
}

fn percentiles(mut values: Vec<f64>, ranks: [f64; 2]) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    ranks.map(|rank| {
        let index = (rank * values.len() as f64) as usize;
        values.get(index).or(values.last()).copied().unwrap_or(0.0)
    })
}
