use candle_core::{DType, Tensor, Var};
use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::latent::LatentFamily;
use crate::random::normal_tensor;
use crate::{EncoderPlan, ModelPlan, ObservationKind, Series};

const CONVOLUTION: EncoderPlan = EncoderPlan::Convolutional { kernel: 3, hidden: 6, layers: 2 };

const KINDS: [ObservationKind; 5] = [
    ObservationKind::Gaussian,
    ObservationKind::Poisson,
    ObservationKind::NegativeBinomial,
    ObservationKind::ZeroInflatedPoisson,
    ObservationKind::Bold { tr_secs: 8.0 },
];

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(8)
}

/// A model with random weights for data of `n_channels`, one input and one nuisance regressor.
fn model(kind: ObservationKind, encoder: EncoderPlan, [latent_dim, n_channels]: [usize; 2], gaps: bool) -> SequenceVae {
    let plan = ModelPlan {
        family: LatentFamily::Shallow,
        latent_dim,
        hidden_dim: 5,
        observation: kind,
        encoder,
        max_observed_dim: 16,
    };
    let n_times = 60;
    let mut observed: Vec<f32> = (0..n_times * n_channels).map(|i| (i * i % 5) as f32).collect();
    if gaps {
        observed[0] = f32::NAN;
    }
    let series = Series::new(observed, n_channels, vec![0.0; n_times], 1).unwrap();
    let series = series.with_nuisance(vec![0.0; n_times], 1).unwrap();
    let model = SequenceVae::init(&mut rng(), &plan, &series, 0..n_times).unwrap();
    // Weights that start at zero would hide what depends on them.
    for var in model.variables() {
        let change = normal_tensor(&mut rng(), var.dims(), 0.3).unwrap();
        var.set(&(var.as_tensor() + change).unwrap()).unwrap();
    }
    model
}

fn set(model: &SequenceVae, name: &str, values: &[f32]) {
    let var = model.latent.named().into_iter().find(|(known, _)| *known == name).unwrap().1.clone();
    var.set(&Tensor::from_slice(values, var.shape(), var.device()).unwrap()).unwrap();
}

fn tensor(values: Vec<f32>, shape: [usize; 3]) -> Tensor {
    Tensor::from_vec(values, &shape, &Device::Cpu).unwrap()
}

/// `z_{t+1} = a z_t + c + σ_z ε`, `x_t = B z_t + b + σ_x ε` with `z_0` known: everything about it is Gaussian.
struct LinearGaussian {
    a: f64,
    c: f64,
    process_std: f64,
    weight: f64,
    bias: f64,
    observation_std: f64,
    start: f64,
}

impl LinearGaussian {
    /// `ln p(x_1 … x_T | z_0)` by the Kalman filter; NaN is missing.
    fn log_likelihood(&self, x: &[f64]) -> f64 {
        let (mut mean, mut variance, mut sum) = (self.start, 0.0, 0.0);
        for &x in x {
            mean = self.a * mean + self.c;
            variance = self.a.powi(2) * variance + self.process_std.powi(2);
            if x.is_nan() {
                continue;
            }
            let expected = self.weight * mean + self.bias;
            let spread = self.weight.powi(2) * variance + self.observation_std.powi(2);
            sum += -0.5 * ((x - expected).powi(2) / spread + spread.ln() + TAU.ln());
            let gain = variance * self.weight / spread;
            mean += gain * (x - expected);
            variance *= 1.0 - gain * self.weight;
        }
        sum
    }

    /// Mean and precision of `z_1 … z_T` given `x`, from the quadratic form of the joint density.
    fn posterior(&self, x: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
        let n = x.len();
        let (q, r) = (self.process_std.powi(-2), self.observation_std.powi(-2));
        let mut precision = DMatrix::zeros(n, n);
        let mut linear = DVector::zeros(n);
        for t in 0..n {
            precision[(t, t)] += q;
            linear[t] += q * self.c;
            match t {
                0 => linear[0] += q * self.a * self.start,
                _ => {
                    precision[(t - 1, t - 1)] += q * self.a.powi(2);
                    precision[(t, t - 1)] -= q * self.a;
                    precision[(t - 1, t)] -= q * self.a;
                    linear[t - 1] -= q * self.a * self.c;
                }
            }
            if !x[t].is_nan() {
                precision[(t, t)] += r * self.weight.powi(2);
                linear[t] += r * self.weight * (x[t] - self.bias);
            }
        }
        (precision.clone().lu().solve(&linear).unwrap(), precision)
    }

