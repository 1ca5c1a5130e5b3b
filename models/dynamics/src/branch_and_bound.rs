//! All solutions of `A x = Σ cₖ relu(wₖ·x + bₖ) + h`, by dividing space until each part is empty or affine.
//!
//! In a box, most hinges keep their side. Those that may fold lie between their chord and a parallel to it,
//! `relu(u) = λ u + μ + e` with `|e| ≤ δ`, so that with any `Y ≈ (A − Σ λₖ cₖ wₖᵀ)⁻¹` every solution lies in
//!
//! `Y (h + Σ cₖ (λₖ bₖ + μₖ)) ± (|Y C| δ + |I − Y A_λ| |x|)`:
//!
//! a smaller box, or none. What does not shrink is cut in two, across an axis or along the fold of one hinge, whichever
//! leaves less undecided. A part in which no hinge is undecided is one linear region with one linear equation.
//!
//! Sources: Krawczyk (1969), Computing 4, 187–201, for the operator; Comba & Stolfi (1993) for affine bounds; Ehlers
//! (2017), ATVA, for the chord of a rectifier.

use nalgebra::{DMatrix, DVector};

use crate::geometry::dot;
use crate::hinge_system::HingeSystem;

/// Which side of its fold a hinge has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Off,
    On,
    Either,
}

/// How a search through a box ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    Whole,
    /// The boxes allowed ran out first.
    Partial,
}

/// A part of the box: bounds on every unknown and every activation, and the hinges whose side is settled in it.
#[derive(Clone)]
struct Part {
    low: Vec<f64>,
    high: Vec<f64>,
    sides: Vec<Side>,
    /// Range of `wₖ·x + bₖ`, kept up to date for hinges that are not settled.
    range: Vec<[f64; 2]>,
    /// Hinges along whose fold the part was cut.
    cuts: Vec<usize>,
}

/// Rounds of shrinking before a part is cut.
const SHRINK_ROUNDS: usize = 12;
/// A round of shrinking that leaves more than this of every edge has ended.
const WORTH_ANOTHER: f64 = 0.9;
/// Undecided hinges up to which their activations are bounded by the equation, at `O(U²)`, and not by the box alone.
const MAX_PAIRED: usize = 96;
/// Edges shorter than this, relative to the first box, are cut along folds only: at a corner of folds, a smaller box is
/// as undecided as a larger one.
const SHORT: f64 = 1e-4;

/// Calls `solve` with the sides of all hinges of every linear region that may hold a solution, wherever in space, at
/// least once if it does. Looks at no more than `max_boxes` parts; returns how many it looked at.
///
/// Space is a box about the origin and, beyond each of its faces, all that is seen through that face in projective
/// coordinates, infinity included: bounded boxes cover it. `rounding` is the relative error of the coefficients.
/// Holds one part for every cut on the way down, no more.
pub(crate) fn enclose_everywhere(
    system: &HingeSystem,
    rounding: f64,
    max_boxes: usize,
    mut solve: impl FnMut(&[Side]),
) -> (Coverage, usize) {
    let n = system.dim();
    let reach = system.reach();
    let mut boxes = 0;
    let inner = (reach.iter().map(|r| -r).collect(), reach.clone());
    let mut coverage = enclose(system, inner, rounding, &mut boxes, max_boxes, &mut solve);
    let face = || ([vec![-1.0; n - 1], vec![0.0]].concat(), vec![1.0; n]);
    for (axis, side) in (0..n).flat_map(|axis| [(axis, -1.0), (axis, 1.0)]) {
        if coverage == Coverage::Whole {
            let outside = system.beyond(&reach, axis, side);
            coverage = enclose(&outside, face(), rounding, &mut boxes, max_boxes, &mut solve);
        }
    }
    (coverage, boxes)
}

fn enclose(
    system: &HingeSystem,
    (low, high): (Vec<f64>, Vec<f64>),
    rounding: f64,
    boxes: &mut usize,
    max_boxes: usize,
    mut solve: impl FnMut(&[Side]),
) -> Coverage {
    let search = Search::new(system, &low, &high, rounding);
    let sides = vec![Side::Either; system.hinges.len()];
    let range = vec![[f64::NEG_INFINITY, f64::INFINITY]; system.hinges.len()];
    let mut stack = vec![Part { low, high, sides, range, cuts: Vec::new() }];
    let mut work = Workspace::new(system);
    while let Some(mut part) = stack.pop() {
        if *boxes >= max_boxes {
            return Coverage::Partial;
        }
        *boxes += 1;
        match search.shrink(&mut part, &mut work) {
            Shrunk::Empty => {}
            Shrunk::OneRegion => solve(&part.sides),
            Shrunk::Undecided => stack.extend(search.cut(part, &work)),
        }
    }
    Coverage::Whole
}

