use nalgebra::{Complex, DMatrix, Schur};
use thiserror::Error;

/// Why a matrix has no usable eigenvalues.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MultiplierError {
    #[error("need a square matrix, found {rows} × {columns}")]
    NotSquare { rows: usize, columns: usize },
    #[error("the Jacobian holds a value that is not finite")]
    NotFinite,
    #[error("the QR iteration did not converge on this {dim} × {dim} matrix")]
    NoConvergence { dim: usize },
}

/// Eigenvalues of a Jacobian, largest modulus first; within a modulus by descending real, then imaginary part.
///
/// Multipliers are what survives a smooth change of latent coordinates. Near-defective matrices answer only to
/// the square root of rounding. Costs `O(M³)`, with a cap on the iterations: never hangs.
///
/// Source: Francis (1961), Comput. J. 4, 265–271 (real QR iteration, as implemented in nalgebra).
pub fn multipliers(jacobian: &DMatrix<f64>) -> Result<Vec<Complex<f64>>, MultiplierError> {
    let (rows, columns) = jacobian.shape();
    if rows != columns {
        return Err(MultiplierError::NotSquare { rows, columns });
    }
    if jacobian.iter().any(|x| !x.is_finite()) {
        return Err(MultiplierError::NotFinite);
    }
    let mut values = match rows {
        0 => Vec::new(),
        1 => vec![Complex::new(jacobian[(0, 0)], 0.0)],
        _ => schur_eigenvalues(jacobian)?,
    };
    sort_by_modulus(&mut values);
    Ok(values)
}

/// Largest modulus first; within a modulus by descending real, then imaginary part.
pub(crate) fn sort_by_modulus(values: &mut [Complex<f64>]) {
    values.sort_by(|a, b| {
        // Conjugates have one modulus: compare squares, which are symmetric in the sign of the imaginary part.
        b.norm_sqr().total_cmp(&a.norm_sqr()).then(b.re.total_cmp(&a.re)).then(b.im.total_cmp(&a.im))
    });
}

/// Steps until a deviation along this multiplier has shrunk by `1/e`: `τ = −1 / ln |λ|`.
///
/// `None` where nothing decays (`|λ| ≥ 1`, or not a number); zero for `λ = 0`. Times the sampling interval, a time constant in
/// seconds. Misleads as a measure of how long deviations last where the Jacobian is far from normal: see
/// [`crate::non_normality`]. From `|λ|ᵏ = e^{−k/τ}`.
pub fn time_constant_steps(multiplier: Complex<f64>) -> Option<f64> {
    let modulus = multiplier.norm();
    match modulus {
        0.0 => Some(0.0),
        m if m < 1.0 => Some(-1.0 / m.ln()),
        _ => None,
    }
}

/// Cycles per step of the rotation in this multiplier: `|arg λ| / 2π`, between 0 and ½.
///
/// Times the sampling rate, a frequency in hertz; anything faster than half the sampling rate is folded back (Shannon 1949,
/// Proc. IRE 37, 10–21). ½ for a negative real multiplier, whether it comes from an oscillation or from an overshoot.
pub fn frequency_per_step(multiplier: Complex<f64>) -> f64 {
    multiplier.arg().abs() / std::f64::consts::TAU
}

fn schur_eigenvalues(matrix: &DMatrix<f64>) -> Result<Vec<Complex<f64>>, MultiplierError> {
    let dim = matrix.nrows();
    let scale = matrix.amax();
    if scale == 0.0 {
        return Ok(vec![Complex::new(0.0, 0.0); dim]);
    }
    let scaled = matrix / scale;
    let max_iterations = 60 * dim + 200;
    // The double-shift iteration stands still on matrices that permute the axes. Shifting the spectrum moves
    // it off; the shift is subtracted again.
    for shift in [0.0, 0.412_7, -0.618_1, 1.137_3] {
        let mut shifted = scaled.clone();
        for i in 0..dim {
            shifted[(i, i)] += shift;
        }
        if let Some(schur) = Schur::try_new(shifted, f64::EPSILON, max_iterations) {
            let (_, triangular) = schur.unpack();
            let values = quasi_triangular_eigenvalues(&triangular);
            if values.iter().all(|value| value.is_finite()) {
                return Ok(values.into_iter().map(|value| (value - shift) * scale).collect());
            }
        }
    }
    Err(MultiplierError::NoConvergence { dim })
}

