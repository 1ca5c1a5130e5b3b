use std::f64::consts::{FRAC_PI_2, TAU};

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorPlan, End, Fraction, IntegrationPlan, LimitCycle, LimitCyclePlan, Map, SmoothField, SmoothMap,
    TimeStepMap, advance, basin_entropy, find_attractors, find_equilibria, find_limit_cycle, tipping_probabilities,
    uncertain_shares, uncertainty_exponent,
};
use rand::RngExt;
use serde_json::Value;

use crate::fields::*;
use crate::fixed_points::{newton, proven_equilibria, uniform};
use crate::table::*;

pub fn following() -> AttractorPlan {
    AttractorPlan {
        transient: 500,
        steps: 2000,
        extra_rounds: 4,
        divergence_bound: 1e6,
        max_period: 200,
        arrival_distance: 1e-6,
        merge_distance: 0.05,
        exponent_steps: 20_000,
        neutral_growth: 5.0,
        marginal_tolerance: 1e-6,
        n_exponents: 2,
    }
}

/// The centers of `n × n` cells.
fn grid(n: usize, x: (f64, f64), y: (f64, f64)) -> Vec<Vec<f64>> {
    let at = |(lo, hi): (f64, f64), i: usize| lo + (hi - lo) * (i as f64 + 0.5) / n as f64;
    (0..n * n).map(|i| vec![at(x, i % n), at(y, i / n)]).collect()
}

/// As [`grid`], with the first and last points on the ends.
fn lattice(n: usize, x: (f64, f64), y: (f64, f64)) -> Vec<Vec<f64>> {
    let at = |(lo, hi): (f64, f64), i: usize| lo + (hi - lo) * i as f64 / (n - 1) as f64;
    (0..n * n).map(|i| vec![at(x, i % n), at(y, i / n)]).collect()
}

fn share(fraction: &Fraction) -> f64 {
    fraction.count as f64 / fraction.total as f64
}

pub fn henon(case: &Value, table: &mut Table) {
    let map = SmoothMap(Henon { a: 1.4, b: 0.3 });
    let plan = AttractorPlan { transient: 100, steps: 1000, ..following() };
    let search = find_attractors(&mut rng(1), &map, &[], &grid(300, (-2.0, 2.0), (-2.0, 2.0)), &plan);
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["abs"]));
    table.equal("attractors", search.attractors.len(), 1);
    let attracted = search.attractors.iter().map(|attractor| share(&attractor.basin)).sum();
    table.near("attracted", attracted, float(&expected["attracted_fraction"]), tolerance);
    table.near("diverged", share(&search.diverged), float(&expected["diverged_fraction"]), tolerance);
}

pub fn newton_fractal(case: &Value, table: &mut Table) {
    let plan = AttractorPlan { transient: 128, steps: 200, divergence_bound: 1e12, ..following() };
    let side = (-1.5, 1.5);
    let search = find_attractors(&mut rng(1), &SmoothMap(NewtonCubic), &[], &grid(300, side, side), &plan);
    let expected = &case["expected"];
    let places: Vec<_> = search.attractors.iter().map(|attractor| attractor.center.clone()).collect();
    table.same_points("attractors", &places, &points(&expected["attractors"]), 1e-6);
    for (root, fraction) in points(&expected["attractors"]).iter().zip(numbers(&expected["fractions_here"])) {
        let here = search.attractors.iter().find(|attractor| distance(&attractor.center, root) < 1e-3);
        let found = here.map_or(0.0, |attractor| share(&attractor.basin));
        table.near("basin", found, fraction, float(&case["tolerance"]["fraction_abs"]));
    }
}

/// `r < ½` leads to the origin, else the sign of `x` decides between `(r, r)` and `(−r, −r)`.
struct Bistable {
    r: f64,
}

impl Map for Bistable {
    fn dim(&self) -> usize {
        2
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        let target = if self.r < 0.5 { 0.0 } else { self.r };
        next.fill(if z[0] >= 0.0 { target } else { -target });
    }
    fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
        DMatrix::zeros(2, 2)
    }
}

