//! Neighbourhoods of stable fixed points and cycles that no orbit leaves.

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};

use crate::geometry::{distance, dot};
use crate::map::Map;

/// Ellipsoids `(z − pᵢ)ᵀ Pᵢ (z − pᵢ) ≤ r²` about the points `pᵢ` of a stable cycle, within each of which the map is affine,
/// and which it maps each into the next: whatever enters one converges to the cycle.
///
/// `Pᵢ = I + Jᵢᵀ Pᵢ₊₁ Jᵢ` around the cycle, the discrete Lyapunov equation, so `P ≥ I` and the form falls by `|z − p|²` each step.
///
/// Source: Kalman & Bertram (1960), J. Basic Eng. 82, 394–400.
#[derive(Debug, Clone)]
pub(crate) struct TrappingRegion {
    forms: Vec<DMatrix<f64>>,
    /// Largest eigenvalue of all forms.
    steepest: f64,
    radius: f64,
    /// Of the largest ball about every point of the cycle that fits into its ellipsoid.
    pub inner_radius: f64,
}

/// No more numbers than this are spent on one cycle.
const LARGEST_REGION: usize = 2_000_000;
/// The radius given up for the rounding of the forms.
const SAFETY: f64 = 1.0 - 1e-6;

impl TrappingRegion {
    /// `None` where the map does not say how far it is affine, the cycle is hardly stable, or it is very long.
    pub fn around(map: &dyn Map, points: &[Vec<f64>]) -> Option<Self> {
        let dim = map.dim();
        if dim == 0 || points.is_empty() || points.len() * dim * dim > LARGEST_REGION {
            return None;
        }
        // Most maps cannot answer: ask before solving for the forms.
        let identity = DMatrix::identity(dim, dim);
        if points.iter().any(|point| map.affine_radius(point, &identity) <= 0.0) {
            return None;
        }
        let jacobians: Vec<DMatrix<f64>> = points.iter().map(|point| map.jacobian(point)).collect();
        let forms = lyapunov_forms(&jacobians)?;
        let mut radius = f64::INFINITY;
        let mut steepest: f64 = 0.0;
        for (point, form) in points.iter().zip(&forms) {
            let covariance = Cholesky::new(form.clone())?.inverse();
            radius = radius.min(SAFETY * map.affine_radius(point, &covariance));
            steepest = SymmetricEigen::new(form.clone()).eigenvalues.iter().fold(steepest, |a, &b| a.max(b));
        }
        let inner_radius = radius / steepest.sqrt();
        // A linear map is trapped everywhere, but a bound helps nobody reason about infinities.
        (radius > 0.0 && inner_radius.is_finite()).then_some(Self { forms, steepest, radius, inner_radius })
    }

    /// Whether `z` lies in the ellipsoid about one of `points`, those the region was made around. Overwrites `scratch: [M]`.
    pub fn holds(&self, points: &[Vec<f64>], z: &[f64], scratch: &mut [f64]) -> bool {
        points.iter().zip(&self.forms).any(|(point, form)| {
            // P ≥ I: outside the ball of this radius nothing can be inside the ellipsoid.
            distance(point, z) <= self.radius && value(form, point, z, scratch) <= self.radius * self.radius
        })
    }

    /// Radius of a ball about `z` that lies in one of the ellipsoids; zero outside them.
    ///
    /// `√V` is a norm no longer than `√λ_max` times the Euclidean one.
    pub fn depth(&self, points: &[Vec<f64>], z: &[f64]) -> f64 {
        let mut scratch = vec![0.0; z.len()];
        let below = points
            .iter()
            .zip(&self.forms)
            .map(|(point, form)| self.radius - value(form, point, z, &mut scratch).sqrt());
        below.fold(0.0, f64::max) / self.steepest.sqrt()
    }
}

/// `(z − p)ᵀ P (z − p)`.
fn value(form: &DMatrix<f64>, point: &[f64], z: &[f64], scratch: &mut [f64]) -> f64 {
    scratch.iter_mut().zip(z).zip(point).for_each(|((s, z), p)| *s = z - p);
    form.column_iter().zip(&*scratch).map(|(column, v)| v * dot(column.as_slice(), scratch)).sum()
}

/// One form for each Jacobian of the cycle; `None` where they do not exist or rounding spoils them.
fn lyapunov_forms(jacobians: &[DMatrix<f64>]) -> Option<Vec<DMatrix<f64>>> {
    let dim = jacobians[0].nrows();
    let identity = DMatrix::<f64>::identity(dim, dim);
    // Over one turn: P₀ = Q + Φᵀ P₀ Φ, with Φ the product of the Jacobians.
    let mut turn = identity.clone();
    let mut once = DMatrix::zeros(dim, dim);
    for jacobian in jacobians {
        once += turn.tr_mul(&turn);
        turn = jacobian * turn;
    }
    let first = solve_by_doubling(once, turn)?;
    let mut forms = vec![first];
    for jacobian in jacobians.iter().skip(1).rev() {
        let next = forms.last()?;
        forms.push(&identity + jacobian.tr_mul(&(next * jacobian)));
    }
    forms[1..].reverse();
    for (i, jacobian) in jacobians.iter().enumerate() {
        let next = &forms[(i + 1) % forms.len()];
        let image = jacobian.tr_mul(&(next * jacobian));
        // What has been computed must fall by half of what it should; then rounding has decided nothing.
        Cholesky::new(&forms[i] - image - &identity * 0.5)?;
    }
    Some(forms)
}

/// `P = Σₖ (Aᵀ)ᵏ Q Aᵏ`, doubling the number of terms until nothing is added (Smith 1968, SIAM J. Appl. Math. 16, 198–201).
fn solve_by_doubling(q: DMatrix<f64>, a: DMatrix<f64>) -> Option<DMatrix<f64>> {
    let (mut sum, mut power) = (q, a);
    for _ in 0..40 {
        let added = power.tr_mul(&(&sum * &power));
        if !added.iter().all(|x| x.is_finite()) {
            return None;
        }
        sum += &added;
        if added.amax() <= 1e-17 * sum.amax() {
            return Some(sum);
        }
        power = &power * &power;
    }
    None
}
