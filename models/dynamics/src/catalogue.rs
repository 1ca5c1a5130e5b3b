//! Following one orbit to its end among the attractors known so far.

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

/// An orbit on its way.
pub(crate) struct Journey {
    z: Vec<f64>,
    round: u32,
    /// Whether the transient of this round is over.
    is_past_transient: bool,
    noise: Noise,
}

/// How far an orbit could be followed with what was known.
pub(crate) enum Following {
    Ended(Fate),
    /// It is where an attractor may be that is not in the catalogue.
    MayBeNew(Journey),
}

/// What one look at an orbit says.
enum Verdict {
    Settled(usize),
    Neutral(Cycle),
    /// At rest where it cannot stay: next to a saddle.
    Stuck,
    NotYet,
    /// On a stable cycle that is not known.
    NewCycle(Cycle),
    /// Neither periodic nor on its way: its exponents must say what it is.
    Unexplained,
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

    /// Follows the orbit of `start` as far as the catalogue knows its ways; `noise` is all the chance in it.
    pub fn follow(&self, start: &[f64], noise: Noise) -> Following {
        if start.is_empty() || start.len() != self.map.dim() || !is_finite(start) {
            return Following::Ended(Fate::Undecided);
        }
        self.go_on(Journey { z: start.to_vec(), round: 0, is_past_transient: false, noise }).0
    }

    /// Follows the orbit of `start` to its end, and adds the attractor where it is new.
    pub fn follow_to_end(&mut self, start: &[f64], noise: Noise) -> Fate {
        match self.follow(start, noise) {
            Following::Ended(fate) => fate,
            Following::MayBeNew(journey) => self.resolve(journey),
        }
    }

    /// Follows to its end an orbit that may be at a new attractor, which is then added.
    pub fn resolve(&mut self, mut journey: Journey) -> Fate {
        loop {
            let (following, look) = self.go_on(journey);
            journey = match following {
                Following::Ended(fate) => return fate,
                Following::MayBeNew(journey) => journey,
            };
            let (orbit, verdict) = look.expect("an orbit that may be new has been looked at");
            let settled = match verdict {
                Verdict::NewCycle(cycle) => Some(self.add_cycle(cycle)),
                _ => self.look_for_long(orbit.last()),
            };
            if let Some(index) = settled {
                return Fate::Arrived(index);
            }
            journey.next_round(orbit.last().to_vec());
        }
    }

    /// Round after round until the orbit ends or something may be new; then with the look that said so.
    fn go_on(&self, mut journey: Journey) -> (Following, Option<(Orbit, Verdict)>) {
        let ended = |fate| (Following::Ended(fate), None);
        while journey.round as usize <= self.plan.extra_rounds {
            if !journey.is_past_transient {
                let transient = self.plan.transient.saturating_mul(1 << journey.round.min(30));
                if let Some(fate) = self.advance(&mut journey.z, transient) {
                    return ended(fate);
                }
                journey.is_past_transient = true;
            }
            let Some(orbit) = self.record(&journey.z, self.plan.steps) else {
                return ended(Fate::Diverged);
            };
            match self.judge(&orbit, journey.round) {
                Verdict::Settled(index) => return ended(Fate::Arrived(index)),
                Verdict::Neutral(point) => return ended(Fate::Neutral(point)),
                Verdict::NotYet => journey.next_round(orbit.last().to_vec()),
                Verdict::Stuck => {
                    let beside = self.nudged(&mut journey.noise, orbit.last());
                    journey.next_round(beside);
                }
                new @ (Verdict::NewCycle(_) | Verdict::Unexplained) => {
                    return (Following::MayBeNew(journey), Some((orbit, new)));
                }
            }
        }
        ended(Fate::Undecided)
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

    fn judge(&self, orbit: &Orbit, round: u32) -> Verdict {
        if let Some(index) = self.arrived_at(orbit.last(), &mut vec![0.0; orbit.dim]) {
            return Verdict::Settled(index);
        }
        let extent = orbit.extent(0..orbit.len());
        let max_period = self.plan.max_period.min(orbit.len() / 2);
        let negligible = 1e-3 * self.arrival_radius(norm(orbit.last()));
        for period in orbit.recurrences(max_period, extent, negligible) {
            match self.approach(orbit, period) {
                Approach::Arrived(cycle) => {
                    return self.known_cycle(&cycle).map_or(Verdict::NewCycle(cycle), Verdict::Settled);
                }
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
        if self.has_measured_enough() { Verdict::NotYet } else { Verdict::Unexplained }
    }

    fn has_measured_enough(&self) -> bool {
        self.measured / MOST_MEASUREMENTS > self.plan.exponent_steps
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

    fn known_cycle(&self, cycle: &Cycle) -> Option<usize> {
        let point = &cycle.points[0];
        let radius = self.arrival_radius(norm(point));
        self.entries.iter().position(|entry| entry.has_period(cycle.period) && entry.gap(point) <= radius)
    }

    fn add_cycle(&mut self, cycle: Cycle) -> usize {
        if let Some(known) = self.known_cycle(&cycle) {
            return known;
        }
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
    fn look_for_long(&mut self, start: &[f64]) -> Option<usize> {
        let mut z = start.to_vec();
        for attempt in 0..=LONGER_MEASUREMENTS {
            let steps = self.plan.exponent_steps.max(2).saturating_mul(4_usize.pow(attempt as u32));
            self.measured = self.measured.saturating_add(steps);
            if self.has_measured_enough() {
                return None;
            }
            // A second exponent tells a limit cycle from a torus.
            let n_exponents = self.plan.n_exponents.max(2);
            let plan = LyapunovPlan { transient: 0, steps, n_exponents, renormalise_every: 1 };
            let spectrum = lyapunov_spectrum(self.map, &z, &plan).ok()?;
            let orbit = self.record(&z, self.plan.exponent_steps.max(2))?;
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
                return None;
            }
            match kind {
                Some(kind) => {
                    let period = if kind == AttractorKind::Chaotic { None } else { turn_period(&orbit) };
                    let n_exponents = self.plan.n_exponents;
                    return Some(self.add(KnownAttractor::aperiodic(
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
        None
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

    fn long_cycle(&mut self, orbit: &Orbit) -> Option<usize> {
        let extent = orbit.extent(0..orbit.len());
        let negligible = 1e-3 * self.arrival_radius(norm(orbit.last()));
        for period in orbit.recurrences(orbit.len() / 2, extent, negligible) {
            if let Approach::Arrived(cycle) = self.approach(orbit, period) {
                return Some(self.add_cycle(cycle));
            }
        }
        None
    }

    /// A start beside a point from which exact arithmetic would never leave.
    fn nudged(&self, noise: &mut Noise, z: &[f64]) -> Vec<f64> {
        let reach = 10.0 * self.arrival_radius(norm(z));
        z.iter().map(|x| x + reach * noise.next()).collect()
    }
}

impl Journey {
    fn next_round(&mut self, z: Vec<f64>) {
        self.z = z;
        self.round += 1;
        self.is_past_transient = false;
    }
}

/// Numbers between −1 and 1, a stream for each start: whichever thread follows it, it is nudged alike.
///
/// Source: Steele, Lea & Flood (2014), OOPSLA (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub fn for_start(salt: u64, index: usize) -> Self {
        let mut seed = Self(salt ^ (index as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        seed.next();
        seed
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
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
