//! What only a long orbit tells: chaos, quasiperiodicity, and cycles too long for the first look.

use super::look::Approach;
use super::{Catalogue, Fate};
use crate::attractors::AttractorKind;
use crate::closed_curve::turn_period;
use crate::geometry::norm;
use crate::known_attractor::KnownAttractor;
use crate::lyapunov::{LyapunovPlan, LyapunovSpectrum, lyapunov_spectrum};
use crate::orbit::{Cloud, Orbit};

/// How often an orbit whose exponent decides nothing is measured again, four times as long.
const LONGER_MEASUREMENTS: usize = 2;

/// Times the steps of its exponents that an orbit must stay where it was measured.
const LONGER_STAY: usize = 10;

/// Exponents are measured over no more than this many times `exponent_steps` in one search: a map with a family of
/// neutral orbits has a new one for each start.
const MOST_MEASUREMENTS: usize = 64;

impl Catalogue<'_> {
    pub(super) fn has_measured_enough(&self) -> bool {
        self.measured / MOST_MEASUREMENTS > self.plan.exponent_steps
    }

    /// Chaos or quasiperiodicity where the exponents of a long orbit from `start` say so in both of its halves, and a stable
    /// cycle too long for the first look where they say that. One of a family of neutral orbits attracts nothing and stays undecided.
    /// Where nothing can be said, `z` is left where the orbit has come to.
    pub(super) fn look_for_long(&mut self, z: &mut Vec<f64>) -> Option<Fate> {
        for attempt in 0..=LONGER_MEASUREMENTS {
            let steps = self.plan.exponent_steps.max(2).saturating_mul(4_usize.pow(attempt as u32));
            self.measured = self.measured.saturating_add(steps);
            if self.has_measured_enough() {
                return None;
            }
            // A second exponent tells a limit cycle from a torus.
            let n_exponents = self.plan.n_exponents.max(2);
            let plan = LyapunovPlan { transient: 0, steps, n_exponents, renormalise_every: 1 };
            let spectrum = lyapunov_spectrum(self.map, z, &plan).ok()?;
            let orbit = self.record(z, self.plan.exponent_steps.max(2)).ok()?;
            let neutral = self.plan.neutral_growth / steps as f64;
            let largest = spectrum.exponents[0];
            if self.preserves_volume(&spectrum, neutral) {
                return Some(Fate::Undecided);
            }
            let kind = if is_positive(&spectrum, neutral) {
                // In the plane a flow has no room for chaos (Bendixson 1901): what grows there is a passage that gets longer and longer.
                (!(self.is_flow() && self.map.dim() < 3)).then_some(AttractorKind::Chaotic)
            } else if largest.abs() <= neutral && spectrum.halves.iter().all(|half| half[0].abs() <= 2.0 * neutral) {
                self.neutral_kind(&spectrum, neutral)
            } else {
                None
            };
            if !orbit.is_stationary(self.plan.merge_distance) {
                return None;
            }
            match kind {
                Some(kind) => {
                    // The first look was at fewer points, which may have fallen elsewhere on an attractor that is known.
                    if let Some(known) = self.overlapping(&orbit) {
                        return Some(Fate::Arrived(known));
                    }
                    let period = if kind == AttractorKind::Chaotic { None } else { turn_period(&orbit) };
                    if kind == AttractorKind::Quasiperiodic && is_one_of_many(&spectrum, neutral, period.is_some()) {
                        return Some(Fate::Undecided);
                    }
                    if kind != AttractorKind::LimitCycle
                        && let Some(elsewhere) = self.leaves(&orbit, z)
                    {
                        return elsewhere;
                    }
                    let n_exponents = self.plan.n_exponents;
                    let entry = KnownAttractor::aperiodic(self.map, kind, spectrum, &orbit, period, n_exponents);
                    return Some(Fate::Arrived(self.add(entry)));
                }
                None if largest < -neutral => return self.long_cycle(&orbit).map(Fate::Arrived),
                None => *z = orbit.last().to_vec(),
            }
        }
        None
    }

    /// Follows `orbit` on, without tangents, for ten times as long as its exponents took: chaos may end all at once, and a drift too slow for a
    /// first look adds up. `None` where it stays; else how it ended, or nothing but the state `z` where it then is.
    fn leaves(&mut self, orbit: &Orbit, z: &mut Vec<f64>) -> Option<Option<Fate>> {
        let mut end = orbit.last().to_vec();
        let steps = self.plan.exponent_steps.saturating_mul(LONGER_STAY);
        self.measured = self.measured.saturating_add(steps / (1 + self.plan.n_exponents));
        if let Some(fate) = self.advance(&mut end, steps) {
            return Some(Some(fate));
        }
        let later = match self.record(&end, orbit.len()) {
            Ok(later) => later,
            Err(fate) => return Some(Some(fate)),
        };
        let (before, after) = (Cloud::of(orbit, 0..orbit.len()), Cloud::of(&later, 0..later.len()));
        let negligible = self.plan.merge_distance * orbit.extent(0..orbit.len());
        if before.covers(&after, negligible) && after.covers(&before, negligible) {
            return None;
        }
        *z = later.last().to_vec();
        Some(None)
    }

    fn is_flow(&self) -> bool {
        self.map.flow_time_per_step().is_some()
    }

    /// Whether the exponents of a flow, all of them, sum to nothing less than zero: then no volume is drawn in. A map that folds may attract
    /// all the same.
    fn preserves_volume(&self, spectrum: &LyapunovSpectrum, neutral: f64) -> bool {
        let sum: f64 = spectrum.exponents.iter().sum();
        let error = spectrum.standard_errors.iter().map(|error| error.powi(2)).sum::<f64>().sqrt();
        self.is_flow() && spectrum.exponents.len() == self.map.dim() && sum >= -neutral.max(3.0 * error)
    }

    /// Of a flow, one neutral exponent belongs to the motion along a limit cycle; a second one makes a torus. `None` where the second is
    /// neither neutral nor clearly below.
    fn neutral_kind(&self, spectrum: &LyapunovSpectrum, neutral: f64) -> Option<AttractorKind> {
        let Some(&second) = spectrum.exponents.get(1).filter(|_| self.is_flow()) else {
            return Some(AttractorKind::Quasiperiodic);
        };
        let contracts = second < -neutral.max(3.0 * spectrum.standard_errors[1]);
        match (contracts, second.abs() <= neutral) {
            (true, _) => Some(AttractorKind::LimitCycle),
            (_, true) => Some(AttractorKind::Quasiperiodic),
            _ => None,
        }
    }

    pub(super) fn long_cycle(&mut self, orbit: &Orbit) -> Option<usize> {
        let extent = orbit.extent(0..orbit.len());
        let negligible = 1e-3 * self.arrival_radius(norm(orbit.last()));
        for period in orbit.recurrences(orbit.len() / 2, extent, negligible) {
            if let Approach::Arrived(cycle) = self.approach(orbit, period) {
                return Some(self.add_cycle(cycle));
            }
        }
        None
    }
}

/// Whether a neutral orbit has others of its kind beside it: nothing contracts, or it fills a curve and yet is neutral across it.
fn is_one_of_many(spectrum: &LyapunovSpectrum, neutral: f64, fills_a_curve: bool) -> bool {
    let is_neutral = |exponent: &f64| exponent.abs() <= neutral;
    let nothing_contracts = spectrum.exponents.iter().all(is_neutral);
    nothing_contracts || (fills_a_curve && spectrum.exponents.get(1).is_some_and(is_neutral))
}

/// Whether the largest exponent is beyond what is neutral, in both halves and by three standard errors.
fn is_positive(spectrum: &LyapunovSpectrum, neutral: f64) -> bool {
    let beyond = neutral.max(3.0 * spectrum.standard_errors[0]);
    spectrum.exponents[0] > beyond && spectrum.halves.iter().all(|half| half[0] > neutral)
}
