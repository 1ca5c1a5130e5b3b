//! Flows in which deviations decay much faster than the state moves, and flows in which nothing decays.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorKind, AttractorPlan, End, IntegrationPlan, LimitCyclePlan, Map, Monomial, NewtonPlan, Polynomial,
    SmoothField, Stability, TimeStepMap, advance, advance_with_derivative, find_attractors, find_equilibria,
    find_fixed_points_smooth, find_limit_cycle,
};

use crate::systems::*;

/// A velocity from its monomials, `(coefficient, powers)`.
fn field(components: &[&[(f64, &[u32])]]) -> SmoothField<Polynomial> {
    let component = |monomials: &&[(f64, &[u32])]| {
        monomials
            .iter()
            .map(|&(coefficient, powers)| Monomial { coefficient, powers: powers.to_vec() })
            .collect::<Vec<_>>()
    };
    SmoothField(Polynomial::new(components.iter().map(component).collect()).unwrap())
}

fn sampled(field: SmoothField<Polynomial>, time_step: f64) -> TimeStepMap<SmoothField<Polynomial>> {
    let plan = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-11, max_steps: 10_000 };
    TimeStepMap { field, time_step, plan }
}

fn van_der_pol(mu: f64) -> SmoothField<Polynomial> {
    field(&[&[(1.0, &[0, 1])], &[(mu, &[0, 1]), (-mu, &[2, 1]), (-1.0, &[1, 0])]])
}

fn plan() -> AttractorPlan {
    AttractorPlan { transient: 300, steps: 600, ..following() }
}

/// `ż = A z` with rates −1 and −10⁵ along directions that are far from orthogonal: state and derivative are `e^{At}`.
#[test]
fn a_stiff_linear_flow_is_its_matrix_exponential() {
    let basis = DMatrix::from_row_slice(2, 2, &[1.0, 0.9, 0.2, 1.0]);
    let turned = |rates: [f64; 2]| {
        &basis * DMatrix::from_diagonal(&rates.to_vec().into()) * basis.clone().try_inverse().unwrap()
    };
    let a = turned([-1.0, -1e5]);
    let linear = field(&[&[(a[(0, 0)], &[1, 0]), (a[(0, 1)], &[0, 1])], &[(a[(1, 0)], &[1, 0]), (a[(1, 1)], &[0, 1])]]);
    for time in [1e-4, 0.01, 1.0, 30.0_f64] {
        let exact = turned([(-time).exp(), (-1e5 * time).exp()]);
        let (end, derivative) =
            advance_with_derivative(&linear, &[1.0, -0.5], time, &IntegrationPlan::default()).unwrap();
        let state = [exact[(0, 0)] - 0.5 * exact[(0, 1)], exact[(1, 0)] - 0.5 * exact[(1, 1)]];
        (0..2).for_each(|i| assert_close(end[i], state[i], 1e-8));
        assert!((&derivative - &exact).amax() < 1e-5, "{time}: {derivative} {exact}");
    }
}

/// Robertson's reaction at t = 40, beside the value that a code of another origin gives to twelve digits.
#[test]
fn robertsons_reaction_is_followed() {
    let reaction = field(&[
        &[(-0.04, &[1, 0, 0]), (1e4, &[0, 1, 1])],
        &[(0.04, &[1, 0, 0]), (-1e4, &[0, 1, 1]), (-3e7, &[0, 2, 0])],
        &[(3e7, &[0, 2, 0])],
    ]);
    let plan = IntegrationPlan { relative_tolerance: 1e-10, absolute_tolerance: 1e-14, max_steps: 100_000 };
    let end = advance(&reaction, &[1.0, 0.0, 0.0], 40.0, &plan).unwrap();
    for (found, expected) in end.iter().zip([0.715_827_068_719, 9.185_534_764_6e-6, 0.284_163_745_746]) {
        assert_close(*found, expected, 1e-8 * expected);
    }
}