pub fn bistable(case: &Value, table: &mut Table) {
    let map = Bistable { r: float(&case["system"]["params"]["r"]) };
    let side = (-2.0, 2.0);
    let search = find_attractors(&mut rng(1), &map, &[], &grid(100, side, side), &following());
    let expected = &case["expected"];
    let shares: Vec<f64> = search.attractors.iter().map(|attractor| share(&attractor.basin)).collect();
    table.equal("basins of the symmetric box", shares, numbers(&expected["fractions_sym_box"]));
    let coarse: Vec<Vec<f64>> = (0..9).map(|i| vec![f64::from(i % 3) - 1.0, f64::from(i / 3) - 1.0]).collect();
    let search = find_attractors(&mut rng(1), &map, &[], &coarse, &following());
    for (name, center) in [("attractor(1,1)", [1.0, 1.0]), ("attractor(-1,-1)", [-1.0, -1.0])] {
        let quantifiers = &expected["stability_quantifiers_r1_grid3x3"][name];
        let here = search.attractors.iter().find(|attractor| distance(&attractor.center, &center) < 1e-9);
        let found = here.map_or(0.0, |attractor| share(&attractor.basin));
        table.near(
            "basin on the 3 × 3 grid",
            found,
            float(&quantifiers["basin_fraction"]),
            float(&case["tolerance"]["abs"]),
        );
        // Over the states of the grid, by where they end.
        let Some(index) = search.attractors.iter().position(|attractor| distance(&attractor.center, &center) < 1e-9)
        else {
            continue;
        };
        let ends_here = |i: &usize| search.ends[*i] == End::Attractor(index);
        let from_center = |i: usize| distance(&coarse[i], &center);
        let escape = (0..9).filter(|i| !ends_here(i)).map(from_center).fold(f64::INFINITY, f64::min);
        let stay = (0..9).filter(ends_here).map(from_center).fold(0.0, f64::max);
        let tolerance = float(&case["tolerance"]["abs"]);
        table.near("smallest shock that escapes", escape, float(&quantifiers["minimal_critical_shock"]), tolerance);
        table.near("largest shock that stays", stay, float(&quantifiers["maximal_noncritical_shock"]), tolerance);
    }
}

/// One sweep over ±1 units in fixed order; a field of zero keeps the state.
struct Hopfield {
    weights: DMatrix<f64>,
}

impl Map for Hopfield {
    fn dim(&self) -> usize {
        self.weights.nrows()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        next.copy_from_slice(z);
        for unit in 0..z.len() {
            let field: f64 = self.weights.column(unit).iter().zip(next.iter()).map(|(w, s)| w * s).sum();
            if field != 0.0 {
                next[unit] = field.signum();
            }
        }
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        DMatrix::zeros(z.len(), z.len())
    }
}

