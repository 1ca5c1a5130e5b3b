//! shPLRNN: `N(z) = W₁ relu(W₂ z + h₂)`.

use candle_core::{Result, Tensor};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;

use super::LatentShape;
use super::engine::{Lanes, Nonlinearity, Panel, Real, Steps, Store, StoreGated, StoreRelu, add, add_transposed};
use super::family::Family;
use super::linear_start::{Imitation, directions};
use crate::random::uniform_tensor;

/// `W₁: [M, H]`, `W₂: [H, M]`, `h₂: [H]`. Source: Hess et al. (2023), ICML.
pub(super) struct Shallow;

/// `h₂` is the last column of `W₂`, under the row of ones.
const W2_H2: usize = 0;
const W1: usize = 1;
const W1_TRANSPOSED: usize = 2;
const W2_TRANSPOSED: usize = 3;

impl Family for Shallow {
    const NAME: &'static str = "shPLRNN";
    const BIAS: &'static str = "h1";

    fn tensors(LatentShape { latent_dim: m, hidden_dim: h, .. }: LatentShape) -> Vec<(&'static str, Vec<usize>)> {
        vec![("W1", vec![m, h]), ("W2", vec![h, m]), ("h2", vec![h])]
    }

    fn init(rng: &mut impl Rng, shape: LatentShape) -> Result<Vec<Tensor>> {
        shallow_start(rng, shape)
    }

    /// Each direction is a unit that is on wherever the states are.
    fn imitate(
        shape: LatentShape,
        start: &[Tensor],
        excess: &DMatrix<f64>,
        states: &DMatrix<f64>,
    ) -> Result<Option<Imitation>> {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
        let mut hidden = HiddenUnits::without_effect(shape, start)?;
        let mut offset = vec![0.0; m];
        for (j, direction) in directions(excess, states, h).into_iter().enumerate() {
            hidden.set(j, &direction.along, 1.0, &direction.gain);
            offset.iter_mut().zip(&direction.gain).for_each(|(offset, gain)| *offset -= gain);
        }
        Ok(Some(Imitation { tensors: hidden.tensors()?, offset }))
    }

    fn freeze(
        shape: LatentShape,
        a: &[f64],
        bias: &[f64],
        weights: &[f64],
    ) -> std::result::Result<PiecewiseLinearMap, MapError> {
        let (w1, w2, h2) = matrices(shape, weights);
        PiecewiseLinearMap::shallow(a, &w1, &w2, bias, h2)
    }

    #[cfg(test)]
    fn by_candle(tensors: &[Tensor], _shape: LatentShape, z: &Tensor) -> Result<Tensor> {
        let [w1, w2, h2] = tensors else { unreachable!("three tensors") };
        z.matmul(&w2.t()?)?.broadcast_add(h2)?.relu()?.matmul(&w1.t()?)
    }
}

/// Small random weights, and the kinks of the hidden units spread over the unit ball, where the standardised
/// latent states lie.
pub(super) fn shallow_start(rng: &mut impl Rng, shape: LatentShape) -> Result<Vec<Tensor>> {
    let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
    let (w1, w2) = ((1.0 / h as f64).sqrt(), (1.0 / m as f64).sqrt());
    Ok(vec![
        uniform_tensor(rng, &[m, h], -w1, w1)?,
        uniform_tensor(rng, &[h, m], -w2, w2)?,
        uniform_tensor(rng, &[h], -1.0, 1.0)?,
    ])
}

/// `W₁`, `W₂` and `h₂`, to be set unit by unit.
pub(super) struct HiddenUnits {
    shape: LatentShape,
    w1: Vec<f32>,
    w2: Vec<f32>,
    h2: Vec<f32>,
}

impl HiddenUnits {
    /// Units with the kinks of `start` that reach no state.
    pub fn without_effect(shape: LatentShape, start: &[Tensor]) -> Result<Self> {
        let [_, w2, h2] = start else { unreachable!("three tensors") };
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let w1 = vec![0.0; shape.latent_dim * shape.hidden_dim];
        Ok(Self { shape, w1, w2: values(w2)?, h2: values(h2)? })
    }

    /// Unit `j` sees `along · z + bias` and acts with `gain`.
    pub fn set(&mut self, j: usize, along: &[f64], bias: f64, gain: &[f64]) {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = self.shape;
        self.w2[j * m..(j + 1) * m].iter_mut().zip(along).for_each(|(to, &from)| *to = from as f32);
        self.h2[j] = bias as f32;
        gain.iter().enumerate().for_each(|(i, &from)| self.w1[i * h + j] = from as f32);
    }

