//! The recursion through time as one differentiable operation.
//!
//! Candle's autograd would record a dozen small tensors per time step. Here the whole forced
//! trajectory is computed in one loop, and its gradient in one loop backwards, so the graph holds
//! a single node. This is the seam: a faster engine replaces [`Engine`], nothing else.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;

use super::{LatentFamily, LatentParameters, LatentShape};

/// Generalised teacher forcing: the map sees `z̃ = (1 − α) z + α z̄`.
///
/// Source: Doya (1992), ISCAS; Hess et al. (2023), ICML.
#[derive(Clone, Copy, Debug)]
pub struct Forcing<'a> {
    /// Encoded states `z̄: [batch, T, M]`; the first is also the initial state.
    pub states: &'a Tensor,
    /// In [0, 1]: 0 runs freely from the first state, 1 restarts at every step.
    pub alpha: f64,
}

/// The states `z₁ … z_T: [batch, T, M]` before forcing, from `z₀ = z̄₀` and
/// `z_{t+1} = F((1 − α) z_t + α z̄_t, s_t)`, with `s: [batch, T, K]`.
///
/// Differentiable in the parameters, the encoded states and the inputs.
/// Costs `O(batch · T · M · H)` forward and twice that backward.
pub fn rollout(parameters: &LatentParameters, forcing: Forcing<'_>, inputs: Option<&Tensor>) -> Result<Tensor> {
    let (batch, n_steps, m) = forcing.states.dims3()?;
    let shape = parameters.shape;
    if m != shape.latent_dim {
        bail!("need encoded states of {} dimensions, found {m}", shape.latent_dim);
    }
    let inputs = match (inputs, shape.input_dim) {
        (Some(inputs), k) if k > 0 => {
            if inputs.dims3()? != (batch, n_steps, k) {
                bail!("need inputs [{batch}, {n_steps}, {k}], found {:?}", inputs.dims());
            }
            inputs.contiguous()?
        }
        (None, 0) => Tensor::zeros(1, candle_core::DType::F32, forcing.states.device())?,
        (given, k) => bail!(
            "need {k} external inputs, found {}",
            given.map_or("none".to_string(), |tensor| format!("{:?}", tensor.dims()))
        ),
    };
    let operation = Rollout {
        engine: Engine { family: parameters.family, shape, batch, n_steps, alpha: forcing.alpha as f32 },
        hidden: Mutex::new(Vec::new()),
    };
    parameters.packed()?.apply_op3(&forcing.states.contiguous()?, &inputs, operation)
}

struct Rollout {
    engine: Engine,
    /// What the forward pass computed and the backward pass needs: the pre-activations.
    hidden: Mutex<Vec<f32>>,
}

impl CustomOp3 for Rollout {
    fn name(&self) -> &'static str {
        "latent-rollout"
    }

    fn cpu_fwd(
        &self,
        parameters: &CpuStorage,
        parameters_layout: &Layout,
        forcing: &CpuStorage,
        forcing_layout: &Layout,
        inputs: &CpuStorage,
        inputs_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Engine { shape, batch, n_steps, .. } = self.engine;
        let (states, hidden) = self.engine.forward(
            contiguous(parameters, parameters_layout)?,
            contiguous(forcing, forcing_layout)?,
            contiguous(inputs, inputs_layout)?,
        );
        *self.hidden.lock().expect("no other thread holds the rollout") = hidden;
        Ok((CpuStorage::F32(states), Shape::from((batch, n_steps, shape.latent_dim))))
    }

    fn bwd(
        &self,
        parameters: &Tensor,
        forcing: &Tensor,
        inputs: &Tensor,
        states: &Tensor,
        grad_states: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let rows = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let hidden = self.hidden.lock().expect("no other thread holds the rollout");
        let gradient = self.engine.backward(
            &rows(parameters)?,
            &rows(forcing)?,
            &rows(inputs)?,
            &rows(states)?,
            &hidden,
            &rows(grad_states)?,
        );
        let like = |values: Vec<f32>, tensor: &Tensor| Tensor::from_vec(values, tensor.shape(), tensor.device());
        let grad_inputs = match self.engine.shape.input_dim {
            0 => None,
            _ => Some(like(gradient.inputs, inputs)?),
        };
        Ok((Some(like(gradient.parameters, parameters)?), Some(like(gradient.forcing, forcing)?), grad_inputs))
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else {
        bail!("need f32 storage, found {:?}", storage_name(storage));
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("need a contiguous tensor, found strides {:?}", layout.stride()),
    }
}

fn storage_name(storage: &CpuStorage) -> &'static str {
    use candle_core::backend::BackendStorage;
    storage.dtype().as_str()
}

/// The two loops. Inside, time comes first: every step works on one block `[batch, ·]`.
struct Engine {
    family: LatentFamily,
    shape: LatentShape,
    batch: usize,
    n_steps: usize,
    alpha: f32,
}