    /// The negative of the loss terms that make the ELBO, in nats, under the factorised `q` with these moments.
    fn elbo(&self, x: &[f64], mean: &DVector<f64>, std: &DVector<f64>) -> f64 {
        let n = x.len();
        let model = model(ObservationKind::Gaussian, CONVOLUTION, [1, 1], true);
        set(&model, "A", &[self.a as f32]);
        set(&model, "h1", &[self.c as f32]);
        set(&model, "W1", &[0.0; 5]);
        let fill = |var: &Var, value: f64| var.set(&Tensor::full(value as f32, var.shape(), var.device()).unwrap());
        fill(&model.observation.weight, self.weight).unwrap();
        fill(&model.observation.bias, self.bias).unwrap();
        fill(model.observation.auxiliary.as_ref().unwrap(), self.observation_std.ln()).unwrap();
        fill(model.process_log_std.as_ref().unwrap(), self.process_std.ln()).unwrap();
        // A draw of q for each sequence; the start is known.
        let n_draws = 20_000;
        let repeat = |first: f32, rest: &mut dyn Iterator<Item = f64>| {
            let one: Vec<f32> = std::iter::once(first).chain(rest.map(|v| v as f32)).collect();
            tensor(one.repeat(n_draws), [n_draws, n + 1, 1])
        };
        let posterior = Posterior {
            mean: repeat(self.start as f32, &mut mean.iter().copied()),
            log_std: Some(repeat(-30.0, &mut std.iter().map(|s| s.ln()))),
            seen: None,
        };
        let context = model.context();
        let samples: Vec<f32> = std::iter::repeat_n(f32::NAN, context + 1).chain(x.iter().map(|&x| x as f32)).collect();
        let batch = Batch {
            observed: tensor(samples.repeat(n_draws), [n_draws, context + 1 + n, 1]),
            inputs: Some(tensor(vec![0.0; n_draws * n], [n_draws, n, 1])),
            nuisance: Some(tensor(vec![0.0; n_draws * (context + 1 + n)], [n_draws, context + 1 + n, 1])),
            lengths: Some(vec![n; n_draws]),
        };
        let workspace = Workspace::new();
        let terms = model.elbo_under(&mut rng(), &workspace, &posterior, &batch, Strength::Constant(1.0)).unwrap();
        let scalar = |term: &Option<Tensor>| f64::from(term.as_ref().unwrap().to_scalar::<f32>().unwrap());
        let negative = scalar(&terms.reconstruction) + scalar(&terms.consistency) - scalar(&terms.entropy);
        -negative * n as f64
    }
}

/// The ELBO lies below the log-likelihood by the divergence of `q` from the posterior, which is known in closed form:
/// by nothing where `q` is the posterior.
#[test]
fn the_elbo_is_the_kalman_filters_likelihood_less_the_divergence_from_the_posterior() {
    let x = [0.9, -0.4, 1.3, 0.2, 0.8, 1.1];
    let gappy = [0.9, -0.4, f64::NAN, 0.2, f64::NAN, 1.1];
    for (a, x) in [(0.0, &x), (0.8, &x), (-0.5, &x), (0.8, &gappy)] {
        let system =
            LinearGaussian { a, c: 0.1, process_std: 0.6, weight: 0.9, bias: 0.2, observation_std: 0.5, start: 0.3 };
        let (mean, precision) = system.posterior(x);
        let exact = system.log_likelihood(x);
        let best = precision.diagonal().map(|p| p.sqrt().recip());
        let log_det = precision.clone().lu().determinant().ln();
        for (shift, stretch) in [(0.0, 1.0), (0.2, 1.0), (0.0, 0.5), (-0.1, 1.5)] {
            let (moved, std) = (mean.add_scalar(shift), &best * stretch);
            let off = &moved - &mean;
            let trace: f64 = precision.diagonal().iter().zip(&std).map(|(p, s)| p * s.powi(2)).sum();
            let log_variance: f64 = std.iter().map(|s| 2.0 * s.ln()).sum();
            let quadratic = (off.transpose() * &precision * &off)[0];
            let divergence = 0.5 * (trace + quadratic - x.len() as f64 - log_variance - log_det);
            let found = system.elbo(x, &moved, &std);
            // 20,000 draws of a quantity that varies by about 3 nats.
            assert!((found - (exact - divergence)).abs() < 0.08, "a {a}: {found} against {exact} − {divergence}");
            if a == 0.0 && shift == 0.0 && stretch == 1.0 {
                assert!(divergence.abs() < 1e-9 && (found - exact).abs() < 0.08);
            }
        }
    }
}

