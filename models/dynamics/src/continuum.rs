//! Points of rest that belong to one line, ring or sheet of fixed points.

use nalgebra::{DMatrix, DVector};

use crate::fixed_points::{Continuum, FixedPoint};
use crate::geometry::{distance, is_finite, norm};
use crate::map::Map;
use crate::smooth::{Interval, SmoothSystem};

/// Where half way between two points of rest the map rests as well, and at neither of them: by following an orbit from there.
pub(crate) fn settles_between(map: &dyn Map, a: &[f64], b: &[f64], settling_steps: usize) -> bool {
    let settled = map.iterate(&middle(a, b), settling_steps);
    let mut next = vec![0.0; settled.len()];
    map.step(&settled, &mut next);
    distance(&settled, &next) <= 1e-3 * distance(a, b) && lies_between(&settled, a, b)
}

fn middle(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / 2.0 + b / 2.0).collect()
}

fn lies_between(z: &[f64], a: &[f64], b: &[f64]) -> bool {
    let gap = distance(a, b);
    [a, b].iter().all(|end| (0.1 * gap..=gap).contains(&distance(z, end)))
}

/// Whether there is a point of rest where an orbit seems to rest, and not only a velocity that is small for the size of things: each component of
/// the residual must be rounding of the terms that its row of the slope says it is made of.
pub(crate) fn comes_to_rest(map: &dyn Map, z: &[f64]) -> bool {
    let Some(end) = newton_to_rounding(map, z.to_vec()) else { return false };
    let mut residual = vec![0.0; z.len()];
    map.rest_residual(&end, &mut residual);
    let slope = map.rest_slope(&end);
    // One step of a map is a unit; a flow has none.
    let largest = end.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let floor = if map.flow_time_per_step().is_some() { 0.0 } else { ROUNDING * largest };
    let is_rounding = residual.iter().enumerate().all(|(i, residual)| {
        let terms: f64 = end.iter().enumerate().map(|(j, z)| (slope[(i, j)] * z).abs()).sum();
        residual.abs() <= CREEPING * terms + floor + f64::MIN_POSITIVE
    });
    is_rounding && distance(&end, z) <= NEARBY * norm(z).max(f64::MIN_POSITIVE)
}

/// A residual above this share of its terms moves.
const CREEPING: f64 = 1e-9;
/// A point of rest further from where the orbit stopped than this share of its size is another one.
const NEARBY: f64 = 1e-3;

/// Groups of indices into `points`, each connected through neighbours that `are_joined` says belong together.
///
/// Neighbours are those of the minimum spanning tree (Prim 1957), so that `n` points ask `n` times, and take `O(n² M)` for distances.
pub(crate) fn connected(points: &[Vec<f64>], are_joined: impl Fn(&[f64], &[f64]) -> bool) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of = vec![None; points.len()];
    // For every point that is not yet in the tree: the nearest one that is, and its distance.
    let mut link = vec![(0, f64::INFINITY); points.len()];
    let closest = |link: &[(usize, f64)], group_of: &[Option<usize>]| {
        let outside = (0..link.len()).filter(|&i| group_of[i].is_none());
        outside.min_by(|&a, &b| link[a].1.total_cmp(&link[b].1))
    };
    while let Some(added) = closest(&link, &group_of) {
        let (neighbour, gap) = link[added];
        let joined = group_of[neighbour].filter(|_| gap == 0.0 || are_joined(&points[added], &points[neighbour]));
        let group = joined.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(added);
        group_of[added] = Some(group);
        for (other, link) in link.iter_mut().enumerate() {
            let gap = distance(&points[added], &points[other]);
            if gap < link.1 {
                *link = (added, gap);
            }
        }
    }
    groups
}

/// Parts points where Newton's method ended into isolated ones and continua, one for each connected piece.
///
/// A point belongs to a continuum if its slope is singular and the map also rests a thousandth of its distance further along a direction that
/// the slope does not see, as far as intervals can tell. Costs a singular value decomposition for each
/// neutral point and a few for each probe.
pub(crate) fn part_continua(map: &dyn SmoothSystem, found: Vec<FixedPoint>) -> (Vec<FixedPoint>, Vec<Continuum>) {
    let (mut isolated, mut members) = (Vec::new(), Vec::new());
    for point in found {
        // Of a large map only those are decomposed whose multipliers suggest it.
        let is_neutral =
            map.dim() <= SMALL || point.multipliers.iter().any(|multiplier| (*multiplier - 1.0).norm() <= NEUTRAL);
        let directions = if is_neutral { rests_along(map, &point.location) } else { Vec::new() };
        match directions.is_empty() {
            true => isolated.push(point),
            false => {
                let location = projected(map, point.location.clone()).unwrap_or(point.location);
                members.push(Continuum { location, directions });
            }
        }
    }
    let locations: Vec<Vec<f64>> = members.iter().map(|member| member.location.clone()).collect();
    let rests_between = |a: &[f64], b: &[f64]| projected(map, middle(a, b)).is_some_and(|z| lies_between(&z, a, b));
    let pieces = connected(&locations, rests_between);
    (isolated, pieces.iter().map(|piece| members[piece[0]].clone()).collect())
}