/// Periods at μ = 100 and 1000, as another implicit code gives them at a tolerance of 1e-11, where relaxation is a thousand and a million times faster than the rest of the turn.
#[test]
fn relaxation_oscillations_have_their_periods() {
    for (mu, period) in [(100.0, 162.837_071_09), (1000.0, 1_614.401_125_81)] {
        let mut plan = LimitCyclePlan::within(3.0 * mu, 2.5 * mu);
        plan.integration = IntegrationPlan { relative_tolerance: 1e-9, absolute_tolerance: 1e-11, max_steps: 100_000 };
        let cycle = find_limit_cycle(&van_der_pol(mu), &[2.0, 0.0], &plan).unwrap();
        assert_close(cycle.period, period, 1e-6 * period);
        assert_eq!(cycle.stability, Stability::Stable);
        assert!(cycle.multipliers[0].norm() < 1e-6, "{}", cycle.multipliers[0]);
    }
    let (mu, time_step) = (1000.0, 20.0);
    let plan = AttractorPlan { transient: 160, steps: 200, ..following() };
    let starts = [vec![2.0, 0.0], vec![-1.0, 3.0]];
    let search = find_attractors(&mut rng(1), &sampled(van_der_pol(mu), time_step), &[], &starts, &plan);
    assert_eq!(search.attractors.len(), 1);
    assert_eq!((search.attractors[0].kind, search.attractors[0].basin.count), (AttractorKind::LimitCycle, 2));
    assert_close(search.attractors[0].period_steps.unwrap() * time_step, 1_614.401_125_81, 1e-2);
}

/// `ẋ = x − x³` looked at once in a million units of time: stable points at ±1, whose multipliers no one can integrate.
#[test]
fn very_long_steps_end_at_the_stable_points() {
    let map = sampled(field(&[&[(1.0, &[1]), (-1.0, &[3])]]), 1e6);
    let newton = NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 100, marginal_tolerance: 1e-6 };
    let starts: Vec<Vec<f64>> = [-2.0, -0.6, -0.01, 0.01, 0.7, 3.0].map(|x| vec![x]).to_vec();
    let mut points = find_fixed_points_smooth(&map, &starts, &newton).found;
    points.sort_by(|a, b| a.location[0].total_cmp(&b.location[0]));
    let kinds: Vec<Stability> = points.iter().map(|point| point.stability).collect();
    assert_eq!(kinds, [Stability::Stable, Stability::Unstable, Stability::Stable]);
    assert!(points[1].multipliers[0].norm() > 1e100);
    let search = find_attractors(&mut rng(1), &map, &points, &starts, &plan());
    assert_eq!((search.attractors.len(), search.diverged.count, search.undecided.count), (2, 0, 0));
}

/// Multipliers at rest are `e^{λ Δt}`, positive for real rates, and stability is that of the flow, however short or long the step.
#[test]
fn multipliers_at_rest_are_those_of_the_rates() {
    for time_step in [1e-9, 1e-3, 1.0, 1e3] {
        let map = sampled(field(&[&[(-1e4, &[1, 0])], &[(-2.0, &[0, 1])]]), time_step);
        let (multipliers, stability) = map.at_rest(&[0.0, 0.0], 1e-6).unwrap();
        assert_eq!(stability, Stability::Stable);
        for (found, rate) in multipliers.iter().zip([-2.0, -1e4_f64]) {
            assert_close(found.re, (rate * time_step).exp(), 1e-15);
            assert_eq!(found.im, 0.0);
        }
    }
}

/// Closed orbits side by side attract nothing: an oscillator, Duffing's without damping, predators and prey. None is called a limit cycle.
#[test]
fn families_of_closed_orbits_attract_nothing() {
    let oscillator = field(&[&[(1.0, &[0, 1])], &[(-1.0, &[1, 0])]]);
    let duffing = field(&[&[(1.0, &[0, 1])], &[(1.0, &[1, 0]), (-1.0, &[3, 0])]]);
    let prey = field(&[&[(1.0, &[1, 0]), (-1.0, &[1, 1])], &[(-1.0, &[0, 1]), (1.0, &[1, 1])]]);
    let starts: Vec<Vec<f64>> = [[0.5, 0.2], [1.4, 0.3], [0.2, 0.9], [2.0, 1.5]].map(|z| z.to_vec()).to_vec();
    for flow in [oscillator, duffing, prey] {
        let search = find_attractors(&mut rng(1), &sampled(flow, 0.1), &[], &starts, &plan());
        assert_eq!((search.attractors.len(), search.undecided.count), (0, 4), "{:?}", search.attractors);
    }
}

