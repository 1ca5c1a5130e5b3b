//! Following one orbit to its end among the attractors known so far.

use rand::{Rng, RngExt};

use crate::attractors::{AttractorKind, AttractorPlan, End};
use crate::closed_curve::turn_period;
use crate::cycles::{Cycle, CyclePlan, refine_cycle};
use crate::geometry::{distance, is_finite, norm};
use crate::known_attractor::KnownAttractor;
use crate::lyapunov::{LyapunovPlan, LyapunovSpectrum, lyapunov_spectrum};
use crate::map::Map;
use crate::orbit::{Cloud, Orbit};
use crate::stability::Stability;

/// The attractors known so far.
pub(crate) struct Catalogue<'a> {
    pub map: &'a dyn Map,
    pub plan: &'a AttractorPlan,
    size: f64,
    pub entries: Vec<KnownAttractor>,
    /// Steps spent on exponents so far.
    measured: usize,
}

/// The end of one orbit.
pub(crate) enum Fate {
    /// At this entry of the catalogue.
    Arrived(usize),
    /// At rest at a point that is neutral in some directions and attracts in the others.
    Neutral(Cycle),
    Diverged,
    Undecided,
}

impl Fate {
    /// A neutral point alone decides nothing.
    pub fn end(&self) -> End {
        match self {
            Fate::Arrived(index) => End::Attractor(*index),
            Fate::Diverged => End::Diverged,
            Fate::Neutral(_) | Fate::Undecided => End::Undecided,
        }
    }
}

/// What one look at an orbit says.
enum Verdict {
    Settled(usize),
    Neutral(Cycle),
    /// At rest where it cannot stay: next to a saddle.
    Stuck,
    NotYet,
}

/// What an orbit does near the cycle that its last points suggest.
enum Approach {
    /// On a stable cycle, or decaying towards it as its multipliers say.
    Arrived(Cycle),
    /// On its way to a stable cycle.
    Underway,
    /// At a fixed point that neither attracts nor repels in some directions.
    Neutral(Cycle),
    /// At a cycle that repels.
    Resting,
    /// Not near it, or nothing can be said.
    Elsewhere,
}

/// Steps between two looks at whether an orbit has arrived somewhere known.
const ARRIVAL_CHECK_EVERY: usize = 16;
/// How often an orbit whose exponent decides nothing is measured again, four times as long.
const LONGER_MEASUREMENTS: usize = 2;

/// Exponents are measured over no more than this many times `exponent_steps` in one search: a map with a family of
/// neutral orbits has a new one for each start.
const MOST_MEASUREMENTS: usize = 64;

impl<'a> Catalogue<'a> {
    /// Distances are judged relative to the typical size of `landmarks`.
    pub fn new(
        map: &'a dyn Map,
        plan: &'a AttractorPlan,
        landmarks: &[Vec<f64>],
        entries: Vec<KnownAttractor>,
    ) -> Self {
        Self { map, plan, size: typical_size(map, landmarks), entries, measured: 0 }
    }

    pub fn size(&self) -> f64 {
        self.size
    }

    pub fn follow(&mut self, rng: &mut impl Rng, start: &[f64]) -> Fate {
        if start.is_empty() || start.len() != self.map.dim() || !is_finite(start) {
            return Fate::Undecided;
        }
        let mut z = start.to_vec();
        for round in 0..=self.plan.extra_rounds {
            let transient = self.plan.transient.saturating_mul(1 << round.min(30));
            if let Some(fate) = self.advance(&mut z, transient) {
                return fate;
            }
            let Some(orbit) = self.record(&z, self.plan.steps) else {
                return Fate::Diverged;
            };
            match self.judge(&orbit, round) {
                Verdict::Settled(index) => return Fate::Arrived(index),
                Verdict::Neutral(point) => return Fate::Neutral(point),
                Verdict::NotYet => z = orbit.last().to_vec(),
                Verdict::Stuck => z = self.nudged(rng, orbit.last()),
            }
        }
        Fate::Undecided
    }

    /// Moves `z` along its orbit; stops early where the answer is plain.
    fn advance(&self, z: &mut Vec<f64>, steps: usize) -> Option<Fate> {
        let mut next = vec![0.0; z.len()];
        for t in 0..steps {
            if t % ARRIVAL_CHECK_EVERY == 0
                && let Some(index) = self.arrived_at(z, &mut next)
            {
                return Some(Fate::Arrived(index));
            }
            self.map.step(z, &mut next);
            std::mem::swap(z, &mut next);
            if self.is_out_of_bounds(z) {
                return Some(Fate::Diverged);
            }
        }
        None
    }

    fn record(&self, start: &[f64], steps: usize) -> Option<Orbit> {
        let dim = start.len();
        let mut states = vec![0.0; (steps + 1) * dim];
        states[..dim].copy_from_slice(start);
        for t in 0..steps {
            let (past, future) = states.split_at_mut((t + 1) * dim);
            self.map.step(&past[t * dim..], &mut future[..dim]);
            if self.is_out_of_bounds(&future[..dim]) {
                return None;
            }
        }
        Some(Orbit { dim, states })
    }

