//! The traces of hyperplanes on one of them, and which of them fall together there.

use super::plane::{Facing, Plane};
use crate::geometry::{dot, norm};
use crate::pattern::ActivationPattern;

/// What one of the given hyperplanes is, once repeated ones are merged.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// The same plane as the distinct one of this index.
    Is(usize, Facing),
    /// Parallel to the flat we are on: one sign throughout.
    Constant(bool),
}

/// Distinct planes, and how each given hyperplane's sign follows from theirs.
pub(super) struct Merged {
    pub planes: Vec<Plane>,
    roles: Vec<Role>,
}

impl Merged {
    pub fn of(given: Vec<Plane>) -> Self {
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
    pub fn expand(&self, signs: &ActivationPattern) -> ActivationPattern {
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
pub(super) struct Flat<'a> {
    plane: &'a Plane,
    /// The foot of the perpendicular from the origin.
    foot: Vec<f64>,
    /// `v` of the reflection `x − 2 v (v·x)`, of length one.
    mirror: Vec<f64>,
}

impl<'a> Flat<'a> {
    pub fn of(plane: &'a Plane) -> Self {
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
    pub fn lift(&self, coordinates: &[f64]) -> Vec<f64> {
        let mut padded = coordinates.to_vec();
        padded.push(0.0);
        self.reflect(&padded).iter().zip(&self.foot).map(|(x, p)| x + p).collect()
    }

    /// The traces of other planes on this one.
    pub fn restrict(&self, planes: &[Plane]) -> Merged {
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
