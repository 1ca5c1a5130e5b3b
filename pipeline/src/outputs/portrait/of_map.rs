//! From what `dynamics` found to what is written of it.

use nullcline_dynamics::{
    Attractor, AttractorKind, BasinSlice, Complex, Cycle, CycleFamily, End, FixedPoint, FixedPointSearch, Map,
    Portrait, SearchMethod, Unseen, frequency_per_step, non_normality, time_constant_steps,
};

use super::{
    AttractorJson, ContinuumJson, CycleFamilyJson, CycleJson, EffortJson, FixedPointJson, PortraitJson, SliceJson,
    StartsJson, StepsAndSeconds, UnseenJson,
};

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
        let FixedPointSearch { found, continua, complete, on_borders, certified, .. } = &portrait.fixed_points;
        let search = &portrait.attractors;
        let clock = Clock { sampling_rate_hz };
        Self {
            dim: portrait.dim,
            sampling_rate_hz,
            fixed_points: found
                .iter()
                .enumerate()
                .map(|(index, point)| FixedPointJson {
                    on_border: on_borders.contains(&index),
                    certified: certified.contains(&index),
                    ..fixed_point(point, map, clock)
                })
                .collect(),
            fixed_points_complete: *complete,
            fixed_points_unseen: portrait.fixed_points.unseen.map(unseen),
            effort: effort(portrait),
            continua: continua
                .iter()
                .map(|line| ContinuumJson { z: line.location.clone(), directions: line.directions.clone() })
                .collect(),
            cycles: portrait.cycles.found.iter().map(cycle).collect(),
            cycle_families: portrait.cycles.families.iter().map(family).collect(),
            cycles_complete_up_to: portrait.cycles.complete_up_to,
            cycles_unseen: portrait.cycles.unseen.map(unseen),
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
    // The search of smooth maps counts its starts and its undecided places where that of piecewise-linear ones counts
    // linear systems and singular regions.
    let is_smooth = matches!(points.method, SearchMethod::Intervals | SearchMethod::Newton);
    let for_kind = |smooth: bool, n: usize| if smooth == is_smooth { n } else { 0 };
    EffortJson {
        method: method.to_string(),
        regions_visited: points.regions_visited,
        boxes: points.boxes,
        linear_solves: for_kind(false, points.solves),
        degenerate_regions: for_kind(false, points.degenerate_regions),
        newton_starts: for_kind(true, points.solves),
        undecided_boxes: for_kind(true, points.degenerate_regions),
        cycle_polygons: cycles.polygons,
        cycle_steps: cycles.steps,
    }
}

fn unseen(Unseen { estimate, lower, upper, restarts }: Unseen) -> UnseenJson {
    UnseenJson { estimate, lower, upper: upper.is_finite().then_some(upper), restarts }
}

fn family(family: &CycleFamily) -> CycleFamilyJson {
    CycleFamilyJson { period: family.period, z: family.location.clone(), directions: family.directions.clone() }
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
        on_border: false,
        certified: false,
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
    // Of a limit cycle, what is gone within a turn has no time constant that was measured.
    let slowest = slowest.filter(|exponent| exponent.is_finite() || attractor.limit_cycle.is_none());
    let (low, high) = attractor.basin.wilson_interval();
    AttractorJson {
        kind: kind.to_string(),
        period,
        turn: attractor.period_steps.and_then(|steps| clock.time(steps)),
        lyapunov: attractor.lyapunov.iter().map(|&l| Some(l).filter(|l| l.is_finite())).collect(),
        lyapunov_se: attractor.lyapunov_errors.clone(),
        floquet_multipliers: (attractor.limit_cycle.iter())
            .flat_map(|cycle| cycle.multipliers.iter().map(|multiplier| [multiplier.re, multiplier.im]))
            .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON has no infinity: a bound that does not exist is null, and what was written can be read.
    #[test]
    fn what_bounds_nothing_is_null_and_reads_back() {
        let nothing_met = Unseen { estimate: 0.0, lower: 0.0, upper: f64::INFINITY, restarts: 7 };
        let text = serde_json::to_string(&unseen(nothing_met)).unwrap();
        assert!(text.contains("\"upper\":null"), "{text}");
        let back: UnseenJson = serde_json::from_str(&text).unwrap();
        assert_eq!((back.upper, back.restarts), (None, 7));
    }
}
