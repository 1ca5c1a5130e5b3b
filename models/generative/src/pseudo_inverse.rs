//! `B⁺`, differentiable.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use nalgebra::DMatrix;

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
        let (b, p, g) = (to_matrix(b)?, to_matrix(inverse)?, to_matrix(grad)?);
        let (n, m) = b.shape();
        let outside_columns = DMatrix::identity(n, n) - &b * &p;
        let outside_rows = DMatrix::identity(m, m) - &p * &b;
        let gradient = -p.transpose() * &g * p.transpose()
            + outside_columns * g.transpose() * &p * p.transpose()
            + p.transpose() * &p * g.transpose() * outside_rows;
        Ok(Some(Tensor::from_vec(row_major(&gradient), (n, m), grad.device())?))
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
}
