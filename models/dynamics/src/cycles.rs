use nalgebra::{Complex, DMatrix, DVector};

use crate::cyclic_system::solve_cyclic;
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
    /// The largest `|F(zᵢ) − zᵢ₊₁|` around the cycle, relative to the size of the points.
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
/// converge or where the derivative of `Fᵏ − I` is singular. Every point of the cycle is an unknown of its own (multiple
/// shooting), so that unstable cycles do not overflow, but `guess` must lie as close as the orbit from it stays close
/// for one period. Costs `O(k M³)` per step.
///
/// Source: Keller (1968), Numerical Methods for Two-Point Boundary-Value Problems, for shooting in segments.
pub fn refine_cycle(map: &dyn Map, guess: &[f64], period: usize, plan: &CyclePlan) -> Option<Cycle> {
    if map.dim() == 0 || period == 0 || guess.len() != map.dim() || !is_finite(guess) {
        return None;
    }
    refine_points(map, map.orbit(guess, period - 1), plan)
}

/// The same from a guess at every point.
pub(crate) fn refine_points(map: &dyn Map, mut points: Vec<Vec<f64>>, plan: &CyclePlan) -> Option<Cycle> {
    let mut residual = relative_residual(map, &points, plan.smallest_scale);
    for _ in 0..plan.max_steps {
        let Some(next) = newton_step(map, &points) else {
            break;
        };
        let next_residual = relative_residual(map, &next, plan.smallest_scale);
        if next_residual >= residual {
            break;
        }
        (points, residual) = (next, next_residual);
    }
    if residual > plan.residual_tolerance {
        return None;
    }
    points.truncate(minimal_period(&points));
    let multipliers = multipliers(&cycle_jacobian(map, &points)).ok()?;
    let stability = Stability::from_multipliers(&multipliers, plan.marginal_tolerance);
    Some(Cycle { period: points.len(), points, multipliers, stability, residual })
}

/// The smallest number of steps after which all points repeat, told apart by the size of the whole orbit.
pub(crate) fn minimal_period(points: &[Vec<f64>]) -> usize {
    let period = points.len();
    let extent = points.iter().map(|point| distance(point, &points[0])).fold(0.0, f64::max);
    let reach = points.iter().map(|point| norm(point)).fold(0.0, f64::max);
    // Points of one cycle lie apart; a shorter cycle would bring the orbit back to within rounding.
    let closest = (1e-7 * extent).max(1e-12 * reach);
    let returns_after = |k: usize| (0..period).all(|i| distance(&points[(i + k) % period], &points[i]) <= closest);
    (1..period).find(|&k| period.is_multiple_of(k) && returns_after(k)).unwrap_or(period)
}

/// The largest `|F(zᵢ) − zᵢ₊₁|` around the cycle, relative to the largest point.
fn relative_residual(map: &dyn Map, points: &[Vec<f64>], smallest_scale: f64) -> f64 {
    let size = points.iter().map(|point| norm(point)).fold(smallest_scale, f64::max);
    let deviation = deviations(map, points).iter().map(|deviation| deviation.norm()).fold(0.0, f64::max);
    let relative = if deviation == 0.0 { 0.0 } else { deviation / size };
    if relative.is_nan() || !points.iter().all(|point| is_finite(point)) { f64::INFINITY } else { relative }
}

/// `F(zᵢ) − zᵢ₊₁` for every `i`, the last against the first.
fn deviations(map: &dyn Map, points: &[Vec<f64>]) -> Vec<DVector<f64>> {
    let mut image = vec![0.0; map.dim()];
    (0..points.len())
        .map(|i| {
            map.step(&points[i], &mut image);
            let next = &points[(i + 1) % points.len()];
            DVector::from_iterator(image.len(), image.iter().zip(next).map(|(f, z)| f - z))
        })
        .collect()
}

/// The points of the cycle that visits the linear regions of `points`, where the map is piecewise linear.
pub(crate) fn newton_step(map: &dyn Map, points: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    if !points.iter().all(|point| is_finite(point)) {
        return None;
    }
    let jacobians: Vec<DMatrix<f64>> = points.iter().map(|point| map.jacobian(point)).collect();
    let step = solve_cyclic(&jacobians, &deviations(map, points))?;
    Some(points.iter().zip(&step).map(|(z, d)| z.iter().zip(d.iter()).map(|(z, d)| z + d).collect()).collect())
}

/// `DFᵏ = DF(z_{k−1}) … DF(z₀)`.
pub(crate) fn cycle_jacobian(map: &dyn Map, points: &[Vec<f64>]) -> DMatrix<f64> {
    let mut product = DMatrix::identity(map.dim(), map.dim());
    let mut image = product.clone();
    for point in points {
        map.push_forward(point, product.as_view(), &mut image);
        std::mem::swap(&mut product, &mut image);
    }
    product
}
