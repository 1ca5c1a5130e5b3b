use nalgebra::DMatrix;
use nullcline_dynamics::{
    Complex, CycleSearch, CycleSearchPlan, Map, PiecewiseLinearMap, Stability, find_cycles, find_fixed_points,
};
use proptest::prelude::*;

use crate::systems::*;

fn following_itineraries(max_period: usize) -> CycleSearchPlan {
    CycleSearchPlan {
        max_period,
        max_polygons: 2_000_000,
        max_steps: 0,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    }
}

fn searching_orbits(max_period: usize, max_steps: usize) -> CycleSearchPlan {
    CycleSearchPlan { max_polygons: 0, max_steps, ..following_itineraries(max_period) }
}

/// What must hold of every cycle whatever found it.
#[track_caller]
fn check_cycles(map: &PiecewiseLinearMap, search: &CycleSearch) {
    for cycle in &search.found {
        assert_eq!(cycle.points.len(), cycle.period);
        assert!(cycle.period >= 2 && cycle.residual <= 1e-10);
        let size = cycle.points.iter().flatten().fold(0.0_f64, |size, x| size.max(x.abs()));
        let mut next = vec![0.0; map.dim()];
        for (i, point) in cycle.points.iter().enumerate() {
            map.step(point, &mut next);
            assert!(distance(&next, &cycle.points[(i + 1) % cycle.period]) <= 1e-9 * size);
        }
        for divisor in (1..cycle.period).filter(|d| cycle.period % d == 0) {
            assert!(distance(&cycle.points[0], &cycle.points[divisor]) > 1e-12 * size, "not the minimal period");
        }
    }
}

fn periods(search: &CycleSearch) -> Vec<usize> {
    search.found.iter().map(|cycle| cycle.period).collect()
}

/// `x ← 1 − a |x|` with `a = 2` is conjugate to the shift on two symbols: the number of its cycles of each period is that of
/// aperiodic necklaces of two colours, `1, 2, 3, 6, 9, 18, 30, 56, …` from period two on.
#[test]
fn the_tent_map_has_as_many_cycles_as_there_are_necklaces() {
    let w1 = DMatrix::from_row_slice(1, 2, &[-2.0, -2.0]);
    let w2 = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
    let tent = PiecewiseLinearMap::shallow(&[0.0], &w1, &w2, &[1.0], &[0.0, 0.0]).unwrap();
    let search = find_cycles(&mut rng(1), &tent, &[], &following_itineraries(12));
    assert_eq!(search.complete_up_to, 12);
    check_cycles(&tent, &search);
    for (period, necklaces) in (2..=12).zip([1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335]) {
        let cycles: Vec<_> = search.found.iter().filter(|cycle| cycle.period == period).collect();
        assert_eq!(cycles.len(), necklaces, "period {period}");
        for cycle in cycles {
            assert_close(cycle.multipliers[0].norm(), 2.0_f64.powi(period as i32), 1e-10 * 2.0_f64.powi(period as i32));
        }
    }
}

/// `x′ = 1 + y − a |x|, y′ = b x` (Lozi 1978), for `y > −100`, where `y = relu(y + 100) − 100`.
fn lozi(a: f64, b: f64) -> PiecewiseLinearMap {
    let w1 = DMatrix::from_row_slice(2, 3, &[-a, -a, 1.0, b, -b, 0.0]);
    let w2 = DMatrix::from_row_slice(3, 2, &[1.0, 0.0, -1.0, 0.0, 0.0, 1.0]);
    PiecewiseLinearMap::shallow(&[0.0, 0.0], &w1, &w2, &[-99.0, 0.0], &[0.0, 0.0, 100.0]).unwrap()
}

