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

use nalgebra::DMatrix;

use crate::geometry::{distance, dot, norm};
use crate::pattern::ActivationPattern;
use crate::singular_values::SingularValues;

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

/// Error of one computed coordinate, relative.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// A hyperplane with a normal of length one.
#[derive(Debug, Clone)]
struct Plane {
    normal: Vec<f64>,
    offset: f64,
    /// How far rounding may have turned the normal.
    tilt: f64,
    /// How far rounding may have moved the offset.
    slip: f64,
}

/// One cell: its signs over the planes inserted so far, and a point inside.
struct Cell {
    signs: ActivationPattern,
    witness: Vec<f64>,
}

impl Plane {
    fn normalised(hyperplane: &Hyperplane) -> Self {
        let length = norm(&hyperplane.normal);
        let offset = hyperplane.offset / length;
        let normal = hyperplane.normal.iter().map(|x| x / length).collect();
        Self { normal, offset, tilt: ROUNDING, slip: ROUNDING * offset.abs() }
    }

    fn height(&self, x: &[f64]) -> f64 {
        dot(&self.normal, x) + self.offset
    }

    /// Whether both are one hyperplane up to rounding, and if so whether they face opposite ways.
    fn same_as(&self, other: &Self) -> Option<Facing> {
        let opposite = dot(&self.normal, &other.normal) < 0.0;
        let sign = if opposite { -1.0 } else { 1.0 };
        let mirrored: Vec<f64> = other.normal.iter().map(|x| sign * x).collect();
        let same = (self.offset - sign * other.offset).abs() <= 4.0 * (self.slip + other.slip)
            && distance(&self.normal, &mirrored) <= 4.0 * (self.tilt + other.tilt);
        same.then_some(if opposite { Facing::Opposite } else { Facing::Same })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facing {
    Same,
    Opposite,
}

/// What one of the given hyperplanes is, once repeated ones are merged.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// The same plane as the distinct one of this index.
    Is(usize, Facing),
    /// Parallel to the flat we are on: one sign throughout.
    Constant(bool),
}

/// Distinct planes, and how each given hyperplane's sign follows from theirs.
struct Merged {
    planes: Vec<Plane>,
    roles: Vec<Role>,
}

impl Merged {
    fn of(given: Vec<Plane>) -> Self {
        let mut merged = Self { planes: Vec::new(), roles: Vec::with_capacity(given.len()) };
        given.into_iter().for_each(|plane| merged.push(plane));
        merged
    }

    fn push(&mut self, plane: Plane) {
        let known = self.planes.iter().enumerate().find_map(|(k, other)| Some((k, plane.same_as(other)?)));
        if let Some((index, facing)) = known {
            self.roles.push(Role::Is(index, facing));
        } else {
            self.roles.push(Role::Is(self.planes.len(), Facing::Same));
            self.planes.push(plane);
        }
    }

    /// Signs of all given hyperplanes from those of the distinct ones.
    fn expand(&self, signs: &ActivationPattern) -> ActivationPattern {
        let mut expanded = ActivationPattern::inactive(self.roles.len());
        for (k, role) in self.roles.iter().enumerate() {
            expanded.set(
                k,
                match *role {
                    Role::Is(index, facing) => signs.is_active(index) == (facing == Facing::Same),
                    Role::Constant(positive) => positive,
                },
            );
        }
        expanded
    }
}

/// One hyperplane as a space of its own: orthonormal coordinates from the reflection that turns its normal onto
/// the last axis (Householder 1958).
struct Flat<'a> {
    plane: &'a Plane,
    /// The foot of the perpendicular from the origin.
    foot: Vec<f64>,
    /// `v` of the reflection `x − 2 v (v·x)`, of length one.
    mirror: Vec<f64>,
}

impl<'a> Flat<'a> {
    fn of(plane: &'a Plane) -> Self {
        let foot = plane.normal.iter().map(|x| -plane.offset * x).collect();
        let mut mirror = plane.normal.clone();
        if let Some(last) = mirror.last_mut() {
            *last += if *last >= 0.0 { 1.0 } else { -1.0 };
        }
        let length = norm(&mirror);
        mirror.iter_mut().for_each(|x| *x /= length);
        Self { plane, foot, mirror }
    }

    fn reflect(&self, x: &[f64]) -> Vec<f64> {
        let along = 2.0 * dot(&self.mirror, x);
        x.iter().zip(&self.mirror).map(|(x, v)| x - along * v).collect()
    }

    /// The point of space at these coordinates of the flat.
    fn lift(&self, coordinates: &[f64]) -> Vec<f64> {
        let mut padded = coordinates.to_vec();
        padded.push(0.0);
        self.reflect(&padded).iter().zip(&self.foot).map(|(x, p)| x + p).collect()
    }

