use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::fixed_points::FixedPoint;
use crate::geometry::{coincide, is_finite, norm};
use crate::lu::Factors;
use crate::map::Map;
use crate::stability::Stability;

/// What a search from many starts found, and how each attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Search<T> {
    pub found: Vec<T>,
    /// One per start, in their order.
    pub attempts: Vec<StopReason>,
}

/// How an attempt ended. Not converging is a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// At a fixed point, new or known.
    Converged,
    /// Not within the steps allowed.
    StepLimit,
    /// The state stopped being finite.
    Diverged,
    /// `I − J` cannot be inverted: a bifurcation, or a continuum of fixed points.
    SingularJacobian,
    /// No step is shorter than this one in speed without being a fixed point: a slow point, a ghost.
    SlowPoint,
    /// The start has the wrong length or is not finite.
    InvalidStart,
}

/// How to look for the fixed points of a smooth map, or the equilibria of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct NewtonPlan {
    /// Converged where the speed `½ |F(z) − z|²` is at most this; `1e-18`.
    pub speed_tolerance: f64,
    /// Points closer than this are one, relative to their distance from the origin or to one, whichever is more; `1e-6`.
    pub merge_distance: f64,
    /// Newton steps per start; 200.
    pub max_steps: usize,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-6`.
    pub marginal_tolerance: f64,
}

/// Fixed points of a smooth map, by Newton's method from each start.
///
/// Solves `F(z) − z = 0` (or what [`Map::rest_residual`] puts in its place), halving a step until the speed
/// `q = ½ |F(z) − z|²` falls. Where `J − I` cannot be inverted, or no part
/// of the Newton step leads down, the step bends towards steepest descent (Levenberg–Marquardt). What has reached
/// `speed_tolerance` is refined until rounding stops it, and the residual reported is that of the final point. Quadratic near a regular fixed
/// point, linear near a degenerate one. Finds what lies downhill of the starts and never claims to have found all: for that,
/// see [`crate::certified_fixed_points`]. Costs `O(M³)` per step; the starts are shared by all threads of rayon's pool, with the same
/// answer for any number of them.
///
/// Sources: Sussillo & Barak (2013), Neural Comput. 25, 626–649 (the speed); Newton with Armijo's rule; Marquardt (1963),
/// J. SIAM 11, 431–441.
pub fn find_fixed_points_smooth(map: &dyn Map, starts: &[Vec<f64>], plan: &NewtonPlan) -> Search<FixedPoint> {
    let problem = Problem { dim: map.dim(), residual: &|z, g| map.rest_residual(z, g), slope: &|z| map.rest_slope(z) };
    search_roots(&problem, starts, plan, |z| describe_fixed_point(map, z, plan.marginal_tolerance))
}

/// An equation `g(z) = 0` with `z, g: [M]`.
pub(crate) struct Problem<'a> {
    pub dim: usize,
    pub residual: &'a (dyn Fn(&[f64], &mut [f64]) + Sync),
    pub slope: &'a (dyn Fn(&[f64]) -> DMatrix<f64> + Sync),
}

/// Distinct roots of `problem` in the order of the starts that led there, each described.
pub(crate) fn search_roots<T: Send>(
    problem: &Problem<'_>,
    starts: &[Vec<f64>],
    plan: &NewtonPlan,
    describe: impl Fn(Vec<f64>) -> T + Sync + Send,
) -> Search<T> {
    // Each start on its own, and then one after the other: the answer does not depend on the number of threads.
    let ends: Vec<_> = starts.par_iter().map(|start| problem.descend(start, plan)).collect();
    let mut roots: Vec<Vec<f64>> = Vec::new();
    let attempts = ends
        .into_iter()
        .map(|end| match end {
            Ok(root) => {
                if !roots.iter().any(|known| coincide(known, &root, plan.merge_distance, 1.0)) {
                    roots.push(root);
                }
                StopReason::Converged
            }
            Err(reason) => reason,
        })
        .collect();
    Search { found: roots.into_par_iter().map(describe).collect(), attempts }
}

/// A Newton step that must be shortened below this leads nowhere: one that is bent leads further.
const SHORTEST_STEP: f64 = 1e-4;
/// Bent steps begin with this much of the mean diagonal.
const LEAST_DAMPING: f64 = 1e-8;
/// Steps beyond the limit for a state that has reached the tolerance.
const POLISHING_STEPS: usize = 60;
/// A Newton step this short, relative to the state, is the distance to a regular root that rounding hides.
const NEGLIGIBLE_STEP: f64 = 1e-11;
/// A step with the factors of an earlier slope is taken where it leaves no more than this of the speed.
const CHORD_MUST_LEAVE: f64 = 1e-2;
/// Across a Newton step to a root, the slope may change by this much of itself.
const SLOPE_MAY_CHANGE: f64 = 0.25;
/// Residuals below this, relative to the state and the slope, are rounding.
const ROUNDING: f64 = 1e-13;

impl Problem<'_> {
    fn descend(&self, start: &[f64], plan: &NewtonPlan) -> Result<Vec<f64>, StopReason> {
        if self.dim == 0 || start.len() != self.dim || !is_finite(start) {
            return Err(StopReason::InvalidStart);
        }
        let mut at = self.at(start.to_vec());
        let mut factors: Option<Factors> = None;
        let mut damping = LEAST_DAMPING;
        for step in 0..plan.max_steps.saturating_add(POLISHING_STEPS) {
            if step >= plan.max_steps && at.speed > plan.speed_tolerance {
                return Err(StopReason::StepLimit);
            }
            if !at.speed.is_finite() {
                return Err(StopReason::Diverged);
            }
            let arrived = at.speed <= plan.speed_tolerance;
            if arrived && let Some(chord) = factors.as_ref().and_then(|factors| factors.solve(&-&at.residual)) {
                // So close, the slope of the last step is as good as that of this one, except at a degenerate root.
                if let Some(next) = self.whole(&at, &chord, CHORD_MUST_LEAVE) {
                    at = next;
                    continue;
                }
                if chord.norm() <= NEGLIGIBLE_STEP * norm(&at.z).max(1.0) {
                    return Ok(at.z);
                }
            }
            let slope = (self.slope)(&at.z);
            let newton = factors.insert(Factors::of(slope.clone())).solve(&-&at.residual);
            if let Some(step) = &newton {
                if let Some(next) = self.shorten(&at, step, arrived) {
                    at = next;
                    continue;
                }
                // Rounding is reached, or the bottom of the speed. Where two points of rest have just met and gone, its bottom is as
                // low as one likes.
                let size = norm(&at.z).max(1.0);
                if step.norm() <= NEGLIGIBLE_STEP * size {
                    return Ok(at.z);
                }
                if arrived {
                    let factors = factors.as_ref().expect("the slope has just been factored");
                    let is_root =
                        self.is_beside_a_root(&at, &slope, factors, step) || self.is_all_rounding(&at, &slope);
                    return if is_root { Ok(at.z) } else { Err(StopReason::SlowPoint) };
                }
            } else if arrived {
                // At a root with a neutral direction there is nothing left to solve for.
                return Ok(at.z);
            }
            match self.bend(&at, &slope, &mut damping) {
                Some(next) => at = next,
                // No direction leads down: the speed has a minimum that is not zero.
                None if newton.is_none() => return Err(StopReason::SingularJacobian),
                None => return Err(StopReason::SlowPoint),
            }
        }
        Err(StopReason::StepLimit)
    }

    /// The whole step, where it leaves no more than this share of the speed.
    fn whole(&self, at: &Iterate, step: &DVector<f64>, share: f64) -> Option<Iterate> {
        let next = self.at(at.z.iter().zip(step.iter()).map(|(z, d)| z + d).collect());
        (next.speed <= share * at.speed && next.speed < at.speed).then_some(next)
    }

    /// The longest of the steps 1, ½, ¼, … that makes the speed fall; where it has arrived, only whole steps count.
    fn shorten(&self, at: &Iterate, full_step: &DVector<f64>, arrived: bool) -> Option<Iterate> {
        let shortest = if arrived { 1.0 } else { SHORTEST_STEP };
        let mut fraction = 1.0;
        while fraction >= shortest {
            let next = self.at(at.z.iter().zip(full_step.iter()).map(|(z, d)| z + fraction * d).collect());
            if next.speed < at.speed * (1.0 - 1e-4 * fraction) {
                return Some(next);
            }
            fraction /= 2.0;
        }
        None
    }

    /// A step between Newton's and that of steepest descent: `(GᵀG + μ I) δ = −Gᵀ g`, with the smallest `μ` tried that leads down.
    ///
    /// `damping`, relative to the mean diagonal of `GᵀG`, starts a little below what the last such step needed.
    fn bend(&self, at: &Iterate, slope: &DMatrix<f64>, damping: &mut f64) -> Option<Iterate> {
        // Through the product of whole matrices: `tr_mul` takes one dot product for each entry.
        let normal = slope.transpose() * slope;
        let downhill = slope.tr_mul(&at.residual);
        let scale = normal.trace() / self.dim as f64;
        // At the bottom of the speed the slope no longer sees the residual.
        let bottom = downhill.norm() <= 1e-10 * slope.norm() * at.residual.norm();
        if bottom || !scale.is_finite() {
            return None;
        }
        *damping = (*damping / 100.0).max(LEAST_DAMPING);
        while *damping <= 1e6 {
            let mut damped = normal.clone();
            (0..self.dim).for_each(|i| damped[(i, i)] += *damping * scale);
            if let Some(factor) = damped.cholesky() {
                let step = -factor.solve(&downhill);
                let next = self.at(at.z.iter().zip(step.iter()).map(|(z, d)| z + d).collect());
                if next.speed < at.speed * (1.0 - 1e-6) {
                    return Some(next);
                }
            }
            *damping *= 10.0;
        }
        *damping = LEAST_DAMPING;
        None
    }

    /// Whether the slope is nearly the same at both ends of the Newton step, so that a root lies beside it. At a double root, and above
    /// the bottom where two roots have met and gone, it changes by half of itself or more.
    ///
    /// Source: Kantorovich (1948), Uspekhi Mat. Nauk 3, 89–185, along the step alone.
    fn is_beside_a_root(&self, at: &Iterate, slope: &DMatrix<f64>, factors: &Factors, step: &DVector<f64>) -> bool {
        let there: Vec<f64> = at.z.iter().zip(step.iter()).map(|(z, d)| z + d).collect();
        let change = ((self.slope)(&there) - slope) * step;
        factors.solve(&change).is_some_and(|change| change.norm() <= SLOPE_MAY_CHANGE * step.norm())
    }

    /// Whether nothing of the residual is left but the rounding of its terms: at a degenerate root, which Newton's method approaches by
    /// halves until there.
    fn is_all_rounding(&self, at: &Iterate, slope: &DMatrix<f64>) -> bool {
        let terms = norm(&at.z).max(1.0) * slope.norm().max(1.0);
        at.residual.norm() <= ROUNDING * terms
    }

    fn at(&self, z: Vec<f64>) -> Iterate {
        let mut residual = DVector::zeros(self.dim);
        (self.residual)(&z, residual.as_mut_slice());
        let speed = residual.norm_squared() / 2.0;
        Iterate { z, residual, speed }
    }
}

/// A state on the way, with `g(z)` and `½ |g(z)|²`.
struct Iterate {
    z: Vec<f64>,
    residual: DVector<f64>,
    speed: f64,
}

pub(crate) fn describe_fixed_point(
    map: &(impl Map + ?Sized),
    location: Vec<f64>,
    marginal_tolerance: f64,
) -> FixedPoint {
    let (multipliers, stability) =
        map.at_rest(&location, marginal_tolerance).unwrap_or((Vec::new(), Stability::Marginal));
    let mut image = vec![0.0; location.len()];
    map.step(&location, &mut image);
    image.iter_mut().zip(&location).for_each(|(f, z)| *f -= z);
    let residual = norm(&image) / norm(&location).max(1.0);
    FixedPoint { location, multipliers, stability, residual }
}
