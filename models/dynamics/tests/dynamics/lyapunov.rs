use nalgebra::DMatrix;
use nullcline_dynamics::{
    LyapunovError, LyapunovPlan, Map, kaplan_yorke_dimension, lyapunov_exponents, lyapunov_spectrum,
};

use crate::systems::*;

/// Known for decades: 0.419 and −1.623, which sum to `ln b` exactly, and a dimension of 1.258.
#[test]
fn henon_exponents_are_the_published_ones() {
    let henon = Henon { a: 1.4, b: 0.3 };
    let exponents = lyapunov_exponents(&henon, &[0.1, 0.1], &measuring(100_000, 2)).unwrap();
    assert_close(exponents[0], 0.419_2, 3e-3);
    assert_close(exponents[0] + exponents[1], 0.3_f64.ln(), 1e-9);
    assert_close(kaplan_yorke_dimension(&exponents).unwrap(), 1.258, 3e-3);
    let one = lyapunov_exponents(&henon, &[0.1, 0.1], &measuring(100_000, 1)).unwrap();
    assert_close(one[0], exponents[0], 1e-3);
}

#[test]
fn logistic_map_doubles_differences_at_four() {
    let spectrum = lyapunov_spectrum(&Logistic { r: 4.0 }, &[0.123], &measuring(200_000, 1)).unwrap();
    assert_close(spectrum.exponents[0], std::f64::consts::LN_2, 1e-3);
    assert_close(spectrum.halves[0][0], spectrum.halves[1][0], 1e-2);
}

/// A linear map has the logarithms of the moduli of its eigenvalues, in any basis.
#[test]
fn linear_exponents_are_logarithms_of_moduli() {
    let basis = DMatrix::from_row_slice(2, 2, &[1.0, 0.4, -0.3, 1.0]);
    let diagonal = DMatrix::from_row_slice(2, 2, &[1.1, 0.0, 0.0, 0.8]);
    let linear = Linear(&basis * diagonal * basis.clone().try_inverse().unwrap());
    let plan = LyapunovPlan { transient: 0, ..measuring(5000, 2) };
    let exponents = lyapunov_exponents(&linear, &[0.0, 0.0], &plan).unwrap();
    assert_close(exponents[0], 1.1_f64.ln(), 1e-3);
    assert_close(exponents[1], 0.8_f64.ln(), 1e-3);
    let spiral = lyapunov_exponents(&rotation(0.7, 0.9), &[1.0, 0.0], &plan).unwrap();
    assert_close(spiral[0], 0.9_f64.ln(), 1e-9);
    assert_close(spiral[1], 0.9_f64.ln(), 1e-9);
}

#[test]
fn renormalising_less_often_changes_nothing() {
    let henon = Henon { a: 1.4, b: 0.3 };
    let often = lyapunov_exponents(&henon, &[0.1, 0.1], &measuring(20_000, 2)).unwrap();
    let plan = LyapunovPlan { renormalise_every: 7, ..measuring(20_000, 2) };
    let seldom = lyapunov_exponents(&henon, &[0.1, 0.1], &plan).unwrap();
    assert_close(often[0], seldom[0], 1e-6);
    assert_close(often[1], seldom[1], 1e-6);
}

/// Derivatives of zero destroy a direction in one step: `−∞`, not NaN, and the others are unharmed.
#[test]
fn superstable_directions_have_minus_infinity() {
    let half_dead = Linear(DMatrix::from_row_slice(3, 3, &[0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]));
    let exponents = lyapunov_exponents(&half_dead, &[1.0, 1.0, 1.0], &measuring(1000, 3)).unwrap();
    assert_close(exponents[0], 0.5_f64.ln(), 2e-3);
    assert_close(exponents[1], 0.25_f64.ln(), 2e-3);
    assert_eq!(exponents[2], f64::NEG_INFINITY);
    let dead = lyapunov_exponents(&Linear(DMatrix::zeros(2, 2)), &[1.0, 1.0], &measuring(10, 2)).unwrap();
    assert_eq!(dead, [f64::NEG_INFINITY; 2]);
}

