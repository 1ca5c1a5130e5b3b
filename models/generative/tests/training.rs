//! Training on systems whose dynamics are known.

use std::f64::consts::TAU;
use std::ops::ControlFlow;

use nullcline_models::judging::{JudgePlan, Verdict, judge};
use nullcline_models::latent::LatentFamily;
use nullcline_models::training::{
    Checkpoint, ForcingKind, OptimiserKind, Schedule, Start, Task, TrainError, TrainPlan, Trained, train,
};
use nullcline_models::{EncoderPlan, ModelPlan, ObservationKind, SequenceVae, Series, Split, SplitPlan};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

/// A noisy oscillation with a period of 25 samples, seen through four channels.
fn oscillation(n_times: usize) -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let observed = (0..n_times).flat_map(|t| {
        let phase = TAU * t as f64 / 25.0;
        let noise: [f64; 4] = std::array::from_fn(|_| 0.1 * rng.sample::<f64, _>(StandardNormal));
        let clean = [phase.sin(), phase.cos(), phase.sin() - phase.cos(), 0.5 * phase.cos()];
        std::array::from_fn::<f32, 4, _>(|i| (1.4 * clean[i] + noise[i]) as f32)
    });
    Series::new(observed.collect(), 4, vec![], 0).unwrap()
}

/// The same oscillation as the log rate of twelve units.
fn spiking_oscillation(n_times: usize) -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut counts = Vec::with_capacity(12 * n_times);
    for t in 0..n_times {
        for unit in 0..12 {
            let phase = TAU * (t as f64 / 25.0 + unit as f64 / 12.0);
            counts.push(rng.sample(Poisson::new((0.8 * phase.sin()).exp()).unwrap()) as f32);
        }
    }
    Series::new(counts, 12, vec![], 0).unwrap()
}

fn gaussian_plan(latent_dim: usize) -> ModelPlan {
    ModelPlan {
        family: LatentFamily::Shallow,
        latent_dim,
        hidden_dim: 20,
        observation: ObservationKind::Gaussian,
        encoder: EncoderPlan::PseudoInverse,
        max_observed_dim: 8,
    }
}

fn poisson_plan() -> ModelPlan {
    ModelPlan {
        observation: ObservationKind::Poisson,
        encoder: EncoderPlan::Convolutional { kernel: 8, hidden: 24, layers: 1 },
        ..gaussian_plan(3)
    }
}

fn short() -> TrainPlan {
    TrainPlan { epochs: 30, batches_per_epoch: 20, validate_every: 5, ..TrainPlan::default() }
}

fn split(series: &Series) -> Split {
    Split::new(series.n_times(), &SplitPlan::default()).unwrap()
}

fn fit(
    series: &Series,
    model: &ModelPlan,
    plan: &TrainPlan,
    resume: Option<Checkpoint>,
) -> Result<Trained, TrainError> {
    let judge_plan = JudgePlan::default();
    let task = Task { series, split: &split(series), model, train: plan, judge: &judge_plan, threads: 1 };
    train(5, &task, resume, &mut |_, _| ControlFlow::Continue(()))
}

#[test]
fn an_oscillation_is_learned_and_runs_on_freely() {
    let series = oscillation(1500);
    let trained = fit(&series, &gaussian_plan(2), &short(), None).unwrap();
    let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
    assert_eq!(judged.verdict, Verdict::Faithful, "{}", judged.reason);
    // The noise is 0.01 of the unit variance; a model that knows the phase predicts all but that.
    assert!(judged.model.pe.unwrap() < 0.1, "{:?}", judged.model);
    assert!(judged.model.d_h.unwrap() < 0.2, "{:?}", judged.model);
    let names: Vec<&str> = judged.rivals.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["same recording, earlier", "phase surrogate"]);
    assert_eq!(names.last(), Some(&"constant"));
}

/// One channel of the oscillation: its sample does not tell the phase, four of them do.
fn one_channel(n_times: usize) -> Series {
    let all = oscillation(n_times);
    Series::new(all.observed.chunks_exact(4).map(|row| row[0]).collect(), 1, vec![], 0).unwrap()
}

