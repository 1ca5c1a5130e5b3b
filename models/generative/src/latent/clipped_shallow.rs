//! clippedShPLRNN: `N(z) = W₁ [relu(W₂ z + h₂) − relu(W₂ z)]`.

use candle_core::{Result, Tensor};
use nalgebra::DMatrix;
use nullcline_dynamics::{MapError, PiecewiseLinearMap};
use rand::Rng;

use super::LatentShape;
use super::engine::{
    Epilogue, LANES, Lanes, Nonlinearity, Panel, Real, Steps, Store, add, add_transposed, load, store,
};
use super::family::Family;
use super::linear_start::{Imitation, directions};
use super::shallow::{HiddenUnits, Shallow, matrices, shallow_start, split};

/// `W₁: [M, H]`, `W₂: [H, M]`, `h₂: [H]`; bounded when max|A| < 1. Source: Hess et al. (2023), ICML.
pub(super) struct ClippedShallow;

const W2: usize = 0;
const W1: usize = 1;
const W1_TRANSPOSED: usize = 2;
const W2_TRANSPOSED: usize = 3;
/// `h₂` as a matrix of one column: it is added in registers.
const H2: usize = 4;

impl Family for ClippedShallow {
    const NAME: &'static str = "clippedShPLRNN";
    const BIAS: &'static str = "h1";

    fn tensors(shape: LatentShape) -> Vec<(&'static str, Vec<usize>)> {
        Shallow::tensors(shape)
    }

    fn init(rng: &mut impl Rng, shape: LatentShape) -> Result<Vec<Tensor>> {
        shallow_start(rng, shape)
    }

    /// Each direction is a pair of units: with `u = along · z`, one climbs from 0 to 1 below zero, the other, mirrored,
    /// falls from 1 to 0 above; their difference is `u` between −1 and 1, and stays there outside.
    fn imitate(
        shape: LatentShape,
        start: &[Tensor],
        excess: &DMatrix<f64>,
        states: &DMatrix<f64>,
    ) -> Result<Option<Imitation>> {
        let mut hidden = HiddenUnits::without_effect(shape, start)?;
        for (k, direction) in directions(excess, states, shape.hidden_dim / 2).into_iter().enumerate() {
            let mirrored = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<f64>>();
            hidden.set(2 * k, &direction.along, 1.0, &direction.gain);
            hidden.set(2 * k + 1, &mirrored(&direction.along), 1.0, &mirrored(&direction.gain));
        }
        Ok(Some(Imitation { tensors: hidden.tensors()?, offset: vec![0.0; shape.latent_dim] }))
    }

    fn freeze(
        shape: LatentShape,
        a: &[f64],
        bias: &[f64],
        weights: &[f64],
    ) -> std::result::Result<PiecewiseLinearMap, MapError> {
        let (w1, w2, h2) = matrices(shape, weights);
        PiecewiseLinearMap::clipped_shallow(a, &w1, &w2, bias, h2)
    }

    #[cfg(test)]
    fn by_candle(tensors: &[Tensor], _shape: LatentShape, z: &Tensor) -> Result<Tensor> {
        let [w1, w2, h2] = tensors else { unreachable!("three tensors") };
        let drive = z.matmul(&w2.t()?)?;
        (drive.broadcast_add(h2)?.relu()? - drive.relu()?)?.matmul(&w1.t()?)
    }
}

// SAFETY: every row that is touched is one of those that the trait grants.
unsafe impl Nonlinearity for ClippedShallow {
    /// H rows of `φ`, then the two gates `W₂ z̃ + h₂` and `W₂ z̃`.
    fn saved_rows(shape: LatentShape) -> usize {
        3 * shape.hidden_dim
    }

    /// `∂L/∂(W₂ z̃)`, then `∂L/∂h₂`.
    fn gradient_rows(shape: LatentShape) -> usize {
        2 * shape.hidden_dim
    }

    /// `W₁ᵀ`, `W₂`, `h₂`.
    fn accumulator_len(LatentShape { latent_dim: m, hidden_dim: h, .. }: LatentShape) -> usize {
        2 * m * h + h
    }