#[test]
fn questions_without_an_answer_are_errors() {
    let exploding = Linear(DMatrix::from_element(1, 1, 10.0));
    let plan = measuring(100, 1);
    assert!(matches!(lyapunov_exponents(&exploding, &[1.0], &plan), Err(LyapunovError::Diverged { .. })));
    assert!(matches!(lyapunov_exponents(&exploding, &[f64::NAN], &plan), Err(LyapunovError::InvalidStart { .. })));
    assert!(matches!(lyapunov_exponents(&exploding, &[1.0, 2.0], &plan), Err(LyapunovError::InvalidStart { .. })));
    assert!(matches!(lyapunov_exponents(&exploding, &[0.0], &measuring(0, 1)), Err(LyapunovError::EmptyPlan)));
    let rarely = LyapunovPlan { renormalise_every: 1000, ..measuring(20_000, 1) };
    assert!(matches!(lyapunov_exponents(&exploding, &[0.0], &rarely), Err(LyapunovError::TangentOverflow { .. })));
}

/// What is known exactly lies within four standard errors, which are neither zero nor so wide that this says nothing.
#[test]
fn standard_errors_cover_the_truth() {
    let logistic = lyapunov_spectrum(&Logistic { r: 4.0 }, &[0.123], &measuring(50_000, 1)).unwrap();
    assert!(logistic.standard_errors[0] > 1e-5 && logistic.standard_errors[0] < 1e-2);
    assert_close(logistic.exponents[0], std::f64::consts::LN_2, 4.0 * logistic.standard_errors[0]);
    let henon = lyapunov_spectrum(&Henon { a: 1.4, b: 0.3 }, &[0.1, 0.1], &measuring(50_000, 2)).unwrap();
    assert_close(henon.exponents[0], 0.419_22, 4.0 * henon.standard_errors[0]);
    let dimension = henon.kaplan_yorke.unwrap();
    assert_close(dimension.value, 1.258_3, 4.0 * dimension.standard_error);
    assert!(dimension.standard_error > 1e-5 && dimension.standard_error < 1e-2);
    // Regular motion has nothing to average.
    let rotation = lyapunov_spectrum(&rotation(1.0, 1.0), &[1.0, 0.0], &measuring(5000, 2)).unwrap();
    assert!(rotation.standard_errors.iter().all(|&error| error < 1e-12));
}

/// Exponents are those of the map, not of the coordinates: `z = B y` changes a growth by a constant, and its rate not at all.
#[test]
fn exponents_survive_a_change_of_basis() {
    for seed in 0..8 {
        let map = random_clipped(seed, 4, 12);
        let basis = matrix(&mut rng(seed), 4, 4, 0.3) + DMatrix::identity(4, 4);
        let elsewhere = InBasis { map: &map, inverse: basis.clone().try_inverse().unwrap(), basis };
        let settled = map.iterate(&[0.1; 4], 5000);
        let moved = elsewhere.moved_here(&settled);
        let plan = LyapunovPlan { transient: 0, ..measuring(4000, 4) };
        let here = lyapunov_exponents(&map, &settled, &plan).unwrap();
        let there = lyapunov_exponents(&elsewhere, &moved, &plan).unwrap();
        // A chaotic orbit parts from its image: only the averages agree.
        let tolerance = if here[0] > 1e-3 { 0.05 } else { 5e-3 };
        here.iter().zip(&there).filter(|(a, _)| **a > -3.0).for_each(|(a, b)| assert_close(*a, *b, tolerance));
    }
}

#[test]
fn kaplan_yorke_needs_a_negative_sum() {
    assert_eq!(kaplan_yorke_dimension(&[-1.0, -2.0]), Some(0.0));
    assert_eq!(kaplan_yorke_dimension(&[0.5]), None);
    assert_eq!(kaplan_yorke_dimension(&[0.5, f64::NEG_INFINITY]), Some(1.0));
    assert_close(kaplan_yorke_dimension(&[0.9, 0.0, -14.57]).unwrap(), 2.062, 1e-3);
}
