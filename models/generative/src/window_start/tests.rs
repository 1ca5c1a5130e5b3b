use nullcline_dynamics::{LyapunovPlan, lyapunov_exponents};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

use super::Effort;
use super::chains::Rein;
use super::counts::{Counts, Windows};
use super::distil::{DistilPlan, distil};
use super::lessons::Lessons;
use super::likelihood::{Likelihood, alike};
use super::model::{QuadraticModel, Shape};
use super::search::{Round, Search};
use super::sleep::SleepPlan;
use crate::latent::{LatentFamily, LatentParameters, LatentShape, Workspace};
use crate::{EncoderPlan, ModelPlan, ObservationKind, SequenceVae, Series, Split, Surroundings};

const FREE: Rein = Rein { longest: f64::INFINITY, keep: 1.0 };

fn normal(rng: &mut ChaCha8Rng, n: usize, std: f64) -> Vec<f64> {
    (0..n).map(|_| std * rng.sample::<f64, _>(StandardNormal)).collect()
}

fn windows(rng: &mut ChaCha8Rng, n: usize, length: usize, n_channels: usize) -> Windows<f64> {
    let values = (0..n * length * n_channels).map(|_| f64::from(rng.random_range(0..4)));
    Windows { values: values.collect(), length, starts: vec![0; n], baseline: vec![0.0; n] }
}

/// Central differences in every parameter, with trajectories inside, at the clip, and where escape costs.
#[test]
fn the_gradient_is_that_of_finite_differences() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for latent_dim in [1, 2, 3] {
        let shape = Shape { latent_dim, n_channels: 2 };
        let mut model = QuadraticModel { shape, values: normal(&mut rng, shape.n_parameters(), 0.2) };
        let start: Vec<f64> = normal(&mut rng, 32 * latent_dim, 3.0);
        let weights: Vec<f64> = (0..32).map(|k| f64::from(1 + k % 3) / 63.0).collect();
        // More than one block of them.
        let windows = windows(&mut rng, 400, 5, 2);
        let found = model.evaluate(&start, &weights, &windows, FREE).gradient;
        let size = found.iter().map(|g| g * g).sum::<f64>().sqrt();
        for (at, &found) in found.iter().enumerate() {
            let mut loss = |shift: f64| {
                model.values[at] += shift;
                let loss = model.evaluate(&start, &weights, &windows, FREE).loss;
                model.values[at] -= shift;
                loss
            };
            let expected = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 1e-6 * size, "M {latent_dim}, {at}: {found} against {expected}");
        }
    }
}

/// Two bins of one channel, every trajectory counted on its own by the definition.
#[test]
fn the_gain_is_the_mean_over_trajectories_of_whole_windows() {
    let log_rates: Vec<f64> = (0..32).map(|at| (f64::from(at) * 0.37).sin()).collect();
    let counts = [[0.0, 3.0], [2.0, 1.0], [1.0, 1.0]];
    let constant: f64 = 1.3;
    let poisson = |y: f64, rate: f64| rate.powf(y) * (-rate).exp() / [1.0, 1.0, 2.0, 6.0][y as usize];
    let mut expected = 0.0;
    for window in &counts {
        let along = |k: usize| {
            window.iter().enumerate().map(|(t, &y)| poisson(y, log_rates[16 * t + k].exp())).product::<f64>()
        };
        let mean = (0..16).map(along).sum::<f64>() / 16.0;
        let base: f64 = window.iter().map(|&y| poisson(y, constant)).product();
        expected += (mean / base).ln() / 6.0;
    }
    let rows: Vec<f32> = counts.iter().flatten().map(|&y| y as f32).collect();
    let series = Series::new(rows, 1, vec![], 0).unwrap();
    let windows: Windows<f64> = Counts::new(&series, 0..6).windows(2, [0.0; 2], 9, &[constant]);
    let found = Likelihood { windows: &windows, log_rates: &log_rates, weights: &alike(16) }.gain();
    assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
}

/// Bins say where they are: no window spans two trials or holds a gap.
#[test]
fn windows_lie_inside_runs_and_lack_nothing() {
    let mut values: Vec<f32> = (0..60).map(|t| t as f32).collect();
    values[33] = f32::NAN;
    let series = Series::new(values, 1, vec![], 0).unwrap().with_trials(&[25, 4, 31]).unwrap();
    let counts = Counts::new(&series, 0..58);
    let starts = |from, most| {
        let windows: Windows<f32> = counts.windows(5, from, most, &counts.mean);
        for (window, &start) in windows.values.chunks_exact(5).zip(&windows.starts) {
            assert!(window.iter().zip(start..).all(|(&x, t)| x == t as f32), "{window:?} from {start}");
        }
        windows.starts
    };
    // The gap at 33 lies in the window from 29 on.
    assert_eq!(starts([0.0, 0.0], 99), [0, 5, 10, 15, 20, 34, 39, 44, 49]);
    assert_eq!(starts([0.5, 0.0], 99), [2, 7, 12, 17, 36, 41, 46, 51]);
    assert_eq!(starts([0.0, 0.0], 5), [0, 10, 20, 39, 49]);
    assert_eq!(starts([0.0, 0.5], 5), [5, 15, 34, 44]);
}

