//! What it costs to find, with proof, all fixed points and cycles of piecewise-linear networks.
//!
//! Run by `cargo bench -p nullcline-dynamics --bench piecewise_linear`. Each line is the median and the spread of several
//! repetitions; what is compared is measured in the same run.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::time::Instant;

use nalgebra::DMatrix;
use nullcline_dynamics::{
    CycleSearchPlan, FixedPointPlan, FixedPointSearch, PiecewiseLinearMap, Stability, find_cycles, find_fixed_points,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const REPETITIONS: usize = 7;

fn main() {
    println!("fixed points, by the quickest complete way and by listing every linear region");
    println!(
        "{:<44} {:>20} {:>8} {:>7} {:>7} {:>20} {:>8} {:>7}",
        "network", "ms (min–max)", "promise", "boxes", "found", "listed, ms", "regions", "ratio"
    );
    let networks = [
        ("low rank 2, 60 units, 17 points", "50", octagon(36)),
        // Sixty lines divide a plane into 1 + 60 + 60 · 59 / 2 = 1,831 regions at most.
        ("low rank 2, 60 units, general position", "50", shallow(1, 2, 60)),
        // The first number of units with more than the 3,601 regions that are published for sixty.
        ("low rank 2, 85 units, general position", "50", shallow(1, 2, 85)),
        ("low rank 2, 512 units", "", shallow(1, 2, 512)),
        ("shPLRNN M 3, H 50", "", shallow(1, 3, 50)),
        ("clippedShPLRNN M 3, H 50", "", clipped(1, 3, 50)),
        ("shPLRNN M 5, H 20", "", shallow(1, 5, 20)),
        ("shPLRNN M 5, H 50", "", shallow(1, 5, 50)),
        ("ALRNN M 30, P 10", "50", almost_linear(1, 30, 10)),
        ("ALRNN M 30, P 16", "5000", almost_linear(1, 30, 16)),
        ("ALRNN M 30, P 20", "", almost_linear(1, 30, 20)),
    ];
    for (name, promise, map) in &networks {
        compare_fixed_points(name, promise, map);
    }
    println!("\nfixed points within a budget, where a proof is out of reach");
    println!("{:<44} {:>20} {:>9} {:>9} {:>7}  may be missing", "network", "ms", "boxes", "solves", "found");
    for (name, map) in [
        ("shPLRNN M 8, H 50", shallow(1, 8, 50)),
        ("clippedShPLRNN M 8, H 50", clipped(1, 8, 50)),
        ("shPLRNN M 20, H 50", shallow(1, 20, 50)),
    ] {
        search_within_budget(name, &map);
    }
    println!("\ncycles of periods 2 to 100, all of them, by following every itinerary");
    println!("{:<44} {:>20} {:>8} {:>9} {:>9}  periods", "network", "ms (min–max)", "promise", "polygons", "proven to");
    for (name, decay, bias) in [
        ("published pair of period 80", 0.977_768_9, -0.779_314_91),
        ("its neighbour of period 23", 0.960_9, -0.755_9),
        ("of period 30", 0.986_9, -1.047_9),
        ("of period 53", 0.977_6, -0.591_8),
        ("of period 61", 0.988, -1.020_7),
        ("of period 70", 0.962_8, -0.891_8),
        ("of period 83", 0.981_4, -0.691_3),
        ("of period 85", 0.983_5, -0.562_8),
        ("of period 99", 0.970_2, -0.642_5),
        ("without a cycle: a spiral to a point", 0.9, -0.7),
    ] {
        time_cycles(name, "2000", 100, &oscillator(decay, bias));
    }
    for (name, map, longest) in published() {
        time_cycles(&name, "2000", longest, &map);
    }
}

fn plan() -> FixedPointPlan {
    FixedPointPlan {
        max_patterns: 1 << 20,
        max_boxes: 200_000,
        max_regions: 0,
        max_solves: 0,
        residual_tolerance: 1e-10,
        merge_distance: 1e-9,
        marginal_tolerance: 1e-9,
    }
}

fn compare_fixed_points(name: &str, promise: &str, map: &PiecewiseLinearMap) {
    let search = |plan: &FixedPointPlan| find_fixed_points(&mut ChaCha8Rng::seed_from_u64(1), map, &[], plan);
    let (quick, found) = timed(REPETITIONS, || search(&plan()));
    assert!(found.complete, "{name} is not complete");
    let listing = FixedPointPlan { max_patterns: 0, max_boxes: 0, max_regions: 150_000, ..plan() };
    let (listed, by_list) = timed(1, || search(&listing));
    let (listed, regions, ratio) = if by_list.complete {
        assert_eq!(by_list.found.len(), found.found.len(), "two routes disagree on {name}");
        (written(&listed), by_list.regions_visited.to_string(), format!("{:.0}", listed[0] / median(&quick)))
    } else {
        ("too many".into(), "–".into(), "–".into())
    };
    println!(
        "{name:<44} {:>20} {promise:>8} {:>7} {:>7} {listed:>20} {regions:>8} {ratio:>7}",
        written(&quick),
        found.boxes,
        kinds(&found)
    );
}

/// What an analysis spends by default: boxes first, then the search from region to region.
fn search_within_budget(name: &str, map: &PiecewiseLinearMap) {
    let plan = FixedPointPlan { max_boxes: 50_000, max_regions: 4096, max_solves: 20_000, ..plan() };
    let (times, found) = timed(1, || find_fixed_points(&mut ChaCha8Rng::seed_from_u64(1), map, &[], &plan));
    let missing = match found.unseen {
        Some(_) if found.found.is_empty() => "not known: nothing was met".into(),
        Some(unseen) => format!("{:.1}, at most {:.1}", unseen.estimate, unseen.upper),
        None if found.complete => "nothing: proven".into(),
        None => "not known".into(),
    };
    println!(
        "{name:<44} {:>20} {:>9} {:>9} {:>7}  {missing}",
        written(&times),
        found.boxes,
        found.solves,
        kinds(&found)
    );
}

fn time_cycles(name: &str, promise: &str, longest: usize, map: &PiecewiseLinearMap) {
    let plan = CycleSearchPlan {
        max_period: longest,
        max_polygons: 1_000_000,
        max_steps: 100_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    };
    let (times, search) = timed(REPETITIONS, || find_cycles(&mut ChaCha8Rng::seed_from_u64(1), map, &[], &plan));
    let mut periods = BTreeMap::new();
    search.found.iter().for_each(|cycle| *periods.entry(cycle.period).or_insert(0) += 1);
    let periods: Vec<String> = periods.iter().map(|(period, count)| format!("{count} of {period}")).collect();
    println!(
        "{name:<44} {:>20} {promise:>8} {:>9} {:>9}  {}",
        written(&times),
        search.polygons,
        search.complete_up_to,
        periods.join(", ")
    );
}

/// Milliseconds of every repetition, ascending, and the last answer.
fn timed<T>(repetitions: usize, work: impl Fn() -> T) -> (Vec<f64>, T) {
    let mut answer = None;
    let mut times: Vec<f64> = (0..repetitions)
        .map(|_| {
            let started = Instant::now();
            answer = Some(work());
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times, answer.expect("at least one repetition"))
}

fn median(times: &[f64]) -> f64 {
    times[times.len() / 2]
}

fn written(times: &[f64]) -> String {
    match times {
        [only] => format!("{only:.2}"),
        times => format!("{:.2} ({:.2}–{:.2})", median(times), times[0], times[times.len() - 1]),
    }
}

/// Stable, saddle, unstable.
fn kinds(search: &FixedPointSearch) -> String {
    let count = |wanted: fn(&Stability) -> bool| search.found.iter().filter(|point| wanted(&point.stability)).count();
    format!(
        "{}/{}/{}",
        count(|s| matches!(s, Stability::Stable)),
        count(|s| matches!(s, Stability::Saddle { .. })),
        count(|s| matches!(s, Stability::Unstable))
    )
}

fn matrix(rng: &mut ChaCha8Rng, rows: usize, columns: usize, scale: f64) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| scale * rng.random_range(-1.0..1.0))
}

