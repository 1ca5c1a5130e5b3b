use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorKind, AttractorPlan, AttractorSearch, Complex, CycleSearchPlan, Map, PiecewiseLinearMap, Portrait,
    PortraitPlan, Stability, find_attractors, find_fixed_points, portrait,
};

use crate::systems::*;

fn attractors_of(map: &dyn Map, starts: &[Vec<f64>]) -> AttractorSearch {
    let search = find_attractors(&mut rng(1), map, &[], starts, &following());
    let basins: usize = search.attractors.iter().map(|attractor| attractor.basin.count).sum();
    assert_eq!(basins + search.diverged.count + search.undecided.count, starts.len());
    assert_eq!(search.n_starts(), starts.len());
    search
}

fn few_cycles() -> CycleSearchPlan {
    CycleSearchPlan {
        max_period: 20,
        max_polygons: 10_000,
        max_steps: 5_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-6,
    }
}

fn kinds(search: &AttractorSearch) -> Vec<AttractorKind> {
    search.attractors.iter().map(|attractor| attractor.kind).collect()
}

/// The period-doubling cascade (May 1976): 1, 2, 4 and chaos.
#[test]
fn the_logistic_map_doubles_its_period() {
    let starts = uniform_starts(&mut rng(3), 20, 1, 0.45).into_iter().map(|z| vec![z[0] + 0.5]).collect::<Vec<_>>();
    for (r, expected) in [
        (2.8, AttractorKind::FixedPoint),
        (3.2, AttractorKind::Cycle { period: 2 }),
        (3.5, AttractorKind::Cycle { period: 4 }),
        (3.83, AttractorKind::Cycle { period: 3 }),
        (4.0, AttractorKind::Chaotic),
    ] {
        let search = attractors_of(&Logistic { r }, &starts);
        assert_eq!(kinds(&search), [expected], "r = {r}: {search:?}");
        assert_eq!(search.attractors[0].basin.count, 20, "r = {r}");
    }
    // The multiplier of the 2-cycle is 4 + 2r − r².
    let search = attractors_of(&Logistic { r: 3.2 }, &starts);
    let cycle = search.attractors[0].cycle.as_ref().unwrap();
    assert_close(cycle.multipliers[0].re, 4.0 + 6.4 - 3.2 * 3.2, 1e-9);
    assert_close(search.attractors[0].lyapunov[0], cycle.multipliers[0].norm().ln() / 2.0, 1e-12);
}

/// Periods along `a` recomputed from 60 000 iterations; chaos at the classical value.
#[test]
fn henon_windows_have_their_periods() {
    for (a, period) in [(0.5, 2), (0.95, 4), (1.03, 8), (1.24, 7)] {
        let search = attractors_of(&Henon { a, b: 0.3 }, &[vec![0.0, 0.0], vec![0.1, 0.1]]);
        assert_eq!(kinds(&search), [AttractorKind::Cycle { period }], "a = {a}");
    }
    let search = attractors_of(&Henon { a: 1.4, b: 0.3 }, &uniform_starts(&mut rng(2), 200, 2, 2.0));
    assert_eq!(kinds(&search), [AttractorKind::Chaotic]);
    assert_close(search.attractors[0].lyapunov[0], 0.419, 0.03);
    // 0.4335 of the square, from 400 000 starts.
    let (low, high) = search.attractors[0].basin.wilson_interval();
    assert!(low < 0.4335 && 0.4335 < high, "{low} {high}");
    assert_eq!(search.undecided.count, 0);
}

/// A stable focus beside a stable 3-cycle and escape: `x′ = 1 − 1.05 x² + y, y′ = −0.9 x`.
#[test]
fn coexisting_attractors_are_kept_apart() {
    let starts = uniform_starts(&mut rng(4), 150, 2, 1.5);
    let search = attractors_of(&Henon { a: 1.05, b: -0.9 }, &starts);
    let mut found = kinds(&search);
    found.sort_by_key(|kind| matches!(kind, AttractorKind::FixedPoint));
    assert_eq!(found, [AttractorKind::Cycle { period: 3 }, AttractorKind::FixedPoint]);
    assert!(search.diverged.count > 0);
}