pub fn hopfield(case: &Value, table: &mut Table) {
    let patterns: Vec<Vec<f64>> = [1_usize, 2, 4]
        .iter()
        .map(|row| {
            (0..16_usize).map(|column| if (row & column).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }).collect()
        })
        .collect();
    let weights = DMatrix::from_fn(16, 16, |i, j| {
        if i == j { 0.0 } else { patterns.iter().map(|pattern| pattern[i] * pattern[j]).sum::<f64>() / 16.0 }
    });
    let states: Vec<Vec<f64>> =
        (0..1_u32 << 16).map(|s| (0..16).map(|i| if s >> i & 1 == 1 { 1.0 } else { -1.0 }).collect()).collect();
    let plan = AttractorPlan { transient: 64, steps: 64, max_period: 8, ..following() };
    let search = find_attractors(&mut rng(1), &Hopfield { weights }, &[], &states, &plan);
    let mut found: Vec<Vec<f64>> = (search.attractors.iter())
        .map(|attractor| {
            let overlap = |p: &Vec<f64>| p.iter().zip(&attractor.center).map(|(a, b)| a * b).sum::<f64>() / 16.0;
            let mut entry: Vec<f64> = patterns.iter().map(overlap).collect();
            entry.push(attractor.basin.count as f64);
            entry
        })
        .collect();
    let expected: Vec<Vec<f64>> = (case["expected"]["attractors"].as_array().unwrap().iter())
        .map(|entry| [numbers(&entry["overlaps"]), vec![float(&entry["basin"])]].concat())
        .collect();
    found.sort_by(|a, b| {
        a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    table.equal("attractors", found.len(), expected.len());
    table.same_points("overlaps and exact basins", &found, &expected, 1e-9);
}

pub fn ring(case: &Value, table: &mut Table) {
    let field = || SmoothField(StuartLandau { mu: 1.0, omega: 0.0, b: 0.0 });
    let map = TimeStepMap { field: field(), time_step: 1.0, plan: IntegrationPlan::default() };
    let search = find_attractors(&mut rng(1), &map, &[], &uniform(60, 2, 1.5), &following());
    table.equal("attractors", search.attractors.len(), 1);
    let continuous = search.attractors.first().is_some_and(|attractor| attractor.is_continuum());
    table.holds("which is one continuum", continuous);
    table.equal("starts that end on it", search.attractors.first().map_or(0, |attractor| attractor.basin.count), 60);
    let expected = &case["expected"];
    let one = find_equilibria(&field(), &[vec![0.9, 0.3]], &newton());
    let real: Vec<f64> = one.found[0].eigenvalues.iter().map(|value| value.re).collect();
    let tolerance = float(&case["tolerance"]["eig_abs"]);
    let mut answer = numbers(&expected["eigenvalues"]);
    answer.sort_by(|a, b| b.total_cmp(a));
    table.near("eigenvalue along", real[0], answer[0], tolerance);
    table.near("eigenvalue across", real[1], answer[1], tolerance);
    let origin = find_equilibria(&field(), &[vec![0.01, 0.02]], &newton());
    for (found, expected) in origin.found[0].eigenvalues.iter().zip(numbers(&expected["origin_eigenvalues"])) {
        table.near("eigenvalue of the origin", found.re, expected, tolerance);
    }
}

fn coarsely() -> IntegrationPlan {
    IntegrationPlan { relative_tolerance: 1e-7, absolute_tolerance: 1e-9, max_steps: 100_000 }
}

/// The index of the cycle on which `z` lies, within `reach`.
fn on_cycle(z: &[f64], cycles: &[LimitCycle], reach: f64) -> Option<usize> {
    let off = |cycle: &LimitCycle| cycle.points.iter().map(|p| distance(p, z)).fold(f64::INFINITY, f64::min);
    cycles.iter().position(|cycle| off(cycle) <= reach)
}

pub fn thomas(case: &Value, table: &mut Table) {
    let field = SmoothField(Thomas { b: float(&case["system"]["params"]["b"]) });
    let expected = &case["expected"];
    let plan = LimitCyclePlan { n_points: 1000, ..LimitCyclePlan::within(1500.0, 80.0) };
    let mut cycles: Vec<LimitCycle> = Vec::new();
    for start in uniform(12, 3, 4.0) {
        if let Ok(cycle) = find_limit_cycle(&field, &start, &plan)
            && on_cycle(&cycle.points[0], &cycles, 0.1).is_none()
        {
            cycles.push(cycle);
        }
    }
    table.equal("stable limit cycles", cycles.len() as u64, expected["n_attractors"].as_u64().unwrap());
    for cycle in &cycles {
        table.near_relative(
            "period",
            cycle.period,
            float(&expected["cycle_period"]),
            float(&case["tolerance"]["period_rel"]),
        );
    }
    // By the axis along which they reach farthest.
    let axis = |cycle: &LimitCycle| {
        let reach = |i: usize| cycle.points.iter().map(|z| z[i].abs()).fold(0.0, f64::max);
        (0..3).max_by(|&a, &b| reach(a).total_cmp(&reach(b))).unwrap()
    };
    let mut rng = rng(5);
    let n = 800;
    let mut counts = [0; 3];
    for _ in 0..n {
        let start = [rng.random_range(-6.0..6.0), rng.random_range(-6.0..6.0), 0.0];
        let end = advance(&field, &start, 1500.0, &coarsely()).unwrap();
        if let Some(index) = on_cycle(&end, &cycles, 0.2) {
            counts[axis(&cycles[index])] += 1;
        }
    }
    for (count, share) in counts.iter().zip(numbers(&expected["fractions_here_by_largest_axis_xyz"])) {
        table.near(
            "basin in the plane z = 0",
            f64::from(*count) / f64::from(n),
            share,
            float(&case["tolerance"]["fraction_abs"]),
        );
    }
}

pub fn modified_lorenz(case: &Value, table: &mut Table) {
    let p = |name: &str| float(&case["system"]["params"][name]);
    let field = || ModifiedLorenz { a: p("a"), b: p("b") };
    let expected = &case["expected"];
    let found = proven_equilibria(field(), &[(-10.0, 10.0), (-15.0, 15.0), (-15.0, 15.0)], table);
    let places: Vec<_> = found.iter().map(|point| point.location.clone()).collect();
    table.same_points("equilibria", &places, &locations(&expected["fixed_points"]), 1e-8);
    let field = SmoothField(field());
    let plan = LimitCyclePlan { n_points: 1000, ..LimitCyclePlan::within(400.0, 8.0) };
    let mut rng = rng(5);
    let starts: Vec<Vec<f64>> = (0..300)
        .map(|_| vec![rng.random_range(-10.0..10.0), rng.random_range(-15.0..15.0), rng.random_range(-15.0..15.0)])
        .collect();
    let period = float(&expected["limit_cycle_period"]);
    let is_stable = |cycle: &LimitCycle| cycle.multipliers.iter().all(|multiplier| multiplier.norm() < 1.0);
    let cycle = starts.iter().take(20).filter_map(|start| find_limit_cycle(&field, start, &plan).ok()).find(is_stable);
    let Some(cycle) = cycle else { return table.holds("a stable limit cycle", false) };
    table.near_relative("period", cycle.period, period, 1e-5);
    let cycles = [cycle];
    let ends = starts.iter().map(|start| advance(&field, start, 400.0, &coarsely()).unwrap());
    let arrived = ends.filter(|end| on_cycle(end, &cycles, 0.05).is_some()).count();
    let shares = &expected["fractions_here_N600"];
    table.near(
        "basin of the cycle",
        arrived as f64 / 300.0,
        float(&shares["limit_cycle"]),
        float(&case["tolerance"]["fraction_abs"]),
    );
}

/// On the cylinder, cut where no attractor lies.
struct GrebogiMap(SmoothMap<Grebogi>);

impl Map for GrebogiMap {
    fn dim(&self) -> usize {
        2
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        self.0.step(z, next);
        next[0] = (next[0] + FRAC_PI_2).rem_euclid(TAU) - FRAC_PI_2;
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        self.0.jacobian(z)
    }
}

pub fn grebogi(case: &Value, table: &mut Table) {
    let p = |name: &str| float(&case["system"]["params"][name]);
    let map = GrebogiMap(SmoothMap(Grebogi { a: p("a"), b: p("b"), j0: p("J0") }));
    let n = 300;
    let plan = AttractorPlan { transient: 64, steps: 64, ..following() };
    let search = find_attractors(&mut rng(1), &map, &[], &lattice(n, (0.0, TAU), (-0.5, 0.5)), &plan);
    let expected = &case["expected"];
    table.equal("attractors", search.attractors.len(), 2);
    // The case does not say how large its boxes are; the test it is taken from has boxes of six cells.
    let entropy = basin_entropy(&search.ends, [n, n], 6).unwrap();
    let distances = [1, 2, 4, 8, 16];
    let shares = uncertain_shares(&search.ends, [n, n], &distances).unwrap();
    let exponent = uncertainty_exponent(&distances, &shares).unwrap_or(f64::NAN);
    for (question, found, name) in [
        ("uncertainty exponent", exponent, "uncertainty_exponent"),
        ("basin entropy", entropy.all, "basin_entropy_Sb"),
        ("boundary basin entropy", entropy.boundary, "boundary_basin_entropy_Sbb"),
    ] {
        let ends = numbers(&expected[name]);
        table.between(question, found, ends[0], ends[1]);
    }
}

/// Labels before and after a change, row by row as the case describes them.
pub fn tipping(case: &Value, table: &mut Table) {
    let cells = || (0..400).map(|cell| (cell / 20, cell % 20));
    let before: Vec<i32> = cells().map(|(row, column)| if row < 10 && column < 10 { -1 } else { 1 }).collect();
    let after: Vec<i32> = cells().map(|(_, column)| if column >= 10 { 2 } else { 1 }).collect();
    let found = tipping_probabilities(&before, &after).unwrap();
    let tolerance = float(&case["tolerance"]["abs"]);
    for (from, row) in [1, -1].into_iter().zip(points(&case["expected"]["P"])) {
        for (to, expected) in [1, 2].into_iter().zip(row) {
            let share = found.get(&(from, to)).copied().unwrap_or(0.0);
            table.near(&format!("from {from} to {to}"), share, expected, tolerance);
        }
    }
}
