//! Principal components of the training part: many channels seen as few.

use nalgebra::{DMatrix, SymmetricEigen};

/// `y = scale · (x − mean) · axes`, with orthonormal `axes: [N, D]`.
///
/// The common `scale` gives the components unit variance on average, so that one set of training
/// settings serves recordings of any size; relative variances stay as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    pub mean: Vec<f64>,
    pub axes: DMatrix<f64>,
    pub scale: f64,
    /// Share of the training variance that the kept components hold.
    pub explained: f64,
}

impl Projection {
    /// No reduction: `y = x`.
    pub fn identity(n_channels: usize) -> Self {
        Self {
            mean: vec![0.0; n_channels],
            axes: DMatrix::identity(n_channels, n_channels),
            scale: 1.0,
            explained: 1.0,
        }
    }

    /// The first `n_components` principal axes of `rows: [T, N]`. Each axis points where its largest
    /// entry is positive, so that the result does not depend on the sign the solver happens to return.
    pub fn principal(rows: &[f32], n_channels: usize, n_components: usize) -> Self {
        let covariance = Covariance::of(rows, n_channels);
        let eigen = SymmetricEigen::new(covariance.matrix);
        let mut order: Vec<usize> = (0..n_channels).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        order.truncate(n_components.min(n_channels));
        let mut axes = DMatrix::zeros(n_channels, order.len());
        for (to, &from) in order.iter().enumerate() {
            let axis = eigen.eigenvectors.column(from);
            let sign = axis[axis.iamax()].signum();
            axes.set_column(to, &(axis * sign));
        }
        let kept: f64 = order.iter().map(|&i| eigen.eigenvalues[i].max(0.0)).sum();
        let total: f64 = eigen.eigenvalues.iter().map(|v| v.max(0.0)).sum();
        let mean_variance = kept / order.len() as f64;
        Self {
            mean: covariance.mean,
            axes,
            scale: if mean_variance > 0.0 { mean_variance.sqrt().recip() } else { 1.0 },
            explained: if total > 0.0 { kept / total } else { 1.0 },
        }
    }

    pub fn n_channels(&self) -> usize {
        self.axes.nrows()
    }

    pub fn n_components(&self) -> usize {
        self.axes.ncols()
    }

    /// `x: [T, N]` → `y: [T, D]`.
    pub fn apply(&self, rows: &[f32]) -> DMatrix<f64> {
        let n = self.n_channels();
        let centred = DMatrix::from_fn(rows.len() / n, n, |t, i| f64::from(rows[t * n + i]) - self.mean[i]);
        centred * &self.axes * self.scale
    }

    /// `y: [T, D]` → `x: [T, N]`, the smallest `x` that projects to `y`.
    pub fn reconstruct(&self, components: &DMatrix<f64>) -> DMatrix<f64> {
        let mut channels = components * self.axes.transpose() / self.scale;
        for (i, mean) in self.mean.iter().enumerate() {
            channels.column_mut(i).add_scalar_mut(*mean);
        }
        channels
    }
}

struct Covariance {
    mean: Vec<f64>,
    matrix: DMatrix<f64>,
}

impl Covariance {
    fn of(rows: &[f32], n: usize) -> Self {
        let n_times = (rows.len() / n) as f64;
        let mut mean = vec![0.0; n];
        for row in rows.chunks_exact(n) {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value) / n_times;
            }
        }
        let centred = DMatrix::from_fn(rows.len() / n, n, |t, i| f64::from(rows[t * n + i]) - mean[i]);
        Self { matrix: centred.tr_mul(&centred) / n_times, mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_copies_of_one_signal_need_one_component() {
        let rows: Vec<f32> = (0..100).flat_map(|t| [t as f32, 2.0 * t as f32 + 5.0]).collect();
        let projection = Projection::principal(&rows, 2, 1);
        assert!((projection.explained - 1.0).abs() < 1e-9);
        let back = projection.reconstruct(&projection.apply(&rows));
        for (t, row) in rows.chunks_exact(2).enumerate() {
            assert!((back[(t, 1)] - f64::from(row[1])).abs() < 1e-6);
        }
    }

    #[test]
    fn components_have_unit_variance_on_average() {
        let rows: Vec<f32> = (0..300).flat_map(|t| [(t as f32).sin() * 9.0, (1.7 * t as f32).cos()]).collect();
        let components = Projection::principal(&rows, 2, 2).apply(&rows);
        let variance: f64 = components.row_variance().mean();
        assert!((variance - 1.0).abs() < 1e-6, "{variance}");
    }
}