/// A rotation of twelve bins in the plane shows in the log rates of four units.
fn rotation(n_times: usize) -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let counts = (0..n_times).flat_map(|t| {
        std::array::from_fn::<f32, 4, _>(|unit| {
            let phase = std::f64::consts::TAU * (t as f64 / 12.0 + unit as f64 / 4.0);
            rng.sample(Poisson::new((1.0 + 0.7 * phase.sin()).exp()).unwrap()) as f32
        })
    });
    Series::new(counts.collect(), 4, vec![], 0).unwrap()
}

fn plan(family: LatentFamily, observation: ObservationKind) -> ModelPlan {
    ModelPlan {
        family,
        latent_dim: 2,
        hidden_dim: 20,
        observation,
        encoder: EncoderPlan::Convolutional { kernel: 8, hidden: 16, layers: 1 },
        max_observed_dim: 4,
    }
}

fn small() -> Search {
    let mut search = Search::thorough();
    let stage = super::descent::Stage {
        window: 12,
        iterations: 800,
        chains: 64,
        learning_rate: [4e-3, 4e-4],
        ..search.rounds[0].stage
    };
    search.starts = 2;
    search.judged_window = 30;
    search.rounds = vec![Round { stage, iterations: 0..600, survivors: 1 }];
    search
}

#[test]
fn the_period_is_read_from_the_counts() {
    let series = rotation(2000);
    let period = Counts::new(&series, 0..2000).period(30);
    assert!((period - 12.0).abs() < 0.7, "{period}");
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let series = rotation(600);
    let (fit, validation) = (Counts::new(&series, 0..480), Counts::new(&series, 480..600));
    let run = |threads| small().run(7, &fit, &validation, 2, threads);
    let (alone, together) = (run(1), run(2));
    assert_eq!(alone.0.values, together.0.values);
    assert_eq!(alone.1.to_bits(), together.1.to_bits());
}

/// Nearly all that the true rates would gain over constant ones is found, and the map goes on rotating by itself.
#[test]
fn a_rotation_is_found_in_its_counts() {
    let series = rotation(3000);
    let (fit, validation) = (Counts::new(&series, 0..2400), Counts::new(&series, 2400..3000));
    let mut search = small();
    search.rounds[0].stage.chains = 256;
    let (model, gain) = search.run(1, &fit, &validation, 2, 1);
    // Of twelve phases one is right: windows of 30 bins cost ln 12 to place.
    let truth: f64 = (0..12)
        .map(|t| {
            let log_rate = 1.0 + 0.7 * (std::f64::consts::TAU * f64::from(t) / 12.0).sin();
            4.0 * log_rate.exp() * (log_rate - fit.mean[0].ln()) - 4.0 * (log_rate.exp() - fit.mean[0])
        })
        .sum::<f64>()
        / 12.0;
    let expected = truth - 12f64.ln() / 30.0;
    assert!(gain > 0.7 * expected, "{gain} of {expected}");
    let start = [vec![0.5; 16], vec![0.5; 16]].concat();
    let (states, _) = model.run(&model.run_to(&start, 500), 240);
    let z: Vec<f64> = (0..240).map(|t| states.state(t, 0)[0]).collect();
    let mean = z.iter().sum::<f64>() / 240.0;
    let crossings = z.windows(2).filter(|two| two[0] < mean && two[1] >= mean).count();
    assert!((19..=21).contains(&crossings), "{crossings} periods in 240 bins");
}

