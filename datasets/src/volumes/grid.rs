//! Where the voxels of an image lie in space.

/// A regular grid of voxels. `affine: [3, 4]` takes voxel indices `(i, j, k, 1)` to millimetres.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub shape: [usize; 3],
    pub affine: [[f64; 4]; 3],
}

impl Grid {
    pub fn n_voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Equal shape, and every corner within a hundredth of a voxel of the other's.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let Some(to_other) = self.indices_in(other).filter(|_| self.shape == other.shape) else {
            return false;
        };
        self.corners().into_iter().all(|corner| {
            let there = apply(&to_other, corner);
            corner.iter().zip(there).all(|(here, there)| (here - there).abs() < 0.01)
        })
    }

    /// The affine from voxel indices here to (fractional) voxel indices of `other`; `None` where `other` is flat.
    pub fn indices_in(&self, other: &Self) -> Option<[[f64; 4]; 3]> {
        let inverse = inverse(&other.affine)?;
        Some(std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let linear: f64 = (0..3).map(|k| inverse[i][k] * self.affine[k][j]).sum();
                if j < 3 { linear } else { linear + inverse[i][3] }
            })
        }))
    }

    /// For each voxel here, in storage order (first axis fastest), the voxel of `other` whose centre is nearest,
    /// `None` where its own centre lies outside `other`.
    ///
    /// A centre exactly between two voxels goes to the one of larger index.
    pub fn nearest_in(&self, other: &Self) -> Option<impl Iterator<Item = Option<usize>> + use<>> {
        let to_other = self.indices_in(other)?;
        let ([nx, ny, nz], there) = (self.shape, other.shape);
        let indices = (0..nz).flat_map(move |k| (0..ny).flat_map(move |j| (0..nx).map(move |i| [i, j, k])));
        Some(indices.map(move |index| {
            let at = apply(&to_other, index.map(|i| i as f64));
            let mut flat = 0;
            for axis in (0..3).rev() {
                let nearest = (at[axis] + 0.5 + TIE).floor();
                if !(nearest >= 0.0 && nearest < there[axis] as f64) {
                    return None;
                }
                flat = flat * there[axis] + nearest as usize;
            }
            Some(flat)
        }))
    }

    fn corners(&self) -> [[f64; 3]; 8] {
        std::array::from_fn(|corner| {
            std::array::from_fn(|axis| if corner >> axis & 1 == 1 { (self.shape[axis] - 1) as f64 } else { 0.0 })
        })
    }
}

/// Halves of a voxel are common (a grid of 3 mm over one of 2 mm); rounding of the affines must not decide them.
const TIE: f64 = 1e-5;

fn apply(affine: &[[f64; 4]; 3], [i, j, k]: [f64; 3]) -> [f64; 3] {
    affine.map(|[a, b, c, offset]| a * i + b * j + c * k + offset)
}

/// By cofactors; `None` where the determinant vanishes against the size of the columns.
fn inverse(affine: &[[f64; 4]; 3]) -> Option<[[f64; 4]; 3]> {
    let m = |i: usize, j: usize| affine[i % 3][j % 3];
    let cofactor = |i: usize, j: usize| m(i + 1, j + 1) * m(i + 2, j + 2) - m(i + 1, j + 2) * m(i + 2, j + 1);
    let determinant: f64 = (0..3).map(|j| m(0, j) * cofactor(0, j)).sum();
    let sizes: f64 = (0..3).map(|j| (0..3).map(|i| m(i, j).powi(2)).sum::<f64>().sqrt()).product();
    if determinant.is_nan() || determinant.abs() <= 1e-9 * sizes {
        return None;
    }
    Some(std::array::from_fn(|i| {
        let row = [0, 1, 2].map(|j| cofactor(j, i) / determinant);
        let offset: f64 = -(0..3).map(|j| row[j] * affine[j][3]).sum::<f64>();
        [row[0], row[1], row[2], offset]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tilted() -> Grid {
        Grid { shape: [4, 5, 6], affine: [[-2.0, 0.1, 0.0, 30.0], [0.2, 1.9, -0.4, -40.0], [0.0, 0.3, 2.2, 7.0]] }
    }

    #[test]
    fn a_grid_lies_on_itself() {
        let grid = tilted();
        assert!(grid.is_same_as(&grid));
        let same: Vec<_> = grid.nearest_in(&grid).unwrap().collect();
        assert_eq!(same, (0..120).map(Some).collect::<Vec<_>>());
        let mut moved = grid.clone();
        moved.affine[0][3] += 0.1;
        assert!(!grid.is_same_as(&moved));
    }

    /// A grid of half the size, whose voxel (i, j, k) is centred on voxel (2i, 2j, 2k) of the finer one.
    #[test]
    fn coarse_voxels_take_the_fine_voxel_at_their_centre() {
        let fine =
            Grid { shape: [5, 4, 3], affine: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]] };
        let coarse = Grid {
            shape: [3, 3, 1],
            affine: fine.affine.map(|row| [row[0] * 2.0, row[1] * 2.0, row[2] * 2.0, row[3]]),
        };
        let found: Vec<_> = coarse.nearest_in(&fine).unwrap().collect();
        let expected = [Some(0), Some(2), Some(4), Some(10), Some(12), Some(14), None, None, None];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_flat_grid_has_no_inverse() {
        let mut flat = tilted();
        flat.affine.iter_mut().for_each(|row| row[2] = row[1]);
        assert!(tilted().indices_in(&flat).is_none());
    }
}
