//! Systems whose answers others published, read from the known-answers folder where it is at hand.

use std::path::PathBuf;

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorKind, CyclePlan, PiecewiseLinearMap, Stability, find_attractors, find_fixed_points,
    find_fixed_points_smooth, refine_cycle,
};
use serde_json::Value;

use crate::systems::*;

fn known(file: &str) -> Option<Value> {
    let data = std::env::var_os("NULLCLINE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let path = data.join("known-answers").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("known answers are JSON")),
        Err(_) => {
            println!("skipped: no {file} in the known-answers folder; set NULLCLINE_DATA");
            None
        }
    }
}

fn case(id: &str) -> Option<Value> {
    let file = known("known_attractors.json")?;
    let found = file["cases"].as_array()?.iter().find(|case| case["id"] == id).cloned();
    assert!(found.is_some(), "no case {id}");
    found
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn points(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn matrix_of(value: &Value) -> DMatrix<f64> {
    let rows = points(value);
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn plrnn(system: &Value) -> PiecewiseLinearMap {
    let (a, w, h) = (numbers(&system["A_diag"]), matrix_of(&system["W"]), numbers(&system["h"]));
    PiecewiseLinearMap::piecewise_linear(&a, &w, &h).unwrap()
}

fn shallow(system: &Value) -> PiecewiseLinearMap {
    let (w1, w2) = (matrix_of(&system["W1"]), matrix_of(&system["W2"]));
    PiecewiseLinearMap::shallow(&numbers(&system["A"]), &w1, &w2, &numbers(&system["h1"]), &numbers(&system["h2"]))
        .unwrap()
}

#[track_caller]
fn check_enumerated(map: &PiecewiseLinearMap, answer: &Value) {
    let expected = points(&answer["fixed_points"]);
    let search = find_fixed_points(&mut rng(1), map, &[], &enumerating());
    assert!(search.complete);
    let found: Vec<_> = search.found.iter().map(|point| point.location.clone()).collect();
    let size = expected.iter().flatten().fold(1.0_f64, |largest, x| largest.max(x.abs()));
    assert_same_points(&found, &expected, 1e-8 * size);
    for (point, modulus) in expected.iter().zip(numbers(&answer["max_abs_eig"])) {
        let here = search.found.iter().find(|f| distance(&f.location, point) <= 1e-8 * size).unwrap();
        assert_close(here.multipliers[0].norm(), modulus, 1e-7 * modulus);
    }
    if let Some(n_stable) = answer["n_stable"].as_u64() {
        let stable = search.found.iter().filter(|point| point.stability == Stability::Stable).count();
        assert_eq!(stable as u64, n_stable);
    }
    // The search alone finds all of them too.
    let searched = find_fixed_points(&mut rng(1), map, &[vec![0.0; expected[0].len()]], &searching());
    assert_eq!(searched.found.len(), expected.len());
}

#[test]
fn networks_enumerated_elsewhere_have_the_same_fixed_points() {
    let Some(answers) = known("plrnn_fixed_points.json") else {
        return;
    };
    check_enumerated(&shallow(&answers["shPLRNN_M3_H10"]), &answers["shPLRNN_M3_H10"]);
    let clipped = &answers["clippedShPLRNN_M3_H8"];
    let (w1, w2) = (matrix_of(&clipped["W1"]), matrix_of(&clipped["W2"]));
    let (a, h1, h2) = (numbers(&clipped["A"]), numbers(&clipped["h1"]), numbers(&clipped["h2"]));
    check_enumerated(&PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).unwrap(), clipped);
    let alrnn = &answers["alrnn_lorenz_m20_p2"];
    let (a, w, h) = (numbers(&alrnn["A"]), matrix_of(&alrnn["W"]), numbers(&alrnn["h"]));
    let n_relu = alrnn["P"].as_u64().unwrap() as usize;
    check_enumerated(&PiecewiseLinearMap::almost_linear(&a, &w, &h, n_relu).unwrap(), alrnn);
}

/// Rank-2 networks: as many regions as an independent enumeration counted, and its one unstable focus.
#[test]
fn low_rank_networks_have_their_published_regions() {
    for (id, file) in [
        ("lowrank-osc_rnn", "weights/osc_rnn_weights_and_fps.json"),
        ("lowrank-osc_rnn_poisson", "weights/osc_rnn_poisson_weights_and_fps.json"),
    ] {
        let (Some(case), Some(weights)) = (case(id), known(file)) else {
            return;
        };
        let u = matrix_of(&weights["U_rates_from_latent"]);
        let v = matrix_of(&weights["V_latent_from_rates"]);
        let b = numbers(&weights["b"]);
        let map = PiecewiseLinearMap::shallow(&numbers(&weights["decay_a"]), &v, &u, &[0.0; 2], &b).unwrap();
        let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
        let expected = &case["expected"];
        assert!(search.complete);
        assert_eq!(search.regions_visited as u64, expected["n_linear_regions_enumerated"].as_u64().unwrap());
        assert_eq!(search.found.len(), 1);
        let answer = &expected["fixed_points"][0];
        assert!(distance(&search.found[0].location, &numbers(&answer["x"])) < 1e-4);
        assert_close(search.found[0].multipliers[0].norm(), answer["abs"][0].as_f64().unwrap(), 1e-4);
        assert_eq!(search.found[0].stability, Stability::Unstable);
    }
}

/// FixedPointFinder's test networks, from its own grid of starts.
#[test]
fn tanh_networks_have_the_fixed_points_of_fixedpointfinder() {
    for id in ["fpf-tanh-n2", "fpf-tanh-n3", "fpf-tanh-n4"] {
        let Some(case) = case(id) else { return };
        let network = TanhRnn(matrix_of(&case["system"]["W"]));
        let dim = network.0.nrows() as u32;
        let level = |index: usize, axis: u32| (index / 7_usize.pow(axis) % 7) as f64 / 3.0 - 1.0;
        let starts: Vec<Vec<f64>> =
            (0..7_usize.pow(dim)).map(|i| (0..dim).map(|axis| 0.97 * level(i, axis) + 0.01).collect()).collect();
        let search = find_fixed_points_smooth(&network, &starts, &newton());
        let expected = &case["expected"]["fixed_points"];
        let locations: Vec<_> = expected.as_array().unwrap().iter().map(|point| numbers(&point["x"])).collect();
        let found: Vec<_> = search.found.iter().map(|point| point.location.clone()).collect();
        assert_same_points(&found, &locations, 1e-8);
        for answer in expected.as_array().unwrap() {
            let here = search.found.iter().find(|f| distance(&f.location, &numbers(&answer["x"])) < 1e-8).unwrap();
            assert_eq!(here.unstable_dims() as u64, answer["n_unstable"].as_u64().unwrap());
            for (multiplier, modulus) in here.multipliers.iter().zip(numbers(&answer["abs"])) {
                assert_close(multiplier.norm(), modulus, 1e-6);
            }
        }
        assert_eq!(search.attempts.len(), starts.len());
    }
}

/// Each of these networks holds one stable and one saddle cycle, or a single fixed point.
#[test]
fn plrnns_have_the_cycles_of_scyfi() {
    for id in ["scyfi-1_cycle_2D_for_holes", "scyfi-1_cycle_2D"] {
        let Some(case) = case(id) else { return };
        let answer = &case["expected"]["prime_cycles"]["1"]["cycles"][0];
        let search = find_fixed_points(&mut rng(1), &plrnn(&case["system"]), &[], &enumerating());
        assert!(search.complete);
        assert_eq!(search.found.len(), 1);
        assert!(distance(&search.found[0].location, &numbers(&answer["first_point"])) < 1e-6);
        assert_close(search.found[0].multipliers[0].norm(), answer["max_abs_eig"].as_f64().unwrap(), 1e-9);
    }
    let Some(case) = case("scyfi-80_cycle_2D") else {
        return;
    };
    let map = plrnn(&case["system"]);
    let answers = &case["expected"]["prime_cycles"]["80"]["cycles"];
    // The stable one attracts orbits …
    let starts = uniform_starts(&mut rng(3), 20, 2, 5.0);
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    let stable = search.attractors.iter().find_map(|attractor| attractor.cycle.as_ref()).expect("a stable cycle");
    assert_eq!(stable.period, 80);
    assert_close(stable.multipliers[0].norm(), answers[0]["max_abs_eig"].as_f64().unwrap(), 1e-6);
    assert!(stable.points.iter().any(|z| distance(z, &numbers(&answers[0]["first_point"])) < 1e-6));
    // … the other is refined from a point of it.
    let plan = CyclePlan { residual_tolerance: 1e-9, smallest_scale: 1.0, max_steps: 30, marginal_tolerance: 1e-6 };
    let saddle = refine_cycle(&map, &numbers(&answers[1]["first_point"]), 80, &plan).unwrap();
    assert_eq!((saddle.period, saddle.stability), (80, Stability::Saddle { unstable_dims: 1 }));
    assert_close(saddle.multipliers[0].norm(), answers[1]["max_abs_eig"].as_f64().unwrap(), 1e-6);
}

/// No fixed point at all, proven by visiting every region; two 2-cycles and a 4-cycle, refined from rounded points.
#[test]
fn a_shallow_network_without_fixed_points_has_its_cycles() {
    let Some(case) = case("scyfi-2_cycle_4_cycle_M2_H10") else {
        return;
    };
    let map = shallow(&case["system"]);
    let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    assert!(search.complete && search.found.is_empty());
    let plan = CyclePlan { residual_tolerance: 1e-9, smallest_scale: 1.0, max_steps: 30, marginal_tolerance: 1e-6 };
    for period in [2, 4] {
        for answer in case["expected"]["prime_cycles"][period.to_string()]["cycles"].as_array().unwrap() {
            let mut guess = points(&answer["points"])[0].clone();
            guess.iter_mut().for_each(|x| *x = (*x * 1e3).round() / 1e3);
            // Asked for twice the period, the answer is still the minimal one.
            for asked in [period, 2 * period] {
                let cycle = refine_cycle(&map, &guess, asked, &plan).unwrap();
                assert_eq!(cycle.period, period);
                let mut moduli = numbers(&answer["abs_eig"]);
                moduli.sort_by(|a, b| b.total_cmp(a));
                for (multiplier, modulus) in cycle.multipliers.iter().zip(moduli) {
                    assert_close(multiplier.norm(), modulus, 1e-6);
                }
            }
        }
    }
}

#[test]
fn henon_has_the_periods_of_sixty_thousand_iterations() {
    let Some(case) = case("henon-windows") else {
        return;
    };
    for (a, period) in case["expected"]["attractor_period_by_a"].as_object().unwrap() {
        let Some(period) = period.as_u64() else {
            continue;
        };
        let henon = Henon { a: a.parse().unwrap(), b: 0.3 };
        let search = find_attractors(&mut rng(1), &henon, &[], &[vec![0.0, 0.0]], &following());
        let kind = match period {
            1 => AttractorKind::FixedPoint,
            period => AttractorKind::Cycle { period: period as usize },
        };
        assert_eq!(search.attractors.first().map(|attractor| attractor.kind), Some(kind), "a = {a}");
    }
}
