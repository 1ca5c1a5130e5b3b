//! What the multipliers of a stable map do not say: how far it carries a deviation before that decays.

use nalgebra::linalg::Schur;
use nalgebra::{Complex, DMatrix, DVector};

use crate::multipliers::{MultiplierError, multipliers};

/// Transient behaviour of the linear map `v ← J v`, in Euclidean length.
///
/// Unlike multipliers these numbers depend on the coordinates: compare subjects only in observed units, with `B J B⁻¹` in
/// place of `J`, never in latent ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonNormality {
    /// Henrici's departure from normality, `(‖J‖²_F − Σ|λ|²)^½ / ‖J‖_F`: zero for orthogonal eigenvectors, below one.
    pub henrici: f64,
    /// `ln ‖J‖₂`, the largest growth rate of a deviation in one step, in nats per step; `−∞` for `J = 0`.
    pub reactivity: f64,
    /// `sup_k ‖Jᵏ‖₂` over `k ≥ 0`, how much a deviation can grow before it decays; at least one. `None` where it has no
    /// end (a multiplier on or outside the unit circle) or none was seen in 100 000 steps.
    pub peak_amplification: Option<f64>,
    /// The `k` at which that is; zero where nothing ever grows.
    pub peak_step: Option<usize>,
    /// A lower bound of the Kreiss constant `sup_{|z|>1} (|z| − 1) ‖(zI − J)⁻¹‖₂`, which the peak amplification exceeds by
    /// at most `e M`; infinite for a multiplier outside the unit circle.
    pub kreiss: f64,
}

/// How much a deviation from a fixed point can grow before it decays. `jacobian: [M × M]`, as for [`multipliers`].
///
/// The peak is exact, not searched: once some `‖Jᵏ‖ < 1`, no later power exceeds the largest up to `k`.
/// Costs `O(M³)` for each power until then, and `O(M²)` for some hundred resolvents.
///
/// Sources: Henrici (1962), Numer. Math. 4, 24–40; Caswell & Neubert (2005), J. Differ. Equ. Appl. 11, 295–310 (reactivity
/// in discrete time); Trefethen & Embree (2005), Spectra and Pseudospectra, ch. 14 and 18 (powers, Kreiss).
pub fn non_normality(jacobian: &DMatrix<f64>) -> Result<NonNormality, MultiplierError> {
    let eigenvalues = multipliers(jacobian)?;
    let frobenius = jacobian.norm();
    let normal_part: f64 = eigenvalues.iter().map(|value| value.norm_sqr()).sum();
    let departure = (frobenius * frobenius - normal_part).max(0.0).sqrt();
    let peak = peak_of_powers(jacobian, &eigenvalues);
    Ok(NonNormality {
        // The difference of two equal squares is rounding: below its root nothing is known.
        henrici: if departure <= 1e-7 * frobenius { 0.0 } else { departure / frobenius },
        reactivity: spectral_norm(jacobian).ln(),
        peak_amplification: peak.map(|(amplification, _)| amplification),
        peak_step: peak.map(|(_, step)| step),
        kreiss: kreiss_lower_bound(jacobian, &eigenvalues),
    })
}

