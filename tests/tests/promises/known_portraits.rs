//! Small networks whose portrait follows by hand.

use nullcline_tests::Lab;
use serde_json::{Value, json};

/// `z' = z/2 − relu(z) + 3` rests at 2, where its slope is −1/2.
#[test]
fn shallow() {
    let weights = json!({"type": "shPLRNN", "A": [0.5], "W1": [[-1]], "W2": [[1]], "h1": [3], "h2": [0]});
    check_rests(&weights, &[2.0], &[-0.5]);
}

/// `z' = z/2 + relu(z + 1) − relu(z)` rests at 2, where the clipped part is the constant 1.
/// Below 0 it would have to rest at −2, where the slope is another, and below −1 at 0.
#[test]
fn clipped() {
    let weights = json!({"type": "clippedShPLRNN", "A": [0.5], "W1": [[1]], "W2": [[1]], "h1": [0], "h2": [1]});
    check_rests(&weights, &[2.0], &[0.5]);
}

/// `z₁' = z₁/2 + relu(z₂)`, `z₂' = −z₂/2 + 3` rests at (4, 2).
#[test]
fn almost_linear() {
    let weights = json!({"type": "ALRNN", "A": [0.5, -0.5], "W": [[0, 1], [0, 0]], "h": [0, 3], "P": 1});
    check_rests(&weights, &[4.0, 2.0], &[0.5, -0.5]);
}

/// `z₁' = z₁/2 − relu(z₂)`, `z₂' = −z₂/2 + 3` rests at (−4, 2).
#[test]
fn piecewise_linear() {
    let weights = json!({"type": "PLRNN", "A": [0.5, -0.5], "W": [[0, -1], [0, 0]], "h": [0, 3]});
    check_rests(&weights, &[-4.0, 2.0], &[0.5, -0.5]);
}

/// `z' = z/2 − 2 relu(z) + 1` is unstable at 2/5 (slope −3/2) and jumps between 6/7 and −2/7, with multiplier
/// −3/2 · 1/2.
#[test]
fn a_cycle_of_two() {
    let weights = json!({"type": "shPLRNN", "A": [0.5], "W1": [[-2]], "W2": [[1]], "h1": [1], "h2": [0]});
    let found = portrait(&weights);
    check_point(&found["fixed_points"][0], &[0.4], &[-1.5], "unstable");
    let cycle = &found["cycles"][0];
    assert_eq!((&cycle["period"], &cycle["stability"]), (&json!(2), &json!("stable")), "{found:#}");
    assert_close(&numbers(&cycle["multipliers"][0]), &[-0.75, 0.0]);
    let mut points: Vec<f64> = cycle["points"].as_array().unwrap().iter().map(|z| numbers(z)[0]).collect();
    points.sort_by(f64::total_cmp);
    assert_close(&points, &[-2.0 / 7.0, 6.0 / 7.0]);
    let attractor = &found["attractors"][0];
    assert_eq!((&attractor["kind"], &attractor["basin_fraction"]), (&json!("cycle"), &json!(1.0)), "{found:#}");
    // ln √(3/4) for each step.
    assert_close(&numbers(&attractor["lyapunov"]), &[0.5 * 0.75f64.ln()]);
}

/// `z' = z/2 + 2 relu(z) − 1` rests at −2 and at 2/3, and everything above 2/3 runs away.
#[test]
fn what_diverges_is_not_undecided() {
    let weights = json!({"type": "shPLRNN", "A": [0.5], "W1": [[2]], "W2": [[1]], "h1": [-1], "h2": [0]});
    let found = portrait(&weights);
    assert_eq!(found["fixed_points"].as_array().unwrap().len(), 2, "{found:#}");
    let (settled, diverged) =
        (found["attractors"][0]["basin_fraction"].as_f64().unwrap(), found["diverged"].as_f64().unwrap());
    assert!(settled > 0.3 && diverged > 0.1, "{found:#}");
    assert!((settled + diverged - 1.0).abs() < 1e-9, "{found:#}");
    assert_eq!(found["undecided"], 0.0);
}

/// `z' = z/2 − relu(z) + 3` again, as a network of rank one.
#[test]
fn low_rank() {
    let weights = json!({"type": "lowRank", "a": 0.5, "V": [[-1]], "U": [[1]], "b": [0], "h": [3]});
    check_rests(&weights, &[2.0], &[-0.5]);
}

/// `z' = tanh(z/2)` rests at 0 only, which the box `[−1, 1]` proves.
#[test]
fn tanh() {
    check_rests(&json!({"type": "tanhRNN", "W": [[0.5]], "b": [0]}), &[0.0], &[0.5]);
}

