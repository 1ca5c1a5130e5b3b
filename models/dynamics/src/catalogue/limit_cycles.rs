//! Closed orbits of a flow whose velocity is at hand: closed exactly, instead of known by the exponents of a long orbit.

use super::{Catalogue, Fate};
use crate::flow::{LimitCyclePlan, find_limit_cycle};
use crate::geometry::distance;
use crate::known_attractor::{KnownAttractor, SAMPLE_POINTS};
use crate::orbit::Orbit;
use crate::stability::Stability;

/// A closed orbit further from the one that was followed than this, relative to its extent, is another one.
const SAME_ORBIT: f64 = 0.01;

/// Periods that differ by less than this share are one.
const SAME_PERIOD: f64 = 1e-5;

impl Catalogue<'_> {
    /// The limit cycle that `orbit` follows, or that it is one of a family of closed orbits and attracts nothing. `None` where it does not
    /// close within half of its length, or closes only beside an orbit that repels.
    pub(super) fn look_for_limit_cycle(&mut self, orbit: &Orbit) -> Option<Fate> {
        let field = self.map.velocity_field()?;
        let time_step = self.map.flow_time_per_step().filter(|&step| step > 0.0)?;
        let longest_period = (orbit.len() / 2) as f64 * time_step;
        let plan = LimitCyclePlan { n_points: SAMPLE_POINTS, ..LimitCyclePlan::within(0.0, longest_period) };
        let cycle = find_limit_cycle(field, orbit.last(), &plan).ok()?;
        if distance(&cycle.points[0], orbit.last()) > SAME_ORBIT * orbit.extent(0..orbit.len()) {
            return None;
        }
        // What is off along the orbit, where the multiplier is one, may be off across it.
        let tolerance = self.plan.marginal_tolerance.max(10.0 * (cycle.trivial_multiplier - 1.0).abs());
        match Stability::from_multipliers(&cycle.multipliers, tolerance) {
            Stability::Stable => {
                let is_known = |entry: &KnownAttractor| {
                    let known = entry.attractor.limit_cycle.as_ref();
                    known.is_some_and(|known| (known.period - cycle.period).abs() <= SAME_PERIOD * cycle.period)
                        && !entry.is_limit_cycle_elsewhere(&cycle.points[0])
                };
                if let Some(known) = self.entries.iter().position(is_known) {
                    return Some(Fate::Arrived(known));
                }
                let entry = KnownAttractor::limit_cycle(self.map, cycle, time_step, orbit, self.plan.n_exponents);
                Some(Fate::Arrived(self.add(entry)))
            }
            Stability::Marginal => Some(Fate::Undecided),
            Stability::Saddle { .. } | Stability::Unstable => None,
        }
    }
}
