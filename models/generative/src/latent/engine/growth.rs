//! How fast nearby trajectories part, for forcing that adapts to it.

use std::marker::PhantomData;

use super::buffers::{Layout, TileBuffers};
use super::lanes::{LANES, Lanes, Real};
use super::{Kernel, Nonlinearity, Panel, Task};

/// How fast nearby trajectories part, on the way that [`Forward`](super::tile::Forward) left in the buffers.
pub(super) struct Growth<'a, N, R> {
    task: &'a Task,
    n_sequences: usize,
    vectors: usize,
    panels: &'a [Panel<R>],
    affine: &'a [R],
    tile: &'a mut TileBuffers<R>,
    family: PhantomData<N>,
}

impl<'a, N, R> Growth<'a, N, R> {
    pub fn new(
        task: &'a Task,
        n_sequences: usize,
        vectors: usize,
        panels: &'a [Panel<R>],
        affine: &'a [R],
        tile: &'a mut TileBuffers<R>,
    ) -> Self {
        Self { task, n_sequences, vectors, panels, affine, tile, family: PhantomData }
    }
}

impl<N: Nonlinearity, R: Real> Kernel<R> for Growth<'_, N, R> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<Real = R>>(self) -> f64 {
        match self.vectors {
            2 if L::SUMS > 2 => self.run_tile::<L, 2>(),
            _ => self.run_tile::<L, 1>(),
        }
    }
}

impl<N: Nonlinearity, R: Real> Growth<'_, N, R> {
    #[inline(always)]
    fn run_tile<L: Lanes<Real = R>, const V: usize>(self) -> f64 {
        let Self { task, n_sequences, panels, affine, tile, .. } = self;
        let m = task.shape.latent_dim;
        let Layout { width, saved_step, .. } = tile.layout;
        let saved_rows = N::saved_rows(task.shape);
        assert!(width == V * LANES && tile.saved.len() == task.n_steps * saved_step);
        // Column `q` of the product is block `q`: M rows, and a row of zeros.
        let block = (m + 1) * width;
        let mut product = vec![R::default(); m * block];
        for q in 0..m {
            product[q * block + q * width..][..width].fill(R::ONE);
        }
        let (mut image, mut scratch) = (vec![R::default(); block], vec![R::default(); saved_rows.max(1) * width]);
        let mut logs = vec![0.0; n_sequences];
        for t in 0..task.n_steps {
            // SAFETY: `saved` holds T steps, and the other buffers the rows that `tangent` asks for.
            unsafe {
                let saved = tile.saved.as_ptr().add(t * saved_step);
                for column in product.chunks_exact_mut(block) {
                    let v = column.as_mut_ptr();
                    N::tangent::<L, V>(panels, task.shape, saved, v, scratch.as_mut_ptr(), image.as_mut_ptr());
                    for (i, &a) in affine[..m].iter().enumerate() {
                        let a = L::splat(a);
                        for at in (i * width..(i + 1) * width).step_by(LANES) {
                            L::load(v.add(at)).mul_add(a, L::load(image.as_ptr().add(at))).store(v.add(at));
                        }
                    }
                }
            }
            // Often enough that f32 neither overflows nor loses the product.
            if t % 8 == 7 || t + 1 == task.n_steps {
                for (lane, log) in logs.iter_mut().enumerate() {
                    let entries = || (0..m * (m + 1)).map(|row| row * width + lane);
                    let norm = entries().map(|at| product[at].to_f64().powi(2)).sum::<f64>().sqrt();
                    *log += norm.ln();
                    if norm > 0.0 {
                        let shrink = R::of(norm.recip());
                        entries().for_each(|at| product[at] = product[at] * shrink);
                    }
                }
            }
        }
        // The identity itself has norm √M.
        let start = (m as f64).sqrt().ln();
        logs.into_iter().map(|log| ((log - start) / task.n_steps as f64).exp()).fold(0.0, f64::max)
    }
}