fn delays_plan(family: LatentFamily) -> ModelPlan {
    ModelPlan { family, encoder: EncoderPlan::Delays { lags: 8 }, ..gaussian_plan(4) }
}

/// The start is a linear model already, and the first of the checkpoints.
#[test]
fn a_linear_start_foretells_what_one_sample_does_not_tell() {
    let series = one_channel(1500);
    let plan = TrainPlan { start: Start::Linear, epochs: 1, batches_per_epoch: 1, learning_rate: [1e-9; 2], ..short() };
    for family in [LatentFamily::Shallow, LatentFamily::ClippedShallow] {
        let trained = fit(&series, &delays_plan(family), &plan, None).unwrap();
        let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
        assert!(judged.model.pe.unwrap() < 0.1, "{family}: {:?}", judged.model);
        let blind = fit(&series, &ModelPlan { family, ..gaussian_plan(1) }, &plan, None).unwrap();
        let blind = judge(1, &blind.model, &series, &split(&series), &JudgePlan::default()).unwrap();
        assert!(blind.model.pe.unwrap() > 0.5, "{family}: {:?}", blind.model);
    }
    let refused = fit(&series, &delays_plan(LatentFamily::AlmostLinear), &plan, None).unwrap_err().to_string();
    assert_eq!(refused, "need shPLRNN or clippedShPLRNN to start from a linear model, found ALRNN");
}

/// Every window of three samples in the held-out end lacks one.
#[test]
fn a_part_that_tells_no_state_is_named_before_training() {
    let mut series = oscillation(400);
    let held_out = split(&series).held_out;
    for t in held_out.step_by(3) {
        series.observed[4 * t] = f32::NAN;
    }
    let plan = ModelPlan { encoder: EncoderPlan::Delays { lags: 3 }, ..gaussian_plan(3) };
    let message = fit(&series, &plan, &short(), None).unwrap_err().to_string();
    assert_eq!(message, "need a stretch without gaps from which a state can be told to judge the model, found none");
}

/// A tenth of the samples is missing, in stretches and in single channels: the phase is learned all the same.
#[test]
fn gaps_are_trained_around() {
    let mut series = oscillation(1500);
    for (t, row) in series.observed.chunks_exact_mut(4).enumerate() {
        if t % 100 < 6 {
            row.fill(f32::NAN);
        } else if t % 25 == 0 {
            row[t / 25 % 4] = f32::NAN;
        }
    }
    let linear = TrainPlan { start: Start::Linear, epochs: 4, learning_rate: [1e-4; 2], ..short() };
    let delays = ModelPlan { encoder: EncoderPlan::Delays { lags: 3 }, ..gaussian_plan(3) };
    let convolution =
        ModelPlan { encoder: EncoderPlan::Convolutional { kernel: 6, hidden: 24, layers: 1 }, ..gaussian_plan(3) };
    for (model, plan) in [(gaussian_plan(2), short()), (delays, linear), (convolution, short())] {
        let trained = fit(&series, &model, &plan, None).unwrap();
        let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
        assert!(judged.model.pe.unwrap() < 0.2, "{:?}: {:?}", model.encoder, judged.model);
        assert_eq!(judged.verdict, Verdict::Faithful, "{:?}: {}", model.encoder, judged.reason);
    }
}

#[test]
fn counts_are_predicted_better_than_by_their_mean_rates() {
    let series = spiking_oscillation(2000);
    let trained = fit(&series, &poisson_plan(), &short(), None).unwrap();
    let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
    // Knowing the phase exactly is worth E[λ ln λ] / E[λ] − ln E[λ] ≈ 0.14 nats a spike here, 0.21 bits.
    let bits = judged.model.bits_per_spike.unwrap();
    assert!(bits > 0.1, "{bits} bits per spike, rivals {:?}", judged.rivals);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let series = oscillation(400);
    let plan = TrainPlan { epochs: 3, ..short() };
    let weights = || {
        let model = fit(&series, &gaussian_plan(2), &plan, None).unwrap().model;
        let tensors = model.to_tensors().unwrap().into_iter();
        let bits = tensors.map(|(name, tensor)| {
            let values = tensor.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap();
            (name, values.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits).collect::<Vec<u64>>())
        });
        bits.collect::<Vec<_>>()
    };
    let first = weights();
    assert!(first.iter().any(|(name, _)| name == "noise.cholesky"));
    assert!(first == weights());
}

