//! The answer of `portrait --json`, which is also a part of `desc-portrait_dynamics.json`.
//!
//! Times are in steps, and in seconds beside them where the sampling rate is known. What does not exist is null.

use nullcline_dynamics::{
    Attractor, AttractorKind, BasinSlice, Complex, Cycle, End, FixedPoint, FixedPointSearch, Map, Portrait,
    SearchMethod, Unseen, frequency_per_step, non_normality, time_constant_steps,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortraitJson {
    pub dim: usize,
    /// Absent for weights of unknown origin.
    pub sampling_rate_hz: Option<f64>,
    pub fixed_points: Vec<FixedPointJson>,
    /// The list is proven to be all there is.
    pub fixed_points_complete: bool,
    pub effort: EffortJson,
    /// Lines and planes of fixed points, by one point of each and the directions it extends in.
    pub continua: Vec<ContinuumJson>,
    /// Stable and unstable.
    pub cycles: Vec<CycleJson>,
    /// Every isolated cycle of at most this period is listed; 0 where that was not shown.
    pub cycles_complete_up_to: usize,
    /// What the search for longer cycles may have missed; null where nothing was left to search for.
    pub cycles_unseen: Option<UnseenJson>,
    pub attractors: Vec<AttractorJson>,
    /// Shares of the starts.
    pub diverged: f64,
    pub undecided: f64,
    pub n_starts: usize,
    /// What the shares are shares of.
    pub starts: StartsJson,
    pub slice: Option<SliceJson>,
}

/// How the fixed points and cycles were looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EffortJson {
    /// `enumeration`, `branch and bound` or `region search`.
    pub method: String,
    pub regions_visited: usize,
    pub boxes: usize,
    pub linear_solves: usize,
    /// Regions in which `I − J` is singular.
    pub degenerate_regions: usize,
    pub cycle_polygons: usize,
    pub cycle_steps: usize,
}

/// Chao's lower bound for the number of things not met, with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct UnseenJson {
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
    pub restarts: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartsJson {
    /// How they were drawn, in words.
    pub drawn: String,
    pub seed: Option<u64>,
    /// `[n_starts × M]`
    pub points: Vec<Vec<f64>>,
    /// Where each ended: `A1`, `A2`, … in the order of `attractors`, `diverged` or `undecided`.
    pub ends: Vec<String>,
}

/// Basins on a plane through state space: start `(row, column)` is `origin + u right + v up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SliceJson {
    pub origin: Vec<f64>,
    pub right: Vec<f64>,
    pub up: Vec<f64>,
    /// `u` and `v` go from −reach to reach; starts lie in the middle of the cells.
    pub reach: [f64; 2],
    pub columns: usize,
    pub rows: usize,
    /// Attractors that only the slice led to; they are named after those of the portrait.
    pub found: Vec<AttractorJson>,
    /// `[row][column]`, smallest `v` first; named as in `starts`.
    pub ends: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContinuumJson {
    pub z: Vec<f64>,
    pub directions: Vec<Vec<f64>>,
}

