use nalgebra::DVector;

use super::krawczyk::{Certificate, Verdict, krawczyk, narrowed};
use crate::fixed_points::FixedPoint;
use crate::flow::{Equilibrium, VectorField, describe_equilibrium};
use crate::map::Map;
use crate::newton::describe_fixed_point;
use crate::smooth::{Enclosed, Interval};

/// How far to search a box.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxPlan {
    /// Boxes examined at most; `1_000_000`.
    pub max_boxes: usize,
    /// A box whose sides are all below this, relative to the sides of the whole region, is left undecided; `1e-9`.
    pub smallest_side: f64,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-6`.
    pub marginal_tolerance: f64,
}

impl Default for BoxPlan {
    fn default() -> Self {
        Self { max_boxes: 1_000_000, smallest_side: 1e-9, marginal_tolerance: 1e-6 }
    }
}

/// A point of rest with the proof that it exists and is isolated.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified<T> {
    pub point: T,
    pub certificate: Certificate,
}

/// Every point of rest in a region, or what is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxSearch<T> {
    /// Ordered by their coordinates.
    pub found: Vec<Certified<T>>,
    /// Boxes that may hold more: next to degenerate points of rest, or left when the budget was spent. Boxes that touch are
    /// given as one.
    pub undecided: Vec<Vec<Interval>>,
    /// `found` is all there is in the region, proven.
    pub complete: bool,
    /// What was searched, `[M]`.
    pub region: Vec<Interval>,
    pub boxes_examined: usize,
}

/// Every fixed point of `map` in `region: [M]`, with proof.
///
/// Bisects the region. A box is discarded when the ranges of `F(z) − z` over it leave out zero or Krawczyk's operator moves it off itself,
/// settled when the operator proves exactly one solution, narrowed where it moves in part, and otherwise cut
/// across the side along which the residual varies most. Ranges are intervals with outward rounding, so that `complete` is a theorem about
/// the map with these weights in exact arithmetic (a constant input is part of the weights, as it was rounded when it was added). What cannot be settled (degenerate fixed points, continua, budgets) is listed.
///
/// For networks whose formula bounds their points of rest ([`Enclosed::bounds`]: tanh, GRU) that box as region answers for all of space. Meant for `M ≤ 4`: the
/// number of boxes grows like a power of `M`. Costs an interval Jacobian and `O(M³)` per box; memory grows with the depth, not with the boxes.
///
/// Sources: Hansen & Walster (2004), Global Optimization Using Interval Analysis, chapter 11; Kearfott (1996), Rigorous Global Search,
/// Kluwer.
pub fn certified_fixed_points(
    map: &(impl Map + Enclosed + ?Sized),
    region: &[Interval],
    plan: &BoxPlan,
) -> BoxSearch<FixedPoint> {
    let search = search_box(map, region, plan);
    search.described(map, |location| describe_fixed_point(map, location, plan.marginal_tolerance))
}

/// Every equilibrium of a flow in `region: [M]`, with proof: as [`certified_fixed_points`], for `v(z) = 0`, at
/// the same cost and from the same sources.
pub fn certified_equilibria(
    field: &(impl VectorField + Enclosed + ?Sized),
    region: &[Interval],
    plan: &BoxPlan,
) -> BoxSearch<Equilibrium> {
    let search = search_box(field, region, plan);
    search.described(field, |location| describe_equilibrium(field, location, plan.marginal_tolerance))
}

impl BoxSearch<()> {
    fn described<T>(self, system: &(impl Enclosed + ?Sized), describe: impl Fn(Vec<f64>) -> T) -> BoxSearch<T> {
        let found = self.found.into_iter().map(|Certified { certificate, .. }| {
            let point = describe(solution_in(system, &certificate.enclosure));
            Certified { point, certificate }
        });
        BoxSearch {
            found: found.collect(),
            undecided: self.undecided,
            complete: self.complete,
            region: self.region,
            boxes_examined: self.boxes_examined,
        }
    }
}

/// The solution in a box that holds exactly one, to rounding: bounds of ranges may stop narrowing the box before that.
fn solution_in(system: &(impl Enclosed + ?Sized), enclosure: &[Interval]) -> Vec<f64> {
    let residual_at = |z: &[f64]| {
        let mut residual = DVector::zeros(z.len());
        system.residual(z, residual.as_mut_slice());
        residual
    };
    let mut z: Vec<f64> = enclosure.iter().map(|side| side.mid()).collect();
    let mut residual = residual_at(&z);
    for _ in 0..MOST_POLISHING_STEPS {
        let Some(step) = system.slope(&z).lu().solve(&residual) else { break };
        let next: Vec<f64> = z.iter().zip(step.iter()).map(|(z, step)| z - step).collect();
        let next_residual = residual_at(&next);
        let is_inside = enclosure.iter().zip(&next).all(|(side, &x)| side.lo() <= x && x <= side.hi());
        if !is_inside || next_residual.norm().is_nan() || next_residual.norm() >= residual.norm() {
            break;
        }
        (z, residual) = (next, next_residual);
    }
    z
}

/// Newton steps from the middle of a box; they converge quadratically.
const MOST_POLISHING_STEPS: usize = 10;

/// Undecided boxes are joined when there are more than this.
const MANY_UNDECIDED: usize = 2_000;

fn search_box(system: &(impl Enclosed + ?Sized), region: &[Interval], plan: &BoxPlan) -> BoxSearch<()> {
    let mut search = BoxSearch {
        found: Vec::new(),
        undecided: Vec::new(),
        complete: false,
        region: region.to_vec(),
        boxes_examined: 0,
    };
    if region.is_empty() || region.len() != system.n_unknowns() || region.iter().any(|side| !side.is_finite()) {
        search.undecided.push(region.to_vec());
        return search;
    }
    let smallest: Vec<f64> = region.iter().map(|side| plan.smallest_side * side.width()).collect();
    let mut waiting = vec![region.to_vec()];
    while let Some(z) = waiting.pop() {
        if search.boxes_examined >= plan.max_boxes {
            search.undecided.push(z);
            search.undecided.append(&mut waiting);
            break;
        }
        search.boxes_examined += 1;
        match examine(system, &z, &mut search) {
            Outcome::Settled => {}
            Outcome::Open(rest) => {
                if rest.iter().zip(&smallest).all(|(side, &smallest)| side.width() <= smallest) {
                    search.undecided.push(rest);
                    if search.undecided.len() > MANY_UNDECIDED {
                        search.undecided = joined(std::mem::take(&mut search.undecided));
                        if search.undecided.len() > MANY_UNDECIDED {
                            search.undecided.append(&mut waiting);
                        }
                    }
                } else {
                    let (near, far) = cut(system, &rest);
                    waiting.push(far);
                    waiting.push(near);
                }
            }
        }
    }
    search.undecided = joined(search.undecided);
    search.complete = search.undecided.is_empty();
    search.found.sort_by(|a, b| {
        let sides = a.certificate.enclosure.iter().zip(&b.certificate.enclosure);
        sides.map(|(a, b)| a.mid().total_cmp(&b.mid())).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    search
}

enum Outcome {
    /// Without solution, or with one that is in the list.
    Settled,
    /// All solutions of the box lie in this part of it.
    Open(Vec<Interval>),
}

fn examine(system: &(impl Enclosed + ?Sized), z: &[Interval], search: &mut BoxSearch<()>) -> Outcome {
    if search.found.iter().any(|known| lies_in(z, &known.certificate.unique_in)) {
        return Outcome::Settled;
    }
    let mut residual = z.to_vec();
    system.enclose_residual(z, &mut residual);
    if residual.iter().any(|range| !range.contains(0.0)) {
        return Outcome::Settled;
    }
    // A little more than the box, so that a solution on the border of two is interior to both.
    let wider: Vec<Interval> = z.iter().map(|side| Interval::around(side.mid(), 0.55 * side.width())).collect();
    match krawczyk(system, &wider) {
        Verdict::Empty => Outcome::Settled,
        Verdict::Unique(enclosure) => {
            search.keep(Certificate { enclosure: narrowed(system, enclosure), unique_in: wider });
            Outcome::Settled
        }
        Verdict::Within(rest) => match overlap(&rest, z) {
            Some(rest) if shrank(&rest, z) && search.settles(system, &rest) => Outcome::Settled,
            Some(rest) => Outcome::Open(rest),
            None => Outcome::Settled,
        },
        Verdict::Unknown => Outcome::Open(z.to_vec()),
    }
}

impl BoxSearch<()> {
    fn keep(&mut self, certificate: Certificate) {
        let in_region = meet(&certificate.enclosure, &self.region);
        if in_region && !self.found.iter().any(|known| is_same(&known.certificate, &certificate)) {
            self.found.push(Certified { point: (), certificate });
        }
    }

    /// Whether the operator proves exactly one solution around all of `rest`: one in a corner of its box is in the
    /// middle of what is left of it.
    fn settles(&mut self, system: &(impl Enclosed + ?Sized), rest: &[Interval]) -> bool {
        let least = rest.iter().map(|side| side.width()).fold(0.0, f64::max) * 1e-3;
        let around: Vec<Interval> = rest
            .iter()
            .map(|side| Interval::around(side.mid(), side.width().max(least).max(f64::MIN_POSITIVE)))
            .collect();
        let Verdict::Unique(enclosure) = krawczyk(system, &around) else {
            return false;
        };
        self.keep(Certificate { enclosure: narrowed(system, enclosure), unique_in: around });
        true
    }
}

/// Two halves, across the side along which the residual varies most, relative to the width.
fn cut(system: &(impl Enclosed + ?Sized), z: &[Interval]) -> (Vec<Interval>, Vec<Interval>) {
    let dim = z.len();
    let slopes = system.enclose_slope(z);
    let variation = |j: usize| {
        let steepest = slopes[j * dim..(j + 1) * dim].iter().map(|slope| slope.magnitude()).fold(0.0, f64::max);
        // An unbounded or vanishing slope says nothing: then the width decides.
        if steepest.is_finite() && steepest > 0.0 { steepest * z[j].width() } else { z[j].width() }
    };
    let splittable = |j: &usize| z[*j].lo() < z[*j].mid() && z[*j].mid() < z[*j].hi();
    let widest = z.iter().map(|side| side.width()).fold(0.0, f64::max);
    // Sides far thinner than the widest are left alone, however steep the residual.
    let side = (0..dim)
        .filter(splittable)
        .filter(|&j| z[j].width() > 1e-3 * widest)
        .max_by(|&a, &b| variation(a).total_cmp(&variation(b)))
        .unwrap_or(0);
    let (mut near, mut far) = (z.to_vec(), z.to_vec());
    near[side] = Interval::new(z[side].lo(), z[side].mid());
    far[side] = Interval::new(z[side].mid(), z[side].hi());
    (near, far)
}

/// Whether no side is more than half of what it was.
fn shrank(rest: &[Interval], z: &[Interval]) -> bool {
    rest.iter().zip(z).all(|(rest, z)| rest.width() <= 0.5 * z.width())
}

fn lies_in(z: &[Interval], other: &[Interval]) -> bool {
    z.iter().zip(other).all(|(a, b)| b.lo() <= a.lo() && a.hi() <= b.hi())
}

fn overlap(a: &[Interval], b: &[Interval]) -> Option<Vec<Interval>> {
    a.iter().zip(b).map(|(a, &b)| a.intersect(b)).collect()
}

fn meet(a: &[Interval], b: &[Interval]) -> bool {
    overlap(a, b).is_some()
}

/// Whether two certificates are of one solution: both enclosures lie where one of the certificates proves uniqueness.
fn is_same(a: &Certificate, b: &Certificate) -> bool {
    lies_in(&b.enclosure, &a.unique_in) || lies_in(&a.enclosure, &b.unique_in)
}

/// Boxes that touch, as one.
fn joined(mut boxes: Vec<Vec<Interval>>) -> Vec<Vec<Interval>> {
    let mut clusters: Vec<Vec<Interval>> = Vec::new();
    while let Some(mut cluster) = boxes.pop() {
        // A cluster that grows may touch what it did not touch before.
        loop {
            let before = boxes.len() + clusters.len();
            for pool in [&mut boxes, &mut clusters] {
                pool.retain(|other| {
                    let touches = meet(&cluster, other);
                    if touches {
                        cluster.iter_mut().zip(other).for_each(|(side, &o)| *side = side.hull(o));
                    }
                    !touches
                });
            }
            if boxes.len() + clusters.len() == before {
                break;
            }
        }
        clusters.push(cluster);
    }
    clusters
}