/// Loss, and its gradient in every variable by name.
fn loss_and_gradients(model: &SequenceVae, batch: &Batch) -> (f32, Vec<(String, Vec<f32>)>) {
    let terms = model.elbo(&mut NoNoise, &Workspace::new(), batch, Strength::Constant(0.3)).unwrap();
    let loss = terms.loss().unwrap();
    let gradients = loss.backward().unwrap();
    let flat = |var: &Var| match gradients.get(var) {
        Some(gradient) => gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        None => vec![0.0; var.elem_count()],
    };
    let named = model.named().into_iter().map(|(name, var)| (name, flat(var))).collect();
    (loss.to_scalar::<f32>().unwrap(), named)
}

/// Draws that are all alike, so that batches of other shapes draw the same.
struct NoNoise;

impl rand::TryRng for NoNoise {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Self::Error> {
        Ok(1 << 30)
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Self::Error> {
        Ok(1 << 62)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Self::Error> {
        bytes.fill(64);
        Ok(())
    }
}

#[track_caller]
fn check_same(found: &(f32, Vec<(String, Vec<f32>)>), expected: &(f32, Vec<(String, Vec<f32>)>), what: &str) {
    assert!((found.0 - expected.0).abs() <= 1e-5 * (1.0 + expected.0.abs()), "{what}: {} {}", found.0, expected.0);
    for ((name, found), (_, expected)) in found.1.iter().zip(&expected.1) {
        let largest = expected.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= 1e-5 * (1.0 + largest), "{what}, {name}: {f} {e}");
        }
    }
}

/// One trial of `n` steps with gaps, followed by `padding` steps that are not there, whose places are filled with
/// `filler`.
fn trial(model: &SequenceVae, kind: ObservationKind, n: usize, padding: usize, filler: f32) -> Batch {
    let n_channels = 4;
    let (context, n_steps) = (model.context(), n + padding);
    let rows = context + 1 + n;
    let mut observed: Vec<f32> = (0..rows * n_channels).map(|i| (i * i % 7) as f32 * 0.5).collect();
    if kind.is_counts() {
        observed.iter_mut().for_each(|x| *x = x.floor());
    }
    // A channel for a while, and a whole sample after the first state.
    (context + 3..context + 6).for_each(|t| observed[t * n_channels + 1] = f32::NAN);
    observed[(context + 4) * n_channels..(context + 5) * n_channels].fill(f32::NAN);
    observed.extend(std::iter::repeat_n(filler, padding * n_channels));
    let beside = |length: usize, real: usize| -> Vec<f32> {
        (0..length).map(|t| if t < real { (0.7 * t as f32).sin() } else { filler }).collect()
    };
    let finite = |values: Vec<f32>| values.into_iter().map(|x| if x.is_nan() { 0.0 } else { x }).collect::<Vec<f32>>();
    Batch {
        observed: tensor(observed, [1, context + 1 + n_steps, n_channels]),
        inputs: Some(tensor(finite(beside(n_steps, n)), [1, n_steps, 1])),
        nuisance: Some(tensor(finite(beside(context + 1 + n_steps, rows)), [1, context + 1 + n_steps, 1])),
        lengths: Some(vec![n]),
    }
}

#[test]
fn what_is_missing_moves_neither_loss_nor_gradient() {
    for kind in KINDS {
        let encoders: &[EncoderPlan] =
            if kind == ObservationKind::Gaussian { &[EncoderPlan::PseudoInverse, CONVOLUTION] } else { &[CONVOLUTION] };
        for &encoder in encoders {
            let model = model(kind, encoder, [2, 4], true);
            let alone = loss_and_gradients(&model, &trial(&model, kind, 9, 0, 0.0));
            assert!(alone.1.iter().any(|(_, gradient)| gradient.iter().any(|&g| g != 0.0)));
            assert!(alone.1.iter().all(|(_, gradient)| gradient.iter().all(|g| g.is_finite())));
            for filler in [f32::NAN, 0.0, 30.0] {
                let padded = loss_and_gradients(&model, &trial(&model, kind, 9, 7, filler));
                check_same(&padded, &alone, &format!("{kind}, {encoder:?}, filled with {filler}"));
            }
        }
    }
}

