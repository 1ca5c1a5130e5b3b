use nullcline_dynamics::{
    AttractorKind, BoxPlan, Cycle, CycleSearchPlan, FixedPoint, FixedPointPlan, Interval, Iterated, PiecewiseLinearMap,
    SmoothMap, certified_fixed_points, find_attractors, find_cycles, find_fixed_points, find_fixed_points_smooth,
};
use serde_json::Value;

use crate::basins::following;
use crate::fields::{Henon, Logistic};
use crate::fixed_points::{located, newton, uniform};
use crate::table::*;

pub fn every_region() -> FixedPointPlan {
    FixedPointPlan {
        max_patterns: 1 << 20,
        max_boxes: 200_000,
        max_regions: 4096,
        max_solves: 20_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-9,
        marginal_tolerance: 1e-9,
    }
}

fn map_of(system: &Value) -> PiecewiseLinearMap {
    if system.get("W1").is_some() {
        let (w1, w2) = (matrix(&system["W1"]), matrix(&system["W2"]));
        let (a, h1, h2) = (numbers(&system["A"]), numbers(&system["h1"]), numbers(&system["h2"]));
        PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap()
    } else {
        let (a, w, h) = (numbers(&system["A_diag"]), matrix(&system["W"]), numbers(&system["h"]));
        PiecewiseLinearMap::piecewise_linear(&a, &w, &h).unwrap()
    }
}

/// Minimal periods, points and multipliers of every cycle that SCYFI's tests assert, and no other cycle of these periods.
pub fn piecewise_linear(case: &Value, table: &mut Table) {
    let map = map_of(&case["system"]);
    let answers = case["expected"]["prime_cycles"].as_object().unwrap();
    let longest = answers.keys().map(|period| period.parse::<usize>().unwrap()).max().unwrap();
    let fixed = find_fixed_points(&mut rng(1), &map, &[], &every_region());
    let plan = CycleSearchPlan {
        max_period: longest,
        max_polygons: 1_000_000,
        max_steps: 1_000_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    };
    let cycles = find_cycles(&mut rng(1), &map, &uniform(20, 2, 10.0), &plan);
    for (period, answers) in answers {
        let period: usize = period.parse().unwrap();
        // The points and the moduli of the multipliers of each.
        let found: Vec<(Vec<Vec<f64>>, Vec<f64>)> = if period == 1 {
            table.holds("fixed points proven complete", fixed.complete);
            let moduli = |point: &FixedPoint| point.multipliers.iter().map(|multiplier| multiplier.norm()).collect();
            fixed.found.iter().map(|point| (vec![point.location.clone()], moduli(point))).collect()
        } else {
            let moduli = |cycle: &Cycle| cycle.multipliers.iter().map(|multiplier| multiplier.norm()).collect();
            let of_period = cycles.found.iter().filter(|cycle| cycle.period == period);
            of_period.map(|cycle| (cycle.points.clone(), moduli(cycle))).collect()
        };
        let expected = answers["cycles"].as_array().unwrap();
        table.equal(&format!("cycles of period {period}"), found.len(), expected.len());
        for answer in expected {
            let points = answer.get("points").map_or_else(|| vec![numbers(&answer["first_point"])], points);
            let off = |cycle: &(Vec<Vec<f64>>, Vec<f64>)| {
                let nearest = |x: &Vec<f64>| cycle.0.iter().map(|z| distance(z, x)).fold(f64::INFINITY, f64::min);
                points.iter().map(nearest).fold(0.0, f64::max)
            };
            let Some(here) = found.iter().min_by(|a, b| off(a).total_cmp(&off(b))) else { continue };
            table.near("distance of its points", off(here), 0.0, float(&case["tolerance"]["x_abs"]));
            let largest = match answer.get("max_abs_eig") {
                Some(largest) => float(largest),
                None => numbers(&answer["abs_eig"]).into_iter().fold(0.0, f64::max),
            };
            table.near_relative("largest multiplier", here.1[0], largest, 1e-6);
        }
    }
}