/// Up to this many dimensions every point's slope is decomposed.
const SMALL: usize = 16;
/// Multipliers this close to one may belong to a direction along which the map rests.
const NEUTRAL: f64 = 1e-6;
/// Singular values below this share of the largest, or of one, belong to directions that the slope does not see.
const UNSEEN: f64 = 1e-7;
/// A continuum is looked for this far along, relative to the distance from the origin or to one.
const PROBE: f64 = 1e-3;
/// Residuals below this, relative to state and slope, are rounding.
const ROUNDING: f64 = 1e-13;

/// Orthonormal directions at `z` along which the map rests too.
fn rests_along(map: &dyn SmoothSystem, z: &[f64]) -> Vec<Vec<f64>> {
    let Some(parts) = map.rest_slope(z).try_svd(false, true, f64::EPSILON, 1000) else { return Vec::new() };
    let Some(rows) = &parts.v_t else { return Vec::new() };
    let reach = PROBE * norm(z).max(1.0);
    let largest = parts.singular_values.max().max(1.0);
    let unseen = parts.singular_values.iter().enumerate().filter(|&(_, &value)| value <= UNSEEN * largest);
    unseen
        .map(|(index, _)| rows.row(index).iter().copied().collect::<Vec<f64>>())
        .filter(|direction| {
            [reach, -reach].iter().any(|step| {
                let beside: Vec<f64> = z.iter().zip(direction).map(|(z, d)| z + step * d).collect();
                projected(map, beside).is_some_and(|end| {
                    let along: f64 = end.iter().zip(z).zip(direction).map(|((end, z), d)| (end - z) * d).sum();
                    (0.5..2.0).contains(&(along / step))
                })
            })
        })
        .collect()
}

/// The point of rest next to `z`; what the slope does not see stays as it is.
fn projected(map: &dyn SmoothSystem, z: Vec<f64>) -> Option<Vec<f64>> {
    newton_to_rounding(map, z).filter(|z| may_rest_at(map, z))
}

/// The shortest Newton steps from `z` until the residual is rounding and gets no smaller; at a multiple root, where it falls for as long as there are
/// numbers and steps halve, until the state hardly moves.
fn newton_to_rounding(map: &(impl Map + ?Sized), mut z: Vec<f64>) -> Option<Vec<f64>> {
    let mut last = f64::INFINITY;
    let mut moved = f64::INFINITY;
    for _ in 0..MOST_STEPS {
        let mut residual = DVector::zeros(z.len());
        map.rest_residual(&z, residual.as_mut_slice());
        let slope = map.rest_slope(&z);
        if !is_finite(residual.as_slice()) || !is_finite(slope.as_slice()) {
            return None;
        }
        let size = norm(&z).max(1.0) * slope.norm().max(1.0);
        // The largest entry: a sum of squares would vanish long before its terms.
        let left = residual.amax();
        if left == 0.0 || (left <= ROUNDING * size && left >= 0.5 * last) {
            return Some(z);
        }
        last = left;
        // Equations in units of their own: of a double root only its own slope says how steep its equation still is.
        let steepness = slope.row_iter().map(|row| row.norm()).map(|norm| if norm > 0.0 { norm } else { 1.0 });
        let steepness = DVector::from_iterator(z.len(), steepness);
        let equations = DMatrix::from_fn(z.len(), z.len(), |i, j| slope[(i, j)] / steepness[i]);
        let parts = equations.try_svd(true, true, f64::EPSILON, 1000)?;
        let scaled = residual.component_div(&steepness);
        let step = parts.solve(&scaled, UNSEEN * parts.singular_values.max()).ok()?;
        z.iter_mut().zip(step.iter()).for_each(|(z, step)| *z -= step);
        moved = step.norm();
    }
    (moved <= ROUNDING * norm(&z)).then_some(z)
}

/// From as far as a search may stop before a double root, halves lead to rounding.
const MOST_STEPS: usize = 40;

/// Whether the range of the residual next to `z` holds zero: beside a very flat point of rest it does not, however small it is.
fn may_rest_at(map: &dyn SmoothSystem, z: &[f64]) -> bool {
    let radius = 10.0 * ROUNDING * norm(z).max(1.0);
    let around: Vec<Interval> = z.iter().map(|&x| Interval::around(x, radius)).collect();
    let mut range = around.clone();
    map.enclose_residual(&around, &mut range);
    range.iter().all(|side| side.contains(0.0))
}
