//! Random stretches of the fit part, as batches.

use candle_core::{Device, Result, Tensor};
use rand::{Rng, RngExt};

use super::TrainError;
use crate::elbo::Batch;
use crate::missing::{is_whole, whole_rows};
use crate::vae::SequenceVae;
use crate::{Series, Split};

/// Stretches of up to `n_steps` steps. None runs from one trial into the next: where a trial is shorter, what follows
/// its end is missing, and so is what lies before its start.
pub(super) struct Windows {
    /// Projected observations `[T, D]`, row-major; NaN where a sample is missing.
    observed: Vec<f32>,
    observed_dim: usize,
    inputs: Vec<f32>,
    input_dim: usize,
    nuisance: Vec<f32>,
    nuisance_dim: usize,
    /// Rows before the first state.
    context: usize,
    n_steps: usize,
    starts: Starts,
}

/// Rows that can be the first state of a stretch.
enum Starts {
    /// Nothing is missing: every stretch is whole.
    Every { first: usize, n: usize },
    /// Each with the run it lies in.
    Listed(Vec<Place>),
}

struct Place {
    row: usize,
    run_start: usize,
    run_end: usize,
}

impl Windows {
    pub fn new(
        model: &SequenceVae,
        series: &Series,
        split: &Split,
        n_steps: usize,
    ) -> std::result::Result<Self, TrainError> {
        let components = model.projection.apply(series.rows(split.fit.clone()));
        let (found, observed_dim) = components.shape();
        let observed: Vec<f32> = components.transpose().iter().map(|&value| value as f32).collect();
        let context = model.context();
        let runs = series.runs(split.fit.clone());
        let longest = runs.iter().map(|run| run.len()).max().unwrap_or(0);
        let n_steps = n_steps.min(longest.saturating_sub(model.needed_context() + 1)).max(1);
        let complete = runs.len() == 1 && is_whole(&components);
        let starts = if complete {
            let length = context + n_steps + 1;
            if found < length {
                return Err(TrainError::TooShort { needed: length, context, found });
            }
            Starts::Every { first: context, n: found - length + 1 }
        } else {
            let first = split.fit.start;
            let known = whole_rows(&model.encode(series, split.fit.clone())?);
            let needed = model.needed_context();
            let mut starts = Vec::new();
            for run in runs.iter().map(|run| run.start - first..run.end - first) {
                let Some(last) = run.end.checked_sub(2) else { continue };
                // Where there is room the stretch is whole, so that no place of the run is drawn more often.
                let last_whole = (run.end - 1).saturating_sub(n_steps).max(run.start + needed);
                let rows = run.start + needed..=last_whole.min(last);
                let memory = model.plan.observation.memory();
                let rows = rows.filter(|&row| known[row - memory..=row].iter().all(|&known| known));
                starts.extend(rows.map(|row| Place { row, run_start: run.start, run_end: run.end }));
            }
            if starts.is_empty() {
                return Err(TrainError::TooShort { needed: needed + 2, context: needed, found: longest });
            }
            Starts::Listed(starts)
        };
        Ok(Self {
            observed,
            observed_dim,
            inputs: rows_of(&series.inputs, series.n_inputs, split),
            input_dim: series.n_inputs,
            nuisance: rows_of(&series.nuisance, series.n_nuisance, split),
            nuisance_dim: series.n_nuisance,
            context,
            n_steps,
            starts,
        })
    }

    pub fn draw(&self, rng: &mut impl Rng, batch_size: usize) -> Result<Batch> {
        let mut observed = Vec::with_capacity(batch_size * self.length() * self.observed_dim);
        let mut inputs = Vec::with_capacity(batch_size * self.n_steps * self.input_dim);
        let mut nuisance = Vec::with_capacity(batch_size * self.length() * self.nuisance_dim);
        let mut lengths = None;
        match &self.starts {
            Starts::Every { first, n } => {
                for _ in 0..batch_size {
                    let row = first + rng.random_range(0..*n);
                    let rows = row - self.context..row + self.n_steps + 1;
                    let slice = |values: &[f32], width: usize| values[rows.start * width..rows.end * width].to_vec();
                    observed.extend(slice(&self.observed, self.observed_dim));
                    nuisance.extend(slice(&self.nuisance, self.nuisance_dim));
                    let (k, steps) = (self.input_dim, row..row + self.n_steps);
                    inputs.extend_from_slice(&self.inputs[steps.start * k..steps.end * k]);
                }
            }
            Starts::Listed(starts) => {
                let lengths = lengths.get_or_insert_with(Vec::new);
                for _ in 0..batch_size {
                    let start = &starts[rng.random_range(0..starts.len())];
                    self.extend(&mut observed, &self.observed, self.observed_dim, start, f32::NAN);
                    self.extend(&mut nuisance, &self.nuisance, self.nuisance_dim, start, 0.0);
                    let steps = self.n_steps.min(start.run_end - 1 - start.row);
                    let k = self.input_dim;
                    inputs.extend_from_slice(&self.inputs[start.row * k..(start.row + steps) * k]);
                    inputs.extend(std::iter::repeat_n(0.0, (self.n_steps - steps) * k));
                    lengths.push(steps);
                }
            }
        }
        let tensor = |values: Vec<f32>, length: usize, width: usize| match width {
            0 => Ok(None),
            _ => Tensor::from_vec(values, (batch_size, length, width), &Device::Cpu).map(Some),
        };
        Ok(Batch {
            observed: Tensor::from_vec(observed, (batch_size, self.length(), self.observed_dim), &Device::Cpu)?,
            inputs: tensor(inputs, self.n_steps, self.input_dim)?,
            nuisance: tensor(nuisance, self.length(), self.nuisance_dim)?,
            lengths,
        })
    }