fn vector(rng: &mut ChaCha8Rng, len: usize, scale: f64) -> Vec<f64> {
    (0..len).map(|_| scale * rng.random_range(-1.0..1.0)).collect()
}

fn decays(rng: &mut ChaCha8Rng, dim: usize) -> Vec<f64> {
    (0..dim).map(|_| rng.random_range(0.2..0.9)).collect()
}

fn shallow(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let a = decays(&mut rng, dim);
    let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
    let (h1, h2) = (vector(&mut rng, dim, 0.5), vector(&mut rng, hidden, 1.5));
    PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).expect("weights of matching shapes")
}

fn clipped(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let a = decays(&mut rng, dim);
    let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
    let (h1, h2) = (vector(&mut rng, dim, 0.5), vector(&mut rng, hidden, 1.5));
    PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).expect("weights of matching shapes")
}

fn almost_linear(seed: u64, dim: usize, relus: usize) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let a = decays(&mut rng, dim);
    let w = matrix(&mut rng, dim, dim, 1.0 / (dim as f64).sqrt());
    let h = vector(&mut rng, dim, 1.0);
    PiecewiseLinearMap::almost_linear(&a, &w, &h, relus).expect("weights of matching shapes")
}

/// Thirty saturating units, each two rectifiers, that prefer eight directions: a ring with eight stable points, as many
/// saddles between them, and one unstable point inside.
fn octagon(seed: u64) -> PiecewiseLinearMap {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let units = 30;
    let (mut u, mut v, mut b) = (DMatrix::zeros(2 * units, 2), DMatrix::zeros(2, 2 * units), vec![0.0; 2 * units]);
    for k in 0..units {
        let angle = TAU * ((k % 8) as f64 / 8.0 + 0.02 * rng.random_range(-1.0..1.0));
        let direction = [angle.cos(), angle.sin()];
        let thresholds = [0.2 + 0.05 * rng.random_range(-1.0..1.0), -1.0 + 0.1 * rng.random_range(-1.0..1.0)];
        for (half, sign) in [(0, 1.0), (1, -1.0)] {
            b[2 * k + half] = thresholds[half];
            for (j, along) in direction.into_iter().enumerate() {
                u[(2 * k + half, j)] = along;
                v[(j, 2 * k + half)] = sign * 0.2 * along;
            }
        }
    }
    PiecewiseLinearMap::low_rank(&[0.5, 0.5], &v, &u, &b).expect("weights of matching shapes")
}