enum Shrunk {
    Empty,
    OneRegion,
    Undecided,
}

/// What one round of shrinking left.
enum Left {
    Nothing,
    /// The largest share of an edge.
    Share(f64),
    /// All of it: the mean slope is singular.
    Everything,
}

struct Search<'a> {
    system: &'a HingeSystem,
    /// The `w` of all hinges, `[K × n]`, one after the other.
    normals: Vec<f64>,
    columns: Vec<f64>,
    biases: Vec<f64>,
    short: Vec<f64>,
    rounding: f64,
}

/// Room for the work on one part.
struct Workspace {
    undecided: Vec<usize>,
    /// Half the height between chord and parallel, for each of `undecided`.
    delta: Vec<f64>,
    /// `Y cₖ` for each of `undecided`, `[U × n]`.
    influence: Vec<f64>,
    /// `A_λ` and the right-hand side that belongs to it.
    matrix: DMatrix<f64>,
    right: DVector<f64>,
    /// Sums of the magnitudes that each equation adds up.
    terms: Vec<f64>,
    error: Vec<f64>,
}

impl Workspace {
    fn new(system: &HingeSystem) -> Self {
        let n = system.dim();
        Self {
            undecided: Vec::new(),
            delta: Vec::new(),
            influence: Vec::new(),
            matrix: DMatrix::zeros(n, n),
            right: DVector::zeros(n),
            terms: vec![0.0; n],
            error: vec![0.0; n],
        }
    }
}

impl<'a> Search<'a> {
    fn new(system: &'a HingeSystem, low: &[f64], high: &[f64], rounding: f64) -> Self {
        Self {
            system,
            normals: system.hinges.iter().flat_map(|hinge| hinge.normal.iter().copied()).collect(),
            columns: system.hinges.iter().flat_map(|hinge| hinge.column.iter().copied()).collect(),
            biases: system.hinges.iter().map(|hinge| hinge.bias).collect(),
            short: low.iter().zip(high).map(|(low, high)| SHORT * (high - low)).collect(),
            rounding: rounding.max(1e-14),
        }
    }

    fn normal(&self, k: usize) -> &[f64] {
        let n = self.system.dim();
        &self.normals[k * n..(k + 1) * n]
    }

    fn column(&self, k: usize) -> &[f64] {
        let n = self.system.dim();
        &self.columns[k * n..(k + 1) * n]
    }

    fn shrink(&self, part: &mut Part, work: &mut Workspace) -> Shrunk {
        for _ in 0..SHRINK_ROUNDS {
            if !self.settle(part, work) {
                return Shrunk::Empty;
            }
            let left = self.contract(part, work);
            if matches!(left, Left::Nothing) {
                return Shrunk::Empty;
            }
            if work.undecided.iter().all(|&k| part.sides[k] != Side::Either) {
                return Shrunk::OneRegion;
            }
            if !matches!(left, Left::Share(share) if share <= WORTH_ANOTHER) {
                return Shrunk::Undecided;
            }
        }
        Shrunk::Undecided
    }

    /// Bounds the activations over the part and settles the hinges that keep one side; false where a cut lies outside.
    fn settle(&self, part: &mut Part, work: &mut Workspace) -> bool {
        work.undecided.clear();
        for at in 0..part.cuts.len() {
            if !self.keep_to(part.cuts[at], part) {
                return false;
            }
        }
        for k in 0..part.sides.len() {
            if part.sides[k] != Side::Either {
                continue;
            }
            let [low, high] = self.activation_range(k, part);
            if !narrow(part, k, low, high) {
                return false;
            }
            if part.sides[k] == Side::Either {
                work.undecided.push(k);
            }
        }
        true
    }

    fn activation_range(&self, k: usize, part: &Part) -> [f64; 2] {
        let (mut middle, mut radius, mut terms) = (self.biases[k], 0.0, self.biases[k].abs());
        for ((w, low), high) in self.normal(k).iter().zip(&part.low).zip(&part.high) {
            middle += w * (low / 2.0 + high / 2.0);
            radius += w.abs() * (high / 2.0 - low / 2.0);
            terms += w.abs() * low.abs().max(high.abs());
        }
        let reach = radius + self.rounding * terms;
        [middle - reach, middle + reach]
    }