/// Newton's method for `z³ = 1`: three fractal basins of 0.345, 0.327 and 0.329 of the square (recomputed from many starts).
#[test]
fn the_cube_roots_share_the_plane() {
    struct CubeRoot;
    impl Map for CubeRoot {
        fn dim(&self) -> usize {
            2
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            let z = Complex::new(z[0], z[1]);
            let image = z - (z * z * z - 1.0) / (z * z * 3.0);
            (next[0], next[1]) = (image.re, image.im);
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            let z = Complex::new(z[0], z[1]);
            let slope = (z * z * z - 1.0) * 2.0 / (z * z * z * 3.0);
            DMatrix::from_row_slice(2, 2, &[slope.re, -slope.im, slope.im, slope.re])
        }
    }
    let search = attractors_of(&CubeRoot, &uniform_starts(&mut rng(7), 3000, 2, 1.5));
    assert_eq!(kinds(&search), [AttractorKind::FixedPoint; 3]);
    for attractor in &search.attractors {
        let [x, y] = [attractor.center[0], attractor.center[1]];
        assert_close(x.hypot(y), 1.0, 1e-9);
        let expected = if x > 0.0 { 0.345 } else { 0.328 };
        let (low, high) = attractor.basin.wilson_interval();
        assert!(low < expected && expected < high, "{x} {y} {low} {high}");
        // Newton's method is superstable at a root.
        assert!(attractor.lyapunov[0] < -10.0);
    }
}

/// `r′ = r (3 − r²) / 2` while the angle grows by one: the unit circle attracts, at `e⁰` along it and `0` across.
#[test]
fn a_circle_that_attracts_is_quasiperiodic() {
    struct Circle;
    impl Map for Circle {
        fn dim(&self) -> usize {
            2
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            let gain = (3.0 - z[0] * z[0] - z[1] * z[1]) / 2.0;
            rotation(1.0, gain).step(z, next);
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            nullcline_dynamics::central_difference_jacobian(2, |z, next| self.step(z, next), z)
        }
    }
    let search = attractors_of(&Circle, &[vec![0.5, 0.0], vec![0.0, -1.0], vec![1.2, 0.3]]);
    assert_eq!(kinds(&search), [AttractorKind::Quasiperiodic]);
    assert_eq!(search.attractors[0].basin.count, 3);
    assert_close(search.attractors[0].extent, 1.0, 1e-3);
}

/// Rotations, reflections, and a rotation beside a direction that contracts: every orbit has another beside it, and none attracts.
#[test]
fn what_comes_in_families_attracts_nothing() {
    let starts = [vec![1.0, 0.0], vec![0.0, -1.0], vec![2.0, 0.0]];
    let (eighth, reflection) = (std::f64::consts::FRAC_PI_4, Linear(-DMatrix::identity(2, 2)));
    for map in [rotation(1.0, 1.0), rotation(eighth, 1.0), reflection] {
        let search = attractors_of(&map, &starts);
        assert_eq!((search.undecided.count, search.attractors.len()), (3, 0));
    }
    let mut beside = DMatrix::from_diagonal_element(3, 3, 0.5);
    beside.view_mut((0, 0), (2, 2)).copy_from(&rotation(0.3, 1.0).0);
    let search = attractors_of(&Linear(beside), &[vec![1.0, 0.0, 1.0], vec![0.0, 3.0, -1.0]]);
    assert_eq!((search.undecided.count, search.attractors.len()), (2, 0));
}

#[test]
fn orbits_that_leave_have_diverged() {
    let search = attractors_of(&Linear(DMatrix::from_element(1, 1, 1.5)), &[vec![1.0], vec![-1.0]]);
    assert_eq!((search.diverged.count, search.attractors.len()), (2, 0));
}

/// Starts that are no points decide nothing; neither do points that the map leaves where they are.
#[test]
fn what_cannot_be_decided_is_said_to_be_so() {
    let linear = Linear(DMatrix::from_element(1, 1, 0.5));
    let search = attractors_of(&linear, &[vec![f64::NAN], vec![], vec![1.0]]);
    assert_eq!((search.undecided.count, search.diverged.count, search.attractors.len()), (2, 0, 1));
    assert_eq!(attractors_of(&linear, &[]).n_starts(), 0);
    // `z′ = z − z³` creeps towards 0 for ever, slower than any multiplier says.
    struct Creep;
    impl Map for Creep {
        fn dim(&self) -> usize {
            1
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            next[0] = z[0] - z[0].powi(3);
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            DMatrix::from_element(1, 1, 1.0 - 3.0 * z[0] * z[0])
        }
    }
    assert_eq!(attractors_of(&Creep, &[vec![0.5]]).undecided.count, 1);
    assert_eq!(attractors_of(&Creep, &[vec![0.0]]).undecided.count, 1);
}

/// No dimensions, an image that overflows, one that is not a number: each has an answer.
#[test]
fn maps_that_are_hardly_maps_have_an_answer() {
    assert_eq!(attractors_of(&Linear(DMatrix::zeros(0, 0)), &[vec![], vec![]]).undecided.count, 2);
    struct Wild(f64);
    impl Map for Wild {
        fn dim(&self) -> usize {
            1
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            next[0] = self.0 * z[0] * z[0];
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            DMatrix::from_element(1, 1, 2.0 * self.0 * z[0])
        }
    }
    for factor in [1e300, f64::INFINITY, f64::NAN] {
        assert_eq!(attractors_of(&Wild(factor), &[vec![1.0], vec![-2.0]]).diverged.count, 2, "{factor}");
    }
}