/// The published systems of the known answers, where these are: with the longest period that is looked for, 100 or, in chaos,
/// the longest that is published.
fn published() -> Vec<(String, PiecewiseLinearMap, usize)> {
    let folder = std::env::var("NULLCLINE_DATA").unwrap_or_else(|_| "../../../shared/data".into());
    let text = std::fs::read_to_string(format!("{folder}/known-answers/known_attractors.json"));
    let Ok(text) = text else {
        println!("published systems: NULLCLINE_DATA has no known-answers/known_attractors.json");
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).expect("known answers are JSON");
    let numbers = |list: &Value| -> Vec<f64> { list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let matrix = |rows: &Value| {
        let rows: Vec<Vec<f64>> = rows.as_array().unwrap().iter().map(numbers).collect();
        DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
    };
    let cases = file["cases"].as_array().expect("known answers have cases");
    let of_scyfi = cases.iter().filter(|case| case["id"].as_str().is_some_and(|id| id.starts_with("scyfi")));
    of_scyfi
        .map(|case| {
            let system = &case["system"];
            let weights = |name: &str| numbers(&system[name]);
            let is_shallow = system.get("W1").is_some();
            let map = if is_shallow {
                let (w1, w2) = (matrix(&system["W1"]), matrix(&system["W2"]));
                PiecewiseLinearMap::shallow(&weights("A"), &w1, &w2, &weights("h1"), &weights("h2"))
            } else {
                PiecewiseLinearMap::piecewise_linear(&weights("A_diag"), &matrix(&system["W"]), &weights("h"))
            };
            let periods = case["expected"]["prime_cycles"].as_object().expect("cases have cycles");
            let published = periods.keys().filter_map(|period| period.parse::<usize>().ok()).max().unwrap_or(1);
            let longest = if is_shallow { published } else { 100 };
            (case["id"].as_str().unwrap().to_string(), map.expect("published weights are a map"), longest)
        })
        .collect()
}

/// Two rectified units that turn (SCYFI's test system, and its neighbours).
fn oscillator(decay: f64, bias: f64) -> PiecewiseLinearMap {
    let w = DMatrix::from_row_slice(2, 2, &[0.0, -0.14375, 0.525_053_08, 0.0]);
    PiecewiseLinearMap::piecewise_linear(&[decay, 0.964_612_97], &w, &[0.372_982_53, bias])
        .expect("weights of matching shapes")
}
