//! What is claimed to be all there is, where it is easy to claim too much: beside folds, with weights of very different size,
//! and where points or cycles are not isolated.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    CurrentRnn, CycleSearchPlan, FixedPointPlan, IntegrationPlan, Map, Monomial, PiecewiseLinearMap, Polynomial,
    PortraitPlan, SearchMethod, SmoothField, SmoothMap, TanhRnn, TimeStepMap, find_attractors, find_cycles,
    find_fixed_points, find_fixed_points_smooth, portrait_smooth,
};

use crate::systems::*;

fn cycles(max_period: usize) -> CycleSearchPlan {
    CycleSearchPlan {
        max_period,
        max_polygons: 1_000_000,
        max_steps: 10_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    }
}

fn drawing() -> PortraitPlan {
    PortraitPlan { fixed_points: enumerating(), cycles: cycles(20), attractors: following() }
}

/// `tanh(1.2 h + b)` rests three times until two of the points meet. Just past that, a stretch remains in which the map nearly rests, as slowly as one likes, and no point of rest.
#[test]
fn beside_a_fold_a_slow_passage_is_no_fixed_point() {
    let bias = fold_of_tanh(1.2);
    for past in [1e-6, 1e-10, 1e-12] {
        let map = SmoothMap(TanhRnn::new(DMatrix::from_element(1, 1, 1.2), vec![-bias - past], 1.0).unwrap());
        let starts = uniform_starts(&mut rng(1), 30, 1, 1.0);
        let portrait = portrait_smooth(&mut rng(1), &map, &starts, &drawing());
        let found = &portrait.fixed_points;
        assert_eq!(found.found.len(), 1, "{past}: {:?}", found.found);
        assert!(found.complete && found.method == SearchMethod::Intervals);
        assert_eq!(found.certified, [0]);
        // The same in six dimensions, where no box is searched.
        let wide =
            SmoothMap(TanhRnn::new(DMatrix::from_diagonal_element(6, 6, 1.2), vec![-bias - past; 6], 1.0).unwrap());
        let starts = uniform_starts(&mut rng(1), 300, 6, 1.0);
        let search = find_fixed_points_smooth(&wide, &starts, &newton());
        assert_eq!(search.found.len(), 1, "{past}");
        let portrait = portrait_smooth(&mut rng(1), &wide, &starts, &drawing());
        assert_eq!((portrait.fixed_points.found.len(), &portrait.fixed_points.certified[..]), (1, &[0][..]));
        assert!(!portrait.fixed_points.complete);
        // Before the fold, the two are there.
        let before =
            SmoothMap(TanhRnn::new(DMatrix::from_element(1, 1, 1.2), vec![-bias + past.max(1e-10)], 1.0).unwrap());
        let starts = uniform_starts(&mut rng(1), 30, 1, 1.0);
        let portrait = portrait_smooth(&mut rng(1), &before, &starts, &drawing());
        assert_eq!(portrait.fixed_points.found.len(), 3, "{past}: {:?}", portrait.fixed_points.found);
    }
}

/// The bias at which two fixed points of `tanh(w h + b)` meet: there `w (1 − h²) = 1` and `b = atanh(h) − w h`.
fn fold_of_tanh(w: f64) -> f64 {
    let h = (1.0 - 1.0 / w).sqrt();
    w * h - h.atanh()
}

/// A unit that acts on another a billion times as strongly as on itself makes `I − J` look singular; the point is there.
#[test]
fn weights_of_very_different_size_hide_no_fixed_point() {
    for strength in [1e9, 1e13, 1e20] {
        let w = DMatrix::from_row_slice(2, 2, &[0.0, strength, 0.0, 0.0]);
        let map = PiecewiseLinearMap::piecewise_linear(&[0.5, 0.5], &w, &[0.0, 1.0]).unwrap();
        let search = find_fixed_points(&mut rng(1), &map, &[], &dividing());
        assert!(search.complete, "{search:?}");
        assert_same_points(&[search.found[0].location.clone()], &[vec![4.0 * strength, 2.0]], 1e-9 * strength);
        assert_eq!(search.found.len(), 1);
    }
    // The same with a unit that answers, too weakly to be seen: no other units make the two comparable.
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 1e150, 0.0, 0.0]);
    let map = PiecewiseLinearMap::piecewise_linear(&[0.5, 0.5], &w, &[0.0, 1.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &dividing());
    assert!(search.found.len() == 1 || !search.complete, "{search:?}");
}

