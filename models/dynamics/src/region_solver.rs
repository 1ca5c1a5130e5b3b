//! The fixed-point equation of single linear regions.

use nalgebra::{DMatrix, DVector};

use crate::fixed_points::{Continuum, FixedPoint, FixedPointPlan, FixedPointSearch, SearchMethod};
use crate::geometry::{coincide, distance, dot, is_finite, lexicographic, norm};
use crate::homotopy::{self, Direction};
use crate::linear_system::{Solutions, eliminate, solve_regular, solve_singular};
use crate::map::Map;
use crate::multipliers::multipliers;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::singular_values::SingularValues;
use crate::stability::Stability;
use crate::unseen::Unseen;

/// How the equation of one region ended.
pub(crate) enum Candidate {
    /// A fixed point, recorded under this index.
    Accepted(usize),
    /// The solution lies in another region.
    Elsewhere(Vec<f64>),
    /// No single solution.
    None,
}

/// Solves regions one at a time; holds the fixed points so far and the work done for them.
pub(crate) struct RegionSolver<'a> {
    pub map: &'a PiecewiseLinearMap,
    plan: &'a FixedPointPlan,
    found: Vec<FixedPoint>,
    continua: Vec<Continuum>,
    regions_visited: usize,
    pub solves: usize,
    /// Those of the solves that went into paths.
    pub path_regions: usize,
    degenerate_regions: usize,
    /// Regions that hold, or may hold, fixed points that are not in `found`.
    unanswered: usize,
}

/// A hinge counts as undecided within this of its fold, relative to the terms it adds up. Candidates of thin or
/// ill-conditioned regions may miss by so much; they are then solved again where they landed.
const BORDER_SLACK: f64 = 1e-7;

/// Hinges closer to their fold than this cannot be told from being on it.
const ON_BORDER: f64 = 1e-11;

impl<'a> RegionSolver<'a> {
    pub fn new(map: &'a PiecewiseLinearMap, plan: &'a FixedPointPlan) -> Self {
        Self {
            map,
            plan,
            found: Vec::new(),
            continua: Vec::new(),
            regions_visited: 0,
            solves: 0,
            path_regions: 0,
            degenerate_regions: 0,
            unanswered: 0,
        }
    }

    /// Solves `(I − J) z = c` in one region and records the solution if it is a fixed point.
    pub fn solve_in(&mut self, region: &ActivationPattern) -> Candidate {
        self.regions_visited += 1;
        self.solves += 1;
        let (jacobian, offset) = self.map.affine_in(region);
        let dim = self.map.dim();
        let balance = DMatrix::identity(dim, dim) - jacobian;
        match solve_regular(&balance, &offset) {
            Some(point) => {
                let point = point.as_slice().to_vec();
                if !is_finite(&point) {
                    self.unanswered += 1;
                    return Candidate::None;
                }
                let violation = self.worst_violation(region, &point);
                if violation > BORDER_SLACK {
                    return Candidate::Elsewhere(point);
                }
                let kept = self.polish_and_keep(point);
                if violation <= ON_BORDER && !matches!(kept, Candidate::Accepted(_)) {
                    // It lies where it should, but rounding spoils its residual.
                    self.unanswered += 1;
                }
                kept
            }
            None => {
                self.degenerate_regions += 1;
                self.examine_degenerate(region, &balance, &offset);
                Candidate::None
            }
        }
    }

    /// Follows one path and records the fixed points in the regions that it passes; their indices.
    pub fn follow_path(&mut self, start: &[f64], direction: Direction) -> Vec<usize> {
        let effort = self.plan.max_solves.saturating_sub(self.solves).min(LONGEST_PATH);
        let map = self.map;
        let mut met = Vec::new();
        homotopy::follow(map, start, direction, effort, |pattern, point| {
            self.solves += 1;
            self.path_regions += 1;
            self.regions_visited += 1;
            if self.worst_violation(pattern, point) <= BORDER_SLACK
                && let Candidate::Accepted(index) = self.polish_and_keep(point.to_vec())
            {
                met.push(index);
            }
        });
        met
    }

    pub fn n_found(&self) -> usize {
        self.found.len()
    }

