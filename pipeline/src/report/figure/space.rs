//! The space of the first three principal axes, scaled to a cube and looked at from somewhere.

use super::axis::finite_range;
use crate::report::PhasePortrait;

/// How far the view reaches beyond the recording, in half-widths of the recording.
const REACH: f64 = 1.5;

/// One scale for all three axes, so that shapes keep their proportions; the recording's centre is the origin.
pub struct Cube {
    centre: [f64; 3],
    half_width: f64,
}

/// Directions to look from, in radians: around the third axis, then up.
#[derive(Clone, Copy)]
pub struct View {
    pub azimuth: f64,
    pub elevation: f64,
}

impl Cube {
    /// Holds the recording and the simulation, but does not follow a simulation or a fixed point that runs away.
    pub fn around(portrait: &PhasePortrait) -> Cube {
        let along = |points: &[[f64; 3]], axis: usize| finite_range(points.iter().map(|point| point[axis]));
        let seen = if portrait.data.is_empty() { &portrait.simulated } else { &portrait.data };
        let ranges = [0, 1, 2].map(|axis| along(seen, axis).unwrap_or((0.0, 0.0)));
        let centre = ranges.map(|(low, high)| 0.5 * (low + high));
        let recording = ranges.iter().fold(0.0_f64, |most, (low, high)| most.max(0.5 * (high - low)));
        let half_width = portrait
            .simulated
            .iter()
            .chain(portrait.fixed_points.iter().map(|point| &point.at))
            .flat_map(|point| [0, 1, 2].map(|axis| (point[axis] - centre[axis]).abs()))
            .filter(|distance| *distance <= REACH * recording)
            .fold(recording, f64::max);
        Cube { centre, half_width: if half_width > 0.0 { 1.04 * half_width } else { 1.0 } }
    }

    /// From the portrait's coordinates to `[-1, 1]³`; what is not finite stays so.
    pub fn place(&self, point: &[f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|axis| (point[axis] - self.centre[axis]) / self.half_width)
    }

    pub fn holds(&self, placed: &[f64; 3]) -> bool {
        placed.iter().all(|x| x.abs() <= 1.0)
    }
}

impl View {
    /// Right and up on the screen. The third axis points up when looked at from the side.
    pub fn project(&self, [x, y, z]: [f64; 3]) -> (f64, f64) {
        let (sin_a, cos_a) = self.azimuth.sin_cos();
        let (sin_e, cos_e) = self.elevation.sin_cos();
        let right = x * cos_a + y * sin_a;
        let away = y * cos_a - x * sin_a;
        (right, z * cos_e + away * sin_e)
    }
}
