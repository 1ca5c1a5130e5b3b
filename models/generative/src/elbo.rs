//! What training minimises: the negative evidence lower bound of a batch of sequences.

#[cfg(test)]
mod tests;

use std::f64::consts::TAU;

use candle_core::{D, Device, Result, Tensor};
use rand::Rng;

use crate::encoder::Posterior;
use crate::latent::{Forcing, Strength, Workspace, growth, rollout};
use crate::vae::SequenceVae;

/// Sequences of one batch. They begin `context` samples before their first state and have a sample for each of `T`
/// steps after it.
pub struct Batch {
    /// `[batch, context + 1 + T, D]`; NaN where a sample is missing, which needs `lengths`.
    pub observed: Tensor,
    /// `[batch, T, K]`: the step from each state to the next.
    pub inputs: Option<Tensor>,
    /// `[batch, context + 1 + T, R]`.
    pub nuisance: Option<Tensor>,
    /// Steps of each sequence that its trial has; what follows them is missing. Absent when nothing is missing at all.
    pub lengths: Option<Vec<usize>>,
}

/// Terms of the training loss, in nats per time step, each a scalar tensor.
///
/// Reconstruction, consistency and entropy are the negative ELBO; prediction is the likelihood of the states
/// that the RNN itself reaches, added as in Brenner et al. (2024), ICML, so that it learns to run alone. With
/// the pseudo-inverse there is no `q`, and prediction is all. Missing samples have no part in any term; sums are
/// divided by the steps of the trials, whether a sample is missing there or not.
pub struct ElboTerms {
    /// `−log p(x | z)` of the unforced states: what the RNN must predict.
    pub prediction: Tensor,
    /// `−E_q log p(x | z̄)`; absent for a deterministic encoder.
    pub reconstruction: Option<Tensor>,
    /// `−E_q log N(z̄_{t+1}; z_{t+1}, Σ)`.
    pub consistency: Option<Tensor>,
    /// Entropy of `q`, subtracted from the loss.
    pub entropy: Option<Tensor>,
}

impl ElboTerms {
    /// `prediction + reconstruction + consistency − entropy`.
    pub fn loss(&self) -> Result<Tensor> {
        let mut loss = self.prediction.clone();
        for term in [&self.reconstruction, &self.consistency].into_iter().flatten() {
            loss = (loss + term)?;
        }
        match &self.entropy {
            None => Ok(loss),
            Some(entropy) => loss - entropy,
        }
    }
}

impl SequenceVae {
    /// The training loss of one batch, forced with `strength`.
    pub fn elbo(
        &self,
        rng: &mut impl Rng,
        workspace: &Workspace,
        batch: &Batch,
        strength: Strength<'_>,
    ) -> Result<ElboTerms> {
        let gaps = batch.lengths.is_some();
        let posterior = self.encoder.encode(&batch.observed, batch.nuisance.as_ref(), gaps, &self.observation)?;
        self.elbo_under(rng, workspace, &posterior, batch, strength)
    }

    /// How fast nearby latent trajectories part along the forced ones of `batch`, per step.
    pub fn growth(&self, workspace: &Workspace, batch: &Batch, strength: Strength<'_>) -> Result<f64> {
        let gaps = batch.lengths.is_some();
        let posterior = self.encoder.encode(&batch.observed, batch.nuisance.as_ref(), gaps, &self.observation)?;
        let (n_sequences, n_encoded, _) = posterior.mean.dims3()?;
        let memory = self.plan.observation.memory();
        let n_steps = n_encoded - memory - 1;
        let lengths = batch.lengths.as_deref();
        let steps = Steps { batch: n_sequences, memory, n_steps, posterior: &posterior, lengths };
        let driving = posterior.mean.narrow(1, memory, n_steps)?.contiguous()?;
        let reined = steps.strength(strength);
        let strength = reined.as_deref().map_or(strength, Strength::PerStep);
        growth(workspace, &self.latent, Forcing { states: &driving, strength }, batch.inputs.as_ref())
    }

