//! The cycles of a piecewise-linear map, stable and unstable.

mod finds;
mod from_orbits;

use nalgebra::DMatrix;
use rand::Rng;

use crate::cycles::{Cycle, cycle_jacobian, minimal_period};
use crate::geometry::{distance, lexicographic, norm};
use crate::itineraries::{Met, follow_itineraries};
use crate::map::Map;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::singular_values::SingularValues;
use crate::units::Units;
use crate::unseen::Unseen;
use finds::Finds;

/// How to look for cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleSearchPlan {
    /// The longest period looked for; `100`.
    pub max_period: usize,
    /// In one and two dimensions, all itineraries are followed as far as this many polygons go; `1 000 000`, about a
    /// second. A cycle found counts for as many as confirming it costs. Memory does not grow with it.
    pub max_polygons: usize,
    /// Where that does not reach `max_period`, steps composed by the search from orbits; `1 000 000`. A step in more than
    /// sixteen dimensions counts for as many as it costs.
    pub max_steps: usize,
    /// Largest relative residual of a cycle that is reported; `1e-10`.
    pub residual_tolerance: f64,
    /// Cycles of one period whose points are closer than this, relative to their extent, are one; `1e-6`.
    pub merge_distance: f64,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-9`.
    pub marginal_tolerance: f64,
}

/// A line or plane of cycles, neutral along it: each of its points returns after `period` steps.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleFamily {
    pub period: usize,
    /// A point of one of them, `[M]`.
    pub location: Vec<f64>,
    /// Orthonormal directions in which neighbouring points are on such cycles too, each `[M]`.
    pub directions: Vec<Vec<f64>>,
}

/// The cycles found, and how far the finding can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleSearch {
    /// Cycles of period two and more, by period and then by their first point; each starts at its smallest point.
    pub found: Vec<Cycle>,
    /// Families of cycles that are not isolated, one entry for each itinerary and period; only where itineraries were followed.
    pub families: Vec<CycleFamily>,
    /// Every isolated cycle of at most this period is in `found`, and every family in `families`: all itineraries were followed, and each cycle
    /// that they led to was confirmed on the map. Up to rounding; 0 where none were.
    pub complete_up_to: usize,
    /// Polygons that were followed.
    pub polygons: usize,
    /// Steps that the search composed.
    pub steps: usize,
    /// What the search may have missed among longer periods; `None` where nothing was left to search for.
    pub unseen: Option<Unseen>,
}

/// Cycles of at most `max_period` of a piecewise-linear map.
///
/// A cycle solves one affine equation for each sequence of linear regions, `z = (I − A)⁻¹ c` with `A = J_k … J_1`. In one and
/// two dimensions all sequences that occur are followed: complete, up to rounding, to the period reached. Beyond it, sequences
/// are taken from orbits and from sequences of known cycles with one hinge turned (where two cycles are born together,
/// they differ by that); a solution that visits other regions than those it was solved for gives the next sequence.
///
/// Unstable cycles are found as well as stable ones. Misleads in chaos, where the number of cycles grows exponentially with
/// their period: there is always one more. Cycles whose `I − A` is singular come in families, which are listed apart, and beyond two dimensions
/// not looked for. Costs `O(k M³)` for every sequence.
///
/// Source: Eisenmann et al. (2023), NeurIPS, for the iteration from sequence to sequence.
pub fn find_cycles(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &CycleSearchPlan,
) -> CycleSearch {
    let Some(units) = Units::apart(map, starts, &[]) else { return find_in_these_units(rng, map, starts, plan) };
    let map = map.in_units_of(&units.scale);
    units.cycles_from_here(find_in_these_units(rng, &map, &units.states_to_here(starts), plan))
}

fn find_in_these_units(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &CycleSearchPlan,
) -> CycleSearch {
    let mut finds = Finds::none(map, plan);
    let mut families = Vec::new();
    let mut shortest_unconfirmed = usize::MAX;
    let followed = follow_itineraries(map, plan.max_period, plan.max_polygons, |met| match met {
        Met::Cycle { start, word, is_inside } => {
            if !finds.confirms(start, word) && is_inside {
                shortest_unconfirmed = shortest_unconfirmed.min(word.len());
            }
        }
        Met::Family { start, period } => families.extend(family(map, start, period, plan.residual_tolerance)),
    });
    let complete_up_to = followed.complete_up_to.min(shortest_unconfirmed - 1);
    let unseen = (complete_up_to < plan.max_period).then(|| {
        finds.counts.iter_mut().for_each(|count| *count = 0);
        finds.search(rng, starts, complete_up_to)
    });
    let Finds { mut found, steps, .. } = finds;
    found.sort_by(|a, b| a.period.cmp(&b.period).then_with(|| lexicographic(&a.points[0], &b.points[0])));
    CycleSearch { found, families, complete_up_to, polygons: followed.polygons, steps, unseen }
}

/// The family through `start`, where it is one: fixed points are no cycles.
fn family(map: &PiecewiseLinearMap, start: &[f64], period: usize, residual_tolerance: f64) -> Option<CycleFamily> {
    let mut points = map.orbit(start, period);
    let back = points.pop()?;
    let size = points.iter().map(|point| norm(point)).fold(0.0, f64::max);
    points.truncate(minimal_period(&points));
    if points.len() == 1 || distance(&back, start) > residual_tolerance * size {
        return None;
    }
    let dim = map.dim();
    let singular = SingularValues::of(&(DMatrix::identity(dim, dim) - cycle_jacobian(map, &points)));
    let neutral = (0..dim).filter(|&i| singular.values[i] <= 1e-9 * singular.largest().max(1.0));
    let directions = neutral.map(|i| singular.right.column(i).as_slice().to_vec()).collect();
    Some(CycleFamily { period: points.len(), location: start.to_vec(), directions })
}
