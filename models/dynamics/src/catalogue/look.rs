//! What one look at a stretch of orbit says.

use super::Catalogue;
use crate::cycles::{Cycle, CyclePlan, refine_cycle};
use crate::geometry::{distance, norm};
use crate::orbit::{Cloud, Orbit};
use crate::stability::Stability;

/// What one look at an orbit says.
pub(super) enum Verdict {
    Settled(usize),
    Neutral(Cycle),
    /// On a cycle that neither attracts nor repels in some directions.
    NeutralCycle,
    /// At rest where it cannot stay: next to a saddle.
    Stuck,
    NotYet,
    /// On a stable cycle that is not known.
    NewCycle(Cycle),
    /// Neither periodic nor on its way: its exponents must say what it is.
    Unexplained,
}

/// What an orbit does near the cycle that its last points suggest.
pub(super) enum Approach {
    /// On a stable cycle, or decaying towards it as its multipliers say.
    Arrived(Cycle),
    /// On its way to a stable cycle.
    Underway,
    /// At a fixed point that neither attracts nor repels in some directions.
    Neutral(Cycle),
    /// On a cycle of that kind.
    NeutralCycle,
    /// At a cycle that repels.
    Resting,
    /// Not near it, or nothing can be said.
    Elsewhere,
}

impl Catalogue<'_> {
    pub(super) fn judge(&self, orbit: &Orbit, round: u32) -> Verdict {
        if let Some(index) = self.arrived_at(orbit.last(), &mut vec![0.0; orbit.dim]) {
            return Verdict::Settled(index);
        }
        if self.is_outside_home(orbit.last()) {
            return Verdict::NotYet;
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
                Approach::NeutralCycle => return Verdict::NeutralCycle,
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

    /// Whether no attractor passes here: beyond a bound by more than rounding.
    fn is_outside_home(&self, z: &[f64]) -> bool {
        let Some(home) = &self.home else { return false };
        home.iter().zip(z).any(|(&[low, high], &x)| {
            let slack = self.plan.arrival_distance * (high - low);
            x < low - slack || x > high + slack
        })
    }

    /// What an orbit that nearly repeats after `period` steps is doing.
    pub(super) fn approach(&self, orbit: &Orbit, period: usize) -> Approach {
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
            Stability::Marginal if close && cycle.period > 1 => Approach::NeutralCycle,
            Stability::Saddle { .. } | Stability::Unstable if close => Approach::Resting,
            _ => Approach::Elsewhere,
        }
    }

    /// Whether the orbit falls towards a fixed point as the linearisation there says, at every step that was looked at.
    ///
    /// What the nonlinearity did meanwhile must be less than what the linear part gained: from here on it only gets smaller.
    pub(super) fn decays_linearly(&self, orbit: &Orbit, cycle: &Cycle) -> bool {
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
    pub(super) fn rests_freely(&self, cycle: &Cycle) -> bool {
        let tolerance = self.plan.marginal_tolerance;
        cycle.period == 1
            && cycle
                .multipliers
                .iter()
                .filter(|multiplier| multiplier.norm() >= 1.0 - tolerance)
                .all(|multiplier| (*multiplier - 1.0).norm() <= 10.0 * tolerance)
    }

    /// The aperiodic attractor that this orbit covers, and that covers this orbit.
    pub(super) fn overlapping(&self, orbit: &Orbit) -> Option<usize> {
        let mut here = None;
        self.entries.iter().position(|entry| {
            let Some(there) = entry.cloud() else { return false };
            if entry.is_limit_cycle_elsewhere(orbit.last()) {
                return false;
            }
            let here = here.get_or_insert_with(|| Cloud::of(orbit, 0..orbit.len()));
            let negligible = entry.resolution(self.plan.merge_distance);
            there.covers(here, negligible) && here.covers(there, negligible)
        })
    }
}
