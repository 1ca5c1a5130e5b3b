//! Flows: against closed forms, and limit cycles against published periods.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    FlowError, ForcedField, Formula, IntegrationPlan, LimitCycleError, LimitCyclePlan, Map, Number, Reversed,
    SmoothField, Stability, StroboscopicMap, TimeStepMap, VectorField, advance, advance_with_derivative,
    central_difference_jacobian, find_equilibria, find_fixed_points_smooth, find_limit_cycle, refine_limit_cycle,
    trajectory,
};

use crate::systems::*;

fn accurate() -> IntegrationPlan {
    IntegrationPlan { relative_tolerance: 1e-12, absolute_tolerance: 1e-14, max_steps: 100_000 }
}

/// `ṙ = μ r − r³`, `θ̇ = ω + b r²` in the plane.
struct StuartLandau {
    mu: f64,
    omega: f64,
    b: f64,
}

impl Formula for StuartLandau {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let r2 = z[0].square() + z[1].square();
        let growth = N::from_f64(self.mu) - r2;
        let turn = N::from_f64(self.omega) + r2 * self.b;
        value[0] = growth * z[0] - turn * z[1];
        value[1] = growth * z[1] + turn * z[0];
    }
}

/// `ẍ = μ (1 − x²) ẋ − x`.
struct VanDerPol {
    mu: f64,
}

impl Formula for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[1];
        value[1] = (N::from_f64(1.0) - z[0].square()) * z[1] * self.mu - z[0];
    }
}

/// `ż = A z`.
struct LinearField(DMatrix<f64>);

impl VectorField for LinearField {
    fn dim(&self) -> usize {
        self.0.nrows()
    }
    fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
        for (i, v) in velocity.iter_mut().enumerate() {
            *v = (0..z.len()).map(|j| self.0[(i, j)] * z[j]).sum();
        }
    }
    fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
        self.0.clone()
    }
}

/// `φ_t = e^{At}`: a damped rotation, forwards and backwards.
#[test]
fn a_linear_flow_is_its_matrix_exponential() {
    let field = LinearField(DMatrix::from_row_slice(2, 2, &[-0.1, -2.0, 2.0, -0.1]));
    for time in [3.0_f64, -1.5, 0.0] {
        let (end, derivative) = advance_with_derivative(&field, &[1.0, 0.5], time, &accurate()).unwrap();
        let (sin, cos) = (2.0 * time).sin_cos();
        let exact = DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]) * (-0.1 * time).exp();
        assert!((&derivative - &exact).amax() < 1e-10);
        assert_close(end[0], exact[(0, 0)] + 0.5 * exact[(0, 1)], 1e-10);
    }
    let samples = trajectory(&field, &[1.0, 0.0], 2.0, 8, &accurate()).unwrap();
    assert_eq!(samples.len(), 9);
    for (k, point) in samples.iter().enumerate() {
        let t = 0.25 * k as f64;
        assert_close(point[0], (2.0 * t).cos() * (-0.1 * t).exp(), 1e-11);
    }
}

/// The map over one step has the exponential of the eigenvalues as multipliers, and its derivative is that of differences.
#[test]
fn the_time_step_map_is_a_map() {
    let map = TimeStepMap { field: SmoothField(VanDerPol { mu: 1.0 }), time_step: 0.4, plan: accurate() };
    let z = [0.7, -1.2];
    let differences = central_difference_jacobian(2, |z, next| map.step(z, next), &z);
    assert!((map.jacobian(&z) - differences).amax() < 1e-7);
    let rest = find_fixed_points_smooth(&map, &[vec![0.3, 0.1]], &newton());
    let eigenvalue = nullcline_dynamics::Complex::new(0.5, 0.75_f64.sqrt());
    assert_close(
        (rest.found[0].multipliers[0] - (eigenvalue * 0.4).exp())
            .norm()
            .min((rest.found[0].multipliers[1] - (eigenvalue * 0.4).exp()).norm()),
        0.0,
        1e-9,
    );
    let frame = matrix(&mut rng(3), 2, 1, 1.0);
    let mut image = DMatrix::zeros(2, 1);
    map.push_forward(&z, frame.as_view(), &mut image);
    assert!((map.jacobian(&z) * frame - image).amax() < 1e-9);
}

