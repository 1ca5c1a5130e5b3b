use nullcline_dynamics::{
    BoxPlan, Complex, Formula, Interval, LimitCycle, LimitCyclePlan, Reversed, SmoothField, Stability, VectorField,
    certified_equilibria, find_limit_cycle, multipliers, refine_limit_cycle,
};
use serde_json::Value;

use crate::fields::*;
use crate::fixed_points::{check_equilibria, proven_equilibria};
use crate::limit_cycles::check_cycle;
use crate::table::*;

/// Where the number of unstable directions changes along a curve of equilibria.
struct Crossing {
    /// Along the curve.
    s: f64,
    parameter: f64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Hopf,
    SaddleNode,
}

/// Crossings of the imaginary axis along `curve: s ↦ (parameter, eigenvalues)`, by bisection.
///
/// A pair that crosses is a Hopf bifurcation only where it is complex while it crosses: real eigenvalues that meet on
/// one side change nothing.
fn crossings(curve: impl Fn(f64) -> (f64, Vec<Complex<f64>>), (from, to): (f64, f64), n: usize) -> Vec<Crossing> {
    let unstable = |s: f64| curve(s).1.iter().filter(|value| value.re > 0.0).count();
    let at = |i: usize| from + (to - from) * i as f64 / n as f64;
    let mut found = Vec::new();
    for i in 0..n {
        let (mut a, mut b) = (at(i), at(i + 1));
        let before = unstable(a);
        if before == unstable(b) {
            continue;
        }
        for _ in 0..60 {
            let middle = (a + b) / 2.0;
            if unstable(middle) == before { a = middle } else { b = middle }
        }
        let (parameter, eigenvalues) = curve(a);
        let nearest = eigenvalues.iter().min_by(|x, y| x.re.abs().total_cmp(&y.re.abs())).unwrap();
        let kind = if nearest.im.abs() > 1e-6 * nearest.norm().max(1e-9) { Kind::Hopf } else { Kind::SaddleNode };
        found.push(Crossing { s: a, parameter, kind });
    }
    found
}

fn eigenvalues_at<F: Formula>(field: F, z: &[f64]) -> Vec<Complex<f64>> {
    multipliers(&VectorField::jacobian(&SmoothField(field), z)).unwrap()
}

fn check_kind(question: &str, found: &[Crossing], kind: Kind, expected: &[f64], tolerance: f64, table: &mut Table) {
    let mut here: Vec<f64> =
        found.iter().filter(|crossing| crossing.kind == kind).map(|crossing| crossing.parameter).collect();
    here.sort_by(f64::total_cmp);
    let mut expected = expected.to_vec();
    expected.sort_by(f64::total_cmp);
    table.equal(&format!("number of {question}"), here.len(), expected.len());
    for (found, expected) in here.iter().zip(expected) {
        table.near(question, *found, expected, tolerance);
    }
}

/// The entries `key` of those of `kind`.
fn of_kind(list: &Value, kind: &str, key: &str) -> Vec<f64> {
    list.as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).map(|entry| float(&entry[key])).collect()
}

fn morris_lecar_crossings(cell: &MorrisLecar, range: (f64, f64)) -> Vec<Crossing> {
    let curve = |v: f64| {
        let (z, current) = cell.at_rest(v);
        (current, eigenvalues_at(MorrisLecar { current, ..cell.clone() }, &z))
    };
    crossings(curve, range, 2000)
}

pub fn morris_lecar_hopf(case: &Value, table: &mut Table) {
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["I_abs"]));
    let cell = MorrisLecar::of(&case["system"], 0.0);
    let found = morris_lecar_crossings(&cell, (-60.0, 40.0));
    check_kind(
        "Hopf bifurcations, current",
        &found,
        Kind::Hopf,
        &of_kind(&expected["hopf"], "Hopf", "I"),
        tolerance,
        table,
    );
    check_kind("saddle-nodes, current", &found, Kind::SaddleNode, &[], tolerance, table);
    let at = |current: f64| MorrisLecar { current, ..cell.clone() };
    for (name, current) in [("I90", 90.0), ("I100", 100.0)] {
        let answer = &expected[name];
        let rest = proven_equilibria(at(current), &[(-80.0, 60.0), (0.0, 1.0)], table);
        check_equilibria(&rest, &answer["fps"], float(&case["tolerance"]["x_abs"]), 1e-6, table);
        let plan = LimitCyclePlan { n_points: 4000, ..LimitCyclePlan::within(2000.0, 300.0) };
        match find_limit_cycle(&SmoothField(at(current)), &[20.0, 0.3], &plan) {
            Ok(cycle) => check_cycle(&cycle, &answer["cycle"], 1e-6, table),
            Err(reason) => table.holds(&format!("stable cycle at {current}: {reason}"), false),
        }
    }
    // Between the fold of cycles and the Hopf point a second cycle repels, and backwards in time attracts.
    let focus = proven_equilibria(at(90.0), &[(-80.0, 60.0), (0.0, 1.0)], table)[0].location.clone();
    let plan = LimitCyclePlan::within(3000.0, 300.0);
    let unstable = find_limit_cycle(&Reversed(SmoothField(at(90.0))), &[focus[0] + 0.5, focus[1]], &plan);
    table.holds("an unstable cycle at 90", unstable.is_ok_and(|cycle| cycle.stability == Stability::Stable));
    let folds = numbers(&expected["fold_of_limit_cycles_I"]);
    for (fold, inside) in [(folds[0], 100.0), (folds[1], 205.0)] {
        table.near("fold of cycles, current", last_cycle(&at, inside, fold), fold, 0.02);
    }
}

