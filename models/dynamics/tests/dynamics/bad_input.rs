//! What is no question gets an answer that says so: never a panic, a hang, or an empty list that looks like "none".

use nalgebra::DMatrix;
use nullcline_dynamics::{
    BoxPlan, Complex, CyclePlan, CycleSearchPlan, DelayPlan, EdgePlan, End, Formula, Interval, LyapunovPlan, Map,
    Number, PiecewiseLinearMap, PortraitPlan, SmoothField, SmoothMap, Stability, StopReason, advance,
    certified_fixed_points, delay_operator, distance_to_edge, find_cycles, find_equilibria, find_fixed_points,
    find_fixed_points_smooth, kaplan_yorke_dimension, label_starts, lyapunov_spectrum, match_attractors, multipliers,
    non_normality, numerical_abscissa, portrait, portrait_smooth, procrustes_distance, refine_cycle,
    refine_limit_cycle, time_constant_steps, trajectory, uncertain_shares, uncertainty_exponent,
};

use crate::systems::*;

const ODD: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

fn short_cycles() -> CycleSearchPlan {
    CycleSearchPlan {
        max_period: 20,
        max_polygons: 20_000,
        max_steps: 20_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-6,
        marginal_tolerance: 1e-9,
    }
}

fn drawing() -> PortraitPlan {
    PortraitPlan { fixed_points: enumerating(), cycles: short_cycles(), attractors: following() }
}

/// `a⊙z + W relu(z) + h` with the same value everywhere.
fn uniform_map(dim: usize, a: f64, w: f64, h: f64) -> PiecewiseLinearMap {
    PiecewiseLinearMap::piecewise_linear(&vec![a; dim], &DMatrix::from_element(dim, dim, w), &vec![h; dim]).unwrap()
}

/// `z′ = e^z`: finite for a few steps, then beyond all numbers.
struct Exploding;

impl Formula for Exploding {
    fn dim(&self) -> usize {
        1
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = z[0].exp() + N::from_f64(1.0);
    }
}

/// A system without dimensions, which only a map of one's own can be.
struct Nothing;

impl Formula for Nothing {
    fn dim(&self) -> usize {
        0
    }
    fn evaluate<N: Number>(&self, _: &[N], _: &mut [N]) {}
}

/// The identity rests everywhere: that is said, and nothing is claimed to be complete.
#[test]
fn a_singular_everything_is_a_continuum() {
    for dim in 1..4 {
        let map = uniform_map(dim, 1.0, 0.0, 0.0);
        let starts = uniform_starts(&mut rng(1), 20, dim, 1.0);
        for plan in [enumerating(), searching(), trying_patterns(), dividing()] {
            let search = find_fixed_points(&mut rng(1), &map, &starts, &plan);
            assert!(!search.complete && !search.continua.is_empty(), "{dim}: {search:?}");
        }
        let drawn = portrait(&mut rng(1), &map, &starts, &drawing());
        let attractors = &drawn.attractors;
        let counted: usize = attractors.attractors.iter().map(|attractor| attractor.basin.count).sum();
        assert_eq!(counted + attractors.diverged.count + attractors.undecided.count, 20);
        assert_eq!(attractors.diverged.count, 0);
    }
    // A shift rests nowhere although its slope is that of the identity: the proof is complete.
    let shift = find_fixed_points(&mut rng(1), &uniform_map(2, 1.0, 0.0, 1.0), &[], &enumerating());
    assert!(shift.found.is_empty() && shift.continua.is_empty());
}

/// Weights near the end of the numbers: orbits overflow, and every start is accounted for.
#[test]
fn a_map_that_overflows_diverges() {
    for scale in [1e100, 1e150] {
        let map = uniform_map(2, -scale, scale, 1.0);
        let starts = uniform_starts(&mut rng(2), 30, 2, 5.0);
        let drawn = portrait(&mut rng(2), &map, &starts, &drawing());
        assert_eq!(drawn.attractors.diverged.count + drawn.attractors.undecided.count, 30, "{scale}");
        assert!(drawn.fixed_points.found.iter().all(|point| point.location.iter().all(|x| x.is_finite())));
        assert!(drawn.cycles.found.iter().all(|cycle| cycle.residual <= 1e-9));
    }
    let map = SmoothMap(Exploding);
    let drawn = portrait_smooth(&mut rng(3), &map, &[vec![0.0], vec![700.0], vec![-5.0]], &drawing());
    assert_eq!(drawn.attractors.diverged.count, 3);
    assert!(drawn.fixed_points.found.is_empty() && !drawn.fixed_points.complete);
    let search = find_fixed_points_smooth(&map, &[vec![710.0], vec![0.0]], &newton());
    assert!(search.attempts.iter().all(|end| *end != StopReason::Converged), "{:?}", search.attempts);
}

