use nalgebra::DMatrix;
use nullcline_dynamics::{
    Complex, DelayPlan, Map, delay_operator, distance_between_spectra, eigenvalue_distance, match_attractors,
    procrustes_distance, wasserstein_distance,
};
use proptest::prelude::*;

use crate::systems::*;

fn ring(n: usize, radius: f64, center: [f64; 2]) -> Vec<Vec<f64>> {
    let angle = |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
    (0..n).map(|k| vec![center[0] + radius * angle(k).cos(), center[1] + radius * angle(k).sin()]).collect()
}

#[test]
fn wasserstein_distances_are_those_of_geometry() {
    let point = vec![vec![0.0, 0.0]];
    assert_close(wasserstein_distance(&ring(12, 2.0, [0.0, 0.0]), &point).unwrap(), 2.0, 1e-12);
    assert_close(wasserstein_distance(&ring(40, 1.0, [0.0, 0.0]), &ring(40, 1.5, [0.0, 0.0])).unwrap(), 0.5, 1e-12);
    assert_close(wasserstein_distance(&ring(40, 1.0, [0.0, 0.0]), &ring(40, 1.0, [3.0, 4.0])).unwrap(), 5.0, 1e-12);
    // Other numbers of points: to within the spacing.
    assert_close(wasserstein_distance(&ring(60, 1.0, [0.0, 0.0]), &ring(240, 1.5, [0.0, 0.0])).unwrap(), 0.5, 1e-2);
    assert!(wasserstein_distance(&[], &point).is_err());
    assert!(wasserstein_distance(&point, &[vec![1.0]]).is_err());
    assert!(wasserstein_distance(&point, &[vec![f64::NAN, 0.0]]).is_err());
}

#[test]
fn attractors_are_matched_and_the_odd_ones_named() {
    let left = [ring(30, 1.0, [0.0, 0.0]), vec![vec![5.0, 5.0]], vec![vec![-9.0, 0.0]]];
    let right = [vec![vec![5.2, 5.0]], vec![vec![0.0, 30.0]], ring(30, 1.1, [0.1, 0.0])];
    let matching = match_attractors(&left, &right, 2.0).unwrap();
    let pairs: Vec<(usize, usize)> = matching.pairs.iter().map(|&(i, j, _)| (i, j)).collect();
    assert_eq!(pairs, [(0, 2), (1, 0)]);
    assert_close(matching.pairs[1].2, 0.2, 1e-12);
    assert_eq!((matching.only_left, matching.only_right), (vec![2], vec![1]));
    assert!(match_attractors(&left, &right, f64::NAN).is_err());
    assert_eq!(match_attractors(&[], &right, 1.0).unwrap().only_right, [0, 1, 2]);
}

/// Orbits of `map` from starts of order one, `[T × M]`, seen through `lens` where there is one.
fn trajectories(map: &dyn Map, n: usize, steps: usize, lens: Option<&DMatrix<f64>>) -> Vec<DMatrix<f64>> {
    uniform_starts(&mut rng(5), n, map.dim(), 1.0)
        .iter()
        .map(|start| {
            let orbit = map.orbit(start, steps);
            let states = DMatrix::from_fn(orbit.len(), map.dim(), |t, j| orbit[t][j]);
            lens.map_or(states.clone(), |lens| &states * lens.transpose())
        })
        .collect()
}

fn operator(map: &dyn Map, lens: Option<&DMatrix<f64>>) -> DMatrix<f64> {
    delay_operator(&trajectories(map, 10, 60, lens), &DelayPlan { delays: 3, rank: 4 }).unwrap()
}

/// By hand; the order does not matter, and what is lacking is zero.
#[test]
fn spectra_are_paired_as_cheaply_as_possible() {
    let [a, b, c] = [Complex::new(0.9, 0.0), Complex::new(0.0, 0.5), Complex::new(0.9, 0.1)];
    assert_close(distance_between_spectra(&[a, b], &[b, a]), 0.0, 0.0);
    assert_close(distance_between_spectra(&[a, b], &[b, c]), 0.1 / 2.0_f64.sqrt(), 1e-15);
    assert_close(distance_between_spectra(&[a], &[b, a]), 0.5 / 2.0_f64.sqrt(), 1e-15);
    assert!(distance_between_spectra(&[a], &[Complex::new(f64::NAN, 0.0)]).is_nan());
    assert_close(distance_between_spectra(&[], &[]), 0.0, 0.0);
}

