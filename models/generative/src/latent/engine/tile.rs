//! One tile of sequences through time and back.

use std::marker::PhantomData;

use super::buffers::{Layout, TileBuffers};
use super::interleaving::{deinterleave, interleave};
use super::lanes::{LANES, Lanes, Real};
use super::outer_products::pack_steps;
use super::{History, Kernel, Nonlinearity, Panel, Steps, Task};
use crate::latent::LatentShape;

/// Where a tile lies in the batch, and what all tiles share.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, R> {
    pub task: &'a Task,
    /// The first of its sequences.
    pub first: usize,
    /// Of sequences, side by side.
    pub vectors: usize,
    pub panels: &'a [Panel<R>],
    /// `A`, `h` and `C`.
    pub affine: &'a [R],
}

impl<R: Real> Place<'_, R> {
    fn n_sequences(&self) -> usize {
        (self.task.batch - self.first).min(self.vectors * LANES)
    }

    /// The slices of this tile's sequences in `values`, `length` numbers each.
    fn sequences<'v>(&self, values: &'v [R], length: usize) -> Vec<&'v [R]> {
        values[self.first * length..].chunks_exact(length.max(1)).take(self.n_sequences()).collect()
    }
}

pub(super) struct Forward<'a, N, R> {
    place: Place<'a, R>,
    forcing: &'a [R],
    inputs: &'a [R],
    tile: &'a mut TileBuffers<R>,
    states: &'a mut [R],
    family: PhantomData<N>,
}

impl<'a, N, R> Forward<'a, N, R> {
    pub fn new(
        place: Place<'a, R>,
        forcing: &'a [R],
        inputs: &'a [R],
        tile: &'a mut TileBuffers<R>,
        states: &'a mut [R],
    ) -> Self {
        Self { place, forcing, inputs, tile, states, family: PhantomData }
    }
}

impl<N: Nonlinearity, R: Real> Kernel<R> for Forward<'_, N, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Real = R>>(self) {
        match self.place.vectors {
            2 if L::SUMS > 2 => self.run_tile::<L, 2>(),
            _ => self.run_tile::<L, 1>(),
        }
    }
}

impl<N: Nonlinearity, R: Real> Forward<'_, N, R> {
    #[inline(always)]
    fn run_tile<L: Lanes<Real = R>, const V: usize>(self) {
        let Self { place, forcing, inputs, tile, states, .. } = self;
        let task = place.task;
        let LatentShape { latent_dim: m, input_dim: k, .. } = task.shape;
        let t_max = task.n_steps;
        interleave::<L, V>(&place.sequences(forcing, t_max * m), &mut tile.forcing);
        if k > 0 {
            interleave::<L, V>(&place.sequences(inputs, t_max * k), &mut tile.inputs);
        }
        spread_alpha(&place, &mut tile.alpha);
        let (a, rest) = place.affine.split_at(m);
        let (bias, c) = rest.split_at(m);
        let Layout { width, forced_step, saved_step, .. } = tile.layout;
        assert!(width == V * LANES && tile.states.len() == t_max * m * width);
        assert!(tile.forced.len() == t_max * forced_step && tile.saved.len() == t_max * saved_step);
        // SAFETY: `prepare` sized every buffer for these steps; the assertions repeat the sizes that the
        // pointers below rely on.
        unsafe {
            for t in 0..t_max {
                let forced = tile.forced.as_mut_ptr().add(t * forced_step);
                let encoded = tile.forcing.as_ptr().add(t * m * width);
                for v in 0..V {
                    let alpha = L::load(tile.alpha.as_ptr().add(t * width + v * LANES));
                    for i in 0..m {
                        let at = i * width + v * LANES;
                        let z_bar = L::load(encoded.add(at));
                        let z = match t {
                            0 => z_bar,
                            _ => {
                                // z̃ = z + α (z̄ − z)
                                let z = L::load(tile.states.as_ptr().add((t - 1) * m * width + at));
                                z_bar.minus(z).mul_add(alpha, z)
                            }
                        };
                        z.store(forced.add(at));
                    }
                    L::splat(R::ONE).store(forced.add(m * width + v * LANES));
                }
                let next = tile.states.as_mut_ptr().add(t * m * width);
                let saved = tile.saved.as_mut_ptr().add(t * saved_step);
                N::forward::<L, V>(place.panels, task.shape, forced, saved, next);
                for i in 0..m {
                    let (a, bias) = (L::splat(a[i]), L::splat(bias[i]));
                    for v in 0..V {
                        let at = i * width + v * LANES;
                        let mut z = L::load(next.add(at)).plus(L::load(forced.add(at)).mul_add(a, bias));
                        for j in 0..k {
                            let s = L::load(tile.inputs.as_ptr().add((t * k + j) * width + v * LANES));
                            z = s.mul_add(L::splat(c[i * k + j]), z);
                        }
                        z.store(next.add(at));
                    }
                }
            }
        }
        let mut own: Vec<&mut [R]> = states.chunks_exact_mut(t_max * m).collect();
        deinterleave::<L, V>(&tile.states, &mut own);
    }
}

