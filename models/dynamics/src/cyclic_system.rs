//! Linear equations around a cycle.

use nalgebra::{DMatrix, DVector};

/// Solves `xᵢ₊₁ − Jᵢ xᵢ = rᵢ` for `i = 0 … k−1` with `xₖ = x₀`, all `[M]`; `None` where there is not one solution.
///
/// Neighbouring equations are merged by orthogonal transformations, which neither expand nor lose what strongly unstable
/// cycles expand: no product `Jₖ₋₁ … J₀` is formed. Costs `O(k M³)`.
///
/// Source: Wright (1992), SIAM J. Sci. Stat. Comput. 13, 742–764.
pub(crate) fn solve_cyclic(jacobians: &[DMatrix<f64>], right: &[DVector<f64>]) -> Option<Vec<DVector<f64>>> {
    let (k, dim) = (jacobians.len(), right.first()?.len());
    // The running equation: first x₀ + last xⱼ = rest.
    let mut first = -jacobians[0].clone();
    let mut last = DMatrix::<f64>::identity(dim, dim);
    let mut rest = right[0].clone();
    let mut eliminated = Vec::with_capacity(k);
    for (jacobian, right) in jacobians.iter().zip(right).skip(1) {
        let mut pair = DMatrix::zeros(2 * dim, dim);
        pair.rows_mut(0, dim).copy_from(&last);
        pair.rows_mut(dim, dim).copy_from(&-jacobian);
        let qr = pair.qr();
        // Columns: what multiplies x₀, what multiplies xⱼ₊₁, the right-hand side.
        let mut others = DMatrix::zeros(2 * dim, 2 * dim + 1);
        others.view_mut((0, 0), (dim, dim)).copy_from(&first);
        others.view_mut((dim, dim), (dim, dim)).fill_with_identity();
        others.view_mut((0, 2 * dim), (dim, 1)).copy_from(&rest);
        others.view_mut((dim, 2 * dim), (dim, 1)).copy_from(right);
        qr.q_tr_mul(&mut others);
        first = others.view((dim, 0), (dim, dim)).into_owned();
        last = others.view((dim, dim), (dim, dim)).into_owned();
        rest = others.view((dim, 2 * dim), (dim, 1)).column(0).into_owned();
        eliminated.push((qr.r(), others.rows(0, dim).into_owned()));
    }
    let start = (first + last).lu().solve(&rest)?;
    let mut solution = vec![start.clone()];
    // Back from xₖ = x₀ to x₁; kept in reverse.
    for (upper, others) in eliminated.iter().rev() {
        let next = solution.last()?;
        let known = others.column(2 * dim) - others.columns(0, dim) * &start - others.columns(dim, dim) * next;
        solution.push(upper.solve_upper_triangular(&known)?);
    }
    solution.rotate_left(1);
    solution.reverse();
    solution.iter().flatten().all(|x| x.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Also where the product of the Jacobians spans thirty orders of magnitude.
        #[test]
        fn solutions_satisfy_every_equation(
            k in 1..40_usize,
            entries in prop::collection::vec(-1.0..1.0f64, 40 * 6),
        ) {
            let jacobians: Vec<_> = (0..k)
                .map(|i| DMatrix::from_diagonal(&DVector::from_vec(vec![6.0, 0.2]))
                    + DMatrix::from_row_slice(2, 2, &entries[6 * i..6 * i + 4]))
                .collect();
            let right: Vec<_> = (0..k).map(|i| DVector::from_column_slice(&entries[6 * i + 4..6 * i + 6])).collect();
            let x = solve_cyclic(&jacobians, &right).unwrap();
            prop_assert_eq!(x.len(), k);
            for i in 0..k {
                let misfit = &x[(i + 1) % k] - &jacobians[i] * &x[i] - &right[i];
                prop_assert!(misfit.norm() < 1e-11 * (1.0 + x[i].norm()), "{} of {}: {}", i, k, misfit.norm());
            }
        }
    }
}