struct Gradient {
    parameters: Vec<f32>,
    forcing: Vec<f32>,
    inputs: Vec<f32>,
}

/// Views into the packed parameter row.
struct Weights<'a> {
    a: &'a [f32],
    w1: &'a [f32],
    w2: &'a [f32],
    h1: &'a [f32],
    h2: &'a [f32],
    c: &'a [f32],
}

impl<'a> Weights<'a> {
    fn split(packed: &'a [f32], shape: LatentShape) -> Self {
        let LatentShape { latent_dim: m, hidden_dim: h, input_dim: k } = shape;
        let (a, rest) = packed.split_at(m);
        let (w1, rest) = rest.split_at(m * h);
        let (w2, rest) = rest.split_at(h * m);
        let (h1, rest) = rest.split_at(m);
        let (h2, c) = rest.split_at(h);
        debug_assert_eq!(c.len(), m * k);
        Self { a, w1, w2, h1, h2, c }
    }
}

impl Engine {
    /// States `[batch, T, M]` and pre-activations `W₂ z̃: [T, batch, H]`, without `h₂`.
    fn forward(&self, packed: &[f32], forcing: &[f32], inputs: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let LatentShape { latent_dim: m, hidden_dim: h, input_dim: k } = self.shape;
        let weights = Weights::split(packed, self.shape);
        let (batch, n_steps) = (self.batch, self.n_steps);
        let mut states = vec![0.0; batch * n_steps * m];
        let mut hidden = vec![0.0; n_steps * batch * h];
        let mut forced = vec![0.0; batch * m];
        let mut active = vec![0.0; batch * h];
        let mut next = vec![0.0; batch * m];
        for t in 0..n_steps {
            self.force(t, forcing, &states, &mut forced);
            let drive = &mut hidden[t * batch * h..][..batch * h];
            // drive = z̃ W₂ᵀ
            multiply(drive, &forced, Rows, weights.w2, Columns, [batch, m, h], false);
            self.activate(drive, weights.h2, &mut active);
            // z' = A z̃ + φ W₁ᵀ + h₁ (+ C s)
            for (row, z) in next.chunks_exact_mut(m).zip(forced.chunks_exact(m)) {
                for i in 0..m {
                    row[i] = weights.a[i] * z[i] + weights.h1[i];
                }
            }
            multiply(&mut next, &active, Rows, weights.w1, Columns, [batch, h, m], true);
            for b in 0..batch {
                let row = &mut next[b * m..][..m];
                if k > 0 {
                    let s = &inputs[(b * n_steps + t) * k..][..k];
                    for (i, z) in row.iter_mut().enumerate() {
                        *z += dot(&weights.c[i * k..][..k], s);
                    }
                }
                states[(b * n_steps + t) * m..][..m].copy_from_slice(row);
            }
        }
        (states, hidden)
    }