    pub fn tensors(self) -> Result<Vec<Tensor>> {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = self.shape;
        let cpu = &candle_core::Device::Cpu;
        Ok(vec![
            Tensor::from_vec(self.w1, (m, h), cpu)?,
            Tensor::from_vec(self.w2, (h, m), cpu)?,
            Tensor::from_vec(self.h2, h, cpu)?,
        ])
    }
}

pub(super) fn matrices(shape: LatentShape, weights: &[f64]) -> (DMatrix<f64>, DMatrix<f64>, &[f64]) {
    let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
    let [w1, w2, h2] = split(shape, weights);
    (DMatrix::from_row_slice(m, h, w1), DMatrix::from_row_slice(h, m, w2), h2)
}

/// `W₁`, `W₂` and `h₂` in a row of numbers.
pub(super) fn split<R>(LatentShape { latent_dim: m, hidden_dim: h, .. }: LatentShape, weights: &[R]) -> [&[R]; 3] {
    let (w1, rest) = weights.split_at(m * h);
    let (w2, h2) = rest.split_at(m * h);
    [w1, w2, h2]
}

// SAFETY: every row that is touched is one of those that the trait grants.
unsafe impl Nonlinearity for Shallow {
    /// `φ = relu(W₂ z̃ + h₂)`, which is positive exactly where its derivative is one.
    fn saved_rows(shape: LatentShape) -> usize {
        shape.hidden_dim
    }

    /// `∂L/∂(W₂ z̃ + h₂)`.
    fn gradient_rows(shape: LatentShape) -> usize {
        shape.hidden_dim
    }

    /// `W₁ᵀ`, then `[W₂ h₂]`.
    fn accumulator_len(LatentShape { latent_dim: m, hidden_dim: h, .. }: LatentShape) -> usize {
        m * h + h * (m + 1)
    }

    fn pack<R: Real>(weights: &[R], shape: LatentShape, tallest: usize, panels: &mut Vec<Panel<R>>) {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
        let [w1, w2, h2] = split(shape, weights);
        panels.resize_with(4, Panel::default);
        panels[W2_H2].pack([h, m + 1], tallest, |j, i| if i < m { w2[j * m + i] } else { h2[j] });
        panels[W1].pack([m, h], tallest, |i, j| w1[i * h + j]);
        panels[W1_TRANSPOSED].pack([h, m], tallest, |j, i| w1[i * h + j]);
        panels[W2_TRANSPOSED].pack([m, h], tallest, |i, j| w2[j * m + i]);
    }

    #[inline(always)]
    unsafe fn forward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        _shape: LatentShape,
        forced: *const L::Real,
        saved: *mut L::Real,
        next: *mut L::Real,
    ) {
        unsafe {
            L::product::<V, _>(&panels[W2_H2], forced, StoreRelu(saved));
            L::product::<V, _>(&panels[W1], saved, Store(next));
        }
    }

    #[inline(always)]
    unsafe fn backward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        _shape: LatentShape,
        saved: *const L::Real,
        delta: *const L::Real,
        gradient: *mut L::Real,
        grad_forced: *mut L::Real,
    ) {
        unsafe {
            L::product::<V, _>(&panels[W1_TRANSPOSED], delta, StoreGated { gate: saved, to: gradient });
            L::product::<V, _>(&panels[W2_TRANSPOSED], gradient, Store(grad_forced));
        }
    }

    #[inline(always)]
    unsafe fn weight_gradients<L: Lanes>(shape: LatentShape, steps: Steps<L::Real>, accumulator: &mut [L::Real]) {
        let (to_w1, to_w2) = accumulator.split_at_mut(shape.latent_dim * shape.hidden_dim);
        unsafe {
            L::accumulate(to_w1, steps.saved, steps.delta);
            L::accumulate(to_w2, steps.gradient, steps.forced);
        }
    }

    fn unpack<R: Real>(accumulator: &[R], shape: LatentShape, weights: &mut [R]) {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
        let (from_w1, from_w2) = accumulator.split_at(m * h);
        let (to_w1, rest) = weights.split_at_mut(m * h);
        let (to_w2, to_h2) = rest.split_at_mut(h * m);
        add_transposed(from_w1, to_w1, m);
        for (j, from) in from_w2.chunks_exact(m + 1).enumerate() {
            add(&mut to_w2[j * m..][..m], from);
            to_h2[j] += from[m];
        }
    }

    #[inline(always)]
    unsafe fn tangent<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        _shape: LatentShape,
        saved: *const L::Real,
        v: *const L::Real,
        scratch: *mut L::Real,
        image: *mut L::Real,
    ) {
        unsafe {
            L::product::<V, _>(&panels[W2_H2], v, StoreGated { gate: saved, to: scratch });
            L::product::<V, _>(&panels[W1], scratch, Store(image));
        }
    }
}
