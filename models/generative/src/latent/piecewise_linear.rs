//! PLRNN: `N(z) = W relu(z)`, `W` without diagonal.

use candle_core::{DType, Device, Result, Tensor};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;

use super::LatentShape;
use super::almost_linear::{AlmostLinear, W, W_TRANSPOSED};
use super::engine::{Lanes, Nonlinearity, Panel, Real, Steps};
use super::family::Family;

/// `W: [M, M]` with a zero diagonal; `hidden_dim` has no meaning. Source: Koppe et al. (2019), PLoS Comput. Biol. 15.
pub(super) struct PiecewiseLinear;

impl PiecewiseLinear {
    /// The same network as an ALRNN whose units are all relus.
    fn all_relu(shape: LatentShape) -> LatentShape {
        LatentShape { hidden_dim: shape.latent_dim, ..shape }
    }
}

impl Family for PiecewiseLinear {
    const NAME: &'static str = "PLRNN";
    const BIAS: &'static str = "h";

    fn tensors(shape: LatentShape) -> Vec<(&'static str, Vec<usize>)> {
        AlmostLinear::tensors(shape)
    }

    fn n_weights(LatentShape { latent_dim: m, .. }: LatentShape) -> usize {
        m * (m - 1)
    }

    fn init(rng: &mut impl Rng, shape: LatentShape) -> Result<Vec<Tensor>> {
        let off_diagonal = (1.0 - Tensor::eye(shape.latent_dim, DType::F32, &Device::Cpu)?)?;
        AlmostLinear::init(rng, shape)?.into_iter().map(|w| w * &off_diagonal).collect()
    }

    fn freeze(
        shape: LatentShape,
        a: &[f64],
        bias: &[f64],
        weights: &[f64],
    ) -> std::result::Result<PiecewiseLinearMap, MapError> {
        let m = shape.latent_dim;
        PiecewiseLinearMap::piecewise_linear(a, &DMatrix::from_row_slice(m, m, weights), bias)
    }

    #[cfg(test)]
    fn by_candle(tensors: &[Tensor], shape: LatentShape, z: &Tensor) -> Result<Tensor> {
        let off_diagonal = (1.0 - Tensor::eye(shape.latent_dim, z.dtype(), &Device::Cpu)?)?;
        z.relu()?.matmul(&(&tensors[0] * off_diagonal)?.t()?)
    }
}

// SAFETY: all rows are those of the ALRNN.
unsafe impl Nonlinearity for PiecewiseLinear {
    fn saved_rows(shape: LatentShape) -> usize {
        AlmostLinear::saved_rows(shape)
    }

    fn gradient_rows(shape: LatentShape) -> usize {
        AlmostLinear::gradient_rows(shape)
    }

    fn accumulator_len(shape: LatentShape) -> usize {
        AlmostLinear::accumulator_len(shape)
    }

    fn pack<R: Real>(weights: &[R], shape: LatentShape, tallest: usize, panels: &mut Vec<Panel<R>>) {
        let m = shape.latent_dim;
        let off_diagonal = |i: usize, j: usize| if i == j { R::default() } else { weights[i * m + j] };
        panels.resize_with(2, Panel::default);
        panels[W].pack([m, m], tallest, off_diagonal);
        panels[W_TRANSPOSED].pack([m, m], tallest, |j, i| off_diagonal(i, j));
    }

    #[inline(always)]
    unsafe fn forward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        forced: *const L::Real,
        saved: *mut L::Real,
        next: *mut L::Real,
    ) {
        unsafe { AlmostLinear::forward::<L, V>(panels, Self::all_relu(shape), forced, saved, next) };
    }

    #[inline(always)]
    unsafe fn backward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        saved: *const L::Real,
        delta: *const L::Real,
        gradient: *mut L::Real,
        grad_forced: *mut L::Real,
    ) {
        unsafe { AlmostLinear::backward::<L, V>(panels, Self::all_relu(shape), saved, delta, gradient, grad_forced) };
    }

    #[inline(always)]
    unsafe fn weight_gradients<L: Lanes>(shape: LatentShape, steps: Steps<L::Real>, accumulator: &mut [L::Real]) {
        unsafe { AlmostLinear::weight_gradients::<L>(shape, steps, accumulator) };
    }

    fn unpack<R: Real>(accumulator: &[R], shape: LatentShape, weights: &mut [R]) {
        AlmostLinear::unpack(accumulator, shape, weights);
        for i in 0..shape.latent_dim {
            weights[i * (shape.latent_dim + 1)] = R::default();
        }
    }

    #[inline(always)]
    unsafe fn tangent<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        saved: *const L::Real,
        v: *const L::Real,
        scratch: *mut L::Real,
        image: *mut L::Real,
    ) {
        unsafe { AlmostLinear::tangent::<L, V>(panels, Self::all_relu(shape), saved, v, scratch, image) };
    }
}
