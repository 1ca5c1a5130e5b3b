//! Every published case of the known-answers folder, in a table: expected, found, tolerance, passed.
//!
//! Expected values and parameters are read from `known_attractors.json`; systems that it names by formula are written in
//! [`fields`]. Run with `--no-capture` to see the table.

mod basins;
mod bifurcations;
mod cycles;
mod exponents;
mod fields;
mod fixed_points;
mod key_cases;
mod limit_cycles;
mod table;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use table::{Table, data_file};

/// Cases that are not run, and why.
const LEFT_OUT: [(&str, &str); 1] = [("nlb-bits-per-spike", "a score of observations, tested where models are judged")];

/// Answers that differ from the published ones, and why: case, question, reason.
const KNOWN_FAILURES: [(&str, &str, &str); 0] = [];

#[test]
fn every_covered_case_is_answered() {
    let Some(file) = data_file("known_attractors.json") else { return };
    let must_pass: Vec<&str> = file["meta"]["must_pass"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let cases = file["cases"].as_array().unwrap();
    // Side by side, reported in the order of the file.
    let next = AtomicUsize::new(0);
    let answered = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let table = answer(case);
                    answered.lock().unwrap().insert(case["id"].as_str().unwrap().to_string(), table);
                }
            });
        }
    });
    let mut answered = answered.into_inner().unwrap();
    let table: Table = cases.iter().map(|case| answered.remove(case["id"].as_str().unwrap()).unwrap()).collect();
    println!("{table}");
    let is_known =
        |failed: &(&str, &str)| KNOWN_FAILURES.iter().any(|(case, question, _)| (*case, *question) == *failed);
    for (case, question, reason) in KNOWN_FAILURES {
        println!("known to differ: {case}, {question}: {reason}");
    }
    // Everything else passed when it was added: what fails is a regression, must-pass or not.
    let failed: Vec<(&str, &str)> = table.failed().into_iter().filter(|failed| !is_known(failed)).collect();
    let serious: Vec<&str> = must_pass.into_iter().filter(|id| failed.iter().any(|(case, _)| case == id)).collect();
    assert!(failed.is_empty(), "failed: {failed:?}, of these must-pass: {serious:?}\n{table}");
}

fn answer(case: &Value) -> Table {
    let id = case["id"].as_str().unwrap();
    let mut table = Table::of(id);
    match LEFT_OUT.iter().find(|(left_out, _)| *left_out == id) {
        Some((_, reason)) => table.leave_out(reason),
        None => run(case, &mut table),
    }
    table
}

fn run(case: &Value, table: &mut Table) {
    let id = case["id"].as_str().unwrap();
    match id {
        _ if id.starts_with("fpf-tanh") => fixed_points::tanh_network(case, table),
        "ideal-3bit-flipflop" => fixed_points::flip_flop(case, table),
        _ if id.starts_with("lowrank") => fixed_points::low_rank(case, table),
        _ if id.starts_with("expressive-gru") => fixed_points::gru(case, table),
        _ if id.starts_with("expressive-node") => fixed_points::neural_ode(case, table),
        _ if id.starts_with("wong-wang") => fixed_points::wong_wang(case, table),
        "wilson-cowan-1972-multistable" => fixed_points::wilson_cowan(case, table),
        _ if id.starts_with("qif-meanfield") => fixed_points::qif(case, table),
        "lorenz-rho22" => fixed_points::lorenz(case, table),
        "linear-ode-stability-quantifiers" => fixed_points::linear_flow(case, table),
        _ if id.starts_with("scyfi") => cycles::piecewise_linear(case, table),
        "henon-b-0.9-coexistence" => cycles::henon_coexistence(case, table),
        "henon-windows" => cycles::henon_windows(case, table),
        "logistic-period3" => cycles::logistic_tangency(case, table),
        "henon" => {
            exponents::henon(case, table);
            cycles::henon_counts(case, table);
        }
        "lorenz-rho32" => exponents::lorenz(case, table),
        "thomas-0.18" => exponents::thomas(case, table),
        "logistic-r4" => exponents::logistic(case, table),
        "linear-map-lyapunov" => exponents::linear(case, table),
        "wilson-cowan-1972-limit-cycle" => limit_cycles::wilson_cowan(case, table),
        "vanderpol-mu1" => limit_cycles::van_der_pol(case, table),
        "stuart-landau" => limit_cycles::stuart_landau(case, table),
        "morris-lecar-attractorsjl" => limit_cycles::morris_lecar(case, table),
        "ring-attractor" => basins::ring(case, table),
        "henon-basin" => basins::henon(case, table),
        "newton3-basins" => basins::newton_fractal(case, table),
        "bistable-map-analytic" => basins::bistable(case, table),
        "hopfield-n16-3patterns" => basins::hopfield(case, table),
        "thomas-0.1665-three-cycles" => basins::thomas(case, table),
        "modified-lorenz-a5" => basins::modified_lorenz(case, table),
        "grebogi-map" => basins::grebogi(case, table),
        "tipping-probabilities" => basins::tipping(case, table),
        "morris-lecar-hopf-set" => bifurcations::morris_lecar_hopf(case, table),
        "morris-lecar-homoclinic-set" => bifurcations::morris_lecar_homoclinic(case, table),
        "matcont-mlfast" => bifurcations::matcont(case, table),
        "jansen-rit-bifurcations" => bifurcations::jansen_rit(case, table),
        "bk-lorenz84-extended" => bifurcations::lorenz84(case, table),
        "bk-co-oxidation" => bifurcations::co_oxidation(case, table),
        _ => table.leave_out("not covered"),
    }
}