/// The largest eigenvalue of `(A + Aᵀ)/2`, the reactivity of the flow `ẋ = A x`: the largest growth rate of `|x|` at any
/// moment, per unit of time. Negative where every deviation shrinks from the start. `generator: [M × M]`; depends on the coordinates, as
/// all of [`NonNormality`] does. Costs `O(M³)`.
///
/// Source: Neubert & Caswell (1997), Ecology 78, 653–665.
pub fn numerical_abscissa(generator: &DMatrix<f64>) -> Result<f64, MultiplierError> {
    let (rows, columns) = generator.shape();
    if rows != columns {
        return Err(MultiplierError::NotSquare { rows, columns });
    }
    if generator.iter().any(|x| !x.is_finite()) {
        return Err(MultiplierError::NotFinite);
    }
    let symmetric = (generator + generator.transpose()) * 0.5;
    Ok(symmetric.symmetric_eigenvalues().iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

const LONGEST_TRANSIENT: usize = 100_000;

fn peak_of_powers(jacobian: &DMatrix<f64>, eigenvalues: &[Complex<f64>]) -> Option<(f64, usize)> {
    if eigenvalues.first().is_some_and(|largest| largest.norm() >= 1.0) {
        return None;
    }
    let mut peak = (1.0, 0);
    let mut power = jacobian.clone();
    for step in 1..=LONGEST_TRANSIENT {
        let length = spectral_norm(&power);
        if length > peak.0 {
            peak = (length, step);
        }
        if length < 1.0 {
            return Some(peak);
        }
        power = jacobian * power;
    }
    None
}

/// `max |J v| / |v|`.
fn spectral_norm(matrix: &DMatrix<f64>) -> f64 {
    if matrix.is_empty() {
        return 0.0;
    }
    let squared = (matrix.transpose() * matrix).symmetric_eigenvalues();
    squared.iter().copied().fold(0.0, f64::max).sqrt()
}

/// The best of a grid of circles around the unit circle and of the directions of the eigenvalues: a lower bound.
fn kreiss_lower_bound(jacobian: &DMatrix<f64>, eigenvalues: &[Complex<f64>]) -> f64 {
    if eigenvalues.first().is_some_and(|largest| largest.norm() > 1.0) {
        return f64::INFINITY;
    }
    let even = (0..8).map(|k| k as f64 * std::f64::consts::PI / 7.0);
    // The matrix is real: the lower half plane mirrors the upper.
    let angles = eigenvalues.iter().filter(|value| value.im >= 0.0).map(|value| value.arg()).chain(even);
    // The triangle has the same resolvent norms, and its equations are solved by substitution.
    let Some(schur) = Schur::try_new(jacobian.map(Complex::from), f64::EPSILON, 10_000) else { return 1.0 };
    let (_, triangle) = schur.unpack();
    // As |z| grows the expression tends to one.
    let mut largest: f64 = 1.0;
    for angle in angles {
        let mut direction = DVector::from_element(jacobian.nrows(), Complex::new(1.0, 0.0));
        for exponent in 0..16 {
            let beyond = 10.0_f64.powf(1.0 - f64::from(exponent) / 2.5);
            let z = Complex::from_polar(1.0 + beyond, angle);
            largest = largest.max(beyond * resolvent_norm(&triangle, z, &mut direction));
        }
    }
    largest
}

/// `‖(zI − T)⁻¹‖₂` of an upper triangle, from below: the power method on `R* R` from `direction`, which is left where it ends.
///
/// Source: Trefethen (1999), Acta Numerica 8, 247–295 ("Computation of pseudospectra").
fn resolvent_norm(triangle: &DMatrix<Complex<f64>>, z: Complex<f64>, direction: &mut DVector<Complex<f64>>) -> f64 {
    const ITERATIONS: usize = 16;
    let mut length = 0.0;
    for _ in 0..ITERATIONS {
        let norm = direction.norm();
        if !(norm.is_finite() && norm > 0.0) {
            direction.fill(Complex::new(1.0, 0.0));
            return 0.0;
        }
        direction.unscale_mut(norm);
        substitute(triangle, z, direction.as_mut_slice());
        length = direction.norm();
        substitute_adjoint(triangle, z, direction.as_mut_slice());
    }
    if length.is_finite() { length } else { 0.0 }
}

/// `x ← (zI − T)⁻¹ x`.
fn substitute(triangle: &DMatrix<Complex<f64>>, z: Complex<f64>, x: &mut [Complex<f64>]) {
    for (j, column) in triangle.column_iter().enumerate().rev() {
        x[j] /= z - column[j];
        let solved = x[j];
        x[..j].iter_mut().zip(column.iter()).for_each(|(x, t)| *x += t * solved);
    }
}

/// `x ← (zI − T)⁻* x`.
fn substitute_adjoint(triangle: &DMatrix<Complex<f64>>, z: Complex<f64>, x: &mut [Complex<f64>]) {
    for (j, column) in triangle.column_iter().enumerate() {
        let above: Complex<f64> = x[..j].iter().zip(column.iter()).map(|(x, t)| t.conj() * x).sum();
        x[j] = (x[j] + above) / (z - column[j]).conj();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
    }

    /// `[[a, c], [0, b]]` departs from normality by `|c|` exactly.
    #[test]
    fn a_triangle_departs_by_its_corner() {
        let found = non_normality(&DMatrix::from_row_slice(2, 2, &[0.5, 2.0, 0.0, -0.3])).unwrap();
        close(found.henrici, 2.0 / (0.25_f64 + 4.0 + 0.09).sqrt(), 1e-12);
        // ‖J‖₂ from the closed form of a 2 × 2 matrix: σ² = (s + √(s² − 4 d²)) / 2.
        let (s, d) = (0.25_f64 + 4.0 + 0.09, -0.15_f64);
        close(found.reactivity, ((s + (s * s - 4.0 * d * d).sqrt()) / 2.0).sqrt().ln(), 1e-12);
        assert_eq!(found.peak_step, Some(1));
    }

    /// A rotation that shrinks is normal: nothing ever grows.
    #[test]
    fn normal_matrices_never_amplify() {
        let (sin, cos) = 0.4_f64.sin_cos();
        let found = non_normality(&(DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]) * 0.9)).unwrap();
        assert_eq!((found.henrici, found.peak_amplification, found.peak_step), (0.0, Some(1.0), Some(0)));
        close(found.reactivity, 0.9_f64.ln(), 1e-12);
        close(found.kreiss, 1.0, 1e-9);
    }

    /// `J = 0.9 (I + c N)` has `‖Jᵏ‖ ≈ c k 0.9ᵏ`, largest where `k = −1 / ln 0.9 ≈ 9.5`.
    #[test]
    fn a_jordan_block_peaks_where_calculus_says() {
        let found = non_normality(&DMatrix::from_row_slice(2, 2, &[0.9, 90.0, 0.0, 0.9])).unwrap();
        assert!(found.peak_step == Some(9) || found.peak_step == Some(10));
        close(found.peak_amplification.unwrap(), 90.0 * 10.0 * 0.9_f64.powi(9), 0.1);
    }

    /// Neubert & Caswell's case of `ẋ = −x/2`: reactivity `−1/2`; and a shear, whose abscissa is half its rate.
    #[test]
    fn abscissae_follow_the_symmetric_part() {
        close(numerical_abscissa(&DMatrix::from_diagonal_element(2, 2, -0.5)).unwrap(), -0.5, 1e-12);
        close(numerical_abscissa(&DMatrix::from_row_slice(2, 2, &[0.0, 3.0, 0.0, 0.0])).unwrap(), 1.5, 1e-12);
        assert!(numerical_abscissa(&DMatrix::zeros(2, 3)).is_err());
    }

    #[test]
    fn odd_matrices_are_answered_or_refused() {
        let dead = non_normality(&DMatrix::zeros(2, 2)).unwrap();
        assert_eq!((dead.henrici, dead.reactivity, dead.peak_amplification), (0.0, f64::NEG_INFINITY, Some(1.0)));
        assert_eq!(non_normality(&DMatrix::from_element(1, 1, 1.0)).unwrap().peak_amplification, None);
        assert!(non_normality(&DMatrix::from_element(1, 1, f64::NAN)).is_err());
        assert_eq!(non_normality(&DMatrix::zeros(0, 0)).unwrap().henrici, 0.0);
    }

    proptest! {
        /// The Kreiss matrix theorem: `K ≤ sup ‖Jᵏ‖ ≤ e M K`; and no orbit beats the peak.
        #[test]
        fn kreiss_brackets_the_peak(entries in prop::collection::vec(-1.0..1.0f64, 12)) {
            let raw = DMatrix::from_row_slice(3, 3, &entries[..9]);
            let radius = multipliers(&raw).unwrap()[0].norm();
            let jacobian = raw * (0.95 / radius.max(0.1));
            prop_assume!(multipliers(&jacobian).unwrap()[0].norm() < 0.99);
            let found = non_normality(&jacobian).unwrap();
            let peak = found.peak_amplification.unwrap();
            prop_assert!(found.kreiss <= peak * (1.0 + 1e-9), "{} {}", found.kreiss, peak);
            prop_assert!(peak <= std::f64::consts::E * 3.0 * found.kreiss);
            let mut v = nalgebra::DVector::from_column_slice(&entries[9..]);
            let length = v.norm();
            for _ in 0..200 {
                v = &jacobian * v;
                prop_assert!(v.norm() <= peak * length * (1.0 + 1e-9));
            }
        }
    }
}