    /// Cuts off what lies on the wrong side of a fold along which the part was cut; false where that is all of it.
    fn keep_to(&self, k: usize, part: &mut Part) -> bool {
        let side = if part.sides[k] == Side::On { 1.0 } else { -1.0 };
        let mut highest = side * self.biases[k];
        let mut terms = highest.abs();
        for (w, (low, high)) in self.normal(k).iter().zip(part.low.iter().zip(&part.high)) {
            highest += (side * w * low).max(side * w * high);
            terms += w.abs() * low.abs().max(high.abs());
        }
        highest += 2.0 * self.rounding * terms;
        if highest < 0.0 {
            return false;
        }
        for (j, w) in self.normal(k).iter().enumerate() {
            let slope = side * w;
            if slope > 0.0 {
                part.low[j] = part.low[j].max(part.high[j] - highest / slope);
            } else if slope < 0.0 {
                part.high[j] = part.high[j].min(part.low[j] - highest / slope);
            }
        }
        true
    }

    /// Intersects the part with where its solutions must lie.
    fn contract(&self, part: &mut Part, work: &mut Workspace) -> Left {
        let n = self.system.dim();
        self.linearise(part, work);
        let Some(inverse) = work.matrix.clone().try_inverse().filter(|y| y.iter().all(|x| x.is_finite())) else {
            return Left::Everything;
        };
        work.influence.clear();
        work.influence.resize(work.undecided.len() * n, 0.0);
        for (&k, influence) in work.undecided.iter().zip(work.influence.chunks_exact_mut(n.max(1))) {
            for (c, y) in self.column(k).iter().zip(inverse.column_iter()) {
                influence.iter_mut().zip(y.iter()).for_each(|(v, y)| *v += c * y);
            }
        }
        let center = &inverse * &work.right;
        let leak = DMatrix::identity(n, n) - &inverse * &work.matrix;
        let mut share: f64 = 0.0;
        for i in 0..n {
            let spread = |(delta, influence): (&f64, &[f64])| influence[i].abs() * delta;
            let radius: f64 = work.delta.iter().zip(work.influence.chunks_exact(n)).map(spread).sum();
            let mut error = 0.0;
            for j in 0..n {
                error += leak[(i, j)].abs() * part.low[j].abs().max(part.high[j].abs());
                error += self.rounding * inverse[(i, j)].abs() * work.terms[j];
            }
            work.error[i] = error;
            let before = part.high[i] - part.low[i];
            // A bound that is not a number is no bound.
            part.low[i] = part.low[i].max(center[i] - radius - error);
            part.high[i] = part.high[i].min(center[i] + radius + error);
            let after = part.high[i] - part.low[i];
            if after < 0.0 {
                return Left::Nothing;
            }
            if before > 0.0 {
                share = share.max(after / before);
            }
        }
        // Bounds from all pairs of hinges pay where pairs are few.
        let few = work.undecided.len() <= MAX_PAIRED;
        if !few || self.narrow_activations(part, work, &center) { Left::Share(share) } else { Left::Nothing }
    }

    /// `A_λ`, its right-hand side and `δ`, with every undecided hinge replaced by the line in the middle of its strip.
    fn linearise(&self, part: &Part, work: &mut Workspace) {
        work.matrix.copy_from(&self.system.balance);
        work.right.copy_from_slice(&self.system.offset);
        work.delta.clear();
        let size = |j: usize| part.low[j].abs().max(part.high[j].abs());
        for (i, terms) in work.terms.iter_mut().enumerate() {
            *terms = self.system.offset[i].abs();
            *terms += (0..part.low.len()).map(|j| self.system.balance[(i, j)].abs() * size(j)).sum::<f64>();
        }
        for (k, side) in part.sides.iter().enumerate() {
            let (slope, lift) = match side {
                Side::Off => continue,
                Side::On => (1.0, 0.0),
                Side::Either => {
                    let [low, high] = part.range[k];
                    let slope = high / (high - low);
                    work.delta.push(-slope * low / 2.0);
                    (slope, -slope * low / 2.0)
                }
            };
            let column = self.column(k);
            let mut reach = self.biases[k].abs() + lift;
            for (j, w) in self.normal(k).iter().enumerate() {
                let factor = slope * w;
                work.matrix.column_mut(j).iter_mut().zip(column).for_each(|(a, c)| *a -= factor * c);
                reach += w.abs() * size(j);
            }
            let constant = slope * self.biases[k] + lift;
            work.right.iter_mut().zip(column).for_each(|(h, c)| *h += constant * c);
            work.terms.iter_mut().zip(column).for_each(|(terms, c)| *terms += reach * c.abs());
        }
    }

