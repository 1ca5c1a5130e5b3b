use nalgebra::Complex;

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
    /// By the signs of the real parts; those within the marginal tolerance of zero, relative to the largest eigenvalue,
    /// count as neutral.
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
    let stability = stability_of_rates(&eigenvalues, marginal_tolerance);
    let size = jacobian.norm() * norm(&location).max(1.0);
    let residual = if norm(&velocity) == 0.0 { 0.0 } else { norm(&velocity) / size };
    Equilibrium { location, eigenvalues, stability, residual }
}

/// By the signs of the real parts, within a tolerance relative to the fastest: as the multipliers over one unit of its time say.
pub(super) fn stability_of_rates(rates: &[Complex<f64>], marginal_tolerance: f64) -> Stability {
    let fastest = rates.iter().map(|rate| rate.norm()).fold(0.0, f64::max);
    if fastest == 0.0 {
        return Stability::Marginal;
    }
    let over_time: Vec<Complex<f64>> = rates.iter().map(|rate| (rate / fastest).exp()).collect();
    Stability::from_multipliers(&over_time, marginal_tolerance)
}
