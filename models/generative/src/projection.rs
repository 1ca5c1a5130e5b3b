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
    ///
    /// A missing sample is NaN; means and covariances are those of the samples that are there. A channel that is
    /// missing much longer than others has no share in the axes: it would take its gaps to every component.
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
        for channel in (0..n_channels).filter(|&channel| !covariance.used[channel]) {
            axes.row_mut(channel).fill(0.0);
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

    /// `x: [T, N]` → `y: [T, D]`; a component is missing (NaN) where a channel that has a share in it is.
    pub fn apply(&self, rows: &[f32]) -> DMatrix<f64> {
        let n = self.n_channels();
        let mut gaps = Vec::new();
        let centred = DMatrix::from_fn(rows.len() / n, n, |t, i| {
            let value = f64::from(rows[t * n + i]);
            if value.is_nan() {
                gaps.push((t, i));
                return 0.0;
            }
            value - self.mean[i]
        });
        let mut components = centred * &self.axes * self.scale;
        for (t, i) in gaps {
            for (component, share) in self.axes.row(i).iter().enumerate() {
                if *share != 0.0 {
                    components[(t, component)] = f64::NAN;
                }
            }
        }
        components
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
    /// Zero in the rows and columns of channels that are not used.
    matrix: DMatrix<f64>,
    used: Vec<bool>,
}

/// How much more of a channel than of the most complete one may be missing, as a share of the recording.
const MISSING_TOLERANCE: f64 = 0.05;

impl Covariance {
    fn of(rows: &[f32], n: usize) -> Self {
        let n_times = rows.len() / n;
        let mut seen = vec![0.0; n];
        let mut mean = vec![0.0; n];
        for row in rows.chunks_exact(n) {
            for ((seen, sum), &value) in seen.iter_mut().zip(&mut mean).zip(row) {
                if !value.is_nan() {
                    *seen += 1.0;
                    *sum += f64::from(value);
                }
            }
        }
        let longest = seen.iter().copied().fold(0.0, f64::max);
        let used: Vec<bool> = seen.iter().map(|&seen| seen >= longest - MISSING_TOLERANCE * n_times as f64).collect();
        for (mean, &seen) in mean.iter_mut().zip(&seen) {
            *mean /= f64::max(seen, 1.0);
        }
        let centred = DMatrix::from_fn(n_times, n, |t, i| {
            let value = f64::from(rows[t * n + i]);
            if value.is_nan() || !used[i] { 0.0 } else { value - mean[i] }
        });
        let mut matrix = centred.tr_mul(&centred);
        if seen.iter().all(|&seen| seen == n_times as f64) {
            matrix /= n_times as f64;
        } else {
            // Each pair of channels over the samples that have both.
            let there = DMatrix::from_fn(n_times, n, |t, i| f64::from(u8::from(!rows[t * n + i].is_nan())));
            matrix.component_div_assign(&there.tr_mul(&there).map(|both| both.max(1.0)));
        }
        Self { mean, matrix, used }
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

    #[test]
    fn a_gap_reaches_the_components_that_the_channel_has_a_share_in() {
        let mut rows: Vec<f32> = (0..300).flat_map(|t| [(t as f32).sin(), (1.7 * t as f32).cos(), 0.3]).collect();
        rows[3 * 7] = f32::NAN;
        let identity = Projection::identity(3).apply(&rows);
        assert!(identity[(7, 0)].is_nan() && identity[(7, 1)] == f64::from(rows[3 * 7 + 1]));
        let principal = Projection::principal(&rows, 3, 2);
        let missing: Vec<bool> = principal.apply(&rows).row_iter().map(|row| row.iter().any(|y| y.is_nan())).collect();
        assert_eq!(missing.iter().filter(|&&missing| missing).count(), 1);
        // A channel that is gone for half of the time is left out, and so are its gaps.
        rows.iter_mut().skip(1).step_by(6).for_each(|x| *x = f32::NAN);
        let without = Projection::principal(&rows, 3, 2);
        assert_eq!(without.axes.row(1).amax(), 0.0);
        assert!((without.axes[(0, 0)] - 1.0).abs() < 1e-9);
    }
}
