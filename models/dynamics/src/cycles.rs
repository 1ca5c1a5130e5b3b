use nalgebra::{Complex, DMatrix, DVector};

use crate::geometry::{distance, is_finite, norm};
use crate::map::Map;
use crate::multipliers::multipliers;
use crate::stability::Stability;

/// A periodic orbit.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// The smallest `k` with `Fᵏ(z) = z`; 1 is a fixed point.
    pub period: usize,
    /// The orbit, `period` points of `[M]`.
    pub points: Vec<Vec<f64>>,
    /// Eigenvalues of the derivative of `Fᵏ`, largest modulus first: the same at every point of the cycle.
    pub multipliers: Vec<Complex<f64>>,
    pub stability: Stability,
    /// `|Fᵏ(z) − z|`, relative to the size of the points.
    pub residual: f64,
}

impl Cycle {
    /// Directions that expand, `|λ| > 1`.
    pub fn unstable_dims(&self) -> usize {
        self.multipliers.iter().filter(|multiplier| multiplier.norm() > 1.0).count()
    }
}

/// How to refine a cycle that an orbit came close to.
#[derive(Debug, Clone, PartialEq)]
pub struct CyclePlan {
    /// Largest relative residual of a cycle that is reported; `1e-9`.
    pub residual_tolerance: f64,
    /// Residuals are relative to the largest point of the cycle, or to this length if that is larger: near the origin
    /// there is nothing to be relative to. The typical length of a state; `1`.
    pub smallest_scale: f64,
    /// Newton steps; 30.
    pub max_steps: usize,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-6`.
    pub marginal_tolerance: f64,
}

/// The cycle of `period` (or a divisor of it) next to `guess`, by Newton's method on `Fᵏ(z) − z`.
///
/// Where the map is piecewise linear, one step in the right sequence of regions is exact. `None` where it does not
/// converge or where the derivative of `Fᵏ − I` is singular. Long unstable cycles overflow: `Fᵏ` is composed, not
/// shot in segments. Costs `O(k M³)` per step.
pub fn refine_cycle(map: &dyn Map, guess: &[f64], period: usize, plan: &CyclePlan) -> Option<Cycle> {
    let dim = map.dim();
    if dim == 0 || period == 0 || guess.len() != dim || !is_finite(guess) {
        return None;
    }
    let mut z = guess.to_vec();
    let mut residual = relative_return(map, &z, period, plan.smallest_scale);
    for _ in 0..plan.max_steps {
        let Some(next) = newton_step(map, &z, period) else {
            break;
        };
        let next_residual = relative_return(map, &next, period, plan.smallest_scale);
        if next_residual >= residual {
            break;
        }
        (z, residual) = (next, next_residual);
    }
    if residual > plan.residual_tolerance {
        return None;
    }
    let period = minimal_period(map, &z, period);
    let points = map.orbit(&z, period - 1);
    let multipliers = multipliers(&cycle_jacobian(map, &points)).ok()?;
    let stability = Stability::from_multipliers(&multipliers, plan.marginal_tolerance);
    Some(Cycle { period, points, multipliers, stability, residual })
}

/// The smallest divisor of `period` after which the orbit is back, told apart by the size of the whole orbit.
fn minimal_period(map: &dyn Map, z: &[f64], period: usize) -> usize {
    let orbit = map.orbit(z, period);
    let extent = orbit.iter().map(|point| distance(point, z)).fold(0.0, f64::max);
    // Points of one cycle lie apart; a shorter cycle would bring the orbit back to within rounding.
    let closest = (1e-7 * extent).max(1e-12 * norm(z));
    (1..period).find(|&k| period.is_multiple_of(k) && distance(&orbit[k], z) <= closest).unwrap_or(period)
}

fn relative_return(map: &dyn Map, z: &[f64], period: usize, smallest_scale: f64) -> f64 {
    let deviation = distance(&map.iterate(z, period), z);
    let size = map.orbit(z, period - 1).iter().map(|point| norm(point)).fold(smallest_scale, f64::max);
    let relative = if deviation == 0.0 { 0.0 } else { deviation / size };
    if relative.is_nan() { f64::INFINITY } else { relative }
}

fn newton_step(map: &dyn Map, z: &[f64], period: usize) -> Option<Vec<f64>> {
    let points = map.orbit(z, period);
    let deviation = DVector::from_iterator(z.len(), points[period].iter().zip(z).map(|(f, z)| f - z));
    let slope = DMatrix::identity(z.len(), z.len()) - cycle_jacobian(map, &points[..period]);
    let step = slope.lu().solve(&deviation)?;
    let next: Vec<f64> = z.iter().zip(step.iter()).map(|(z, d)| z + d).collect();
    is_finite(&next).then_some(next)
}

/// `DFᵏ = DF(z_{k−1}) … DF(z₀)`.
fn cycle_jacobian(map: &dyn Map, points: &[Vec<f64>]) -> DMatrix<f64> {
    let mut product = DMatrix::identity(map.dim(), map.dim());
    let mut image = product.clone();
    for point in points {
        map.push_forward(point, product.as_view(), &mut image);
        std::mem::swap(&mut product, &mut image);
    }
    product
}