    /// The traces of other planes on this one.
    fn restrict(&self, planes: &[Plane]) -> Merged {
        let mut merged = Merged { planes: Vec::new(), roles: Vec::with_capacity(planes.len()) };
        for plane in planes {
            let mut normal = self.reflect(&plane.normal);
            normal.pop();
            let offset = plane.height(&self.foot);
            let tilt = plane.tilt + self.plane.tilt;
            let slip = plane.slip + self.plane.slip + tilt * self.plane.offset.abs();
            let sine = norm(&normal);
            if sine <= 4.0 * tilt {
                merged.roles.push(Role::Constant(offset > 0.0));
                continue;
            }
            normal.iter_mut().for_each(|x| *x /= sine);
            // A shallow angle magnifies every error.
            merged.push(Plane { normal, offset: offset / sine, tilt: tilt / sine, slip: slip / sine });
        }
        merged
    }
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

/// The cells so far, and a decision tree over the planes that cut them: from a sign pattern to its cell in as
/// many comparisons as that cell was cut.
struct Division {
    cells: Vec<Cell>,
    nodes: Vec<Node>,
    /// Cells that the tree does not lead to, because they were too thin to be seen when the tree grew around them.
    strays: Vec<usize>,
}

enum Node {
    Cell(usize),
    /// Below, the cells on the negative and on the positive side of a plane.
    Cut {
        plane: usize,
        sides: [usize; 2],
    },
}

impl Division {
    /// All of space, of which `n_planes` planes will be asked.
    fn undivided(dim: usize, n_planes: usize) -> Self {
        let space = Cell { signs: ActivationPattern::inactive(n_planes), witness: vec![0.0; dim] };
        Self { cells: vec![space], nodes: vec![Node::Cell(0)], strays: Vec::new() }
    }

    /// Cuts the cell of these signs (over the planes before `k`) by plane `k`, of which `halves` lie on either side.
    fn cut(&mut self, k: usize, plane: &Plane, signs: &ActivationPattern, halves: [Vec<f64>; 2]) {
        let leaf = self.leaf_of(signs);
        let whole = match self.nodes[leaf] {
            Node::Cell(index) if self.cells[index].signs.agrees_before(k, signs) => Some(index),
            _ => self.strays.iter().copied().find(|&index| self.cells[index].signs.agrees_before(k, signs)),
        };
        let side_of_whole = whole.map(|index| self.cells[index].signs.is_active(k));
        let mut indices = [whole.unwrap_or(0); 2];
        for (side, witness) in [false, true].into_iter().zip(halves) {
            match whole {
                // One half is already there, by the side of its witness. A witness on the plane itself, as the origin
                // is for every plane through it, is no witness any more.
                Some(index) if side_of_whole == Some(side) => {
                    let old = &mut self.cells[index].witness;
                    if plane.height(&witness).abs() > plane.height(old).abs() {
                        *old = witness;
                    }
                }
                // The other half is new, or both are, where no cell was known around the trace.
                _ => {
                    let mut signs = signs.resized(self.cells[0].signs.len());
                    signs.set(k, side);
                    indices[usize::from(side)] = self.cells.len();
                    self.cells.push(Cell { signs, witness });
                }
            }
        }
        match self.nodes[leaf] {
            Node::Cell(index) if whole == Some(index) => {
                let first = self.nodes.len();
                self.nodes.extend(indices.map(Node::Cell));
                self.nodes[leaf] = Node::Cut { plane: k, sides: [first, first + 1] };
            }
            _ => self.strays.extend(indices.into_iter().filter(|&index| Some(index) != whole)),
        }
    }

