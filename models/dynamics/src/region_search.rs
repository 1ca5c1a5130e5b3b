//! The search for fixed points where there are too many regions to visit.

use std::collections::{BTreeSet, HashSet, VecDeque};

use rand::{Rng, RngExt};

use crate::fixed_points::FixedPointPlan;
use crate::geometry::{is_finite, norm};
use crate::homotopy::Direction;
use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::region_solver::{Candidate, RegionSolver};
use crate::unseen::Unseen;

/// Goes from region to region until the effort is spent; returns how often each fixed point was met from a new start.
pub(crate) fn search_regions(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
    solver: &mut RegionSolver<'_>,
) -> Unseen {
    let mut memory = RegionMemory::new();
    let mut seeds = Seeds::new(map, starts);
    let mut counts: Vec<usize> = Vec::new();
    let mut restarts = 0;
    // Regions that are remembered are not solved again; where few are left to discover, most seeds lead nowhere.
    let max_seeds = plan.max_solves.saturating_mul(8);
    for _ in 0..max_seeds {
        if solver.solves >= plan.max_solves {
            break;
        }
        let seed = seeds.next(rng);
        let met = jump_between_regions(seed.pattern, plan.max_solves, &mut memory, &mut seeds, solver);
        let mut met: BTreeSet<usize> = met.into_iter().filter(|_| seed.is_drawn).collect();
        restarts += usize::from(seed.is_drawn);
        // Jumps are quick where they work, paths are sure where jumps go in circles: equal shares.
        if solver.path_regions < solver.solves / 2 {
            let start = seeds.distant_point(rng);
            for direction in [Direction::Falling, Direction::Rising] {
                met.extend(solver.follow_path(&start, direction));
            }
            restarts += usize::from(!seed.is_drawn);
        }
        counts.resize(solver.n_found(), 0);
        met.into_iter().for_each(|index| counts[index] += 1);
    }
    Unseen::from_counts(&counts, restarts)
}

/// Regions that one chain of jumps may visit.
const LONGEST_CHAIN: usize = 1_000;

/// Solves a region, jumps to the one in which the candidate lies, and so on; the fixed point at which that ends. A region
/// that an earlier chain has visited ends where that one did.
fn jump_between_regions(
    mut pattern: ActivationPattern,
    max_solves: usize,
    memory: &mut RegionMemory,
    seeds: &mut Seeds<'_>,
    solver: &mut RegionSolver<'_>,
) -> Option<usize> {
    let mut chain = Vec::new();
    let mut end = None;
    while solver.solves < max_solves && chain.len() < LONGEST_CHAIN {
        if let Some(known) = memory.recall(&pattern) {
            end = known;
            break;
        }
        memory.remember(&pattern, None);
        chain.push(pattern.clone());
        match solver.solve_in(&pattern) {
            Candidate::Accepted(index) => {
                end = Some(index);
                seeds.push_neighbours(&pattern);
                break;
            }
            Candidate::Elsewhere(point) => pattern = solver.map.pattern_at(&point),
            Candidate::None => break,
        }
    }
    if end.is_some() {
        chain.iter().for_each(|pattern| memory.remember(pattern, end));
    }
    end
}

/// The regions visited last, and the fixed point to which each led: a table of fixed size, so that a long search takes no
/// more memory than a short one. A region that has been overwritten is solved again.
struct RegionMemory {
    /// Fingerprint of a pattern, and one more than the index of its fixed point.
    slots: Vec<(u64, usize)>,
}

const REMEMBERED_REGIONS: usize = 1 << 16;

impl RegionMemory {
    fn new() -> Self {
        Self { slots: vec![(0, 0); REMEMBERED_REGIONS] }
    }

    fn recall(&self, pattern: &ActivationPattern) -> Option<Option<usize>> {
        let fingerprint = pattern.fingerprint();
        let (held, end) = self.slots[fingerprint as usize % REMEMBERED_REGIONS];
        (held == fingerprint).then(|| end.checked_sub(1))
    }

    fn remember(&mut self, pattern: &ActivationPattern, end: Option<usize>) {
        let fingerprint = pattern.fingerprint();
        self.slots[fingerprint as usize % REMEMBERED_REGIONS] = (fingerprint, end.map_or(0, |index| index + 1));
    }
}

/// A region to start from.
struct Seed {
    pattern: ActivationPattern,
    /// Drawn at random, independently of what was found: what the estimate of the unseen rests on.
    is_drawn: bool,
}

/// Regions from which to start, the likeliest first.
struct Seeds<'a> {
    map: &'a PiecewiseLinearMap,
    queue: VecDeque<ActivationPattern>,
    center: Vec<f64>,
    spread: f64,
}

/// Regions that may wait for their turn before more are left to chance.
const LONGEST_QUEUE: usize = 4_096;
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
            if queue.len() >= LONGEST_QUEUE {
                break;
            }
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
        if self.queue.len() < LONGEST_QUEUE {
            self.queue.extend((0..pattern.len()).map(|k| pattern.with_flipped(k)));
        }
    }

    /// A point well outside the starts, from which a path comes in to them.
    fn distant_point(&self, rng: &mut impl Rng) -> Vec<f64> {
        let reach = 100.0 * self.spread;
        self.center.iter().map(|c| c + reach * rng.random_range(-1.0..1.0)).collect()
    }

    fn next(&mut self, rng: &mut impl Rng) -> Seed {
        if let Some(pattern) = self.queue.pop_front() {
            return Seed { pattern, is_drawn: false };
        }
        if rng.random_bool(0.5) {
            // Regions that exist, near the starts and up to thirty times further out.
            let reach = self.spread * 30.0_f64.powf(rng.random_range(-0.3..1.0));
            let point: Vec<f64> = self.center.iter().map(|c| c + reach * rng.random_range(-1.0..1.0)).collect();
            return Seed { pattern: self.map.pattern_at(&point), is_drawn: true };
        }
        // Any pattern, though its region may be empty: its solution points somewhere new.
        let mut pattern = ActivationPattern::inactive(self.map.n_hinges());
        (0..pattern.len()).for_each(|k| pattern.set(k, rng.random_bool(0.5)));
        Seed { pattern, is_drawn: true }
    }
}
