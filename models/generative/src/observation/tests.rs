use candle_core::{D, DType, Device, Result, Tensor, Var};
use nalgebra::DMatrix;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::family::LOG_RATE_RANGE;
use super::gamma::ln_gamma;
use super::*;

const KINDS: [ObservationKind; 4] = [
    ObservationKind::Gaussian,
    ObservationKind::Poisson,
    ObservationKind::NegativeBinomial,
    ObservationKind::ZeroInflatedPoisson,
];

fn counts() -> impl Iterator<Item = ObservationKind> {
    KINDS.into_iter().filter(|kind| kind.is_counts())
}

/// Mean and variance of the distribution, as textbooks have them.
fn moments(kind: ObservationKind, eta: f64, theta: f64) -> (f64, f64) {
    let rate = eta.exp();
    match kind {
        ObservationKind::Gaussian | ObservationKind::Bold { .. } => (eta, (2.0 * theta).exp()),
        ObservationKind::Poisson => (rate, rate),
        ObservationKind::NegativeBinomial => (rate, rate + rate.powi(2) / theta.exp()),
        ObservationKind::ZeroInflatedPoisson => {
            let silent = 1.0 / (1.0 + (-theta).exp());
            ((1.0 - silent) * rate, (1.0 - silent) * rate * (1.0 + silent * rate))
        }
    }
}

const PREDICTORS: [f64; 4] = [-2.0, 0.3, 1.5, 3.0];
const AUXILIARIES: [f64; 3] = [-1.0, 0.4, 2.0];

#[test]
fn probabilities_sum_to_one_and_have_the_mean_and_variance_of_textbooks() {
    for kind in counts() {
        for (eta, theta) in PREDICTORS.into_iter().flat_map(|eta| AUXILIARIES.map(|theta| (eta, theta))) {
            let p = |x: f64| kind.family().log_prob(x, eta, theta).exp();
            let sum = |f: &dyn Fn(f64) -> f64| (0..5000).map(f64::from).map(|x| p(x) * f(x)).sum::<f64>();
            let (mean, variance) = moments(kind, eta, theta);
            assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-9, "{kind} {eta} {theta}: {}", sum(&|_| 1.0));
            assert!((sum(&|x| x) - mean).abs() < 1e-8 * (1.0 + mean), "{kind} {eta} {theta}");
            let found = sum(&|x| (x - mean).powi(2));
            assert!((found - variance).abs() < 1e-6 * (1.0 + variance), "{kind} {eta} {theta}: {found} {variance}");
            assert!((kind.family().mean(eta, theta) - mean).abs() < 1e-12 * (1.0 + mean));
            assert!((kind.family().predictor(mean, theta) - eta).abs() < 1e-9);
        }
    }
}

#[test]
fn the_gaussian_density_integrates_to_one_and_has_its_mean_and_variance() {
    let step = 1e-3;
    for theta in AUXILIARIES {
        let std = theta.exp();
        let grid = (-10_000..=10_000).map(|i| 0.7 + std * step * f64::from(i));
        let integral = |f: &dyn Fn(f64) -> f64| -> f64 {
            grid.clone()
                .map(|x| ObservationKind::Gaussian.family().log_prob(x, 0.7, theta).exp() * f(x) * std * step)
                .sum()
        };
        assert!((integral(&|_| 1.0) - 1.0).abs() < 1e-9);
        assert!((integral(&|x| x) - 0.7).abs() < 1e-9);
        assert!((integral(&|x| (x - 0.7).powi(2)) - std.powi(2)).abs() < 1e-6 * std.powi(2));
    }
}

/// A negative binomial count is a Poisson count whose rate has a gamma distribution: the integral over that rate,
/// by the midpoint rule in `ln λ`.
#[test]
fn the_negative_binomial_is_a_poisson_of_gamma_rates() {
    let (mean, size) = (2.3f64, 1.7f64);
    for x in [0.0, 1.0, 4.0, 15.0] {
        let step = 1e-3;
        let integral: f64 = (-20_000..6_000)
            .map(|i| {
                let log_rate = (f64::from(i) + 0.5) * step;
                let rate = log_rate.exp();
                let poisson = x * log_rate - rate - ln_gamma(x + 1.0);
                let gamma = size * log_rate - rate * size / mean - ln_gamma(size) + size * (size / mean).ln();
                (poisson + gamma).exp() * step
            })
            .sum();
        let found = ObservationKind::NegativeBinomial.family().log_prob(x, mean.ln(), size.ln());
        assert!((found - integral.ln()).abs() < 1e-8, "{x}: {found} {}", integral.ln());
    }
}

