//! A dozen published cases with their parameters written out, so that they run without the data folder.
//!
//! Sources: FixedPointFinder's tests (tanh networks), Wong & Wang (2006) as in BrainPy's tutorial, Lorenz (1963), Hénon (1976),
//! Wilson & Cowan (1972), Montbrió, Pazó & Roxin (2015), and algebra.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    BoxPlan, Formula, Interval, Iterated, LimitCyclePlan, SmoothField, SmoothMap, Stability, TanhRnn,
    certified_equilibria, certified_fixed_points, find_limit_cycle,
};
use serde_json::json;

use crate::fields::*;
use crate::table::distance;

#[track_caller]
fn check_equilibria<F: Formula>(field: F, region: &[(f64, f64)], expected: &[(&[f64], usize)], tolerance: f64) {
    let region: Vec<Interval> = region.iter().map(|&(lo, hi)| Interval::new(lo, hi)).collect();
    let search = certified_equilibria(&SmoothField(field), &region, &BoxPlan::default());
    assert!(search.complete, "undecided: {:?}", search.undecided);
    assert_eq!(search.found.len(), expected.len());
    for (x, unstable) in expected {
        let here = search.found.iter().find(|found| distance(&found.point.location, x) < tolerance);
        assert_eq!(here.unwrap_or_else(|| panic!("none at {x:?}")).point.unstable_dims(), *unstable, "at {x:?}");
    }
}

/// `W[i, :] = −roll(linspace(−1, 1, n), −i)`: 3, 3 and 9 fixed points, of which 2, 0 and 2 are stable.
#[test]
fn fixedpointfinder_networks() {
    for (n, count, stable) in [(2, 3, 2), (3, 3, 0), (4, 9, 2)] {
        let w = DMatrix::from_fn(n, n, |i, j| 1.0 - 2.0 * ((i + j) % n) as f64 / (n - 1) as f64);
        let map = SmoothMap(TanhRnn::new(w.transpose(), vec![0.0; n], 1.0).unwrap());
        let search = certified_fixed_points(&map, &vec![Interval::new(-1.0, 1.0); n], &BoxPlan::default());
        assert!(search.complete);
        let found_stable = search.found.iter().filter(|found| found.point.stability == Stability::Stable).count();
        assert_eq!((search.found.len(), found_stable), (count, stable), "n = {n}");
    }
}

/// Five states without stimulus, three with a weak one, one with a strong one.
#[test]
fn wong_wang() {
    let network = |mu: f64, coh: f64| {
        WongWang::of(&json!({"params": {
            "gamma": 0.641, "tau": 0.1, "a": 270, "b": 108, "d": 0.154, "JE": 0.2609, "JI": -0.0497, "JA": 0.00052,
            "Ib": 0.3255, "mu": mu, "coh": coh,
        }}))
    };
    let unit = [(0.0, 1.0); 2];
    check_equilibria(
        network(0.0, 0.0),
        &unit,
        &[
            (&[0.031_891_419_8, 0.566_987_180_6], 0),
            (&[0.055_785_330_5, 0.313_844_924_3], 1),
            (&[0.102_651_249_6, 0.102_651_249_6], 0),
            (&[0.313_844_924_3, 0.055_785_330_5], 1),
            (&[0.566_987_180_6, 0.031_891_419_8], 0),
        ],
        1e-9,
    );
    check_equilibria(
        network(30.0, 0.14),
        &unit,
        &[
            (&[0.059_110_036_1, 0.648_104_668_5], 0),
            (&[0.384_558_607_2, 0.453_630_916_8], 1),
            (&[0.667_977_619_9, 0.045_830_143_7], 0),
        ],
        1e-9,
    );
    check_equilibria(network(30.0, 1.0), &unit, &[(&[0.709_280_520_3, 0.023_963_664_6], 0)], 1e-9);
}

#[test]
fn lorenz() {
    let c = 56.0_f64.sqrt();
    let box_ = [(-20.0, 20.0), (-20.0, 20.0), (0.0, 40.0)];
    let field = Lorenz { sigma: 10.0, rho: 22.0, beta: 8.0 / 3.0 };
    check_equilibria(field, &box_, &[(&[0.0; 3], 1), (&[c, c, 21.0], 0), (&[-c, -c, 21.0], 0)], 1e-12);
}

#[test]
fn qif_mean_field() {
    let field = QifMeanField { eta: -5.0, delta: 1.0, coupling: 15.0, current: -1.0 };
    check_equilibria(field, &[(0.0, 5.0), (-10.0, 5.0)], &[(&[0.071_315_741_4, -2.231_694_433_7], 0)], 1e-9);
}

/// Points that `Fᵏ` leaves in place at a = 1.4, b = 0.3.
#[test]
fn henon_cycles() {
    for (times, count) in [(1, 2), (2, 4), (3, 2), (4, 8), (5, 2), (6, 16)] {
        let map = SmoothMap(Iterated { step: Henon { a: 1.4, b: 0.3 }, times });
        let region = [Interval::new(-1.8, 1.8), Interval::new(-0.6, 0.6)];
        let search = certified_fixed_points(&map, &region, &BoxPlan::default());
        assert!(search.complete);
        assert_eq!(search.found.len(), count, "F^{times}");
    }
}

/// The limit cycle of the 1972 paper, around one unstable focus.
#[test]
fn wilson_cowan() {
    let population = || {
        WilsonCowan::of(&json!({"params": {
            "c1": 16, "c2": 12, "c3": 15, "c4": 3, "a_e": 1.3, "th_e": 4, "a_i": 2, "th_i": 3.7, "P": 1.25, "Q": 0,
        }}))
    };
    check_equilibria(population(), &[(-0.5, 1.0); 2], &[(&[0.201_748_395_6, 0.106_889_385_7], 2)], 1e-9);
    let cycle =
        find_limit_cycle(&SmoothField(population()), &[0.1, 0.05], &LimitCyclePlan::within(200.0, 20.0)).unwrap();
    assert!((cycle.period - 4.995_894_304).abs() < 1e-8, "{}", cycle.period);
    assert_eq!(cycle.stability, Stability::Stable);
}