/// With both gates half open, `h' = h/2 + tanh(h/2)/2` rests at 0 with slope 3/4.
#[test]
fn gru() {
    check_rests(&json!({"type": "GRU", "weight_hh": [[0], [0], [1]]}), &[0.0], &[0.75]);
}

/// The flow `ż = z − z³` rests at −1, 0 and 1, with slopes −2, 1, −2 and multipliers `e` to these.
#[test]
fn flow() {
    let terms = json!([[[1, [1]], [-1, [3]]]]);
    let found = portrait(&json!({"type": "polynomial", "terms": terms, "time_step": 1}));
    let points = found["fixed_points"].as_array().unwrap();
    assert_eq!(points.len(), 3, "{found:#}");
    for (point, (at, slope)) in points.iter().zip([(-1.0, -2.0_f64), (0.0, 1.0), (1.0, -2.0)]) {
        assert_close(&numbers(&point["z"]), &[at]);
        let multiplier = numbers(&point["multipliers"][0])[0];
        assert!((multiplier - slope.exp()).abs() < 1e-6, "{point:#}");
    }
    let basins: f64 =
        numbers(&json!([found["attractors"][0]["basin_fraction"], found["attractors"][1]["basin_fraction"]]))
            .iter()
            .sum();
    assert!((basins - 1.0).abs() < 1e-9, "{found:#}");
}

/// An input of 3 held from outside moves the point of rest of `z' = z/2 + C s` to 6.
#[test]
fn constant_input() {
    let lab = Lab::new();
    let weights = json!({"type": "PLRNN", "A": [0.5], "W": [[0]], "h": [0], "C": [[1, 0]]});
    lab.write("weights.json", weights.to_string());
    let found = lab.nullcline("portrait weights.json --input 3,7 --json").succeeds().json();
    check_point(&found["fixed_points"][0], &[6.0], &[0.5], "stable");
}

/// `z' = z/2 + 2 relu(z − 1) + (1 − ε)/2` rests at `1 − ε`, where its slope is 1/2, and at `1 + ε/3`, where it is 5/2.
#[test]
fn close_neighbours_are_not_one() {
    let gap = 1e-7;
    let found = portrait(
        &json!({"type": "shPLRNN", "A": [0.5], "W1": [[2]], "W2": [[1]], "h1": [0.5 - 0.5 * gap], "h2": [-1]}),
    );
    let points = found["fixed_points"].as_array().unwrap();
    let offsets: Vec<f64> = points.iter().map(|point| (numbers(&point["z"])[0] - 1.0) / gap).collect();
    assert_eq!(offsets.len(), 2, "{found:#}");
    assert!((offsets[0] + 1.0).abs() < 1e-6 && (offsets[1] - 1.0 / 3.0).abs() < 1e-6, "{offsets:?}");
}

/// The only fixed point is stable, found with certainty, and draws every start.
#[track_caller]
fn check_rests(weights: &Value, at: &[f64], multipliers: &[f64]) {
    let found = portrait(weights);
    assert_eq!(found["dim"], at.len());
    assert_eq!(found["fixed_points"].as_array().unwrap().len(), 1, "{found:#}");
    check_point(&found["fixed_points"][0], at, multipliers, "stable");
    assert_eq!(found["fixed_points_complete"], true);
    let attractor = &found["attractors"][0];
    assert_eq!((&attractor["kind"], &attractor["basin_fraction"]), (&json!("fixed point"), &json!(1.0)), "{found:#}");
    let [low, high] = numbers(&attractor["basin_ci"])[..] else { panic!("{found:#}") };
    assert!(0.9 < low && low < high && high <= 1.0, "{found:#}");
    assert_eq!((&found["diverged"], &found["undecided"]), (&json!(0.0), &json!(0.0)));
    assert_eq!(found["cycles"], json!([]));
}

#[track_caller]
fn check_point(point: &Value, at: &[f64], multipliers: &[f64], stability: &str) {
    assert_close(&numbers(&point["z"]), at);
    let mut found: Vec<f64> = point["multipliers"].as_array().unwrap().iter().map(|pair| numbers(pair)[0]).collect();
    let mut expected = multipliers.to_vec();
    found.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_close(&found, &expected);
    assert_eq!(point["stability"], stability);
    assert!(point["residual"].as_f64().unwrap() <= 1e-10, "{point:#}");
}

#[track_caller]
fn portrait(weights: &Value) -> Value {
    let lab = Lab::new();
    lab.write("weights.json", weights.to_string());
    lab.nullcline("portrait weights.json --json").succeeds().json()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}, expected {expected:?}");
    for (found_at, expected_at) in found.iter().zip(expected) {
        assert!((found_at - expected_at).abs() < 1e-9, "{found:?}, expected {expected:?}");
    }
}
