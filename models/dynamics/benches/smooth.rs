//! Smooth maps: Jacobians and Newton's method for a GRU of 128 units, certified search of small ones, flows.
//!
//! `cargo bench -p nullcline-dynamics --bench smooth`. Beside ours stand JAX and SciPy on the same weights, where
//! `NULLCLINE_PYTHON` (or `python3`) has them.

use std::process::Command;
use std::time::Instant;

use nalgebra::DMatrix;
use nullcline_dynamics::{
    BoxPlan, Enclosed, Formula, Gru, IntegrationPlan, LimitCyclePlan, Map, NewtonPlan, Number, SmoothField, SmoothMap,
    TimeStepMap, certified_fixed_points, find_fixed_points_smooth, find_limit_cycle,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const UNITS: usize = 128;
const STARTS: usize = 1000;

fn main() {
    let weights = Weights::random(UNITS, 1.6);
    let gru = SmoothMap(weights.gru());
    let starts = weights.starts(STARTS);
    println!("{:<58} {:>12} {:>12} {:>12}", "", "median", "fastest", "slowest");
    let mut checksum = 0.0;
    let jacobians = time("Jacobians of a GRU, 128 units × 1000 states", 5, || {
        checksum = starts.iter().map(|z| gru.jacobian(z)[(0, 0)]).sum();
    });
    let plan = NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 200, marginal_tolerance: 1e-6 };
    let mut found = 0;
    let newton = time("Newton from 1000 starts, 128 units", 1, || {
        found = find_fixed_points_smooth(&gru, &starts, &plan).found.len();
    });
    println!("    {found} distinct fixed points");
    for (units, gain) in [(1, 4.0), (2, 4.0), (3, 4.0), (3, 8.0), (4, 4.0)] {
        let small = SmoothMap(Weights::random(units, gain * (units as f64).sqrt()).gru());
        let mut answer = None;
        let what = format!("certified search of [−1, 1]^{units}, GRU of gain {gain}");
        time(&what, 3, || answer = Some(certified_fixed_points(&small, &small.bounds().unwrap(), &BoxPlan::default())));
        let answer = answer.unwrap();
        println!("    {} points, complete: {}, {} boxes", answer.found.len(), answer.complete, answer.boxes_examined);
    }
    let lorenz = SmoothField(Lorenz);
    let plan = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-12, max_steps: 100_000 };
    let map = TimeStepMap { field: lorenz, time_step: 0.1, plan };
    time("Lorenz-63, 10,000 steps of 0.1 at tolerance 1e-9", 3, || {
        checksum += map.iterate(&[1.0, 2.0, 20.0], 10_000)[0]
    });
    time("limit cycle of van der Pol, μ = 5, with multipliers", 3, || {
        checksum +=
            find_limit_cycle(&SmoothField(VanDerPol), &[1.0, 0.0], &LimitCyclePlan::within(50.0, 20.0)).unwrap().period;
    });
    println!("    (checksum {checksum:.3})");
    peers(&weights, jacobians, newton / STARTS as f64);
}

/// Runs `f` `repetitions` times; prints and returns seconds.
fn time(what: &str, repetitions: usize, mut f: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!("{what:<58} {:>12} {:>12} {:>12}", shown(median), shown(seconds[0]), shown(seconds[seconds.len() - 1]));
    median
}

fn shown(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", 1e3 * seconds) } else { format!("{seconds:.2} s") }
}

/// The same network and starts for everybody.
struct Weights {
    units: usize,
    weight_hh: DMatrix<f64>,
    bias: Vec<f64>,
}

impl Weights {
    fn random(units: usize, gain: f64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let scale = gain / (units as f64).sqrt();
        let weight_hh = DMatrix::from_fn(3 * units, units, |_, _| scale * rng.random_range(-1.7..1.7));
        Self { units, weight_hh, bias: (0..3 * units).map(|_| rng.random_range(-0.5..0.5)).collect() }
    }

    fn gru(&self) -> Gru {
        let zeros = vec![0.0; 3 * self.units];
        Gru::from_pytorch(&DMatrix::zeros(3 * self.units, 0), &self.weight_hh, &zeros, &self.bias, &[]).unwrap()
    }

    fn starts(&self, n: usize) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        (0..n).map(|_| (0..self.units).map(|_| rng.random_range(-1.0..1.0)).collect()).collect()
    }
}

struct Lorenz;

impl Formula for Lorenz {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = (z[1] - z[0]) * 10.0;
        value[1] = z[0] * (N::from_f64(28.0) - z[2]) - z[1];
        value[2] = z[0] * z[1] - z[2] * (8.0 / 3.0);
    }
}

struct VanDerPol;

impl Formula for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[1];
        value[1] = (N::from_f64(1.0) - z[0].square()) * z[1] * 5.0 - z[0];
    }
}

fn peers(weights: &Weights, jacobians: f64, newton_per_start: f64) {
    let folder = std::env::temp_dir().join(format!("nullcline-bench-{}", std::process::id()));
    let data = folder.join("gru.json");
    let rows: Vec<Vec<f64>> = weights.weight_hh.row_iter().map(|row| row.iter().copied().collect()).collect();
    let json = serde_json::json!({ "weight_hh": rows, "bias_hh": weights.bias, "starts": weights.starts(STARTS) });
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&data, json.to_string()));
    if let Err(reason) = written {
        return println!("no peers: {reason}");
    }
    let python = std::env::var("NULLCLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let output = Command::new(python).arg("-c").arg(include_str!("peers/smooth.py")).arg(&data).output();
    let _ = std::fs::remove_dir_all(&folder);
    match output {
        Ok(output) if output.status.success() => {
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let mut words = line.splitn(3, '\t');
                let (Some(kind), Some(seconds), Some(what)) = (words.next(), words.next(), words.next()) else {
                    continue;
                };
                let seconds: f64 = seconds.parse().unwrap_or(f64::NAN);
                let ours = if kind == "jacobians" { jacobians } else { newton_per_start };
                println!("{what:<58} {:>12} {:>25}", shown(seconds), format!("{:.1} × ours", seconds / ours));
            }
        }
        Ok(output) => println!("no peers: {}", String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("")),
        Err(reason) => println!("no peers: {reason}"),
    }
}
