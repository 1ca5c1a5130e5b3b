//! Every cycle of a piecewise-linear map of the plane up to some period, by following all itineraries.
//!
//! The points that visit the same linear regions for `t` steps form a convex polygon, on which `Fᵗ` is affine. The next
//! region cuts it into polygons again, until a word is as long as the longest period asked for. Each word has at most one
//! isolated cycle, `z = (I − A)⁻¹ c`, and it counts if it lies in the polygon of its word. Where `I − A` is singular it may have a line or
//! a plane of them, and so have its repetitions where it turns by a root of unity. Of all rotations of a word only the smallest is followed.
//!
//! Polygons are kept in homogeneous coordinates, as polygons on the sphere: the whole plane is one, and nothing is
//! outside. Where the map is not chaotic the number of polygons grows with a power of the time, and periods of a hundred
//! are within reach; where it is, it grows exponentially.
//!
//! Sources: Fredricksen & Maiorana (1978), Discrete Math. 23, 207–210, for the smallest rotations; Sutherland & Hodgman
//! (1974), Commun. ACM 17, 32–42, for cutting polygons.

mod affine;
mod neutral_words;
mod polygon;

use affine::{Affine, composed, fixed_point_of, pulled_back};
use neutral_words::family_of;
use polygon::Polygon;

use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;

/// How far all itineraries were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Every cycle of at most this period was offered.
    pub complete_up_to: usize,
    /// Polygons looked at.
    pub polygons: usize,
}

/// What following the itineraries comes upon.
pub(crate) enum Met<'a> {
    /// The first point of the cycle that visits the regions of `word`.
    Cycle {
        start: &'a [f64],
        word: &'a [ActivationPattern],
        /// Otherwise so close to the border of its polygon that only its own orbit tells.
        is_inside: bool,
    },
    /// A point of a line or plane of cycles of this period.
    Family { start: &'a [f64], period: usize },
}

/// Offers every cycle of at most `max_period` in a map of one or two dimensions, as far as
/// `max_polygons` go. Points on the borders of their polygons are offered too, some more than once.
pub(crate) fn follow_itineraries(
    map: &PiecewiseLinearMap,
    max_period: usize,
    max_polygons: usize,
    mut offer: impl FnMut(Met<'_>),
) -> Followed {
    let mut followed = Followed { complete_up_to: 0, polygons: 0 };
    let Some(plane) = Plane::of(map) else {
        return followed;
    };
    let mut depth = 1;
    // Depth by depth, so that what the polygons allowed suffice for is known to be complete.
    loop {
        let polygons_before = followed.polygons;
        let shallower = followed.complete_up_to;
        let done = plane.follow_to(depth, max_polygons, &mut followed.polygons, |cell, word| {
            cell.time > shallower && cell.offer_cycles(word, map.dim(), max_period, &mut offer)
        });
        if !done {
            return followed;
        }
        followed.complete_up_to = depth.min(plane.trusted.get());
        if depth >= max_period || plane.trusted.get() < depth {
            return followed;
        }
        // A depth that costs a few times the last one is worth starting only if it can be finished.
        let last_cost = followed.polygons - polygons_before;
        let left = max_polygons.saturating_sub(followed.polygons);
        depth = if left / 8 > last_cost { (2 * depth).min(max_period) } else { depth + 1 };
    }
}

/// A map of the plane; one dimension is given a second that is always zero.
struct Plane<'a> {
    map: &'a PiecewiseLinearMap,
    /// `wₖ` and `bₖ` as functionals on `(x, y, 1)`.
    folds: Vec<[f64; 3]>,
    /// Every word of at most this length was followed in polygons that rounding has not blurred.
    trusted: std::cell::Cell<usize>,
}

/// The points that share an itinerary so far, part of the way into the next region.
#[derive(Clone)]
struct Cell {
    polygon: Polygon,
    /// `Fᵗ` on the polygon.
    reached: Affine,
    time: usize,
    /// Hinges of the region at time `t` that are decided.
    decided: usize,
    region: ActivationPattern,
    /// Length of the shortest word whose repetition begins with the word so far.
    word_period: usize,
}

/// Points no further outside than this are offered, to be judged by their own orbit.
const NEARLY_INSIDE: f64 = 1e-7;
/// Polygons followed in the time in which a cycle is confirmed, for each of its points.
const POLYGONS_PER_POINT: usize = 5;
/// Where distances have grown by more than this, polygons are so thin that rounding decides what is in them, and the one cycle of a word
/// is known too badly to be found again.
const MOST_EXPANSION: f64 = 1e7;
/// Points no further outside than this are inside.
const INSIDE: f64 = 1e-13;

