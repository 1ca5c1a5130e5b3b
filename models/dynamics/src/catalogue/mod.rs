//! Following one orbit to its end among the attractors known so far.

mod journey;
mod limit_cycles;
mod long_orbits;
mod look;

use crate::attractors::{AttractorPlan, End};
use crate::cycles::Cycle;
use crate::geometry::{is_finite, norm};
use crate::known_attractor::KnownAttractor;
use crate::map::Map;
use crate::orbit::Orbit;
pub(crate) use journey::{Journey, Noise};
use look::Verdict;

/// The attractors known so far.
pub(crate) struct Catalogue<'a> {
    pub map: &'a dyn Map,
    pub plan: &'a AttractorPlan,
    size: f64,
    /// Coordinates beyond this may have diverged.
    bound: f64,
    /// Outside of it no attractor lies.
    home: Option<Vec<[f64; 2]>>,
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

/// How far an orbit could be followed with what was known.
pub(crate) enum Following {
    Ended(Fate),
    /// It is where an attractor may be that is not in the catalogue.
    MayBeNew(Journey),
}

/// Steps in which an orbit beyond the bound must have turned back.
const STEPS_TO_RETURN: usize = 1000;
/// As many times further out than where it crossed the bound, nothing is expected to turn back.
const FAR_BEYOND: f64 = 1e6;
/// Steps between two looks at whether an orbit has arrived somewhere known.
const ARRIVAL_CHECK_EVERY: usize = 16;

impl<'a> Catalogue<'a> {
    /// Distances are judged relative to the typical size of `landmarks`.
    pub fn new(
        map: &'a dyn Map,
        plan: &'a AttractorPlan,
        landmarks: &[Vec<f64>],
        entries: Vec<KnownAttractor>,
    ) -> Self {
        let size = typical_size(map, landmarks);
        let reach = entries.iter().map(|entry| norm(&entry.attractor.center) + entry.attractor.extent);
        let bound = plan.divergence_bound * reach.fold(size.max(1.0), f64::max);
        Self { map, plan, size, bound, home: map.attracting_box(), entries, measured: 0 }
    }

    pub fn size(&self) -> f64 {
        self.size
    }

