//! The recursion through time, forward and backward, in buffers that outlive it.
//!
//! The batch is cut into *tiles* of one or two vectors of sequences. A tile runs through all of time on its
//! own: forward it keeps the forced states and what the family saved of each step, backward it makes the
//! gradients of a few steps and then sums them into the weights. Tiles meet only when their weight gradients
//! are added, vector by vector in order, so that the result does not depend on how tiles were cut or on who ran
//! them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffers;
mod growth;
mod interleaving;
mod lanes;
mod level;
mod outer_products;
mod products;
mod tile;

use rayon::prelude::*;

use super::LatentShape;
pub use buffers::{Buffers, Workspace};
use growth::Growth;
pub(super) use lanes::LANES;
pub use lanes::{Lanes, Real};
pub(super) use level::{Kernel, Pooled};
pub(super) use outer_products::{History, Packed};
pub(super) use products::{Epilogue, Panel, Store, StoreGated, StoreRelu, load, store};
use tile::{Backward, Forward, Place};

/// What a latent family is to the engine: the nonlinear part `N` of `F(z, s) = A z + N(z) + h + C s`.
///
/// Rows are `V` vectors wide, and lie one after the other. `forced` holds `z̃` in its first M rows and ones in the
/// row after, so that a bias is a column of a weight matrix.
///
/// # Safety
///
/// The pointers lead to as many rows as the methods here say, and the methods touch no others.
pub(super) unsafe trait Nonlinearity: Sync + 'static {
    /// Rows that `forward` keeps of every step.
    fn saved_rows(shape: LatentShape) -> usize;
    /// Rows that `backward` hands to `weight_gradients`.
    fn gradient_rows(shape: LatentShape) -> usize;
    /// Numbers in the accumulator of `weight_gradients`.
    fn accumulator_len(shape: LatentShape) -> usize;
    /// The weights, in the order of the family's tensors, as panels in blocks of at most `tallest` rows.
    fn pack<R: Real>(weights: &[R], shape: LatentShape, tallest: usize, panels: &mut Vec<Panel<R>>);
    /// `saved`, and `N(z̃)` in `next`.
    unsafe fn forward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        forced: *const L::Real,
        saved: *mut L::Real,
        next: *mut L::Real,
    );
    /// `(∂N/∂z̃)ᵀ δ` in `grad_forced`, and `gradient_rows` of whatever the weight gradients need.
    unsafe fn backward<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        saved: *const L::Real,
        delta: *const L::Real,
        gradient: *mut L::Real,
        grad_forced: *mut L::Real,
    );
    /// Adds the weight gradients of some steps of one vector of lanes to `accumulator`.
    unsafe fn weight_gradients<L: Lanes>(shape: LatentShape, steps: Steps<L::Real>, accumulator: &mut [L::Real]);
    /// The accumulator in the order of the family's tensors, added to `weights`.
    fn unpack<R: Real>(accumulator: &[R], shape: LatentShape, weights: &mut [R]);
    /// `(∂N/∂z̃) v` in `image`; `v` has M rows and a row of zeros after.
    unsafe fn tangent<L: Lanes, const V: usize>(
        panels: &[Panel<L::Real>],
        shape: LatentShape,
        saved: *const L::Real,
        v: *const L::Real,
        scratch: *mut L::Real,
        image: *mut L::Real,
    );
}

/// What the weight gradients of a stretch of time are made of.
#[derive(Clone, Copy)]
pub(super) struct Steps<R> {
    /// M + 1 rows, the last of ones.
    pub forced: Packed<R>,
    pub delta: Packed<R>,
    pub saved: History<R>,
    pub gradient: History<R>,
}

/// Latent dimensions from which wide blocks are quicker.
const LEAST_WIDE: usize = 12;

/// One rollout: its sizes, and how strongly each sequence is forced at each step.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub shape: LatentShape,
    pub batch: usize,
    pub n_steps: usize,
    /// `α: [batch, T]`, or one value for all.
    pub alpha: Vec<f32>,
}

/// Gradients in the layout of what they belong to.
pub(super) struct Gradient<R> {
    pub parameters: Vec<R>,
    pub forcing: Vec<R>,
    pub inputs: Vec<R>,
}

impl Task {
    fn alpha_at(&self, sequence: usize, step: usize) -> f32 {
        match self.alpha.len() {
            1 => self.alpha[0],
            _ => self.alpha[sequence * self.n_steps + step],
        }
    }

    /// Vectors in a tile: with two, a weight once loaded serves both; with one, there is a tile for every thread, and wide blocks can be used.
    fn vectors<R: Pooled>(&self, threads: usize) -> usize {
        if self.has_wide_blocks::<R>() {
            return 1;
        }
        let vectors = self.batch.div_ceil(LANES);
        if vectors.is_multiple_of(2) && vectors / 2 >= threads && R::sums() > 2 { 2 } else { 1 }
    }

    /// Whether the products of this shape go in registers twice as wide as a vector: products of a few rows gain nothing.
    fn has_wide_blocks<R: Pooled>(&self) -> bool {
        R::has_wide_blocks() && self.shape.latent_dim >= LEAST_WIDE
    }

    /// Rows in a block of a panel, at most.
    fn tallest<R: Pooled>(&self, vectors: usize) -> usize {
        if self.has_wide_blocks::<R>() { products::WIDEST } else { R::sums() / vectors }
    }