/// `p(0) = π + (1 − π) e^−λ`, worked out by hand for `π = 1/4`, `λ = ln 2`: 5/8; and `p(1) = 3/8 ln 2`.
#[test]
fn a_zero_is_silence_or_a_count_of_zero() {
    let (eta, theta) = (2f64.ln().ln(), (1.0f64 / 3.0).ln());
    let p = |x| ObservationKind::ZeroInflatedPoisson.family().log_prob(x, eta, theta).exp();
    assert!((p(0.0) - 0.625).abs() < 1e-12 && (p(1.0) - 0.375 * 2f64.ln()).abs() < 1e-12);
}

fn normal(rng: &mut ChaCha8Rng, dims: &[usize], std: f64) -> Tensor {
    normal_tensor(rng, dims, std).unwrap()
}

/// A model with random weights, states, and samples drawn from it.
struct Case {
    observation: Observation,
    z: Var,
    x: Tensor,
    upstream: Tensor,
}

fn case(seed: u64, kind: ObservationKind, n_channels: usize, latent: usize, dims: [usize; 2], missing: f64) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let var = |tensor: Tensor| Var::from_tensor(&tensor).unwrap();
    let observation = Observation {
        kind,
        weight: var(normal(&mut rng, &[n_channels, latent], 0.6)),
        bias: var(normal(&mut rng, &[n_channels], 0.5)),
        auxiliary: kind.family().auxiliary().map(|_| var(normal(&mut rng, &[n_channels], 1.0))),
        nuisance: None,
    };
    let z = normal(&mut rng, &[dims[0], dims[1], latent], 1.0);
    let frozen = observation.freeze().unwrap();
    let mut x = Vec::new();
    for z in z.reshape((dims[0] * dims[1], latent)).unwrap().to_vec2::<f32>().unwrap() {
        let z: Vec<f64> = z.into_iter().map(f64::from).collect();
        let mean = DMatrix::from_row_slice(1, n_channels, &frozen.mean(&[&z], &[]));
        for &value in frozen.draw(&mut rng, &mean).iter() {
            x.push(if rand::RngExt::random_bool(&mut rng, missing) { f32::NAN } else { value as f32 });
        }
    }
    let x = Tensor::from_vec(x, (dims[0], dims[1], n_channels), &Device::Cpu).unwrap();
    Case { observation, z: var(z), x, upstream: normal(&mut rng, &dims, 1.0) }
}

/// The same log-likelihoods through candle's elementwise operations and autograd, in f64.
fn by_autograd(observation: &Observation, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    let double = |tensor: &Tensor| tensor.to_dtype(DType::F64);
    let (batch, time, n_channels) = x.dims3()?;
    let seen: Vec<f64> = x.flatten_all()?.to_vec1::<f32>()?.iter().map(|x| f64::from(u8::from(!x.is_nan()))).collect();
    let seen = Tensor::from_vec(seen, (batch, time, n_channels), &Device::Cpu)?;
    let filled: Vec<f64> =
        x.flatten_all()?.to_vec1::<f32>()?.iter().map(|&x| if x.is_nan() { 0.0 } else { f64::from(x) }).collect();
    let ln_factorials = filled.iter().map(|&x| ln_gamma(x + 1.0)).collect::<Vec<_>>();
    let largest = filled.iter().copied().fold(0.0, f64::max) as usize;
    let x = Tensor::from_vec(filled, (batch, time, n_channels), &Device::Cpu)?;
    let ln_factorials = Tensor::from_vec(ln_factorials, (batch, time, n_channels), &Device::Cpu)?;
    let latent = z.dim(D::Minus1)?;
    let eta = double(z)?
        .reshape((batch * time, latent))?
        .matmul(&double(&observation.weight)?.t()?)?
        .reshape((batch, time, n_channels))?
        .broadcast_add(&double(&observation.bias)?)?;
    // Rates are bounded there, so that no draw of weights and states overflows.
    let eta = match observation.kind.is_counts() {
        true => eta.clamp(f64::from(LOG_RATE_RANGE.0), f64::from(LOG_RATE_RANGE.1))?,
        false => eta,
    };
    let theta = match &observation.auxiliary {
        Some(theta) => double(theta)?.broadcast_as((batch, time, n_channels))?,
        None => x.zeros_like()?,
    };
    let terms = match observation.kind {
        ObservationKind::Gaussian | ObservationKind::Bold { .. } => {
            let log_std = theta.maximum(-4.0)?;
            let scaled = ((&x - &eta)? * log_std.neg()?.exp()?)?;
            ((scaled.sqr()? * -0.5)? - log_std)?.affine(1.0, -0.5 * std::f64::consts::TAU.ln())?
        }
        ObservationKind::Poisson => ((&x * &eta)? - eta.exp()?)?.sub(&ln_factorials)?,
        ObservationKind::NegativeBinomial => {
            let (mean, size) = (eta.exp()?, theta.exp()?);
            let log_total = (&mean + &size)?.log()?;
            // ln Γ(x + r) − ln Γ(r), as the sum it is for whole x.
            let mut rising = x.zeros_like()?;
            for j in 0..largest {
                let counted = x.gt(j as f64)?.to_dtype(DType::F64)?;
                rising = (rising + (counted * (&size + j as f64)?.log()?)?)?;
            }
            let powers = ((&size * (&theta - &log_total)?)? + (&x * (&eta - &log_total)?)?)?;
            (rising + powers)?.sub(&ln_factorials)?
        }
        ObservationKind::ZeroInflatedPoisson => {
            let silent = (theta.neg()?.exp()? + 1.0)?.recip()?;
            let active = (silent.neg()? + 1.0)?;
            let rate = eta.exp()?;
            let at_zero = (&silent + (&active * rate.neg()?.exp()?)?)?.log()?;
            let above = (active.log()? + ((&x * &eta)? - rate)?)?.sub(&ln_factorials)?;
            let zero = x.eq(0.0)?.to_dtype(DType::F64)?;
            ((&zero * at_zero)? + ((zero.neg()? + 1.0)? * above)?)?
        }
    };
    (terms * seen)?.sum(D::Minus1)?.to_dtype(DType::F32)
}