/// Multipliers of a linear map are those of its operator.
#[test]
fn the_operator_of_a_linear_map_has_its_multipliers() {
    let jacobian = DMatrix::from_row_slice(2, 2, &[0.9, 0.3, -0.2, 0.7]);
    let plan = DelayPlan { delays: 1, rank: 2 };
    let found = delay_operator(&trajectories(&Linear(jacobian.clone()), 30, 20, None), &plan).unwrap();
    // The mean over the orbits is taken off, which no linear map without offset survives exactly.
    assert!(eigenvalue_distance(&found, &jacobian).unwrap() < 0.05);
}

/// Distances to a rotation by 0.3 grow with the angle, and a decay is further than a rotation.
#[test]
fn distances_are_ordered_as_the_systems_are() {
    let reference = operator(&rotation(0.3, 0.99), None);
    let to = |map: &dyn Map| {
        let other = operator(map, None);
        let size = other.nrows().min(reference.nrows());
        assert_eq!(other.nrows(), reference.nrows());
        let aligned = procrustes_distance(&mut rng(1), &reference, &other, 4).unwrap();
        (eigenvalue_distance(&reference, &other).unwrap(), aligned.distance / (size as f64).sqrt())
    };
    let found = [0.3, 0.4, 0.6, 1.2].map(|angle| to(&rotation(angle, 0.99)));
    assert!(found[0].0 < 1e-9 && found[0].1 < 1e-9, "{found:?}");
    for pair in found.windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1, "{found:?}");
    }
}

/// The least of 50 descents by `scipy.optimize` (BFGS over rotation vectors, both halves of O(3)), and the eigenvalues of
/// NumPy paired by `scipy.optimize.linear_sum_assignment`.
#[test]
fn distances_are_those_of_an_independent_search() {
    let a = DMatrix::from_row_slice(3, 3, &[0.8, 0.5, -0.1, -0.3, 0.6, 0.2, 0.1, -0.4, 0.4]);
    let b = DMatrix::from_row_slice(3, 3, &[0.5, -0.2, 0.7, 0.1, 0.9, 0.0, -0.6, 0.3, 0.2]);
    let aligned = procrustes_distance(&mut rng(1), &a, &b, 8).unwrap();
    assert_close(aligned.distance, 0.558_482_150_68, 1e-9);
    assert_close(eigenvalue_distance(&a, &b).unwrap(), 0.365_513_824_031_085_8, 1e-9);
}

/// Pairs whose least minimum was once missed from one side: by a descent that stopped early, and by too few starts.
#[test]
fn the_least_minimum_is_found_from_both_sides() {
    for (seed, size) in [(15_137_620_623_914_902_941, 3), (1_237_136_356_978_586_925, 3)] {
        let mut draw = rng(seed);
        let [a, b] = [0; 2].map(|_| matrix(&mut draw, size, size, 1.0));
        for restarts in [0, 12] {
            let ask = |a, b| procrustes_distance(&mut rng(1), a, b, restarts).unwrap().distance;
            assert_close(ask(&a, &b), ask(&b, &a), 1e-12);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Other latent coordinates of one map: no distance, also where the rank cuts off directions.
    #[test]
    fn a_change_of_coordinates_is_no_distance(seed in any::<u64>()) {
        let mut draw = rng(seed);
        let map = random_clipped(seed, 3, 6);
        let lens = matrix(&mut draw, 3, 3, 0.4) + DMatrix::identity(3, 3);
        prop_assume!(lens.determinant().abs() > 0.1);
        let operators = [None, Some(&lens)].map(|lens| {
            delay_operator(&trajectories(&map, 10, 40, lens), &DelayPlan { delays: 2, rank: 4 })
        });
        let [Ok(here), Ok(there)] = operators else { return Ok(()) };
        prop_assert!(eigenvalue_distance(&here, &there).unwrap() < 1e-4);
        prop_assert!(procrustes_distance(&mut rng(1), &here, &there, 2).unwrap().distance < 1e-4);
    }

    /// A turned operator is no other operator; distances do not depend on the order, and obey the triangle inequality.
    #[test]
    fn procrustes_is_a_distance_between_orbits_of_rotations(seed in any::<u64>(), size in 1..5_usize) {
        let mut draw = rng(seed);
        let [a, b, c] = [0; 3].map(|_| matrix(&mut draw, size, size, 1.0));
        let turn = matrix(&mut draw, size, size, 1.0).qr().q();
        let ask = |a: &DMatrix<f64>, b: &DMatrix<f64>| procrustes_distance(&mut rng(1), a, b, 12).unwrap().distance;
        prop_assert!(ask(&a, &(&turn * &a * turn.transpose())) < 1e-6);
        prop_assert!((ask(&a, &b) - ask(&b, &a)).abs() < 1e-9);
        prop_assert!(ask(&a, &c) <= ask(&a, &b) + ask(&b, &c) + 1e-9);
    }
}
