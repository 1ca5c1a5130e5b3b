use rand::Rng;

use crate::attractors::{AttractorPlan, AttractorSearch, find_attractors};
use crate::cycles::Cycle;
use crate::fixed_points::{FixedPointPlan, FixedPointSearch, find_fixed_points};
use crate::map::Map;
use crate::piecewise_linear::PiecewiseLinearMap;

/// How to draw a portrait.
#[derive(Debug, Clone, PartialEq)]
pub struct PortraitPlan {
    pub fixed_points: FixedPointPlan,
    pub attractors: AttractorPlan,
}

/// The long-term behaviour of one map.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// `M`.
    pub dim: usize,
    pub fixed_points: FixedPointSearch,
    /// Cycles that orbits were seen to reach; cycles that repel are not among them.
    pub cycles: Vec<Cycle>,
    pub attractors: AttractorSearch,
}

/// Fixed points, cycles, attractors and basins of a piecewise-linear map: the same for the same state of `rng`.
pub fn portrait(rng: &mut impl Rng, map: &PiecewiseLinearMap, starts: &[Vec<f64>], plan: &PortraitPlan) -> Portrait {
    let fixed_points = find_fixed_points(rng, map, starts, &plan.fixed_points);
    let attractors = find_attractors(rng, map, &fixed_points.found, starts, &plan.attractors);
    let cycles = attractors.attractors.iter().filter_map(|attractor| attractor.cycle.clone()).collect();
    Portrait { dim: map.dim(), fixed_points, cycles, attractors }
}