/// The current at which the stable cycle of `inside` disappears on the way beyond `outside`.
fn last_cycle(at: &dyn Fn(f64) -> MorrisLecar, inside: f64, outside: f64) -> f64 {
    let plan = LimitCyclePlan::within(3000.0, 300.0);
    let mut known: Option<LimitCycle> = find_limit_cycle(&SmoothField(at(inside)), &[20.0, 0.3], &plan).ok();
    let follow = |current: f64, from: &LimitCycle| {
        let cycle = refine_limit_cycle(&SmoothField(at(current)), &from.points[0], from.period, &plan).ok();
        cycle.filter(|cycle| cycle.stability == Stability::Stable)
    };
    let direction = (outside - inside).signum();
    let (mut current, mut step) = (inside, 1.0);
    // Smaller steps towards the fold, where the cycle changes with the square root of the distance.
    while step > 1e-3 && known.is_some() {
        match follow(current + direction * step, known.as_ref().unwrap()) {
            Some(cycle) => (current, known) = (current + direction * step, Some(cycle)),
            None => step /= 2.0,
        }
    }
    current
}

pub fn morris_lecar_homoclinic(case: &Value, table: &mut Table) {
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["I_abs"]));
    let found = morris_lecar_crossings(&MorrisLecar::of(&case["system"], 0.0), (-60.0, 30.0));
    check_kind(
        "Hopf bifurcations, current",
        &found,
        Kind::Hopf,
        &of_kind(&expected["hopf"], "Hopf", "I"),
        tolerance,
        table,
    );
    let folds: Vec<f64> = expected["saddle_node"].as_array().unwrap().iter().map(|entry| float(&entry["I"])).collect();
    check_kind("saddle-nodes, current", &found, Kind::SaddleNode, &folds, tolerance, table);
}

pub fn matcont(case: &Value, table: &mut Table) {
    let cell = MorrisLecar {
        current: 0.0,
        capacitance: 1.0,
        conductances: [1.0, 2.0, 0.5],
        reversals: [1.0, -0.7, -0.5],
        v: [-0.01, 0.15, 0.1, 0.145],
        rate: 1.15,
        voltage_dependent: true,
    };
    let (expected, tolerance) = (&case["expected"]["computed"], float(&case["tolerance"]["p_abs"]));
    let found = morris_lecar_crossings(&cell, (-0.4, 0.2));
    check_kind("Hopf bifurcations", &found, Kind::Hopf, &of_kind(expected, "Hopf", "y"), tolerance, table);
    check_kind("limit points", &found, Kind::SaddleNode, &of_kind(expected, "LP", "y"), tolerance, table);
}

