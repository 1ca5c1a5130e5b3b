//! Paths of `z − F(z) = τ r` through the linear regions of a piecewise-linear map.
//!
//! Any start `z₀` solves this with `r = z₀ − F(z₀)` and `τ = 1`; where the path comes to `τ = 0` it crosses a fixed
//! point. In each region the path is a straight line, `z(τ) = (I − J)⁻¹ c + τ (I − J)⁻¹ r`; at a fold it goes on in the
//! next region, with `τ` turning round where `det(I − J)` changes sign. It therefore passes folds at which Newton's
//! method jumps to and fro.
//!
//! Where `F` is bounded (clippedShPLRNN with all `|a| < 1`), the path that comes in from far away must leave again
//! on the other side and crosses `τ = 0` on its way: at least one fixed point is sure to be met.
//!
//! Sources: Katzenelson (1965), Bell Syst. Tech. J. 44, 1605–1620; Smale (1976), J. Math. Econ. 3, 107–120.

use nalgebra::{DMatrix, DVector};

use crate::geometry::dot;
use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;

/// Where a path goes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Falling,
    Rising,
}

/// Follows the path through `start` for at most `max_regions` regions. Calls `visit` with each region and the solution of
/// its equation `(I − J) z = c`, which is a fixed point if it lies in that region: on the path or beside it.
pub(crate) fn follow(
    map: &PiecewiseLinearMap,
    start: &[f64],
    direction: Direction,
    max_regions: usize,
    mut visit: impl FnMut(&ActivationPattern, &[f64]),
) {
    let mut image = vec![0.0; map.dim()];
    map.step(start, &mut image);
    let pull = DVector::from_iterator(map.dim(), start.iter().zip(&image).map(|(z, f)| z - f));
    let mut pattern = map.pattern_at(start);
    let mut tau: f64 = 1.0;
    let mut falling = direction == Direction::Falling;
    let mut entered_by = None;
    let mut orientation = None;
    for _ in 0..max_regions {
        let Some(line) = Line::in_region(map, &pattern, &pull) else {
            return;
        };
        visit(&pattern, line.base.as_slice());
        if orientation.is_some_and(|before| before != line.preserves_orientation) {
            falling = !falling;
        }
        orientation = Some(line.preserves_orientation);
        let Some((fold, at)) = line.next_fold(map, tau, falling, entered_by) else {
            return;
        };
        pattern.set(fold, !pattern.is_active(fold));
        (tau, entered_by) = (at, Some(fold));
    }
}

/// The path within one region: `z(τ) = base + τ · slope`.
struct Line {
    base: DVector<f64>,
    slope: DVector<f64>,
    preserves_orientation: bool,
}

impl Line {
    fn in_region(map: &PiecewiseLinearMap, pattern: &ActivationPattern, pull: &DVector<f64>) -> Option<Self> {
        let (jacobian, offset) = map.affine_in(pattern);
        let lu = (DMatrix::identity(map.dim(), map.dim()) - jacobian).lu();
        let (base, slope) = (lu.solve(&offset)?, lu.solve(pull)?);
        let finite = base.iter().chain(slope.iter()).all(|x| x.is_finite());
        finite.then(|| Self { base, slope, preserves_orientation: lu.determinant() > 0.0 })
    }

    /// The first fold met from `tau` on, and the `τ` at which it is met.
    fn next_fold(
        &self,
        map: &PiecewiseLinearMap,
        tau: f64,
        falling: bool,
        entered_by: Option<usize>,
    ) -> Option<(usize, f64)> {
        let mut next: Option<(usize, f64)> = None;
        for (k, hinge) in map.hinges().iter().enumerate() {
            if Some(k) == entered_by {
                continue;
            }
            let level = hinge.activation(self.base.as_slice());
            let rate = dot(&hinge.normal, self.slope.as_slice());
            let at = -level / rate;
            let ahead = if falling { at < tau } else { at > tau };
            let nearer = next.is_none_or(|(_, other)| if falling { at > other } else { at < other });
            if at.is_finite() && ahead && nearer {
                next = Some((k, at));
            }
        }
        next
    }
}
