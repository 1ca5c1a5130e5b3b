//! What one training step costs (loss and gradient of a batch), and how much of it is the rollout.
//!
//! `cargo bench -p nullcline-models --bench elbo`

use std::time::Instant;

use candle_core::{Device, Result, Tensor};
use nullcline_models::latent::{Forcing, LatentFamily, Strength, Workspace, rollout};
use nullcline_models::{Batch, EncoderPlan, ModelPlan, ObservationKind, SequenceVae, Series};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

const REPETITIONS: usize = 30;
const BATCH: usize = 16;
const N_STEPS: usize = 200;

/// The published ECG setting: 5 channels, M 5, H 250, batch 16, T 200.
const LATENT: usize = 5;
const HIDDEN: usize = 250;
const CHANNELS: usize = 5;

#[derive(Clone, Copy, PartialEq)]
enum Gaps {
    None,
    /// Nothing is missing, and yet the batch says that it might be.
    Announced,
    /// One sample in twenty, whole.
    Samples,
    /// One value in twenty.
    Values,
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let convolution = EncoderPlan::Convolutional { kernel: 8, hidden: 32, layers: 1 };
    let deeper = EncoderPlan::Convolutional { kernel: 8, hidden: 32, layers: 2 };
    println!("shPLRNN, {CHANNELS} channels, M {LATENT}, H {HIDDEN}, batch {BATCH}, T {N_STEPS}; one thread");
    println!(
        "median of {REPETITIONS} (spread: 10–90 %), interleaved; the rollout alone, forward and backward, beside it"
    );
    println!("{:<24}{:<34}{:>20}{:>20}{:>9}", "observation", "encoder, gaps", "step ms", "rollout ms", "ratio");
    let gaussian = ObservationKind::Gaussian;
    for (kind, encoder, gaps, name) in [
        (gaussian, EncoderPlan::PseudoInverse, Gaps::None, "pseudo-inverse"),
        (gaussian, EncoderPlan::PseudoInverse, Gaps::Announced, "pseudo-inverse, as if with gaps"),
        (gaussian, EncoderPlan::PseudoInverse, Gaps::Samples, "pseudo-inverse, 5 % samples"),
        (gaussian, EncoderPlan::PseudoInverse, Gaps::Values, "pseudo-inverse, 5 % values"),
        (gaussian, convolution, Gaps::None, "convolution"),
        (gaussian, convolution, Gaps::Values, "convolution, 5 % values"),
        (ObservationKind::Poisson, convolution, Gaps::None, "convolution"),
        (ObservationKind::Poisson, deeper, Gaps::None, "two convolutions"),
        (ObservationKind::NegativeBinomial, convolution, Gaps::None, "convolution"),
        (ObservationKind::ZeroInflatedPoisson, convolution, Gaps::None, "convolution"),
        (ObservationKind::Bold { tr_secs: 2.0 }, convolution, Gaps::None, "convolution"),
    ] {
        measure(kind, encoder, gaps, name)?;
    }
    Ok(())
}

fn measure(
    kind: ObservationKind,
    encoder: EncoderPlan,
    gaps: Gaps,
    name: &str,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let plan = ModelPlan {
        family: LatentFamily::Shallow,
        latent_dim: LATENT,
        hidden_dim: HIDDEN,
        observation: kind,
        encoder,
        max_observed_dim: CHANNELS,
    };
    let counts = Poisson::new(1.5)?;
    let mut sample = |n: usize| -> Vec<f32> {
        let values = (0..n).map(|_| match kind.is_counts() {
            true => rng.sample(counts) as f32,
            false => rng.sample::<f64, _>(StandardNormal) as f32,
        });
        values.collect()
    };
    let mut recording = sample(2000 * CHANNELS);
    if gaps != Gaps::None {
        recording[0] = f32::NAN;
    }
    let series = Series::new(recording, CHANNELS, vec![], 0)?;
    let length = encoder.context() + kind.memory() + 1 + N_STEPS;
    let mut observed = sample(BATCH * length * CHANNELS);
    match gaps {
        Gaps::None | Gaps::Announced => {}
        Gaps::Samples => observed.chunks_mut(CHANNELS).skip(7).step_by(20).for_each(|row| row.fill(f32::NAN)),
        Gaps::Values => observed.iter_mut().skip(13 * CHANNELS + 1).step_by(20).for_each(|x| *x = f32::NAN),
    }
    let model = SequenceVae::init(&mut ChaCha8Rng::seed_from_u64(2), &plan, &series, 0..2000)?;
    let batch = Batch {
        observed: Tensor::from_vec(observed, (BATCH, length, CHANNELS), &Device::Cpu)?,
        inputs: None,
        nuisance: None,
        lengths: (gaps != Gaps::None).then(|| vec![N_STEPS; BATCH]),
    };
    let workspace = Workspace::new();
    let states = Tensor::rand(-1f32, 1f32, (BATCH, N_STEPS, LATENT), &Device::Cpu)?;
    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS + 3 {
        whole.push(millis(|| {
            let terms = model.elbo(&mut rng, &workspace, &batch, Strength::Constant(0.3))?;
            terms.loss()?.backward().map(|_| ())
        })?);
        alone.push(millis(|| {
            let forcing = Forcing { states: &states, strength: Strength::Constant(0.3) };
            rollout(&workspace, &model.latent, forcing, None)?.mean_all()?.backward().map(|_| ())
        })?);
    }
    let (whole, alone) = (Summary::of(whole.split_off(3)), Summary::of(alone.split_off(3)));
    println!("{:<24}{name:<34}{whole:>20}{alone:>20}{:>8.2}×", kind.to_string(), whole.median / alone.median);
    Ok(())
}

fn millis(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

struct Summary {
    median: f64,
    low: f64,
    high: f64,
}

impl Summary {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
        Self { median: at(0.5), low: at(0.1), high: at(0.9) }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:.2} ({:.2}–{:.2})", self.median, self.low, self.high))
    }
}