/// Rests at `±10⁻¹¹` on both sides of a border beside a third at 1: however close, points of two regions are two.
#[test]
fn points_of_two_regions_are_not_merged() {
    // Slope 3 at the origin, zero from 10⁻¹¹ on: rests at −10⁻¹¹, 0 and 10⁻¹¹ beside the origin.
    let near = 1e-11;
    let w1 = DMatrix::from_row_slice(1, 2, &[3.0, -3.0]);
    let w2 = DMatrix::from_element(2, 1, 1.0);
    let map = PiecewiseLinearMap::shallow(&[0.0], &w1, &w2, &[-near], &[near / 3.0, -near / 3.0]).unwrap();
    let lax = FixedPointPlan { merge_distance: 1e3, ..dividing() };
    for plan in [dividing(), lax] {
        let search = find_fixed_points(&mut rng(1), &map, &[], &plan);
        assert_eq!(search.found.len(), 3, "{search:?}");
        assert!(search.complete);
    }
}

/// `x′ = 3 |x| / 2 + c` rests twice for `c < 0` and never for `c > 0`, however small.
#[test]
fn beside_a_border_collision_a_small_residual_is_no_fixed_point() {
    let w1 = DMatrix::from_row_slice(1, 2, &[3.0, 3.0]);
    let w2 = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
    // Beside a unit at one, so that the offset is small.
    let mut w1_wide = DMatrix::zeros(2, 2);
    w1_wide.row_mut(0).copy_from(&(w1.row(0) / 2.0));
    let mut w2_wide = DMatrix::zeros(2, 2);
    w2_wide.column_mut(0).copy_from(&w2.column(0));
    for offset in [1e-4, 1e-9, 1e-11] {
        let at = |c: f64| PiecewiseLinearMap::shallow(&[0.0, 0.0], &w1_wide, &w2_wide, &[c, 1.0], &[0.0, 0.0]).unwrap();
        for plan in [dividing(), trying_patterns()] {
            let search = find_fixed_points(&mut rng(1), &at(offset), &[], &plan);
            assert!(search.found.is_empty() && search.complete, "{offset}: {search:?}");
            let search = find_fixed_points(&mut rng(1), &at(-offset), &[], &plan);
            assert_eq!(search.found.len(), 2, "{offset}: {search:?}");
        }
    }
}

/// Where a cycle of two is born on a border, and just before.
#[test]
fn beside_a_border_collision_no_cycle_is_claimed() {
    // x′ = c − x/2 for x < 0 and c − 3x beyond: for c < 0 it goes from −c to 4c and back, for c > 0 it has no cycle.
    for (offset, expected) in [(-1e-3, true), (-1e-9, true), (1e-9, false), (2e-11, false)] {
        let w1 = DMatrix::from_row_slice(2, 1, &[-2.5, 0.0]);
        let w2 = DMatrix::from_row_slice(1, 2, &[1.0, 0.0]);
        let map = PiecewiseLinearMap::shallow(&[-0.5, 0.0], &w1, &w2, &[offset, 1.0], &[0.0]).unwrap();
        let search = find_cycles(&mut rng(1), &map, &[vec![0.1, 1.0]], &cycles(2));
        assert_eq!(search.complete_up_to, 2);
        assert_eq!(!search.found.is_empty(), expected, "{offset}: {:?}", search.found);
    }
}