    /// Follows the orbit of `start` as far as the catalogue knows its ways; `noise` is all the chance in it.
    pub fn follow(&self, start: &[f64], noise: Noise) -> Following {
        if start.is_empty() || start.len() != self.map.dim() || !is_finite(start) {
            return Following::Ended(Fate::Undecided);
        }
        self.go_on(Journey { z: start.to_vec(), round: 0, is_past_transient: false, was_nudged: false, noise }).0
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
            let mut z = orbit.last().to_vec();
            let settled = match verdict {
                Verdict::NewCycle(cycle) => Some(Fate::Arrived(self.add_cycle(cycle))),
                _ => self.look_for_limit_cycle(&orbit).or_else(|| self.look_for_long(&mut z)),
            };
            if let Some(fate) = settled {
                return journey.ends_at(fate);
            }
            journey.next_round(z);
        }
    }

    /// Round after round until the orbit ends or something may be new; then with the look that said so.
    fn go_on(&self, mut journey: Journey) -> (Following, Option<(Orbit, Verdict)>) {
        let ended = |fate| (Following::Ended(fate), None);
        while journey.round as usize <= self.plan.extra_rounds {
            if !journey.is_past_transient {
                let transient = self.plan.transient.saturating_mul(1 << journey.round.min(30));
                if let Some(fate) = self.advance(&mut journey.z, transient) {
                    return ended(journey.ends_at(fate));
                }
                journey.is_past_transient = true;
            }
            let orbit = match self.record(&journey.z, self.plan.steps) {
                Ok(orbit) => orbit,
                Err(fate) => return ended(journey.ends_at(fate)),
            };
            match self.judge(&orbit, journey.round) {
                Verdict::Settled(index) => return ended(Fate::Arrived(index)),
                Verdict::Neutral(point) => return ended(Fate::Neutral(point)),
                Verdict::NeutralCycle => return ended(Fate::Undecided),
                Verdict::NotYet => journey.next_round(orbit.last().to_vec()),
                Verdict::Stuck => {
                    let beside = self.nudged(&mut journey.noise, orbit.last());
                    journey.was_nudged = true;
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
        let mut bound = self.bound;
        for t in 0..steps {
            if t % ARRIVAL_CHECK_EVERY == 0
                && let Some(index) = self.arrived_at(z, &mut next)
            {
                return Some(Fate::Arrived(index));
            }
            self.map.step(z, &mut next);
            std::mem::swap(z, &mut next);
            if let Some(fate) = self.out_of_bounds(z, &mut bound) {
                return Some(fate);
            }
        }
        None
    }

    /// The orbit of `start`, or how it ended before its last step.
    fn record(&self, start: &[f64], steps: usize) -> Result<Orbit, Fate> {
        let dim = start.len();
        let mut states = vec![0.0; (steps + 1) * dim];
        states[..dim].copy_from_slice(start);
        let mut bound = self.bound;
        for t in 0..steps {
            let (past, future) = states.split_at_mut((t + 1) * dim);
            self.map.step(&past[t * dim..], &mut future[..dim]);
            if let Some(fate) = self.out_of_bounds(&future[..dim], &mut bound) {
                return Err(fate);
            }
        }
        Ok(Orbit { dim, states })
    }

    /// Whether the orbit has left for good. Beyond the bound it is followed ahead: where one variable drives another with a large weight an orbit
    /// may come back from very far, and may then go there again, up to the new `bound`.
    fn out_of_bounds(&self, z: &[f64], bound: &mut f64) -> Option<Fate> {
        let furthest =
            |z: &[f64]| z.iter().fold(0.0, |most: f64, x| if x.is_nan() { f64::NAN } else { most.max(x.abs()) });
        let first = furthest(z);
        if first <= *bound {
            return None;
        }
        let (mut ahead, mut next) = (z.to_vec(), vec![0.0; z.len()]);
        let (mut now, mut most) = (first, first);
        for _ in 0..STEPS_TO_RETURN {
            // Written so that a coordinate that is not a number has left.
            if !(now <= FAR_BEYOND * first && now.is_finite()) {
                return Some(if self.map.is_unknown(&ahead) { Fate::Undecided } else { Fate::Diverged });
            }
            if now <= self.bound {
                break;
            }
            self.map.step(&ahead, &mut next);
            std::mem::swap(&mut ahead, &mut next);
            now = furthest(&ahead);
            most = most.max(now);
        }
        if now >= first {
            return Some(Fate::Diverged);
        }
        *bound = 2.0 * most;
        None
    }

    /// The stable fixed point or cycle where `z` has arrived, if it is known. Overwrites `scratch: [M]`.
    fn arrived_at(&self, z: &[f64], scratch: &mut [f64]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.has_arrived(z, self.plan.arrival_distance, self.size, scratch))
    }

    fn arrival_radius(&self, reach: f64) -> f64 {
        self.plan.arrival_distance * self.size.max(reach)
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

    /// A start beside a point from which exact arithmetic would never leave.
    fn nudged(&self, noise: &mut Noise, z: &[f64]) -> Vec<f64> {
        let reach = 10.0 * self.arrival_radius(norm(z));
        z.iter().map(|x| x + reach * noise.next()).collect()
    }
}

/// Median distance from the origin of those points that are points; one where there is none.
fn typical_size(map: &dyn Map, points: &[Vec<f64>]) -> f64 {
    let usable = points.iter().filter(|z| z.len() == map.dim() && is_finite(z));
    let mut lengths: Vec<f64> = usable.map(|z| norm(z)).filter(|&length| length > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied().unwrap_or(1.0)
}
