//! The recursion through time as one differentiable operation of candle.
//!
//! Candle's autograd would record a dozen small tensors per time step. Here the whole forced trajectory is
//! computed by the [`engine`](super::engine), and its gradient too, so the graph holds a single node.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, WithDType, bail};

use super::engine::{Buffers, Gradient, Pooled, Task, Workspace};
use super::family::with_family;
use super::{LatentFamily, LatentParameters};

/// Teacher forcing: the map sees `z̃ = (1 − α) z + α z̄`.
///
/// Source: Doya (1992), ISCAS; Hess et al. (2023), ICML (generalised); Mikhaeil et al. (2022), NeurIPS (sparse).
#[derive(Clone, Copy, Debug)]
pub struct Forcing<'a> {
    /// Encoded states `z̄: [batch, T, M]`; the first is also the initial state.
    pub states: &'a Tensor,
    pub strength: Strength<'a>,
}

/// `α` in [0, 1]: 0 runs freely, 1 restarts from the encoded state.
#[derive(Clone, Copy, Debug)]
pub enum Strength<'a> {
    /// The same at every step.
    Constant(f64),
    /// 1 every so many steps, counted from the first; 0 in between.
    Every(usize),
    /// `[batch · T]`, sequence by sequence.
    PerStep(&'a [f32]),
}

impl Strength<'_> {
    /// At place `at` of `[batch · T]`.
    pub(crate) fn at(self, at: usize, n_steps: usize) -> f32 {
        match self {
            Strength::Constant(alpha) => alpha as f32,
            Strength::Every(interval) => f32::from(u8::from((at % n_steps).is_multiple_of(interval.max(1)))),
            Strength::PerStep(alpha) => alpha[at],
        }
    }

    fn table(self, batch: usize, n_steps: usize) -> Result<Vec<f32>> {
        Ok(match self {
            Strength::Constant(alpha) => vec![alpha as f32],
            Strength::Every(0) => bail!("need at least one step between forced states, found 0"),
            Strength::Every(interval) => {
                (0..batch * n_steps).map(|at| f32::from(u8::from((at % n_steps).is_multiple_of(interval)))).collect()
            }
            Strength::PerStep(alpha) if alpha.len() == batch * n_steps => alpha.to_vec(),
            Strength::PerStep(alpha) => bail!("need {} forcing strengths, found {}", batch * n_steps, alpha.len()),
        })
    }
}

/// The states `z₁ … z_T: [batch, T, M]` before forcing, from `z₀ = z̄₀` and
/// `z_{t+1} = F((1 − α_t) z_t + α_t z̄_t, s_t)`, with `s: [batch, T, K]`.
///
/// Differentiable in the parameters, the encoded states (the first is the initial state) and the inputs, in f32
/// and f64. Costs `O(batch · T · M · H)` forward and twice that backward, in buffers of `workspace`.
pub fn rollout(
    workspace: &Workspace,
    parameters: &LatentParameters,
    forcing: Forcing<'_>,
    inputs: Option<&Tensor>,
) -> Result<Tensor> {
    let (task, inputs) = task(parameters, forcing, inputs)?;
    let operation = Rollout {
        family: parameters.family,
        task,
        workspace: workspace.clone(),
        single: Mutex::new(None),
        double: Mutex::new(None),
    };
    parameters.packed()?.apply_op3(&forcing.states.contiguous()?, &inputs, operation)
}

/// `κ = max_b ‖J_T ⋯ J_1‖^{1/T}`: how fast nearby trajectories part along the forced trajectory, per step, in the
/// sequence of the batch where they do so most. The norm is Frobenius's, over √M.
///
/// Source: Hess et al. (2023), ICML, section 4.
pub fn growth(
    workspace: &Workspace,
    parameters: &LatentParameters,
    forcing: Forcing<'_>,
    inputs: Option<&Tensor>,
) -> Result<f64> {
    let (task, inputs) = task(parameters, forcing, inputs)?;
    let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let (packed, states, inputs) = (values(&parameters.packed()?)?, values(forcing.states)?, values(&inputs)?);
    Ok(with_family!(parameters.family, F => {
        let (_, mut buffers) = task.forward::<F, f32>(workspace, &packed, &states, &inputs);
        let growth = task.growth::<F, f32>(workspace, &mut buffers);
        buffers.give_back();
        growth
    }))
}

