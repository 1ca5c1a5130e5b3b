//! Hyperplanes with normals of length one, and how far rounding may have moved them.

use nalgebra::DMatrix;

use super::Hyperplane;
use crate::geometry::{distance, dot, norm};
use crate::singular_values::SingularValues;

/// Error of one computed coordinate, relative.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// A hyperplane with a normal of length one.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub normal: Vec<f64>,
    pub offset: f64,
    /// How far rounding may have turned the normal.
    pub tilt: f64,
    /// How far rounding may have moved the offset.
    pub slip: f64,
}

impl Plane {
    pub fn normalised(hyperplane: &Hyperplane) -> Self {
        let length = norm(&hyperplane.normal);
        let offset = hyperplane.offset / length;
        let normal = hyperplane.normal.iter().map(|x| x / length).collect();
        Self { normal, offset, tilt: ROUNDING, slip: ROUNDING * offset.abs() }
    }

    pub fn height(&self, x: &[f64]) -> f64 {
        dot(&self.normal, x) + self.offset
    }

    /// Whether both are one hyperplane up to rounding, and if so whether they face opposite ways.
    pub fn same_as(&self, other: &Self) -> Option<Facing> {
        let opposite = dot(&self.normal, &other.normal) < 0.0;
        let sign = if opposite { -1.0 } else { 1.0 };
        let mirrored: Vec<f64> = other.normal.iter().map(|x| sign * x).collect();
        let same = (self.offset - sign * other.offset).abs() <= 4.0 * (self.slip + other.slip)
            && distance(&self.normal, &mirrored) <= 4.0 * (self.tilt + other.tilt);
        same.then_some(if opposite { Facing::Opposite } else { Facing::Same })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facing {
    Same,
    Opposite,
}

/// The same planes in orthonormal coordinates of the space that their normals span, and its dimension: moving
/// across that space changes no sign.
pub(super) fn in_their_span(dim: usize, planes: &[Plane]) -> (usize, Vec<Plane>) {
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
