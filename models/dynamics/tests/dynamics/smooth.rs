//! Formulas, their derivatives and their proven ranges.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    Activation, CurrentRnn, Dual, Enclosed, EulerStep, Formula, Gru, Interval, Layer, Map, Mlp, Number, Relaxation,
    SmoothMap, TanhRnn, central_difference_jacobian,
};
use proptest::prelude::*;
use rand::RngExt;

use crate::systems::*;

fn random_gru(seed: u64, dim: usize) -> Gru {
    let rng = &mut rng(seed);
    let (ih, hh) = (matrix(rng, 3 * dim, 2, 1.0), matrix(rng, 3 * dim, dim, 1.5));
    Gru::from_pytorch(&ih, &hh, &vector(rng, 3 * dim, 0.5), &vector(rng, 3 * dim, 0.5), &[0.3, -0.2]).unwrap()
}

fn random_mlp(seed: u64, dim: usize, activation: Activation) -> Mlp {
    let rng = &mut rng(seed);
    let layer =
        |rng: &mut _, rows, columns| Layer { weights: matrix(rng, rows, columns, 1.0), bias: vector(rng, rows, 0.5) };
    let layers = vec![layer(rng, 6, dim), layer(rng, 5, 6), layer(rng, dim, 5)];
    Mlp::new(vector(rng, dim, 0.5), layers, activation).unwrap()
}

/// PyTorch's equations, written gate by gate.
#[test]
fn a_gru_computes_the_equations_of_pytorch() {
    let dim = 3;
    let rng = &mut rng(4);
    let (ih, hh) = (matrix(rng, 9, 2, 1.0), matrix(rng, 9, dim, 1.0));
    let (b_ih, b_hh, x, h) = (vector(rng, 9, 1.0), vector(rng, 9, 1.0), vector(rng, 2, 1.0), vector(rng, dim, 1.0));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let input = |row: usize| (0..2).map(|k| ih[(row, k)] * x[k]).sum::<f64>() + b_ih[row];
    let recurrent = |row: usize| (0..dim).map(|k| hh[(row, k)] * h[k]).sum::<f64>() + b_hh[row];
    let gru = SmoothMap(Gru::from_pytorch(&ih, &hh, &b_ih, &b_hh, &x).unwrap());
    let mut next = vec![0.0; dim];
    gru.step(&h, &mut next);
    for i in 0..dim {
        let r = sigmoid(input(i) + recurrent(i));
        let z = sigmoid(input(dim + i) + recurrent(dim + i));
        let n = (input(2 * dim + i) + r * recurrent(2 * dim + i)).tanh();
        assert_close(next[i], (1.0 - z) * n + z * h[i], 1e-14);
    }
}

/// Derivatives written out, derivatives by duals and differences of the map agree.
#[test]
fn derivatives_agree_by_three_routes() {
    fn check<F: Formula>(formula: F, seed: u64) {
        let dim = formula.dim();
        let z = vector(&mut rng(seed), dim, 1.0);
        let map = SmoothMap(formula);
        let written = map.jacobian(&z);
        let differences = central_difference_jacobian(dim, |z, next| map.step(z, next), &z);
        assert!((&written - differences).amax() < 1e-8, "{written}");
        for column in 0..dim {
            let argument: Vec<Dual<f64>> =
                (0..dim).map(|i| Dual { value: z[i], slope: if i == column { 1.0 } else { 0.0 } }).collect();
            let mut value = argument.clone();
            map.0.evaluate(&argument, &mut value);
            for row in 0..dim {
                assert_close(value[row].slope, written[(row, column)], 1e-13);
            }
        }
        let rest = central_difference_jacobian(dim, |z, g| map.residual(z, g), &z);
        assert!((map.slope(&z) - rest).amax() < 1e-8);
    }
    for seed in 0..10 {
        let rng = &mut rng(seed + 50);
        check(random_gru(seed, 4), seed);
        check(random_mlp(seed, 3, Activation::Tanh), seed);
        check(random_mlp(seed, 3, Activation::Sigmoid), seed);
        check(EulerStep { velocity: random_mlp(seed, 3, Activation::Tanh), time_step: 0.1 }, seed);
        check(TanhRnn::new(matrix(rng, 4, 4, 1.0), vector(rng, 4, 1.0), 0.3).unwrap(), seed);
        check(CurrentRnn::new(matrix(rng, 4, 4, 1.0), vector(rng, 4, 1.0), 0.3).unwrap(), seed);
        let target = CurrentRnn::new(matrix(rng, 2, 2, 1.0), vector(rng, 2, 1.0), 1.0).unwrap();
        check(Relaxation { target, time_constant: 0.2 }, seed);
    }
}

/// Ranges over a box hold the values and derivatives at every point of it.
#[test]
fn ranges_hold_what_they_enclose() {
    fn check<F: Formula>(formula: F, seed: u64) {
        let dim = formula.dim();
        let rng = &mut rng(seed);
        let map = SmoothMap(formula);
        let z: Vec<Interval> =
            (0..dim).map(|_| Interval::around(rng.random_range(-1.5..1.5), rng.random_range(0.0..0.5))).collect();
        let mut range = z.clone();
        map.enclose_residual(&z, &mut range);
        let slopes = map.enclose_slope(&z);
        for _ in 0..50 {
            let point: Vec<f64> = z.iter().map(|side| rng.random_range(side.lo()..=side.hi())).collect();
            let mut value = vec![0.0; dim];
            map.residual(&point, &mut value);
            // The value itself is rounded.
            assert!(range.iter().zip(&value).all(|(range, v)| (*range + Interval::around(0.0, 1e-14)).contains(*v)));
            let slope = map.slope(&point);
            assert!(
                slopes.iter().zip(slope.iter()).all(|(range, v)| (*range + Interval::around(0.0, 1e-13)).contains(*v))
            );
        }
    }
    for seed in 0..30 {
        check(random_gru(seed, 3), seed);
        check(random_mlp(seed, 3, Activation::Tanh), seed);
        check(random_mlp(seed, 3, Activation::Sigmoid), seed);
        check(random_mlp(seed, 3, Activation::Relu), seed);
    }
}

