use nalgebra::{DMatrix, DVector};
use nullcline_dynamics::{
    Activation, BoxPlan, Equilibrium, EulerStep, FixedPoint, Formula, Gru, Interval, Layer, Map, Mlp, NewtonPlan,
    PiecewiseLinearMap, SmoothField, SmoothMap, TanhRnn, certified_equilibria, certified_fixed_points, certify,
    find_fixed_points, find_fixed_points_smooth, non_normality, numerical_abscissa,
};
use rand::RngExt;
use serde_json::Value;

use crate::fields::*;
use crate::table::*;

pub fn newton() -> NewtonPlan {
    NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 200, marginal_tolerance: 1e-6 }
}

pub fn uniform(n: usize, dim: usize, reach: f64) -> Vec<Vec<f64>> {
    let mut rng = rng(7);
    (0..n).map(|_| (0..dim).map(|_| rng.random_range(-reach..reach)).collect()).collect()
}

pub fn located(found: &[FixedPoint]) -> Vec<Vec<f64>> {
    found.iter().map(|point| point.location.clone()).collect()
}

/// The fixed points of a map in a box, with the proof in the table.
fn proven<F: Formula>(map: &SmoothMap<F>, region: &[Interval], table: &mut Table) -> Vec<FixedPoint> {
    let search = certified_fixed_points(map, region, &BoxPlan::default());
    table.holds(&format!("proven complete ({} boxes)", search.boxes_examined), search.complete);
    search.found.into_iter().map(|found| found.point).collect()
}

/// Equilibria of a field in a box, with the proof in the table.
pub fn proven_equilibria<F: Formula>(field: F, region: &[(f64, f64)], table: &mut Table) -> Vec<Equilibrium> {
    let region: Vec<Interval> = region.iter().map(|&(lo, hi)| Interval::new(lo, hi)).collect();
    let search = certified_equilibria(&SmoothField(field), &region, &BoxPlan::default());
    table.holds(&format!("proven complete ({} boxes)", search.boxes_examined), search.complete);
    for undecided in &search.undecided {
        println!("undecided: {undecided:?}");
    }
    search.found.into_iter().map(|found| found.point).collect()
}

/// Locations, eigenvalues and unstable directions against `[{"x", "eigenvalues", "n_unstable"}]`.
pub fn check_equilibria(found: &[Equilibrium], expected: &Value, x_abs: f64, eig_abs: f64, table: &mut Table) {
    let places: Vec<Vec<f64>> = found.iter().map(|point| point.location.clone()).collect();
    table.same_points("equilibria", &places, &locations(expected), x_abs);
    for answer in expected.as_array().unwrap() {
        let x = numbers(&answer["x"]);
        let nearest = found.iter().min_by(|a, b| distance(&a.location, &x).total_cmp(&distance(&b.location, &x)));
        let Some(nearest) = nearest else { continue };
        let scale = spectrum(&answer["eigenvalues"]).iter().map(|value| value.norm()).fold(1.0, f64::max);
        table.same_spectrum("eigenvalues", &nearest.eigenvalues, &spectrum(&answer["eigenvalues"]), eig_abs * scale);
        table.equal("unstable directions", nearest.unstable_dims() as u64, answer["n_unstable"].as_u64().unwrap());
    }
}

/// FixedPointFinder's test networks: `h′ = tanh(hᵀ W)`, in a box from which nothing can be missing.
pub fn tanh_network(case: &Value, table: &mut Table) {
    let w = matrix(&case["system"]["W"]);
    let map = SmoothMap(TanhRnn::new(w.transpose(), vec![0.0; w.nrows()], 1.0).unwrap());
    let dim = w.nrows();
    let found = proven(&map, &vec![Interval::new(-1.0, 1.0); dim], table);
    let (expected, tolerance) = (&case["expected"], &case["tolerance"]);
    table.same_points(
        "fixed points, proven",
        &located(&found),
        &locations(&expected["fixed_points"]),
        float(&tolerance["x_abs_strict"]),
    );
    let searched = find_fixed_points_smooth(&map, &uniform(500, dim, 1.0), &newton());
    table.same_points(
        "fixed points, Newton",
        &located(&searched.found),
        &locations(&expected["fixed_points"]),
        float(&tolerance["x_abs_strict"]),
    );
    for answer in expected["fixed_points"].as_array().unwrap() {
        let x = numbers(&answer["x"]);
        let Some(here) = found.iter().find(|point| distance(&point.location, &x) < 1e-6) else { continue };
        table.same_spectrum(
            "multipliers",
            &here.multipliers,
            &spectrum(&answer["eigenvalues"]),
            float(&tolerance["eig_abs"]),
        );
        table.equal("unstable directions", here.unstable_dims() as u64, answer["n_unstable"].as_u64().unwrap());
    }
}