fn task(parameters: &LatentParameters, forcing: Forcing<'_>, inputs: Option<&Tensor>) -> Result<(Task, Tensor)> {
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
        (None, 0) => Tensor::zeros(1, forcing.states.dtype(), forcing.states.device())?,
        (given, k) => bail!(
            "need {k} external inputs, found {}",
            given.map_or("none".to_string(), |tensor| format!("{:?}", tensor.dims()))
        ),
    };
    Ok((Task { shape, batch, n_steps, alpha: forcing.strength.table(batch, n_steps)? }, inputs))
}

struct Rollout {
    family: LatentFamily,
    task: Task,
    workspace: Workspace,
    /// What the way forward leaves for the way back, in the number type of the tensors.
    single: Mutex<Option<Buffers<f32>>>,
    double: Mutex<Option<Buffers<f64>>>,
}

impl Drop for Rollout {
    fn drop(&mut self) {
        fn give_back<R: super::engine::Real>(kept: &mut Mutex<Option<Buffers<R>>>) {
            if let Some(buffers) = kept.get_mut().ok().and_then(Option::take) {
                buffers.give_back();
            }
        }
        give_back(&mut self.single);
        give_back(&mut self.double);
    }
}

impl Rollout {
    fn forward<R: Pooled>(&self, kept: &Mutex<Option<Buffers<R>>>, [packed, forcing, inputs]: [&[R]; 3]) -> Vec<R> {
        let (states, buffers) =
            with_family!(self.family, F => self.task.forward::<F, R>(&self.workspace, packed, forcing, inputs));
        *kept.lock().expect("no other thread holds the rollout") = Some(buffers);
        states
    }

    fn backward<R: Pooled + WithDType>(
        &self,
        kept: &Mutex<Option<Buffers<R>>>,
        [parameters, forcing, inputs]: [&Tensor; 3],
        grad_states: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut kept = kept.lock().expect("no other thread holds the rollout");
        let Some(buffers) = kept.as_mut() else { bail!("need a rollout that ran forward before its gradient") };
        let grad_states = grad_states.flatten_all()?.to_vec1::<R>()?;
        let n_parameters = parameters.elem_count();
        let gradient = with_family!(self.family, F => {
            self.task.backward::<F, R>(&self.workspace, buffers, n_parameters, &grad_states)
        });
        let Gradient { parameters: to_parameters, forcing: to_forcing, inputs: to_inputs } = gradient;
        let like = |values: Vec<R>, tensor: &Tensor| Tensor::from_vec(values, tensor.shape(), tensor.device());
        let grad_inputs = match self.task.shape.input_dim {
            0 => None,
            _ => Some(like(to_inputs, inputs)?),
        };
        Ok((Some(like(to_parameters, parameters)?), Some(like(to_forcing, forcing)?), grad_inputs))
    }
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
        let layouts = [parameters_layout, forcing_layout, inputs_layout];
        let shape = Shape::from((self.task.batch, self.task.n_steps, self.task.shape.latent_dim));
        let storage = match (parameters, forcing, inputs) {
            (CpuStorage::F32(p), CpuStorage::F32(f), CpuStorage::F32(s)) => {
                CpuStorage::F32(self.forward(&self.single, contiguous([p, f, s], layouts)?))
            }
            (CpuStorage::F64(p), CpuStorage::F64(f), CpuStorage::F64(s)) => {
                CpuStorage::F64(self.forward(&self.double, contiguous([p, f, s], layouts)?))
            }
            _ => bail!("need parameters, states and inputs all in f32 or all in f64"),
        };
        Ok((storage, shape))
    }

    fn bwd(
        &self,
        parameters: &Tensor,
        forcing: &Tensor,
        inputs: &Tensor,
        _states: &Tensor,
        grad_states: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let arguments = [parameters, forcing, inputs];
        match parameters.dtype() {
            DType::F64 => self.backward(&self.double, arguments, grad_states),
            _ => self.backward(&self.single, arguments, grad_states),
        }
    }
}

fn contiguous<'a, R>(values: [&'a Vec<R>; 3], layouts: [&Layout; 3]) -> Result<[&'a [R]; 3]> {
    let mut slices = [&[] as &[R]; 3];
    for ((slice, values), layout) in slices.iter_mut().zip(values).zip(layouts) {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("need a contiguous tensor, found strides {:?}", layout.stride());
        };
        *slice = &values[start..end];
    }
    Ok(slices)
}
