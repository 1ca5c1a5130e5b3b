//! Each observation model finds its own parameters again in samples of its own.

use candle_core::{Device, Tensor, Var};
use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{FrozenObservation, Observation, ObservationKind};
use crate::random::normal_tensor;
use crate::training::{Optimiser, OptimiserKind};

const N_TIMES: usize = 4000;

/// States that wander slowly, `[T, M]`.
fn states(rng: &mut ChaCha8Rng, n_times: usize, latent_dim: usize) -> Vec<Vec<f64>> {
    let noise = normal_tensor(rng, &[n_times, latent_dim], 1.0).unwrap().to_vec2::<f32>().unwrap();
    let mut z = vec![0.0; latent_dim];
    let wander = noise.into_iter().map(|noise| {
        z.iter_mut().zip(noise).for_each(|(z, noise)| *z = 0.8 * *z + 0.6 * f64::from(noise));
        z.clone()
    });
    wander.collect()
}

fn truth(kind: ObservationKind) -> FrozenObservation {
    FrozenObservation {
        kind,
        weight: DMatrix::from_row_slice(2, 2, &[0.8, -0.4, 0.2, 0.6]),
        bias: vec![0.9, 0.4],
        auxiliary: match kind {
            ObservationKind::Poisson => vec![0.0; 2],
            ObservationKind::Gaussian | ObservationKind::Bold { .. } => vec![-0.6, 0.1],
            ObservationKind::NegativeBinomial => vec![0.3, 1.0],
            ObservationKind::ZeroInflatedPoisson => vec![-1.0, -0.3],
        },
        nuisance: DMatrix::from_row_slice(2, 1, &[0.5, -0.3]),
        response: kind.response(),
    }
}

/// Parameters of one channel: weights of states and nuisance, bias, and `θ` where there is one.
fn of_channel(model: &FrozenObservation, channel: usize) -> DVector<f64> {
    let weights = [model.weight[(channel, 0)], model.weight[(channel, 1)], model.nuisance[(channel, 0)]];
    let theta = (model.kind != ObservationKind::Poisson).then_some(model.auxiliary[channel]);
    DVector::from_vec(weights.into_iter().chain([model.bias[channel]]).chain(theta).collect())
}

fn with_channel(model: &FrozenObservation, channel: usize, values: &DVector<f64>) -> FrozenObservation {
    let mut model = model.clone();
    model.weight[(channel, 0)] = values[0];
    model.weight[(channel, 1)] = values[1];
    model.nuisance[(channel, 0)] = values[2];
    model.bias[channel] = values[3];
    if values.len() > 4 {
        model.auxiliary[channel] = values[4];
    }
    model
}

/// Standard errors of a channel's parameters, `√diag(I⁻¹)` with Fisher's information as the sum of squared scores,
/// each by central differences of the frozen model's log-likelihood.
fn standard_errors(
    model: &FrozenObservation,
    channel: usize,
    log_probs: &dyn Fn(&FrozenObservation) -> Vec<f64>,
) -> DVector<f64> {
    let parameters = of_channel(model, channel);
    let step = 1e-4;
    let columns: Vec<Vec<f64>> = (0..parameters.len())
        .map(|index| {
            let at = |change: f64| {
                let mut moved = parameters.clone();
                moved[index] += change;
                log_probs(&with_channel(model, channel, &moved))
            };
            at(step).iter().zip(at(-step)).map(|(up, down)| (up - down) / (2.0 * step)).collect()
        })
        .collect();
    let scores = DMatrix::from_fn(columns[0].len(), columns.len(), |t, i| columns[i][t]);
    let information = scores.tr_mul(&scores);
    information.try_inverse().expect("every parameter matters").diagonal().map(f64::sqrt)
}

fn check(kind: ObservationKind) {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let truth = truth(kind);
    let memory = truth.memory();
    let z = states(&mut rng, memory + N_TIMES, 2);
    let nuisance: Vec<[f32; 1]> = (0..N_TIMES).map(|t| [(0.05 * t as f32).sin()]).collect();
    let past = |t: usize| z[t..=t + memory].iter().map(Vec::as_slice).collect::<Vec<_>>();
    let means: Vec<f64> = (0..N_TIMES).flat_map(|t| truth.mean(&past(t), &nuisance[t])).collect();
    let x = truth.draw(&mut rng, &DMatrix::from_row_slice(N_TIMES, 2, &means));

    let tensor =
        |values: Vec<f32>, shape: (usize, usize, usize)| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<f32>>();
    let z_tensor = tensor(single(z.concat()), (1, memory + N_TIMES, 2));
    let r_tensor = tensor(nuisance.concat(), (1, N_TIMES, 1));
    let x_tensor = tensor(single(x.transpose().iter().copied().collect()), (1, N_TIMES, 2));
    let var = |values: Vec<f32>, shape: &[usize]| Var::from_vec(values, shape, &Device::Cpu).unwrap();
    let start = Observation {
        kind,
        weight: var(vec![0.1, 0.1, -0.1, 0.1], &[2, 2]),
        bias: var(vec![0.0; 2], &[2]),
        auxiliary: (kind != ObservationKind::Poisson).then(|| var(vec![0.0; 2], &[2])),
        nuisance: Some(var(vec![0.0; 2], &[2, 1])),
    };
    let variables: Vec<Var> = start.named().into_iter().map(|(_, var)| var.clone()).collect();
    let mut optimiser = Optimiser::new(OptimiserKind::Adamw, 0.0, &variables);
    let n_steps = 400;
    for step in 0..n_steps {
        let loss = start.log_prob(&x_tensor, &z_tensor, Some(&r_tensor)).unwrap().mean_all().unwrap().neg().unwrap();
        let rate = 0.1 * (0.005f64).powf(f64::from(step) / f64::from(n_steps));
        optimiser.update(&variables, &loss.backward().unwrap(), rate, f64::INFINITY).unwrap();
    }

    let found = start.freeze().unwrap();
    for channel in 0..2 {
        let log_probs = |model: &FrozenObservation| -> Vec<f64> {
            let sample = |t: usize| x.row(t).iter().copied().collect::<Vec<f64>>();
            (0..N_TIMES).map(|t| model.log_prob(&sample(t), &past(t), &nuisance[t])).collect()
        };
        let errors = standard_errors(&truth, channel, &log_probs);
        let (found, expected) = (of_channel(&found, channel), of_channel(&truth, channel));
        for (index, &error) in errors.iter().enumerate() {
            // One in 300,000 estimates lies further off; and the test is worth something only if that is not far.
            let off = (found[index] - expected[index]).abs();
            assert!(off < 4.6 * error + 1e-3, "{kind}, channel {channel}: {found} against {expected} ± {errors}");
            assert!(error < 0.12, "{kind}, channel {channel}: too little is told of the parameters, ± {errors}");
        }
    }
}

#[test]
fn a_gaussian_recovers_its_parameters() {
    check(ObservationKind::Gaussian);
}

#[test]
fn poisson_counts_recover_their_parameters() {
    check(ObservationKind::Poisson);
}

#[test]
fn negative_binomial_counts_recover_their_parameters() {
    check(ObservationKind::NegativeBinomial);
}

#[test]
fn zero_inflated_counts_recover_their_parameters() {
    check(ObservationKind::ZeroInflatedPoisson);
}

#[test]
fn bold_recovers_its_parameters_through_the_haemodynamic_response() {
    check(ObservationKind::Bold { tr_secs: 2.0 });
}