    /// How far `point` lies outside `region`, in units of the terms that each hinge adds up.
    fn worst_violation(&self, region: &ActivationPattern, point: &[f64]) -> f64 {
        let length = norm(point);
        let mut worst: f64 = 0.0;
        for (k, hinge) in self.map.hinges().iter().enumerate() {
            let activation = hinge.activation(point);
            if (activation > 0.0) != region.is_active(k) {
                let terms = norm(&hinge.normal) * length + hinge.bias.abs();
                // Zero over zero is a point on its fold.
                worst = worst.max(if activation == 0.0 { 0.0 } else { activation.abs() / terms });
            }
        }
        worst
    }

    /// Solves again in the region where the candidate landed, keeps the better of the two, and records it if its
    /// residual under the map itself is small enough.
    fn polish_and_keep(&mut self, candidate: Vec<f64>) -> Candidate {
        let mut best = candidate;
        let mut residual = self.relative_residual(&best);
        for _ in 0..POLISH_ROUNDS {
            let Some(next) = self.newton_step(&best) else {
                break;
            };
            let next_residual = self.relative_residual(&next);
            if next_residual >= residual {
                break;
            }
            (best, residual) = (next, next_residual);
        }
        if residual > self.plan.residual_tolerance {
            return Candidate::Elsewhere(best);
        }
        if self.lies_elsewhere(&best) {
            return Candidate::Elsewhere(best);
        }
        let known = self.known(&best);
        let index = known.unwrap_or(self.found.len());
        if known.is_none() {
            let point = self.describe(best, residual);
            self.found.push(point);
        }
        Candidate::Accepted(index)
    }

    /// Whether the equation of the region in which `z` lies is solved clearly outside it. Beside a border where two fixed points have
    /// just met and gone, both solutions are outside their regions and yet nearly at rest.
    fn lies_elsewhere(&mut self, z: &[f64]) -> bool {
        let region = self.map.pattern_at(z);
        let Some(solution) = self.newton_step(z) else {
            return false;
        };
        let violation = self.worst_violation(&region, &solution);
        violation > ON_BORDER && violation > self.rounding_of_solution(z)
    }

    /// How far the solution of the region's equation may be off by rounding, relative to its terms.
    fn rounding_of_solution(&self, z: &[f64]) -> f64 {
        let dim = self.map.dim();
        let singular = SingularValues::of(&(DMatrix::identity(dim, dim) - self.map.jacobian(z)));
        16.0 * f64::EPSILON * singular.largest() / singular.smallest()
    }

    /// Which of the points found this one is. Points of two regions are two, however close, unless rounding cannot tell on which side
    /// of the border they lie.
    fn known(&self, z: &[f64]) -> Option<usize> {
        let smallest_scale = self.smallest_scale();
        self.found.iter().position(|other| {
            coincide(&other.location, z, self.plan.merge_distance, smallest_scale)
                && (self.map.pattern_at(&other.location) == self.map.pattern_at(z)
                    || (self.lies_on_a_border(&other.location) && self.lies_on_a_border(z)))
        })
    }

    /// One Newton step is one solve of the region's equation, refined: `z − (I − J)⁻¹ (z − F(z))`.
    fn newton_step(&mut self, z: &[f64]) -> Option<Vec<f64>> {
        self.solves += 1;
        let dim = self.map.dim();
        let mut image = vec![0.0; dim];
        self.map.step(z, &mut image);
        let deviation = DVector::from_iterator(dim, z.iter().zip(&image).map(|(z, f)| z - f));
        let correction = solve_regular(&(DMatrix::identity(dim, dim) - self.map.jacobian(z)), &deviation)?;
        Some(z.iter().zip(correction.iter()).map(|(z, d)| z - d).collect())
    }

    fn relative_residual(&self, z: &[f64]) -> f64 {
        let mut image = vec![0.0; z.len()];
        self.map.step(z, &mut image);
        let deviation = distance(z, &image);
        let terms = norm(z).max(norm(self.map.affine_in(&self.map.pattern_at(z)).1.as_slice()));
        let relative = if deviation == 0.0 { 0.0 } else { deviation / terms };
        if relative.is_nan() { f64::INFINITY } else { relative }
    }

    fn describe(&self, location: Vec<f64>, residual: f64) -> FixedPoint {
        let multipliers = multipliers(&self.map.jacobian(&location)).unwrap_or_default();
        let stability = if multipliers.is_empty() || self.lies_on_a_border(&location) {
            Stability::Marginal
        } else {
            Stability::from_multipliers(&multipliers, self.plan.marginal_tolerance)
        };
        FixedPoint { location, multipliers, stability, residual }
    }

    fn lies_on_a_border(&self, z: &[f64]) -> bool {
        let length = norm(z);
        self.map
            .hinges()
            .iter()
            .any(|hinge| hinge.activation(z).abs() <= ON_BORDER * (norm(&hinge.normal) * length + hinge.bias.abs()))
    }

