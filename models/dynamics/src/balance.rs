//! Latent axes in units that make a map's weights comparable.

use nalgebra::DMatrix;

use crate::fixed_points::{Continuum, FixedPoint};
use crate::geometry::{dot, norm};
use crate::map::Map;
use crate::piecewise_linear::PiecewiseLinearMap;

/// The same map in units of `scale`: `z = scale ⊙ z̃`. Powers of two, so that nothing is rounded on the way there and back.
pub(crate) struct Balanced {
    pub map: PiecewiseLinearMap,
    scale: Vec<f64>,
}

const SWEEPS: usize = 30;

impl Balanced {
    /// Chooses units in which each latent unit drives the others about as strongly as they drive it, whether directly or
    /// through a hinge, and no more strongly than itself where nothing comes back. Multipliers, regions and stability do not depend on units; ranks and pivots in `f64` do.
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
        Self { map: map.in_units_of(&scale), scale }
    }

    pub fn state_to_here(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.scale).map(|(z, s)| z / s).collect()
    }

    fn state_from_here(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.scale).map(|(z, s)| z * s).collect()
    }

    pub fn point_from_here(&self, point: FixedPoint) -> FixedPoint {
        FixedPoint { location: self.state_from_here(&point.location), ..point }
    }

    pub fn continuum_from_here(&self, continuum: Continuum) -> Continuum {
        let mut directions: Vec<Vec<f64>> = Vec::new();
        for direction in &continuum.directions {
            let mut direction = self.state_from_here(direction);
            for other in &directions {
                let along = dot(&direction, other);
                direction.iter_mut().zip(other).for_each(|(d, o)| *d -= along * o);
            }
            let length = norm(&direction);
            direction.iter_mut().for_each(|d| *d /= length);
            directions.push(direction);
        }
        Continuum { location: self.state_from_here(&continuum.location), directions }
    }
}