    /// The same loss with `q` given: `[batch, memory + 1 + T, M]`.
    pub(crate) fn elbo_under(
        &self,
        rng: &mut impl Rng,
        workspace: &Workspace,
        posterior: &Posterior,
        batch: &Batch,
        strength: Strength<'_>,
    ) -> Result<ElboTerms> {
        let encoded = posterior.sample(rng)?;
        let (n_sequences, n_encoded, _) = encoded.dims3()?;
        let memory = self.plan.observation.memory();
        let n_steps = n_encoded - memory - 1;
        let first = self.context();
        let after_first = |tensor: &Tensor| tensor.narrow(1, first + 1, n_steps)?.contiguous();
        let targets = after_first(&batch.observed)?;
        let nuisance = batch.nuisance.as_ref().map(after_first).transpose()?;
        let steps = Steps { batch: n_sequences, memory, n_steps, posterior, lengths: batch.lengths.as_deref() };

        let driving = encoded.narrow(1, memory, n_steps)?;
        let reined = steps.strength(strength);
        let strength = reined.as_deref().map_or(strength, Strength::PerStep);
        let states = rollout(workspace, &self.latent, Forcing { states: &driving, strength }, batch.inputs.as_ref())?;
        // What an observation with a memory sees of the time before the first step.
        let with_past = |states: &Tensor| match memory {
            0 => Ok(states.clone()),
            _ => Tensor::cat(&[&encoded.narrow(1, 1, memory)?, states], 1),
        };
        let log_prob = |states| self.observation.log_prob(&targets, &with_past(states)?, nuisance.as_ref());
        let in_trial = steps.in_trial()?;
        let prediction = mean(&log_prob(&states)?, in_trial.as_ref())?.neg()?;
        let (Some(log_std), Some(process_log_std)) = (&posterior.log_std, &self.process_log_std) else {
            return Ok(ElboTerms { prediction, reconstruction: None, consistency: None, entropy: None });
        };
        let reached = encoded.narrow(1, memory + 1, n_steps)?.contiguous()?;
        // Where nothing is seen of a state, q is the prior: their divergence is zero, and so is its gradient.
        let known = steps.known()?;
        let shown = match steps.seen_after_first()? {
            Some(seen) if memory > 0 => {
                let unseen = (seen.neg()? + 1.0)?;
                (reached.broadcast_mul(&seen)? + states.broadcast_mul(&unseen)?)?
            }
            // Elsewhere a state that is not seen has no sample to show in.
            _ => reached.clone(),
        };
        let reconstruction = mean(&log_prob(&shown)?, in_trial.as_ref())?.neg()?;
        let half_log_tau = 0.5 * TAU.ln();
        let scaled = (reached - states)?.broadcast_mul(&process_log_std.neg()?.exp()?)?;
        let distance = ((scaled.sqr()? * 0.5)?.broadcast_add(process_log_std)? + half_log_tau)?.sum(D::Minus1)?;
        let entropy = (log_std.narrow(1, memory + 1, n_steps)? + (0.5 + half_log_tau))?.sum(D::Minus1)?;
        Ok(ElboTerms {
            prediction,
            reconstruction: Some(reconstruction),
            consistency: Some(mean(&distance, known.as_ref())?),
            entropy: Some(mean(&entropy, known.as_ref())?),
        })
    }
}

/// `values: [batch, T]`, weighted or alike.
fn mean(values: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    match weights {
        None => values.mean_all(),
        Some(weights) => (values * weights)?.sum_all(),
    }
}

/// Which steps of a batch count, and for what.
struct Steps<'a> {
    batch: usize,
    memory: usize,
    n_steps: usize,
    posterior: &'a Posterior,
    lengths: Option<&'a [usize]>,
}

impl Steps<'_> {
    /// Forcing strengths `[batch · T]` that leave the model alone where no state was seen; `None` when none is missing.
    fn strength(&self, strength: Strength<'_>) -> Option<Vec<f32>> {
        let seen = self.posterior.seen.as_ref()?;
        let n_encoded = self.memory + 1 + self.n_steps;
        let all = (0..self.batch).flat_map(|b| (0..self.n_steps).map(move |t| (b, t)));
        let strengths = all.map(|(b, t)| match seen[b * n_encoded + self.memory + t] {
            true => strength.at(b * self.n_steps + t, self.n_steps),
            false => 0.0,
        });
        Some(strengths.collect())
    }

    /// Weights `[batch, T]` of the steps inside their trials, with sum 1.
    fn in_trial(&self) -> Result<Option<Tensor>> {
        self.weights(|_, _| true)
    }

    /// The same, zero where nothing is seen of the state that the step reaches.
    fn known(&self) -> Result<Option<Tensor>> {
        let n_encoded = self.memory + 1 + self.n_steps;
        self.weights(|b, t| self.posterior.seen.as_ref().is_none_or(|seen| seen[b * n_encoded + self.memory + 1 + t]))
    }

    /// 1 where something is seen of the state that a step reaches, else 0: `[batch, T, 1]`.
    fn seen_after_first(&self) -> Result<Option<Tensor>> {
        let Some(seen) = &self.posterior.seen else { return Ok(None) };
        let rows = seen.chunks_exact(self.memory + 1 + self.n_steps);
        let values: Vec<f32> =
            rows.flat_map(|row| &row[self.memory + 1..]).map(|&seen| f32::from(u8::from(seen))).collect();
        Tensor::from_vec(values, (self.batch, self.n_steps, 1), &Device::Cpu).map(Some)
    }

    fn weights(&self, counts: impl Fn(usize, usize) -> bool) -> Result<Option<Tensor>> {
        let Some(lengths) = self.lengths else { return Ok(None) };
        let share = (lengths.iter().sum::<usize>().max(1) as f32).recip();
        let mut weights = Vec::with_capacity(self.batch * self.n_steps);
        for (b, &length) in lengths.iter().enumerate() {
            weights.extend((0..self.n_steps).map(|t| if t < length && counts(b, t) { share } else { 0.0 }));
        }
        Ok(Some(Tensor::from_vec(weights, (self.batch, self.n_steps), &Device::Cpu)?))
    }
}
