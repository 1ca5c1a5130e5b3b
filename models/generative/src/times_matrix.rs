use candle_core::{Result, Tensor};

/// `x: [batch, time, K]` times `w: [K, J]` → `[batch, time, J]`, as one matrix product: candle's broadcasting
/// product would copy `w` for every sequence of the batch and sum as many gradients.
pub fn times_matrix(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, time, inner) = x.dims3()?;
    x.reshape((batch * time, inner))?.matmul(w)?.reshape((batch, time, w.dim(1)?))
}