/// The exponents of a limit cycle are its Floquet multipliers': `ṙ = r − r³`, `θ̇ = 1` has `e^{−4π}` and the period 2π.
#[test]
fn a_limit_cycle_of_a_flow_is_closed_exactly() {
    let landau = field(&[
        &[(1.0, &[1, 0]), (-1.0, &[0, 1]), (-1.0, &[3, 0]), (-1.0, &[1, 2])],
        &[(1.0, &[1, 0]), (1.0, &[0, 1]), (-1.0, &[2, 1]), (-1.0, &[0, 3])],
    ]);
    let search = find_attractors(&mut rng(1), &sampled(landau, 0.1), &[], &[vec![0.3, 0.0]], &plan());
    let attractor = &search.attractors[0];
    assert_eq!(attractor.kind, AttractorKind::LimitCycle);
    assert_close(attractor.period_steps.unwrap(), 20.0 * std::f64::consts::PI, 1e-7);
    assert_eq!(attractor.lyapunov[0], 0.0);
    assert_close(attractor.lyapunov[1], -0.2, 1e-7);
    let floquet = attractor.limit_cycle.as_ref().unwrap().multipliers[0].re;
    assert_close(floquet, (-4.0 * std::f64::consts::PI).exp(), 1e-9);
}

/// What the integrators give up on is not known to diverge.
#[test]
fn a_flow_that_cannot_be_followed_is_undecided() {
    let lorenz = field(&[
        &[(-10.0, &[1, 0, 0]), (10.0, &[0, 1, 0])],
        &[(28.0, &[1, 0, 0]), (-1.0, &[0, 1, 0]), (-1.0, &[1, 0, 1])],
        &[(1.0, &[1, 1, 0]), (-8.0 / 3.0, &[0, 0, 1])],
    ]);
    let mut map = sampled(lorenz, 1.0);
    map.plan.max_steps = 5;
    let search = find_attractors(&mut rng(1), &map, &[], &[vec![1.0, 1.0, 1.0]], &plan());
    assert_eq!(search.ends, [End::Undecided]);
    let explosion = sampled(field(&[&[(1.0, &[2])]]), 1.0);
    let search = find_attractors(&mut rng(1), &explosion, &[], &[vec![3.0]], &plan());
    assert_eq!(search.ends, [End::Diverged]);
}

/// Slow decay beside a million times faster decay is decay, at an equilibrium and in the sampled map alike.
#[test]
fn slow_decays_of_stiff_flows_are_stable() {
    let flow = field(&[&[(-1e6, &[1, 0])], &[(-0.05, &[0, 1])]]);
    let newton = NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 100, marginal_tolerance: 1e-6 };
    let equilibria = find_equilibria(&flow, &[vec![1.0, 1.0]], &newton).found;
    assert_eq!(equilibria[0].stability, Stability::Stable);
    let points = find_fixed_points_smooth(&sampled(flow, 0.1), &[vec![1.0, 1.0]], &newton).found;
    assert_eq!(points[0].stability, Stability::Stable);
    // Where two equilibria meet, `ẋ = x²`, the sign of the rate says nothing.
    let fold = find_fixed_points_smooth(&sampled(field(&[&[(1.0, &[2])]]), 0.1), &[vec![-1.0]], &newton).found;
    assert_eq!(fold[0].stability, Stability::Marginal);
}

/// The units of the variables change no verdict: van der Pol's rest with one variable in millionths and the other in millions, and wells a
/// thousandth wide beside a state of a thousand.
#[test]
fn units_change_no_stability() {
    let newton = NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 100, marginal_tolerance: 1e-6 };
    let scaled = field(&[&[(1e-12, &[0, 1])], &[(1.0, &[0, 1]), (-1e12, &[2, 1]), (-1e12, &[1, 0])]]);
    let rest = find_equilibria(&scaled, &[vec![0.0, 0.0]], &newton).found;
    assert_eq!((rest[0].stability, rest[0].unstable_dims()), (Stability::Unstable, 2));
    let wells = field(&[&[(-1e6, &[3, 0]), (1.0, &[1, 0])], &[(-1.0, &[0, 1]), (1e3, &[0, 0])]]);
    for (x, expected) in [(1e-3, Stability::Stable), (0.0, Stability::Saddle { unstable_dims: 1 })] {
        let found = find_equilibria(&wells, &[vec![x, 1e3]], &newton).found;
        assert_eq!(found[0].stability, expected, "{x}");
    }
}