pub fn henon_coexistence(case: &Value, table: &mut Table) {
    let p = |name: &str| float(&case["system"]["params"][name]);
    let henon = Henon { a: p("mu"), b: -p("J") };
    let region = [Interval::new(-3.0, 3.0); 2];
    let fixed = certified_fixed_points(&SmoothMap(henon.clone()), &region, &BoxPlan::default());
    let tolerance = float(&case["tolerance"]["x_abs"]);
    let places = |found: Vec<Vec<f64>>, question: &str, expected: Vec<Vec<f64>>, table: &mut Table| {
        table.same_points(question, &found, &expected, tolerance);
    };
    table.holds("fixed points proven complete", fixed.complete);
    let found: Vec<_> = fixed.found.iter().map(|found| found.point.location.clone()).collect();
    places(found.clone(), "fixed points", locations(&case["expected"]["period1"]), table);
    let third = certified_fixed_points(&SmoothMap(Iterated { step: henon, times: 3 }), &region, &BoxPlan::default());
    table.holds("points of period 3 proven complete", third.complete);
    let of_three: Vec<_> = third.found.iter().map(|point| point.point.clone()).collect();
    let prime: Vec<Vec<f64>> = (of_three.iter().map(|point| point.location.clone()))
        .filter(|z| found.iter().all(|fixed| distance(fixed, z) > 1e-6))
        .collect();
    let answers = &case["expected"]["period3_points"];
    places(prime, "points of period 3", locations(answers), table);
    for answer in answers.as_array().unwrap() {
        let x = numbers(&answer["x"]);
        let Some(here) = of_three.iter().find(|point| distance(&point.location, &x) < 1e-6) else { continue };
        table.same_spectrum("their multipliers", &here.multipliers, &spectrum(&answer["eigenvalues"]), 1e-5);
    }
}

pub fn henon_windows(case: &Value, table: &mut Table) {
    for (a, period) in case["expected"]["attractor_period_by_a"].as_object().unwrap() {
        let Some(period) = period.as_u64() else { continue };
        let map = SmoothMap(Henon { a: a.parse().unwrap(), b: 0.3 });
        let search = find_attractors(&mut rng(1), &map, &[], &[vec![0.0, 0.0]], &following());
        let found = match search.attractors.first().map(|attractor| attractor.kind) {
            Some(AttractorKind::FixedPoint) => 1,
            Some(AttractorKind::Cycle { period }) => period as u64,
            _ => 0,
        };
        table.equal(&format!("period at a = {a}"), found, period);
    }
}

/// The numbers of points that `F^k` leaves in place, all of them proven.
pub fn henon_counts(case: &Value, table: &mut Table) {
    let henon = Henon { a: 1.4, b: 0.3 };
    for (times, expected) in case["expected"]["n_points_fixed_by_f^k"].as_object().unwrap() {
        let map = SmoothMap(Iterated { step: henon.clone(), times: times.parse().unwrap() });
        // Outside, |x| grows at every step forwards or backwards.
        let region = [Interval::new(-1.8, 1.8), Interval::new(-0.6, 0.6)];
        let search = certified_fixed_points(&map, &region, &BoxPlan::default());
        table.holds(&format!("complete for F^{times} ({} boxes)", search.boxes_examined), search.complete);
        table.equal(&format!("points fixed by F^{times}"), search.found.len() as u64, expected.as_u64().unwrap());
    }
    let fixed = certified_fixed_points(&SmoothMap(henon), &[Interval::new(-2.0, 2.0); 2], &BoxPlan::default());
    let places: Vec<_> = fixed.found.iter().map(|found| found.point.location.clone()).collect();
    table.same_points(
        "fixed points",
        &places,
        &locations(&case["expected"]["fixed_points"]),
        float(&case["tolerance"]["x_abs"]),
    );
}

/// At a tangency Newton converges linearly and to half the digits; the double points are proven by nobody.
pub fn logistic_tangency(case: &Value, table: &mut Table) {
    let map = Logistic { r: 1.0 + 8.0_f64.sqrt() };
    let tolerance = float(&case["tolerance"]["abs"]);
    let as_points = |values: &Value| numbers(values).into_iter().map(|x| vec![x]).collect::<Vec<_>>();
    let fixed = find_fixed_points_smooth(&SmoothMap(map.clone()), &uniform(200, 1, 1.0), &newton());
    table.same_points("fixed points", &located(&fixed.found), &as_points(&case["expected"]["fixed_points"]), tolerance);
    let third = SmoothMap(Iterated { step: map, times: 3 });
    let search = find_fixed_points_smooth(&third, &uniform(400, 1, 1.0), &newton());
    table.same_points(
        "points fixed by F³",
        &located(&search.found),
        &as_points(&case["expected"]["points_fixed_by_f3"]),
        tolerance,
    );
    let proven = certified_fixed_points(&third, &[Interval::new(-0.5, 1.5)], &BoxPlan::default());
    // The double points are proven by nobody: each lies in a box that stays undecided.
    table.equal("of these proven", proven.found.len(), 2);
    let doubtful = |x: &Vec<f64>| proven.undecided.iter().any(|z| z[0].lo() - 1e-6 <= x[0] && x[0] <= z[0].hi() + 1e-6);
    let expected = as_points(&case["expected"]["points_fixed_by_f3"]);
    table.equal("of these undecided", expected.iter().filter(|x| doubtful(x)).count(), 3);
}
