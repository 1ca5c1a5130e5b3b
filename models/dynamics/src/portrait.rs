use rand::Rng;

use crate::attractors::{AttractorPlan, AttractorSearch, find_attractors};
use crate::cycle_search::{CycleSearch, CycleSearchPlan, find_cycles};
use crate::cycles::Cycle;
use crate::fixed_points::{FixedPointPlan, FixedPointSearch, find_fixed_points};
use crate::geometry::distance;
use crate::map::Map;
use crate::orbit::center_and_extent;
use crate::piecewise_linear::PiecewiseLinearMap;

/// How to draw a portrait.
#[derive(Debug, Clone, PartialEq)]
pub struct PortraitPlan {
    pub fixed_points: FixedPointPlan,
    pub cycles: CycleSearchPlan,
    pub attractors: AttractorPlan,
}

/// The long-term behaviour of one map.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// `M`.
    pub dim: usize,
    pub fixed_points: FixedPointSearch,
    /// Stable and unstable cycles, and those of longer periods that orbits were seen to reach.
    pub cycles: CycleSearch,
    pub attractors: AttractorSearch,
}

/// Fixed points, cycles, attractors and basins of a piecewise-linear map: the same for the same state of `rng`.
///
/// What is complete and what was only searched is said by each part; basins are shares of `starts: [start][M]`, whose dispersion is
/// therefore part of the answer. Misleads and costs as its parts do: [`find_fixed_points`], [`find_cycles`], [`find_attractors`],
/// where the sources stand too.
pub fn portrait(rng: &mut impl Rng, map: &PiecewiseLinearMap, starts: &[Vec<f64>], plan: &PortraitPlan) -> Portrait {
    let fixed_points = find_fixed_points(rng, map, starts, &plan.fixed_points);
    let attractors = find_attractors(rng, map, &fixed_points.found, starts, &plan.attractors);
    let mut cycles = find_cycles(rng, map, starts, &plan.cycles);
    let is_known = |cycle: &Cycle, found: &[Cycle]| found.iter().any(|other| are_one(cycle, other));
    for cycle in attractors.attractors.iter().filter_map(|attractor| attractor.cycle.as_ref()) {
        if !is_known(cycle, &cycles.found) {
            // What an orbit met and the search did not contradicts that the search has met all.
            cycles.complete_up_to = cycles.complete_up_to.min(cycle.period - 1);
            cycles.found.push(cycle.clone());
        }
    }
    Portrait { dim: map.dim(), fixed_points, cycles, attractors }
}

/// Whether each point of one cycle is a point of the other, to a millionth of their extent.
fn are_one(a: &Cycle, b: &Cycle) -> bool {
    let near = 1e-6 * center_and_extent(a.points.iter().map(Vec::as_slice)).1;
    a.period == b.period && b.points.iter().any(|point| distance(point, &a.points[0]) <= near)
}
