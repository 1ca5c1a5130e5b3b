//! The plane through state space on which basins are drawn.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use nullcline_dynamics::SlicePlan;

/// How far the picture reaches beyond the encoded states, in their largest distance from the middle.
const MARGIN: f64 = 1.5;

/// The plane of the first two principal axes of `encoded: [T, M]` through its mean, in `cells × cells` cells.
///
/// `None` where the states do not span a plane, or no cells are wanted. Each axis points to the side of its largest
/// component, so that the picture does not turn over between two runs.
pub fn principal_plane(encoded: &DMatrix<f64>, cells: usize) -> Option<SlicePlan> {
    let (n, dim) = encoded.shape();
    if cells == 0 || dim < 2 || n < 3 {
        return None;
    }
    let middle = encoded.row_mean();
    let centred = DMatrix::from_fn(n, dim, |t, j| encoded[(t, j)] - middle[j]);
    let eigen = SymmetricEigen::new(centred.tr_mul(&centred) / n as f64);
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    let axis = |k: usize| -> DVector<f64> {
        let axis = eigen.eigenvectors.column(order[k]).into_owned();
        let turned = axis[axis.icamax()] < 0.0;
        if turned { -axis } else { axis }
    };
    let (right, up) = (axis(0), axis(1));
    let reach = [&right, &up].map(|axis| MARGIN * (&centred * axis).amax());
    let spans = reach[1] > 1e-9 * reach[0] && reach[0].is_finite();
    spans.then(|| SlicePlan {
        origin: middle.iter().copied().collect(),
        right: right.iter().copied().collect(),
        up: up.iter().copied().collect(),
        reach,
        cells: [cells; 2],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States on an ellipse in a tilted plane: the plane is found, and holds them all.
    #[test]
    fn the_plane_holds_the_states() {
        let axes = [[0.6, 0.0, 0.8], [0.0, -1.0, 0.0]];
        let state = |t: usize, j: usize| {
            let phase = 0.1 * t as f64;
            1.0 + 5.0 * phase.cos() * axes[0][j] + 2.0 * phase.sin() * axes[1][j]
        };
        let encoded = DMatrix::from_fn(630, 3, state);
        let plane = principal_plane(&encoded, 20).unwrap();
        for (found, expected) in [(&plane.right, [0.6, 0.0, 0.8]), (&plane.up, [0.0, 1.0, 0.0])] {
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-2, "{found:?}");
            }
        }
        assert!((plane.reach[0] - 7.5).abs() < 0.1 && (plane.reach[1] - 3.0).abs() < 0.1, "{:?}", plane.reach);
        assert_eq!(plane.cells, [20, 20]);
    }

    #[test]
    fn without_a_plane_there_is_no_picture() {
        let line = DMatrix::from_fn(50, 3, |t, j| (t * (j + 1)) as f64);
        assert_eq!(principal_plane(&line, 20), None);
        assert_eq!(principal_plane(&DMatrix::zeros(50, 1), 20), None);
        assert_eq!(principal_plane(&DMatrix::from_fn(50, 2, |t, j| ((t + j) as f64).sin()), 0), None);
    }
}
