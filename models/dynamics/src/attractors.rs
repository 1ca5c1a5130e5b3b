use std::ops::Range;

use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::catalogue::{Catalogue, Fate, Following, Noise};
use crate::continuum::{comes_to_rest, connected, settles_between};
use crate::cycles::Cycle;
use crate::fixed_points::FixedPoint;
use crate::flow::LimitCycle;
use crate::fraction::Fraction;
use crate::geometry::{distance, norm};
use crate::known_attractor::{KnownAttractor, SAMPLE_POINTS, exponents_of};
use crate::lyapunov::{Estimate, kaplan_yorke_dimension};
use crate::map::Map;
use crate::orbit::{center_and_extent, strided};
use crate::stability::Stability;
use crate::units::{InUnits, Units};

/// How to follow orbits to their attractors. "Size" is the median distance of the starts from the origin, after each axis along which they reach
/// more than ten thousand times further than along another has been given a unit of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractorPlan {
    /// Steps before an orbit is looked at; doubled in every further round.
    pub transient: usize,
    /// Steps that are looked at.
    pub steps: usize,
    /// Further rounds for orbits that have not settled; after `r` of them an orbit is `(2^{r+1} − 1) · transient` steps old.
    pub extra_rounds: usize,
    /// An orbit with a coordinate beyond this that does not turn back within 1000 steps has diverged; in units of the size, or of the furthest fixed
    /// point given, where that is above one.
    pub divergence_bound: f64,
    /// The longest cycle looked for in the `steps`; at most half of them. Longer ones are looked for in `exponent_steps`.
    pub max_period: usize,
    /// An orbit this close to a stable fixed point or cycle has arrived, relative to the size; `1e-6`. Around points of
    /// piecewise-linear maps it has arrived earlier, where that is certain.
    pub arrival_distance: f64,
    /// Two orbits closer than this lie on one attractor, relative to its extent; `0.05`.
    pub merge_distance: f64,
    /// Steps over which the exponents of an aperiodic attractor are measured, once for each; `20_000`.
    pub exponent_steps: usize,
    /// Differences that grow or shrink by less than this many nats over `exponent_steps` are neutral; `5`.
    pub neutral_growth: f64,
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
    /// A closed curve that a flow winds around and the map samples, see [`Map::flow_time_per_step`]: one exponent is zero.
    LimitCycle,
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
    /// Of each exponent; zero where they are the logarithms of multipliers.
    pub lyapunov_errors: Vec<f64>,
    /// From the exponents reported; zero for points and cycles. `None` where these never sum to less than zero.
    pub kaplan_yorke: Option<Estimate>,
    /// Steps until the orbit is back, for cycles, and on average for limit cycles and other orbits that fill a closed curve in order.
    pub period_steps: Option<f64>,
    /// Starts that ended here.
    pub basin: Fraction,
    /// Every state closer than this to a point of the attractor (of `cycle`, or its center) ends here, by the ellipsoid of `trapping.rs` with a millionth to spare
    /// for rounding; zero where that says nothing.
    pub certified_radius: f64,
    /// Mean of the orbit, `[M]`.
    pub center: Vec<f64>,
    /// Root mean square distance of the orbit from its center; zero for a single fixed point.
    pub extent: f64,
    /// Up to 600 points of the orbit in the order of time, spread evenly over it; for a cycle no longer than that, its points.
    pub sample: Vec<Vec<f64>>,
    /// The exact orbit, for a cycle.
    pub cycle: Option<Cycle>,
    /// The closed orbit with its Floquet multipliers, for a limit cycle of a flow whose velocity is at hand.
    pub limit_cycle: Option<LimitCycle>,
}

impl Attractor {
    /// Whether orbits come to rest all along a line, ring or sheet of fixed points, neutral along it: a continuous
    /// attractor, as proposed for graded memory. Its `sample` holds points of rest, its `extent` their spread.
    pub fn is_continuum(&self) -> bool {
        self.kind == AttractorKind::FixedPoint && self.extent > 0.0
    }
}

/// Where one start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// At the attractor of this index.
    Attractor(usize),
    /// Its orbit left every bound.
    Diverged,
    /// Its orbit stayed but did not settle within the rounds allowed: a slow passage, a neutral direction, an exponent that
    /// cannot be told from zero. Also the end of a start that is no point: of wrong length or not finite.
    Undecided,
}

/// Where all starts ended. The basins, `diverged` and `undecided` sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractorSearch {
    /// Largest basin first.
    pub attractors: Vec<Attractor>,
    pub diverged: Fraction,
    pub undecided: Fraction,
    /// One for each start, in their order.
    pub ends: Vec<End>,
}

impl AttractorSearch {
    pub fn n_starts(&self) -> usize {
        self.ends.len()
    }
}