/// Reads 1 × 1 and 2 × 2 blocks off the diagonal of a real Schur form.
fn quasi_triangular_eigenvalues(t: &DMatrix<f64>) -> Vec<Complex<f64>> {
    let dim = t.nrows();
    let mut values = Vec::with_capacity(dim);
    let mut i = 0;
    while i < dim {
        if i + 1 == dim || t[(i + 1, i)] == 0.0 {
            values.push(Complex::new(t[(i, i)], 0.0));
            i += 1;
            continue;
        }
        let mean = (t[(i, i)] + t[(i + 1, i + 1)]) / 2.0;
        let half_difference = (t[(i, i)] - t[(i + 1, i + 1)]) / 2.0;
        let discriminant = half_difference * half_difference + t[(i, i + 1)] * t[(i + 1, i)];
        // A block whose eigenvalues are real but nearly equal may be left undivided by the iteration.
        let root = discriminant.abs().sqrt();
        if discriminant < 0.0 {
            values.push(Complex::new(mean, root));
            values.push(Complex::new(mean, -root));
        } else {
            values.push(Complex::new(mean + root, 0.0));
            values.push(Complex::new(mean - root, 0.0));
        }
        i += 2;
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_same_set(found: &[Complex<f64>], expected: &[Complex<f64>], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for value in expected {
            let nearest = found.iter().map(|f| (f - value).norm()).fold(f64::INFINITY, f64::min);
            assert!(nearest <= tolerance, "{value} is missing from {found:?}");
        }
    }

    /// A permutation of `n` axes has the `n`-th roots of one: where an unshifted QR iteration never ends.
    #[test]
    fn cyclic_permutations_have_the_roots_of_one() {
        for n in 2..14 {
            let cycle = DMatrix::from_fn(n, n, |i, j| if (i + 1) % n == j { 1.0 } else { 0.0 });
            let roots: Vec<_> =
                (0..n).map(|k| Complex::from_polar(1.0, std::f64::consts::TAU * k as f64 / n as f64)).collect();
            assert_same_set(&multipliers(&cycle).unwrap(), &roots, 1e-10);
        }
    }

    #[test]
    fn odd_matrices_are_answered_or_refused() {
        assert_eq!(multipliers(&DMatrix::zeros(0, 0)).unwrap(), vec![]);
        assert_eq!(multipliers(&DMatrix::zeros(3, 3)).unwrap().len(), 3);
        assert!(multipliers(&DMatrix::zeros(2, 3)).is_err());
        assert!(multipliers(&DMatrix::from_element(2, 2, f64::NAN)).is_err());
        let huge = multipliers(&DMatrix::from_diagonal_element(2, 2, 1e300)).unwrap();
        assert_same_set(&huge, &[Complex::new(1e300, 0.0); 2], 1e290);
    }

    #[test]
    fn time_constants_and_frequencies_follow_the_formula() {
        assert_eq!(time_constant_steps(Complex::new(0.0, 0.0)), Some(0.0));
        assert!((time_constant_steps(Complex::new((-0.1f64).exp(), 0.0)).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(time_constant_steps(Complex::new(1.0, 0.0)), None);
        assert!((frequency_per_step(Complex::new(0.0, -2.0)) - 0.25).abs() < 1e-15);
        assert!((frequency_per_step(Complex::new(-2.0, 0.0)) - 0.5).abs() < 1e-15);
    }

    proptest! {
        /// `S J S⁻¹` has the multipliers of `J`: they do not depend on the latent coordinates.
        #[test]
        fn multipliers_survive_a_change_of_basis(entries in prop::collection::vec(-1.0..1.0f64, 32)) {
            let jacobian = DMatrix::from_row_slice(4, 4, &entries[..16]);
            let basis = DMatrix::from_row_slice(4, 4, &entries[16..]) * 0.2 + DMatrix::identity(4, 4);
            let inverse = basis.clone().try_inverse().unwrap();
            let here = multipliers(&jacobian).unwrap();
            let there = multipliers(&(&basis * &jacobian * inverse)).unwrap();
            // Near-defective matrices keep only the square or cube root of rounding.
            assert_same_set(&here, &there, 1e-3);
            let trace: Complex<f64> = here.iter().sum();
            prop_assert!((trace.re - jacobian.trace()).abs() < 1e-9 && trace.im.abs() < 1e-9);
        }
    }
}
