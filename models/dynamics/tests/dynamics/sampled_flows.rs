//! Flows seen through a step of fixed length: limit cycles, chaos and points side by side.

use nullcline_dynamics::{
    AttractorKind, AttractorPlan, AttractorSearch, Map, central_difference_jacobian, find_attractors,
};
use rand::RngExt;

use crate::systems::*;

/// One step of length `h` of `ż = f(z)` by the classical Runge–Kutta rule.
struct Step<F> {
    dim: usize,
    h: f64,
    field: F,
}

impl<F: Fn(&[f64], &mut [f64]) + Send + Sync> Map for Step<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        let dim = z.len();
        let (mut shifted, mut slope) = ([0.0; 4], [0.0; 4]);
        next.copy_from_slice(z);
        for (share, weight) in [(0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0)] {
            (0..dim).for_each(|i| shifted[i] = z[i] + share * self.h * slope[i]);
            (self.field)(&shifted[..dim], &mut slope[..dim]);
            (0..dim).for_each(|i| next[i] += self.h / 6.0 * weight * slope[i]);
        }
    }
    fn jacobian(&self, z: &[f64]) -> nalgebra::DMatrix<f64> {
        central_difference_jacobian(self.dim, |z, next| self.step(z, next), z)
    }
    fn flow_time_per_step(&self) -> Option<f64> {
        Some(self.h)
    }
}

fn plan(transient: usize, steps: usize) -> AttractorPlan {
    AttractorPlan { transient, steps, divergence_bound: 1e4, n_exponents: 3, ..following() }
}

fn shares(search: &AttractorSearch, wanted: AttractorKind) -> Vec<f64> {
    search.attractors.iter().filter(|a| a.kind == wanted).map(|a| a.basin.share()).collect()
}

/// A share of `n` starts is within four standard errors.
#[track_caller]
fn check_share(found: f64, expected: f64, n: usize) {
    assert_close(found, expected, 4.0 * (expected * (1.0 - expected) / n as f64).sqrt());
}

fn box_starts(seed: u64, n: usize, reaches: &[f64]) -> Vec<Vec<f64>> {
    let mut rng = rng(seed);
    (0..n).map(|_| reaches.iter().map(|&r| if r > 0.0 { rng.random_range(-r..r) } else { 0.0 }).collect()).collect()
}

/// Period 6.663 286 859 3 and one zero exponent, however the step divides it.
#[test]
fn van_der_pol_has_one_limit_cycle() {
    for h in [0.05, 0.0717] {
        let flow = Step {
            dim: 2,
            h,
            field: |z: &[f64], s: &mut [f64]| {
                (s[0], s[1]) = (z[1], (1.0 - z[0] * z[0]) * z[1] - z[0]);
            },
        };
        let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(2, 20, &[3.0, 3.0]), &plan(500, 1000));
        assert_eq!(shares(&search, AttractorKind::LimitCycle), [1.0], "{search:?}");
        let cycle = &search.attractors[0];
        // The rule of integration itself is off by a few parts in a million.
        assert_close(cycle.period_steps.unwrap() * h, 6.663_286_859_3, 5e-5);
        assert_close(cycle.lyapunov[0], 0.0, 1e-4);
        // The other exponent is the mean divergence, −1.0587 per unit of time.
        assert_close(cycle.lyapunov[1] / h, -1.059, 5e-3);
    }
}

/// `ṙ = r − r³, θ̇ = 1 + r²`: period π, exponents 0 and −2; a step of π/40 repeats exactly and is a cycle of the flow all the same.
#[test]
fn stuart_landau_turns_in_pi() {
    for h in [0.07, std::f64::consts::PI / 40.0] {
        let flow = Step {
            dim: 2,
            h,
            field: |z: &[f64], s: &mut [f64]| {
                let r2 = z[0] * z[0] + z[1] * z[1];
                (s[0], s[1]) = (z[0] * (1.0 - r2) - z[1] * (1.0 + r2), z[1] * (1.0 - r2) + z[0] * (1.0 + r2));
            },
        };
        let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(3, 10, &[2.0, 2.0]), &plan(500, 1000));
        assert_eq!(shares(&search, AttractorKind::LimitCycle), [1.0], "{search:?}");
        assert_close(search.attractors[0].period_steps.unwrap() * h, std::f64::consts::PI, 1e-4);
        assert_close(search.attractors[0].lyapunov[1] / h, -2.0, 1e-2);
    }
}