    /// Bounds the undecided activations by the equation itself, which sees that they vary together; false where one of
    /// them, or a cut, is left without a value.
    fn narrow_activations(&self, part: &mut Part, work: &Workspace, center: &DVector<f64>) -> bool {
        let n = self.system.dim();
        let cuts = part.cuts.clone();
        work.undecided.iter().chain(&cuts).all(|&k| {
            let normal = self.normal(k);
            let middle = self.biases[k] + dot(normal, center.as_slice());
            let spread = |(delta, influence): (&f64, &[f64])| dot(normal, influence).abs() * delta;
            let radius: f64 = work.delta.iter().zip(work.influence.chunks_exact(n.max(1))).map(spread).sum();
            let error: f64 = normal.iter().zip(&work.error).map(|(w, error)| w.abs() * error).sum::<f64>()
                + self.rounding
                    * (self.biases[k].abs()
                        + normal.iter().zip(center.iter()).map(|(w, x)| (w * x).abs()).sum::<f64>());
            narrow(part, k, middle - radius - error, middle + radius + error)
        })
    }

    /// The two halves across the axis, or along the fold, that leaves least undecided.
    fn cut(&self, part: Part, work: &Workspace) -> [Part; 2] {
        let n = self.system.dim();
        let edges: Vec<f64> = part.low.iter().zip(&part.high).map(|(low, high)| high - low).collect();
        let weights: Vec<f64> = if work.influence.len() == work.undecided.len() * n
            && work.delta.len() == work.undecided.len()
        {
            let relative = |influence: &[f64]| {
                influence.iter().zip(&edges).map(|(y, edge)| y.abs() / edge.max(f64::MIN_POSITIVE)).fold(0.0, f64::max)
            };
            work.influence.chunks_exact(n.max(1)).map(relative).collect()
        } else {
            vec![1.0; work.undecided.len()]
        };
        let undecided = || work.undecided.iter().zip(&weights).filter(|&(&k, _)| part.sides[k] == Side::Either);
        let total: f64 = undecided().map(|(&k, weight)| weight * half_height(part.range[k])).sum();
        let mut best = (Cut::Axis(0), f64::INFINITY);
        for (&k, weight) in undecided() {
            let rest = total - weight * half_height(part.range[k]);
            if rest < best.1 {
                best = (Cut::Fold(k), rest);
            }
        }
        for (j, &edge) in edges.iter().enumerate() {
            if edge <= self.short[j] {
                continue;
            }
            let mut rest = [0.0; 2];
            for (&k, weight) in undecided() {
                let ([low, high], slope) = (part.range[k], self.normal(k)[j]);
                let taken = slope.abs() * edge / 2.0;
                let halves = if slope > 0.0 {
                    [[low, high - taken], [low + taken, high]]
                } else {
                    [[low + taken, high], [low, high - taken]]
                };
                rest.iter_mut().zip(halves).for_each(|(rest, half)| *rest += weight * half_height(half));
            }
            let rest = rest[0].max(rest[1]);
            if rest < best.1 {
                best = (Cut::Axis(j), rest);
            }
        }
        let mut halves = [part.clone(), part];
        match best.0 {
            Cut::Axis(j) => {
                let middle = halves[0].low[j] / 2.0 + halves[0].high[j] / 2.0;
                halves[0].high[j] = middle;
                halves[1].low[j] = middle;
            }
            Cut::Fold(k) => {
                for (half, side) in halves.iter_mut().zip([Side::Off, Side::On]) {
                    half.sides[k] = side;
                    half.cuts.push(k);
                    let at = usize::from(side == Side::Off);
                    half.range[k][at] = 0.0;
                }
            }
        }
        halves
    }
}

enum Cut {
    Axis(usize),
    Fold(usize),
}

/// Half the height of the strip that holds `relu` over a range.
fn half_height([low, high]: [f64; 2]) -> f64 {
    if low < 0.0 && high > 0.0 { -low * high / (high - low) / 2.0 } else { 0.0 }
}

/// Intersects the range of activation `k` with `[low, high]`; false where nothing is left.
fn narrow(part: &mut Part, k: usize, low: f64, high: f64) -> bool {
    let range = &mut part.range[k];
    range[0] = range[0].max(low);
    range[1] = range[1].min(high);
    if part.sides[k] == Side::Either {
        if range[0] >= 0.0 {
            part.sides[k] = Side::On;
        } else if range[1] <= 0.0 {
            part.sides[k] = Side::Off;
        }
    }
    range[0] <= range[1]
}