#[test]
fn starts_that_are_no_states_are_counted_as_undecided() {
    let map = random_clipped(1, 3, 10);
    let mut starts: Vec<Vec<f64>> = ODD.iter().map(|&x| vec![x; 3]).collect();
    starts.extend([vec![], vec![0.0; 2], vec![0.0; 4]]);
    let (ends, found) = label_starts(&mut rng(1), &map, &[], &starts, &following());
    assert_eq!(ends, [End::Undecided; 6]);
    assert!(found.is_empty());
    let drawn = portrait(&mut rng(1), &map, &starts, &drawing());
    assert_eq!(drawn.attractors.undecided.count, 6);
    // None of them keeps the search from proving what it proves without starts.
    let alone = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    assert_eq!(drawn.fixed_points.found.len(), alone.found.len());
    assert!(drawn.fixed_points.complete && alone.complete);
    let smooth = find_fixed_points_smooth(&map, &starts, &newton());
    assert_eq!(smooth.attempts, [StopReason::InvalidStart; 6]);
    let edge = EdgePlan { largest: 1.0, directions: 2, refinements: 2, tolerance: 1e-3 };
    for state in &starts {
        let found = distance_to_edge(&mut rng(1), &map, &[], state, &edge, &following());
        assert_eq!((found.end, found.escape, found.safe_distance), (End::Undecided, None, 0.0));
    }
}

#[test]
fn a_system_without_dimensions_has_no_answer() {
    let map = SmoothMap(Nothing);
    let drawn = portrait_smooth(&mut rng(1), &map, &[vec![], vec![1.0]], &drawing());
    assert!(!drawn.fixed_points.complete);
    assert_eq!(drawn.attractors.undecided.count, 2);
    assert!(!certified_fixed_points(&map, &[], &BoxPlan::default()).complete);
    assert_eq!(find_fixed_points_smooth(&map, &[vec![]], &newton()).attempts, [StopReason::InvalidStart]);
    assert_eq!(find_equilibria(&SmoothField(Nothing), &[vec![]], &newton()).attempts, [StopReason::InvalidStart]);
    let plan = LyapunovPlan { transient: 0, steps: 10, n_exponents: 1, renormalise_every: 1 };
    assert!(lyapunov_spectrum(&map, &[], &plan).is_err());
}

/// Searches that are allowed nothing claim nothing.
#[test]
fn budgets_of_zero_prove_nothing() {
    let map = random_shallow(3, 2, 6);
    let nothing = CycleSearchPlan { max_period: 0, max_polygons: 0, max_steps: 0, ..short_cycles() };
    let search = find_cycles(&mut rng(1), &map, &[], &nothing);
    assert!(search.found.is_empty());
    let spent = CycleSearchPlan { max_polygons: 0, max_steps: 0, ..short_cycles() };
    let search = find_cycles(&mut rng(1), &map, &[], &spent);
    assert_eq!(search.complete_up_to, 0);
    assert!(search.unseen.is_some_and(|unseen| unseen.restarts == 0));
    let plan = nullcline_dynamics::FixedPointPlan {
        max_patterns: 0,
        max_boxes: 0,
        max_regions: 0,
        max_solves: 0,
        ..enumerating()
    };
    let search = find_fixed_points(&mut rng(1), &map, &[], &plan);
    assert!(!search.complete && search.found.is_empty() && search.unseen.is_some());
}