    fn length(&self) -> usize {
        self.context + 1 + self.n_steps
    }

    /// The rows of a stretch, `blank` outside its run.
    fn extend(&self, to: &mut Vec<f32>, values: &[f32], width: usize, start: &Place, blank: f32) {
        let before = self.context.min(start.row - start.run_start);
        let end = (start.row + self.n_steps + 1).min(start.run_end);
        to.extend(std::iter::repeat_n(blank, (self.context - before) * width));
        to.extend_from_slice(&values[(start.row - before) * width..end * width]);
        to.extend(std::iter::repeat_n(blank, (start.row + self.n_steps + 1 - end) * width));
    }
}

fn rows_of(values: &[f32], width: usize, split: &Split) -> Vec<f32> {
    values[split.fit.start * width..split.fit.end * width].to_vec()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::latent::LatentFamily;
    use crate::{EncoderPlan, ModelPlan, ObservationKind};

    /// Samples that say where they are, and inputs that say the same.
    fn series(n_times: usize, trials: &[usize]) -> Series {
        let values: Vec<f32> = (0..n_times).map(|t| t as f32).collect();
        Series::new(values.clone(), 1, values, 1).unwrap().with_trials(trials).unwrap()
    }

    fn windows(series: &Series, encoder: EncoderPlan, n_steps: usize) -> Windows {
        let plan = ModelPlan {
            family: LatentFamily::Shallow,
            latent_dim: 1,
            hidden_dim: 2,
            observation: ObservationKind::Gaussian,
            encoder,
            max_observed_dim: 4,
        };
        let n = series.n_times();
        let split = Split { fit: 0..n - 4, validation: n - 4..n - 2, held_out: n - 2..n };
        let model = SequenceVae::init(&mut ChaCha8Rng::seed_from_u64(1), &plan, series, split.training()).unwrap();
        Windows::new(&model, series, &split, n_steps).unwrap()
    }

    /// Input number `t` of a stretch belongs to the step from sample `context + t`, whose effect is first seen in
    /// sample `context + t + 1`; and no stretch has samples of two trials.
    fn check(series: &Series, encoder: EncoderPlan, n_steps: usize) {
        let windows = windows(series, encoder, n_steps);
        let batch = windows.draw(&mut ChaCha8Rng::seed_from_u64(2), 200).unwrap();
        let observed = batch.observed.squeeze(2).unwrap().to_vec2::<f32>().unwrap();
        let inputs = batch.inputs.unwrap().squeeze(2).unwrap().to_vec2::<f32>().unwrap();
        let whole = vec![n_steps; 200];
        let context = encoder.context();
        let mut drawn = std::collections::BTreeSet::new();
        for ((x, s), &length) in observed.iter().zip(&inputs).zip(batch.lengths.as_ref().unwrap_or(&whole)) {
            let seen: Vec<f32> = x.iter().copied().filter(|x| !x.is_nan()).collect();
            let run = seen[0] as usize..seen[seen.len() - 1] as usize + 1;
            assert_eq!(series.runs(run.clone()).len(), 1, "{run:?} runs over the end of a trial");
            assert!(seen.iter().zip(run).all(|(&x, t)| x as usize == t));
            assert!((0..length).all(|t| s[t] == x[context + t] && s[t] + 1.0 == x[context + t + 1]));
            assert!(x[context + length + 1..].iter().all(|x| x.is_nan()) && s[length..].iter().all(|&s| s == 0.0));
            drawn.insert(x[context] as usize);
        }
        assert!(drawn.len() > 3, "{drawn:?}");
    }

    const CONVOLUTION: EncoderPlan = EncoderPlan::Convolutional { kernel: 3, hidden: 2, layers: 2 };

    #[test]
    fn inputs_belong_to_the_step_from_their_own_sample() {
        for encoder in [EncoderPlan::PseudoInverse, CONVOLUTION] {
            check(&series(40, &[40]), encoder, 6);
        }
    }

    #[test]
    fn no_stretch_runs_from_one_trial_into_the_next() {
        for encoder in [EncoderPlan::PseudoInverse, CONVOLUTION] {
            check(&series(40, &[4, 11, 2, 1, 22]), encoder, 6);
        }
    }
}
