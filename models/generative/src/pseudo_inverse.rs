//! `B⁺` and what it encodes, differentiable.

use std::collections::BTreeMap;
use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use nalgebra::DMatrix;

use crate::times_matrix::contiguous;

/// The Moore–Penrose inverse of `b: [N, M]` → `[M, N]`, for `b` of full rank.
///
/// Its differential is `dP = −P dB P + P Pᵀ dBᵀ (I − B P) + (I − P B) dBᵀ Pᵀ P`
/// (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, eq. 4.12).
pub fn pseudo_inverse(b: &Tensor) -> Result<Tensor> {
    b.contiguous()?.apply_op1(PseudoInverse)
}

/// Singular values below this share of the largest entry count as zero.
const RANK_TOLERANCE: f64 = 1e-6;

struct PseudoInverse;

impl CustomOp1 for PseudoInverse {
    fn name(&self) -> &'static str {
        "pseudo-inverse"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, m) = layout.shape().dims2()?;
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("need a contiguous f32 matrix");
        };
        let b = DMatrix::from_row_iterator(n, m, values[start..end].iter().map(|&v| f64::from(v)));
        let inverse = invert(b)?;
        Ok((CpuStorage::F32(row_major(&inverse)), Shape::from((m, n))))
    }

    fn bwd(&self, b: &Tensor, inverse: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient = pull_back(&to_matrix(b)?, &to_matrix(inverse)?, &to_matrix(grad)?);
        Ok(Some(Tensor::from_vec(row_major(&gradient), b.shape(), grad.device())?))
    }
}

/// `∂L/∂B: [N, M]` from `P = B⁺` and `∂L/∂P: [M, N]`.
fn pull_back(b: &DMatrix<f64>, p: &DMatrix<f64>, grad: &DMatrix<f64>) -> DMatrix<f64> {
    let (n, m) = b.shape();
    let outside_columns = DMatrix::identity(n, n) - b * p;
    let outside_rows = DMatrix::identity(m, m) - p * b;
    -p.transpose() * grad * p.transpose()
        + outside_columns * grad.transpose() * p * p.transpose()
        + p.transpose() * p * grad.transpose() * outside_rows
}

/// `z_t = argmin ‖y_t − B z‖` over the channels that are there: `y: [batch, time, N]`, NaN where a sample is missing,
/// → `[batch, time, M]`; the smallest such `z` where less than M of them are.
///
/// Differentiable in both. Costs one decomposition for each set of channels that occurs.
pub fn least_squares(b: &Tensor, y: &Tensor) -> Result<Tensor> {
    y.contiguous()?.apply_op2(&b.contiguous()?, LeastSquares { patterns: Mutex::default() })
}

struct LeastSquares {
    patterns: Mutex<Vec<Pattern>>,
}

/// The rows of `y` in which the same channels are there.
struct Pattern {
    present: Vec<usize>,
    rows: Vec<usize>,
    /// Of the present rows of `B`.
    inverse: DMatrix<f64>,
}

impl Pattern {
    /// Present samples, a column for each row of `y`.
    fn gather(&self, values: &[f32], width: usize, columns: &[usize]) -> DMatrix<f64> {
        DMatrix::from_fn(columns.len(), self.rows.len(), |i, t| f64::from(values[self.rows[t] * width + columns[i]]))
    }

    fn scatter(&self, from: &DMatrix<f64>, to: &mut [f32], width: usize, columns: &[usize]) {
        for (t, &row) in self.rows.iter().enumerate() {
            for (i, &column) in columns.iter().enumerate() {
                to[row * width + column] = from[(i, t)] as f32;
            }
        }
    }
}

impl CustomOp2 for LeastSquares {
    fn name(&self) -> &'static str {
        "least-squares"
    }

    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        y_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((batch, time, n), (_, m)) = (y_layout.shape().dims3()?, b_layout.shape().dims2()?);
        let y = contiguous(y, y_layout)?;
        let b = DMatrix::from_row_iterator(n, m, contiguous(b, b_layout)?.iter().map(|&v| f64::from(v)));
        let mut rows_of: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (row, values) in y.chunks_exact(n).enumerate() {
            let present = (0..n).filter(|&i| !values[i].is_nan()).collect();
            rows_of.entry(present).or_default().push(row);
        }
        let mut z = vec![0.0; batch * time * m];
        let latent: Vec<usize> = (0..m).collect();
        let mut patterns = Vec::with_capacity(rows_of.len());
        for (present, rows) in rows_of.into_iter().filter(|(present, _)| !present.is_empty()) {
            let pattern = Pattern { inverse: invert(b.select_rows(&present))?, present, rows };
            let solved = &pattern.inverse * pattern.gather(y, n, &pattern.present);
            pattern.scatter(&solved, &mut z, m, &latent);
            patterns.push(pattern);
        }
        *self.patterns.lock().expect("no other thread holds the patterns") = patterns;
        Ok((CpuStorage::F32(z), Shape::from((batch, time, m))))
    }

    fn bwd(&self, y: &Tensor, b: &Tensor, _z: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (n, m) = b.dims2()?;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (y_values, grad, b_matrix) = (values(y)?, values(grad)?, to_matrix(b)?);
        let latent: Vec<usize> = (0..m).collect();
        let mut by_y = vec![0.0; y_values.len()];
        let mut by_b = DMatrix::zeros(n, m);
        for pattern in self.patterns.lock().expect("no other thread holds the patterns").iter() {
            let grad = pattern.gather(&grad, m, &latent);
            let by_inverse = &grad * pattern.gather(&y_values, n, &pattern.present).transpose();
            let own = pull_back(&b_matrix.select_rows(&pattern.present), &pattern.inverse, &by_inverse);
            for (i, &channel) in pattern.present.iter().enumerate() {
                let mut row = by_b.row_mut(channel);
                row += own.row(i);
            }
            pattern.scatter(&(pattern.inverse.transpose() * grad), &mut by_y, n, &pattern.present);
        }
        Ok((
            Some(Tensor::from_vec(by_y, y.shape(), y.device())?),
            Some(Tensor::from_vec(row_major(&by_b), b.shape(), b.device())?),
        ))
    }
}