/// Map, loadings and encoder together: the states that are read from the counts tell the phase, and the model goes on
/// rotating from there.
#[test]
fn a_model_that_starts_from_windows_reads_and_generates() {
    let series = rotation(3000);
    let split = Split { fit: 0..2000, validation: 2000..2400, held_out: 2400..3000 };
    let plan = plan(LatentFamily::Shallow, ObservationKind::Poisson);
    let model = SequenceVae::init(&mut ChaCha8Rng::seed_from_u64(1), &plan, &series, split.training()).unwrap();
    let mut search = small();
    search.rounds[0].stage.chains = 256;
    let effort = Effort {
        search,
        distil: DistilPlan { iterations: 2000, ..DistilPlan::THOROUGH },
        sleep: SleepPlan { iterations: 200, simulated: 5000, ..SleepPlan::THOROUGH },
    };
    model.start_windows_with(&effort, 1, &series, &split, 1).unwrap();
    let frozen = model.freeze().unwrap();
    let states = model.encode(&series, 2400..3000).unwrap();
    let log_rate = |t: usize, unit: usize| {
        1.0 + 0.7 * (std::f64::consts::TAU * ((2400 + t) as f64 / 12.0 + unit as f64 / 4.0)).sin()
    };
    // Read at sample t, and half a period ahead of it, where standing still is as wrong as can be.
    for ahead in [0, 6] {
        let (mut error, mut n) = (0.0, 0.0);
        for t in 7..500 {
            let z: Vec<f64> = states.row(t).iter().copied().collect();
            let expected = frozen.predict(&[&z], ahead, Surroundings::Silent);
            for (unit, rate) in expected.iter().enumerate() {
                error += (rate.ln() - log_rate(t + ahead, unit)).powi(2);
                n += 1.0;
            }
        }
        // A rate that is not known has a variance of .7²/2.
        assert!(error / n < 0.5 * 0.245, "{ahead} ahead: {}", error / n);
    }
}

/// Lorenz's system in units of its attractor, one midpoint step of `dt`: `ẋ = 10 (y − x)`, `ẏ = x (28 − z) − y`,
/// `ż = x y − 8/3 z`, with `x = 8 z₁`, `y = 9 z₂`, `z = 23.5 + 8.6 z₃`.
fn lorenz(dt: f64) -> QuadraticModel<f32> {
    let shape = Shape { latent_dim: 3, n_channels: 1 };
    let [x, y, z, middle] = [8.0, 9.0, 8.6, 23.5];
    let mut values = vec![0.0; shape.n_parameters()];
    let a = [[-10.0, 10.0 * y / x, 0.0], [(28.0 - middle) * x / y, -1.0, 0.0], [0.0, 0.0, -8.0 / 3.0]];
    values[..9].copy_from_slice(&a.concat());
    // Products in order: 11, 12, 13, 22, 23, 33.
    values[9 + 6 + 2] = -x * z / y;
    values[9 + 12 + 1] = x * y / z;
    values[9 + 18 + 2] = -8.0 / 3.0 * middle / z;
    let n_dynamic = 9 + 18 + 3;
    values[..n_dynamic].iter_mut().for_each(|value| *value *= dt);
    QuadraticModel { shape, values: values.into_iter().map(|value| value as f32).collect() }
}

/// Both families follow it step by step. The shPLRNN, on its own, is about as chaotic as Lorenz's system, whose largest
/// exponent is .906 (Sprott 2003), from nearly wherever it starts.
#[test]
fn a_student_does_as_its_teacher() {
    let dt = 0.03;
    for (family, closest) in [(LatentFamily::Shallow, 0.02), (LatentFamily::ClippedShallow, 0.06)] {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let shape = LatentShape { latent_dim: 3, hidden_dim: 60, input_dim: 0 };
        let student = LatentParameters::init(&mut rng, family, shape).unwrap();
        let mut lessons = Lessons::of(&mut rng, &lorenz(dt));
        assert!(lessons.came_back > 0.8, "{}", lessons.came_back);
        let plan = DistilPlan { iterations: 3000, ..DistilPlan::THOROUGH };
        let found = distil(&mut rng, &Workspace::with_threads(1), &student, &mut lessons, &plan).unwrap();
        assert!(found.off.iter().all(|&off| off < closest) && found.lost < 0.1, "{family}: {found:?}");
        if family == LatentFamily::ClippedShallow {
            continue;
        }
        let map = student.freeze().unwrap().unwrap();
        let plan = LyapunovPlan { transient: 1000, steps: 30_000, n_exponents: 1, renormalise_every: 1 };
        let mut exponents: Vec<f64> = (0..11)
            .map(|_| lyapunov_exponents(&map, &lessons.start_around(&mut rng), &plan).unwrap()[0] / dt)
            .collect();
        exponents.sort_by(f64::total_cmp);
        assert!((0.6..1.3).contains(&exponents[5]), "{exponents:?}");
    }
}

#[test]
fn what_cannot_start_from_windows_says_why() {
    let refused = |plan: ModelPlan, n_times: usize| {
        let series = rotation(n_times);
        let split =
            Split { fit: 0..n_times / 2, validation: n_times / 2..n_times - 50, held_out: n_times - 50..n_times };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let model = SequenceVae::init(&mut rng, &plan, &series, split.training()).unwrap();
        model.start_windows(1, &series, &split, 1).unwrap_err().to_string()
    };
    assert_eq!(
        refused(plan(LatentFamily::Shallow, ObservationKind::Gaussian), 1000),
        "need Poisson counts to start from windows, found Gaussian observations"
    );
    assert_eq!(
        refused(plan(LatentFamily::AlmostLinear, ObservationKind::Poisson), 1000),
        "need shPLRNN or clippedShPLRNN to start from windows, found ALRNN"
    );
    assert_eq!(
        refused(plan(LatentFamily::Shallow, ObservationKind::Poisson), 500),
        "need 5 windows of 60 bins in one piece in the fit part to start from, found 4"
    );
    let driven = Series::new(rotation(1000).rows(0..1000).to_vec(), 4, vec![1.0; 1000], 1).unwrap();
    let plan = plan(LatentFamily::Shallow, ObservationKind::Poisson);
    let split = Split { fit: 0..700, validation: 700..900, held_out: 900..1000 };
    let model = SequenceVae::init(&mut ChaCha8Rng::seed_from_u64(1), &plan, &driven, split.training()).unwrap();
    let refusal = model.start_windows(1, &driven, &split, 1).unwrap_err().to_string();
    assert_eq!(refusal, "need counts without external inputs to start from windows, found 1 inputs");
}

