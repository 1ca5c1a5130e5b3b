//! Fixed points with proof, against algebra and against Newton's method.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    Activation, BoxPlan, Enclosed, Formula, Gru, Interval, Mlp, Number, SmoothField, SmoothMap, Stability, TanhRnn,
    certified_equilibria, certified_fixed_points, certify, find_fixed_points_smooth,
};

use crate::systems::*;

fn cube(reach: f64, dim: usize) -> Vec<Interval> {
    vec![Interval::new(-reach, reach); dim]
}

/// Three decoupled bits have 3³ fixed points, and the box they all lie in follows from the formula.
#[test]
fn a_flip_flop_is_proven_to_have_twenty_seven_fixed_points() {
    let bits = SmoothMap(TanhRnn::new(DMatrix::identity(3, 3) * 1.5, vec![0.0; 3], 1.0).unwrap());
    let region = bits.bounds().unwrap();
    let search = certified_fixed_points(&bits, &region, &BoxPlan::default());
    assert!(search.complete);
    assert_eq!(search.found.len(), 27);
    for found in &search.found {
        for (side, &x) in found.certificate.enclosure.iter().zip(&found.point.location) {
            assert!(side.contains(x) && side.width() < 1e-14);
            let exact = [-0.858_559_636_640_110_3, 0.0, 0.858_559_636_640_110_3];
            assert!(exact.iter().any(|&e| (x - e).abs() < 1e-14));
        }
        assert!(found.point.residual < 1e-15);
    }
    let stable = search.found.iter().filter(|found| found.point.stability == Stability::Stable).count();
    assert_eq!(stable, 8);
}

/// Both routes agree on random networks: what Newton finds is proven, and nothing is proven that Newton misses.
#[test]
fn search_of_a_box_and_newton_agree() {
    for seed in 0..12 {
        let rng = &mut rng(seed);
        let dim = 1 + seed as usize % 3;
        let (ih, hh) = (matrix(rng, 3 * dim, 1, 1.0), matrix(rng, 3 * dim, dim, 4.0));
        let (b_ih, b_hh) = (vector(rng, 3 * dim, 0.5), vector(rng, 3 * dim, 0.5));
        let gru = SmoothMap(Gru::from_pytorch(&ih, &hh, &b_ih, &b_hh, &[0.5]).unwrap());
        let search = certified_fixed_points(&gru, &cube(1.0, dim), &BoxPlan::default());
        assert!(search.complete, "seed {seed}: {:?}", search.undecided);
        let newton = find_fixed_points_smooth(&gru, &uniform_starts(rng, 300, dim, 1.0), &newton());
        let proven: Vec<_> = search.found.iter().map(|found| found.point.location.clone()).collect();
        let found: Vec<_> = newton.found.iter().map(|found| found.location.clone()).collect();
        assert_same_points(&found, &proven, 1e-9);
        for point in &newton.found {
            let certificate = certify(&gru, &point.location).expect("a regular fixed point");
            assert!(
                certificate
                    .enclosure
                    .iter()
                    .zip(&point.location)
                    .all(|(side, x)| { (*side + Interval::around(0.0, 1e-13)).contains(*x) && side.width() < 1e-12 })
            );
            assert!(point.residual <= 1e-12);
        }
    }
}

/// `x² + x = x + c`: two, one double, or no solution.
struct Fold {
    c: f64,
}

impl Formula for Fold {
    fn dim(&self) -> usize {
        1
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[0].square() + z[0] - N::from_f64(self.c);
    }
}

#[test]
fn a_fold_is_two_points_one_undecided_box_or_proven_nothing() {
    let at = |c: f64| certified_fixed_points(&SmoothMap(Fold { c }), &cube(1.0, 1), &BoxPlan::default());
    let two = at(0.25);
    assert!(two.complete);
    assert_eq!(two.found.len(), 2);
    assert_close(two.found[0].point.location[0], -0.5, 1e-15);
    assert_close(two.found[1].point.location[0], 0.5, 1e-15);
    let none = at(-1e-6);
    assert!(none.complete && none.found.is_empty());
    let double = at(0.0);
    assert!(!double.complete && double.found.is_empty());
    assert_eq!(double.undecided.len(), 1);
    assert!(double.undecided[0][0].contains(0.0) && double.undecided[0][0].width() < 1e-3);
}

/// A ring of fixed points is no list of points: it stays undecided, within a budget, and says where.
struct Ring;