/// Attractors of `map`, by following the orbit of every start.
///
/// An orbit has arrived at a fixed point or cycle when it enters a neighbourhood that is trapping up to rounding (around stable
/// points of piecewise-linear maps), or comes within `arrival_distance` of one that is *stable*, or decays towards it as its
/// multipliers say. Coming to rest next to a saddle is a slow passage, from which the orbit is nudged away and followed further.
/// An orbit that neither arrives nor diverges is chaotic or quasiperiodic by its largest exponent, provided that both
/// halves of it agree and cover the same ground; otherwise it is followed for longer and at last left undecided.
/// A flow's closed orbit is closed by shooting where the velocity is at hand ([`Map::velocity_field`]): its Floquet multipliers tell a limit
/// cycle from one of a family of closed orbits. Elsewhere an orbit of a flow sampled in time with exactly one neutral exponent is a limit cycle.
/// Points of rest that are neutral are joined to continua where the map rests between them too; one alone is a continuum
/// where the map also rests beside it, and else undecided.
///
/// Finds only what the starts lead to, and basins as shares of these starts. Weak chaos and slow spirals that change by less
/// than `neutral_growth` pass for quasiperiodic; chaotic transients that outlive eleven times `exponent_steps` pass for attractors. Neutral orbits
/// that come in families, as in a rotation, attract nothing and are undecided. Costs `starts · steps` map steps,
/// less where orbits arrive early, shared by all threads of rayon's pool with the same answer for any number of them; memory for
/// one orbit a thread, and an index for each start.
///
/// Source: Datseris & Wagemakers (2022), Chaos 32, 023104, for the question; the decision rules are our own.
pub fn find_attractors(
    rng: &mut impl Rng,
    map: &dyn Map,
    fixed_points: &[FixedPoint],
    starts: &[Vec<f64>],
    plan: &AttractorPlan,
) -> AttractorSearch {
    let points: Vec<Vec<f64>> = fixed_points.iter().map(|point| point.location.clone()).collect();
    let Some(units) = Units::apart(map, starts, &points) else {
        return find_in_these_units(rng, map, fixed_points, starts, plan);
    };
    let points: Vec<FixedPoint> = fixed_points.iter().map(|point| units.point_to_here(point)).collect();
    let seen = InUnits::of(map, &units);
    units.attractors_from_here(find_in_these_units(rng, &seen, &points, &units.states_to_here(starts), plan))
}

fn find_in_these_units(
    rng: &mut impl Rng,
    map: &dyn Map,
    fixed_points: &[FixedPoint],
    starts: &[Vec<f64>],
    plan: &AttractorPlan,
) -> AttractorSearch {
    let stable = fixed_points
        .iter()
        .filter(|point| point.stability == Stability::Stable && point.location.len() == map.dim())
        .map(|point| KnownAttractor::fixed_point(map, point, plan.n_exponents))
        .collect();
    let (attractors, ends) = follow_all(rng, map, stable, starts, plan);
    rank(attractors, ends)
}

/// Where each of `starts` ends, among attractors that are known already; those that are not follow behind them.
///
/// The indices of [`End::Attractor`] count the `known` ones first and then those returned beside the ends. `starts: [start][M]`.
/// Misleads, and costs, as [`find_attractors`] does; an attractor that changed since it was found is found anew.
pub fn label_starts(
    rng: &mut impl Rng,
    map: &dyn Map,
    known: &[Attractor],
    starts: &[Vec<f64>],
    plan: &AttractorPlan,
) -> (Vec<End>, Vec<Attractor>) {
    let centers: Vec<Vec<f64>> = known.iter().map(|attractor| attractor.center.clone()).collect();
    let Some(units) = Units::apart(map, starts, &centers) else {
        let entries = known.iter().map(|attractor| KnownAttractor::of(map, attractor)).collect();
        let (mut attractors, ends) = follow_all(rng, map, entries, starts, plan);
        return (ends, attractors.split_off(known.len()));
    };
    let seen = InUnits::of(map, &units);
    let entries =
        known.iter().map(|attractor| KnownAttractor::of(&seen, &units.attractor_to_here(attractor))).collect();
    let (mut attractors, ends) = follow_all(rng, &seen, entries, &units.states_to_here(starts), plan);
    let new = attractors.split_off(known.len());
    (ends, new.into_iter().map(|attractor| units.attractor_from_here(attractor)).collect())
}

fn follow_all(
    rng: &mut impl Rng,
    map: &dyn Map,
    entries: Vec<KnownAttractor>,
    starts: &[Vec<f64>],
    plan: &AttractorPlan,
) -> (Vec<Attractor>, Vec<End>) {
    let mut catalogue = Catalogue::new(map, plan, starts, entries);
    let size = catalogue.size();
    let mut neutral: Vec<(usize, Cycle)> = Vec::new();
    let mut ends = Vec::with_capacity(starts.len());
    let salt: u64 = rng.random();
    for batch in batches(starts.len()) {
        let follow = |index: usize| catalogue.follow(&starts[index], Noise::for_start(salt, index));
        let followed: Vec<Following> = batch.clone().into_par_iter().map(follow).collect();
        for (index, following) in batch.zip(followed) {
            let fate = match following {
                Following::Ended(fate) => fate,
                Following::MayBeNew(journey) => catalogue.resolve(journey),
            };
            ends.push(fate.end());
            if let Fate::Neutral(point) = fate {
                neutral.push((index, point));
            }
        }
    }
    let mut attractors: Vec<Attractor> = catalogue.entries.into_iter().map(|entry| entry.attractor).collect();
    neutral.retain(|(_, point)| comes_to_rest(map, &point.points[0]));
    let resting: Vec<Vec<f64>> = neutral.iter().map(|(_, point)| point.points[0].clone()).collect();
    for group in connected(&resting, |a, b| settles_between(map, a, b, plan.transient)) {
        let members: Vec<&Cycle> = group.iter().map(|&i| &neutral[i].1).collect();
        let points = group.iter().map(|&i| resting[i].clone()).collect();
        if let Some(attractor) = continuum(rng, map, points, members[0], plan, size) {
            group.iter().for_each(|&i| ends[neutral[i].0] = End::Attractor(attractors.len()));
            attractors.push(attractor);
        }
    }
    (attractors, ends)
}