/// The same numbers in single precision, but for rounding.
#[test]
fn single_precision_learns_from_the_same_gradient() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let shape = Shape { latent_dim: 5, n_channels: 3 };
    let values = normal(&mut rng, shape.n_parameters(), 0.15);
    let start = normal(&mut rng, 64 * 5, 1.5);
    let double = windows(&mut rng, 300, 8, 3);
    let single = Windows::<f32> {
        values: double.values.iter().map(|&y| y as f32).collect(),
        length: 8,
        starts: double.starts.clone(),
        baseline: double.baseline.clone(),
    };
    let narrow = |values: &[f64]| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let model = QuadraticModel { shape, values: narrow(&values) };
    let found = model.evaluate(&narrow(&start), &alike(64), &single, FREE);
    let expected = QuadraticModel { shape, values }.evaluate(&start, &alike(64), &double, FREE);
    let size = expected.gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let off = found.gradient.iter().zip(&expected.gradient).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    assert!((found.loss - expected.loss).abs() < 1e-4 && off < 1e-4 * size, "{off} of {size}");
}

/// Of chains whose adjoint outgrows the others only the direction passes; the rest is as it was.
#[test]
fn a_held_adjoint_is_as_long_as_allowed() {
    let rein = Rein { longest: 4.0, keep: 0.5 };
    let mut adjoint: Vec<f64> = [vec![3.0; 15], vec![300.0], vec![4.0; 15], vec![400.0]].concat();
    rein.hold(&mut adjoint, &mut [0.0; 16]);
    for chain in 0..15 {
        assert!((adjoint[chain] - 1.5).abs() < 1e-9 && (adjoint[16 + chain] - 2.0).abs() < 1e-9);
    }
    assert!((adjoint[15] - 6.0).abs() < 1e-9 && (adjoint[31] - 8.0).abs() < 1e-9, "{adjoint:?}");
}

/// A channel without a count, and a recording of one channel with a gap: there is a start, and states are read from whole
/// windows outside the gap alone, wherever the range begins.
#[test]
fn silent_channels_and_gaps_have_a_start() {
    let all = rotation(1500);
    let silent: Vec<f32> = (0..1500).flat_map(|t| [all.rows(t..t + 1)[0], 0.0]).collect();
    let mut single: Vec<f32> = (0..1500).map(|t| all.rows(t..t + 1)[0]).collect();
    single[700..710].fill(f32::NAN);
    for (values, n_channels) in [(silent, 2), (single, 1)] {
        let series = Series::new(values, n_channels, vec![], 0).unwrap();
        let split = Split { fit: 0..1000, validation: 1000..1300, held_out: 1300..1500 };
        let plan = plan(LatentFamily::Shallow, ObservationKind::Poisson);
        let model = SequenceVae::init(&mut ChaCha8Rng::seed_from_u64(1), &plan, &series, split.training()).unwrap();
        let effort = Effort {
            search: small(),
            distil: DistilPlan { iterations: 300, ..DistilPlan::THOROUGH },
            sleep: SleepPlan { iterations: 50, simulated: 5000, ..SleepPlan::THOROUGH },
        };
        let start = model.start_windows_with(&effort, 1, &series, &split, 1).unwrap();
        assert!(start.gain > 0.0 && start.encoder_learned, "{start:?}");
        let states = model.window_states(1, &series, 600..1000).unwrap();
        assert_eq!(states.shape(), (400, 2));
        for t in 0..400 {
            // Six windows; the gap lies in the second.
            let read = t < 360 && (n_channels == 2 || !(60..120).contains(&t));
            assert_eq!(states[(t, 0)].is_finite(), read, "{n_channels} channels, {t}: {}", states[(t, 0)]);
        }
        let other = Series::new(vec![1.0; 300], 3, vec![], 0).unwrap();
        let refusal = model.window_states(1, &other, 0..100).unwrap_err().to_string();
        assert!(refusal.ends_with("found a recording of 3"), "{refusal}");
    }
}
