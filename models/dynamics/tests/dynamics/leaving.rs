//! Orbits that stay for long and yet not for ever, and orbits that go far and yet come back.

use nalgebra::DMatrix;
use nullcline_dynamics::{AttractorKind, End, Gru, PiecewiseLinearMap, SmoothMap, find_attractors};

use crate::systems::*;

/// A state of a GRU is a mean of numbers between −1 and 1 and of what it was: outside there is no attractor, however slowly its gate lets it in.
#[test]
fn a_gru_attracts_nothing_outside_its_bounds() {
    let weights = [-0.65, 1.43, -18.27, -12.04, -13.77, -1.75, 6.44, -9.04, -15.03, -6.1, -1.03, -7.19];
    let weight_hh = DMatrix::from_row_slice(6, 2, &weights);
    let bias = [1.08, -0.7, -1.56, -1.77, 1.8, 1.63];
    let map = SmoothMap(Gru::from_pytorch(&DMatrix::zeros(6, 0), &weight_hh, &[0.0; 6], &bias, &[]).unwrap());
    let starts = uniform_starts(&mut rng(1), 60, 2, 3.0);
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    assert!(!search.attractors.is_empty());
    for attractor in &search.attractors {
        assert!(attractor.sample.iter().flatten().all(|x| x.abs() <= 1.0 + 1e-5), "{:?}", attractor.center);
    }
    assert_eq!(search.diverged.count, 0);
}

/// Chaos of this network lasts for some 40,000 steps and ends on a cycle of two: with an orbit's own patience it passed for an attractor.
#[test]
fn a_chaotic_transient_is_no_attractor() {
    let w1 = [
        0.3752670921248235,
        -1.1652717769779048,
        -0.07659480438020794,
        0.3223653536698165,
        -0.6987605776435486,
        -0.33039514098629497,
        1.0571162751054084,
        1.356067201438767,
        -0.4594416474158751,
        -0.22235599510226264,
    ];
    let w2 = [
        -0.040458192657642354,
        -0.003959374755109175,
        1.2098467757080111,
        -1.5652652723778435,
        0.167891043211609,
        -1.3141544836214025,
        0.5715033503077628,
        -0.5458535691582083,
        2.0008242091127877,
        -0.5499551662156155,
    ];
    let map = PiecewiseLinearMap::shallow(
        &[0.613603039623199, -0.48501153943190656],
        &DMatrix::from_row_slice(2, 5, &w1),
        &DMatrix::from_row_slice(5, 2, &w2),
        &[0.8110145286747374, 1.001756672347852],
        &[-1.6678117755941684, -0.21116130258932012, -1.1027359999122, 3.0352551144040727, -2.714254929656729],
    );
    let starts = uniform_starts(&mut rng(1), 40, 2, 2.0);
    let search = find_attractors(&mut rng(1), &map.unwrap(), &[], &starts, &following());
    let kinds: Vec<AttractorKind> = search.attractors.iter().map(|attractor| attractor.kind).collect();
    assert_eq!(kinds, [AttractorKind::Cycle { period: 2 }]);
}

/// `x′ = x/2 + 10⁸ relu(y), y′ = y/2 − 1` throws half of all states out to 10⁸, and all come to rest at (0, −2).
#[test]
fn what_comes_back_from_far_has_not_diverged() {
    let w = DMatrix::from_row_slice(2, 2, &[0.0, 1e8, 0.0, 0.0]);
    let map = PiecewiseLinearMap::piecewise_linear(&[0.5, 0.5], &w, &[0.0, -1.0]).unwrap();
    let starts = uniform_starts(&mut rng(1), 40, 2, 2.0);
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    assert_eq!((search.attractors.len(), search.diverged.count), (1, 0));
    assert_eq!(search.attractors[0].basin.count, 40);
    // What grows slowly diverges all the same.
    let slow = PiecewiseLinearMap::piecewise_linear(&[1.002, 0.5], &DMatrix::zeros(2, 2), &[0.0, 0.0]).unwrap();
    let search = find_attractors(&mut rng(1), &slow, &[], &starts, &following());
    assert_eq!(search.diverged.count, 40);
}

/// `x′ = x/2, y′ = 2y`: who starts on the x-axis comes to rest at the saddle, and only a push leads away from it.
#[test]
fn what_only_a_push_drives_away_has_not_diverged() {
    let map = Linear(DMatrix::from_row_slice(2, 2, &[0.5, 0.0, 0.0, 2.0]));
    let starts = [vec![1.0, 0.0], vec![-0.3, 0.0], vec![1.0, 1e-12]];
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &following());
    assert_eq!(search.ends, [End::Undecided, End::Undecided, End::Diverged]);
}