    /// `A`, `h`, the family's weights and `C` in the packed row.
    fn split<'a, R>(&self, packed: &'a [R]) -> [&'a [R]; 4] {
        let LatentShape { latent_dim: m, input_dim: k, .. } = self.shape;
        let (a, rest) = packed.split_at(m);
        let (bias, rest) = rest.split_at(m);
        let (weights, c) = rest.split_at(rest.len() - m * k);
        [a, bias, weights, c]
    }

    /// States `[batch, T, M]`, and the buffers that the way back needs.
    pub fn forward<N: Nonlinearity, R: Pooled>(
        &self,
        workspace: &Workspace,
        packed: &[R],
        forcing: &[R],
        inputs: &[R],
    ) -> (Vec<R>, Buffers<R>) {
        let mut buffers = R::pool(workspace).take();
        let vectors = self.vectors::<R>(workspace.threads());
        let [a, bias, weights, c] = self.split(packed);
        N::pack(weights, self.shape, self.tallest::<R>(vectors), &mut buffers.panels);
        buffers.affine = [a, bias, c].concat();
        let per_sequence = self.n_steps * self.shape.latent_dim;
        let mut states = vec![R::default(); self.batch * per_sequence];
        let tile_batch = vectors * LANES;
        buffers.prepare::<N>(self, vectors);
        let Buffers { tiles, panels, affine, .. } = &mut buffers;
        let run = |(index, (tile, states)): (usize, (&mut _, &mut [R]))| {
            let place = Place { task: self, first: index * tile_batch, vectors, panels, affine };
            R::dispatch(Forward::<N, R>::new(place, forcing, inputs, tile, states));
        };
        let work = tiles.iter_mut().zip(states.chunks_mut(tile_batch * per_sequence));
        match workspace.threads() > 1 {
            true => work.enumerate().collect::<Vec<_>>().into_par_iter().for_each(run),
            false => work.enumerate().for_each(run),
        }
        (states, buffers)
    }

    /// Backpropagation through time: `δ_t = ∂L/∂z_t + (1 − α_t) Jᵀ δ_{t+1}`.
    pub fn backward<N: Nonlinearity, R: Pooled>(
        &self,
        workspace: &Workspace,
        buffers: &mut Buffers<R>,
        n_parameters: usize,
        grad_states: &[R],
    ) -> Gradient<R> {
        let LatentShape { latent_dim: m, input_dim: k, .. } = self.shape;
        let vectors = self.vectors::<R>(workspace.threads());
        let (per_sequence, tile_batch) = (self.n_steps * m, vectors * LANES);
        let mut forcing = vec![R::default(); self.batch * per_sequence];
        // Chunks of length zero are refused: without inputs every tile gets an empty slice.
        let mut inputs = vec![R::default(); self.batch * self.n_steps * k];
        let mut inputs_of_tiles: Vec<&mut [R]> = match k {
            0 => buffers.tiles.iter().map(|_| <&mut [R]>::default()).collect(),
            _ => inputs.chunks_mut(tile_batch * self.n_steps * k).collect(),
        };
        let Buffers { tiles, panels, affine, .. } = buffers;
        let run = |(index, ((tile, forcing), inputs)): (usize, ((&mut _, &mut [R]), &mut &mut [R]))| {
            let place = Place { task: self, first: index * tile_batch, vectors, panels, affine };
            R::dispatch(Backward::<N, R>::new(place, grad_states, tile, forcing, inputs));
        };
        let work = tiles.iter_mut().zip(forcing.chunks_mut(tile_batch * per_sequence)).zip(inputs_of_tiles.iter_mut());
        match workspace.threads() > 1 {
            true => work.enumerate().collect::<Vec<_>>().into_par_iter().for_each(run),
            false => work.enumerate().for_each(run),
        }
        let mut parameters = vec![R::default(); n_parameters];
        let (affine, rest) = parameters.split_at_mut(2 * m);
        let (weights, c) = rest.split_at_mut(n_parameters - 2 * m - m * k);
        for tile in tiles.iter() {
            for vector in 0..vectors {
                let [own_affine, own_c, own_weights] = tile.gradients(self.shape, vector);
                add(affine, own_affine);
                add(c, own_c);
                N::unpack(own_weights, self.shape, weights);
            }
        }
        Gradient { parameters, forcing, inputs }
    }

    /// `max_b ‖J_T ⋯ J_1‖^{1/T}` over the sequences of the batch, along the forced states of `forward`.
    pub fn growth<N: Nonlinearity, R: Pooled>(&self, workspace: &Workspace, buffers: &mut Buffers<R>) -> f64 {
        let vectors = self.vectors::<R>(workspace.threads());
        let Buffers { tiles, panels, affine, .. } = buffers;
        let largest = tiles.iter_mut().enumerate().map(|(index, tile)| {
            let n_sequences = (self.batch - index * vectors * LANES).min(vectors * LANES);
            R::dispatch(Growth::<N, R>::new(self, n_sequences, vectors, panels, affine, tile))
        });
        largest.fold(0.0, f64::max)
    }
}

/// `to += fromᵀ`, `from` with `columns` columns.
pub(super) fn add_transposed<R: Real>(from: &[R], to: &mut [R], columns: usize) {
    let rows = from.len() / columns;
    for (j, row) in from.chunks_exact(columns).enumerate() {
        for (i, &value) in row.iter().enumerate() {
            to[i * rows + j] += value;
        }
    }
}

pub(super) fn add<R: Real>(to: &mut [R], from: &[R]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