/// `z′ = −z`: every point but the origin is on a cycle of two, and none of them is isolated. A sixth of a turn makes sixes.
#[test]
fn families_of_cycles_are_named() {
    let none = DMatrix::zeros(2, 2);
    let flip = PiecewiseLinearMap::piecewise_linear(&[-1.0, -1.0], &none, &[0.0, 0.0]).unwrap();
    let search = find_cycles(&mut rng(1), &flip, &[], &cycles(12));
    assert!(search.found.is_empty(), "{:?}", search.found);
    assert!(!search.families.is_empty() && search.families.iter().all(|family| family.period == 2));
    assert!(search.families.iter().all(|family| family.directions.len() == 2));
    // One direction turns over, the other contracts.
    let line = PiecewiseLinearMap::piecewise_linear(&[-1.0, 0.5], &none, &[0.0, 0.3]).unwrap();
    let search = find_cycles(&mut rng(1), &line, &[], &cycles(12));
    let family = &search.families[0];
    assert_eq!((family.period, family.directions.len()), (2, 1));
    assert!(family.directions[0][0].abs() > 1.0 - 1e-9 && (family.location[1] - 0.6).abs() < 1e-9);
    // One dimension.
    let flip = PiecewiseLinearMap::piecewise_linear(&[-1.0], &DMatrix::zeros(1, 1), &[0.4]).unwrap();
    let search = find_cycles(&mut rng(1), &flip, &[], &cycles(12));
    assert!(search.found.is_empty() && search.families.iter().all(|family| family.period == 2));
    assert!(!search.families.is_empty());
    // z ↦ A z with A of order six, by hinges that are always on: relu(z) − relu(−z) = z.
    let turn = DMatrix::from_row_slice(2, 2, &[0.0, -1.0, 1.0, 1.0]);
    let mut w1 = DMatrix::zeros(2, 4);
    w1.columns_mut(0, 2).copy_from(&turn);
    w1.columns_mut(2, 2).copy_from(&-&turn);
    let mut w2 = DMatrix::zeros(4, 2);
    w2.rows_mut(0, 2).fill_with_identity();
    w2.rows_mut(2, 2).copy_from(&-DMatrix::<f64>::identity(2, 2));
    let sixth = PiecewiseLinearMap::shallow(&[0.0, 0.0], &w1, &w2, &[0.0, 0.0], &[0.0; 4]).unwrap();
    let search = find_cycles(&mut rng(1), &sixth, &[], &cycles(12));
    assert!(search.found.is_empty(), "{:?}", search.found);
    assert!(
        !search.families.is_empty() && search.families.iter().all(|family| family.period == 6),
        "{:?}",
        search.families
    );
    for family in &search.families {
        let back = sixth.iterate(&family.location, family.period);
        assert!(distance(&back, &family.location) < 1e-9);
    }
}

/// `x ← 1 − 2 |x|` has twelve thousand cycles within the polygons allowed: that many are kept apart, and as many as there are necklaces.
#[test]
fn thousands_of_cycles_are_told_apart() {
    let w1 = DMatrix::from_row_slice(1, 2, &[-2.0, -2.0]);
    let w2 = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
    let tent = PiecewiseLinearMap::shallow(&[0.0], &w1, &w2, &[1.0], &[0.0, 0.0]).unwrap();
    let search = find_cycles(&mut rng(1), &tent, &[], &cycles(100));
    // Aperiodic necklaces of two colours.
    let necklaces = [2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335, 630, 1161, 2182, 4080];
    assert!(search.complete_up_to >= 16, "{}", search.complete_up_to);
    for period in 2..=search.complete_up_to.min(16) {
        let found = search.found.iter().filter(|cycle| cycle.period == period).count();
        assert_eq!(found, necklaces[period - 1], "period {period}");
    }
}