fn spread_alpha<R: Real>(place: &Place<'_, R>, alpha: &mut [R]) {
    let width = place.vectors * LANES;
    for (t, row) in alpha.chunks_exact_mut(width).enumerate() {
        for (i, alpha) in row.iter_mut().enumerate() {
            // Lanes without a sequence are held at zero: left free, they might overflow, and zero times infinity reaches the weights.
            *alpha = match i < place.n_sequences() {
                true => R::of(f64::from(place.task.alpha_at(place.first + i, t))),
                false => R::ONE,
            };
        }
    }
}

pub(super) struct Backward<'a, N, R> {
    place: Place<'a, R>,
    grad_states: &'a [R],
    tile: &'a mut TileBuffers<R>,
    grad_forcing: &'a mut [R],
    grad_inputs: &'a mut [R],
    family: PhantomData<N>,
}

impl<'a, N, R> Backward<'a, N, R> {
    pub fn new(
        place: Place<'a, R>,
        grad_states: &'a [R],
        tile: &'a mut TileBuffers<R>,
        grad_forcing: &'a mut [R],
        grad_inputs: &'a mut [R],
    ) -> Self {
        Self { place, grad_states, tile, grad_forcing, grad_inputs, family: PhantomData }
    }
}

impl<N: Nonlinearity, R: Real> Kernel<R> for Backward<'_, N, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Real = R>>(self) {
        match self.place.vectors {
            2 if L::SUMS > 2 => self.run_tile::<L, 2>(),
            _ => self.run_tile::<L, 1>(),
        }
    }
}

