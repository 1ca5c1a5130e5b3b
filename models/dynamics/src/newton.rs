use nalgebra::{DMatrix, DVector};

use crate::fixed_points::FixedPoint;
use crate::geometry::{coincide, is_finite, norm};
use crate::map::Map;
use crate::multipliers::multipliers;
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

/// How to look for the fixed points of a smooth map.
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
/// Solves `F(z) − z = 0`, halving a step until the speed `q = ½ |F(z) − z|²` falls. Quadratic near a regular fixed
/// point, linear near a degenerate one. Finds what lies downhill of the starts and never claims to have found all.
/// Costs `O(M³)` per step.
///
/// Source: Sussillo & Barak (2013), Neural Comput. 25, 626–649 (the speed); Newton with Armijo's rule.
pub fn find_fixed_points_smooth(map: &dyn Map, starts: &[Vec<f64>], plan: &NewtonPlan) -> Search<FixedPoint> {
    let mut found: Vec<FixedPoint> = Vec::new();
    let attempts = starts
        .iter()
        .map(|start| match descend(map, start, plan) {
            Ok(location) => {
                if !found.iter().any(|other| coincide(&other.location, &location, plan.merge_distance, 1.0)) {
                    found.push(describe(map, location, plan.marginal_tolerance));
                }
                StopReason::Converged
            }
            Err(reason) => reason,
        })
        .collect();
    Search { found, attempts }
}

/// Newton steps below this fraction make no difference.
const SHORTEST_STEP: f64 = 1e-9;

fn descend(map: &dyn Map, start: &[f64], plan: &NewtonPlan) -> Result<Vec<f64>, StopReason> {
    let dim = map.dim();
    if dim == 0 || start.len() != dim || !is_finite(start) {
        return Err(StopReason::InvalidStart);
    }
    let mut z = start.to_vec();
    let mut deviation = deviation(map, &z);
    for _ in 0..plan.max_steps {
        let speed = deviation.norm_squared() / 2.0;
        if !speed.is_finite() {
            return Err(StopReason::Diverged);
        }
        let full_step = (map.jacobian(&z) - DMatrix::identity(dim, dim)).lu().solve(&-&deviation);
        let Some(full_step) = full_step.filter(|step| step.iter().all(|x| x.is_finite())) else {
            // At a fixed point with a neutral direction there is nothing left to solve for.
            return if speed <= plan.speed_tolerance { Ok(z) } else { Err(StopReason::SingularJacobian) };
        };
        match shorten(map, &z, &full_step, speed) {
            Some((next, next_deviation)) => (z, deviation) = (next, next_deviation),
            // Rounding is reached: either this is the point, or the speed has a minimum that is not zero.
            None if speed <= plan.speed_tolerance => return Ok(z),
            None => return Err(StopReason::SlowPoint),
        }
        // One more step after reaching the tolerance costs little and gains the last digits.
        if speed <= plan.speed_tolerance {
            return Ok(z);
        }
    }
    if deviation.norm_squared() / 2.0 <= plan.speed_tolerance { Ok(z) } else { Err(StopReason::StepLimit) }
}

/// The longest of the steps 1, ½, ¼, … that makes the map slower.
fn shorten(map: &dyn Map, z: &[f64], full_step: &DVector<f64>, speed: f64) -> Option<(Vec<f64>, DVector<f64>)> {
    let mut fraction = 1.0;
    while fraction > SHORTEST_STEP {
        let next: Vec<f64> = z.iter().zip(full_step.iter()).map(|(z, d)| z + fraction * d).collect();
        let next_deviation = deviation(map, &next);
        if next_deviation.norm_squared() / 2.0 < speed * (1.0 - 1e-4 * fraction) {
            return Some((next, next_deviation));
        }
        fraction /= 2.0;
    }
    None
}

fn deviation(map: &dyn Map, z: &[f64]) -> DVector<f64> {
    let mut deviation = DVector::zeros(z.len());
    map.step(z, deviation.as_mut_slice());
    deviation.iter_mut().zip(z).for_each(|(f, z)| *f -= z);
    deviation
}

fn describe(map: &dyn Map, location: Vec<f64>, marginal_tolerance: f64) -> FixedPoint {
    let multipliers = multipliers(&map.jacobian(&location)).unwrap_or_default();
    let stability = if multipliers.is_empty() {
        Stability::Marginal
    } else {
        Stability::from_multipliers(&multipliers, marginal_tolerance)
    };
    let residual = deviation(map, &location).norm() / norm(&location).max(1.0);
    FixedPoint { location, multipliers, stability, residual }
}