    fn pack<R: Real>(weights: &[R], shape: LatentShape, tallest: usize, panels: &mut Vec<Panel<R>>) {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
        let [w1, w2, h2] = split(shape, weights);
        panels.resize_with(5, Panel::default);
        panels[W2].pack([h, m], tallest, |j, i| w2[j * m + i]);
        panels[W1].pack([m, h], tallest, |i, j| w1[i * h + j]);
        panels[W1_TRANSPOSED].pack([h, m], tallest, |j, i| w1[i * h + j]);
        panels[W2_TRANSPOSED].pack([m, h], tallest, |i, j| w2[j * m + i]);
        panels[H2].pack([h, 1], tallest, |j, _| h2[j]);
    }

    #[inline(always)]
    unsafe fn forward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        forced: *const L::Real,
        saved: *mut L::Real,
        next: *mut L::Real,
    ) {
        let h = shape.hidden_dim;
        let h2 = panels[H2].column();
        unsafe {
            L::product::<V, _>(&panels[W2], forced, Clip { h2: h2.as_ptr(), saved, h });
            L::product::<V, _>(&panels[W1], saved, Store(next));
        }
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
        let h = shape.hidden_dim;
        unsafe {
            let gates = ClipGates { saved, both: gradient, shifted: gradient.add(h * V * LANES), h };
            L::product::<V, _>(&panels[W1_TRANSPOSED], delta, gates);
            L::product::<V, _>(&panels[W2_TRANSPOSED], gradient, Store(grad_forced));
        }
    }

    #[inline(always)]
    unsafe fn weight_gradients<L: Lanes>(shape: LatentShape, steps: Steps<L::Real>, accumulator: &mut [L::Real]) {
        let LatentShape { latent_dim: m, hidden_dim: h, .. } = shape;
        let (to_w1, rest) = accumulator.split_at_mut(m * h);
        let (to_w2, to_h2) = rest.split_at_mut(h * m);
        unsafe {
            L::accumulate(to_w1, steps.saved.part(0, h), steps.delta);
            L::accumulate(to_w2, steps.gradient.part(0, h), steps.forced.part(0, m));
            // Against the row of ones.
            L::accumulate(to_h2, steps.gradient.part(h, h), steps.forced.part(m, 1));
        }
    }

    fn unpack<R: Real>(accumulator: &[R], shape: LatentShape, weights: &mut [R]) {
        let n_w1 = shape.latent_dim * shape.hidden_dim;
        add_transposed(&accumulator[..n_w1], &mut weights[..n_w1], shape.latent_dim);
        add(&mut weights[n_w1..], &accumulator[n_w1..]);
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
            let h = shape.hidden_dim;
            let gates = ClipGates { saved, both: scratch, shifted: scratch.add(h * V * LANES), h };
            L::product::<V, _>(&panels[W2], v, gates);
            L::product::<V, _>(&panels[W1], scratch, Store(image));
        }
    }
}

/// `φ_j = relu(u + h₂) − relu(u)` and its two gates.
#[derive(Clone, Copy)]
struct Clip<R> {
    h2: *const R,
    saved: *mut R,
    h: usize,
}

impl<L: Lanes> Epilogue<L> for Clip<L::Real> {
    #[inline(always)]
    unsafe fn finish<const V: usize>(self, j: usize, drive: [L; V]) {
        let Self { h2, saved, h } = self;
        unsafe {
            let bias = L::splat(*h2.add(j));
            let shifted = drive.map(|u| u.plus(bias));
            store(std::array::from_fn::<L, V, _>(|v| shifted[v].relu().minus(drive[v].relu())), saved, j);
            store(shifted, saved, h + j);
            store(drive, saved, 2 * h + j);
        }
    }
}

/// The sum through both relus of unit `j`, and through the shifted one alone.
#[derive(Clone, Copy)]
struct ClipGates<R> {
    saved: *const R,
    both: *mut R,
    shifted: *mut R,
    h: usize,
}

impl<L: Lanes> Epilogue<L> for ClipGates<L::Real> {
    #[inline(always)]
    unsafe fn finish<const V: usize>(self, j: usize, sum: [L; V]) {
        unsafe {
            let shifted = load::<L, V>(self.saved, self.h + j);
            let drive = load::<L, V>(self.saved, 2 * self.h + j);
            let through: [L; V] = std::array::from_fn(|v| sum[v].where_positive(shifted[v]));
            let both: [L; V] = std::array::from_fn(|v| through[v].minus(sum[v].where_positive(drive[v])));
            store(both, self.both, j);
            store(through, self.shifted, j);
        }
    }
}