/// The starts in batches that grow as the attractors become known. All starts of a batch are followed at once with what is known
/// before it, and what may be new is resolved in their order: the answer does not depend on the number of threads.
fn batches(n_starts: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0..n_starts.min(1);
    std::iter::from_fn(move || {
        let batch = next.clone();
        let size = (4 * batch.len()).min(LARGEST_BATCH);
        next = batch.end..(batch.end + size).min(n_starts);
        (!batch.is_empty()).then_some(batch)
    })
}

const LARGEST_BATCH: usize = 1024;

/// Counts the basins, and puts the largest first; attractors that nothing reached are dropped.
fn rank(mut attractors: Vec<Attractor>, mut ends: Vec<End>) -> AttractorSearch {
    let total = ends.len();
    let count = |end: End| Fraction { count: ends.iter().filter(|&&e| e == end).count(), total };
    for (index, attractor) in attractors.iter_mut().enumerate() {
        attractor.basin = count(End::Attractor(index));
    }
    let (diverged, undecided) = (count(End::Diverged), count(End::Undecided));
    // A stable sort: attractors with equal basins stay in the order of their discovery.
    let mut order: Vec<usize> = (0..attractors.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(attractors[index].basin.count));
    let mut rank_of = vec![0; attractors.len()];
    order.iter().enumerate().for_each(|(rank, &index)| rank_of[index] = rank);
    for end in &mut ends {
        if let End::Attractor(index) = end {
            *index = rank_of[*index];
        }
    }
    let mut ranked: Vec<Attractor> = order.iter().map(|&index| attractors[index].clone()).collect();
    ranked.retain(|attractor| attractor.basin.count > 0);
    AttractorSearch { attractors: ranked, diverged, undecided, ends }
}

/// The attractor made of these points of rest, unless it is one point beside which nothing else rests.
fn continuum(
    rng: &mut impl Rng,
    map: &dyn Map,
    mut points: Vec<Vec<f64>>,
    member: &Cycle,
    plan: &AttractorPlan,
    size: f64,
) -> Option<Attractor> {
    let is_extended = |points: &[Vec<f64>]| {
        let (center, extent) = center_and_extent(points.iter().map(Vec::as_slice));
        extent > plan.arrival_distance * size.max(norm(&center))
    };
    if !is_extended(&points) {
        points.extend(rest_beside(rng, map, &points[0], plan, size)?);
    }
    let (center, extent) = center_and_extent(points.iter().map(Vec::as_slice));
    let lyapunov = exponents_of(&member.multipliers, 1, plan.n_exponents);
    Some(Attractor {
        kind: AttractorKind::FixedPoint,
        lyapunov_errors: vec![0.0; lyapunov.len()],
        kaplan_yorke: kaplan_yorke_dimension(&lyapunov).map(|value| Estimate { value, standard_error: 0.0 }),
        lyapunov,
        period_steps: None,
        basin: Fraction::default(),
        certified_radius: 0.0,
        center,
        extent,
        sample: strided(&points, SAMPLE_POINTS),
        cycle: None,
        limit_cycle: None,
    })
}

/// Points near a neutral one at which orbits started beside it come to rest: elsewhere, and not back at it.
fn rest_beside(
    rng: &mut impl Rng,
    map: &dyn Map,
    point: &[f64],
    plan: &AttractorPlan,
    size: f64,
) -> Option<Vec<Vec<f64>>> {
    let reach = 1e3 * plan.arrival_distance * size.max(norm(point));
    let mut beside = Vec::new();
    for _ in 0..4 {
        let push: Vec<f64> = point.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
        let length = norm(&push).max(f64::MIN_POSITIVE);
        let start: Vec<f64> = point.iter().zip(&push).map(|(x, p)| x + reach * p / length).collect();
        let settled = map.iterate(&start, plan.transient);
        let later = map.iterate(&settled, plan.transient);
        let away = distance(&later, point);
        // A creep goes on for as long as one looks; what is at rest has stopped.
        let has_stopped =
            distance(&later, &settled) <= 1e-3 * distance(&settled, &start) + 1e-12 * size.max(norm(point));
        if has_stopped && away <= 2.0 * reach {
            // Elsewhere, and not back.
            if away >= 0.01 * reach {
                beside.push(later);
            }
        } else {
            return None;
        }
    }
    (!beside.is_empty()).then_some(beside)
}