impl<'a> Plane<'a> {
    fn of(map: &'a PiecewiseLinearMap) -> Option<Self> {
        let fold = |normal: &[f64], bias: f64| match *normal {
            [x] => Some([x, 0.0, bias]),
            [x, y] => Some([x, y, bias]),
            _ => None,
        };
        if map.dim() > 2 {
            return None;
        }
        let folds = map.hinges().iter().map(|hinge| fold(&hinge.normal, hinge.bias)).collect::<Option<_>>()?;
        Some(Self { map, folds, trusted: std::cell::Cell::new(usize::MAX) })
    }

    /// Whether all itineraries of `depth` regions were followed before the polygons ran out.
    fn follow_to(
        &self,
        depth: usize,
        max_polygons: usize,
        polygons: &mut usize,
        mut close: impl FnMut(&Cell, &[ActivationPattern]) -> bool,
    ) -> bool {
        let mut word: Vec<ActivationPattern> = Vec::with_capacity(depth);
        let mut stack = vec![Cell {
            polygon: Polygon::plane(),
            reached: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            time: 0,
            decided: 0,
            region: ActivationPattern::inactive(self.folds.len()),
            word_period: 1,
        }];
        while let Some(mut cell) = stack.pop() {
            word.truncate(cell.time);
            while cell.decided < self.folds.len() {
                let line = pulled_back(&self.folds[cell.decided], &cell.reached);
                let (on, off) = cell.polygon.sides(&line);
                if on && off {
                    let mut other = cell.clone();
                    other.polygon = cell.polygon.clipped(&line, 1.0);
                    other.region.set(cell.decided, true);
                    other.decided += 1;
                    stack.push(other);
                    cell.polygon = cell.polygon.clipped(&line, -1.0);
                } else {
                    cell.region.set(cell.decided, on);
                }
                cell.decided += 1;
            }
            *polygons += 1;
            if *polygons > max_polygons {
                return false;
            }
            if !cell.keeps_smallest(&word) {
                continue;
            }
            word.push(cell.region.clone());
            let step = self.step_in(&cell.region);
            cell.reached = composed(&step, &cell.reached);
            cell.time += 1;
            if cell.reached.iter().flatten().any(|x| !x.is_finite()) {
                return false;
            }
            if cell.reached.iter().any(|row| row[0].abs().max(row[1].abs()) > MOST_EXPANSION) {
                self.trusted.set(self.trusted.get().min(cell.time - 1));
            }
            if cell.time == cell.word_period && close(&cell, &word) {
                *polygons += POLYGONS_PER_POINT * cell.time;
            }
            if cell.time < depth {
                cell.decided = 0;
                cell.region = ActivationPattern::inactive(self.folds.len());
                stack.push(cell);
            }
        }
        true
    }

    fn step_in(&self, region: &ActivationPattern) -> Affine {
        let (jacobian, offset) = self.map.affine_in(region);
        match self.map.dim() {
            1 => [[jacobian[(0, 0)], 0.0, offset[0]], [0.0; 3]],
            _ => [[jacobian[(0, 0)], jacobian[(0, 1)], offset[0]], [jacobian[(1, 0)], jacobian[(1, 1)], offset[1]]],
        }
    }
}

impl Cell {
    /// Whether the word with this region at its end can still begin a smallest rotation, and if so of which period.
    fn keeps_smallest(&mut self, word: &[ActivationPattern]) -> bool {
        let Some(before) = self.time.checked_sub(self.word_period) else {
            return true;
        };
        match self.region.cmp(&word[before]) {
            std::cmp::Ordering::Less => return false,
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => self.word_period = self.time + 1,
        }
        true
    }

    /// The isolated cycle of a word that has just been closed, and the families of cycles in it; whether there was any.
    fn offer_cycles(
        &self,
        word: &[ActivationPattern],
        dim: usize,
        max_period: usize,
        offer: &mut impl FnMut(Met<'_>),
    ) -> bool {
        let family = family_of(&self.reached, &self.polygon, max_period / self.time);
        if let Some((z, turns)) = family {
            offer(Met::Family { start: &z[..dim], period: turns * self.time });
        }
        // On a line of them, none is the one.
        let is_isolated = family.is_none_or(|(_, turns)| turns > 1);
        if is_isolated
            && let Some(z) = fixed_point_of(&self.reached)
            && self.polygon.holds(z, NEARLY_INSIDE)
        {
            offer(Met::Cycle { start: &z[..dim], word, is_inside: self.polygon.holds(z, INSIDE) });
            return true;
        }
        family.is_some()
    }
}
