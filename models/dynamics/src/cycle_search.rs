//! The cycles of a piecewise-linear map, stable and unstable.

use std::collections::{BTreeSet, HashMap, HashSet};

use nalgebra::DMatrix;
use rand::{Rng, RngExt};

use crate::cycles::{Cycle, CyclePlan, cycle_jacobian, minimal_period, newton_step, refine_points};
use crate::geometry::{distance, dot, is_finite, norm};
use crate::itineraries::{Met, follow_itineraries};
use crate::map::Map;
use crate::orbit::center_and_extent;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::{Hinge, PiecewiseLinearMap};
use crate::singular_values::SingularValues;
use crate::stability::Stability;
use crate::unseen::Unseen;
use crate::words::{Solved, solve_word};

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

/// Which sequence follows one whose solution visits other regions.
#[derive(Clone, Copy)]
enum Next {
    /// The regions in which the solved points lie: converges where nothing expands or contracts much.
    VisitedByPoints,
    /// Those that the orbit of the first point visits: converges to what attracts.
    VisitedByOrbit,
}

/// The cycles so far.
struct Finds<'a> {
    map: &'a PiecewiseLinearMap,
    plan: &'a CycleSearchPlan,
    found: Vec<Cycle>,
    /// How often the search met each of them from a new start.
    counts: Vec<usize>,
    /// Of each period, the first coordinate of their means in order, and which they are: what may be the same lies side by side.
    by_mean: HashMap<usize, Vec<(f64, usize)>>,
    /// Those whose hinges have not been turned, shortest period first.
    unturned: BTreeSet<(usize, usize)>,
    steps: usize,
}

/// What came of a guess.
enum Refined {
    /// The cycle of this index among those found.
    Cycle(usize),
    FixedPoint,
    Nothing,
}

/// Steps before an orbit is looked at: many, to see what attracts, and few, to see what repels.
const TRANSIENTS: [usize; 4] = [5000, 0, 500, 30];
/// Sequences tried one after the other from one start.
const LONGEST_CHAIN: usize = 30;
/// Periods tried on one stretch of orbit: those after which it comes closest to where it was, and as many by chance.
const PERIODS_PER_ORBIT: usize = 4;
/// Hinges that are turned in the sequence of a known cycle, the ones closest to their fold.
const TURNED_HINGES: usize = 200;
/// Hinges closer to their fold than this, relative to the terms they add up, lie on it.
const ON_BORDER: f64 = 1e-11;

impl<'a> Finds<'a> {
    fn none(map: &'a PiecewiseLinearMap, plan: &'a CycleSearchPlan) -> Self {
        Self {
            map,
            plan,
            found: Vec::new(),
            counts: Vec::new(),
            by_mean: HashMap::new(),
            unturned: BTreeSet::new(),
            steps: 0,
        }
    }

    /// Whether the cycle of a sequence is one of the map, and then among those found: by its orbit, and where that flees from it, by the
    /// equations of all its points at once.
    fn confirms(&mut self, start: &[f64], word: &[ActivationPattern]) -> bool {
        let is_cycle = |refined| !matches!(refined, Refined::Nothing);
        word.len() == 1
            || is_cycle(self.keep_near(self.map.orbit(start, word.len() - 1)))
            || solve_word(self.map, word).is_some_and(|solved| is_cycle(self.keep_near(solved.points)))
    }

