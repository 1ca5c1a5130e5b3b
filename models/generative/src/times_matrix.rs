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
        let mut product = vec![0.0f32; rows * columns];
        let (data, w) = (contiguous(data, data_layout)?, contiguous(w, w_layout)?);
        multiply(&mut product, data, Rows, w, Rows, [rows, inner, columns], false);
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

/// The values of an f32 tensor that lies in one piece.
pub fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("need f32 storage") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("need a contiguous tensor, found strides {:?}", layout.stride()),
    }
}

/// Whether a factor is stored as it stands in the product, or transposed.
#[derive(Clone, Copy)]
pub enum Order {
    Rows,
    Columns,
}

use Order::{Columns, Rows};

/// `out: [p, r] (+)= left: [p, q] · right: [q, r]`, `out` row-major.
pub fn multiply<R: Copy + From<f32> + 'static>(
    out: &mut [R],
    left: &[R],
    left_order: Order,
    right: &[R],
    right_order: Order,
    [p, q, r]: [usize; 3],
    accumulate: bool,
) {
    assert!(out.len() == p * r && left.len() == p * q && right.len() == q * r);
    let strides = |order: Order, rows: usize, columns: usize| match order {
        Rows => (columns as isize, 1),
        Columns => (1, rows as isize),
    };
    let (left_row, left_column) = strides(left_order, p, q);
    let (right_row, right_column) = strides(right_order, q, r);
    // SAFETY: the assertion above bounds every index that these shapes and strides can reach, and
    // `out` is borrowed mutably, so it overlaps neither factor.
    unsafe {
        gemm::gemm(
            p,
            r,
            q,
            out.as_mut_ptr(),
            1,
            r as isize,
            accumulate,
            left.as_ptr(),
            left_column,
            left_row,
            right.as_ptr(),
            right_column,
            right_row,
            R::from(1.0),
            R::from(1.0),
            false,
            false,
            false,
            Parallelism::None,
        );
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