#[test]
fn the_lozi_map_has_its_cycle_of_period_two() {
    let (a, b) = (1.7, 0.5);
    let search = find_cycles(&mut rng(1), &lozi(a, b), &[], &following_itineraries(8));
    assert_eq!(search.complete_up_to, 8);
    check_cycles(&lozi(a, b), &search);
    let two: Vec<_> = search.found.iter().filter(|cycle| cycle.period == 2).collect();
    assert_eq!(two.len(), 1);
    // x₀ > 0 > x₁ with y = b x of the other: x₁ = 1 + b x₁ − a x₀ and x₀ = 1 + b x₀ + a x₁.
    let x0 = (1.0 - b + a) / ((1.0 - b).powi(2) + a * a);
    let x1 = (1.0 - a * x0) / (1.0 - b);
    assert_close(two[0].points[0][0], x1, 1e-12);
    assert_close(two[0].points[1][0], x0, 1e-12);
    // The product of [−a 1; b 0] and [a 1; b 0] has trace −a² + 2 b and determinant b².
    let (trace, determinant) = (-a * a + 2.0 * b, b * b);
    let root = Complex::new(trace * trace / 4.0 - determinant, 0.0).sqrt();
    let larger = (Complex::new(trace / 2.0, 0.0) - root).norm();
    assert_close(two[0].multipliers[0].norm(), larger, 1e-12);
    assert_eq!(two[0].stability, Stability::Saddle { unstable_dims: 1 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Two routes: cycles of period two and three among the fixed points of the second and third iterate, each of which
    /// is a piecewise-linear map on a stacked state, and by itineraries.
    #[test]
    fn itineraries_find_the_fixed_points_of_iterates(seed in any::<u64>(), hidden in 1..4_usize) {
        let map = random_shallow(seed, 2, hidden);
        let search = find_cycles(&mut rng(1), &map, &[], &following_itineraries(3));
        prop_assert_eq!(search.complete_up_to, 3);
        check_cycles(&map, &search);
        for period in [2, 3] {
            let expected = by_brute_force(&map, period);
            let found: Vec<Vec<f64>> = search
                .found
                .iter()
                .filter(|cycle| cycle.period == period)
                .flat_map(|cycle| cycle.points.clone())
                .collect();
            assert_same_points(&found, &expected, 1e-6);
        }
    }

    /// What the search from orbits finds is among what is proven to be all.
    #[test]
    fn the_search_finds_nothing_that_is_not_there(seed in any::<u64>(), hidden in 1..6_usize) {
        let map = random_shallow(seed, 2, hidden);
        let all = find_cycles(&mut rng(1), &map, &[], &following_itineraries(6));
        prop_assume!(all.complete_up_to == 6);
        let some = find_cycles(&mut rng(2), &map, &[vec![0.3, -0.2]], &searching_orbits(6, 3_000));
        check_cycles(&map, &some);
        for cycle in &some.found {
            let is_known = all.found.iter().any(|other| {
                other.period == cycle.period && distance(&other.points[0], &cycle.points[0]) <= 1e-6 * (1.0 + distance(&other.points[0], &[0.0, 0.0]))
            });
            prop_assert!(is_known || cycle.stability == Stability::Marginal, "{:?}", cycle);
        }
    }
}

/// All words of `period` regions, solved without asking whether they occur; points of minimal period.
fn by_brute_force(map: &PiecewiseLinearMap, period: usize) -> Vec<Vec<f64>> {
    let n_hinges = map.n_hinges();
    let pattern = |bits: u64| {
        let mut pattern = nullcline_dynamics::ActivationPattern::inactive(n_hinges);
        (0..n_hinges).for_each(|k| pattern.set(k, bits >> k & 1 == 1));
        pattern
    };
    let mut found: Vec<Vec<f64>> = Vec::new();
    for word in 0..1_u64 << (n_hinges * period) {
        let (mut product, mut offset) = (DMatrix::identity(2, 2), nalgebra::DVector::zeros(2));
        for t in 0..period {
            let (jacobian, c) = map.affine_in(&pattern(word >> (t * n_hinges)));
            product = &jacobian * product;
            offset = jacobian * offset + c;
        }
        let Some(z) = (DMatrix::identity(2, 2) - product).lu().solve(&offset) else {
            continue;
        };
        let z = z.as_slice().to_vec();
        let size = distance(&z, &[0.0, 0.0]).max(1e-3);
        let returns = |steps: usize| distance(&map.iterate(&z, steps), &z) <= 1e-9 * size;
        if returns(period) && !returns(1) && found.iter().all(|f| distance(f, &z) > 1e-7 * size) {
            found.push(z);
        }
    }
    found
}

/// Neighbours of the published system, their periods read off orbits of 20 000 steps: each holds one stable cycle and the
/// saddle that was born with it, and no other of at most a hundred steps.
#[test]
fn oscillators_hold_one_pair_of_cycles_each() {
    let systems = [
        (0.9609, -0.7559, 23),
        (0.9869, -1.0479, 30),
        (0.9776, -0.5918, 53),
        (0.9628, -0.8918, 70),
        (0.9835, -0.5628, 85),
        (0.9702, -0.6425, 99),
    ];
    for (decay, bias, period) in systems {
        let w = DMatrix::from_row_slice(2, 2, &[0.0, -0.14375, 0.52505308, 0.0]);
        let map = PiecewiseLinearMap::piecewise_linear(&[decay, 0.96461297], &w, &[0.37298253, bias]).unwrap();
        let search = find_cycles(&mut rng(1), &map, &[], &following_itineraries(100));
        assert_eq!((search.complete_up_to, periods(&search)), (100, vec![period, period]), "{decay}, {bias}");
        check_cycles(&map, &search);
        let n_stable = search.found.iter().filter(|cycle| cycle.stability == Stability::Stable).count();
        assert_eq!(n_stable, 1, "{decay}, {bias}");
        assert!(search.unseen.is_none());
    }
}

/// The published pair of cycles of period 80 in the plane, and the same seen in a space of six dimensions.
#[test]
fn the_search_finds_stable_and_unstable_cycles_in_more_dimensions() {
    let flat = PiecewiseLinearMap::piecewise_linear(
        &[0.9777689, 0.96461297],
        &DMatrix::from_row_slice(2, 2, &[0.0, -0.14375, 0.52505308, 0.0]),
        &[0.37298253, -0.779314909999999],
    )
    .unwrap();
    let all = find_cycles(&mut rng(1), &flat, &[], &following_itineraries(90));
    assert_eq!((all.complete_up_to, periods(&all)), (90, vec![80, 80]));
    // The same beside four units that contract and follow.
    let mut w = DMatrix::zeros(6, 6);
    w.view_mut((0, 0), (2, 2)).copy_from(&DMatrix::from_row_slice(2, 2, &[0.0, -0.14375, 0.52505308, 0.0]));
    for i in 2..6 {
        w[(i, 0)] = 0.1 * i as f64;
    }
    let a = [0.9777689, 0.96461297, 0.5, 0.4, -0.3, 0.2];
    let tall =
        PiecewiseLinearMap::piecewise_linear(&a, &w, &[0.37298253, -0.779314909999999, 0.1, 0.2, 0.3, -0.4]).unwrap();
    let plan = searching_orbits(90, 60_000);
    let search = find_cycles(&mut rng(1), &tall, &[vec![0.5; 6]], &plan);
    check_cycles(&tall, &search);
    assert_eq!(periods(&search), periods(&all));
    for (high, low) in search.found.iter().zip(&all.found) {
        assert_close(high.multipliers[0].norm(), low.multipliers[0].norm(), 1e-9 * low.multipliers[0].norm());
    }
    assert_eq!(search, find_cycles(&mut rng(1), &tall, &[vec![0.5; 6]], &plan));
    assert!(find_fixed_points(&mut rng(1), &flat, &[], &enumerating()).complete);
}