    /// Refines what is nearly a cycle and keeps it if it is new.
    fn keep_near(&mut self, points: Vec<Vec<f64>>) -> Refined {
        // Most of what a search meets it has met before.
        if let Some(known) = self.known(&points) {
            return Refined::Cycle(known);
        }
        let refining = CyclePlan {
            residual_tolerance: self.plan.residual_tolerance,
            smallest_scale: f64::MIN_POSITIVE,
            max_steps: 4,
            marginal_tolerance: self.plan.marginal_tolerance,
        };
        let Some(mut cycle) = refine_points(self.map, points, &refining) else {
            return Refined::Nothing;
        };
        if cycle.period == 1 {
            return Refined::FixedPoint;
        }
        if cycle.period > self.plan.max_period || self.lies_elsewhere(&cycle.points) {
            return Refined::Nothing;
        }
        if let Some(known) = self.known(&cycle.points) {
            return Refined::Cycle(known);
        }
        if cycle.points.iter().any(|point| self.lies_on_a_border(point)) {
            cycle.stability = Stability::Marginal;
        }
        let first = (0..cycle.period).min_by(|&i, &j| lexicographic(&cycle.points[i], &cycle.points[j]));
        cycle.points.rotate_left(first.unwrap_or(0));
        let index = self.found.len();
        let mean = center_and_extent(cycle.points.iter().map(Vec::as_slice)).0[0];
        let same_period = self.by_mean.entry(cycle.period).or_default();
        same_period.insert(same_period.partition_point(|&(other, _)| other < mean), (mean, index));
        self.unturned.insert((cycle.period, index));
        self.found.push(cycle);
        self.counts.push(0);
        Refined::Cycle(index)
    }

    /// The cycle found that these points are.
    fn known(&self, points: &[Vec<f64>]) -> Option<usize> {
        let period = points.len();
        let same_period = self.by_mean.get(&period)?;
        let (center, extent) = center_and_extent(points.iter().map(Vec::as_slice));
        let (mean, near) = (center[0], self.plan.merge_distance * extent);
        // Means differ by no more than points do.
        let first = same_period.partition_point(|&(other, _)| other < mean - 2.0 * near);
        let candidates = same_period[first..].iter().take_while(|&&(other, _)| other <= mean + 2.0 * near);
        candidates.map(|&(_, index)| index).find(|&index| {
            let other = &self.found[index].points;
            (0..period).any(|shift| (0..period).all(|i| distance(&points[i], &other[(i + shift) % period]) <= near))
        })
    }

    /// Whether the equations of the regions that these points visit are solved clearly outside them. Beside a border where two cycles have just
    /// met and gone, the solutions of both are outside their regions and yet nearly cycles.
    fn lies_elsewhere(&self, points: &[Vec<f64>]) -> bool {
        let Some(solution) = newton_step(self.map, points) else {
            return false;
        };
        let hinges = self.map.hinges();
        points.iter().zip(&solution).any(|(point, solved)| {
            hinges.iter().any(|hinge| {
                let activation = hinge.activation(solved);
                (activation > 0.0) != (hinge.activation(point) > 0.0) && !is_on_border(hinge, activation, solved)
            })
        })
    }

    fn lies_on_a_border(&self, z: &[f64]) -> bool {
        self.map.hinges().iter().any(|hinge| is_on_border(hinge, hinge.activation(z), z))
    }

    /// Looks for periods beyond `known_up_to` until the steps are spent.
    fn search(&mut self, rng: &mut impl Rng, starts: &[Vec<f64>], known_up_to: usize) -> Unseen {
        let usable: Vec<&Vec<f64>> = starts.iter().filter(|z| z.len() == self.map.dim() && is_finite(z)).collect();
        let spread = usable.iter().map(|z| norm(z)).fold(0.0, f64::max);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let mut restarts = 0;
        let mut spent_on_turning = 0;
        while self.steps < self.plan.max_steps {
            // Equal shares: in chaos, known cycles have more neighbours than there are steps.
            if spent_on_turning <= self.steps / 2
                && let Some((_, index)) = self.unturned.pop_first()
            {
                let before = self.steps;
                self.turn_hinges_of(index);
                spent_on_turning += self.steps - before;
                continue;
            }
            let start: Vec<f64> = match usable.get(restarts) {
                Some(start) => start.to_vec(),
                None => (0..self.map.dim()).map(|_| 2.0 * spread * rng.random_range(-1.0..1.0)).collect(),
            };
            let met = self.search_from(rng, &start, TRANSIENTS[restarts % TRANSIENTS.len()], known_up_to);
            met.into_iter().for_each(|index| self.counts[index] += 1);
            restarts += 1;
        }
        Unseen::from_counts(&self.counts, restarts)
    }

