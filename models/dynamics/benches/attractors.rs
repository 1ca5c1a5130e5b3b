//! What exponents and distances cost on one thread, and basins on all: `cargo bench -p nullcline-dynamics --bench attractors`.
//!
//! Each row is the median of several repetitions with its range, beside the time the project promises.

use std::hint::black_box;
use std::time::Instant;

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorPlan, AttractorSearch, DelayPlan, LyapunovPlan, Map, PiecewiseLinearMap, delay_operator,
    eigenvalue_distance, find_attractors, lyapunov_spectrum, procrustes_distance,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    println!("{:<64} {:>10} {:>21} {:>9}", "", "median", "range", "promise");
    exponents();
    basins();
    distances();
}

fn exponents() {
    let start = vec![0.1; 20];
    // Without clipping some seeds give maps that run away.
    let stays = |map: &PiecewiseLinearMap| map.iterate(&start, 101_000).iter().all(|x| x.abs() < 1e3);
    let unclipped = (0..).map(|seed| shallow(seed, 20, 50)).find(stays).expect("one of so many seeds");
    for (family, hidden, map) in [("shPLRNN", 50, unclipped), ("clipped shPLRNN", 100, clipped(3, 20, 100))] {
        for (renormalise_every, promise) in [(5, "1 s"), (1, "")] {
            let plan = LyapunovPlan { transient: 1000, steps: 100_000, n_exponents: 20, renormalise_every };
            let name = format!("20 exponents, {family} M 20, H {hidden}, 10⁵ steps, QR every {renormalise_every}");
            let spectrum = report(&name, promise, 5, || lyapunov_spectrum(&map, &start, &plan).unwrap());
            println!(
                "    largest {:.4} ± {:.4} nats/step, Kaplan–Yorke {:?}",
                spectrum.exponents[0], spectrum.standard_errors[0], spectrum.kaplan_yorke
            );
        }
    }
}

fn basins() {
    let plan = AttractorPlan {
        transient: 1000,
        steps: 1000,
        extra_rounds: 3,
        divergence_bound: 1e6,
        max_period: 200,
        arrival_distance: 1e-6,
        merge_distance: 0.05,
        exponent_steps: 20_000,
        neutral_growth: 5.0,
        marginal_tolerance: 1e-6,
        n_exponents: 10,
    };
    // The first of the seeds that has three attractors.
    let (seed, map) = (0..)
        .map(|seed| (seed, clipped(seed, 10, 40)))
        .find(|(_, map)| search(map, 200, &plan).attractors.len() == 3)
        .expect("one of so many seeds");
    let found = report("basins of 10⁴ starts, M 10, 3 attractors", "2 s", 5, || search(&map, 10_000, &plan));
    let kinds: Vec<String> = found
        .attractors
        .iter()
        .map(|a| format!("{:?} {} (certain within {:.2})", a.kind, a.basin.count, a.certified_radius))
        .collect();
    println!(
        "    seed {seed}: {}; diverged {}, undecided {}",
        kinds.join(", "),
        found.diverged.count,
        found.undecided.count
    );
}

fn search(map: &PiecewiseLinearMap, n_starts: usize, plan: &AttractorPlan) -> AttractorSearch {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let starts: Vec<Vec<f64>> =
        (0..n_starts).map(|_| (0..map.dim()).map(|_| rng.random_range(-3.0..3.0)).collect()).collect();
    find_attractors(&mut rng, map, &[], &starts, plan)
}

fn distances() {
    let operators = [11, 12].map(|seed| {
        let map = clipped(seed, 8, 50);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let trajectories: Vec<DMatrix<f64>> = (0..20)
            .map(|_| {
                let start: Vec<f64> = (0..8).map(|_| rng.random_range(-3.0..3.0)).collect();
                let orbit = map.orbit(&start, 300);
                DMatrix::from_fn(orbit.len(), 8, |t, j| orbit[t][j])
            })
            .collect();
        report("delay operator, 20 × 300 states, M 8, 4 delays, rank 10", "", 3, || {
            delay_operator(&trajectories, &DelayPlan { delays: 4, rank: 10 }).unwrap()
        })
    });
    let [a, b] = &operators;
    report("eigenvalue distance, rank 10", "", 5, || eigenvalue_distance(a, b).unwrap());
    for restarts in [4, 32] {
        let name = format!("Procrustes distance, rank 10, {restarts} restarts");
        let aligned =
            report(&name, "", 3, || procrustes_distance(&mut ChaCha8Rng::seed_from_u64(1), a, b, restarts).unwrap());
        println!("    distance {:.6}", aligned.distance);
    }
}

fn report<T>(name: &str, promise: &str, repetitions: usize, work: impl Fn() -> T) -> T {
    let mut seconds = Vec::new();
    let mut result = work();
    for _ in 0..repetitions {
        let started = Instant::now();
        result = black_box(work());
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let range = format!("{:.4}–{:.4} s", seconds[0], seconds[repetitions - 1]);
    println!("{name:<64} {:>8.4} s {range:>21} {promise:>9}", seconds[repetitions / 2]);
    result
}

/// As [`clipped`], without the clipping, and with weights small enough for orbits that mostly stay.
fn shallow(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform =
        |n: usize, low: f64, high: f64| -> Vec<f64> { (0..n).map(|_| rng.random_range(low..high)).collect() };
    let a = uniform(dim, 0.2, 0.9);
    let w1 = DMatrix::from_vec(dim, hidden, uniform(dim * hidden, -0.06, 0.06));
    let w2 = DMatrix::from_vec(hidden, dim, uniform(dim * hidden, -0.5, 0.5));
    let (h1, h2) = (uniform(dim, -0.5, 0.5), uniform(hidden, -1.5, 1.5));
    PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).expect("shapes that fit")
}

/// A bounded network as training leaves them: contracting on the diagonal, weights of order one.
fn clipped(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform =
        |n: usize, low: f64, high: f64| -> Vec<f64> { (0..n).map(|_| rng.random_range(low..high)).collect() };
    let a = uniform(dim, 0.2, 0.9);
    let w1 = DMatrix::from_vec(dim, hidden, uniform(dim * hidden, -0.5, 0.5));
    let w2 = DMatrix::from_vec(hidden, dim, uniform(dim * hidden, -1.0, 1.0));
    let (h1, h2) = (uniform(dim, -0.5, 0.5), uniform(hidden, -1.5, 1.5));
    PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).expect("shapes that fit")
}