type LogProb = fn(&Observation, &Tensor, &Tensor) -> Result<Tensor>;

/// Values, and the gradient of their weighted sum in every variable.
fn values_and_gradients(case: &Case, log_prob: LogProb) -> (Vec<f32>, Vec<(String, Vec<f32>)>) {
    let values = log_prob(&case.observation, &case.x, &case.z).unwrap();
    let gradients = (&values * &case.upstream).unwrap().sum_all().unwrap().backward().unwrap();
    let mut named: Vec<(String, &Var)> =
        case.observation.named().into_iter().map(|(name, var)| (name.to_string(), var)).collect();
    named.push(("z".to_string(), &case.z));
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let gradients = named.into_iter().map(|(name, var)| (name, flat(gradients.get(var).unwrap()))).collect();
    (flat(&values), gradients)
}

/// The sizes of the terms of each log-likelihood: `x η`, `e^η` and the like, which cancel to something much smaller.
/// Single precision loses some 1e-7 of these, however small what is left.
fn cancelling(case: &Case) -> Vec<f64> {
    let flat = |tensor: &Tensor| -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
    };
    let observation = &case.observation;
    let (weight, bias, z, x) = (flat(&observation.weight), flat(&observation.bias), flat(&case.z), flat(&case.x));
    let theta = observation.auxiliary.as_ref().map_or(vec![0.0; bias.len()], |theta| flat(theta));
    let latent = weight.len() / bias.len();
    z.chunks_exact(latent)
        .zip(x.chunks_exact(bias.len()))
        .map(|(z, x)| {
            let channels = weight.chunks_exact(latent).zip(&bias).zip(&theta).zip(x);
            let seen = channels.filter(|(_, x)| !x.is_nan());
            seen.map(|(((weight, bias), theta), x)| {
                let products = || weight.iter().zip(z).map(|(w, z)| w * z);
                let (eta, size) =
                    (bias + products().sum::<f64>(), 1.0 + bias.abs() + products().map(f64::abs).sum::<f64>());
                match observation.kind.is_counts() {
                    true => (x + eta.exp() + theta.exp()) * (size + theta.abs()),
                    false => {
                        (size + x.abs()) * (-theta.max(-4.0)).exp() * (1.0 + (x - eta).abs() * (-theta.max(-4.0)).exp())
                    }
                }
            })
            .sum()
        })
        .collect()
}