impl Formula for Ring {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let gain = N::from_f64(1.0) - z[0].square() - z[1].square();
        value[0] = gain * z[0];
        value[1] = gain * z[1];
    }
}

#[test]
fn a_ring_of_equilibria_is_left_undecided_around_its_center() {
    let plan = BoxPlan { smallest_side: 1e-3, ..BoxPlan::default() };
    let search = certified_equilibria(&SmoothField(Ring), &cube(1.5, 2), &plan);
    assert!(!search.complete);
    assert_eq!(search.found.len(), 1);
    assert_eq!(search.found[0].point.unstable_dims(), 2);
    assert_eq!(search.undecided.len(), 1, "one ring");
    let tight = BoxPlan { max_boxes: 50, ..BoxPlan::default() };
    let search = certified_equilibria(&SmoothField(Ring), &cube(1.5, 2), &tight);
    assert!(!search.complete && search.boxes_examined == 50 && !search.undecided.is_empty());
}

/// A fixed point on the border of the region, and on the cut through its middle, is found once.
#[test]
fn borders_do_not_hide_fixed_points() {
    let two = certified_fixed_points(&SmoothMap(Fold { c: 0.25 }), &[Interval::new(-0.5, 0.5)], &BoxPlan::default());
    assert!(two.complete);
    assert_eq!(two.found.len(), 2);
    let bits = SmoothMap(TanhRnn::new(DMatrix::identity(2, 2) * 1.5, vec![0.0; 2], 1.0).unwrap());
    assert_eq!(certified_fixed_points(&bits, &[Interval::new(0.0, 1.0); 2], &BoxPlan::default()).found.len(), 4);
}

/// A kink through a fixed point in the corner of every box: the slopes left and right of it differ for ever.
#[test]
fn a_kink_does_not_hide_a_fixed_point() {
    struct Kink;
    impl Formula for Kink {
        fn dim(&self) -> usize {
            2
        }
        fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
            value[0] = z[0].abs() * 0.1 - z[0];
            value[1] = z[0] - z[1].abs() * 0.1 - z[1];
        }
    }
    let search = certified_equilibria(&SmoothField(Kink), &cube(1.0, 2), &BoxPlan::default());
    assert!(search.complete, "{:?}", search.undecided);
    assert_eq!(search.found.len(), 1);
}

/// Overflow, poles and questions that make no sense are answers.
#[test]
fn what_cannot_be_decided_is_said() {
    struct Pole;
    impl Formula for Pole {
        fn dim(&self) -> usize {
            1
        }
        fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
            value[0] = z[0].recip() + (z[0] * 800.0).exp();
        }
    }
    let plan = BoxPlan { max_boxes: 2000, ..BoxPlan::default() };
    let search = certified_fixed_points(&SmoothMap(Pole), &cube(3.0, 1), &plan);
    assert!(!search.complete, "the pole at zero cannot be excluded");
    assert!(search.undecided.iter().any(|z| z[0].contains(0.0)));
    assert_eq!(search.found.len(), 1, "x = 1/x at −1");
    let nonsense = certified_fixed_points(&SmoothMap(Pole), &[Interval::ENTIRE], &plan);
    assert!(!nonsense.complete && nonsense.found.is_empty() && nonsense.undecided.len() == 1);
    assert!(!certified_fixed_points(&SmoothMap(Pole), &[], &plan).complete);
    assert!(certify(&SmoothMap(Pole), &[f64::NAN]).is_none());
    assert!(certify(&SmoothMap(Pole), &[2.0]).is_none());
}

/// `z′ = a z + V tanh(U z) + h` is bounded by its last layer where `a ≠ 1`: the box of a low-rank network follows from its weights.
#[test]
fn a_low_rank_network_bounds_its_fixed_points() {
    let network = |a: f64| {
        let (v, u) = (DMatrix::from_element(1, 1, 1.0), DMatrix::from_element(1, 1, 2.0));
        SmoothMap(Mlp::low_rank(vec![a], v, u, vec![0.0], vec![0.25], Activation::Tanh).unwrap())
    };
    let bounds = network(0.5).bounds().unwrap();
    assert!(bounds[0].lo() <= -1.5 && bounds[0].hi() >= 2.5 && bounds[0].width() < 4.1);
    let search = certified_fixed_points(&network(0.5), &bounds, &BoxPlan::default());
    assert!(search.complete);
    assert_eq!(search.found.len(), 3);
    assert!(network(1.0).bounds().is_none());
}
