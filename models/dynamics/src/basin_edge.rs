use rand::{Rng, RngExt};

use crate::attractors::{Attractor, AttractorPlan, End};
use crate::catalogue::{Catalogue, Noise};
use crate::geometry::{distance, norm};
use crate::known_attractor::KnownAttractor;
use crate::map::Map;

/// How to look for the edge of a basin.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgePlan {
    /// Longest displacement tried, in the unit of the state.
    pub largest: f64,
    /// Random directions, beside the axes and those to the known attractors; `64`.
    pub directions: usize,
    /// Trials of shortening the best displacement by turning it; `300`.
    pub refinements: usize,
    /// Relative precision of its length; `1e-3`.
    pub tolerance: f64,
}

/// How far a state is from the edge of its basin.
#[derive(Debug, Clone, PartialEq)]
pub struct BasinEdge {
    /// Where the state itself ends; nothing is searched where that is undecided.
    pub end: End,
    /// The shortest displacement found from which the orbit ends elsewhere: the true distance to the edge is at most its length.
    pub escape: Option<Escape>,
    /// Every displacement shorter than this ends where the state does, up to rounding; zero where nothing is known.
    pub safe_distance: f64,
    /// Orbits followed.
    pub orbits: usize,
}

/// A displacement that leads out of a basin.
#[derive(Debug, Clone, PartialEq)]
pub struct Escape {
    /// `[M]`.
    pub displacement: Vec<f64>,
    /// Its Euclidean length, in latent units: they mean nothing across models.
    pub distance: f64,
    /// Where it leads.
    pub end: End,
}

/// The smallest perturbation of `state` that changes where it ends, from both sides.
///
/// From above by search: along random directions, the axes and those to the other attractors, lengths are doubled until the orbit ends
/// elsewhere, the edge is bisected, and the best direction is turned as long as that shortens it. The result is an upper
/// bound, since the displacement reported does escape; that none shorter exists is not shown. An end that is undecided is
/// no escape. From below where the state lies in a neighbourhood of a piecewise-linear map's attractor that is, up to rounding,
/// trapping: `safe_distance`.
///
/// Misleads where basins are riddled or interwoven: then the distance found falls with every further trial.
/// Costs some thousand orbits.
///
/// Source: Klinshov, Nekorkin & Kurths (2015), New J. Phys. 18, 013004 (minimal destabilising perturbation); Halekotte &
/// Feudel (2020), Sci. Rep. 10, 11783.
pub fn distance_to_edge(
    rng: &mut impl Rng,
    map: &dyn Map,
    known: &[Attractor],
    state: &[f64],
    plan: &EdgePlan,
    attractors: &AttractorPlan,
) -> BasinEdge {
    let entries = known.iter().map(|attractor| KnownAttractor::of(map, attractor)).collect();
    let landmarks: Vec<Vec<f64>> =
        known.iter().map(|attractor| attractor.center.clone()).chain([state.to_vec()]).collect();
    let mut probe = Probe { catalogue: Catalogue::new(map, attractors, &landmarks, entries), state, orbits: 0 };
    let end = probe.end_of(rng, &vec![0.0; state.len()]);
    let safe_distance = match end {
        End::Attractor(index) => probe.catalogue.entries[index].safe_distance(state),
        _ => 0.0,
    };
    let mut best: Option<Escape> = None;
    if end != End::Undecided && plan.largest > 0.0 && plan.largest.is_finite() {
        for direction in directions(rng, known, state, plan.directions) {
            let within = best.as_ref().map_or(plan.largest, |best| best.distance);
            best = probe.first_escape(rng, end, &direction, within, plan.tolerance).or(best);
        }
        best = best.map(|best| turn(rng, &mut probe, end, best, plan));
    }
    BasinEdge { end, escape: best, safe_distance, orbits: probe.orbits }
}

struct Probe<'a> {
    catalogue: Catalogue<'a>,
    state: &'a [f64],
    orbits: usize,
}

/// Lengths are doubled from this part of the longest.
const SHORTEST: f64 = 1.0 / 1024.0;

