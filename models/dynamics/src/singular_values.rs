//! Singular values that can be trusted where a matrix is singular.
//!
//! The bidiagonal iteration of nalgebra 0.35 returns wrong factors for some matrices of deficient rank (two opposite
//! columns are enough), and deficient rank is what is asked about here. Rotating columns until they are orthogonal is
//! slower and has no such case.

use nalgebra::DMatrix;

/// `matrix = U diag(σ) Vᵀ`, with `r = min(rows, columns)` values, largest first; `U: [rows × r]`, `V: [columns × r]`.
///
/// Columns of `U` (of `V`, where there are more columns than rows) that belong to `σ = 0` are zero.
pub(crate) struct SingularValues {
    pub left: DMatrix<f64>,
    pub values: Vec<f64>,
    pub right: DMatrix<f64>,
}

const MAX_SWEEPS: usize = 60;

impl SingularValues {
    /// One-sided Jacobi rotations; each value to `O(ε)` of the largest. Costs `O(rows · columns²)` for each of about ten
    /// sweeps. The entries must be finite.
    ///
    /// Source: Hestenes (1958), J. SIAM 6, 51–90; Demmel & Veselić (1992), SIAM J. Matrix Anal. Appl. 13, 1204–1245.
    pub fn of(matrix: &DMatrix<f64>) -> Self {
        if matrix.nrows() < matrix.ncols() {
            let Self { left, values, right } = Self::of(&matrix.transpose());
            return Self { left: right, values, right: left };
        }
        let n = matrix.ncols();
        let scale = matrix.amax();
        let mut rotated = if scale > 0.0 { matrix / scale } else { matrix.clone() };
        let mut right = DMatrix::identity(n, n);
        for _ in 0..MAX_SWEEPS {
            let mut is_orthogonal = true;
            for q in 1..n {
                for p in 0..q {
                    if let Some((cosine, sine)) = rotation(&rotated, p, q) {
                        is_orthogonal = false;
                        rotate(&mut rotated, p, q, cosine, sine);
                        rotate(&mut right, p, q, cosine, sine);
                    }
                }
            }
            if is_orthogonal {
                break;
            }
        }
        let lengths: Vec<f64> = rotated.column_iter().map(|column| column.norm()).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
        let direction = |i: usize, j: usize| if lengths[j] > 0.0 { rotated[(i, j)] / lengths[j] } else { 0.0 };
        Self {
            left: DMatrix::from_fn(matrix.nrows(), n, |i, k| direction(i, order[k])),
            values: order.iter().map(|&j| scale * lengths[j]).collect(),
            right: DMatrix::from_fn(n, n, |i, k| right[(i, order[k])]),
        }
    }

    pub fn largest(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    pub fn smallest(&self) -> f64 {
        self.values.last().copied().unwrap_or(0.0)
    }

    /// How many values are more than `floor` times the largest.
    pub fn rank(&self, floor: f64) -> usize {
        self.values.iter().filter(|&&value| value > floor * self.largest()).count()
    }
}

/// The rotation that makes two columns orthogonal, or `None` where they are.
fn rotation(matrix: &DMatrix<f64>, p: usize, q: usize) -> Option<(f64, f64)> {
    let (a, b) = (matrix.column(p), matrix.column(q));
    let (alpha, beta, gamma) = (a.norm_squared(), b.norm_squared(), a.dot(&b));
    // Columns far below the rounding of the largest are zero.
    if gamma.abs() <= 4.0 * f64::EPSILON * (alpha * beta).sqrt() || alpha.max(beta) < f64::MIN_POSITIVE.sqrt() {
        return None;
    }
    let zeta = (beta - alpha) / (2.0 * gamma);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    Some((cosine, cosine * tangent))
}

fn rotate(matrix: &mut DMatrix<f64>, p: usize, q: usize, cosine: f64, sine: f64) {
    let rows = matrix.nrows();
    let (before, after) = matrix.as_mut_slice().split_at_mut(q * rows);
    for (a, b) in before[p * rows..(p + 1) * rows].iter_mut().zip(&mut after[..rows]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(matrix: &DMatrix<f64>, rank: usize) {
        let svd = SingularValues::of(matrix);
        let sigma = DMatrix::from_diagonal(&nalgebra::DVector::from_vec(svd.values.clone()));
        let error = (&svd.left * sigma * svd.right.transpose() - matrix).norm();
        assert!(error <= 1e-13 * matrix.norm(), "error {error}");
        let r = svd.values.len().min(rank);
        for factor in [&svd.left, &svd.right] {
            let kept = factor.columns(0, r);
            assert!((kept.transpose() * kept - DMatrix::identity(r, r)).norm() < 1e-12);
        }
        assert_eq!(svd.rank(1e-13), rank);
    }

    /// Two opposite columns, of which nalgebra's own iteration makes something else.
    #[test]
    fn opposite_columns_have_one_direction() {
        let column = [-0.360_942_859_5, 0.725_516_273_4, 0.057_044_968_5];
        check(&DMatrix::from_fn(3, 2, |i, k| if k == 0 { column[i] } else { -column[i] }), 1);
        check(&DMatrix::from_fn(2, 3, |k, i| if k == 0 { column[i] } else { -column[i] }), 1);
        check(&DMatrix::zeros(4, 3), 0);
        check(&DMatrix::identity(5, 5), 5);
        check(&DMatrix::from_element(3, 3, 1e-200), 1);
    }

    proptest! {
        #[test]
        fn products_of_thin_factors_have_their_rank(
            rows in 1..7_usize,
            columns in 1..7_usize,
            rank in 1..7_usize,
            entries in prop::collection::vec(-1.0..1.0f64, 84),
        ) {
            let rank = rank.min(rows).min(columns);
            let left = DMatrix::from_row_slice(rows, rank, &entries[..rows * rank]) + 3.0 * DMatrix::identity(rows, rank);
            let right = DMatrix::from_row_slice(rank, columns, &entries[42..42 + rank * columns])
                + 3.0 * DMatrix::identity(rank, columns);
            let found = SingularValues::of(&(left * right));
            prop_assert_eq!(found.rank(1e-12), rank);
        }
    }
}