/// Lorenz's equations as sparse regression writes them, sampled: one chaotic attractor, whichever stretch of it an orbit shows.
#[test]
fn lorenz_has_one_attractor() {
    let term = |coefficient: f64, powers: [u32; 3]| Monomial { coefficient, powers: powers.to_vec() };
    let field = Polynomial::new(vec![
        vec![term(-10.0, [1, 0, 0]), term(10.0, [0, 1, 0])],
        vec![term(28.0, [1, 0, 0]), term(-1.0, [0, 1, 0]), term(-1.0, [1, 0, 1])],
        vec![term(1.0, [1, 1, 0]), term(-8.0 / 3.0, [0, 0, 1])],
    ])
    .unwrap();
    let map = TimeStepMap { field: SmoothField(field), time_step: 0.01, plan: IntegrationPlan::default() };
    let starts = uniform_starts(&mut rng(1), 60, 3, 20.0);
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    assert_eq!(
        search.attractors.len(),
        1,
        "{:?}",
        search.attractors.iter().map(|a| (a.kind, a.basin)).collect::<Vec<_>>()
    );
}

/// `x′ = 2 x` or `1 − 2000 x`: a full shift on two symbols, whose cycles soon expand by more than numbers can tell. What is
/// called complete has as many cycles as there are necklaces.
#[test]
fn strong_expansion_ends_the_claim() {
    let necklaces = [2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335, 630, 1161, 2182, 4080];
    for slope in [3.0, 52.0, 2002.0, 10_003.0] {
        let w1 = DMatrix::from_element(1, 1, -slope);
        let map = PiecewiseLinearMap::shallow(&[2.0], &w1, &DMatrix::identity(1, 1), &[1.0], &[0.0]).unwrap();
        let search = find_cycles(&mut rng(1), &map, &[vec![0.1]], &cycles(100));
        assert!(search.complete_up_to < 30, "{slope}: {}", search.complete_up_to);
        if slope > 3.0 {
            for period in 2..=search.complete_up_to.min(16) {
                let found = search.found.iter().filter(|cycle| cycle.period == period).count();
                assert_eq!(found, necklaces[period - 1], "slope {slope}, period {period}");
            }
        }
    }
}

/// On the line `z₁ = 2` every point is on a cycle of two, and orbits lead to many: the family is one, and no member is listed as isolated.
#[test]
fn members_of_a_family_are_not_isolated() {
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 1.0, -1.0, 2.0]);
    let map = PiecewiseLinearMap::piecewise_linear(&[2.0, -1.0], &w, &[-2.0, -1.0]).unwrap();
    let starts = uniform_starts(&mut rng(1), 20, 2, 2.0);
    let search = find_cycles(&mut rng(1), &map, &starts, &cycles(20));
    assert!(search.found.len() <= 1, "{:?}", search.found);
    assert!(!search.families.is_empty());
}

/// All points of these maps leave; far out, a shift by four is lost in rounding, and what seems to return is no cycle and no fixed point.
#[test]
fn nothing_is_found_where_numbers_end() {
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 1.0, -2.0, -2.0]);
    let map = PiecewiseLinearMap::piecewise_linear(&[1.0, -1.0], &w, &[-2.0, 0.0]).unwrap();
    let search = find_cycles(&mut rng(1), &map, &uniform_starts(&mut rng(1), 20, 2, 2.0), &cycles(20));
    assert!(search.found.is_empty(), "{:?}", search.found);
    let w1 = DMatrix::from_row_slice(4, 3, &[2.0, -2.0, -1.0, 0.0, -1.0, 0.0, 2.0, 1.0, 1.0, 0.0, 2.0, -1.0]);
    let w2 = DMatrix::from_row_slice(3, 4, &[1.0, 0.0, -2.0, 1.0, -1.0, 0.0, 1.0, 1.0, -1.0, 1.0, 0.0, -1.0]);
    let map = PiecewiseLinearMap::shallow(&[1.0, 1.0, 1.0, -2.0], &w1, &w2, &[0.0, 1.0, 0.0, -1.0], &[-1.0, -1.0, 0.0])
        .unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &trying_patterns());
    assert!(search.found.is_empty(), "{:?}", search.found);
}