#[test]
fn cycles_are_refined_from_states_only() {
    let plan = CyclePlan { residual_tolerance: 1e-9, smallest_scale: 1.0, max_steps: 30, marginal_tolerance: 1e-6 };
    let map = random_clipped(2, 2, 6);
    for x in ODD {
        assert!(refine_cycle(&map, &[x, 0.0], 3, &plan).is_none());
    }
    assert!(refine_cycle(&map, &[0.0; 3], 3, &plan).is_none());
    assert!(refine_cycle(&map, &[0.0; 2], 0, &plan).is_none());
    // The orbit overflows on its way round.
    assert!(refine_cycle(&SmoothMap(Exploding), &[3.0], 9, &plan).is_none());
    // Everywhere a cycle of every period: none is isolated, and what is returned is the point that it is.
    if let Some(cycle) = refine_cycle(&uniform_map(2, 1.0, 0.0, 0.0), &[0.3, 0.1], 4, &plan) {
        assert_eq!((cycle.period, cycle.stability), (1, Stability::Marginal));
    }
}

#[test]
fn matrices_that_are_no_jacobians_are_refused() {
    let oblong = DMatrix::zeros(2, 3);
    assert!(multipliers(&oblong).is_err() && non_normality(&oblong).is_err() && numerical_abscissa(&oblong).is_err());
    for x in ODD {
        let mut matrix = DMatrix::identity(3, 3);
        matrix[(1, 2)] = x;
        assert!(multipliers(&matrix).is_err() && non_normality(&matrix).is_err());
        assert!(numerical_abscissa(&matrix).is_err());
        assert_eq!(time_constant_steps(Complex::new(x, 0.0)), None);
        assert_eq!(kaplan_yorke_dimension(&[0.1, f64::NAN]), None);
    }
    let other = DMatrix::identity(3, 3);
    assert!(nullcline_dynamics::eigenvalue_distance(&other, &DMatrix::identity(2, 2)).is_err());
    assert!(procrustes_distance(&mut rng(1), &other, &oblong, 1).is_err());
    assert!(match_attractors(&[vec![]], &[vec![vec![0.0]]], 1.0).is_err());
    let plan = DelayPlan { delays: 2, rank: 2 };
    assert!(delay_operator(&[], &plan).is_err());
    assert!(delay_operator(&[DMatrix::zeros(0, 0)], &plan).is_err());
    assert!(delay_operator(&[DMatrix::from_element(50, 2, f64::NAN)], &plan).is_err());
    // What does not move has no operator.
    assert!(delay_operator(&[DMatrix::from_element(50, 2, 1.0)], &plan).is_err());
}

#[test]
fn times_and_regions_without_end_are_refused() {
    let lorenz = SmoothField(Lorenz { sigma: 10.0, rho: 28.0, beta: 8.0 / 3.0 });
    let plan = nullcline_dynamics::IntegrationPlan { max_steps: 2000, ..Default::default() };
    let start = [1.0, 2.0, 20.0];
    for time in ODD {
        assert!(advance(&lorenz, &start, time, &plan).is_err(), "{time}");
        assert!(trajectory(&lorenz, &start, time, 3, &plan).is_err(), "{time}");
        let cycle = nullcline_dynamics::LimitCyclePlan::within(1.0, 5.0);
        assert!(refine_limit_cycle(&lorenz, &start, time, &cycle).is_err(), "{time}");
        let region = [Interval::new(-1.0, time)];
        let search = certified_fixed_points(&SmoothMap(Exploding), &region, &BoxPlan::default());
        assert!(!search.complete && !search.undecided.is_empty(), "{time}");
    }
    let steps = nullcline_dynamics::TimeStepMap { field: lorenz, time_step: f64::NAN, plan };
    let mut next = [0.0; 3];
    steps.step(&start, &mut next);
    assert!(next.iter().all(|x| x.is_nan()));
}

/// A distance at which no cell has neighbours on both sides is refused: it was answered by a share of zero.
#[test]
fn shares_are_only_of_cells_that_were_asked() {
    let labels = [0, 1, 0, 1, 0, 1];
    assert!(uncertain_shares(&labels, [6, 1], &[1, 2]).is_ok());
    for distance in [0, 3, 5, 6] {
        assert!(uncertain_shares(&labels, [6, 1], &[distance]).is_err(), "{distance}");
    }
    assert!(uncertain_shares(&labels, [1, 6], &[1]).is_err());
    assert_eq!(uncertainty_exponent(&[1, 2, 4], &[0.1, 0.2]), None);
    assert_eq!(uncertainty_exponent(&[1, 2], &[0.1, f64::INFINITY]), None);
}
