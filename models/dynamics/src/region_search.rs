//! The search for fixed points where there are too many regions to visit.

use std::collections::{HashSet, VecDeque};

use rand::{Rng, RngExt};

use crate::fixed_points::FixedPointPlan;
use crate::geometry::{is_finite, norm};
use crate::homotopy::Direction;
use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::region_solver::{Candidate, RegionSolver};

/// Goes from region to region until the effort is spent; returns how many regions were visited.
pub(crate) fn search_regions(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
    solver: &mut RegionSolver<'_>,
) -> usize {
    let mut visited: HashSet<ActivationPattern> = HashSet::new();
    let mut seeds = Seeds::new(map, starts);
    // Every region is solved once; where few are left to discover, most seeds lead nowhere.
    let max_seeds = plan.max_solves.saturating_mul(8);
    for _ in 0..max_seeds {
        jump_between_regions(seeds.next(rng), plan.max_solves, &mut visited, &mut seeds, solver);
        // Jumps are quick where they work, paths are sure where jumps go in circles: equal shares.
        if solver.path_regions < solver.solves / 2 {
            let start = seeds.distant_point(rng);
            for direction in [Direction::Falling, Direction::Rising] {
                solver.follow_path(&start, direction, &mut visited);
            }
        }
        if solver.solves >= plan.max_solves {
            break;
        }
    }
    visited.len()
}

/// Solves a region, jumps to the one in which the candidate lies, and so on until one was visited before.
fn jump_between_regions(
    mut pattern: ActivationPattern,
    max_solves: usize,
    visited: &mut HashSet<ActivationPattern>,
    seeds: &mut Seeds<'_>,
    solver: &mut RegionSolver<'_>,
) {
    while solver.solves < max_solves && visited.insert(pattern.clone()) {
        match solver.solve_in(&pattern) {
            Candidate::Accepted => return seeds.push_neighbours(&pattern),
            Candidate::Elsewhere(point) => pattern = solver.map.pattern_at(&point),
            Candidate::None => return,
        }
    }
}

/// Regions from which to start, the likeliest first.
struct Seeds<'a> {
    map: &'a PiecewiseLinearMap,
    queue: VecDeque<ActivationPattern>,
    center: Vec<f64>,
    spread: f64,
}

/// How far along its orbit a start is followed for regions to look into.
const SEED_ORBIT_STEPS: usize = 20;

impl<'a> Seeds<'a> {
    fn new(map: &'a PiecewiseLinearMap, starts: &[Vec<f64>]) -> Self {
        let usable: Vec<&Vec<f64>> = starts.iter().filter(|z| z.len() == map.dim() && is_finite(z)).collect();
        let mut center = vec![0.0; map.dim()];
        for start in &usable {
            center.iter_mut().zip(start.iter()).for_each(|(c, x)| *c += x / usable.len() as f64);
        }
        let widest = |widest: f64, start: &&Vec<f64>| {
            start.iter().zip(&center).fold(widest, |widest, (x, c)| widest.max((x - c).abs()))
        };
        let spread = usable.iter().fold(0.0, widest);
        let mut queue = VecDeque::new();
        let mut known = HashSet::new();
        for start in &usable {
            for point in map.orbit(start, SEED_ORBIT_STEPS).iter().take_while(|z| is_finite(z)) {
                let pattern = map.pattern_at(point);
                if known.insert(pattern.clone()) {
                    queue.push_back(pattern);
                }
            }
        }
        let spread = if spread > 0.0 { spread } else { norm(&center).max(1.0) };
        Self { map, queue, center, spread }
    }

    fn push_neighbours(&mut self, pattern: &ActivationPattern) {
        self.queue.extend((0..pattern.len()).map(|k| pattern.with_flipped(k)));
    }

    /// A point well outside the starts, from which a path comes in to them.
    fn distant_point(&self, rng: &mut impl Rng) -> Vec<f64> {
        let reach = 100.0 * self.spread;
        self.center.iter().map(|c| c + reach * rng.random_range(-1.0..1.0)).collect()
    }

    fn next(&mut self, rng: &mut impl Rng) -> ActivationPattern {
        if let Some(pattern) = self.queue.pop_front() {
            return pattern;
        }
        if rng.random_bool(0.5) {
            // Regions that exist, near the starts and up to thirty times further out.
            let reach = self.spread * 30.0_f64.powf(rng.random_range(-0.3..1.0));
            let point: Vec<f64> = self.center.iter().map(|c| c + reach * rng.random_range(-1.0..1.0)).collect();
            return self.map.pattern_at(&point);
        }
        // Any pattern, though its region may be empty: its solution points somewhere new.
        let mut pattern = ActivationPattern::inactive(self.map.n_hinges());
        (0..pattern.len()).for_each(|k| pattern.set(k, rng.random_bool(0.5)));
        pattern
    }
}