/// `ẋ = −x + cos t` answers its drive with `(cos t + sin t)/2`, which the stroboscopic map sees as a fixed point of multiplier `e^{−2π}`.
#[test]
fn a_driven_system_is_seen_once_per_period() {
    struct Driven;
    impl ForcedField for Driven {
        fn dim(&self) -> usize {
            1
        }
        fn velocity(&self, t: f64, z: &[f64], velocity: &mut [f64]) {
            velocity[0] = -z[0] + t.cos();
        }
        fn jacobian(&self, _: f64, _: &[f64]) -> DMatrix<f64> {
            DMatrix::from_element(1, 1, -1.0)
        }
    }
    let tau = std::f64::consts::TAU;
    let map = StroboscopicMap { field: Driven, period: tau, start_time: 0.0, plan: accurate() };
    let search = find_fixed_points_smooth(&map, &[vec![3.0]], &newton());
    assert_close(search.found[0].location[0], 0.5, 1e-10);
    assert_close(search.found[0].multipliers[0].re, (-tau).exp(), 1e-10);
}

/// Radius `√μ`, period `2π/(ω + b μ)`, multiplier `e^{−2μT}`; the origin repels.
#[test]
fn stuart_landau_has_the_cycle_of_algebra() {
    let field = SmoothField(StuartLandau { mu: 1.0, omega: 1.0, b: 1.0 });
    let cycle = find_limit_cycle(&field, &[0.1, 0.0], &LimitCyclePlan::within(20.0, 10.0)).unwrap();
    assert_close(cycle.period, std::f64::consts::PI, 1e-11);
    assert_close(cycle.multipliers[0].re, (-2.0 * std::f64::consts::PI).exp(), 1e-11);
    assert_close(cycle.trivial_multiplier, 1.0, 1e-10);
    assert_eq!(cycle.stability, Stability::Stable);
    assert!(cycle.points.iter().all(|z| (z[0].hypot(z[1]) - 1.0).abs() < 1e-10));
    // Started at a multiple of the period, the answer is the minimal one.
    let again =
        refine_limit_cycle(&field, &cycle.points[0], 3.0 * cycle.period, &LimitCyclePlan::within(0.0, 10.0)).unwrap();
    assert_close(again.period, cycle.period, 1e-10);
    // The same orbit, backwards, repels.
    let reversed = refine_limit_cycle(&Reversed(field), &[1.02, 0.0], 3.0, &LimitCyclePlan::within(0.0, 10.0)).unwrap();
    assert_eq!(reversed.stability, Stability::Unstable);
    assert_close(reversed.multipliers[0].re, (2.0 * std::f64::consts::PI).exp(), 1e-6);
}

/// Periods of the van der Pol oscillator: 6.663286859323 at μ = 1; stiff at μ = 10 (19.07836956).
#[test]
fn van_der_pol_has_its_published_periods() {
    for (mu, period) in [(1.0, 6.663_286_859_32), (10.0, 19.078_369_566)] {
        let field = SmoothField(VanDerPol { mu });
        let cycle = find_limit_cycle(&field, &[0.5, 0.0], &LimitCyclePlan::within(100.0, 30.0)).unwrap();
        assert_close(cycle.period, period, 1e-7 * period);
        // Liouville: the multipliers multiply to the exponential of the mean divergence times the period.
        let divergence = |z: &Vec<f64>| mu * (1.0 - z[0] * z[0]);
        let mean = cycle.points.iter().map(divergence).sum::<f64>() / cycle.points.len() as f64;
        let expected = (mean * cycle.period).exp();
        if mu == 1.0 {
            assert_close(cycle.multipliers[0].re, expected, 1e-6 * expected);
        }
        assert_close(cycle.trivial_multiplier, 1.0, 1e-6);
    }
}