/// The same portrait in other coordinates: kinds, periods, and exponents of what is periodic.
#[test]
fn attractors_survive_a_change_of_basis() {
    for seed in 0..12 {
        let map = random_clipped(seed, 3, 10);
        let basis = matrix(&mut rng(seed), 3, 3, 0.3) + DMatrix::identity(3, 3);
        let elsewhere = InBasis { map: &map, inverse: basis.clone().try_inverse().unwrap(), basis };
        let starts = uniform_starts(&mut rng(seed), 40, 3, 2.0);
        let moved: Vec<Vec<f64>> = starts.iter().map(|z| elsewhere.moved_here(z)).collect();
        let (here, there) = (attractors_of(&map, &starts), attractors_of(&elsewhere, &moved));
        if kinds(&here).contains(&AttractorKind::Chaotic) {
            continue;
        }
        assert_eq!(kinds(&here), kinds(&there), "seed {seed}");
        for (a, b) in here.attractors.iter().zip(&there.attractors) {
            assert_eq!(a.basin, b.basin, "seed {seed}");
            let tolerance = if a.cycle.is_some() || a.kind == AttractorKind::FixedPoint { 1e-6 } else { 5e-3 };
            assert_close(a.lyapunov[0], b.lyapunov[0], tolerance * a.lyapunov[0].abs().max(1.0));
        }
    }
}

/// One orbit at rest at a neutral point: that the map also rests beside it makes it one point of a continuum.
#[test]
fn a_single_start_can_show_a_continuum() {
    let search = attractors_of(&Linear(DMatrix::identity(2, 2)), &[vec![0.3, 0.4]]);
    assert!(search.attractors.len() == 1 && search.attractors[0].is_continuum(), "{search:?}");
    assert_eq!(search.undecided.count, 0);
}

/// A line attractor with a bend at a fold, beside an isolated point: one continuum, not a hundred points.
#[test]
fn a_line_attractor_is_one_attractor() {
    let identity = Linear(DMatrix::identity(2, 2));
    let search = attractors_of(&identity, &uniform_starts(&mut rng(6), 50, 2, 1.0));
    assert!(search.attractors.len() == 1 && search.attractors[0].is_continuum());
    assert_eq!(search.attractors[0].basin.count, 50);
    // x stays, y follows |x| at half the distance per step.
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 0.0, 0.5, 0.5]);
    let w2 = DMatrix::from_row_slice(2, 2, &[1.0, 0.0, -1.0, 0.0]);
    let map = PiecewiseLinearMap::shallow(&[1.0, 0.5], &w, &w2, &[0.0; 2], &[0.0; 2]).unwrap();
    let starts = uniform_starts(&mut rng(6), 100, 2, 2.0);
    let search = attractors_of(&map, &starts);
    assert!(search.attractors.len() == 1 && search.attractors[0].is_continuum());
    assert_eq!(search.attractors[0].basin.count, 100);
    assert_close(search.attractors[0].lyapunov[0], 0.0, 1e-9);
    let fixed = find_fixed_points(&mut rng(1), &map, &starts, &enumerating());
    assert!(fixed.found.is_empty() && !fixed.complete);
    assert_eq!(fixed.continua.len(), 2, "one stretch for each side of the fold");
}

/// `z′ = z (1 + (1 − |z|²) / 5)`: the unit circle rests, point by point.
#[test]
fn a_ring_attractor_is_one_attractor() {
    struct Ring;
    impl Map for Ring {
        fn dim(&self) -> usize {
            2
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            let gain = 1.0 + (1.0 - z[0] * z[0] - z[1] * z[1]) / 5.0;
            (next[0], next[1]) = (gain * z[0], gain * z[1]);
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            let gain = 1.0 + (1.0 - z[0] * z[0] - z[1] * z[1]) / 5.0;
            DMatrix::from_fn(2, 2, |i, j| if i == j { gain } else { 0.0 } - 0.4 * z[i] * z[j])
        }
    }
    let search = attractors_of(&Ring, &uniform_starts(&mut rng(8), 60, 2, 1.2));
    assert!(search.attractors.len() == 1 && search.attractors[0].is_continuum(), "{search:?}");
    assert_eq!(search.attractors[0].basin.count, 60);
    assert_close(search.attractors[0].extent, 1.0, 0.1);
    assert_close(search.attractors[0].lyapunov[1], 0.6_f64.ln(), 1e-6);
}

