use nullcline_dynamics::{Formula, LimitCycle, LimitCyclePlan, SmoothField, find_limit_cycle};
use serde_json::Value;

use crate::fields::*;
use crate::fixed_points::{check_equilibria, proven_equilibria};
use crate::table::*;

/// The cycle to which `start` leads; without one the case fails.
pub fn cycle_of<F: Formula>(
    field: F,
    start: &[f64],
    transient: f64,
    longest: f64,
    table: &mut Table,
) -> Option<LimitCycle> {
    let plan = LimitCyclePlan { n_points: 2000, ..LimitCyclePlan::within(transient, longest) };
    let cycle = find_limit_cycle(&SmoothField(field), start, &plan);
    if let Err(reason) = &cycle {
        table.holds(&format!("a limit cycle: {reason}"), false);
    }
    let cycle = cycle.ok()?;
    table.near("multiplier along the cycle", cycle.trivial_multiplier, 1.0, 1e-6);
    Some(cycle)
}

/// Period and extrema against `{"period", "min", "max"}`.
pub fn check_cycle(cycle: &LimitCycle, expected: &Value, period_rel: f64, table: &mut Table) {
    table.near_relative("period", cycle.period, float(&expected["period"]), period_rel);
    for (question, ends, pick) in [
        ("smallest", numbers(&expected["min"]), f64::min as fn(f64, f64) -> f64),
        ("largest", numbers(&expected["max"]), f64::max),
    ] {
        for (axis, end) in ends.into_iter().enumerate() {
            let found = cycle.points.iter().map(|z| z[axis]).reduce(pick).unwrap();
            // The orbit is sampled at 2000 points; near a turn the error is of second order in their distance.
            table.near(&format!("{question} of coordinate {axis}"), found, end, 2e-4 * end.abs().max(1e-2));
        }
    }
}

pub fn wilson_cowan(case: &Value, table: &mut Table) {
    let expected = &case["expected"];
    let found = proven_equilibria(WilsonCowan::of(&case["system"]), &[(-0.5, 1.0); 2], table);
    check_equilibria(&found, &expected["fps"], float(&case["tolerance"]["x_abs"]), 1e-6, table);
    if let Some(cycle) = cycle_of(WilsonCowan::of(&case["system"]), &[0.1, 0.05], 200.0, 20.0, table) {
        check_cycle(&cycle, &expected["cycle"], float(&case["tolerance"]["period_rel"]), table);
    }
}

pub fn van_der_pol(case: &Value, table: &mut Table) {
    if let Some(cycle) = cycle_of(VanDerPol { mu: 1.0 }, &[0.5, 0.0], 100.0, 20.0, table) {
        check_cycle(&cycle, &case["expected"], float(&case["tolerance"]["period_rel"]), table);
    }
}

pub fn stuart_landau(case: &Value, table: &mut Table) {
    let p = |name: &str| float(&case["system"]["params"][name]);
    let field = || StuartLandau { mu: p("mu"), omega: p("w"), b: p("b") };
    let expected = &case["expected"];
    if let Some(cycle) = cycle_of(field(), &[0.1, 0.0], 30.0, 10.0, table) {
        table.near_relative(
            "period",
            cycle.period,
            float(&expected["period"]),
            float(&case["tolerance"]["period_rel"]),
        );
        table.near("multiplier", cycle.multipliers[0].re, float(&expected["floquet_nontrivial"]), 1e-9);
        let radius = cycle.points.iter().map(|z| z[0].hypot(z[1])).fold(0.0, f64::max);
        table.near("radius", radius, float(&expected["radius"]), 1e-9);
    }
    let found = proven_equilibria(field(), &[(-2.0, 2.0); 2], table);
    table.same_spectrum(
        "eigenvalues of the origin",
        &found[0].eigenvalues,
        &spectrum(&expected["origin_eigenvalues"]),
        1e-9,
    );
}

pub fn morris_lecar(case: &Value, table: &mut Table) {
    let field = || MorrisLecar::of(&case["system"], float(&case["system"]["params"]["I"]));
    let expected = &case["expected"];
    let found = proven_equilibria(field(), &[(-1.0, 1.0); 2], table);
    check_equilibria(&found, &expected["fps"], 1e-6, 1e-6, table);
    if let Some(cycle) = cycle_of(field(), &[0.2, 0.3], 300.0, 60.0, table) {
        check_cycle(&cycle, &expected["cycle"], float(&case["tolerance"]["period_rel"]), table);
    }
}
