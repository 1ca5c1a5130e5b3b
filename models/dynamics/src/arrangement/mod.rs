//! The cells into which a set of hyperplanes divides space.
//!
//! Hyperplanes are inserted one by one. A new one cuts exactly those cells that it passes through, and these are
//! the cells of the arrangement that the earlier hyperplanes draw *on* it: the same problem, one dimension lower.
//! On a line the cells are the gaps between sorted points. No linear program is solved, and parallel, repeated and
//! concurrent hyperplanes need no special care: restricted to a common flat they fall together and are merged.
//!
//! In general position `n` hyperplanes in `d` dimensions have `Σ_{i ≤ d} C(n, i)` cells. The cost is that number
//! times `n`. Cells thinner than the rounding of the hyperplanes themselves may be merged into their neighbours.
//!
//! Source for deletion and restriction: Zaslavsky (1975), Mem. Am. Math. Soc. 154; Orlik & Terao (1992).

mod division;
mod plane;
mod restriction;
#[cfg(test)]
mod tests;

use crate::geometry::{dot, norm};
use crate::pattern::ActivationPattern;
use division::Division;
use plane::{Plane, in_their_span};
use restriction::{Flat, Merged};

/// The hyperplane `normal · x + offset = 0`; the normal need not have length one, but must not be zero.
pub(crate) struct Hyperplane {
    pub normal: Vec<f64>,
    pub offset: f64,
}

/// The sign patterns (bit set where `normal · x + offset > 0`) of all cells, or `None` if there are more than `max_cells`
/// or could be: the count is bounded beforehand as if the distinct hyperplanes were in general position.
pub(crate) fn cells(dim: usize, hyperplanes: &[Hyperplane], max_cells: usize) -> Option<Vec<ActivationPattern>> {
    let merged = Merged::of(hyperplanes.iter().map(Plane::normalised).collect());
    let (rank, planes) = in_their_span(dim, &merged.planes);
    let n = planes.len();
    if cells_in_general_position(n, rank) > max_cells as u128 {
        return None;
    }
    if rank == n {
        // Independent normals: every pattern occurs, nothing need be computed.
        let all = (0..1_u64 << n).map(|bits| {
            let mut signs = ActivationPattern::inactive(n);
            (0..n).for_each(|k| signs.set(k, bits >> k & 1 == 1));
            merged.expand(&signs)
        });
        return Some(all.collect());
    }
    Some(divide(rank, &planes).into_iter().map(|cell| merged.expand(&cell.signs)).collect())
}

/// `Σ_{i ≤ d} C(n, i)`, the largest number of cells that `n` hyperplanes can cut; saturating.
///
/// Source: Schläfli (1901); Zaslavsky (1975).
pub(crate) fn cells_in_general_position(n: usize, dim: usize) -> u128 {
    let mut term: u128 = 1;
    let mut sum: u128 = 1;
    for i in 0..dim.min(n) {
        term = match term.checked_mul((n - i) as u128) {
            Some(product) => product / (i + 1) as u128,
            None => return u128::MAX,
        };
        sum = sum.saturating_add(term);
    }
    sum
}

/// One cell: its signs over the planes inserted so far, and a point inside.
struct Cell {
    signs: ActivationPattern,
    witness: Vec<f64>,
}

/// Every cell of distinct planes in `dim` dimensions.
fn divide(dim: usize, planes: &[Plane]) -> Vec<Cell> {
    if dim == 1 {
        return divide_line(planes);
    }
    let mut division = Division::undivided(dim, planes.len());
    for (k, plane) in planes.iter().enumerate() {
        let flat = Flat::of(plane);
        let traces = flat.restrict(&planes[..k]);
        let cut = divide(dim - 1, &traces.planes);
        for cell in &mut division.cells {
            cell.signs.set(k, plane.height(&cell.witness) > 0.0);
        }
        for trace in cut {
            let point = flat.lift(&trace.witness);
            let halves = [false, true].map(|side| beside(&point, plane, side, &planes[..k]));
            division.cut(k, plane, &traces.expand(&trace.signs), halves);
        }
    }
    division.cells
}

/// The gaps between the points that planes are on a line, from left to right.
fn divide_line(planes: &[Plane]) -> Vec<Cell> {
    let mut roots: Vec<(f64, usize)> =
        planes.iter().enumerate().map(|(k, plane)| (-plane.offset * plane.normal[0].signum(), k)).collect();
    roots.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut signs = ActivationPattern::inactive(planes.len());
    for (k, plane) in planes.iter().enumerate() {
        signs.set(k, plane.normal[0] < 0.0);
    }
    let mut cells = Vec::with_capacity(roots.len() + 1);
    for i in 0..=roots.len() {
        let witness = match (i.checked_sub(1).map(|i| roots[i].0), roots.get(i).map(|root| root.0)) {
            (None, None) => 0.0,
            (None, Some(right)) => right - 1.0 - right.abs(),
            (Some(left), None) => left + 1.0 + left.abs(),
            (Some(left), Some(right)) => left / 2.0 + right / 2.0,
        };
        cells.push(Cell { signs: signs.clone(), witness: vec![witness] });
        if let Some(&(_, k)) = roots.get(i) {
            signs.set(k, !signs.is_active(k));
        }
    }
    cells
}

/// A point off `plane` on the given side of it, from which `point` is seen without another plane between.
fn beside(point: &[f64], plane: &Plane, positive: bool, others: &[Plane]) -> Vec<f64> {
    let direction = if positive { 1.0 } else { -1.0 };
    let mut reach = 1.0 + norm(point);
    for other in others {
        let closing = -direction * dot(&plane.normal, &other.normal);
        let height = other.height(point);
        if closing * height > 0.0 {
            reach = reach.min(height / closing);
        }
    }
    point.iter().zip(&plane.normal).map(|(x, n)| x + direction * reach / 2.0 * n).collect()
}