/// A start exactly on a saddle rests there for ever in exact arithmetic; it is no attractor.
#[test]
fn a_saddle_is_never_an_attractor() {
    // x′ = clip(2x) to ±1, y′ = y/2: stable at (±1, 0), a saddle at the origin.
    let w1 = DMatrix::from_row_slice(2, 2, &[1.0, -1.0, 0.0, 0.0]);
    let w2 = DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 2.0, 0.0]);
    let map = PiecewiseLinearMap::shallow(&[0.0, 0.5], &w1, &w2, &[-1.0, 0.0], &[1.0, -1.0]).unwrap();
    let starts = [vec![0.0, 0.0], vec![0.0, 1.0], vec![1e-9, 0.5], vec![-1e-300, 0.5]];
    let fixed = find_fixed_points(&mut rng(1), &map, &starts, &enumerating());
    assert_eq!(fixed.found.len(), 3);
    assert_eq!(fixed.found[1].stability, Stability::Saddle { unstable_dims: 1 });
    for known in [fixed.found.as_slice(), &[]] {
        let search = find_attractors(&mut rng(1), &map, known, &starts, &following());
        assert!(kinds(&search).iter().all(|kind| *kind == AttractorKind::FixedPoint));
        assert!(search.attractors.iter().all(|a| (a.center[0].abs() - 1.0).abs() < 1e-6), "{search:?}");
        assert_eq!(search.undecided.count, 0);
    }
}

/// At the origin a residual has nothing to be relative to.
#[test]
fn the_origin_can_be_an_attractor() {
    let quiet = TanhRnn(DMatrix::from_row_slice(2, 2, &[0.5, 0.2, -0.2, 0.5]));
    let search = attractors_of(&quiet, &uniform_starts(&mut rng(5), 30, 2, 3.0));
    assert_eq!(kinds(&search), [AttractorKind::FixedPoint]);
    assert_eq!(search.attractors[0].basin.count, 30);
}

/// At rest an orbit jitters by its last digit for ever; that is neither motion nor doubt.
#[test]
fn rounding_at_rest_is_not_motion() {
    let map = random_clipped(5, 16, 64);
    let search = attractors_of(&map, &uniform_starts(&mut rng(2), 100, 16, 2.0));
    assert_eq!(search.undecided.count, 0);
    assert!(kinds(&search).contains(&AttractorKind::FixedPoint));
}

/// A slow spiral into a focus is not quasiperiodic, and a slow one out of it is not chaos.
#[test]
fn slow_spirals_are_followed_to_their_end() {
    let search = attractors_of(&rotation(0.3, 0.995), &[vec![1.0, 0.0]]);
    assert_eq!(kinds(&search), [AttractorKind::FixedPoint]);
    let search = attractors_of(&rotation(0.3, 1.003), &[vec![1e-3, 0.0]]);
    assert_eq!(search.diverged.count, 1);
}

/// Periodic orbits of piecewise-linear maps are exact, and told apart at any magnification of the map.
#[test]
fn a_portrait_does_not_depend_on_units() {
    let plan = PortraitPlan { fixed_points: enumerating(), cycles: few_cycles(), attractors: following() };
    let tiny = AttractorPlan { divergence_bound: 1e6 * 1e-6, ..following() };
    let tiny = PortraitPlan { fixed_points: enumerating(), cycles: few_cycles(), attractors: tiny };
    for seed in 0..10 {
        let mut draw = rng(seed);
        let a = vector(&mut draw, 3, 0.9);
        let (w1, w2) = (matrix(&mut draw, 3, 8, 1.0), matrix(&mut draw, 8, 3, 1.0));
        let (h1, h2) = (vector(&mut draw, 3, 0.5), vector(&mut draw, 8, 1.5));
        let starts = uniform_starts(&mut draw, 20, 3, 2.0);
        let shrink = |values: &[f64]| values.iter().map(|x| x * 1e-6).collect::<Vec<_>>();
        let map = PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).unwrap();
        let small = PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &shrink(&h1), &shrink(&h2)).unwrap();
        let small_starts: Vec<_> = starts.iter().map(|z| shrink(z)).collect();
        let here = portrait(&mut rng(1), &map, &starts, &plan);
        let there = portrait(&mut rng(1), &small, &small_starts, &tiny);
        assert_eq!(here.fixed_points.found.len(), there.fixed_points.found.len(), "seed {seed}");
        assert_eq!(kinds(&here.attractors), kinds(&there.attractors), "seed {seed}");
        let stable = |found: &Portrait| found.cycles.found.iter().filter(|c| c.stability == Stability::Stable).count();
        assert_eq!(stable(&here), stable(&there));
        assert_eq!(here, portrait(&mut rng(1), &map, &starts, &plan), "same seed, same portrait");
    }
}
