use nullcline_dynamics::{
    Formula, IntegrationPlan, LyapunovPlan, Map, SmoothField, SmoothMap, TimeStepMap, lyapunov_exponents,
};
use serde_json::Value;

use crate::fields::*;
use crate::table::*;

fn plan(steps: usize, n_exponents: usize) -> LyapunovPlan {
    LyapunovPlan { transient: 1000, steps, n_exponents, renormalise_every: 1 }
}

fn exponents(map: &dyn Map, start: &[f64], steps: usize) -> Vec<f64> {
    lyapunov_exponents(map, start, &plan(steps, map.dim())).unwrap_or_default()
}

/// Exponents of a flow per unit of time, from its time-step map.
fn of_flow<F: Formula>(field: F, start: &[f64], time_step: f64, steps: usize) -> Vec<f64> {
    let plan = IntegrationPlan { relative_tolerance: 1e-8, absolute_tolerance: 1e-10, max_steps: 10_000 };
    let map = TimeStepMap { field: SmoothField(field), time_step, plan };
    exponents(&map, start, steps).into_iter().map(|per_step| per_step / time_step).collect()
}

fn check(found: &[f64], expected: &[f64], tolerances: &[f64], table: &mut Table) {
    table.equal("exponents", found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        table.near(&format!("exponent {}", i + 1), *found, *expected, tolerances[i.min(tolerances.len() - 1)]);
    }
}

pub fn henon(case: &Value, table: &mut Table) {
    let found = exponents(&SmoothMap(Henon { a: 1.4, b: 0.3 }), &[0.1, 0.1], 200_000);
    check(&found, &numbers(&case["expected"]["lyapunov"]), &[float(&case["tolerance"]["lyap_abs"])], table);
    table.near("their sum", found.iter().sum(), float(&case["expected"]["sum"]), 1e-9);
}

pub fn lorenz(case: &Value, table: &mut Table) {
    let field = Lorenz { sigma: 10.0, rho: float(&case["system"]["params"]["rho"]), beta: 8.0 / 3.0 };
    let found = of_flow(field, &[1.0, 2.0, 20.0], 0.1, 40_000);
    check(&found, &numbers(&case["expected"]["lyapunov_here"]), &[float(&case["tolerance"]["abs"])], table);
    table.near("their sum", found.iter().sum(), float(&case["expected"]["sum"]), 1e-5);
}

pub fn thomas(case: &Value, table: &mut Table) {
    let field = Thomas { b: float(&case["system"]["params"]["b"]) };
    let found = of_flow(field, &[0.1, 0.3, -0.2], 0.5, 40_000);
    check(&found, &numbers(&case["expected"]["lyapunov_here"]), &numbers(&case["tolerance"]["abs"]), table);
    table.near("their sum", found.iter().sum(), float(&case["expected"]["sum"]), 1e-6);
}

pub fn logistic(case: &Value, table: &mut Table) {
    let found = exponents(&SmoothMap(Logistic { r: 4.0 }), &[0.3123], 200_000);
    table.near("exponent", found[0], float(&case["expected"]["lyapunov"]), float(&case["tolerance"]["abs"]));
}

pub fn linear(case: &Value, table: &mut Table) {
    let tolerance = float(&case["tolerance"]["rel"]);
    // From the origin the orbit of a growing map stays where the exponents are asked for.
    let map = exponents(&SmoothMap(Diagonal(vec![1.1, 0.8])), &[0.0, 0.0], 2000);
    for (found, expected) in map.iter().zip(numbers(&case["expected"]["discrete"])) {
        table.near_relative("exponent of the map", *found, expected, tolerance);
    }
    let flow = of_flow(Diagonal(vec![0.1, -0.4]), &[0.0, 0.0], 0.5, 2000);
    for (found, expected) in flow.iter().zip(numbers(&case["expected"]["continuous"])) {
        table.near_relative("exponent of the flow", *found, expected, tolerance);
    }
}
