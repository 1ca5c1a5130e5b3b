//! Products of sequences with one matrix.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;

/// `x: [batch, time, K]` times `w: [K, J]` → `[batch, time, J]`, as one matrix product: candle's broadcasting
/// product would copy `w` for every sequence of the batch and sum as many gradients.
pub fn times_matrix(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, time, inner) = x.dims3()?;
    x.reshape((batch * time, inner))?.matmul(w)?.reshape((batch, time, w.dim(1)?))
}

/// The same for data, which needs no gradient: candle would compute one all the same, and for the wide
/// windows of an encoder that is most of a training step.
pub fn data_times_matrix(data: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, time, inner) = data.dims3()?;
    let flat = data.reshape((batch * time, inner))?.contiguous()?;
    flat.apply_op2(&w.contiguous()?, DataProduct)?.reshape((batch, time, w.dim(1)?))
}

struct DataProduct;

impl CustomOp2 for DataProduct {
    fn name(&self) -> &'static str {
        "data-product"
    }

    fn cpu_fwd(
        &self,
        data: &CpuStorage,
        data_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, inner), (_, columns)) = (data_layout.shape().dims2()?, w_layout.shape().dims2()?);
        let (CpuStorage::F32(x), CpuStorage::F32(w)) = (data, w) else { bail!("need f32 storage") };
        let (Some((x_start, x_end)), Some((w_start, w_end))) =
            (data_layout.contiguous_offsets(), w_layout.contiguous_offsets())
        else {
            bail!("need contiguous tensors");
        };
        let (x, w) = (&x[x_start..x_end], &w[w_start..w_end]);
        assert!(x.len() == rows * inner && w.len() == inner * columns);
        let mut product = vec![0.0f32; rows * columns];
        // SAFETY: the assertion bounds every index that these shapes and strides can reach, and the product
        // is memory of its own.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                inner,
                product.as_mut_ptr(),
                1,
                columns as isize,
                false,
                x.as_ptr(),
                1,
                inner as isize,
                w.as_ptr(),
                1,
                columns as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
        Ok((CpuStorage::F32(product), Shape::from((rows, columns))))
    }

    fn bwd(
        &self,
        data: &Tensor,
        _w: &Tensor,
        _product: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((None, Some(data.t()?.matmul(&grad.contiguous()?)?)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::random::normal_tensor;

    #[test]
    fn both_products_and_their_weight_gradients_agree() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let x = normal_tensor(&mut rng, &[2, 5, 7], 1.0).unwrap();
        let w = Var::from_tensor(&normal_tensor(&mut rng, &[7, 3], 1.0).unwrap()).unwrap();
        let outcome = |product: fn(&Tensor, &Tensor) -> Result<Tensor>| {
            let product = product(&x, &w).unwrap();
            let loss = product.sqr().unwrap().sum_all().unwrap();
            let gradient = loss.backward().unwrap().get(&w).unwrap().flatten_all().unwrap();
            (product.flatten_all().unwrap().to_vec1::<f32>().unwrap(), gradient.to_vec1::<f32>().unwrap())
        };
        let ((plain, plain_gradient), (data, data_gradient)) = (outcome(times_matrix), outcome(data_times_matrix));
        for (a, b) in plain.iter().chain(&plain_gradient).zip(data.iter().chain(&data_gradient)) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}
