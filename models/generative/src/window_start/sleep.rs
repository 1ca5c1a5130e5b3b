//! The encoder, from what the learned model dreams.

use std::f64::consts::TAU;

use candle_core::{D, Device, Result, Tensor, Var};
use rand::{Rng, RngExt};

use crate::Surroundings;
use crate::encoder::{Encoder, Posterior};
use crate::observation::Observation;
use crate::simulation::{FrozenModel, Simulation};
use crate::training::{Optimiser, OptimiserKind};

#[derive(Clone, Copy, Debug)]
pub(super) struct SleepPlan {
    pub iterations: usize,
    pub batch_size: usize,
    /// States of each sequence.
    pub length: usize,
    pub learning_rate: [f64; 2],
    /// Steps of a simulation, after which the next begins.
    pub simulated: usize,
    /// Batches drawn from one simulation.
    pub batches: usize,
}

impl SleepPlan {
    pub const THOROUGH: Self = Self {
        iterations: 2000,
        batch_size: 32,
        length: 64,
        learning_rate: [1e-3, 3e-5],
        simulated: 50_000,
        batches: 200,
    };
}

/// Trains `encoder` to read states from counts that `model` itself has drawn, from the state `start` on.
///
/// Begins at the ridge regression of states on counts, then minimises `−⟨ln q(z_t | x_{≤t})⟩` over the model's own `(z, x)`. Data tell no states, a model's simulations do, and as many as
/// one likes; what is learned so is the posterior of the model, and as good as the model is. False where the model diverges.
///
/// Source: the sleep phase of Hinton, Dayan, Frey & Neal (1995), Science 268, 1158.
pub(super) fn sleep(
    rng: &mut impl Rng,
    model: &FrozenModel,
    encoder: &Encoder,
    observation: &Observation,
    context: usize,
    start: &[f64],
    plan: &SleepPlan,
) -> Result<bool> {
    let variables: Vec<Var> = encoder.named().into_iter().map(|(_, var)| var.clone()).collect();
    let mut optimiser = Optimiser::new(OptimiserKind::Radam, 0.0, &variables);
    let [first, last] = plan.learning_rate;
    let mut dream = None;
    let mut start = start.to_vec();
    for iteration in 0..plan.iterations {
        if iteration.is_multiple_of(plan.batches) {
            let Some(next) = Dream::of(rng, model, &start, plan.simulated) else { return Ok(false) };
            start = next.last.clone();
            if iteration == 0 {
                let long = SleepPlan { batch_size: 64, length: (plan.simulated / 100).max(plan.length), ..*plan };
                let (counts, states) = next.draw(rng, context, &long, encoder.knows_gaps())?;
                encoder.start_linear(&counts, &states)?;
            }
            dream = Some(next);
        }
        let Some(dream) = &dream else { return Ok(false) };
        let (counts, states) = dream.draw(rng, context, plan, encoder.knows_gaps())?;
        let posterior = encoder.encode(&counts, None, false, observation)?;
        let loss = surprise(&posterior, &states)?;
        let rate = first * (last / first).powf(iteration as f64 / plan.iterations as f64);
        optimiser.update(&variables, &loss.backward()?, rate, 1.0)?;
    }
    Ok(true)
}

/// `−ln q(z)`, per state.
fn surprise(posterior: &Posterior, states: &Tensor) -> Result<Tensor> {
    let off = (&posterior.mean - states)?;
    let Some(log_std) = &posterior.log_std else { return off.sqr()?.sum(D::Minus1)?.mean_all() };
    let scaled = (off * log_std.neg()?.exp()?)?;
    ((scaled.sqr()? * 0.5)? + log_std)?.sum(D::Minus1)?.mean_all()? + 0.5 * TAU.ln() * states.dim(D::Minus1)? as f64
}

/// States and the counts that they showed.
struct Dream {
    /// `[T, M]`, row-major.
    states: Vec<f32>,
    /// `[T, N]`.
    counts: Vec<f32>,
    latent_dim: usize,
    n_channels: usize,
    last: Vec<f64>,
}

impl Dream {
    fn of(rng: &mut impl Rng, model: &FrozenModel, start: &[f64], n_times: usize) -> Option<Self> {
        let Simulation { latent, observed } = model.simulate(rng, &[start], n_times, Surroundings::Silent)?;
        let counts = model.observation.draw(rng, &observed);
        let rows = |values: &nalgebra::DMatrix<f64>| values.transpose().iter().map(|&x| x as f32).collect::<Vec<f32>>();
        Some(Self {
            states: rows(&latent),
            counts: rows(&counts),
            latent_dim: latent.ncols(),
            n_channels: counts.ncols(),
            last: latent.row(latent.nrows() - 1).iter().copied().collect(),
        })
    }

    /// Counts `[batch, context + length, N]`, and the states that belong to all but the first `context`. For an encoder that
    /// knows of gaps, half of the sequences begin within the first states: what lies before is missing.
    fn draw(&self, rng: &mut impl Rng, context: usize, plan: &SleepPlan, gaps: bool) -> Result<(Tensor, Tensor)> {
        let (n, m) = (self.n_channels, self.latent_dim);
        let (length, seen) = (plan.length, context + plan.length);
        let (mut counts, mut states) = (Vec::new(), Vec::new());
        for _ in 0..plan.batch_size {
            let first = rng.random_range(0..=self.counts.len() / n - seen);
            let from = counts.len();
            counts.extend_from_slice(&self.counts[first * n..(first + seen) * n]);
            states.extend_from_slice(&self.states[(first + context) * m..(first + seen) * m]);
            if gaps && rng.random() {
                let missing = rng.random_range(0..=context);
                counts[from..from + missing * n].fill(f32::NAN);
            }
        }
        let tensor = |values, length, width| Tensor::from_vec(values, (plan.batch_size, length, width), &Device::Cpu);
        Ok((tensor(counts, seen, n)?, tensor(states, length, m)?))
    }
}