fn check_resume(series: &Series, model: &ModelPlan, plan: &TrainPlan) {
    let plan = TrainPlan { epochs: 8, batches_per_epoch: 5, validate_every: 2, ..plan.clone() };
    let whole = fit(series, model, &plan, None).unwrap();
    let mut saved: Option<Checkpoint> = None;
    let (split, judge) = (split(series), JudgePlan::default());
    let task = Task { series, split: &split, model, train: &plan, judge: &judge, threads: 1 };
    let stopped = train(5, &task, None, &mut |record, checkpoint| {
        saved = checkpoint.cloned().or(saved.take());
        if record.epoch == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(TrainError::Stopped { epoch: 5 })));
    let saved = saved.unwrap();
    assert_eq!(saved.history.len(), 4);
    let resumed = fit(series, model, &plan, Some(saved)).unwrap();
    assert_eq!(whole.history, resumed.history);
    let weights = |trained: &Trained| {
        let tensors = trained.model.to_tensors().unwrap();
        tensors
            .iter()
            .map(|(name, tensor)| format!("{name} {tensor:?} {}", tensor.flatten_all().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(weights(&whole), weights(&resumed));
}

#[test]
fn an_interrupted_training_goes_on_as_if_it_had_not_been() {
    check_resume(&oscillation(400), &gaussian_plan(2), &TrainPlan::default());
    check_resume(&spiking_oscillation(400), &poisson_plan(), &TrainPlan::default());
    let linear = TrainPlan { start: Start::Linear, ..TrainPlan::default() };
    check_resume(&oscillation(400), &delays_plan(LatentFamily::Shallow), &linear);
    // Adaptive forcing and decay have a state of their own.
    let adaptive = TrainPlan {
        forcing: ForcingKind::Adaptive,
        alpha: [0.8, 0.8],
        optimiser: OptimiserKind::Adamw,
        weight_decay: 0.01,
        latent_penalty: 1e-4,
        observation_penalty: 1e-4,
        patience: 3,
        ..TrainPlan::default()
    };
    check_resume(&oscillation(400), &gaussian_plan(2), &adaptive);
}

/// Every family, forcing and optimiser, on a signal that all of them can learn.
#[test]
fn every_way_of_training_learns_an_oscillation() {
    let series = oscillation(1500);
    let sparse = TrainPlan { forcing: ForcingKind::Sparse, forcing_interval: 5, ..short() };
    let adaptive = TrainPlan { forcing: ForcingKind::Adaptive, alpha: [0.5, 0.5], ..short() };
    let adamw = TrainPlan {
        optimiser: OptimiserKind::Adamw,
        weight_decay: 1e-3,
        schedule: Schedule::Cosine,
        warmup_epochs: 2,
        ..short()
    };
    let families = LatentFamily::ALL.map(|family| (family, short()));
    let ways = [sparse, adaptive, adamw].map(|plan| (LatentFamily::Shallow, plan));
    for (family, plan) in families.into_iter().chain(ways) {
        let hidden_dim = if family == LatentFamily::AlmostLinear { 2 } else { 20 };
        let model = ModelPlan { family, hidden_dim, ..gaussian_plan(2) };
        let trained = fit(&series, &model, &plan, None).unwrap();
        let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
        // A constant scores 1. Two units without a hidden layer cannot hold a cycle, but they predict.
        let enough = match family {
            LatentFamily::Shallow | LatentFamily::ClippedShallow => 0.2,
            LatentFamily::AlmostLinear | LatentFamily::PiecewiseLinear => 0.7,
        };
        assert!(judged.model.pe.unwrap() < enough, "{family} {:?}: {:?}", plan.forcing, judged.model);
    }
}

#[test]
fn adaptive_forcing_follows_the_jacobians() {
    let series = oscillation(600);
    let plan = TrainPlan { forcing: ForcingKind::Adaptive, alpha: [1.0, 1.0], epochs: 4, ..short() };
    let history = fit(&series, &gaussian_plan(2), &plan, None).unwrap().history;
    // The map starts as a contraction: no forcing is needed, and α decays from its first value by .999 a look.
    let looks = (20.0 * 4.0) / 5.0;
    assert!((history[3].alpha - 0.999f64.powf(looks)).abs() < 1e-9, "{:?}", history[3]);
}

#[test]
fn training_without_progress_ends_early() {
    let series = oscillation(400);
    let plan = TrainPlan {
        epochs: 50,
        batches_per_epoch: 1,
        // Steps too small to change a validation score.
        learning_rate: [1e-12, 1e-12],
        validate_every: 1,
        patience: 2,
        ..TrainPlan::default()
    };
    let trained = fit(&series, &gaussian_plan(2), &plan, None).unwrap();
    // The first, and two that are no better.
    assert_eq!(trained.history.len(), 3, "{:?}", trained.history);
}

#[test]
fn a_loss_that_is_not_finite_names_its_epoch() {
    let series = oscillation(400);
    // The first step goes so far that the second sees no number.
    let plan = TrainPlan { learning_rate: [1e30, 1e30], max_gradient_norm: f64::INFINITY, ..short() };
    match fit(&series, &gaussian_plan(2), &plan, None) {
        Err(TrainError::NotFinite { what: "loss", value, epoch: 1 }) => assert!(!value.is_finite()),
        other => panic!("{other:?}"),
    }
}

/// Trials that each begin far out and come to rest: who starts once sees one of them, who starts in each sees all.
#[test]
fn the_linear_rival_starts_in_every_trial_as_the_model_does() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let (n_trials, length) = (40, 50);
    let mut observed = Vec::new();
    for _ in 0..n_trials {
        let mut x = [4.0f64, -3.0];
        for _ in 0..length {
            observed.extend(x.map(|x| x as f32));
            x = x.map(|x| 0.85 * x + 0.1 * rng.sample::<f64, _>(StandardNormal));
        }
    }
    let series = Series::new(observed, 2, vec![], 0).unwrap().with_trials(&vec![length; n_trials]).unwrap();
    let split = split(&series);
    let model = SequenceVae::init(&mut rng, &gaussian_plan(2), &series, split.training()).unwrap();
    let judged = judge(1, &model, &series, &split, &JudgePlan::default()).unwrap();
    let d_stsp =
        |name: &str| judged.rivals.iter().find(|(rival, _)| rival.starts_with(name)).unwrap().1.d_stsp.unwrap();
    assert!(d_stsp("VAR") < 0.1 * d_stsp("constant"), "{:?}", judged.rivals);
    assert!(d_stsp("VAR") < 2.0 * d_stsp("same recording"), "{:?}", judged.rivals);
}

#[test]
fn external_inputs_move_the_latent_state() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut x, mut observed, mut inputs) = (0.0f64, Vec::new(), Vec::new());
    for t in 0..1200 {
        let pulse = f64::from(u8::from(t % 40 < 3));
        observed.push((x + 0.02 * rng.sample::<f64, _>(StandardNormal)) as f32);
        inputs.push(pulse as f32);
        x = 0.9 * x + pulse;
    }
    let series = Series::new(observed, 1, inputs, 1).unwrap();
    let plan = TrainPlan { learning_rate: [2e-2, 1e-3], ..short() };
    let trained = fit(&series, &gaussian_plan(1), &plan, None).unwrap();
    let judged = judge(1, &trained.model, &series, &split(&series), &JudgePlan::default()).unwrap();
    let constant = judged.rivals.last().unwrap().1.pe.unwrap();
    assert!(judged.model.pe.unwrap() < 0.05 * constant, "{:?} against {constant}", judged.model);
}