    fn is_out_of_bounds(&self, z: &[f64]) -> bool {
        // Written so that a coordinate that is not a number is out of bounds.
        !z.iter().all(|x| x.abs() <= self.plan.divergence_bound)
    }

    /// The stable fixed point or cycle where `z` has arrived, if it is known. Overwrites `scratch: [M]`.
    fn arrived_at(&self, z: &[f64], scratch: &mut [f64]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.has_arrived(z, self.plan.arrival_distance, self.size, scratch))
    }

    fn arrival_radius(&self, reach: f64) -> f64 {
        self.plan.arrival_distance * self.size.max(reach)
    }

    fn judge(&mut self, orbit: &Orbit, round: usize) -> Verdict {
        if let Some(index) = self.arrived_at(orbit.last(), &mut vec![0.0; orbit.dim]) {
            return Verdict::Settled(index);
        }
        let extent = orbit.extent(0..orbit.len());
        let max_period = self.plan.max_period.min(orbit.len() / 2);
        let negligible = 1e-3 * self.arrival_radius(norm(orbit.last()));
        for period in orbit.recurrences(max_period, extent, negligible) {
            match self.approach(orbit, period) {
                Approach::Arrived(cycle) => return Verdict::Settled(self.add_cycle(cycle)),
                Approach::Neutral(point) => return Verdict::Neutral(point),
                Approach::Resting => return Verdict::Stuck,
                Approach::Underway => return Verdict::NotYet,
                Approach::Elsewhere => {}
            }
        }
        if extent <= self.arrival_radius(norm(orbit.last())) {
            return Verdict::NotYet;
        }
        if let Some(index) = self.overlapping(orbit) {
            return Verdict::Settled(index);
        }
        if !orbit.is_stationary(self.plan.merge_distance) {
            return Verdict::NotYet;
        }
        // Beside a known aperiodic attractor, a second one needs a second look: samples differ by chance.
        let knows_another = self.entries.iter().any(|entry| entry.cloud().is_some());
        if knows_another && round == 0 && self.plan.extra_rounds > 0 {
            return Verdict::NotYet;
        }
        self.look_for_long(orbit.last())
    }

    /// What an orbit that nearly repeats after `period` steps is doing.
    fn approach(&self, orbit: &Orbit, period: usize) -> Approach {
        let plan = CyclePlan {
            residual_tolerance: 1e-9,
            smallest_scale: self.size,
            max_steps: 30,
            marginal_tolerance: self.plan.marginal_tolerance,
        };
        let Some(cycle) = refine_cycle(self.map, orbit.last(), period, &plan) else {
            return Approach::Elsewhere;
        };
        let gap = |z: &[f64]| cycle.points.iter().map(|point| distance(point, z)).fold(f64::INFINITY, f64::min);
        let reach = cycle.points.iter().map(|point| norm(point)).fold(0.0, f64::max);
        let (first, last) = (gap(orbit.state(0)), gap(orbit.last()));
        let close = last <= self.arrival_radius(reach);
        match cycle.stability {
            Stability::Stable if close || self.decays_linearly(orbit, &cycle) => Approach::Arrived(cycle),
            Stability::Stable if last < first => Approach::Underway,
            Stability::Marginal if close && self.rests_freely(&cycle) => Approach::Neutral(cycle),
            Stability::Saddle { .. } | Stability::Unstable if close => Approach::Resting,
            _ => Approach::Elsewhere,
        }
    }

    /// Whether the orbit falls towards a fixed point as the linearisation there says, at every step that was looked at.
    ///
    /// What the nonlinearity did meanwhile must be less than what the linear part gained: from here on it only gets smaller.
    fn decays_linearly(&self, orbit: &Orbit, cycle: &Cycle) -> bool {
        if cycle.period > 1 {
            return false;
        }
        let point = &cycle.points[0];
        let jacobian = self.map.jacobian(point);
        let deviation = |t: usize| -> nalgebra::DVector<f64> {
            nalgebra::DVector::from_iterator(orbit.dim, orbit.state(t).iter().zip(point).map(|(z, p)| z - p))
        };
        let (first, last) = (deviation(0).norm(), deviation(orbit.len() - 1).norm());
        if last >= 0.97 * first {
            return false;
        }
        let mut predicted = deviation(0);
        (1..orbit.len()).all(|t| {
            predicted = &jacobian * &predicted;
            let actual = deviation(t);
            (&actual - &predicted).norm() <= 0.01 * actual.norm().max(1e-9 * first)
        })
    }

    /// Whether every neutral direction at a fixed point is one of staying, not of turning or alternating.
    fn rests_freely(&self, cycle: &Cycle) -> bool {
        let tolerance = self.plan.marginal_tolerance;
        cycle.period == 1
            && cycle
                .multipliers
                .iter()
                .filter(|multiplier| multiplier.norm() >= 1.0 - tolerance)
                .all(|multiplier| (*multiplier - 1.0).norm() <= 10.0 * tolerance)
    }

    fn add_cycle(&mut self, cycle: Cycle) -> usize {
        self.add(KnownAttractor::cycle(self.map, cycle, self.plan.n_exponents))
    }

    fn add(&mut self, entry: KnownAttractor) -> usize {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// The aperiodic attractor that this orbit covers, and that covers this orbit.
    fn overlapping(&self, orbit: &Orbit) -> Option<usize> {
        let mut here = None;
        self.entries.iter().position(|entry| {
            let Some(there) = entry.cloud() else { return false };
            let here = here.get_or_insert_with(|| Cloud::of(orbit, 0..orbit.len()));
            let negligible = entry.resolution(self.plan.merge_distance);
            there.covers(here, negligible) && here.covers(there, negligible)
        })
    }

    /// Chaos or quasiperiodicity where the exponents of a long orbit from `start` say so in both of its halves, and a stable
    /// cycle too long for the first look where they say that.
    fn look_for_long(&mut self, start: &[f64]) -> Verdict {
        let mut z = start.to_vec();
        for attempt in 0..=LONGER_MEASUREMENTS {
            let steps = self.plan.exponent_steps.max(2).saturating_mul(4_usize.pow(attempt as u32));
            self.measured = self.measured.saturating_add(steps);
            if self.measured / MOST_MEASUREMENTS > self.plan.exponent_steps {
                return Verdict::NotYet;
            }
            // A second exponent tells a limit cycle from a torus.
            let n_exponents = self.plan.n_exponents.max(2);
            let plan = LyapunovPlan { transient: 0, steps, n_exponents, renormalise_every: 1 };
            let Ok(spectrum) = lyapunov_spectrum(self.map, &z, &plan) else { return Verdict::NotYet };
            let Some(orbit) = self.record(&z, self.plan.exponent_steps.max(2)) else { return Verdict::NotYet };
            let neutral = self.plan.neutral_growth / steps as f64;
            let largest = spectrum.exponents[0];
            let kind = if is_positive(&spectrum, neutral) {
                Some(AttractorKind::Chaotic)
            } else if largest.abs() <= neutral && spectrum.halves.iter().all(|half| half[0].abs() <= 2.0 * neutral) {
                Some(self.neutral_kind(&spectrum, neutral))
            } else {
                None
            };
            if !orbit.is_stationary(self.plan.merge_distance) {
                return Verdict::NotYet;
            }
            match kind {
                Some(kind) => {
                    let period = if kind == AttractorKind::Chaotic { None } else { turn_period(&orbit) };
                    let n_exponents = self.plan.n_exponents;
                    return Verdict::Settled(self.add(KnownAttractor::aperiodic(
                        self.map,
                        kind,
                        spectrum,
                        &orbit,
                        period,
                        n_exponents,
                    )));
                }
                None if largest < -neutral => return self.long_cycle(&orbit),
                None => z = orbit.last().to_vec(),
            }
        }
        Verdict::NotYet
    }

    /// Of a flow, one neutral exponent belongs to the motion along a limit cycle; a second one makes a torus.
    fn neutral_kind(&self, spectrum: &LyapunovSpectrum, neutral: f64) -> AttractorKind {
        let is_torus = spectrum.exponents.get(1).is_some_and(|second| second.abs() <= neutral);
        if self.map.flow_time_per_step().is_some() && !is_torus {
            AttractorKind::LimitCycle
        } else {
            AttractorKind::Quasiperiodic
        }
    }

    fn long_cycle(&mut self, orbit: &Orbit) -> Verdict {
        let extent = orbit.extent(0..orbit.len());
        let negligible = 1e-3 * self.arrival_radius(norm(orbit.last()));
        for period in orbit.recurrences(orbit.len() / 2, extent, negligible) {
            if let Approach::Arrived(cycle) = self.approach(orbit, period) {
                return Verdict::Settled(self.add_cycle(cycle));
            }
        }
        Verdict::NotYet
    }

    /// A start beside a point from which exact arithmetic would never leave.
    fn nudged(&self, rng: &mut impl Rng, z: &[f64]) -> Vec<f64> {
        let reach = 10.0 * self.arrival_radius(norm(z));
        z.iter().map(|x| x + reach * rng.random_range(-1.0..1.0)).collect()
    }
}

/// Whether the largest exponent is beyond what is neutral, in both halves and by three standard errors.
fn is_positive(spectrum: &LyapunovSpectrum, neutral: f64) -> bool {
    let beyond = neutral.max(3.0 * spectrum.standard_errors[0]);
    spectrum.exponents[0] > beyond && spectrum.halves.iter().all(|half| half[0] > neutral)
}

/// Median distance from the origin of those points that are points; one where there is none.
fn typical_size(map: &dyn Map, points: &[Vec<f64>]) -> f64 {
    let usable = points.iter().filter(|z| z.len() == map.dim() && is_finite(z));
    let mut lengths: Vec<f64> = usable.map(|z| norm(z)).filter(|&length| length > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied().unwrap_or(1.0)
}
