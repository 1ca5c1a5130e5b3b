//! What a log-likelihood and its gradient cost: one fused operation against candle's elementwise operations.
//!
//! `cargo bench -p nullcline-models --bench likelihood`

use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use nullcline_models::{Observation, ObservationKind};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

const REPETITIONS: usize = 40;

struct Sizes {
    batch: usize,
    time: usize,
    latent: usize,
    channels: usize,
}

fn main() -> Result<()> {
    println!("forward and backward, one thread, median of {REPETITIONS} (spread: 10–90 %)");
    println!("{:<24}{:<30}{:>16}{:>16}{:>9}", "family", "batch × time × D, M", "candle µs", "fused µs", "ratio");
    let sizes = [(16, 200, 5, 5), (16, 50, 3, 12), (16, 200, 8, 100)];
    for (batch, time, latent, channels) in sizes {
        for kind in [
            ObservationKind::Gaussian,
            ObservationKind::Poisson,
            ObservationKind::NegativeBinomial,
            ObservationKind::ZeroInflatedPoisson,
        ] {
            compare(kind, &Sizes { batch, time, latent, channels })?;
        }
    }
    Ok(())
}

fn compare(kind: ObservationKind, sizes: &Sizes) -> Result<()> {
    let Sizes { batch, time, latent, channels } = *sizes;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut normal = |n: usize, std: f64| -> Vec<f32> {
        (0..n).map(|_| (rng.sample::<f64, _>(StandardNormal) * std) as f32).collect()
    };
    let z = Var::from_vec(normal(batch * time * latent, 1.0), (batch, time, latent), &Device::Cpu)?;
    let observation = Observation {
        kind,
        weight: Var::from_vec(normal(channels * latent, 0.3), (channels, latent), &Device::Cpu)?,
        bias: Var::from_vec(normal(channels, 0.3), channels, &Device::Cpu)?,
        auxiliary: match kind {
            ObservationKind::Poisson => None,
            _ => Some(Var::from_vec(normal(channels, 0.3), channels, &Device::Cpu)?),
        },
        nuisance: None,
    };
    let signal = normal(batch * time * channels, 1.0);
    let counts = Poisson::new(1.5).expect("a positive rate");
    let x: Vec<f32> = match kind {
        ObservationKind::Gaussian => signal,
        _ => (0..batch * time * channels).map(|_| rng.sample(counts) as f32).collect(),
    };
    let x = Tensor::from_vec(x, (batch, time, channels), &Device::Cpu)?;
    let step = |log_prob: Tensor| log_prob.mean_all()?.backward().map(|_| ());
    // Interleaved, so that a slow moment of the machine meets both.
    let (mut plain, mut fused) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        plain.push(micros(|| step(by_candle(&observation, &x, &z)?))?);
        fused.push(micros(|| step(observation.log_prob(&x, &z, None)?))?);
    }
    let (plain, fused) = (Summary::of(plain), Summary::of(fused));
    let size = format!("{batch} × {time} × {channels}, {latent}");
    println!("{:<24}{size:<30}{plain:>16}{fused:>16}{:>8.1}×", kind.to_string(), plain.median / fused.median);
    Ok(())
}

fn micros(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
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
        f.pad(&format!("{:.0} ({:.0}–{:.0})", self.median, self.low, self.high))
    }
}

/// The same log-likelihoods as candle's own operations would have them. The negative binomial's `ln Γ(x + r) − ln Γ(r)`,
/// which candle does not know, is left out: it would be slower still.
fn by_candle(observation: &Observation, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    let (batch, time, latent) = z.dims3()?;
    let eta = z
        .reshape((batch * time, latent))?
        .matmul(&observation.weight.t()?)?
        .reshape((batch, time, ()))?
        .broadcast_add(&observation.bias)?;
    let theta = observation.auxiliary.as_ref();
    let terms = match (observation.kind, theta) {
        (ObservationKind::Gaussian, Some(theta)) => {
            let scaled = (x - eta)?.broadcast_mul(&theta.neg()?.exp()?)?;
            ((scaled.sqr()? * -0.5)?.broadcast_sub(theta)? - 0.5 * std::f64::consts::TAU.ln())?
        }
        (ObservationKind::NegativeBinomial, Some(theta)) => {
            let (mean, size) = (eta.exp()?, theta.exp()?);
            let log_total = mean.broadcast_add(&size)?.log()?;
            let silent = log_total.neg()?.broadcast_add(theta)?.broadcast_mul(&size)?;
            ((silent + (x * (eta - &log_total)?)?)? - ln_factorial(x)?)?
        }
        (ObservationKind::ZeroInflatedPoisson, Some(theta)) => {
            let silent = (theta.neg()?.exp()? + 1.0)?.recip()?;
            let active = (silent.neg()? + 1.0)?;
            let rate = eta.exp()?;
            let at_zero = rate.neg()?.exp()?.broadcast_mul(&active)?.broadcast_add(&silent)?.log()?;
            let above = (((x * &eta)? - rate)?.broadcast_add(&active.log()?)? - ln_factorial(x)?)?;
            let zero = x.eq(0.0)?.to_dtype(DType::F32)?;
            ((&zero * at_zero)? + ((zero.neg()? + 1.0)? * above)?)?
        }
        _ => (((x * &eta)? - eta.exp()?)? - ln_factorial(x)?)?,
    };
    terms.sum(D::Minus1)
}

fn ln_factorial(counts: &Tensor) -> Result<Tensor> {
    let values = counts.flatten_all()?.to_vec1::<f32>()?;
    let largest = values.iter().copied().fold(0.0, f32::max) as usize;
    let mut table = vec![0.0f32; largest + 1];
    for n in 1..table.len() {
        table[n] = table[n - 1] + (n as f32).ln();
    }
    let logs: Vec<f32> = values.iter().map(|&n| table[n as usize]).collect();
    Tensor::from_vec(logs, counts.shape(), counts.device())
}