impl Probe<'_> {
    fn end_of(&mut self, rng: &mut impl Rng, displacement: &[f64]) -> End {
        let start: Vec<f64> = self.state.iter().zip(displacement).map(|(z, d)| z + d).collect();
        self.orbits += 1;
        let noise = Noise::for_start(rng.random(), self.orbits);
        self.catalogue.follow_to_end(&start, noise).end()
    }

    /// The end of the displacement `length · direction` where it is another than `end`.
    fn escapes(&mut self, rng: &mut impl Rng, end: End, direction: &[f64], length: f64) -> Option<Escape> {
        let displacement: Vec<f64> = direction.iter().map(|d| length * d).collect();
        let found = self.end_of(rng, &displacement);
        (found != end && found != End::Undecided).then_some(Escape { displacement, distance: length, end: found })
    }

    /// The nearest escape along `direction` that is shorter than `within`, at lengths that double.
    fn first_escape(
        &mut self,
        rng: &mut impl Rng,
        end: End,
        direction: &[f64],
        within: f64,
        tolerance: f64,
    ) -> Option<Escape> {
        let (mut safe, mut length) = (0.0, within * SHORTEST);
        while length <= within {
            if let Some(escape) = self.escapes(rng, end, direction, length) {
                return Some(self.bisect(rng, end, direction, safe, escape, tolerance));
            }
            (safe, length) = (length, 2.0 * length);
        }
        None
    }

    fn bisect(
        &mut self,
        rng: &mut impl Rng,
        end: End,
        direction: &[f64],
        mut safe: f64,
        mut escape: Escape,
        tolerance: f64,
    ) -> Escape {
        while escape.distance - safe > tolerance.max(1e-12) * escape.distance {
            let middle = (safe + escape.distance) / 2.0;
            match self.escapes(rng, end, direction, middle) {
                Some(shorter) => escape = shorter,
                None => safe = middle,
            }
        }
        escape
    }
}

/// Unit vectors: the axes both ways, to the known attractors, and at random.
fn directions(rng: &mut impl Rng, known: &[Attractor], state: &[f64], n_random: usize) -> Vec<Vec<f64>> {
    let dim = state.len();
    let mut all = Vec::new();
    for axis in 0..dim {
        for sign in [1.0, -1.0] {
            all.push((0..dim).map(|i| if i == axis { sign } else { 0.0 }).collect());
        }
    }
    let to_others = known.iter().flat_map(|attractor| attractor.sample.iter().take(1));
    all.extend(to_others.filter(|z| distance(z, state) > 0.0).map(|z| {
        let length = distance(z, state);
        z.iter().zip(state).map(|(a, b)| (a - b) / length).collect()
    }));
    all.extend((0..n_random).filter_map(|_| unit(gaussian_vector(rng, dim))));
    all
}

/// Turns the best displacement at random, by more after a success and by less after a failure, and keeps what is shorter.
fn turn(rng: &mut impl Rng, probe: &mut Probe<'_>, end: End, mut best: Escape, plan: &EdgePlan) -> Escape {
    let dim = best.displacement.len();
    let mut angle = 0.5;
    for _ in 0..plan.refinements {
        let push = gaussian_vector(rng, dim);
        let along = best.displacement.iter().map(|d| d / best.distance);
        let turned = along.zip(push).map(|(d, p)| d + angle * p / (dim as f64).sqrt()).collect();
        let Some(direction) = unit(turned) else { continue };
        // A turn is worth its bisection only if it shortens by more than the precision.
        let target = best.distance * (1.0 - plan.tolerance.clamp(1e-12, 0.5));
        match probe.escapes(rng, end, &direction, target) {
            Some(escape) => {
                let half = target / 2.0;
                best = match probe.escapes(rng, end, &direction, half) {
                    Some(closer) => probe.bisect(rng, end, &direction, 0.0, closer, plan.tolerance),
                    None => probe.bisect(rng, end, &direction, half, escape, plan.tolerance),
                };
                angle = (angle * 1.5).min(1.0);
            }
            None => angle = (angle * 0.9).max(1e-4),
        }
    }
    best
}

fn unit(vector: Vec<f64>) -> Option<Vec<f64>> {
    let length = norm(&vector);
    (length > 0.0 && length.is_finite()).then(|| vector.iter().map(|x| x / length).collect())
}

/// Independent standard normal numbers (Box & Muller 1958).
pub(crate) fn gaussian_vector(rng: &mut impl Rng, len: usize) -> Vec<f64> {
    let mut normal = || {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
    };
    (0..len).map(|_| normal()).collect()
}
