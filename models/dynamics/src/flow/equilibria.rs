use nalgebra::linalg::balancing::balance_parlett_reinsch;
use nalgebra::{Complex, DMatrix, DVector};

use super::vector_field::VectorField;
use crate::geometry::norm;
use crate::multipliers::multipliers;
use crate::newton::{NewtonPlan, Problem, Search, search_roots};
use crate::stability::Stability;

/// A point where a flow stands still.
#[derive(Debug, Clone, PartialEq)]
pub struct Equilibrium {
    /// `z: [M]` with `v(z) = 0`.
    pub location: Vec<f64>,
    /// Of the Jacobian of the velocity there, in inverse units of time, largest real part first; empty if they could not be
    /// computed.
    pub eigenvalues: Vec<Complex<f64>>,
    /// By the signs of the real parts; neutral where rounding, or the distance to which the point is known, hides the sign, and, of
    /// rotations, within the marginal tolerance of what they turn.
    pub stability: Stability,
    /// `|v(z)|`, relative to the size of the Jacobian times that of `z` (or one): roughly the distance to the true
    /// equilibrium, relative to `z`.
    pub residual: f64,
}

impl Equilibrium {
    /// Directions that clearly expand.
    pub fn unstable_dims(&self) -> usize {
        self.stability.unstable_dims(self.location.len())
    }
}

/// Equilibria of a flow, by Newton's method from each start.
///
/// Solves `v(z) = 0` as [`crate::find_fixed_points_smooth`] solves `F(z) = z`, with the same limits: finds what lies
/// downhill of the starts and never claims to have found all; for that, see [`crate::certified_equilibria`]. Costs `O(M³)` per
/// step, starts shared by all threads.
///
/// Source: Sussillo & Barak (2013), Neural Comput. 25, 626–649.
pub fn find_equilibria(
    field: &(impl VectorField + ?Sized),
    starts: &[Vec<f64>],
    plan: &NewtonPlan,
) -> Search<Equilibrium> {
    let problem = Problem { dim: field.dim(), residual: &|z, g| field.velocity(z, g), slope: &|z| field.jacobian(z) };
    search_roots(&problem, starts, plan, |location| describe_equilibrium(field, location, plan.marginal_tolerance))
}

pub(crate) fn describe_equilibrium(
    field: &(impl VectorField + ?Sized),
    location: Vec<f64>,
    marginal_tolerance: f64,
) -> Equilibrium {
    let jacobian = field.jacobian(&location);
    let mut velocity = vec![0.0; location.len()];
    field.velocity(&location, &mut velocity);
    let mut eigenvalues = multipliers(&jacobian).unwrap_or_default();
    eigenvalues
        .sort_by(|a, b| b.re.total_cmp(&a.re).then(b.norm_sqr().total_cmp(&a.norm_sqr())).then(b.im.total_cmp(&a.im)));
    let stability = stability_at(field, &location, &jacobian, &eigenvalues, marginal_tolerance);
    let size = jacobian.norm() * norm(&location).max(1.0);
    let residual = if norm(&velocity) == 0.0 { 0.0 } else { norm(&velocity) / size };
    Equilibrium { location, eigenvalues, stability, residual }
}

/// By the signs of the real parts of the `rates`, eigenvalues of `jacobian` at `z`.
///
/// One is neutral where its sign is lost: as many as the matrix has null directions, what is within its rounding or within its change along the last
/// Newton step (where two points of rest meet, it is as large as the rate itself), and, of a rotation, what is within the tolerance of what it turns.
/// Decays are not compared with each other: stiff flows have slow ones.
pub(super) fn stability_at(
    field: &(impl VectorField + ?Sized),
    z: &[f64],
    jacobian: &DMatrix<f64>,
    rates: &[Complex<f64>],
    marginal_tolerance: f64,
) -> Stability {
    let null_directions = nullity(jacobian);
    let lost = MAY_CHANGE * change_along_newton_step(field, z, jacobian) + ROUNDING * jacobian.norm();
    let mut ordered = rates.to_vec();
    ordered.sort_by(|a, b| a.norm_sqr().total_cmp(&b.norm_sqr()));
    let is_neutral = |index: usize, rate: &Complex<f64>| {
        let turning = if rate.im == 0.0 { 0.0 } else { marginal_tolerance * rate.norm() };
        index < null_directions || rate.re.abs() <= lost.max(turning)
    };
    let (neutral, clear): (Vec<_>, Vec<_>) =
        ordered.iter().enumerate().partition(|&(index, rate)| is_neutral(index, rate));
    let growing = clear.iter().filter(|(_, rate)| rate.re > 0.0).count();
    match (growing, neutral.len()) {
        (0, 0) => Stability::Stable,
        (0, _) => Stability::Marginal,
        _ if growing == rates.len() => Stability::Unstable,
        _ => Stability::Saddle { unstable_dims: growing },
    }
}

/// Directions that the matrix maps to nothing, to rounding, whatever the units of the variables.
fn nullity(matrix: &DMatrix<f64>) -> usize {
    let mut balanced = matrix.clone();
    balance_parlett_reinsch(&mut balanced);
    let values = balanced.singular_values();
    let negligible = NULL * values.max();
    values.iter().filter(|&&value| value <= negligible).count()
}

/// By how much the Jacobian changes from `z` to where Newton's method would go next; zero where it would go nowhere.
fn change_along_newton_step(field: &(impl VectorField + ?Sized), z: &[f64], jacobian: &DMatrix<f64>) -> f64 {
    let mut velocity = DVector::zeros(z.len());
    field.velocity(z, velocity.as_mut_slice());
    let Some(parts) = jacobian.clone().try_svd(true, true, f64::EPSILON, 1000) else { return 0.0 };
    let Ok(step) = parts.solve(&velocity, NULL * parts.singular_values.max()) else { return 0.0 };
    let next: Vec<f64> = z.iter().zip(step.iter()).map(|(z, step)| z - step).collect();
    let change = (field.jacobian(&next) - jacobian).norm();
    if change.is_finite() { change } else { 0.0 }
}

/// A rate is lost where the Jacobian changes by a quarter of it.
const MAY_CHANGE: f64 = 4.0;
/// Of eigenvalues, relative to the matrix.
const ROUNDING: f64 = 1e-15;
/// Of singular values, relative to the largest.
const NULL: f64 = 1e-15;