#[test]
fn what_has_no_cycle_says_why() {
    let plan = LimitCyclePlan::within(5.0, 10.0);
    let decay = LinearField(DMatrix::identity(2, 2) * -2.0);
    assert!(matches!(
        find_limit_cycle(&decay, &[1.0, 0.0], &plan),
        Err(LimitCycleError::AtRest | LimitCycleError::NoReturn)
    ));
    let growth = LinearField(DMatrix::identity(2, 2) * 50.0);
    assert_eq!(find_limit_cycle(&growth, &[1.0, 0.0], &plan), Err(LimitCycleError::Flow(FlowError::Diverged)));
    assert!(find_limit_cycle(&decay, &[f64::NAN, 0.0], &plan).is_err());
    assert!(find_limit_cycle(&decay, &[1.0], &plan).is_err());
    let nonsense = LimitCyclePlan::within(0.0, f64::NAN);
    assert_eq!(find_limit_cycle(&decay, &[1.0, 0.0], &nonsense), Err(LimitCycleError::InvalidPlan));
}

/// `ẋ = x²` reaches infinity in finite time, `ẋ = √−x` stops being a number: neither hangs.
#[test]
fn a_flow_that_ends_is_said_to_diverge() {
    struct Explosion;
    impl Formula for Explosion {
        fn dim(&self) -> usize {
            1
        }
        fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
            value[0] = z[0].square();
        }
    }
    assert_eq!(advance(&SmoothField(Explosion), &[1.0], 5.0, &accurate()), Err(FlowError::Diverged));
    let map = TimeStepMap { field: SmoothField(Explosion), time_step: 5.0, plan: accurate() };
    let mut next = [0.0];
    map.step(&[1.0], &mut next);
    assert!(next[0].is_infinite() && map.jacobian(&[1.0])[(0, 0)].is_nan());
    struct Nowhere;
    impl VectorField for Nowhere {
        fn dim(&self) -> usize {
            1
        }
        fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
            velocity[0] = (-z[0]).sqrt();
        }
        fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
            DMatrix::zeros(1, 1)
        }
    }
    assert!(advance(&Nowhere, &[1.0], 1.0, &accurate()).is_err());
    assert!(advance(&Nowhere, &[], 1.0, &accurate()).is_err());
}

/// Lorenz at ρ = 22: the origin and two foci `±√(β(ρ−1))`.
#[test]
fn lorenz_rests_where_algebra_says() {
    let field = SmoothField(Lorenz { sigma: 10.0, rho: 22.0, beta: 8.0 / 3.0 });
    let search = find_equilibria(&field, &uniform_starts(&mut rng(1), 100, 3, 20.0), &newton());
    let c = (8.0_f64 / 3.0 * 21.0).sqrt();
    let found: Vec<_> = search.found.iter().map(|found| found.location.clone()).collect();
    assert_same_points(&found, &[vec![0.0; 3], vec![c, c, 21.0], vec![-c, -c, 21.0]], 1e-12);
    for found in &search.found {
        assert!(found.residual < 1e-14);
        let expected = if found.location[2] > 1.0 { Stability::Stable } else { Stability::Saddle { unstable_dims: 1 } };
        assert_eq!(found.stability, expected);
    }
}

/// A map of a flow tries its whole step at once, a flow begins cautiously: both end in the same place, on the attractor and
/// where the whole step is much too long.
#[test]
fn a_bold_first_step_is_as_accurate_as_a_cautious_one() {
    let field = SmoothField(Lorenz { sigma: 10.0, rho: 28.0, beta: 8.0 / 3.0 });
    let plan = IntegrationPlan { relative_tolerance: 1e-10, ..Default::default() };
    for (reach, time_step) in [(10.0, 0.02), (10.0, 0.5), (1e3, 0.1), (1e5, 0.01)] {
        let map = TimeStepMap { field: &field, time_step, plan: plan.clone() };
        for z in uniform_starts(&mut rng(4), 10, 3, reach) {
            let mut bold = vec![0.0; 3];
            map.step(&z, &mut bold);
            let (cautious, derivative) = advance_with_derivative(&field, &z, time_step, &plan).unwrap();
            let scale = cautious.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
            assert!(distance(&bold, &cautious) <= 1e-6 * scale, "{z:?} by {time_step}: {bold:?}, {cautious:?}");
            let jacobian = map.jacobian(&z);
            assert!((&jacobian - &derivative).norm() <= 1e-5 * derivative.norm().max(1.0), "{z:?} by {time_step}");
        }
    }
}
