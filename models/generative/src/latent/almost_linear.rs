//! ALRNN: `N(z) = W φ(z)`, relu on the last P units only.

use candle_core::{Result, Tensor};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;

use super::LatentShape;
use super::engine::{Lanes, Nonlinearity, Panel, Real, Steps, Store, add_transposed, load, store};
use super::family::Family;
use crate::random::uniform_tensor;

/// `W: [M, M]`; `hidden_dim` is P, the number of relu units. Source: Brenner et al. (2024), NeurIPS.
pub(super) struct AlmostLinear;

pub(super) const W: usize = 0;
pub(super) const W_TRANSPOSED: usize = 1;

impl Family for AlmostLinear {
    const NAME: &'static str = "ALRNN";
    const BIAS: &'static str = "h";

    fn tensors(LatentShape { latent_dim: m, .. }: LatentShape) -> Vec<(&'static str, Vec<usize>)> {
        vec![("W", vec![m, m])]
    }

    fn refuses(LatentShape { latent_dim: m, hidden_dim: p, .. }: LatentShape) -> Option<String> {
        (p > m).then(|| format!("need at most {m} relu units (hidden_dim) for an ALRNN of {m} units, found {p}"))
    }

    fn init(rng: &mut impl Rng, LatentShape { latent_dim: m, .. }: LatentShape) -> Result<Vec<Tensor>> {
        let bound = 0.5 * (1.0 / m as f64).sqrt();
        Ok(vec![uniform_tensor(rng, &[m, m], -bound, bound)?])
    }

    fn freeze(
        shape: LatentShape,
        a: &[f64],
        bias: &[f64],
        weights: &[f64],
    ) -> std::result::Result<PiecewiseLinearMap, MapError> {
        let m = shape.latent_dim;
        PiecewiseLinearMap::almost_linear(a, &DMatrix::from_row_slice(m, m, weights), bias, shape.hidden_dim)
    }

    #[cfg(test)]
    fn by_candle(tensors: &[Tensor], shape: LatentShape, z: &Tensor) -> Result<Tensor> {
        let linear = shape.latent_dim - shape.hidden_dim;
        let bent = z.narrow(1, linear, shape.hidden_dim)?.relu()?;
        let active = match linear {
            0 => bent,
            _ => Tensor::cat(&[z.narrow(1, 0, linear)?, bent], 1)?,
        };
        active.matmul(&tensors[0].t()?)
    }
}

// SAFETY: every row that is touched is one of those that the trait grants.
unsafe impl Nonlinearity for AlmostLinear {
    /// `φ(z̃)`.
    fn saved_rows(shape: LatentShape) -> usize {
        shape.latent_dim
    }

    fn gradient_rows(_shape: LatentShape) -> usize {
        0
    }

    /// `Wᵀ`.
    fn accumulator_len(shape: LatentShape) -> usize {
        shape.latent_dim.pow(2)
    }

    fn pack<R: Real>(weights: &[R], shape: LatentShape, tallest: usize, panels: &mut Vec<Panel<R>>) {
        let m = shape.latent_dim;
        panels.resize_with(2, Panel::default);
        panels[W].pack([m, m], tallest, |i, j| weights[i * m + j]);
        panels[W_TRANSPOSED].pack([m, m], tallest, |j, i| weights[i * m + j]);
    }

    #[inline(always)]
    unsafe fn forward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        forced: *const L::Real,
        saved: *mut L::Real,
        next: *mut L::Real,
    ) {
        unsafe {
            for i in 0..shape.latent_dim {
                let z = load::<L, V>(forced, i);
                store(if is_linear(shape, i) { z } else { z.map(|z| z.relu()) }, saved, i);
            }
            L::product::<V, _>(&panels[W], saved, Store(next));
        }
    }

    #[inline(always)]
    unsafe fn backward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        saved: *const L::Real,
        delta: *const L::Real,
        _gradient: *mut L::Real,
        grad_forced: *mut L::Real,
    ) {
        unsafe {
            L::product::<V, _>(&panels[W_TRANSPOSED], delta, Store(grad_forced));
            for j in 0..shape.latent_dim {
                store(gated::<L, V>(load(grad_forced, j), saved, shape, j), grad_forced, j);
            }
        }
    }

    #[inline(always)]
    unsafe fn weight_gradients<L: Lanes>(_shape: LatentShape, steps: Steps<L::Real>, accumulator: &mut [L::Real]) {
        unsafe { L::accumulate(accumulator, steps.saved, steps.delta) };
    }

    fn unpack<R: Real>(accumulator: &[R], shape: LatentShape, weights: &mut [R]) {
        add_transposed(accumulator, weights, shape.latent_dim);
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
        unsafe {
            for j in 0..shape.latent_dim {
                store(gated::<L, V>(load(v, j), saved, shape, j), scratch, j);
            }
            L::product::<V, _>(&panels[W], scratch, Store(image));
        }
    }
}

fn is_linear(shape: LatentShape, unit: usize) -> bool {
    unit < shape.latent_dim - shape.hidden_dim
}

/// `g` through unit `j`.
#[inline(always)]
unsafe fn gated<L: Lanes, const V: usize>(g: [L; V], saved: *const L::Real, shape: LatentShape, j: usize) -> [L; V] {
    unsafe {
        match is_linear(shape, j) {
            true => g,
            false => {
                let active = load::<L, V>(saved, j);
                std::array::from_fn(|v| g[v].where_positive(active[v]))
            }
        }
    }
}