/// A line of rest (`ẋ = 0`), and a ring of it around a point: one object each, wherever Newton's method ended on it. `ẋ = −x⁹` is so flat that
/// its residual is lost over a stretch, and rests at one point all the same.
#[test]
fn points_of_rest_side_by_side_are_one_continuum() {
    let term = |coefficient: f64, powers: &[u32]| Monomial { coefficient, powers: powers.to_vec() };
    let line = vec![vec![term(0.0, &[1])]];
    let ring = vec![
        vec![term(1.0, &[1, 0]), term(-1.0, &[3, 0]), term(-1.0, &[1, 2])],
        vec![term(1.0, &[0, 1]), term(-1.0, &[2, 1]), term(-1.0, &[0, 3])],
    ];
    let flat = vec![vec![term(-1.0, &[9])]];
    // Robertson's reaction rests along an axis, of which every point is a double root.
    let reaction = vec![
        vec![term(-0.04, &[1, 0, 0]), term(1e4, &[0, 1, 1])],
        vec![term(0.04, &[1, 0, 0]), term(-1e4, &[0, 1, 1]), term(-3e7, &[0, 2, 0])],
        vec![term(3e7, &[0, 2, 0])],
    ];
    for (terms, isolated, continua) in [(line, 0, 1), (ring, 1, 1), (flat, 1, 0), (reaction, 0, 1)] {
        let field = SmoothField(Polynomial::new(terms).unwrap());
        let map = TimeStepMap { field, time_step: 0.1, plan: IntegrationPlan::default() };
        let mut starts = uniform_starts(&mut rng(1), 20, map.dim(), 2.0);
        if map.dim() == 3 {
            // Beside a double root few descents end; those that do stop a little short of it.
            starts.extend((1..8).map(|i| vec![1e-4, 1e-9, f64::from(i) / 4.0]));
        }
        let portrait = portrait_smooth(&mut rng(1), &map, &starts, &drawing());
        let found = &portrait.fixed_points;
        assert_eq!((found.found.len(), found.continua.len()), (isolated, continua), "{:?}", found.continua);
        assert!(!found.complete);
        for continuum in &found.continua {
            assert_eq!(continuum.directions.len(), 1);
            let z = &continuum.location;
            if z.len() == 3 {
                assert!(z[0].abs().max(z[1].abs()) < 1e-9 && continuum.directions[0][2].abs() > 0.999_999);
            }
            if z.len() == 2 {
                assert_close(z[0].hypot(z[1]), 1.0, 1e-9);
                let across = (z[0] * continuum.directions[0][0] + z[1] * continuum.directions[0][1]).abs();
                assert!(across < 1e-6, "{across}");
            }
        }
    }
}

/// `ẋ = 0, ẏ = −(1 + x²) y`: every orbit comes to rest on the x-axis, however far below any number worth writing down its height falls.
#[test]
fn orbits_that_fall_onto_a_line_of_rest_are_at_rest() {
    let term = |coefficient: f64, powers: [u32; 2]| Monomial { coefficient, powers: powers.to_vec() };
    let terms = vec![vec![term(0.0, [0, 0])], vec![term(-1.0, [2, 1]), term(-1.0, [0, 1])]];
    let field = SmoothField(Polynomial::new(terms).unwrap());
    let map = TimeStepMap { field, time_step: 0.1, plan: IntegrationPlan::default() };
    let starts = uniform_starts(&mut rng(4), 25, 2, 4.0);
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    assert!(search.attractors.len() == 1 && search.attractors[0].is_continuum(), "{search:?}");
    assert_eq!(search.attractors[0].basin.count, 25);
}

/// What is proven to lie in a box is given to rounding, also where the bounds of the ranges stop narrowing the box much earlier: saturated units.
#[test]
fn proven_points_are_exact_to_rounding() {
    let network =
        CurrentRnn::new(DMatrix::from_element(1, 1, 10.983_489_776_246_058), vec![-1.346_181_092_480_662], 0.5);
    let map = SmoothMap(network.unwrap());
    let portrait = portrait_smooth(&mut rng(1), &map, &uniform_starts(&mut rng(1), 20, 1, 2.0), &drawing());
    assert!(portrait.fixed_points.complete && portrait.fixed_points.found.len() == 3);
    for point in &portrait.fixed_points.found {
        assert!(point.residual < 1e-15, "{:?}", point);
    }
}