    /// Tries the sequences along one orbit; which cycles it met.
    fn search_from(
        &mut self,
        rng: &mut impl Rng,
        start: &[f64],
        transient: usize,
        known_up_to: usize,
    ) -> BTreeSet<usize> {
        let mut met = BTreeSet::new();
        let longest = self.plan.max_period;
        let begin = self.map.iterate(start, transient);
        let orbit: Vec<Vec<f64>> = self.map.orbit(&begin, longest).into_iter().take_while(|z| is_finite(z)).collect();
        self.steps += transient / 16 + 1;
        let Some(last) = orbit.len().checked_sub(1) else {
            return met;
        };
        let shortest = known_up_to.max(1) + 1;
        if last < shortest {
            return met;
        }
        let mut periods: Vec<usize> = (shortest..=last).collect();
        periods.sort_by(|&a, &b| {
            distance(&orbit[last - a], &orbit[last]).total_cmp(&distance(&orbit[last - b], &orbit[last]))
        });
        for &closest in periods.iter().take(PERIODS_PER_ORBIT) {
            // Short periods are cheap: as many tries for each doubling.
            let by_chance = shortest as f64 * (last as f64 / shortest as f64).powf(rng.random_range(0.0..=1.0));
            for period in [closest, (by_chance as usize).clamp(shortest, last)] {
                let word = orbit[last - period..last].iter().map(|z| self.map.pattern_at(z)).collect();
                met.extend(self.follow_chain(word, Next::VisitedByPoints).or_else(|| {
                    let word = orbit[last - period..last].iter().map(|z| self.map.pattern_at(z)).collect();
                    self.follow_chain(word, Next::VisitedByOrbit)
                }));
            }
        }
        met
    }

    /// Solves a sequence, goes on to the one that its solution visits, and so on.
    fn follow_chain(&mut self, mut word: Vec<ActivationPattern>, next: Next) -> Option<usize> {
        let mut seen = HashSet::new();
        while seen.len() < LONGEST_CHAIN && self.steps < self.plan.max_steps && seen.insert(word.clone()) {
            self.steps += word.len() * self.map.dim().pow(3).div_ceil(16_usize.pow(3));
            let Solved { points, visits } = solve_word(self.map, &word)?;
            if visits == word {
                return match self.keep_near(points) {
                    Refined::Cycle(index) => Some(index),
                    Refined::FixedPoint | Refined::Nothing => None,
                };
            }
            word = match next {
                Next::VisitedByPoints => visits,
                Next::VisitedByOrbit => {
                    self.map.orbit(&points[0], word.len() - 1).iter().map(|z| self.map.pattern_at(z)).collect()
                }
            };
        }
        None
    }

    /// Tries the sequence of a known cycle, and twice that sequence, with each of the hinges turned that come closest to
    /// their folds.
    fn turn_hinges_of(&mut self, index: usize) {
        let points = self.found[index].points.clone();
        let word: Vec<ActivationPattern> = points.iter().map(|z| self.map.pattern_at(z)).collect();
        let mut margins = Vec::with_capacity(word.len() * self.map.n_hinges());
        for (time, z) in points.iter().enumerate() {
            for (k, hinge) in self.map.hinges().iter().enumerate() {
                let margin = (dot(&hinge.normal, z) + hinge.bias).abs() / norm(&hinge.normal);
                margins.push((margin, time, k));
            }
        }
        margins.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let doubled = if 2 * word.len() <= self.plan.max_period { 2 } else { 1 };
        for repeats in 1..=doubled {
            for &(_, time, k) in margins.iter().take(TURNED_HINGES) {
                if self.steps >= self.plan.max_steps {
                    return;
                }
                let mut other: Vec<_> = word.iter().cycle().take(repeats * word.len()).cloned().collect();
                other[time] = other[time].with_flipped(k);
                self.follow_chain(other, Next::VisitedByPoints);
            }
        }
    }
}

fn is_on_border(hinge: &Hinge, activation: f64, z: &[f64]) -> bool {
    activation.abs() <= ON_BORDER * (norm(&hinge.normal) * norm(z) + hinge.bias.abs())
}

fn lexicographic(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
