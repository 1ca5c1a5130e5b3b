use nalgebra::DMatrix;
use nullcline_dynamics::{
    FixedPoint, Gru, Map, SmoothMap, Stability, StopReason, central_difference_jacobian, find_fixed_points_smooth,
};

use crate::systems::*;

/// `x ← r x (1 − x)` rests at `1 − 1/r`, with multiplier `2 − r`.
#[test]
fn logistic_map_rests_where_algebra_says() {
    let search = find_fixed_points_smooth(&Logistic { r: 2.5 }, &[vec![0.5]], &newton());
    assert_close(search.found[0].location[0], 0.6, 1e-12);
    assert_close(search.found[0].multipliers[0].re, -0.5, 1e-9);
    assert_eq!(search.attempts, [StopReason::Converged]);
}

/// Two saddles, from `a x² + (1 − b) x − 1 = 0`.
#[test]
fn henon_has_two_saddles() {
    let starts = [vec![1.0, 0.0], vec![-1.0, 0.0], vec![0.7, 0.2]];
    let search = find_fixed_points_smooth(&Henon { a: 1.4, b: 0.3 }, &starts, &newton());
    assert_eq!(search.found.len(), 2);
    assert_eq!(search.found[0].stability, Stability::Saddle { unstable_dims: 1 });
    assert_close(search.found[0].location[0], 0.631_354_477_089_504_8, 1e-12);
    assert_close(search.found[1].multipliers[0].re, 3.259_822_098_436_851, 1e-9);
}

/// Three decoupled bits, `x′ = tanh(3x/2)`: 3³ points, of which 8, 12, 6 and 1 have 0, 1, 2 and 3 unstable directions.
#[test]
fn a_flip_flop_has_twenty_seven_fixed_points() {
    let bits = TanhRnn(DMatrix::identity(3, 3) * 1.5);
    let level = |index: usize, bit: u32| (index / 3_usize.pow(bit) % 3) as f64 - 1.0;
    let starts: Vec<Vec<f64>> = (0..27).map(|index| (0..3).map(|bit| 0.8 * level(index, bit)).collect()).collect();
    let search = find_fixed_points_smooth(&bits, &starts, &newton());
    assert_eq!(search.found.len(), 27);
    for (unstable, expected) in [8, 12, 6, 1].into_iter().enumerate() {
        let found = search.found.iter().filter(|point| point.unstable_dims() == unstable).count();
        assert_eq!(found, expected, "{unstable} unstable directions");
    }
    let stable = search.found.iter().find(|point| point.stability == Stability::Stable).unwrap();
    assert_close(stable.location[0].abs(), 0.858_559_636_640_110_3, 1e-12);
    assert_close(stable.multipliers[2].re, 0.394_313_025_498_602_75, 1e-9);
}

#[test]
fn every_attempt_says_how_it_ended() {
    struct Shift;
    impl Map for Shift {
        fn dim(&self) -> usize {
            1
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            next[0] = z[0] + 1.0;
        }
        fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
            DMatrix::identity(1, 1)
        }
    }
    let starts = [vec![0.0], vec![f64::NAN], vec![0.0, 0.0]];
    let search = find_fixed_points_smooth(&Shift, &starts, &newton());
    assert!(search.found.is_empty());
    assert_eq!(search.attempts, [StopReason::SingularJacobian, StopReason::InvalidStart, StopReason::InvalidStart]);
    // x² + x + 1 = x has no real root: the speed has a minimum that is not zero.
    struct Ghost;
    impl Map for Ghost {
        fn dim(&self) -> usize {
            1
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            next[0] = z[0] * z[0] + z[0] + 1.0;
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            DMatrix::from_element(1, 1, 2.0 * z[0] + 1.0)
        }
    }
    let search = find_fixed_points_smooth(&Ghost, &[vec![0.9]], &newton());
    assert!(matches!(search.attempts[0], StopReason::SlowPoint | StopReason::StepLimit | StopReason::SingularJacobian));
}

#[test]
fn the_identity_is_marginal_everywhere() {
    let search = find_fixed_points_smooth(&Linear(DMatrix::identity(2, 2)), &[vec![0.3, 0.4]], &newton());
    assert_eq!(search.found[0].stability, Stability::Marginal);
    assert_eq!(search.found[0].location, [0.3, 0.4]);
}

/// Analytic Jacobians and push-forwards agree with differences of the map itself.
#[test]
fn derivatives_agree_with_differences() {
    for seed in 0..20 {
        for map in [random_shallow(seed, 4, 9), random_clipped(seed, 4, 9)] {
            let z = vector(&mut rng(seed + 100), 4, 2.0);
            let analytic = map.jacobian(&z);
            let numeric = central_difference_jacobian(4, |z, next| map.step(z, next), &z);
            assert!((&analytic - numeric).amax() < 1e-7);
            let frame = matrix(&mut rng(seed), 4, 2, 1.0);
            let mut image = DMatrix::zeros(4, 2);
            map.push_forward(&z, frame.as_view(), &mut image);
            assert!((analytic * frame - image).amax() < 1e-12);
        }
    }
}

/// Where the update gate of a GRU is nearly closed, `F(h) − h` is tiny far from any fixed point: no such place is reported.
#[test]
fn a_closed_gate_is_no_fixed_point() {
    let column = |values: &[f64]| DMatrix::from_column_slice(3, 1, values);
    // u = σ(4 h): at h = 10 the state moves by less than 1e-15 per step.
    let gru = Gru::from_pytorch(&column(&[0.0; 3]), &column(&[0.0, 4.0, 0.5]), &[0.0; 3], &[0.0; 3], &[0.0]).unwrap();
    let starts: Vec<Vec<f64>> = (-20..=20).map(|i| vec![f64::from(i)]).collect();
    let search = find_fixed_points_smooth(&SmoothMap(gru.clone()), &starts, &newton());
    assert_eq!(search.found.len(), 1);
    assert_close(search.found[0].location[0], 0.0, 1e-12);
    // The same without knowledge of the gates.
    struct Opaque(SmoothMap<Gru>);
    impl Map for Opaque {
        fn dim(&self) -> usize {
            1
        }
        fn step(&self, z: &[f64], next: &mut [f64]) {
            self.0.step(z, next);
        }
        fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
            self.0.jacobian(z)
        }
    }
    let search = find_fixed_points_smooth(&Opaque(SmoothMap(gru)), &[vec![0.5], vec![6.0]], &newton());
    // What rounding makes a point of rest is neutral; nobody takes it for an attractor.
    let at_origin = |point: &FixedPoint| point.location[0].abs() < 1e-9;
    assert!(search.found.iter().all(|point| at_origin(point) || point.stability == Stability::Marginal));
    assert_eq!(search.attempts[0], StopReason::Converged);
}