/// What creeps is not at rest: a slow branch of van der Pol's oscillator seen from far out, a constant drift, a step too short to see anything in.
#[test]
fn creeping_is_no_continuum() {
    let far = vec![vec![1e5, -2e5], vec![-3e5, 1e5]];
    let drift = field(&[&[(1e-10, &[0, 0])], &[(-1.0, &[0, 1])]]);
    let near = vec![vec![1.0, 1.0], vec![-0.5, 2.0]];
    let cases = [(sampled(van_der_pol(1.0), 0.1), far), (sampled(drift, 0.1), near)];
    for (map, starts) in cases {
        let search = find_attractors(&mut rng(1), &map, &[], &starts, &plan());
        assert_eq!((search.attractors.len(), search.undecided.count), (0, 2), "{:?}", search.attractors);
    }
    let still = sampled(field(&[&[(-1.0, &[1])]]), 1e-300);
    assert_eq!(find_attractors(&mut rng(1), &still, &[], &[vec![1.0]], &plan()).ends, [End::Undecided]);
}

/// A flow in the plane has no chaos (Bendixson 1901): passages along a homoclinic orbit that get ever longer decide nothing.
#[test]
fn nothing_is_chaotic_in_the_plane() {
    let homoclinic = field(&[
        &[(1.0, &[0, 1])],
        &[(-0.25, &[4, 1]), (-1.0, &[3, 0]), (0.5, &[2, 1]), (1.0, &[1, 0]), (-0.5, &[0, 3])],
    ]);
    let starts = [vec![0.5, 0.5], vec![-0.5, 1.0]];
    let search = find_attractors(&mut rng(1), &sampled(homoclinic, 0.2), &[], &starts, &plan());
    assert!(search.attractors.is_empty(), "{:?}", search.attractors[0].kind);
}

/// What keeps all volume, chaotic or not, attracts nothing: Hénon and Heiles' stars.
#[test]
fn nothing_attracts_without_contraction() {
    let stars = field(&[
        &[(1.0, &[0, 0, 1, 0])],
        &[(1.0, &[0, 0, 0, 1])],
        &[(-2.0, &[1, 1, 0, 0]), (-1.0, &[1, 0, 0, 0])],
        &[(-1.0, &[2, 0, 0, 0]), (1.0, &[0, 2, 0, 0]), (-1.0, &[0, 1, 0, 0])],
    ]);
    let starts = [vec![0.0, 0.1, 0.5, 0.1], vec![0.0, -0.25, 0.42, 0.0], vec![0.0, 0.1, 0.49, 0.0]];
    let all = AttractorPlan { n_exponents: 4, ..plan() };
    let search = find_attractors(&mut rng(1), &sampled(stars, 0.3), &[], &starts, &all);
    assert_eq!(search.ends, [End::Undecided; 3]);
}

/// Stable cycles of radius 1 and 1.02 with an unstable one between: two attractors, closer together than samples are told apart.
#[test]
fn cycles_side_by_side_are_two() {
    // `s = x² + y²`: growth `−1000 (s − 1)(s − 1.02)(s − 1.04)` and a turn in 2π.
    let [a3, a2, a1, a0] = [-1000.0, 3060.0, -3120.8, 1060.8];
    let radial: [(f64, [u32; 2]); 10] = [
        (a3, [6, 0]),
        (3.0 * a3, [4, 2]),
        (3.0 * a3, [2, 4]),
        (a3, [0, 6]),
        (a2, [4, 0]),
        (2.0 * a2, [2, 2]),
        (a2, [0, 4]),
        (a1, [2, 0]),
        (a1, [0, 2]),
        (a0, [0, 0]),
    ];
    let along = |axis: usize, turn: (f64, [u32; 2])| {
        let mut terms: Vec<Monomial> = radial
            .iter()
            .map(|&(coefficient, powers)| {
                let mut powers = powers.to_vec();
                powers[axis] += 1;
                Monomial { coefficient, powers }
            })
            .collect();
        terms.push(Monomial { coefficient: turn.0, powers: turn.1.to_vec() });
        terms
    };
    let flow = Polynomial::new(vec![along(0, (-1.0, [0, 1])), along(1, (1.0, [1, 0]))]).unwrap();
    let map = sampled(SmoothField(flow), 0.1);
    let starts = [vec![0.9, 0.0], vec![0.0, 1.2], vec![-1.005, 0.0], vec![0.0, -1.015]];
    let search = find_attractors(&mut rng(1), &map, &[], &starts, &plan());
    assert_eq!(search.attractors.len(), 2, "{:?}", search.ends);
    let mut extents: Vec<f64> = search.attractors.iter().map(|attractor| attractor.extent).collect();
    extents.sort_by(f64::total_cmp);
    assert_close(extents[0], 1.0, 1e-4);
    assert_close(extents[1], 1.04_f64.sqrt(), 1e-4);
    assert!(search.attractors.iter().all(|attractor| attractor.basin.count == 2));
}
