//! Variables in units of very different size: what is found must not depend on the units a lab writes its equations in.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorKind, CycleSearchPlan, End, IntegrationPlan, Monomial, PiecewiseLinearMap, Polynomial, Portrait,
    PortraitPlan, SlicePlan, SmoothField, TimeStepMap, basin_slice, find_fixed_points, portrait, portrait_smooth,
};

use crate::systems::*;

/// Concentrations beside voltages, and further apart than that.
const UNITS: [f64; 2] = [1e-6, 1e6];

fn drawing() -> PortraitPlan {
    let cycles = CycleSearchPlan {
        max_period: 8,
        max_polygons: 100_000,
        max_steps: 10_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    };
    PortraitPlan { fixed_points: enumerating(), cycles, attractors: following() }
}

/// `ẋ = v(x)` of monomials `(coefficient, powers)`, written for `z = units ⊙ x`.
fn flow(components: [&[(f64, [u32; 2])]; 2], units: [f64; 2], time_step: f64) -> TimeStepMap<SmoothField<Polynomial>> {
    let terms = components.iter().zip(units).map(|(terms, unit)| {
        let term = |&(coefficient, powers): &(f64, [u32; 2])| {
            let size: f64 = units.iter().zip(powers).map(|(unit, power)| unit.powi(power as i32)).product();
            Monomial { coefficient: coefficient * unit / size, powers: powers.to_vec() }
        };
        terms.iter().map(term).collect()
    });
    let field = SmoothField(Polynomial::new(terms.collect()).unwrap());
    let plan = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-16, max_steps: 10_000 };
    TimeStepMap { field, time_step, plan }
}

fn starts(units: [f64; 2], n: usize) -> Vec<Vec<f64>> {
    let plain = uniform_starts(&mut rng(3), n, 2, 2.0);
    plain.iter().map(|z| z.iter().zip(units).map(|(z, unit)| z * unit).collect()).collect()
}

fn in_units_of(z: &[f64]) -> Vec<f64> {
    z.iter().zip(UNITS).map(|(z, unit)| z / unit).collect()
}

/// Both portraits tell the same points, stabilities, attractors and basins.
fn assert_same(found: &Portrait, plain: &Portrait) {
    let points = |portrait: &Portrait| portrait.fixed_points.found.clone();
    assert_eq!(points(found).len(), points(plain).len());
    for (here, there) in points(found).iter().zip(points(plain)) {
        assert!(distance(&in_units_of(&here.location), &there.location) < 1e-9, "{here:?} {there:?}");
        assert_eq!(here.stability, there.stability);
        here.multipliers.iter().zip(&there.multipliers).for_each(|(a, b)| assert!((a - b).norm() < 1e-9));
    }
    assert_eq!(found.attractors.ends, plain.attractors.ends);
    for (here, there) in found.attractors.attractors.iter().zip(&plain.attractors.attractors) {
        assert_eq!((here.kind, here.basin), (there.kind, there.basin));
        assert!(distance(&in_units_of(&here.center), &there.center) < 1e-6);
        here.lyapunov.iter().zip(&there.lyapunov).for_each(|(a, b)| assert_close(*a, *b, 1e-6));
    }
}

#[test]
fn two_double_wells_have_nine_points_of_rest_and_four_attractors_in_any_units() {
    let wells: [&[(f64, [u32; 2])]; 2] = [&[(1.0, [1, 0]), (-1.0, [3, 0])], &[(1.0, [0, 1]), (-1.0, [0, 3])]];
    let plain = portrait_smooth(&mut rng(1), &flow(wells, [1.0; 2], 0.5), &starts([1.0; 2], 60), &drawing());
    assert_eq!((plain.fixed_points.found.len(), plain.attractors.attractors.len()), (9, 4));
    let map = flow(wells, UNITS, 0.5);
    let found = portrait_smooth(&mut rng(1), &map, &starts(UNITS, 60), &drawing());
    assert_same(&found, &plain);
    assert_eq!(found.fixed_points.certified.len(), 9);
    // The picture of the basins: one attractor for each quadrant.
    let axes =
        SlicePlan { origin: vec![0.0; 2], right: vec![1.0, 0.0], up: vec![0.0, 1.0], reach: UNITS, cells: [6, 6] };
    let slice = basin_slice(&mut rng(1), &map, &found.attractors.attractors, &axes, &following()).unwrap();
    assert!(slice.found.is_empty());
    for (end, start) in slice.ends.iter().zip(axes.starts()) {
        let End::Attractor(index) = end else { panic!("{end:?}") };
        let center = &found.attractors.attractors[*index].center;
        assert!(center.iter().zip(&start).all(|(c, s)| c.signum() == s.signum()), "{center:?} {start:?}");
    }
}

