use nalgebra::DMatrix;
use nullcline_dynamics::{Map, MapError, PiecewiseLinearMap};

use crate::systems::*;

fn relu(x: f64) -> f64 {
    x.max(0.0)
}

#[track_caller]
fn check_step(map: &PiecewiseLinearMap, z: &[f64], expected: &[f64]) {
    let mut next = vec![0.0; z.len()];
    map.step(z, &mut next);
    for (found, expected) in next.iter().zip(expected) {
        assert_close(*found, *expected, 1e-12);
    }
    let (jacobian, offset) = map.affine_in(&map.pattern_at(z));
    let affine = jacobian * nalgebra::DVector::from_column_slice(z) + offset;
    for (found, expected) in affine.iter().zip(expected) {
        assert_close(*found, *expected, 1e-12);
    }
}

/// Each family against its equation, written out.
#[test]
fn each_family_computes_its_equation() {
    for seed in 0..30 {
        let mut rng = rng(seed);
        let (dim, hidden) = (1 + seed as usize % 5, seed as usize % 11);
        let (a, z) = (vector(&mut rng, dim, 1.0), vector(&mut rng, dim, 2.0));
        let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
        let (h1, h2, w) = (vector(&mut rng, dim, 1.0), vector(&mut rng, hidden, 1.0), matrix(&mut rng, dim, dim, 1.0));
        let drive = |k: usize| (0..dim).map(|j| w2[(k, j)] * z[j]).sum::<f64>();
        let sum = |unit: &dyn Fn(usize) -> f64, weights: &DMatrix<f64>, i: usize| -> f64 {
            (0..weights.ncols()).map(|k| weights[(i, k)] * unit(k)).sum()
        };
        let expect = |unit: &dyn Fn(usize) -> f64, weights: &DMatrix<f64>| -> Vec<f64> {
            (0..dim).map(|i| a[i] * z[i] + sum(unit, weights, i) + h1[i]).collect()
        };
        let shallow = PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap();
        check_step(&shallow, &z, &expect(&|k| relu(drive(k) + h2[k]), &w1));
        let clipped = PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).unwrap();
        check_step(&clipped, &z, &expect(&|k| relu(drive(k) + h2[k]) - relu(drive(k)), &w1));
        let plrnn = PiecewiseLinearMap::piecewise_linear(&a, &w, &h1).unwrap();
        check_step(&plrnn, &z, &expect(&|k| relu(z[k]), &w));
        let n_relu = seed as usize % (dim + 1);
        let alrnn = PiecewiseLinearMap::almost_linear(&a, &w, &h1, n_relu).unwrap();
        check_step(&alrnn, &z, &expect(&|k| if k >= dim - n_relu { relu(z[k]) } else { z[k] }, &w));
        let low_rank = PiecewiseLinearMap::low_rank(&a, &w1, &w2, &h2).unwrap();
        let mut undriven = expect(&|k| relu(drive(k) + h2[k]), &w1);
        undriven.iter_mut().zip(&h1).for_each(|(x, h)| *x -= h);
        check_step(&low_rank, &z, &undriven);
        let (c, s) = (matrix(&mut rng, dim, 3, 1.0), vector(&mut rng, 3, 1.0));
        let mut held = undriven;
        held.iter_mut().enumerate().for_each(|(i, x)| *x += (0..3).map(|j| c[(i, j)] * s[j]).sum::<f64>());
        check_step(&low_rank.with_held_input(&c, &s).unwrap(), &z, &held);
        let driven = shallow.with_constant_input(&vec![0.25; dim]).unwrap();
        let mut shifted = expect(&|k| relu(drive(k) + h2[k]), &w1);
        shifted.iter_mut().for_each(|x| *x += 0.25);
        check_step(&driven, &z, &shifted);
    }
}

#[test]
fn weights_that_are_no_map_are_refused_with_a_reason() {
    let w = DMatrix::zeros(2, 2);
    let said = |result: Result<PiecewiseLinearMap, MapError>| result.unwrap_err().to_string();
    assert_eq!(
        said(PiecewiseLinearMap::piecewise_linear(&[], &DMatrix::zeros(0, 0), &[])),
        "a map needs at least one latent dimension, found A of length 0"
    );
    assert_eq!(said(PiecewiseLinearMap::piecewise_linear(&[0.1; 2], &w, &[0.0; 3])), "h must be of length 2, found 3");
    assert_eq!(
        said(PiecewiseLinearMap::shallow(&[0.1; 2], &w, &DMatrix::zeros(3, 2), &[0.0; 2], &[0.0; 3])),
        "W1 must be 2 × 3, found 2 × 2"
    );
    assert_eq!(
        said(PiecewiseLinearMap::shallow(&[f64::NAN, 0.1], &w, &w, &[0.0; 2], &[0.0; 2])),
        "A holds a value that is not finite"
    );
    assert!(matches!(
        PiecewiseLinearMap::almost_linear(&[0.1; 2], &w, &[0.0; 2], 3),
        Err(MapError::TooManyRelus { dim: 2, n_relu: 3 })
    ));
    let map = PiecewiseLinearMap::piecewise_linear(&[0.1; 2], &w, &[0.0; 2]).unwrap();
    assert_eq!(
        said(PiecewiseLinearMap::low_rank(&[0.1; 2], &w, &DMatrix::zeros(3, 2), &[0.0; 2])),
        "U must be 2 × 2, found 3 × 2"
    );
    let huge = DMatrix::from_element(2, 2, 1e200);
    assert_eq!(
        PiecewiseLinearMap::shallow(&[0.1; 2], &huge, &huge, &[0.0; 2], &[0.0; 2]).err(),
        Some(MapError::Overflow)
    );
    assert_eq!(said(map.with_held_input(&w, &[1.0])), "C must be 2 × 1, found 2 × 2");
    assert!(map.with_constant_input(&[1.0]).is_err());
    assert!(map.with_constant_input(&[1.0, f64::INFINITY]).is_err());
}
