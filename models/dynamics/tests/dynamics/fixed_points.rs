use nalgebra::{DMatrix, DVector};
use nullcline_dynamics::{
    ActivationPattern, FixedPointPlan, FixedPointSearch, Map, PiecewiseLinearMap, SearchMethod, Stability,
    find_fixed_points,
};
use proptest::prelude::*;

use crate::systems::*;

/// Every one of the `2^K` patterns, solved without asking whether its region exists.
fn by_brute_force(map: &PiecewiseLinearMap) -> Vec<Vec<f64>> {
    let n_hinges = map.n_hinges();
    let mut found: Vec<Vec<f64>> = Vec::new();
    for bits in 0..1_u64 << n_hinges {
        let mut pattern = ActivationPattern::inactive(n_hinges);
        (0..n_hinges).for_each(|k| pattern.set(k, bits >> k & 1 == 1));
        let (jacobian, offset): (DMatrix<f64>, DVector<f64>) = map.affine_in(&pattern);
        let balance = DMatrix::identity(map.dim(), map.dim()) - jacobian;
        let Some(z) = balance.lu().solve(&offset) else {
            continue;
        };
        let z = z.as_slice().to_vec();
        let mut image = vec![0.0; z.len()];
        map.step(&z, &mut image);
        let size = distance(&z, &vec![0.0; z.len()]).max(1e-3);
        if distance(&z, &image) <= 1e-9 * size && found.iter().all(|f| distance(f, &z) > 1e-7 * size) {
            found.push(z);
        }
    }
    found
}