/// Where nothing is missing the path for gaps gives what the path without gives.
#[test]
fn a_batch_without_gaps_may_say_so_or_not() {
    for (kind, encoder) in [
        (ObservationKind::Gaussian, EncoderPlan::PseudoInverse),
        (ObservationKind::Gaussian, CONVOLUTION),
        (ObservationKind::NegativeBinomial, CONVOLUTION),
    ] {
        let model = model(kind, encoder, [2, 4], false);
        let mut batch = trial(&model, kind, 9, 0, 0.0);
        let filled = batch.observed.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let filled = filled.into_iter().map(|x| if x.is_nan() { 1.0 } else { x }).collect();
        batch.observed = tensor(filled, [1, model.context() + 10, 4]);
        let with_lengths = loss_and_gradients(&model, &batch);
        batch.lengths = None;
        check_same(&with_lengths, &loss_and_gradients(&model, &batch), &format!("{kind} {encoder:?}"));
    }
}

/// With `z_{t+1} = C s_t` the sample at a time hears of the input one step before it; BOLD, of those before that too,
/// by the haemodynamic response.
#[test]
fn an_input_acts_on_the_state_one_step_later_for_every_observation() {
    for kind in KINDS {
        let model = model(kind, CONVOLUTION, [1, 1], true);
        set(&model, "A", &[0.0]);
        set(&model, "W1", &[0.0; 5]);
        set(&model, "C", &[1.0]);
        let (n, heard, context) = (8, 6, model.context());
        let mut observed = vec![f32::NAN; context + 1 + n];
        // The state reached by step 6, z_6, and the sample that shows it.
        observed[context + heard] = 3.0;
        let inputs = Var::zeros((1, n, 1), DType::F32, &Device::Cpu).unwrap();
        let batch = Batch {
            observed: tensor(observed, [1, context + 1 + n, 1]),
            inputs: Some(inputs.as_tensor().clone()),
            nuisance: Some(tensor(vec![0.0; context + 1 + n], [1, context + 1 + n, 1])),
            lengths: Some(vec![n]),
        };
        let terms = model.elbo(&mut rng(), &Workspace::new(), &batch, Strength::Constant(0.0)).unwrap();
        let gradients = terms.prediction.backward().unwrap();
        let slopes = gradients.get(&inputs).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let response = kind.response();
        let shown = |t: usize| (heard - 1).checked_sub(t).and_then(|lag| response.get(lag)).copied().unwrap_or(0.0);
        let most = (0..n).max_by(|&s, &t| shown(s).abs().total_cmp(&shown(t).abs())).unwrap();
        assert!(slopes[most] != 0.0, "{kind}: {slopes:?}");
        for (t, &slope) in slopes.iter().enumerate() {
            let expected = f64::from(slopes[most]) * shown(t) / shown(most);
            assert!(
                (f64::from(slope) - expected).abs() < 1e-5 * f64::from(slopes[most].abs()),
                "{kind} {t}: {slopes:?}"
            );
        }

        // The same of the model that runs freely.
        let frozen = model.freeze().unwrap();
        let mut pulse = vec![0.0; n];
        pulse[3] = 1.0;
        let run = |inputs: Vec<f32>| {
            let series = Series::new(vec![0.0; n], 1, inputs, 1).unwrap();
            let series = series.with_nuisance(vec![0.0; n], 1).unwrap();
            frozen.simulate(&mut rng(), &[&[0.0]], n, crate::Surroundings::Recorded { series: &series, first: 0 })
        };
        let (with, without) = (run(pulse).unwrap(), run(vec![0.0; n]).unwrap());
        let moved: Vec<usize> = (0..n).filter(|&t| with.latent[(t, 0)] != without.latent[(t, 0)]).collect();
        assert_eq!(moved, [4], "{kind}");
        let shown: Vec<usize> = (0..n).filter(|&t| with.observed[(t, 0)] != without.observed[(t, 0)]).collect();
        let expected: Vec<usize> = (4..n).filter(|t| response.get(t - 4).is_some_and(|&h| h != 0.0)).collect();
        assert_eq!(shown, expected, "{kind}");
    }
}