fn invert(b: DMatrix<f64>) -> Result<DMatrix<f64>> {
    if b.iter().any(|value| !value.is_finite()) {
        // The loss turns NaN and training reports it with its epoch; an SVD would not return.
        return Ok(DMatrix::from_element(b.ncols(), b.nrows(), f64::NAN));
    }
    let largest = b.amax();
    b.pseudo_inverse(RANK_TOLERANCE * largest.max(f64::MIN_POSITIVE))
        .map_err(|message| candle_core::Error::Msg(message.to_string()))
}

fn to_matrix(tensor: &Tensor) -> Result<DMatrix<f64>> {
    let (rows, columns) = tensor.dims2()?;
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(DMatrix::from_row_iterator(rows, columns, values.into_iter().map(f64::from)))
}

fn row_major(matrix: &DMatrix<f64>) -> Vec<f32> {
    matrix.transpose().iter().map(|&value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::random::normal_tensor;

    /// `Σ w ⊙ B⁺` for a fixed random `w`, and its slope in one entry by central differences.
    fn check_gradient(n: usize, m: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64((10 * n + m) as u64);
        let b = Var::from_tensor(&normal_tensor(&mut rng, &[n, m], 1.0).unwrap()).unwrap();
        let weights = normal_tensor(&mut rng, &[m, n], 1.0).unwrap();
        let loss = (pseudo_inverse(&b).unwrap() * &weights).unwrap().sum_all().unwrap();
        let gradient = to_matrix(loss.backward().unwrap().get(&b).unwrap()).unwrap();
        let (start, w) = (to_matrix(&b).unwrap(), to_matrix(&weights).unwrap());
        let loss_of = |matrix: DMatrix<f64>| invert(matrix).unwrap().component_mul(&w).sum();
        for index in 0..n * m {
            let step = 1e-5;
            let (mut up, mut down) = (start.clone(), start.clone());
            up[index] += step;
            down[index] -= step;
            let slope = (loss_of(up) - loss_of(down)) / (2.0 * step);
            let found = gradient[index];
            assert!((found - slope).abs() < 1e-3 * (1.0 + slope.abs()), "[{n}, {m}] {index}: {found} {slope}");
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_for_tall_square_and_wide() {
        check_gradient(5, 2);
        check_gradient(3, 3);
        check_gradient(2, 4);
    }

    #[test]
    fn a_tall_matrix_times_its_inverse_from_the_left_is_the_identity() {
        let b = Tensor::new(&[[1.0f32, 2.0], [0.5, -1.0], [3.0, 0.0]], &candle_core::Device::Cpu).unwrap();
        let product = to_matrix(&pseudo_inverse(&b).unwrap().matmul(&b).unwrap()).unwrap();
        assert!((product - DMatrix::identity(2, 2)).amax() < 1e-5);
    }

    /// Where nothing is missing it is the product with the inverse, gradients included.
    #[test]
    fn least_squares_of_complete_rows_is_the_pseudo_inverse() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let b = Var::from_tensor(&normal_tensor(&mut rng, &[4, 2], 1.0).unwrap()).unwrap();
        let y = Var::from_tensor(&normal_tensor(&mut rng, &[2, 5, 4], 1.0).unwrap()).unwrap();
        let outcome = |z: Tensor| {
            let gradients = z.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [flat(&z), flat(gradients.get(&b).unwrap()), flat(gradients.get(&y).unwrap())].concat()
        };
        let inverse = pseudo_inverse(&b).unwrap().t().unwrap();
        let direct = outcome(crate::times_matrix::times_matrix(&y, &inverse).unwrap());
        for (found, expected) in outcome(least_squares(&b, &y).unwrap()).iter().zip(direct) {
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }

    /// A channel that is missing might as well not exist: neither its samples nor its row of `B` matter.
    #[test]
    fn a_missing_channel_has_no_part_in_least_squares() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let b = Var::from_tensor(&normal_tensor(&mut rng, &[4, 2], 1.0).unwrap()).unwrap();
        let y = normal_tensor(&mut rng, &[1, 6, 4], 1.0).unwrap();
        let keep = Tensor::new(&[0u32, 1, 3], &candle_core::Device::Cpu).unwrap();
        let fewer_b = Var::from_tensor(&b.index_select(&keep, 0).unwrap()).unwrap();
        let fewer = least_squares(&fewer_b, &y.index_select(&keep, 2).unwrap()).unwrap();
        let mut gappy = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        gappy.iter_mut().skip(2).step_by(4).for_each(|x| *x = f32::NAN);
        let gappy = least_squares(&b, &Tensor::from_vec(gappy, (1, 6, 4), y.device()).unwrap()).unwrap();
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(flat(&gappy), flat(&fewer));
        let gradient = |z: &Tensor, b: &Var| {
            to_matrix(z.sqr().unwrap().sum_all().unwrap().backward().unwrap().get(b).unwrap()).unwrap()
        };
        let (found, expected) = (gradient(&gappy, &b), gradient(&fewer, &fewer_b));
        assert_eq!(found.select_rows(&[0, 1, 3]), expected);
        assert_eq!(found.row(2).amax(), 0.0);
    }
}
