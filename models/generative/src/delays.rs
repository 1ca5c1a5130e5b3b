//! The linear encoder: delay coordinates.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor, Var};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::convolution::unfold;
use crate::encoder::Posterior;
use crate::missing::whole_rows;
use crate::times_matrix::data_times_matrix;

/// `z̄_t = Q [x_{t−k+1}; …; x_t] + q`: what the last `k` samples say of the state, linearly.
///
/// One sample of a system tells its position, a few together also where it is going (Takens 1981): with `k > 1` the
/// state may have more dimensions than the recording has channels. `Q` starts at the principal directions of the
/// windows, each scaled to unit variance (Broomhead & King 1986, Physica D 20, 217–236), and is learned.
#[derive(Clone, Debug)]
pub struct Delays {
    lags: usize,
    /// `Qᵀ: [k · D, M]`, oldest sample first.
    axes: Var,
    /// `q: [M]`.
    offset: Var,
}

/// Of the leading direction's variance: weaker directions are not scaled up further, they are mostly noise.
const VARIANCE_FLOOR: f64 = 1e-3;

impl Delays {
    /// From `training: [T, D]`, NaN where a sample is missing; its `runs` are rows that follow each other in time, and no
    /// window spans two. `M ≤ k · D` states.
    pub fn init(training: &DMatrix<f64>, runs: &[Range<usize>], lags: usize, latent: usize) -> Result<Self> {
        let d = training.ncols();
        let width = lags * d;
        let there = whole_rows(training);
        let windows_of = |run: &Range<usize>| run.start..(run.end + 1).saturating_sub(lags).max(run.start);
        let starts: Vec<usize> = runs.iter().flat_map(windows_of).filter(|&t| all(&there[t..t + lags])).collect();
        let windows = DMatrix::from_fn(starts.len(), width, |i, column| training[(starts[i] + column / d, column % d)]);
        let mean = match starts.len() {
            0 => DVector::zeros(width),
            _ => windows.row_mean().transpose(),
        };
        let centred = DMatrix::from_fn(windows.nrows(), width, |i, column| windows[(i, column)] - mean[column]);
        let eigen = SymmetricEigen::new(centred.tr_mul(&centred) / starts.len().max(1) as f64);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let largest = eigen.eigenvalues.max();
        let floor = if largest > 0.0 { VARIANCE_FLOOR * largest } else { 1.0 };
        let mut axes = DMatrix::zeros(width, latent);
        for (to, &from) in order.iter().take(latent).enumerate() {
            let axis = eigen.eigenvectors.column(from);
            // Eigenvectors have no sign of their own.
            let sign = axis[axis.iamax()].signum();
            axes.set_column(to, &(axis * (sign / eigen.eigenvalues[from].max(floor).sqrt())));
        }
        let offset = -axes.tr_mul(&mean);
        let single = |values: DMatrix<f64>| values.transpose().iter().map(|&v| v as f32).collect::<Vec<f32>>();
        Ok(Self {
            lags,
            axes: Var::from_vec(single(axes), (width, latent), &Device::Cpu)?,
            offset: Var::from_vec(offset.iter().map(|&v| v as f32).collect(), latent, &Device::Cpu)?,
        })
    }

    /// Samples before the one that is encoded.
    pub fn context(&self) -> usize {
        self.lags - 1
    }

    /// `y: [batch, context + T, D]` → `[batch, T, M]`. With `gaps`, samples may be NaN: a window that lacks one says
    /// nothing of its state.
    pub fn encode(&self, y: &Tensor, gaps: bool) -> Result<Posterior> {
        let (batch, length, d) = y.dims3()?;
        let mut values = y.flatten_all()?.to_vec1::<f32>()?;
        let n = length - self.context();
        let seen = gaps.then(|| {
            let there: Vec<bool> = values.chunks_exact(d).map(|row| row.iter().all(|x| !x.is_nan())).collect();
            there.chunks_exact(length).flat_map(|rows| rows.windows(self.lags).map(all)).collect()
        });
        if gaps {
            values.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
        }
        let windows = unfold(&values, [batch, length, d], self.lags);
        let windows = Tensor::from_vec(windows, (batch, n, self.lags * d), y.device())?.to_dtype(DType::F32)?;
        let mean = data_times_matrix(&windows, &self.axes)?.broadcast_add(&self.offset)?;
        Ok(Posterior { mean, log_std: None, seen })
    }