impl<N: Nonlinearity, R: Real> Backward<'_, N, R> {
    #[inline(always)]
    fn run_tile<L: Lanes<Real = R>, const V: usize>(self) {
        let Self { place, grad_states, tile, grad_forcing, grad_inputs, .. } = self;
        let task = place.task;
        let LatentShape { latent_dim: m, input_dim: k, .. } = task.shape;
        let t_max = task.n_steps;
        interleave::<L, V>(&place.sequences(grad_states, t_max * m), &mut tile.states);
        let a = &place.affine[..m];
        let c = &place.affine[2 * m..];
        let Layout { width, delta_step, gradient_step, saved_step, forced_step, chunk, .. } = tile.layout;
        assert!(
            width == V * LANES && tile.states.len() == t_max * m * width && tile.scratch.len() >= 2 * (m + 1) * width
        );
        tile.affine_sums.fill(R::default());
        tile.gradients.fill(R::default());
        // `carried` is the gradient that reaches z_t from later steps.
        tile.scratch.fill(R::default());
        let carried = tile.scratch.as_mut_ptr();
        // SAFETY: `scratch` has 2 (M + 1) rows; the other sizes are those of `prepare`.
        let grad_forced = unsafe { carried.add((m + 1) * width) };
        for first in (0..t_max).step_by(chunk).rev() {
            let last = (first + chunk).min(t_max);
            // SAFETY: `prepare` sized every buffer for T steps, and `deltas` and `gradient` for a chunk of them.
            unsafe {
                for t in (first..last).rev() {
                    let delta = tile.deltas.as_mut_ptr().add((t - first) * delta_step);
                    let gradient = tile.gradient.as_mut_ptr().add((t - first) * gradient_step);
                    let from_loss = tile.states.as_ptr().add(t * m * width);
                    for at in (0..m * width).step_by(LANES) {
                        L::load(from_loss.add(at)).plus(L::load(carried.add(at))).store(delta.add(at));
                    }
                    let saved = tile.saved.as_ptr().add(t * saved_step);
                    N::backward::<L, V>(place.panels, task.shape, saved, delta, gradient, grad_forced);
                    let forced = tile.forced.as_ptr().add(t * forced_step);
                    let sums = tile.affine_sums.as_mut_ptr();
                    let to_forcing = tile.forcing.as_mut_ptr().add(t * m * width);
                    for v in 0..V {
                        let alpha = L::load(tile.alpha.as_ptr().add(t * width + v * LANES));
                        for (i, &a) in a.iter().enumerate() {
                            let at = i * width + v * LANES;
                            let delta = L::load(delta.add(at));
                            let to_a = sums.add(at);
                            delta.mul_add(L::load(forced.add(at)), L::load(to_a)).store(to_a);
                            let to_bias = sums.add(m * width + at);
                            L::load(to_bias).plus(delta).store(to_bias);
                            let whole = delta.mul_add(L::splat(a), L::load(grad_forced.add(at)));
                            // z̃_t = (1 − α) z_t + α z̄_t, and z̃₀ = z̄₀.
                            let share = match t {
                                0 => whole,
                                _ => whole.mul_add(alpha, L::zero()),
                            };
                            share.store(to_forcing.add(at));
                            whole.minus(share).store(carried.add(at));
                        }
                        for j in 0..k {
                            let mut sum = L::zero();
                            for i in 0..m {
                                let delta = L::load(delta.add(i * width + v * LANES));
                                sum = delta.mul_add(L::splat(c[i * k + j]), sum);
                            }
                            sum.store(tile.grad_inputs.as_mut_ptr().add((t * k + j) * width + v * LANES));
                        }
                    }
                }
                Self::sum_chunk::<L, V>(task.shape, tile, first, last - first);
            }
        }
        sum_lanes::<L, V>(m, tile);
        let mut own: Vec<&mut [R]> = grad_forcing.chunks_exact_mut(t_max * m).collect();
        deinterleave::<L, V>(&tile.forcing, &mut own);
        if k > 0 {
            let mut own: Vec<&mut [R]> = grad_inputs.chunks_exact_mut(t_max * k).collect();
            deinterleave::<L, V>(&tile.grad_inputs, &mut own);
        }
    }

    /// Sums the gradients of the steps from `first` on into the weights.
    ///
    /// # Safety
    ///
    /// The buffers hold these steps.
    #[inline(always)]
    unsafe fn sum_chunk<L: Lanes<Real = R>, const V: usize>(
        shape: LatentShape,
        tile: &mut TileBuffers<R>,
        first: usize,
        n_steps: usize,
    ) {
        let LatentShape { latent_dim: m, input_dim: k, .. } = shape;
        let layout = tile.layout;
        let Layout { width, per_vector, .. } = layout;
        for v in 0..V {
            let history = |rows: &[R], n_rows: usize, step: usize, first: usize| History {
                first: rows[first * step + v * LANES..].as_ptr(),
                rows: n_rows,
                step,
                width,
            };
            let forced = history(&tile.forced, m + 1, layout.forced_step, first);
            let delta = history(&tile.deltas, m, layout.delta_step, 0);
            let (to_forced, rest) = tile.packed.split_at_mut((m + 1) * n_steps * LANES);
            let (to_delta, to_inputs) = rest.split_at_mut(m * n_steps * LANES);
            let own = &mut tile.gradients[v * per_vector..][..per_vector];
            let (to_c, weights) = own[2 * m..].split_at_mut(m * k);
            // SAFETY: the histories lie within their buffers.
            unsafe {
                if k > 0 {
                    let inputs = history(&tile.inputs, k, k * width, first);
                    L::accumulate(to_c, delta, pack_steps::<L>(inputs, n_steps, to_inputs));
                }
                let steps = Steps {
                    forced: pack_steps::<L>(forced, n_steps, to_forced),
                    delta: pack_steps::<L>(delta, n_steps, to_delta),
                    saved: history(&tile.saved, N::saved_rows(shape), layout.saved_step, first),
                    gradient: history(&tile.gradient, N::gradient_rows(shape), layout.gradient_step, 0),
                };
                N::weight_gradients::<L>(shape, steps, weights);
            }
        }
    }
}

/// The sums for `A` and `h` over the lanes of each vector.
#[inline(always)]
fn sum_lanes<L: Lanes, const V: usize>(m: usize, tile: &mut TileBuffers<L::Real>) {
    let Layout { width, per_vector, .. } = tile.layout;
    for v in 0..V {
        let own = &mut tile.gradients[v * per_vector..][..2 * m];
        for (row, gradient) in own.iter_mut().enumerate() {
            let lanes = &tile.affine_sums[row * width + v * LANES..][..LANES];
            // SAFETY: the slice holds one vector.
            *gradient = unsafe { L::load(lanes.as_ptr()).sum() };
        }
    }
}
