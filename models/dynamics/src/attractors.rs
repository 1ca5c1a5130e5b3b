use nalgebra::Complex;
use rand::{Rng, RngExt};

use crate::continuum::connected;
use crate::cycles::{Cycle, CyclePlan, refine_cycle};
use crate::fixed_points::FixedPoint;
use crate::fraction::Fraction;
use crate::geometry::{distance, is_finite, norm};
use crate::lyapunov::{LyapunovPlan, lyapunov_spectrum};
use crate::map::Map;
use crate::orbit::{Cloud, Orbit, center_and_extent, strided};
use crate::stability::Stability;

/// How to follow orbits to their attractors. "Size" is the median distance of the starts from the origin.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractorPlan {
    /// Steps before an orbit is looked at; doubled in every further round.
    pub transient: usize,
    /// Steps that are looked at.
    pub steps: usize,
    /// Further rounds for orbits that have not settled; after `r` of them an orbit is `(2^{r+1} − 1) · transient` steps old.
    pub extra_rounds: usize,
    /// An orbit with a coordinate beyond this has diverged.
    pub divergence_bound: f64,
    /// The longest cycle looked for; at most half of `steps`.
    pub max_period: usize,
    /// An orbit this close to a stable fixed point or cycle has arrived, relative to the size; `1e-6`.
    pub arrival_distance: f64,
    /// Two orbits closer than this lie on one attractor, relative to its extent; `0.05`.
    pub merge_distance: f64,
    /// Largest Lyapunov exponents within this of zero count as zero, in nats per step; about `5 / steps`.
    pub exponent_tolerance: f64,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-6`.
    pub marginal_tolerance: f64,
    /// Exponents reported per attractor; at most `M`.
    pub n_exponents: usize,
}

/// What kind of motion an attractor carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttractorKind {
    /// One point, or a line, ring or sheet of them: see [`Attractor::is_continuum`].
    FixedPoint,
    Cycle {
        period: usize,
    },
    /// Bounded, neither periodic nor sensitive: the largest exponent is zero in both halves of the orbit.
    Quasiperiodic,
    /// Sensitive to its start: the largest exponent is positive in both halves of the orbit.
    Chaotic,
}

/// Where orbits end, and what they do there.
#[derive(Debug, Clone, PartialEq)]
pub struct Attractor {
    pub kind: AttractorKind,
    /// Nats per step, largest first.
    pub lyapunov: Vec<f64>,
    /// Starts that ended here.
    pub basin: Fraction,
    /// Mean of the orbit, `[M]`.
    pub center: Vec<f64>,
    /// Root mean square distance of the orbit from its center; zero for a single fixed point.
    pub extent: f64,
    /// Up to 200 points of the orbit, in the order of time; for a cycle no longer than that, its points.
    pub sample: Vec<Vec<f64>>,
    /// The exact orbit, for a cycle.
    pub cycle: Option<Cycle>,
}

impl Attractor {
    /// Whether orbits come to rest all along a line, ring or sheet of fixed points, neutral along it: a continuous
    /// attractor, as proposed for graded memory. Its `sample` holds points of rest, its `extent` their spread.
    pub fn is_continuum(&self) -> bool {
        self.kind == AttractorKind::FixedPoint && self.extent > 0.0
    }
}

/// Where all starts ended. The basins, `diverged` and `undecided` sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractorSearch {
    /// Largest basin first.
    pub attractors: Vec<Attractor>,
    /// Starts whose orbit left every bound.
    pub diverged: Fraction,
    /// Starts whose orbit stayed but did not settle within the rounds allowed: slow passages, neutral directions,
    /// exponents that cannot be told from zero. Also starts that are no points: of wrong length or not finite.
    pub undecided: Fraction,
    pub n_starts: usize,
}

/// Attractors of `map`, by following the orbit of every start.
///
/// An orbit has arrived at a fixed point or cycle when it is within `arrival_distance` of one that is *stable*:
/// coming to rest next to a saddle is a slow passage, from which the orbit is nudged away and followed further. An
/// orbit that neither arrives nor diverges is chaotic or quasiperiodic by its largest exponent, provided that both
/// halves of it agree and cover the same ground; otherwise it is followed for longer and at last left undecided.
/// Points of rest that are neutral are joined to continua where the map rests between them too; one alone is undecided.
///
/// Finds only what the starts lead to, and basins as shares of these starts. Weak chaos and slow spirals within
/// `exponent_tolerance` pass for quasiperiodic; chaotic transients that outlive the rounds pass for attractors;
/// families of neutral orbits, as in a rotation, appear as one attractor for each start. Costs `starts · steps` map steps, less where orbits arrive early.
///
/// Source: Datseris & Wagemakers (2022), Chaos 32, 023104, for the question; the decision rules are our own.
pub fn find_attractors(
    rng: &mut impl Rng,
    map: &dyn Map,
    fixed_points: &[FixedPoint],
    starts: &[Vec<f64>],
    plan: &AttractorPlan,
) -> AttractorSearch {
    let size = typical_size(map, starts);
    let resting_places = fixed_points
        .iter()
        .filter(|point| point.stability == Stability::Stable && point.location.len() == map.dim())
        .map(|point| Catalogued::fixed_point(point, plan.n_exponents))
        .collect();
    let mut catalogue = Catalogue { map, plan, size, entries: resting_places };
    let mut counts = Vec::new();
    let mut neutral = Vec::new();
    let (mut diverged, mut undecided) = (0, 0);
    for start in starts {
        match catalogue.follow(rng, start) {
            Fate::Arrived(index) => {
                counts.resize(catalogue.entries.len(), 0);
                counts[index] += 1;
            }
            Fate::Neutral(point) => neutral.push(point),
            Fate::Diverged => diverged += 1,
            Fate::Undecided => undecided += 1,
        }
    }
    counts.resize(catalogue.entries.len(), 0);
    let total = starts.len();
    let mut attractors: Vec<Attractor> = catalogue
        .entries
        .into_iter()
        .zip(counts)
        .filter(|&(_, count)| count > 0)
        .map(|(entry, count)| Attractor { basin: Fraction { count, total }, ..entry.attractor })
        .collect();
    let resting: Vec<Vec<f64>> = neutral.iter().map(|point| point.points[0].clone()).collect();
    for group in connected(map, &resting, plan.transient) {
        let members: Vec<&Cycle> = group.iter().map(|&i| &neutral[i]).collect();
        match continuum(&members, plan, size, total) {
            Some(attractor) => attractors.push(attractor),
            None => undecided += members.len(),
        }
    }
    // A stable sort: attractors with equal basins stay in the order of their discovery.
    attractors.sort_by_key(|attractor| std::cmp::Reverse(attractor.basin.count));
    AttractorSearch {
        attractors,
        diverged: Fraction { count: diverged, total },
        undecided: Fraction { count: undecided, total },
        n_starts: total,
    }
}

/// The end of one orbit.
enum Fate {
    /// At this entry of the catalogue.
    Arrived(usize),
    /// At rest at a point that is neutral in some directions and attracts in the others.
    Neutral(Cycle),
    Diverged,
    Undecided,
}

/// What one look at an orbit says.
enum Verdict {
    Settled(usize),
    Neutral(Cycle),
    /// At rest where it cannot stay: next to a saddle.
    Stuck,
    NotYet,
}

/// The attractors known so far.
struct Catalogue<'a> {
    map: &'a dyn Map,
    plan: &'a AttractorPlan,
    size: f64,
    entries: Vec<Catalogued>,
}

/// An attractor with what is needed to recognise it.
struct Catalogued {
    attractor: Attractor,
    basis: Basis,
}

/// What an orbit is compared with.
enum Basis {
    /// A fixed point, or all points of a cycle.
    Points(Vec<Vec<f64>>),
    /// Points of an aperiodic orbit.
    Cloud(Cloud),
}

/// Steps between two looks at whether an orbit has arrived somewhere known.
const ARRIVAL_CHECK_EVERY: usize = 64;
/// Points of an orbit kept in a report.
const SAMPLE_POINTS: usize = 200;

impl Catalogue<'_> {
    fn follow(&mut self, rng: &mut impl Rng, start: &[f64]) -> Fate {
        if start.is_empty() || start.len() != self.map.dim() || !is_finite(start) {
            return Fate::Undecided;
        }
        let mut z = start.to_vec();
        for round in 0..=self.plan.extra_rounds {
            let transient = self.plan.transient.saturating_mul(1 << round.min(30));
            if let Some(fate) = self.advance(&mut z, transient) {
                return fate;
            }
            let Some(orbit) = self.record(&z) else {
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
                && let Some(index) = self.arrived_at(z)
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

    fn record(&self, start: &[f64]) -> Option<Orbit> {
        let dim = start.len();
        let mut states = Vec::with_capacity((self.plan.steps + 1) * dim);
        states.extend_from_slice(start);
        let mut next = vec![0.0; dim];
        for t in 0..self.plan.steps {
            self.map.step(&states[t * dim..], &mut next);
            if self.is_out_of_bounds(&next) {
                return None;
            }
            states.extend_from_slice(&next);
        }
        Some(Orbit { dim, states })
    }

    fn is_out_of_bounds(&self, z: &[f64]) -> bool {
        // Written so that a coordinate that is not a number is out of bounds.
        !z.iter().all(|x| x.abs() <= self.plan.divergence_bound)
    }

    /// The stable fixed point or cycle next to `z`, if it is known.
    fn arrived_at(&self, z: &[f64]) -> Option<usize> {
        self.entries.iter().position(|entry| match &entry.basis {
            Basis::Points(points) => points.iter().any(|point| distance(point, z) <= self.arrival_radius(norm(point))),
            Basis::Cloud(_) => false,
        })
    }

    fn arrival_radius(&self, reach: f64) -> f64 {
        self.plan.arrival_distance * self.size.max(reach)
    }

    fn judge(&mut self, orbit: &Orbit, round: usize) -> Verdict {
        if let Some(index) = self.arrived_at(orbit.last()) {
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
        if extent <= self.arrival_radius(norm(orbit.last())) || !orbit.is_stationary(self.plan.merge_distance) {
            return Verdict::NotYet;
        }
        if let Some(index) = self.overlapping(orbit) {
            return Verdict::Settled(index);
        }
        // Beside a known aperiodic attractor, a second one needs a second look: samples differ by chance.
        let knows_another = self.entries.iter().any(|entry| matches!(entry.basis, Basis::Cloud(_)));
        if knows_another && round == 0 && self.plan.extra_rounds > 0 {
            return Verdict::NotYet;
        }
        match self.aperiodic(orbit) {
            Some(entry) => {
                self.entries.push(entry);
                Verdict::Settled(self.entries.len() - 1)
            }
            None => Verdict::NotYet,
        }
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
            Stability::Stable if close => Approach::Arrived(cycle),
            Stability::Stable if last < first => Approach::Underway,
            Stability::Marginal if close && self.rests_freely(&cycle) => Approach::Neutral(cycle),
            Stability::Saddle { .. } | Stability::Unstable if close => Approach::Resting,
            _ => Approach::Elsewhere,
        }
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
        self.entries.push(Catalogued::cycle(cycle, self.plan.n_exponents));
        self.entries.len() - 1
    }

    /// The aperiodic attractor that this orbit covers, and that covers this orbit.
    fn overlapping(&self, orbit: &Orbit) -> Option<usize> {
        let mut here = None;
        self.entries.iter().position(|entry| {
            let Basis::Cloud(there) = &entry.basis else {
                return false;
            };
            let here = here.get_or_insert_with(|| Cloud::of(orbit, 0..orbit.len()));
            let negligible = self.plan.merge_distance * entry.attractor.extent;
            there.covers(here, negligible) && here.covers(there, negligible)
        })
    }

    /// Chaos or quasiperiodicity, where both halves of the orbit say the same.
    fn aperiodic(&self, orbit: &Orbit) -> Option<Catalogued> {
        let plan = LyapunovPlan {
            transient: 0,
            steps: self.plan.steps.max(2),
            n_exponents: self.plan.n_exponents.max(1),
            renormalise_every: 1,
        };
        // Measured on from where the orbit was seen to have settled.
        let spectrum = lyapunov_spectrum(self.map, orbit.last(), &plan).ok()?;
        let largest = [spectrum.halves[0][0], spectrum.halves[1][0]];
        let tolerance = self.plan.exponent_tolerance;
        let disagreement = (largest[0] - largest[1]).abs() / 2.0;
        let kind = if largest.iter().all(|&exponent| exponent > tolerance.max(disagreement)) {
            AttractorKind::Chaotic
        } else if largest.iter().all(|exponent| exponent.abs() <= tolerance) {
            AttractorKind::Quasiperiodic
        } else {
            return None;
        };
        let mut lyapunov = spectrum.exponents;
        lyapunov.truncate(self.plan.n_exponents);
        Some(Catalogued::aperiodic(kind, lyapunov, orbit))
    }

    /// A start beside a point from which exact arithmetic would never leave.
    fn nudged(&self, rng: &mut impl Rng, z: &[f64]) -> Vec<f64> {
        let reach = 10.0 * self.arrival_radius(norm(z));
        z.iter().map(|x| x + reach * rng.random_range(-1.0..1.0)).collect()
    }
}

/// The attractor made of these points of rest, unless they are all one point.
fn continuum(members: &[&Cycle], plan: &AttractorPlan, size: f64, total: usize) -> Option<Attractor> {
    let points: Vec<Vec<f64>> = members.iter().map(|member| member.points[0].clone()).collect();
    let (center, extent) = center_and_extent(points.iter().map(Vec::as_slice));
    let is_extended = extent > plan.arrival_distance * size.max(norm(&center));
    is_extended.then(|| Attractor {
        kind: AttractorKind::FixedPoint,
        lyapunov: exponents_of(&members[0].multipliers, 1, plan.n_exponents),
        basin: Fraction { count: members.len(), total },
        center,
        extent,
        sample: strided(&points, SAMPLE_POINTS),
        cycle: None,
    })
}

/// What an orbit does near the cycle that its last points suggest.
enum Approach {
    /// On a stable cycle.
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

impl Catalogued {
    fn fixed_point(point: &FixedPoint, n_exponents: usize) -> Self {
        let attractor = Attractor {
            kind: AttractorKind::FixedPoint,
            lyapunov: exponents_of(&point.multipliers, 1, n_exponents),
            basin: Fraction::default(),
            center: point.location.clone(),
            extent: 0.0,
            sample: vec![point.location.clone()],
            cycle: None,
        };
        Self { basis: Basis::Points(vec![point.location.clone()]), attractor }
    }

    fn cycle(cycle: Cycle, n_exponents: usize) -> Self {
        let (center, extent) = center_and_extent(cycle.points.iter().map(Vec::as_slice));
        let period = cycle.period;
        let kind = if period == 1 { AttractorKind::FixedPoint } else { AttractorKind::Cycle { period } };
        let points = cycle.points.clone();
        let attractor = Attractor {
            kind,
            lyapunov: exponents_of(&cycle.multipliers, period, n_exponents),
            basin: Fraction::default(),
            center,
            extent,
            sample: strided(&points, SAMPLE_POINTS),
            cycle: (period > 1).then_some(cycle),
        };
        Self { basis: Basis::Points(points), attractor }
    }

    fn aperiodic(kind: AttractorKind, lyapunov: Vec<f64>, orbit: &Orbit) -> Self {
        let (center, extent) = center_and_extent(orbit.states());
        let attractor = Attractor {
            kind,
            lyapunov,
            basin: Fraction::default(),
            center,
            extent,
            sample: orbit.first(SAMPLE_POINTS),
            cycle: None,
        };
        Self { basis: Basis::Cloud(Cloud::of(orbit, 0..orbit.len())), attractor }
    }
}

fn typical_size(map: &dyn Map, starts: &[Vec<f64>]) -> f64 {
    let usable = starts.iter().filter(|z| z.len() == map.dim() && is_finite(z));
    let mut lengths: Vec<f64> = usable.map(|z| norm(z)).filter(|&length| length > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.get(lengths.len() / 2).copied().unwrap_or(1.0)
}

/// `ln |λ| / period`.
fn exponents_of(multipliers: &[Complex<f64>], period: usize, n_exponents: usize) -> Vec<f64> {
    multipliers.iter().take(n_exponents).map(|multiplier| multiplier.norm().ln() / period as f64).collect()
}