/// A duration of the map, and of the recording where its sampling rate is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StepsAndSeconds {
    pub steps: f64,
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixedPointJson {
    pub z: Vec<f64>,
    /// `[re, im]`, largest modulus first.
    pub multipliers: Vec<[f64; 2]>,
    /// `−1 / ln |λ|` of each multiplier; null where nothing decays.
    pub time_constants: Vec<Option<StepsAndSeconds>>,
    /// Steps, and seconds, for one turn of each multiplier; null where it does not turn.
    pub turns: Vec<Option<StepsAndSeconds>>,
    /// `stable`, `saddle`, `unstable`, `marginal`.
    pub stability: String,
    pub unstable_dims: usize,
    pub residual: f64,
    /// In latent coordinates: not for comparison between models. Null where they could not be computed.
    pub henrici_departure: Option<f64>,
    /// `ln ‖J‖`, nats per step.
    pub reactivity: Option<f64>,
    pub peak_amplification: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CycleJson {
    pub period: usize,
    pub points: Vec<Vec<f64>>,
    pub multipliers: Vec<[f64; 2]>,
    pub stability: String,
    pub residual: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttractorJson {
    /// `fixed point`, `cycle`, `limit cycle`, `quasiperiodic`, `chaotic`.
    pub kind: String,
    /// Steps after which a fixed point (1) or cycle is exactly back.
    pub period: Option<usize>,
    /// Mean time of one turn: of cycles, and of orbits that fill a closed curve in order.
    pub turn: Option<StepsAndSeconds>,
    /// Nats per step, largest first; an infinitely strong contraction is null.
    pub lyapunov: Vec<Option<f64>>,
    /// Standard errors; zero where the exponents are those of multipliers.
    pub lyapunov_se: Vec<f64>,
    /// Decay of the slowest deviation that decays.
    pub time_constant: Option<StepsAndSeconds>,
    /// Null where the exponents never sum to less than zero.
    pub kaplan_yorke: Option<f64>,
    pub kaplan_yorke_se: Option<f64>,
    pub basin_fraction: f64,
    /// 95 % Wilson interval.
    pub basin_ci: [f64; 2],
    /// Every state closer than this to a point of it is proven to end here; 0 where nothing is proven.
    pub certified_radius: f64,
    pub center: Vec<f64>,
    pub extent: f64,
    /// A line, ring or sheet of neutral fixed points: one object.
    pub continuum: bool,
}

impl PortraitJson {
    /// The portrait of `map` from `starts`, which were `drawn` from this `seed`.
    pub fn of(
        portrait: &Portrait,
        map: &dyn Map,
        sampling_rate_hz: Option<f64>,
        starts: &[Vec<f64>],
        drawn: String,
        seed: Option<u64>,
    ) -> Self {
        let FixedPointSearch { found, continua, complete, .. } = &portrait.fixed_points;
        let search = &portrait.attractors;
        let clock = Clock { sampling_rate_hz };
        Self {
            dim: portrait.dim,
            sampling_rate_hz,
            fixed_points: found.iter().map(|point| fixed_point(point, map, clock)).collect(),
            fixed_points_complete: *complete,
            effort: effort(portrait),
            continua: continua
                .iter()
                .map(|line| ContinuumJson { z: line.location.clone(), directions: line.directions.clone() })
                .collect(),
            cycles: portrait.cycles.found.iter().map(cycle).collect(),
            cycles_complete_up_to: portrait.cycles.complete_up_to,
            cycles_unseen: portrait.cycles.unseen.map(|Unseen { estimate, lower, upper, restarts }| UnseenJson {
                estimate,
                lower,
                upper,
                restarts,
            }),
            attractors: search.attractors.iter().map(|found| attractor(found, clock)).collect(),
            diverged: search.diverged.share(),
            undecided: search.undecided.share(),
            n_starts: search.n_starts(),
            starts: StartsJson {
                drawn,
                seed,
                points: starts.to_vec(),
                ends: search.ends.iter().map(|&end| name_of(end)).collect(),
            },
            slice: None,
        }
    }
}

impl SliceJson {
    pub fn of(slice: &BasinSlice, sampling_rate_hz: Option<f64>) -> Self {
        let [columns, rows] = slice.plan.cells;
        Self {
            origin: slice.plan.origin.clone(),
            right: slice.plan.right.clone(),
            up: slice.plan.up.clone(),
            reach: slice.plan.reach,
            columns,
            rows,
            found: slice.found.iter().map(|found| attractor(found, Clock { sampling_rate_hz })).collect(),
            ends: slice.ends.chunks(columns).map(|row| row.iter().map(|&end| name_of(end)).collect()).collect(),
        }
    }
}

fn effort(portrait: &Portrait) -> EffortJson {
    let (points, cycles) = (&portrait.fixed_points, &portrait.cycles);
    let method = match points.method {
        SearchMethod::Enumeration => "enumeration",
        SearchMethod::BranchAndBound => "branch and bound",
        SearchMethod::RegionSearch => "region search",
        SearchMethod::Intervals => "interval arithmetic",
        SearchMethod::Newton => "Newton",
    };
    EffortJson {
        method: method.to_string(),
        regions_visited: points.regions_visited,
        boxes: points.boxes,
        linear_solves: points.solves,
        degenerate_regions: points.degenerate_regions,
        cycle_polygons: cycles.polygons,
        cycle_steps: cycles.steps,
    }
}

fn name_of(end: End) -> String {
    match end {
        End::Attractor(index) => format!("A{}", index + 1),
        End::Diverged => "diverged".into(),
        End::Undecided => "undecided".into(),
    }
}

#[derive(Clone, Copy)]
struct Clock {
    sampling_rate_hz: Option<f64>,
}

impl Clock {
    fn time(self, steps: f64) -> Option<StepsAndSeconds> {
        let seconds = self.sampling_rate_hz.map(|rate| steps / rate);
        steps.is_finite().then_some(StepsAndSeconds { steps, seconds })
    }
}

fn pairs(multipliers: &[Complex<f64>]) -> Vec<[f64; 2]> {
    multipliers.iter().map(|m| [m.re, m.im]).collect()
}

fn fixed_point(point: &FixedPoint, map: &dyn Map, clock: Clock) -> FixedPointJson {
    let transient = non_normality(&map.jacobian(&point.location)).ok();
    let turn = |multiplier: &Complex<f64>| {
        let frequency = frequency_per_step(*multiplier);
        (frequency > 0.0).then(|| clock.time(1.0 / frequency)).flatten()
    };
    FixedPointJson {
        z: point.location.clone(),
        multipliers: pairs(&point.multipliers),
        time_constants: point.multipliers.iter().map(|&m| time_constant_steps(m).and_then(|t| clock.time(t))).collect(),
        turns: point.multipliers.iter().map(turn).collect(),
        stability: point.stability.to_string(),
        unstable_dims: point.unstable_dims(),
        residual: point.residual,
        henrici_departure: transient.map(|found| found.henrici),
        reactivity: transient.map(|found| found.reactivity).filter(|r| r.is_finite()),
        peak_amplification: transient.and_then(|found| found.peak_amplification),
    }
}

fn cycle(cycle: &Cycle) -> CycleJson {
    CycleJson {
        period: cycle.period,
        points: cycle.points.clone(),
        multipliers: pairs(&cycle.multipliers),
        stability: cycle.stability.to_string(),
        residual: cycle.residual,
    }
}

/// Exponents this close to zero, in nats per step, belong to motion along the attractor: exact ones, and measured ones.
const NEUTRAL: [f64; 2] = [1e-6, 5e-4];

fn attractor(attractor: &Attractor, clock: Clock) -> AttractorJson {
    let (kind, period) = match attractor.kind {
        AttractorKind::FixedPoint => ("fixed point", Some(1)),
        AttractorKind::Cycle { period } => ("cycle", Some(period)),
        AttractorKind::LimitCycle => ("limit cycle", None),
        AttractorKind::Quasiperiodic => ("quasiperiodic", None),
        AttractorKind::Chaotic => ("chaotic", None),
    };
    let is_measured = attractor.lyapunov_errors.iter().any(|&error| error > 0.0);
    let slowest = attractor.lyapunov.iter().find(|&&exponent| exponent < -NEUTRAL[usize::from(is_measured)]);
    let (low, high) = attractor.basin.wilson_interval();
    AttractorJson {
        kind: kind.to_string(),
        period,
        turn: attractor.period_steps.and_then(|steps| clock.time(steps)),
        lyapunov: attractor.lyapunov.iter().map(|&l| Some(l).filter(|l| l.is_finite())).collect(),
        lyapunov_se: attractor.lyapunov_errors.clone(),
        time_constant: slowest.and_then(|exponent| clock.time(-1.0 / exponent)),
        kaplan_yorke: attractor.kaplan_yorke.map(|found| found.value),
        kaplan_yorke_se: attractor.kaplan_yorke.map(|found| found.standard_error),
        basin_fraction: attractor.basin.share(),
        basin_ci: [low, high],
        certified_radius: attractor.certified_radius,
        center: attractor.center.clone(),
        extent: attractor.extent,
        continuum: attractor.is_continuum(),
    }
}