/// Van der Pol's oscillator, whose one point of rest tells nothing of its size.
#[test]
fn a_limit_cycle_keeps_its_period_in_any_units() {
    let oscillator: [&[(f64, [u32; 2])]; 2] = [&[(1.0, [0, 1])], &[(1.0, [0, 1]), (-1.0, [2, 1]), (-1.0, [1, 0])]];
    let found = portrait_smooth(&mut rng(1), &flow(oscillator, UNITS, 0.2), &starts(UNITS, 20), &drawing());
    assert_eq!(found.attractors.attractors.len(), 1);
    let attractor = &found.attractors.attractors[0];
    assert_eq!((attractor.kind, attractor.basin.count), (AttractorKind::LimitCycle, 20));
    let cycle = attractor.limit_cycle.as_ref().unwrap();
    assert_close(cycle.period, 6.663_286_859, 1e-6);
    // Its amplitude is 2.0086 (Andersen & Geer 1982), in both variables' own units.
    let reach = |axis: usize| cycle.points.iter().map(|z| z[axis] / UNITS[axis]).fold(0.0, f64::max);
    assert!((2.0..2.02).contains(&reach(0)) && (2.6..2.7).contains(&reach(1)), "{} {}", reach(0), reach(1));
    // What is told of the points lies in the lab's units.
    let largest = attractor.sample.iter().map(|z| z[1]).fold(0.0, f64::max);
    assert!(largest > 2.6e6 && attractor.extent > 1e6);
}

/// Two clipped wells side by side, `x′ = x / 2 + clip(2 x) / 2` along each axis: 9 fixed points, 4 of them stable.
#[test]
fn piecewise_linear_wells_are_the_same_in_any_units() {
    let map = |units: [f64; 2]| {
        let [x, y] = units;
        let w1 = DMatrix::from_row_slice(2, 4, &[0.5 * x, -0.5 * x, 0.0, 0.0, 0.0, 0.0, 0.5 * y, -0.5 * y]);
        let w2 = DMatrix::from_row_slice(4, 2, &[2.0 / x, 0.0, 2.0 / x, 0.0, 0.0, 2.0 / y, 0.0, 2.0 / y]);
        let h2 = [1.0, -1.0, 1.0, -1.0];
        PiecewiseLinearMap::shallow(&[0.5, 0.5], &w1, &w2, &[-0.5 * x, -0.5 * y], &h2).unwrap()
    };
    let plain = portrait(&mut rng(1), &map([1.0; 2]), &starts([1.0; 2], 60), &drawing());
    assert_eq!((plain.fixed_points.found.len(), plain.attractors.attractors.len()), (9, 4));
    assert!(plain.fixed_points.complete);
    let found = portrait(&mut rng(1), &map(UNITS), &starts(UNITS, 60), &drawing());
    assert!(found.fixed_points.complete);
    assert_same(&found, &plain);
    // What is proven does not depend on where the starts lie.
    let search = find_fixed_points(&mut rng(1), &map(UNITS), &starts([1.0; 2], 60), &enumerating());
    assert!(search.complete && search.found.len() == 9, "{:?}", search.found);
    let radius = |portrait: &Portrait| portrait.attractors.attractors[0].certified_radius;
    assert!(radius(&found) > 0.0 && radius(&found) <= radius(&plain) * UNITS[0]);
}