#[track_caller]
pub fn check_against_brute_force(map: &PiecewiseLinearMap) {
    let expected = by_brute_force(map);
    for (plan, method) in [
        (enumerating(), SearchMethod::Enumeration),
        (trying_patterns(), SearchMethod::Enumeration),
        (dividing(), SearchMethod::BranchAndBound),
    ] {
        let search = find_fixed_points(&mut rng(1), map, &[], &plan);
        assert!(search.complete && search.method == method, "{search:?}");
        let found: Vec<_> = search.found.iter().map(|point| point.location.clone()).collect();
        assert_same_points(&found, &expected, 1e-6);
        assert!(search.found.iter().all(|point| point.residual <= 1e-10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn shallow_maps_keep_every_fixed_point(seed in any::<u64>(), dim in 1..4_usize, hidden in 0..9_usize) {
        check_against_brute_force(&random_shallow(seed, dim, hidden));
    }

    /// Half of the folds go through the origin, and each is parallel to another.
    #[test]
    fn clipped_maps_keep_every_fixed_point(seed in any::<u64>(), dim in 1..4_usize, hidden in 0..6_usize) {
        check_against_brute_force(&random_clipped(seed, dim, hidden));
    }

    #[test]
    fn almost_linear_maps_keep_every_fixed_point(seed in any::<u64>(), dim in 1..8_usize, relus in 0..8_usize) {
        let mut rng = rng(seed);
        let (a, w) = (vector(&mut rng, dim, 0.9), matrix(&mut rng, dim, dim, 1.0));
        let h = vector(&mut rng, dim, 1.0);
        check_against_brute_force(&PiecewiseLinearMap::almost_linear(&a, &w, &h, relus.min(dim)).unwrap());
    }

    /// Repeated, mirrored, parallel and concurrent folds: weights from a few small integers.
    #[test]
    fn folds_in_special_position_lose_nothing(
        seed in any::<u64>(),
        weights in prop::collection::vec((-1..=1_i8, -1..=1_i8, -1..=1_i8, -1..=1_i8), 1..8),
    ) {
        let mut rng = rng(seed);
        let hidden = weights.len();
        let w2 = DMatrix::from_fn(hidden, 3, |k, j| f64::from([weights[k].0, weights[k].1, weights[k].2][j]));
        let h2: Vec<f64> = weights.iter().map(|w| f64::from(w.3)).collect();
        let (a, w1, h1) = (vector(&mut rng, 3, 0.9), matrix(&mut rng, 3, hidden, 1.0), vector(&mut rng, 3, 1.0));
        check_against_brute_force(&PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap());
    }
}

/// What the search finds without enumerating is what there is, on maps small enough to know.
#[test]
fn the_search_agrees_with_the_enumeration() {
    let plan = FixedPointPlan { max_solves: 4_000, ..searching() };
    for seed in 0..40 {
        let map = random_shallow(seed, 3, 14);
        let all = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
        let some = find_fixed_points(&mut rng(1), &map, &[vec![0.1; 3]], &plan);
        assert!(all.complete && !some.complete);
        let locations = |search: &FixedPointSearch| -> Vec<Vec<f64>> {
            search.found.iter().map(|point| point.location.clone()).collect()
        };
        assert_same_points(&locations(&some), &locations(&all), 1e-6);
    }
}

/// A bounded map has a fixed point (Brouwer); with 64 units in 16 dimensions jumping alone finds none of many.
#[test]
fn the_search_finds_the_fixed_point_that_must_exist() {
    for seed in 0..4 {
        let map = random_clipped(seed, 16, 64);
        let search = find_fixed_points(&mut rng(1), &map, &[], &searching());
        assert!(!search.found.is_empty() && !search.complete, "seed {seed}");
        assert!(search.found.iter().all(|point| point.residual <= 1e-10));
    }
}

/// With all `|aᵢ| < 1` the clipped map is bounded, and the signs of `det(I − J)` over its fixed points sum to one
/// (Poincaré–Hopf, the Lefschetz number of a ball): a check on 50 hidden units that needs no list of answers.
#[test]
fn the_indices_of_a_bounded_map_sum_to_one() {
    for seed in 0..6 {
        let map = random_clipped(seed, 3, 20);
        let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
        assert!(search.complete);
        let index = |z: &[f64]| (DMatrix::identity(3, 3) - map.jacobian(z)).determinant().signum();
        let sum: f64 = search.found.iter().map(|point| index(&point.location)).sum();
        assert_eq!(sum, 1.0, "seed {seed}: {} points", search.found.len());
    }
}

/// Two stable points and a saddle along one axis: `x′ = x/2 + clip(x)` rests at −2, 0 and 2.
#[test]
fn a_bistable_unit_has_the_points_algebra_gives() {
    let w1 = DMatrix::from_row_slice(1, 2, &[1.0, -1.0]);
    let w2 = DMatrix::from_element(2, 1, 1.0);
    let map = PiecewiseLinearMap::shallow(&[0.5], &w1, &w2, &[-1.0], &[1.0, -1.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    let locations: Vec<_> = search.found.iter().map(|point| point.location[0]).collect();
    assert_eq!(locations, [-2.0, 0.0, 2.0]);
    let stability: Vec<_> = search.found.iter().map(|point| point.stability).collect();
    assert_eq!(stability, [Stability::Stable, Stability::Unstable, Stability::Stable]);
    assert_eq!(search.regions_visited, 3);
}

#[test]
fn without_weights_the_map_is_linear() {
    let zero = DMatrix::zeros(2, 3);
    let map = PiecewiseLinearMap::shallow(&[0.5, -0.5], &zero, &zero.transpose(), &[1.0, 3.0], &[1.0; 3]).unwrap();
    assert_eq!(map.n_hinges(), 0);
    let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    assert!(search.complete);
    assert_same_points(&[search.found[0].location.clone()], &[vec![2.0, 2.0]], 1e-12);
    assert_eq!(search.found[0].stability, Stability::Stable);
}

/// Every point of the identity is fixed: no isolated one, and no claim of completeness.
#[test]
fn the_identity_is_a_plane_of_fixed_points() {
    let zero = DMatrix::zeros(2, 2);
    let identity = PiecewiseLinearMap::piecewise_linear(&[1.0, 1.0], &zero, &[0.0, 0.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &identity, &[], &enumerating());
    assert!(search.found.is_empty() && !search.complete);
    assert_eq!((search.degenerate_regions, search.continua.len()), (1, 1));
    assert_eq!(search.continua[0].directions.len(), 2);
    // A shift of everything has no fixed point, and that is certain.
    let shift = identity.with_constant_input(&[1.0, 0.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &shift, &[], &enumerating());
    assert!(search.found.is_empty() && search.continua.is_empty() && search.complete);
}

/// A line attractor `x′ = x` beside a contracting unit, in the half space where the rectified unit is on.
#[test]
fn a_line_attractor_is_reported_as_one() {
    let w = DMatrix::from_row_slice(2, 2, &[0.5, 0.0, 0.0, 0.0]);
    let map = PiecewiseLinearMap::piecewise_linear(&[0.5, 0.2], &w, &[0.0, 0.8]).unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    assert_eq!(search.continua.len(), 1);
    let line = &search.continua[0];
    assert!(line.location[0] > 0.0 && (line.location[1] - 1.0).abs() < 1e-12, "{line:?}");
    assert_close(line.directions[0][0].abs(), 1.0, 1e-12);
    assert!(!search.complete);
}

/// A fixed point on a fold has two Jacobians; neither alone decides.
#[test]
fn a_point_on_a_border_is_marginal() {
    let w = DMatrix::from_element(1, 1, 0.3);
    let map = PiecewiseLinearMap::piecewise_linear(&[0.5], &w, &[0.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    assert_eq!(search.found.len(), 1);
    assert_eq!(search.found[0].stability, Stability::Marginal);
}

/// Sixty-four units in one dimension have 65 regions; too many patterns, few regions.
#[test]
fn regions_are_counted_not_patterns() {
    let map = random_shallow(3, 1, 64);
    assert_eq!(find_fixed_points(&mut rng(1), &map, &[], &enumerating()).regions_visited, 65);
    for units in [60, 64, 85] {
        let map = random_shallow(3, 2, units);
        let search = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
        assert_eq!(search.regions_visited, 1 + units + units * (units - 1) / 2);
    }
}

#[test]
fn the_search_spends_no_more_than_its_effort_and_repeats_itself() {
    let map = random_shallow(5, 8, 64);
    let starts = uniform_starts(&mut rng(2), 20, 8, 2.0);
    let plan = FixedPointPlan { max_solves: 500, ..searching() };
    let first = find_fixed_points(&mut rng(1), &map, &starts, &plan);
    assert!(!first.complete && first.solves <= 520, "{}", first.solves);
    assert_eq!(first, find_fixed_points(&mut rng(1), &map, &starts, &plan));
    let odd = [vec![f64::NAN; 8], vec![0.0; 3], vec![f64::INFINITY; 8]];
    assert!(!find_fixed_points(&mut rng(1), &map, &odd, &plan).complete);
}