/// Thomas' cyclic system at b = 0.1665: three cycles, images of each other, of period 37.228; on the plane z = 0 they take
/// 0.262, 0.461 and 0.277 of the square (by the axis of largest amplitude, 4000 starts).
#[test]
fn thomas_has_three_cycles() {
    let flow = Step {
        dim: 3,
        h: 0.1,
        field: |z: &[f64], s: &mut [f64]| {
            let b = 0.1665;
            (s[0], s[1], s[2]) = (z[1].sin() - b * z[0], z[2].sin() - b * z[1], z[0].sin() - b * z[2]);
        },
    };
    let n = 250;
    let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(4, n, &[6.0, 6.0, 0.0]), &plan(4000, 2000));
    let cycles = shares(&search, AttractorKind::LimitCycle);
    assert_eq!((cycles.len(), search.attractors.len(), search.undecided.count), (3, 3, 0), "{:?}", search.attractors);
    for cycle in &search.attractors {
        assert_close(cycle.period_steps.unwrap() * 0.1, 37.227_936, 1e-3);
        let amplitude = |axis: usize| cycle.sample.iter().map(|z| z[axis].abs()).fold(0.0, f64::max);
        let widest = (0..3).max_by(|&i, &j| amplitude(i).total_cmp(&amplitude(j))).unwrap();
        check_share(cycle.basin.share(), [0.261_75, 0.461_25, 0.277][widest], n);
    }
}

/// A point, a cycle and chaos, interlaced: 0.635, 0.188 and 0.177 of the box.
#[test]
fn lorenz84_keeps_three_kinds_apart() {
    let flow = Step {
        dim: 3,
        h: 0.05,
        field: |z: &[f64], s: &mut [f64]| {
            let (f, g, a, b) = (6.886, 1.347, 0.255, 4.0);
            s[0] = -z[1] * z[1] - z[2] * z[2] - a * z[0] + a * f;
            s[1] = z[0] * z[1] - z[1] - b * z[0] * z[2] + g;
            s[2] = b * z[0] * z[1] + z[0] * z[2] - z[2];
        },
    };
    let n = 300;
    let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(5, n, &[3.0, 3.0, 3.0]), &plan(4000, 4000));
    assert_eq!(
        search.attractors.len(),
        3,
        "{:?}",
        search.attractors.iter().map(|a| (a.kind, a.basin, &a.lyapunov)).collect::<Vec<_>>()
    );
    check_share(shares(&search, AttractorKind::FixedPoint)[0], 0.635, n);
    check_share(shares(&search, AttractorKind::LimitCycle)[0], 0.18, n);
    check_share(shares(&search, AttractorKind::Chaotic)[0], 0.18, n);
}

/// A limit cycle of period 4.6542 beside chaos: 0.373 and 0.627 of the box (600 starts, so ± 0.02 themselves).
#[test]
fn the_modified_lorenz_system_has_a_cycle_beside_chaos() {
    let flow = Step {
        dim: 3,
        h: 0.02,
        field: |z: &[f64], s: &mut [f64]| {
            (s[0], s[1], s[2]) = (z[1] - z[0], -z[0] * z[2] + 0.1 * z[2].abs(), z[0] * z[1] - 5.0);
        },
    };
    let n = 120;
    let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(6, n, &[10.0, 15.0, 15.0]), &plan(10_000, 5000));
    let (cycle, chaos) = (shares(&search, AttractorKind::LimitCycle), shares(&search, AttractorKind::Chaotic));
    assert_eq!(
        (cycle.len(), chaos.len()),
        (1, 1),
        "{:?}",
        search.attractors.iter().map(|a| (a.kind, a.basin, &a.lyapunov, a.period_steps)).collect::<Vec<_>>()
    );
    check_share(cycle[0], 0.38, n);
    let found = search.attractors.iter().find(|a| a.kind == AttractorKind::LimitCycle).unwrap();
    assert_close(found.period_steps.unwrap() * 0.02, 4.654_204, 1e-3);
}

/// A pendulum over three magnets: a third of the starts each (converged 0.332, 0.329, 0.338).
#[test]
fn a_pendulum_rests_over_one_of_three_magnets() {
    let magnets: Vec<[f64; 2]> =
        (0..3).map(|k| (2.0 * std::f64::consts::PI * f64::from(k) / 3.0).sin_cos()).map(|(y, x)| [x, y]).collect();
    let flow = Step {
        dim: 4,
        h: 0.05,
        field: move |z: &[f64], s: &mut [f64]| {
            let (gamma, height, alpha, omega) = (1.0, 0.3, 0.2, 0.5);
            let mut pull = [0.0; 2];
            for magnet in &magnets {
                let (dx, dy) = (z[0] - magnet[0], z[1] - magnet[1]);
                let cubed = (dx * dx + dy * dy + height * height).powf(1.5);
                pull = [pull[0] - gamma * dx / cubed, pull[1] - gamma * dy / cubed];
            }
            (s[0], s[1]) = (z[2], z[3]);
            s[2] = pull[0] - omega * omega * z[0] - alpha * z[2];
            s[3] = pull[1] - omega * omega * z[1] - alpha * z[3];
        },
    };
    let n = 400;
    let search = find_attractors(&mut rng(1), &flow, &[], &box_starts(7, n, &[2.0, 2.0, 0.0, 0.0]), &plan(1500, 500));
    assert_eq!(search.undecided.count, 0);
    let found = shares(&search, AttractorKind::FixedPoint);
    assert_eq!((found.len(), search.attractors.len()), (3, 3), "{found:?}");
    found.iter().for_each(|&share| check_share(share, 1.0 / 3.0, n));
}