    pub fn named(&self) -> Vec<(&'static str, &Var)> {
        vec![("axes", &self.axes), ("offset", &self.offset)]
    }
}

fn all(there: &[bool]) -> bool {
    there.iter().all(|&there| there)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a recording of one run")]
mod tests {
    use super::*;

    /// Two channels that oscillate out of step, far from zero.
    fn wave(n_times: usize) -> DMatrix<f64> {
        DMatrix::from_fn(n_times, 2, |t, i| 3.0 + (0.3 * t as f64 + 0.7 * i as f64).sin())
    }

    fn encode(delays: &Delays, rows: &DMatrix<f64>, gaps: bool) -> (DMatrix<f32>, Option<Vec<bool>>) {
        let values: Vec<f32> = rows.transpose().iter().map(|&x| x as f32).collect();
        let y = Tensor::from_vec(values, (1, rows.nrows(), rows.ncols()), &Device::Cpu).unwrap();
        let posterior = delays.encode(&y, gaps).unwrap();
        let states = posterior.mean.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
        (DMatrix::from_row_slice(states.len(), states[0].len(), &states.concat()), posterior.seen)
    }

    #[test]
    fn states_start_uncorrelated_with_unit_variance() {
        let (states, seen) = encode(&Delays::init(&wave(2000), &[0..2000], 3, 2).unwrap(), &wave(2000), false);
        assert_eq!((states.shape(), seen), ((1998, 2), None));
        let n = states.nrows() as f32;
        let covariance = states.tr_mul(&states) / n;
        assert!((covariance - DMatrix::identity(2, 2)).norm() < 1e-3);
        assert!(states.row_mean().norm() < 1e-3);
    }

    /// A state depends on its own sample and the ones before it, and on no later one.
    #[test]
    fn a_state_has_seen_its_own_delays_alone() {
        let delays = Delays::init(&wave(200), &[0..200], 3, 4).unwrap();
        let before = encode(&delays, &wave(20), false).0;
        let mut changed = wave(20);
        changed[(10, 1)] += 1.0;
        let after = encode(&delays, &changed, false).0;
        // The first state belongs to sample 2.
        let differs: Vec<usize> = (0..18).filter(|&t| before.row(t) != after.row(t)).map(|t| t + 2).collect();
        assert_eq!(differs, [10, 11, 12]);
    }

    #[test]
    fn a_window_that_lacks_a_sample_is_not_seen() {
        let mut rows = wave(200);
        rows[(7, 0)] = f64::NAN;
        let delays = Delays::init(&rows, &[0..200], 3, 4).unwrap();
        let (states, seen) = encode(&delays, &rows.rows(0, 20).into_owned(), true);
        let unseen: Vec<usize> =
            seen.unwrap().iter().enumerate().filter(|(_, seen)| !**seen).map(|(t, _)| t + 2).collect();
        assert_eq!(unseen, [7, 8, 9]);
        assert!(states.iter().all(|z| z.is_finite()));
    }

    /// Two trials at different levels: a window over both would see a jump that no trial has.
    #[test]
    fn no_window_spans_two_trials() {
        let level = |t: usize| if t < 100 { 0.0 } else { 50.0 };
        let jump = DMatrix::from_fn(200, 1, |t, _| level(t) + (0.3 * t as f64).sin());
        let starts = |runs: &[Range<usize>]| Delays::init(&jump, runs, 2, 2).unwrap();
        let weakest = |delays: Delays| {
            let (states, _) = encode(&delays, &jump.rows(0, 100).into_owned(), false);
            states.column(1).variance()
        };
        // The second direction is the change from sample to sample: in trials it has the variance of a sine's.
        assert!(weakest(starts(&[0..100, 100..200])) > 1.5 * weakest(starts(&[0..200])));
    }

    #[test]
    fn no_training_data_still_gives_a_shape() {
        let delays = Delays::init(&DMatrix::zeros(2, 3), &[0..2], 4, 5).unwrap();
        assert_eq!(delays.axes.dims(), [12, 5]);
        assert!(delays.axes.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|x| x.is_finite()));
    }
}
