//! Networks that are hard on a search: badly scaled, degenerate, wide, or with points that nearly coincide.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    FixedPointPlan, FixedPointSearch, PiecewiseLinearMap, SearchMethod, Stability, find_fixed_points,
};
use proptest::prelude::*;
use rand::RngExt;

use crate::systems::*;

fn plan() -> FixedPointPlan {
    FixedPointPlan { max_patterns: 1 << 12, max_boxes: 100_000, max_regions: 0, max_solves: 2_000, ..enumerating() }
}

fn locations(search: &FixedPointSearch) -> Vec<Vec<f64>> {
    search.found.iter().map(|point| point.location.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// `z ↦ D z` and another unit for every hidden activation change nothing but the numbers, over nine orders of magnitude.
    #[test]
    fn units_of_measurement_do_not_matter(seed in any::<u64>(), dim in 1..4_usize, hidden in 1..20_usize) {
        let mut rng = rng(seed);
        let a: Vec<f64> = (0..dim).map(|_| rng.random_range(0.2..0.9)).collect();
        let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
        let (h1, h2) = (vector(&mut rng, dim, 0.5), vector(&mut rng, hidden, 1.5));
        let by: Vec<f64> = (0..dim).map(|_| 10.0_f64.powf(rng.random_range(-4.5..4.5))).collect();
        let hidden_by: Vec<f64> = (0..hidden).map(|_| 10.0_f64.powf(rng.random_range(-4.5..4.5))).collect();
        let here = PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap();
        let there = PiecewiseLinearMap::shallow(
            &a,
            &DMatrix::from_fn(dim, hidden, |i, k| by[i] * w1[(i, k)] / hidden_by[k]),
            &DMatrix::from_fn(hidden, dim, |k, j| hidden_by[k] * w2[(k, j)] / by[j]),
            &(0..dim).map(|i| by[i] * h1[i]).collect::<Vec<_>>(),
            &(0..hidden).map(|k| hidden_by[k] * h2[k]).collect::<Vec<_>>(),
        ).unwrap();
        let dividing = FixedPointPlan { max_patterns: 0, ..plan() };
        let (here, there) = (
            find_fixed_points(&mut crate::systems::rng(1), &here, &[], &dividing),
            find_fixed_points(&mut crate::systems::rng(1), &there, &[], &dividing),
        );
        prop_assert!(here.complete && there.complete);
        let back: Vec<Vec<f64>> =
            locations(&there).iter().map(|z| z.iter().zip(&by).map(|(z, by)| z / by).collect()).collect();
        assert_same_points(&back, &locations(&here), 1e-6);
    }

    /// Eight hinges of rank two in twelve dimensions, against all patterns.
    #[test]
    fn low_rank_networks_lose_nothing_by_reduction(seed in any::<u64>()) {
        let mut rng = rng(seed);
        let a: Vec<f64> = (0..12).map(|_| rng.random_range(0.2..0.9)).collect();
        let w1 = matrix(&mut rng, 12, 2, 1.0) * matrix(&mut rng, 2, 8, 1.0);
        let w2 = matrix(&mut rng, 8, 3, 1.0) * matrix(&mut rng, 3, 12, 0.3);
        let (h1, h2) = (vector(&mut rng, 12, 0.5), vector(&mut rng, 8, 1.5));
        let map = PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap();
        crate::fixed_points::check_against_brute_force(&map);
    }
}

/// All folds and the fixed point in one place: `2⁸` regions meet there.
#[test]
fn a_point_in_which_all_folds_meet_is_one_point() {
    let mut rng = rng(4);
    let a: Vec<f64> = (0..8).map(|_| rng.random_range(0.2..0.9)).collect();
    let map = PiecewiseLinearMap::piecewise_linear(&a, &matrix(&mut rng, 8, 8, 0.1), &[0.0; 8]).unwrap();
    for plan in [plan(), FixedPointPlan { max_patterns: 0, ..plan() }] {
        let search = find_fixed_points(&mut rng, &map, &[], &plan);
        assert!(search.complete, "{search:?}");
        assert_eq!((search.found.len(), &search.on_borders[..]), (1, &[0][..]));
        assert!(search.found[0].location.iter().all(|x| x.abs() < 1e-12));
        assert_eq!(search.found[0].stability, Stability::Marginal);
    }
}

/// `x′ = x/2 + …` with three fixed points within 1e-3: told apart, and each found once although it is seen from several sides.
#[test]
fn points_a_thousandth_apart_are_two() {
    // Slope 2 between −5e-4 and 5e-4, slope 0 outside: rests at −5e-4, 0 and 5e-4, of which the outer two lie on no fold.
    let w1 = DMatrix::from_row_slice(1, 2, &[2.0, -2.0]);
    let w2 = DMatrix::from_element(2, 1, 1.0);
    let map = PiecewiseLinearMap::shallow(&[0.0], &w1, &w2, &[-5e-4], &[2.5e-4, -2.5e-4]).unwrap();
    for plan in [plan(), FixedPointPlan { max_patterns: 0, ..plan() }] {
        let search = find_fixed_points(&mut rng(1), &map, &[], &plan);
        assert!(search.complete);
        assert_same_points(&locations(&search), &[vec![-5e-4], vec![0.0], vec![5e-4]], 1e-15);
        assert!(search.on_borders.is_empty());
    }
}

#[test]
fn five_hundred_units_are_decided_in_the_plane_and_searched_in_many_dimensions() {
    let wide = random_clipped(7, 2, 256);
    let search = find_fixed_points(&mut rng(1), &wide, &[], &plan());
    assert!(search.complete && search.method == SearchMethod::BranchAndBound);
    let large = random_clipped(7, 64, 256);
    let few = FixedPointPlan { max_boxes: 10_000, max_solves: 100, ..plan() };
    let search = find_fixed_points(&mut rng(1), &large, &[vec![0.0; 64]], &few);
    assert!(!search.complete && search.method == SearchMethod::RegionSearch);
    assert!(search.unseen.is_some() && search.boxes < 100);
}

/// Where nothing is regular: `I − J` singular in every region, whichever hinges are on.
#[test]
fn a_map_that_is_singular_everywhere_is_answered() {
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 0.7, 0.0, -0.4]);
    let line = PiecewiseLinearMap::piecewise_linear(&[1.0, 0.5], &w, &[0.0, 0.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &line, &[], &plan());
    assert!(search.found.is_empty() && !search.continua.is_empty() && !search.complete, "{search:?}");
    assert!(search.continua.iter().all(|line| line.directions.len() == 1 && line.directions[0][0].abs() > 1.0 - 1e-9));
    let drift = PiecewiseLinearMap::piecewise_linear(&[1.0, 0.5], &w, &[1.0, 0.0]).unwrap();
    let search = find_fixed_points(&mut rng(1), &drift, &[], &plan());
    assert!(search.found.is_empty() && search.continua.is_empty() && search.complete, "{search:?}");
}

/// Chao's estimate rests on restarts that are drawn; a map with one point that all of them reach leaves nothing to expect.
#[test]
fn a_search_says_how_much_it_may_have_missed() {
    let map = random_clipped(3, 6, 24);
    let none = FixedPointPlan { max_patterns: 0, max_boxes: 0, max_solves: 20_000, ..plan() };
    let search = find_fixed_points(&mut rng(1), &map, &[], &none);
    let unseen = search.unseen.expect("a search estimates what it missed");
    assert!(!search.complete && unseen.restarts > 10, "{unseen:?}");
    assert!(unseen.lower <= unseen.estimate && unseen.estimate <= unseen.upper);
}