    /// Below this length, a coordinate of this map is rounding.
    fn smallest_scale(&self) -> f64 {
        let folds = self.map.hinges().iter().map(|hinge| hinge.bias.abs() / norm(&hinge.normal));
        let nearest_fold = folds.filter(|&distance| distance > 0.0).fold(f64::INFINITY, f64::min);
        if nearest_fold.is_finite() { nearest_fold } else { f64::MIN_POSITIVE }
    }

    /// Tells a region without fixed points from one that holds a line or plane of them.
    fn examine_degenerate(&mut self, region: &ActivationPattern, balance: &DMatrix<f64>, offset: &DVector<f64>) {
        let Solutions::Flat { point, directions } = solve_singular(balance, offset) else {
            self.examine_nearly_singular(region, balance, offset);
            return;
        };
        match self.meets(region, &point, &directions) {
            Some(inside) => {
                self.unanswered += 1;
                let directions = directions.iter().map(|d| d.as_slice().to_vec()).collect();
                self.continua.push(Continuum { location: inside, directions });
            }
            // On a line the answer is exact; in a plane, only a point inside is proof.
            None if directions.len() > 1 => self.unanswered += 1,
            None => {}
        }
    }

    /// Weights of very different size make a regular matrix look singular: what elimination finds in the region counts where it is
    /// confirmed, and stays open where it is not.
    fn examine_nearly_singular(&mut self, region: &ActivationPattern, balance: &DMatrix<f64>, offset: &DVector<f64>) {
        let Some(point) = eliminate(balance, offset) else {
            return;
        };
        if self.worst_violation(region, point.as_slice()) > BORDER_SLACK {
            return;
        }
        // Far out, what the map adds is lost in the rounding of what it multiplies: such a point says nothing.
        let misfit = (balance * &point - offset).norm();
        if misfit > self.plan.residual_tolerance * offset.norm() {
            self.unanswered += 1;
            return;
        }
        if !matches!(self.polish_and_keep(point.as_slice().to_vec()), Candidate::Accepted(_)) {
            self.unanswered += 1;
        }
    }

    /// A point of `point + span(directions)` inside `region`.
    fn meets(&self, region: &ActivationPattern, point: &DVector<f64>, directions: &[DVector<f64>]) -> Option<Vec<f64>> {
        let mut at = point.clone();
        // Along each direction in turn, move to the middle of the stretch that the region leaves free.
        for direction in directions {
            let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
            for (k, hinge) in self.map.hinges().iter().enumerate() {
                let side = if region.is_active(k) { 1.0 } else { -1.0 };
                let height = side * hinge.activation(at.as_slice());
                let slope = side * dot(&hinge.normal, direction.as_slice());
                let flat = norm(&hinge.normal) * 1e-12;
                if slope > flat {
                    low = low.max(-height / slope);
                } else if slope < -flat {
                    high = high.min(-height / slope);
                }
            }
            let shift = match (low.is_finite(), high.is_finite()) {
                (true, true) => (low + high) / 2.0,
                (true, false) if low >= 0.0 => 2.0 * low + 1.0,
                (false, true) if high <= 0.0 => 2.0 * high - 1.0,
                _ => 0.0,
            };
            at += direction * shift;
        }
        let inside = at.as_slice().to_vec();
        (self.worst_violation(region, &inside) <= ON_BORDER).then_some(inside)
    }

    /// The findings, in an order that does not depend on how they were found.
    pub fn report(mut self, method: SearchMethod, boxes: usize, unseen: Option<Unseen>) -> FixedPointSearch {
        self.found.sort_by(|a, b| lexicographic(&a.location, &b.location));
        let on_borders =
            (0..self.found.len()).filter(|&index| self.lies_on_a_border(&self.found[index].location)).collect();
        FixedPointSearch {
            found: self.found,
            continua: self.continua,
            complete: unseen.is_none() && self.unanswered == 0,
            method,
            regions_visited: self.regions_visited,
            boxes,
            solves: self.solves,
            degenerate_regions: self.degenerate_regions,
            on_borders,
            certified: Vec::new(),
            unseen,
        }
    }
}

/// Newton steps that a candidate may still improve by; the first already reaches rounding.
const POLISH_ROUNDS: usize = 4;

/// Regions that one path may pass before another is tried.
const LONGEST_PATH: usize = 5_000;
