//! Latent axes in units that make a map's weights comparable.

use nalgebra::DMatrix;

use crate::geometry::norm;
use crate::map::Map;
use crate::piecewise_linear::{Hinge, PiecewiseLinearMap};
use crate::units::{Units, are_apart};

/// The same map in `units`.
pub(crate) struct Balanced {
    pub map: PiecewiseLinearMap,
    pub units: Units,
}

const SWEEPS: usize = 30;

impl Balanced {
    /// Chooses units in which each latent unit drives the others about as strongly as they drive it, whether directly or
    /// through a hinge, and no more strongly than itself where nothing comes back; groups of units that do not act on each other are brought to one
    /// size, where they differ in it. Multipliers, regions and stability do not depend on units; ranks and pivots in `f64` do.
    ///
    /// Source: Parlett & Reinsch (1969), Numer. Math. 13, 293–304.
    pub fn of(map: &PiecewiseLinearMap) -> Self {
        let dim = map.dim();
        let mut strength = DMatrix::zeros(dim, dim);
        for hinge in map.hinges() {
            for (j, w) in hinge.normal.iter().enumerate() {
                strength.column_mut(j).iter_mut().zip(&hinge.column).for_each(|(s, c)| *s += (w * c).abs());
            }
        }
        strength += map.linear().abs();
        let mut scale = vec![1.0_f64; dim];
        for _ in 0..SWEEPS {
            let mut is_balanced = true;
            for i in 0..dim {
                let others = || (0..dim).filter(|&j| j != i);
                let driven: f64 = others().map(|j| strength[(i, j)] * scale[j] / scale[i]).sum();
                let driving: f64 = others().map(|j| strength[(j, i)] * scale[i] / scale[j]).sum();
                // What acts one way only is brought down to the strength of one, that of the identity in I − J.
                let step = match (driven > 0.0, driving > 0.0) {
                    (true, true) => driven / driving,
                    (true, false) => driven.max(1.0),
                    (false, true) => 1.0 / driving.max(1.0),
                    (false, false) => 1.0,
                };
                let step = step.sqrt().log2().round().clamp(-60.0, 60.0);
                if step.is_finite() && step != 0.0 {
                    scale[i] = (scale[i] * step.exp2()).clamp(1e-100, 1e100);
                    is_balanced = false;
                }
            }
            if is_balanced {
                break;
            }
        }
        for (component, length) in lengths_apart(&map.in_units_of(&scale), &strength) {
            component.iter().for_each(|&axis| scale[axis] *= length.log2().round().exp2());
        }
        Self { map: map.in_units_of(&scale), units: Units { scale } }
    }
}

/// Axes that do not act on each other, in groups, with the median distance of their hinges from the origin; empty where all groups are about as large.
///
/// Weights say nothing about the units of one group beside those of another, and distances in one unit would not see the smaller.
fn lengths_apart(map: &PiecewiseLinearMap, strength: &DMatrix<f64>) -> Vec<(Vec<usize>, f64)> {
    let length_of = |component: &Vec<usize>| {
        let distance = |hinge: &Hinge| {
            let reach = norm(&component.iter().map(|&axis| hinge.normal[axis]).collect::<Vec<f64>>());
            (reach > 0.0 && hinge.bias != 0.0).then(|| hinge.bias.abs() / reach)
        };
        let mut distances: Vec<f64> = map.hinges().iter().filter_map(distance).filter(|d| d.is_normal()).collect();
        distances.sort_by(f64::total_cmp);
        distances.get(distances.len() / 2).copied()
    };
    let groups: Vec<(Vec<usize>, f64)> = components(strength)
        .into_iter()
        .filter_map(|component| length_of(&component).map(|length| (component, length)))
        .collect();
    let lengths: Vec<f64> = groups.iter().map(|(_, length)| *length).collect();
    if are_apart(&lengths) { groups } else { Vec::new() }
}

/// Axes that are connected by weights, in either direction.
fn components(strength: &DMatrix<f64>) -> Vec<Vec<usize>> {
    let mut components: Vec<Vec<usize>> = Vec::new();
    let mut is_placed = vec![false; strength.nrows()];
    for first in 0..strength.nrows() {
        if is_placed[first] {
            continue;
        }
        is_placed[first] = true;
        let mut component = vec![first];
        let mut next = 0;
        while let Some(&axis) = component.get(next) {
            for (other, is_placed) in is_placed.iter_mut().enumerate() {
                if !*is_placed && (strength[(axis, other)] > 0.0 || strength[(other, axis)] > 0.0) {
                    *is_placed = true;
                    component.push(other);
                }
            }
            next += 1;
        }
        components.push(component);
    }
    components
}