pub fn flip_flop(case: &Value, table: &mut Table) {
    let map = SmoothMap(TanhRnn::new(DMatrix::identity(3, 3) * 1.5, vec![0.0; 3], 1.0).unwrap());
    let found = proven(&map, &[Interval::new(-1.0, 1.0); 3], table);
    let expected = &case["expected"];
    table.equal("fixed points", found.len() as u64, expected["n_fixed_points"].as_u64().unwrap());
    for (unstable, count) in expected["n_by_unstable_dim"].as_object().unwrap() {
        let unstable: usize = unstable.parse().unwrap();
        let here = found.iter().filter(|point| point.unstable_dims() == unstable).count() as u64;
        table.equal(&format!("with {unstable} unstable directions"), here, count.as_u64().unwrap());
    }
    let values = numbers(&expected["coordinate_values"]);
    let off = |x: f64| values.iter().map(|v| (x - v).abs()).fold(f64::INFINITY, f64::min);
    let worst = found.iter().flat_map(|point| &point.location).map(|&x| off(x)).fold(0.0, f64::max);
    table.near("distance of coordinates", worst, 0.0, float(&case["tolerance"]["x_abs"]));
    let multipliers = || found.iter().flat_map(|point| &point.multipliers).map(|multiplier| multiplier.re);
    table.near(
        "smallest multiplier",
        multipliers().fold(f64::INFINITY, f64::min),
        float(&expected["eigenvalue_stable"]),
        1e-9,
    );
    table.near("largest multiplier", multipliers().fold(0.0, f64::max), float(&expected["eigenvalue_unstable"]), 1e-9);
}

pub fn low_rank(case: &Value, table: &mut Table) {
    let Some(weights) = data_file(case["system"]["weights_file"].as_str().unwrap()) else { return };
    let (u, v) = (matrix(&weights["U_rates_from_latent"]), matrix(&weights["V_latent_from_rates"]));
    let a = numbers(&weights["decay_a"]);
    let map = PiecewiseLinearMap::shallow(&a, &v, &u, &vec![0.0; a.len()], &numbers(&weights["b"])).unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &crate::cycles::every_region());
    let (expected, tolerance) = (&case["expected"], &case["tolerance"]);
    table.holds("proven complete", search.complete);
    table.same_points(
        "fixed points",
        &located(&search.found),
        &locations(&expected["fixed_points"]),
        float(&tolerance["x_abs"]),
    );
    let answer = &expected["fixed_points"][0];
    table.same_spectrum(
        "multipliers",
        &search.found[0].multipliers,
        &spectrum(&answer["eigenvalues"]),
        float(&tolerance["eig_abs"]),
    );
    table.equal("unstable directions", search.found[0].unstable_dims() as u64, answer["n_unstable"].as_u64().unwrap());
}

/// A third party's trained GRU: every published spectrum, and for three dimensions the proof that there is no other point.
pub fn gru(case: &Value, table: &mut Table) {
    let Some(weights) = data_file(case["system"]["weights_file"].as_str().unwrap()) else { return };
    let cell = |name: &str| &weights["decoder"][format!("decoder.cell.{name}")];
    let map = SmoothMap(
        Gru::from_pytorch(
            &matrix(cell("weight_ih")),
            &matrix(cell("weight_hh")),
            &numbers(cell("bias_ih")),
            &numbers(cell("bias_hh")),
            &[0.0],
        )
        .unwrap(),
    );
    let found = if map.dim() <= 4 {
        proven(&map, &vec![Interval::new(-1.0, 1.0); map.dim()], table)
    } else {
        let search = find_fixed_points_smooth(&map, &uniform(500, map.dim(), 1.0), &newton());
        let certificates = search.found.iter().filter(|point| certify(&map, &point.location).is_some()).count();
        table.equal("each proven to exist and to be isolated", certificates, search.found.len());
        search.found
    };
    check_published(&found, case, table);
}

