//! The hinges of a map in the order in which they are evaluated.

use nalgebra::{DMatrix, DMatrixView};

use crate::piecewise_linear::Hinge;
use crate::vectorised::add_columns;

/// Units `cₖ · [relu(wₖ·z + bₖ) − relu(wₖ·z + b′ₖ)]`: neighbouring hinges that share their normal and undo each other, as those of a
/// clipped network do, are evaluated once. A hinge on its own has `b′ₖ = −∞`.
///
/// Units come in blocks of [`LANES`], padded with units that never act.
#[derive(Debug, Clone)]
pub(crate) struct HingeUnits {
    dim: usize,
    /// `w`, `[block × M × LANES]`: a step fills whole vector registers.
    normals_by_lane: Vec<[f64; LANES]>,
    /// `b` and `b′`, `[block × LANES]`.
    biases: Vec<[f64; LANES]>,
    undone_from: Vec<[f64; LANES]>,
    /// `c` and `w`, `[unit × M]`.
    columns: Vec<f64>,
    normals: Vec<f64>,
}

const LANES: usize = 8;

impl HingeUnits {
    pub fn of(hinges: &[Hinge], dim: usize) -> Self {
        let mut units: Vec<(&Hinge, f64)> = Vec::new();
        let mut rest = hinges;
        while let [hinge, others @ ..] = rest {
            let partner = others.first().filter(|next| hinge.is_undone_by(next));
            units.push((hinge, partner.map_or(f64::NEG_INFINITY, |next| next.bias)));
            rest = &others[usize::from(partner.is_some())..];
        }
        let blocks = units.len().div_ceil(LANES);
        let mut all = Self {
            dim,
            normals_by_lane: vec![[0.0; LANES]; blocks * dim],
            biases: vec![[f64::NEG_INFINITY; LANES]; blocks],
            undone_from: vec![[f64::NEG_INFINITY; LANES]; blocks],
            columns: vec![0.0; blocks * LANES * dim],
            normals: vec![0.0; blocks * LANES * dim],
        };
        for (k, (hinge, undone_from)) in units.into_iter().enumerate() {
            let (block, lane) = (k / LANES, k % LANES);
            all.biases[block][lane] = hinge.bias;
            all.undone_from[block][lane] = undone_from;
            all.columns[k * dim..(k + 1) * dim].copy_from_slice(&hinge.column);
            all.normals[k * dim..(k + 1) * dim].copy_from_slice(&hinge.normal);
            for (j, &weight) in hinge.normal.iter().enumerate() {
                all.normals_by_lane[block * dim + j][lane] = weight;
            }
        }
        all
    }

    /// Adds what all units contribute to `F(z)`.
    #[inline(always)]
    pub fn add_values(&self, z: &[f64], image: &mut [f64]) {
        for block in 0..self.biases.len() {
            let (on, undone) = self.activations(block, z);
            let mut values = [0.0; LANES];
            for lane in 0..LANES {
                values[lane] = on[lane].max(0.0) - undone[lane].max(0.0);
            }
            let columns = &self.columns[block * LANES * self.dim..(block + 1) * LANES * self.dim];
            for (values, columns) in values.as_chunks::<4>().0.iter().zip(columns.chunks_exact(4 * self.dim)) {
                if values.iter().any(|&value| value != 0.0) {
                    add_columns(image, values, columns);
                }
            }
        }
    }

    /// Adds what all units contribute to `∂F/∂z: [M × M]`.
    #[inline(always)]
    pub fn add_slopes(&self, z: &[f64], jacobian: &mut DMatrix<f64>) {
        let dim = self.dim;
        // Four units that act at a time, wherever they come from.
        let mut units = [0; 4];
        let mut slopes = [0.0; 4];
        let mut waiting = 0;
        let mut add = |units: &[usize], slopes: &[f64; 4]| {
            let at = |k: usize| units[k.min(units.len() - 1)] * dim;
            let column = |k: usize| &self.columns[at(k)..at(k) + dim];
            let normal = |k: usize| &self.normals[at(k)..at(k) + dim];
            let (columns, normals) = ([0, 1, 2, 3].map(column), [0, 1, 2, 3].map(normal));
            for (j, target) in jacobian.as_mut_slice().chunks_exact_mut(dim).enumerate() {
                let factors = [0, 1, 2, 3].map(|k| slopes[k] * normals[k][j]);
                for (i, target) in target.iter_mut().enumerate() {
                    *target += (factors[0] * columns[0][i] + factors[1] * columns[1][i])
                        + (factors[2] * columns[2][i] + factors[3] * columns[3][i]);
                }
            }
        };
        self.visit_slopes(z, |unit, slope| {
            (units[waiting], slopes[waiting]) = (unit, slope);
            waiting += 1;
            if waiting == 4 {
                add(&units, &slopes);
                waiting = 0;
            }
        });
        if waiting > 0 {
            slopes[waiting..].fill(0.0);
            add(&units[..waiting], &slopes);
        }
    }

    /// Adds what all units contribute to the images of the columns of `frame: [M × k]`.
    #[inline(always)]
    pub fn add_images(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        let dim = self.dim;
        self.visit_slopes(z, |unit, slope| {
            let normal = &self.normals[unit * dim..(unit + 1) * dim];
            let column = &self.columns[unit * dim..(unit + 1) * dim];
            for (vector, image) in frame.column_iter().zip(image.as_mut_slice().chunks_exact_mut(dim)) {
                let along: f64 = vector.iter().zip(normal).map(|(v, w)| v * w).sum();
                add_columns(image, &[slope * along], column);
            }
        });
    }

    /// Calls `visit(unit, ±1)` for every unit with a slope at `z`; on a fold a hinge counts as off.
    #[inline(always)]
    fn visit_slopes(&self, z: &[f64], mut visit: impl FnMut(usize, f64)) {
        for block in 0..self.biases.len() {
            let (on, undone) = self.activations(block, z);
            for lane in 0..LANES {
                let slope = f64::from(on[lane] > 0.0) - f64::from(undone[lane] > 0.0);
                if slope != 0.0 {
                    visit(block * LANES + lane, slope);
                }
            }
        }
    }

    /// `w·z + b` and `w·z + b′` of one block.
    #[inline(always)]
    fn activations(&self, block: usize, z: &[f64]) -> ([f64; LANES], [f64; LANES]) {
        let mut sums = [0.0; LANES];
        for (weights, &x) in self.normals_by_lane[block * self.dim..(block + 1) * self.dim].iter().zip(z) {
            for lane in 0..LANES {
                sums[lane] += weights[lane] * x;
            }
        }
        let (mut on, mut undone) = (sums, sums);
        for lane in 0..LANES {
            on[lane] += self.biases[block][lane];
            undone[lane] += self.undone_from[block][lane];
        }
        (on, undone)
    }
}