pub fn jansen_rit(case: &Value, table: &mut Table) {
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["p_abs"]));
    let curve = |v: f64| {
        let (z, drive) = JansenRit::at_rest(v);
        (drive, eigenvalues_at(JansenRit { drive }, &z))
    };
    let found = crossings(curve, (1.0, 10.0), 4000);
    check_kind(
        "Hopf bifurcations, drive",
        &found,
        Kind::Hopf,
        &of_kind(&expected["computed"], "Hopf", "p"),
        tolerance,
        table,
    );
    check_kind(
        "saddle-nodes, drive",
        &found,
        Kind::SaddleNode,
        &of_kind(&expected["computed"], "SN", "p"),
        tolerance,
        table,
    );
    for entry in expected["computed"].as_array().unwrap() {
        let off = found.iter().map(|crossing| (crossing.s - float(&entry["v"])).abs()).fold(f64::INFINITY, f64::min);
        table.near("membrane potential there, distance", off, 0.0, 1e-6);
    }
    for (name, drive) in [("p50", 50.0), ("p120", 120.0), ("p200", 200.0)] {
        let answer = &expected[name];
        let starts: Vec<Vec<f64>> = (0..60).map(|i| JansenRit::at_rest(1.0 + 0.15 * f64::from(i)).0.to_vec()).collect();
        let field = SmoothField(JansenRit { drive });
        let rest = nullcline_dynamics::find_equilibria(&field, &starts, &crate::fixed_points::newton());
        // The published eigenvalues were computed by differences.
        check_equilibria(&rest.found, &answer["fps"], 1e-6, 1e-5, table);
        let Some(frequency) = answer.get("freq_hz") else { continue };
        // Next to the focus: another, slow cycle coexists.
        let mut start = rest.found[0].location.clone();
        start[1] += 0.3;
        match find_limit_cycle(&field, &start, &LimitCyclePlan::within(40.0, 0.3)) {
            Ok(cycle) => table.near(
                "frequency, Hz",
                1.0 / cycle.period,
                float(frequency),
                float(&case["tolerance"]["freq_hz_abs"]),
            ),
            Err(reason) => table.holds(&format!("a cycle at {drive}: {reason}"), false),
        }
    }
}

/// The equilibria of the extended Lorenz-84 system with given `X` follow from linear equations, the forcing last.
pub fn lorenz84(case: &Value, table: &mut Table) {
    let system = &case["system"];
    let curve = |x: f64| {
        let [alpha, beta, g, delta, gamma, t] = Lorenz84::of(system, 0.0).parameters;
        let u = t / (delta - gamma * x);
        let denominator = (x - 1.0).powi(2) + (beta * x).powi(2);
        let (y, z) = (-g * (x - 1.0) / denominator, g * beta * x / denominator);
        let forcing = (y * y + z * z + alpha * x + gamma * u * u) / alpha;
        (forcing, eigenvalues_at(Lorenz84::of(system, forcing), &[x, y, z, u]))
    };
    let found = crossings(curve, (2.97, 1.1), 4000);
    let (expected, tolerance) = (&case["expected"]["computed"], float(&case["tolerance"]["F_abs"]));
    check_kind("Hopf bifurcations, forcing", &found, Kind::Hopf, &of_kind(expected, "Hopf", "p"), tolerance, table);
    check_kind("folds, forcing", &found, Kind::SaddleNode, &of_kind(expected, "fold/BP", "p"), tolerance, table);
}

pub fn co_oxidation(case: &Value, table: &mut Table) {
    let system = &case["system"];
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["q2_abs"]));
    let physical = [Interval::new(0.0, 1.0); 3];
    for (q2, count) in expected["n_equilibria_by_q2"].as_object().unwrap() {
        let field = SmoothField(CoOxidation::of(system, q2.parse().unwrap()));
        let search = certified_equilibria(&field, &physical, &BoxPlan::default());
        // Coverages and the free part add up to one.
        let possible = |z: &[f64]| z.iter().sum::<f64>() <= 1.0;
        let found = search.found.iter().filter(|found| possible(&found.point.location)).count() as u64;
        table.holds(&format!("complete at q2 = {q2} ({} boxes)", search.boxes_examined), search.complete);
        table.equal(&format!("equilibria at q2 = {q2}"), found, count.as_u64().unwrap());
    }
    // Given s, the others follow from a quadratic equation, q2 last.
    let curve = |s: f64| {
        let [q1, q3, _, q5, q6, k] = CoOxidation::of(system, 0.0).parameters;
        let (free, rest) = (k * s, 1.0 - s - k * s);
        let (a, b, c) = (q3 - 2.0 * q5, -q3 * rest, 2.0 * q1 * free * free);
        let x = (-b - (b * b - 4.0 * a * c).sqrt()) / (2.0 * a);
        let y = rest - x;
        let q2 = (q6 * y + q3 * x * y) / free;
        (q2, eigenvalues_at(CoOxidation::of(system, q2), &[x, y, s]))
    };
    let found = crossings(curve, (0.3, 0.52), 4000);
    let computed = &expected["computed"];
    check_kind("Hopf bifurcations, q2", &found, Kind::Hopf, &of_kind(computed, "Hopf", "p"), tolerance, table);
    check_kind("folds, q2", &found, Kind::SaddleNode, &of_kind(computed, "fold/BP", "p"), tolerance, table);
}