    fn leaf_of(&self, signs: &ActivationPattern) -> usize {
        let mut at = 0;
        while let Node::Cut { plane, sides } = self.nodes[at] {
            at = sides[usize::from(signs.is_active(plane))];
        }
        at
    }
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

/// The same planes in orthonormal coordinates of the space that their normals span, and its dimension: moving
/// across that space changes no sign.
fn in_their_span(dim: usize, planes: &[Plane]) -> (usize, Vec<Plane>) {
    if planes.is_empty() {
        return (0, Vec::new());
    }
    let normals = DMatrix::from_fn(planes.len(), dim, |k, j| planes[k].normal[j]);
    let singular = SingularValues::of(&normals);
    let floor = ROUNDING * (planes.len().max(dim)) as f64;
    let rank = singular.rank(floor);
    if rank == dim {
        return (dim, planes.to_vec());
    }
    let project = |plane: &Plane| {
        let mut normal: Vec<f64> = (0..rank).map(|i| dot(singular.right.column(i).as_slice(), &plane.normal)).collect();
        let length = norm(&normal);
        normal.iter_mut().for_each(|x| *x /= length);
        Plane { normal, offset: plane.offset / length, tilt: plane.tilt + floor * singular.largest(), slip: plane.slip }
    };
    (rank, planes.iter().map(project).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn count(dim: usize, planes: &[(&[f64], f64)]) -> usize {
        let planes: Vec<_> =
            planes.iter().map(|&(normal, offset)| Hyperplane { normal: normal.to_vec(), offset }).collect();
        let all = cells(dim, &planes, 1_000_000).unwrap();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "a cell appears twice");
        all.len()
    }

    /// Numbers that no two hyperplanes share, without a generator.
    fn scattered(i: usize) -> f64 {
        ((1 + i) as f64).sin() * 43_758.545 % 1.0
    }

    fn scattered_planes(n: usize, dim: usize, offset: impl Fn(usize) -> f64) -> Vec<Hyperplane> {
        (0..n)
            .map(|k| Hyperplane {
                normal: (0..dim).map(|j| scattered(1 + j + k * k * dim + 7 * j * j * k)).collect(),
                offset: offset(k),
            })
            .collect()
    }

    #[test]
    fn counts_are_the_ones_in_the_textbook() {
        assert_eq!(count(2, &[]), 1);
        assert_eq!(count(1, &[(&[1.0], 0.0), (&[2.0], 1.0), (&[-3.0], 1.0)]), 4);
        // Three lines through a point, three in a triangle, three in parallel, a line thrice.
        assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[0.0, 1.0], 0.0), (&[1.0, 1.0], 0.0)]), 6);
        assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[0.0, 1.0], 0.0), (&[1.0, 1.0], 1.0)]), 7);
        assert_eq!(count(2, &[(&[1.0, 0.0], 0.0), (&[1.0, 0.0], 1.0), (&[-2.0, 0.0], 1.0)]), 4);
        assert_eq!(count(2, &[(&[1.0, 0.0], 1.0), (&[-1.0, 0.0], -1.0), (&[2.0, 0.0], 2.0)]), 2);
        // The braid arrangement xᵢ = xⱼ in four dimensions: one cell per order, 4!.
        let mut braid = Vec::new();
        for i in 0..4 {
            for j in 0..i {
                let mut normal = vec![0.0; 4];
                (normal[i], normal[j]) = (1.0, -1.0);
                braid.push(Hyperplane { normal, offset: 0.0 });
            }
        }
        assert_eq!(cells(4, &braid, 1000).unwrap().len(), 24);
    }

    /// In general position `Σ C(n, i)`; through one point `2 Σ_{i < d} C(n − 1, i)`.
    #[test]
    fn general_and_central_arrangements_have_their_numbers_of_cells() {
        for (n, dim) in [(5, 2), (9, 3), (20, 3), (12, 4), (9, 6)] {
            let general = cells(dim, &scattered_planes(n, dim, |k| scattered(3 + 5 * k)), 1_000_000).unwrap();
            assert_eq!(general.len() as u128, cells_in_general_position(n, dim), "{n} in {dim}");
            let central = cells(dim, &scattered_planes(n, dim, |_| 0.0), 1_000_000).unwrap();
            assert_eq!(central.len() as u128, 2 * cells_in_general_position(n - 1, dim - 1), "{n} in {dim}");
        }
    }

    #[test]
    fn too_many_cells_are_refused_beforehand() {
        assert!(cells(3, &scattered_planes(50, 3, scattered), 20_000).is_none());
        assert!(cells(40, &scattered_planes(200, 40, scattered), usize::MAX).is_none());
    }

    proptest! {
        /// Wherever a point falls, its cell is in the list: planes from few integers, in every special position.
        #[test]
        fn every_point_lies_in_a_listed_cell(
            rows in prop::collection::vec((-2..=2_i8, -2..=2_i8, -2..=2_i8, -1..=1_i8), 0..10),
            points in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64, -9.0..9.0_f64), 300),
        ) {
            let planes: Vec<Hyperplane> = rows
                .iter()
                .filter(|row| (row.0, row.1, row.2) != (0, 0, 0))
                .map(|row| Hyperplane {
                    normal: vec![row.0.into(), row.1.into(), row.2.into()],
                    offset: row.3.into(),
                })
                .collect();
            let listed: HashSet<_> = cells(3, &planes, 100_000).unwrap().into_iter().collect();
            for point in points {
                // Half of the points close in on the origin, where many planes meet.
                for scale in [1.0, 0.05] {
                    let x = [point.0 * scale, point.1 * scale, point.2 * scale];
                    let mut signs = ActivationPattern::inactive(planes.len());
                    for (k, plane) in planes.iter().enumerate() {
                        signs.set(k, dot(&plane.normal, &x) + plane.offset > 0.0);
                    }
                    prop_assert!(listed.contains(&signs));
                }
            }
        }
    }
}