/// A third party's neural ODE, as the Euler map it was trained as.
pub fn neural_ode(case: &Value, table: &mut Table) {
    let Some(weights) = data_file(case["system"]["weights_file"].as_str().unwrap()) else { return };
    let layer = |index: usize| Layer {
        weights: matrix(&weights["decoder"][format!("decoder.vf.vf.vf.{index}.weight")]),
        bias: numbers(&weights["decoder"][format!("decoder.vf.vf.vf.{index}.bias")]),
    };
    let layers = vec![layer(0), layer(2)];
    let dim = layers[1].bias.len();
    let velocity = Mlp::new(vec![0.0; dim], layers, Activation::Tanh).unwrap();
    let map = SmoothMap(EulerStep { velocity, time_step: 1.0 / 70.0 });
    let search = find_fixed_points_smooth(&map, &uniform(500, dim, 2.0), &newton());
    let certificates = search.found.iter().filter(|point| certify(&map, &point.location).is_some()).count();
    table.equal("each proven to exist and to be isolated", certificates, search.found.len());
    check_published(&search.found, case, table);
}

fn check_published(found: &[FixedPoint], case: &Value, table: &mut Table) {
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["eig_abs"]));
    table.equal("fixed points", found.len() as u64, expected["n_fixed_points_published"].as_u64().unwrap());
    table.same_points("fixed points", &located(found), &locations(&expected["fixed_points_found_here"]), 1e-6);
    for published in expected["leading_eigenvalues_published"].as_array().unwrap() {
        let published = spectrum(published);
        // The point whose leading multipliers come closest.
        let off = |point: &FixedPoint| {
            let leading = |value: nullcline_dynamics::Complex<f64>| {
                point.multipliers.iter().map(|m| (m - value).norm()).fold(f64::INFINITY, f64::min)
            };
            published.iter().map(|&value| leading(value)).fold(0.0, f64::max)
        };
        let worst = found.iter().map(off).fold(f64::INFINITY, f64::min);
        table.near("leading multipliers, distance", worst, 0.0, tolerance);
    }
}

pub fn wong_wang(case: &Value, table: &mut Table) {
    let found = proven_equilibria(WongWang::of(&case["system"]), &[(0.0, 1.0); 2], table);
    let tolerance = &case["tolerance"];
    check_equilibria(
        &found,
        &case["expected"]["fixed_points"],
        float(&tolerance["x_abs"]),
        tolerance.get("eig_abs").map_or(1e-4, float),
        table,
    );
}

pub fn wilson_cowan(case: &Value, table: &mut Table) {
    let found = proven_equilibria(WilsonCowan::of(&case["system"]), &[(-0.5, 1.0); 2], table);
    check_equilibria(&found, &case["expected"]["fixed_points"], float(&case["tolerance"]["x_abs"]), 1e-6, table);
}

pub fn qif(case: &Value, table: &mut Table) {
    let found = proven_equilibria(QifMeanField::of(&case["system"]), &[(-0.5, 5.0), (-10.0, 5.0)], table);
    let real: Vec<Equilibrium> = found.into_iter().filter(|point| point.location[0] > 0.0).collect();
    check_equilibria(&real, &case["expected"]["fixed_points"], float(&case["tolerance"]["x_abs"]), 1e-6, table);
}

pub fn lorenz(case: &Value, table: &mut Table) {
    let p = |name: &str| float(&case["system"]["params"][name]);
    let field = Lorenz { sigma: p("sigma"), rho: p("rho"), beta: p("beta") };
    let region: Vec<(f64, f64)> = points(&case["system"]["box"]).iter().map(|side| (side[0], side[1])).collect();
    let found = proven_equilibria(field, &region, table);
    check_equilibria(&found, &case["expected"]["fixed_points"], float(&case["tolerance"]["x_abs"]), 1e-8, table);
    let stable = found.iter().filter(|point| point.unstable_dims() == 0).count();
    table.equal("stable", stable as u64, case["expected"]["n_stable"].as_u64().unwrap());
}

pub fn linear_flow(case: &Value, table: &mut Table) {
    let rates = vec![-0.5, -0.5];
    let found = proven_equilibria(Diagonal(rates.clone()), &[(-1.0, 2.0); 2], table);
    let (expected, tolerance) = (&case["expected"], float(&case["tolerance"]["abs"]));
    let jacobian = DMatrix::from_diagonal(&DVector::from_vec(rates));
    let return_time = -1.0 / found[0].eigenvalues[0].re;
    table.near("characteristic return time", return_time, float(&expected["characteristic_return_time"]), tolerance);
    let reactivity = numerical_abscissa(&jacobian).unwrap();
    table.near("reactivity", reactivity, float(&expected["reactivity"]), tolerance);
    let transient = non_normality(&jacobian.exp()).unwrap();
    let peak = transient.peak_amplification.unwrap_or(f64::INFINITY);
    table.near("largest amplification", peak, float(&expected["maximal_amplification"]), tolerance);
    let time = transient.peak_step.map_or(f64::INFINITY, |step| step as f64);
    table.near("… and when", time, float(&expected["maximal_amplification_time"]), tolerance);
}
