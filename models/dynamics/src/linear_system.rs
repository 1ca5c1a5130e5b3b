//! Square systems that may be singular.

use nalgebra::{DMatrix, DVector};

use crate::singular_values::SingularValues;

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
    let singular = SingularValues::of(matrix);
    let is_regular = singular.rank(SINGULAR) == matrix.ncols() && singular.largest() > 0.0;
    is_regular.then(|| least_squares(&singular, right, matrix.ncols()))
}

/// What elimination makes of a system that counts as singular: its solution if rounding spared it, `None` where a pivot is zero.
pub(crate) fn eliminate(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    matrix.clone().lu().solve(right).filter(|solution| solution.iter().all(|x| x.is_finite()))
}

/// What a singular system admits.
pub(crate) enum Solutions {
    None,
    Flat { point: DVector<f64>, directions: Vec<DVector<f64>> },
}

pub(crate) fn solve_singular(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Solutions {
    let singular = SingularValues::of(matrix);
    let rank = singular.rank(SINGULAR);
    let point = least_squares(&singular, right, rank);
    let misfit = (matrix * &point - right).norm();
    if misfit > 1e-9 * (right.norm() + matrix.norm() * point.norm()) {
        return Solutions::None;
    }
    let directions = (rank..matrix.ncols()).map(|i| singular.right.column(i).into_owned()).collect();
    Solutions::Flat { point, directions }
}

/// `Σ vᵢ (uᵢ · right) / σᵢ` over the largest `rank` singular values.
fn least_squares(singular: &SingularValues, right: &DVector<f64>, rank: usize) -> DVector<f64> {
    let mut point = DVector::zeros(singular.right.nrows());
    for i in 0..rank {
        point.axpy(singular.left.column(i).dot(right) / singular.values[i], &singular.right.column(i), 1.0);
    }
    point
}
