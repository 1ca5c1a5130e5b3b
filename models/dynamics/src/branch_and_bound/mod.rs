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

mod bounds;
mod contraction;
mod cuts;

use nalgebra::{DMatrix, DVector};

use crate::hinge_system::HingeSystem;
use contraction::Left;

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