fn norm(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|v| v * v).sum::<f32>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_fused_likelihood_agrees_with_autograd(
        seed in 0u64..1000,
        kind in prop::sample::select(KINDS.to_vec()),
        n_channels in 1usize..7,
        latent in 1usize..5,
        batch in 1usize..4,
        time in 1usize..20,
        missing in prop_oneof![Just(0.0), Just(0.3), Just(1.0)],
    ) {
        let case = case(seed, kind, n_channels, latent, [batch, time], missing);
        let (fused, fused_gradients) = values_and_gradients(&case, |o, x, z| o.log_prob(x, z, None));
        let (plain, plain_gradients) = values_and_gradients(&case, by_autograd);
        let cancelling = cancelling(&case);
        for ((fused, plain), terms) in fused.iter().zip(&plain).zip(&cancelling) {
            let allowed = 1e-5 * (1.0 + plain.abs()) + 5e-7 * *terms as f32;
            prop_assert!((fused - plain).abs() <= allowed, "{kind}: {fused} {plain}");
        }
        // Each term of a gradient is one of those, times the weight it has in the sum and a state or a loading.
        let largest = case.observation.weight.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
            .max(case.z.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap());
        let upstream = case.upstream.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let terms = largest.max(1.0) * norm(upstream.iter().zip(&cancelling).map(|(u, terms)| u * *terms as f32));
        for ((name, fused), (_, plain)) in fused_gradients.iter().zip(&plain_gradients) {
            let difference = norm(fused.iter().zip(plain).map(|(f, p)| f - p));
            let size = norm(plain.iter().copied());
            prop_assert!(difference <= 1e-5 * (1.0 + size) + 5e-7 * terms, "{kind} {name}: {difference} of {size}");
        }
    }

    /// Two routes to one number: single precision by tables and series, double precision by definition.
    #[test]
    fn the_fused_likelihood_agrees_with_the_frozen_one(
        kind in prop::sample::select(KINDS.to_vec()),
        eta in -6.0f64..6.0,
        theta in -3.9f64..9.0,
        x in prop_oneof![Just(0.0), 0.0f64..20.0, 0.0f64..4000.0],
    ) {
        let x = if kind.is_counts() { x.round() } else { 0.01 * x };
        let one = |value: f64| Var::from_vec(vec![value as f32], 1, &Device::Cpu).unwrap();
        let observation = Observation {
            kind,
            weight: Var::zeros((1, 1), DType::F32, &Device::Cpu).unwrap(),
            bias: one(eta),
            auxiliary: kind.family().auxiliary().map(|_| one(theta)),
            nuisance: None,
        };
        let at = |value: f64| Tensor::from_vec(vec![value as f32], (1, 1, 1), &Device::Cpu).unwrap();
        let fused = observation.log_prob(&at(x), &at(0.0), None).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let frozen = observation.freeze().unwrap().log_prob(&[f64::from(x as f32)], &[&[0.0]], &[]);
        // Terms of the size of x cancel in single precision.
        let scale = 1.0 + frozen.abs() + x * (1.0 + eta.abs());
        prop_assert!((f64::from(fused[0]) - frozen).abs() <= 2e-6 * scale, "{kind}: {} {frozen}", fused[0]);
    }
}

#[test]
fn a_gaussian_starts_with_latents_of_unit_variance() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let data = DMatrix::from_fn(400, 3, |t, i| (0.1 * (i + 1) as f64 * t as f64).sin() * (i + 1) as f64);
    let start = Observation::init(&mut rng, ObservationKind::Gaussian, &data, 2, 0).unwrap().freeze().unwrap();
    let centred = DMatrix::from_fn(400, 3, |t, i| data[(t, i)] - start.bias[i]);
    let latent = centred * start.weight.pseudo_inverse(1e-9).unwrap().transpose();
    for variance in latent.row_variance().iter() {
        assert!((variance - 1.0).abs() < 0.1, "{variance}");
    }
}

/// Worked out with SciPy 1.17: `(poisson.pmf(k, r) * 2 * sqrt(k + 3/8)).sum()`.
#[test]
fn an_expectation_over_counts_is_that_of_the_distribution() {
    let frozen = FrozenObservation {
        kind: ObservationKind::Poisson,
        weight: DMatrix::zeros(1, 1),
        bias: vec![0.0],
        auxiliary: vec![0.0],
        nuisance: DMatrix::zeros(1, 0),
        response: vec![1.0],
    };
    let expected = [(0.2, 1.4414747876274934), (3.0, 3.537928407972693), (15.0, 7.778152231898053)];
    for (rate, expected) in expected {
        let found = frozen.expectation(0, rate, |x| 2.0 * (x + 0.375).sqrt());
        assert!((found - expected).abs() < 1e-9, "{rate}: {found}");
    }
}
