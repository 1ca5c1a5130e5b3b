//! Memory of the engine, allocated at the first rollout and kept as long as the workspace.

use std::sync::{Arc, Mutex};

use super::lanes::{LANES, Real};
use super::{Nonlinearity, Panel, Task};
use crate::latent::LatentShape;

/// Where rollouts leave their buffers for the next one, and how many threads one may use.
///
/// Clones share the same memory. The number of threads changes no result.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub(super) single: Pool<f32>,
    pub(super) double: Pool<f64>,
    threads: usize,
}

impl Workspace {
    /// For models that are trained side by side, one thread each.
    pub fn new() -> Self {
        Self::with_threads(1)
    }

    /// For one large model: its batch is divided among `threads` of rayon's current pool.
    pub fn with_threads(threads: usize) -> Self {
        Self { single: Pool::default(), double: Pool::default(), threads: threads.max(1) }
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Pool<R>(Arc<Mutex<Vec<Buffers<R>>>>);

impl<R: Real> Pool<R> {
    pub fn take(&self) -> Buffers<R> {
        let mut buffers = self.0.lock().expect("no thread panics here").pop().unwrap_or_default();
        buffers.home = Some(self.clone());
        buffers
    }
}

/// Everything that one rollout keeps between its way forward and its way back.
#[derive(Debug, Default)]
pub struct Buffers<R> {
    pub(super) panels: Vec<Panel<R>>,
    /// `A`, `h` and `C`, one after the other.
    pub(super) affine: Vec<R>,
    pub(super) tiles: Vec<TileBuffers<R>>,
    home: Option<Pool<R>>,
}

impl<R: Real> Buffers<R> {
    pub(super) fn prepare<N: Nonlinearity>(&mut self, task: &Task, vectors: usize) {
        self.tiles.resize_with(task.batch.div_ceil(vectors * LANES), TileBuffers::default);
        for tile in &mut self.tiles {
            tile.prepare::<N>(task, vectors);
        }
    }

    /// Hands the memory to the next rollout.
    pub fn give_back(mut self) {
        if let Some(home) = self.home.take() {
            home.0.lock().expect("no thread panics here").push(self);
        }
    }
}

/// Steps whose gradients are kept until they are summed into the weights: long enough that the sums over lanes
/// at their end cost little, short enough that the packed rows of a common model stay in the first cache.
const CHUNK: usize = 40;

/// The memory of one tile. All of it is in rows of `V` vectors.
#[derive(Debug, Default)]
pub(super) struct TileBuffers<R> {
    pub layout: Layout,
    /// `z̄: [T, M]`; on the way back its gradient.
    pub forcing: Vec<R>,
    /// `α: [T]`.
    pub alpha: Vec<R>,
    /// `s: [T, K]`; on the way back its gradient is `grad_inputs`.
    pub inputs: Vec<R>,
    pub grad_inputs: Vec<R>,
    /// `z: [T, M]`; on the way back the gradient of the loss in it.
    pub states: Vec<R>,
    /// `z̃` and ones: `[T, M + 1]`, with padding.
    pub forced: Vec<R>,
    /// What the family saved: `[T, S]`, with padding.
    pub saved: Vec<R>,
    /// Of one chunk: `δ: [CHUNK, M]`, and the family's `[CHUNK, G]`, with padding.
    pub deltas: Vec<R>,
    pub gradient: Vec<R>,
    /// One vector of a chunk, packed: `z̃` and ones, `δ`, and `s`.
    pub packed: Vec<R>,
    /// A few rows for the step at hand.
    pub scratch: Vec<R>,
    /// Sums over time of `δ z̃` and `δ`, `[2 M]` rows.
    pub affine_sums: Vec<R>,
    /// Per vector: gradient of `A` and `h`, of `C`, then the family's accumulator.
    pub gradients: Vec<R>,
}

/// Sizes of a tile, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// One row.
    pub width: usize,
    pub forced_step: usize,
    pub saved_step: usize,
    pub delta_step: usize,
    pub gradient_step: usize,
    pub chunk: usize,
    /// Numbers in `gradients` for one vector.
    pub per_vector: usize,
}

impl<R: Real> TileBuffers<R> {
    fn prepare<N: Nonlinearity>(&mut self, task: &Task, vectors: usize) {
        let LatentShape { latent_dim: m, input_dim: k, .. } = task.shape;
        let t = task.n_steps;
        let width = vectors * LANES;
        let step = |rows: usize| spread(rows * width);
        let layout = Layout {
            width,
            forced_step: step(m + 1),
            saved_step: step(N::saved_rows(task.shape)),
            delta_step: step(m),
            gradient_step: step(N::gradient_rows(task.shape)),
            chunk: t.div_ceil(t.div_ceil(CHUNK).max(1)),
            per_vector: 2 * m + m * k + N::accumulator_len(task.shape),
        };
        self.layout = layout;
        let fit = |buffer: &mut Vec<R>, len: usize| buffer.resize(len, R::default());
        fit(&mut self.forcing, t * m * width);
        fit(&mut self.alpha, t * width);
        fit(&mut self.inputs, t * k * width);
        fit(&mut self.grad_inputs, t * k * width);
        fit(&mut self.states, t * m * width);
        fit(&mut self.forced, t * layout.forced_step);
        fit(&mut self.saved, t * layout.saved_step);
        fit(&mut self.deltas, layout.chunk * layout.delta_step);
        fit(&mut self.gradient, layout.chunk * layout.gradient_step);
        fit(&mut self.packed, (2 * m + 1 + k) * layout.chunk * LANES);
        fit(&mut self.scratch, 2 * (m + 1) * width);
        fit(&mut self.affine_sums, 2 * m * width);
        fit(&mut self.gradients, vectors * layout.per_vector);
    }

    /// Gradients of `A` and `h`, of `C`, and the family's accumulator, of one vector of sequences.
    pub fn gradients(&self, shape: LatentShape, vector: usize) -> [&[R]; 3] {
        let LatentShape { latent_dim: m, input_dim: k, .. } = shape;
        let own = &self.gradients[vector * self.layout.per_vector..][..self.layout.per_vector];
        let (affine, rest) = own.split_at(2 * m);
        let (c, weights) = rest.split_at(m * k);
        [affine, c, weights]
    }
}

/// A step's length, rounded up to an odd number of cache lines: rows a power of two apart would all fall into the
/// same few sets of the cache.
fn spread(len: usize) -> usize {
    const LINE: usize = 16;
    let lines = len.div_ceil(LINE);
    (lines + usize::from(lines.is_multiple_of(2))) * LINE
}
