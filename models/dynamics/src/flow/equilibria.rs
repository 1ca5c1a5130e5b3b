use nalgebra::{Complex, DMatrix};

use super::solvers::generic_component;
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
    /// Directions that expand, `Re λ > 0`.
    pub fn unstable_dims(&self) -> usize {
        self.eigenvalues.iter().filter(|eigenvalue| eigenvalue.re > 0.0).count()
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
/// One is neutral where its sign is lost: in the rounding of the matrix, in the change of the matrix within the distance to which points of rest
/// are told apart, or, of a rotation, within the tolerance of what it turns. Decays are not compared with each other: stiff flows have slow ones.
pub(super) fn stability_at(
    field: &(impl VectorField + ?Sized),
    z: &[f64],
    jacobian: &DMatrix<f64>,
    rates: &[Complex<f64>],
    marginal_tolerance: f64,
) -> Stability {
    let reach = TOLD_APART * norm(z).max(1.0) / (z.len() as f64).sqrt();
    let beside: Vec<f64> = z.iter().enumerate().map(|(i, x)| x + reach * generic_component(i)).collect();
    let lost = (field.jacobian(&beside) - jacobian).norm() + ROUNDING * jacobian.norm();
    let (mut growing, mut neutral) = (0, 0);
    for rate in rates {
        if rate.re.abs() <= lost.max(if rate.im == 0.0 { 0.0 } else { marginal_tolerance * rate.norm() }) {
            neutral += 1;
        } else if rate.re > 0.0 {
            growing += 1;
        }
    }
    match (growing, neutral) {
        (0, 0) => Stability::Stable,
        (0, _) => Stability::Marginal,
        _ if growing == rates.len() => Stability::Unstable,
        _ => Stability::Saddle { unstable_dims: growing },
    }
}

/// Points of rest closer than this, relative to their size, are one.
const TOLD_APART: f64 = 1e-6;
/// Of eigenvalues, relative to the matrix.
const ROUNDING: f64 = 1e-13;
