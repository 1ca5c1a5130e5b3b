//! Square systems that may be singular.

use nalgebra::{DMatrix, DVector, SVD};

/// Below this ratio of pivots or singular values a matrix counts as singular.
const SINGULAR: f64 = 1e-13;

/// The one solution of a regular system, or `None` where the matrix is singular up to rounding.
pub(crate) fn solve_regular(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    let scale = matrix.amax();
    let lu = matrix.clone().lu();
    let upper = lu.u();
    let smallest_pivot = upper.diagonal().iter().fold(f64::INFINITY, |smallest, pivot| smallest.min(pivot.abs()));
    if smallest_pivot > 1e-9 * scale {
        return lu.solve(right);
    }
    // Small pivots suggest a singular matrix; only singular values prove it.
    let svd = SVD::try_new(matrix.clone(), true, true, f64::EPSILON, 10_000)?;
    let largest = svd.singular_values.max();
    if largest == 0.0 || svd.singular_values.min() <= SINGULAR * largest {
        return None;
    }
    svd.solve(right, 0.0).ok()
}

/// What a singular system admits.
pub(crate) enum Solutions {
    None,
    Flat { point: DVector<f64>, directions: Vec<DVector<f64>> },
}

pub(crate) fn solve_singular(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Option<Solutions> {
    let svd = SVD::try_new(matrix.clone(), true, true, f64::EPSILON, 10_000)?;
    let floor = SINGULAR * svd.singular_values.max();
    let point = svd.solve(right, floor).ok()?;
    let misfit = (matrix * &point - right).norm();
    if misfit > 1e-9 * (right.norm() + matrix.norm() * point.norm()) {
        return Some(Solutions::None);
    }
    let axes = svd.v_t.as_ref()?;
    let directions = (0..svd.singular_values.len())
        .filter(|&i| svd.singular_values[i] <= floor)
        .map(|i| axes.row(i).transpose())
        .collect();
    Some(Solutions::Flat { point, directions })
}