/// The formula of a test: one of each operation.
struct Everything;

impl Formula for Everything {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let one = N::from_f64(1.0);
        value[0] = (z[0].sin() * z[1].cos() + z[0].square().exp().recip()) * 0.7 - z[1].abs();
        value[1] = (z[0] * z[1]).tanh() - (z[0] - one).sigmoid() + (-z[1]).relu() * z[0];
    }
}

#[test]
fn duals_differentiate_every_operation() {
    let map = SmoothMap(Everything);
    for seed in 0..50 {
        let z = vector(&mut rng(seed), 2, 2.0);
        let differences = central_difference_jacobian(2, |z, next| map.step(z, next), &z);
        assert!((map.jacobian(&z) - differences).amax() < 1e-7, "{z:?}");
    }
}

proptest! {
    /// What two members give lies in what the intervals give.
    #[test]
    fn interval_operations_enclose(a in -1e3..1e3f64, b in -1e3..1e3f64, c in -1e3..1e3f64, d in -1e3..1e3f64, s in 0.0..=1.0f64, t in 0.0..=1.0f64) {
        let (x, y) = (Interval::new(a, b), Interval::new(c, d));
        let u = (x.lo() + s * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
        let v = (y.lo() + t * (y.hi() - y.lo())).clamp(y.lo(), y.hi());
        prop_assert!((x + y).contains(u + v) && (x - y).contains(u - v) && (x * y).contains(u * v));
        prop_assert!((x / y).contains(u / v) && (-x).contains(-u) && (x * c).contains(u * c));
        prop_assert!(x.square().contains(u * u) && x.square().lo() >= 0.0);
        let near = |range: Interval, value: f64| (range + Interval::around(0.0, 4e-16 * value.abs().max(1e-300))).contains(value);
        prop_assert!(near(x.tanh(), u.tanh()) && near(x.sigmoid(), 1.0 / (1.0 + (-u).exp())));
        prop_assert!(near(x.sin(), u.sin()) && near(x.cos(), u.cos()));
        prop_assert!(x.hull(y).contains(u) && x.hull(y).contains(v));
        prop_assert_eq!(x.intersect(y).is_some(), x.lo().max(y.lo()) <= x.hi().min(y.hi()));
    }
}

#[test]
fn what_is_no_network_is_refused_with_a_reason() {
    let said = |error: nullcline_dynamics::MapError| error.to_string();
    let w = |rows, columns| DMatrix::<f64>::zeros(rows, columns);
    assert_eq!(said(TanhRnn::new(w(2, 3), vec![0.0; 2], 1.0).unwrap_err()), "W must be 2 × 2, found 2 × 3");
    assert_eq!(
        said(TanhRnn::new(w(0, 0), vec![], 1.0).unwrap_err()),
        "a map needs at least one latent dimension, found W empty"
    );
    assert_eq!(said(TanhRnn::new(w(1, 1), vec![f64::NAN], 1.0).unwrap_err()), "b holds a value that is not finite");
    assert!(said(TanhRnn::new(w(1, 1), vec![0.0], f64::NAN).unwrap_err()).contains("leak"));
    let gru = |hh, bias: usize| Gru::from_pytorch(&w(6, 1), &hh, &vec![0.0; bias], &vec![0.0; bias], &[0.0]);
    assert_eq!(said(gru(w(5, 2), 6).unwrap_err()), "weight_hh must be 6 × 2, found 5 × 2");
    assert_eq!(said(gru(w(6, 2), 5).unwrap_err()), "bias_ih must be of length 6, found 5");
    assert!(gru(w(6, 2), 6).is_ok());
}

/// `x / (1 − e⁻ˣ)`: by three routes across its removable pole, its series and its tails.
#[test]
fn the_threshold_linear_rate_has_no_pole() {
    for i in -4000..4000 {
        let x = f64::from(i) * 0.005;
        let exact = if x == 0.0 { 1.0 } else { x / (1.0 - (-x).exp()) };
        assert_close(x.over_one_minus_exp(), exact, 1e-11 * (1.0 + exact));
        let step = 1e-4;
        let slope = ((x + step).over_one_minus_exp() - (x - step).over_one_minus_exp()) / (2.0 * step);
        assert_close(x.over_one_minus_exp_slope(), slope, 1e-8);
        let range = Interval::point(x);
        assert!(
            (range.over_one_minus_exp() + Interval::around(0.0, 1e-14 * (1.0 + x.abs())))
                .contains(x.over_one_minus_exp())
        );
        assert!(range.over_one_minus_exp().width() < 1e-11);
        assert!(
            (range.over_one_minus_exp_slope() + Interval::around(0.0, 1e-11)).contains(x.over_one_minus_exp_slope())
        );
    }
    assert_eq!((-800.0_f64).over_one_minus_exp(), 0.0);
    assert!(Interval::new(-1e4, 1.0).over_one_minus_exp().is_finite());
}
