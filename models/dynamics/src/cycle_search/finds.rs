//! The cycles met so far, each once, and whether what is nearly a cycle is one.

use std::collections::{BTreeSet, HashMap};

use super::CycleSearchPlan;
use crate::cycles::{Cycle, CyclePlan, newton_step, refine_points};
use crate::geometry::{distance, lexicographic, norm};
use crate::map::Map;
use crate::orbit::center_and_extent;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::{Hinge, PiecewiseLinearMap};
use crate::stability::Stability;
use crate::words::solve_word;

/// The cycles so far.
pub(super) struct Finds<'a> {
    pub map: &'a PiecewiseLinearMap,
    pub plan: &'a CycleSearchPlan,
    pub found: Vec<Cycle>,
    /// How often the search met each of them from a new start.
    pub counts: Vec<usize>,
    /// Of each period, the first coordinate of their means in order, and which they are: what may be the same lies side by side.
    by_mean: HashMap<usize, Vec<(f64, usize)>>,
    /// Those whose hinges have not been turned, shortest period first.
    pub unturned: BTreeSet<(usize, usize)>,
    pub steps: usize,
}

/// What came of a guess.
pub(super) enum Refined {
    /// The cycle of this index among those found.
    Cycle(usize),
    FixedPoint,
    Nothing,
}

/// Hinges closer to their fold than this, relative to the terms they add up, lie on it.
const ON_BORDER: f64 = 1e-11;

impl<'a> Finds<'a> {
    pub fn none(map: &'a PiecewiseLinearMap, plan: &'a CycleSearchPlan) -> Self {
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
    pub fn confirms(&mut self, start: &[f64], word: &[ActivationPattern]) -> bool {
        let is_cycle = |refined| !matches!(refined, Refined::Nothing);
        word.len() == 1
            || is_cycle(self.keep_near(self.map.orbit(start, word.len() - 1)))
            || solve_word(self.map, word).is_some_and(|solved| is_cycle(self.keep_near(solved.points)))
    }

    /// Refines what is nearly a cycle and keeps it if it is new.
    pub fn keep_near(&mut self, points: Vec<Vec<f64>>) -> Refined {
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
        if cycle.period > self.plan.max_period || self.is_one_of_many(&cycle) || self.lies_elsewhere(&cycle.points) {
            return Refined::Nothing;
        }
        if is_rounding(&cycle) {
            return Refined::FixedPoint;
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

    /// Whether `I − DFᵏ` is singular: one of a family of cycles, or of points so far out that what shifts them is lost in rounding.
    fn is_one_of_many(&self, cycle: &Cycle) -> bool {
        let largest = cycle.multipliers.first().map_or(0.0, |multiplier| multiplier.norm());
        let tolerance = self.plan.marginal_tolerance.max(1e-14 * largest);
        cycle.multipliers.iter().any(|multiplier| (multiplier - 1.0).norm() <= tolerance)
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
}

/// Whether its points differ by no more than each misses the next: a fixed point, seen through rounding.
fn is_rounding(cycle: &Cycle) -> bool {
    let reach = cycle.points.iter().map(|point| norm(point)).fold(0.0, f64::max);
    let extent = center_and_extent(cycle.points.iter().map(Vec::as_slice)).1;
    cycle.residual * reach > 1e-3 * extent
}

fn is_on_border(hinge: &Hinge, activation: f64, z: &[f64]) -> bool {
    activation.abs() <= ON_BORDER * (norm(&hinge.normal) * norm(z) + hinge.bias.abs())
}