    /// Backpropagation through time: `δ_t = ∂L/∂z_t + (1 − α) Jᵀ δ_{t+1}`.
    fn backward(
        &self,
        packed: &[f32],
        forcing: &[f32],
        inputs: &[f32],
        states: &[f32],
        hidden: &[f32],
        grad_states: &[f32],
    ) -> Gradient {
        let LatentShape { latent_dim: m, hidden_dim: h, input_dim: k } = self.shape;
        let weights = Weights::split(packed, self.shape);
        let (batch, n_steps, alpha) = (self.batch, self.n_steps, self.alpha);
        let block = batch * m;
        // Kept for every step, so that each weight gradient is one product at the end.
        let mut deltas = vec![0.0; n_steps * block];
        let mut forced = vec![0.0; n_steps * block];
        let mut active = vec![0.0; n_steps * batch * h];
        let mut grad_drive = vec![0.0; n_steps * batch * h];
        let mut grad_forcing = vec![0.0; forcing.len()];
        let mut carried = vec![0.0; block];
        let mut grad_forced = vec![0.0; block];
        let mut grad_h2 = vec![0.0f32; h];
        for t in (0..n_steps).rev() {
            let delta = &mut deltas[t * block..][..block];
            for b in 0..batch {
                let from_loss = &grad_states[(b * n_steps + t) * m..][..m];
                for i in 0..m {
                    delta[b * m + i] = from_loss[i] + carried[b * m + i];
                }
            }
            self.force(t, forcing, states, &mut forced[t * block..][..block]);
            let drive = &hidden[t * batch * h..][..batch * h];
            self.activate(drive, weights.h2, &mut active[t * batch * h..][..batch * h]);
            let grad = &mut grad_drive[t * batch * h..][..batch * h];
            multiply(grad, delta, Rows, weights.w1, Rows, [batch, m, h], false);
            self.differentiate(drive, weights.h2, grad, &mut grad_h2);
            for (row, d) in grad_forced.chunks_exact_mut(m).zip(delta.chunks_exact(m)) {
                for i in 0..m {
                    row[i] = weights.a[i] * d[i];
                }
            }
            multiply(&mut grad_forced, grad, Rows, weights.w2, Rows, [batch, h, m], true);
            // z̃_t mixes z_t and z̄_t; at t = 0 both are z̄₀.
            let share = if t == 0 { 1.0 } else { alpha };
            for b in 0..batch {
                let to_forcing = &mut grad_forcing[(b * n_steps + t) * m..][..m];
                for i in 0..m {
                    to_forcing[i] = share * grad_forced[b * m + i];
                    carried[b * m + i] = (1.0 - share) * grad_forced[b * m + i];
                }
            }
        }
        let rows = n_steps * batch;
        let mut parameters = vec![0.0; packed.len()];
        let (grad_a, rest) = parameters.split_at_mut(m);
        let (grad_w1, rest) = rest.split_at_mut(m * h);
        let (grad_w2, rest) = rest.split_at_mut(h * m);
        let (grad_h1, rest) = rest.split_at_mut(m);
        let (to_h2, grad_c) = rest.split_at_mut(h);
        for (delta, z) in deltas.chunks_exact(m).zip(forced.chunks_exact(m)) {
            for i in 0..m {
                grad_a[i] += delta[i] * z[i];
                grad_h1[i] += delta[i];
            }
        }
        multiply(grad_w1, &deltas, Columns, &active, Rows, [m, rows, h], false);
        multiply(grad_w2, &grad_drive, Columns, &forced, Rows, [h, rows, m], false);
        to_h2.copy_from_slice(&grad_h2);
        let mut grad_inputs = vec![0.0; if k > 0 { inputs.len() } else { 0 }];
        if k > 0 {
            for t in 0..n_steps {
                for b in 0..batch {
                    let delta = &deltas[t * block + b * m..][..m];
                    let at = (b * n_steps + t) * k;
                    for (i, d) in delta.iter().enumerate() {
                        for j in 0..k {
                            grad_c[i * k + j] += d * inputs[at + j];
                            grad_inputs[at + j] += d * weights.c[i * k + j];
                        }
                    }
                }
            }
        }
        Gradient { parameters, forcing: grad_forcing, inputs: grad_inputs }
    }

    /// `z̃_t = (1 − α) z_t + α z̄_t`, and `z̃₀ = z̄₀`. `states[·, t − 1]` holds `z_t`.
    fn force(&self, t: usize, forcing: &[f32], states: &[f32], forced: &mut [f32]) {
        let m = self.shape.latent_dim;
        for (b, row) in forced.chunks_exact_mut(m).enumerate() {
            let encoded = &forcing[(b * self.n_steps + t) * m..][..m];
            if t == 0 {
                row.copy_from_slice(encoded);
                continue;
            }
            let free = &states[(b * self.n_steps + t - 1) * m..][..m];
            for i in 0..m {
                row[i] = (1.0 - self.alpha) * free[i] + self.alpha * encoded[i];
            }
        }
    }

    /// `φ = relu(u + h₂)`, and for the clipped family minus `relu(u)`.
    fn activate(&self, drive: &[f32], h2: &[f32], active: &mut [f32]) {
        for (row, u) in active.chunks_exact_mut(h2.len()).zip(drive.chunks_exact(h2.len())) {
            match self.family {
                LatentFamily::Shallow => {
                    for j in 0..h2.len() {
                        row[j] = (u[j] + h2[j]).max(0.0);
                    }
                }
                LatentFamily::ClippedShallow => {
                    for j in 0..h2.len() {
                        row[j] = (u[j] + h2[j]).max(0.0) - u[j].max(0.0);
                    }
                }
            }
        }
    }

    /// Turns `∂L/∂φ` into `∂L/∂u` in place, and adds to `∂L/∂h₂`.
    fn differentiate(&self, drive: &[f32], h2: &[f32], grad: &mut [f32], grad_h2: &mut [f32]) {
        let clipped = self.family == LatentFamily::ClippedShallow;
        for (row, u) in grad.chunks_exact_mut(h2.len()).zip(drive.chunks_exact(h2.len())) {
            for j in 0..h2.len() {
                let shifted = f32::from(u[j] + h2[j] > 0.0);
                let unshifted = if clipped { f32::from(u[j] > 0.0) } else { 0.0 };
                grad_h2[j] += shifted * row[j];
                row[j] *= shifted - unshifted;
            }
        }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

use Order::{Columns, Rows};

/// Whether a factor is stored as it stands in the product, or transposed.
#[derive(Clone, Copy)]
enum Order {
    Rows,
    Columns,
}

/// `out: [p, r] (+)= left: [p, q] · right: [q, r]`, `out` row-major.
fn multiply(
    out: &mut [f32],
    left: &[f32],
    left_order: Order,
    right: &[f32],
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
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
