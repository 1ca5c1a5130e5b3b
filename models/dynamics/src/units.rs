//! Latent axes in units of their own.

use nalgebra::{Complex, DMatrix, DMatrixView};

use crate::attractors::{Attractor, AttractorSearch};
use crate::cycle_search::{CycleFamily, CycleSearch};
use crate::cycles::Cycle;
use crate::fixed_points::{Continuum, FixedPoint, FixedPointSearch};
use crate::flow::{LimitCycle, VectorField};
use crate::geometry::{dot, is_finite, norm};
use crate::map::Map;
use crate::multipliers::MultiplierError;
use crate::orbit::center_and_extent;
use crate::smooth::{Enclosed, Interval};
use crate::stability::Stability;

/// One unit for each axis, `z = scale ⊙ z̃`: powers of two, so that nothing is rounded on the way there and back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Units {
    pub scale: Vec<f64>,
}

/// Axes along which orbits reach about as far share one unit: distances in `f64` tell points apart along each.
const ONE_UNIT_SERVES: f64 = 1e4;
/// Steps after which an orbit has left its start behind, and orbits that are followed so far.
const SETTLING: (usize, usize) = (50, 32);

impl Units {
    /// How far nine in ten of `starts: [start][M]` and their orbits reach along each axis, or `landmarks` further out, where one unit cannot serve all
    /// axes. An axis along which nothing moves takes the largest unit.
    pub fn apart(map: &(impl Map + ?Sized), starts: &[Vec<f64>], landmarks: &[Vec<f64>]) -> Option<Self> {
        let dim = map.dim();
        let usable = || starts.iter().filter(|z| z.len() == dim && is_finite(z));
        let along = |axis: usize, states: &[Vec<f64>]| {
            let mut sizes: Vec<f64> = states.iter().map(|z| z[axis].abs()).collect();
            sizes.sort_by(f64::total_cmp);
            sizes.get(sizes.len() * 9 / 10).copied().unwrap_or(0.0)
        };
        let given: Vec<Vec<f64>> = usable().cloned().collect();
        let mut reaches: Vec<f64> = (0..dim).map(|axis| along(axis, &given)).collect();
        if !are_apart(&reaches) {
            return None;
        }
        // Where orbits go along an axis may be much further than where they start.
        let settled: Vec<Vec<f64>> =
            usable().take(SETTLING.1).map(|z| map.iterate(z, SETTLING.0)).filter(|z| is_finite(z)).collect();
        for (axis, reach) in reaches.iter_mut().enumerate() {
            let known = landmarks.iter().filter(|z| z.len() == dim).map(|z| z[axis].abs());
            *reach = known.fold(reach.max(along(axis, &settled)), f64::max);
        }
        let largest = reaches.iter().copied().fold(0.0, f64::max);
        let unit = |&reach: &f64| if reach > 0.0 { reach } else { largest }.log2().round().exp2();
        are_apart(&reaches).then(|| Self { scale: reaches.iter().map(unit).collect() })
    }

    pub fn state_to_here(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.scale).map(|(z, s)| z / s).collect()
    }

    pub fn state_from_here(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.scale).map(|(z, s)| z * s).collect()
    }

    /// What is no state is left as it is.
    pub fn states_to_here(&self, states: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let is_state = |z: &Vec<f64>| z.len() == self.scale.len();
        states.iter().map(|z| if is_state(z) { self.state_to_here(z) } else { z.clone() }).collect()
    }

    fn states_from_here(&self, states: &[Vec<f64>]) -> Vec<Vec<f64>> {
        states.iter().map(|z| self.state_from_here(z)).collect()
    }

    pub fn point_to_here(&self, point: &FixedPoint) -> FixedPoint {
        let is_state = point.location.len() == self.scale.len();
        let location = if is_state { self.state_to_here(&point.location) } else { point.location.clone() };
        FixedPoint { location, ..point.clone() }
    }

    fn point_from_here(&self, point: FixedPoint) -> FixedPoint {
        FixedPoint { location: self.state_from_here(&point.location), ..point }
    }

    fn continuum_from_here(&self, continuum: Continuum) -> Continuum {
        Continuum {
            location: self.state_from_here(&continuum.location),
            directions: self.directions_from_here(&continuum.directions),
        }
    }

    /// Orthonormal again.
    fn directions_from_here(&self, directions: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut turned: Vec<Vec<f64>> = Vec::new();
        for direction in directions {
            let mut direction = self.state_from_here(direction);
            for other in &turned {
                let along = dot(&direction, other);
                direction.iter_mut().zip(other).for_each(|(d, o)| *d -= along * o);
            }
            let length = norm(&direction);
            direction.iter_mut().for_each(|d| *d /= length);
            turned.push(direction);
        }
        turned
    }

    pub fn fixed_points_from_here(&self, search: FixedPointSearch) -> FixedPointSearch {
        FixedPointSearch {
            found: search.found.into_iter().map(|point| self.point_from_here(point)).collect(),
            continua: search.continua.into_iter().map(|continuum| self.continuum_from_here(continuum)).collect(),
            ..search
        }
    }

    pub fn cycles_from_here(&self, search: CycleSearch) -> CycleSearch {
        let family = |family: CycleFamily| CycleFamily {
            location: self.state_from_here(&family.location),
            directions: self.directions_from_here(&family.directions),
            ..family
        };
        CycleSearch {
            found: search.found.into_iter().map(|cycle| self.cycle_from_here(cycle)).collect(),
            families: search.families.into_iter().map(family).collect(),
            ..search
        }
    }

    pub fn attractors_from_here(&self, search: AttractorSearch) -> AttractorSearch {
        AttractorSearch {
            attractors: search.attractors.into_iter().map(|attractor| self.attractor_from_here(attractor)).collect(),
            ..search
        }
    }

    fn cycle_from_here(&self, cycle: Cycle) -> Cycle {
        Cycle { points: self.states_from_here(&cycle.points), ..cycle }
    }

    /// The extent is that of the sample.
    pub fn attractor_from_here(&self, attractor: Attractor) -> Attractor {
        let sample = self.states_from_here(&attractor.sample);
        let extent = match attractor.extent > 0.0 {
            true => center_and_extent(sample.iter().map(Vec::as_slice)).1,
            false => 0.0,
        };
        Attractor {
            center: self.state_from_here(&attractor.center),
            extent,
            sample,
            certified_radius: attractor.certified_radius * self.scale.iter().copied().fold(f64::INFINITY, f64::min),
            cycle: attractor.cycle.map(|cycle| self.cycle_from_here(cycle)),
            limit_cycle: attractor
                .limit_cycle
                .map(|cycle| LimitCycle { points: self.states_from_here(&cycle.points), ..cycle }),
            ..attractor
        }
    }

    /// As it is recognised by; its residuals, exponents and basin are what they were.
    pub fn attractor_to_here(&self, attractor: &Attractor) -> Attractor {
        let there = Self { scale: self.scale.iter().map(|s| s.recip()).collect() };
        there.attractor_from_here(attractor.clone())
    }

    /// `D⁻¹ J D`.
    fn slope_to_here(&self, mut slope: DMatrix<f64>) -> DMatrix<f64> {
        for (column, s) in self.scale.iter().enumerate() {
            slope.column_mut(column).iter_mut().zip(&self.scale).for_each(|(entry, r)| *entry *= s / r);
        }
        slope
    }

    fn to_here(&self, values: &mut [f64]) {
        values.iter_mut().zip(&self.scale).for_each(|(value, s)| *value /= s);
    }
}

/// A system looked at in other units: the same multipliers and exponents, and distances that mean the same along every axis.
pub(crate) struct InUnits<'a, S: ?Sized> {
    system: &'a S,
    units: &'a Units,
    velocity: Option<FieldInUnits<'a>>,
}

impl<'a, S: Map + ?Sized> InUnits<'a, S> {
    pub fn of(system: &'a S, units: &'a Units) -> Self {
        let velocity = system.velocity_field().map(|field| FieldInUnits { field, units });
        Self { system, units, velocity }
    }
}

impl<S: Map + ?Sized> Map for InUnits<'_, S> {
    fn dim(&self) -> usize {
        self.system.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        self.system.step(&self.units.state_from_here(z), next);
        self.units.to_here(next);
    }
    fn is_unknown(&self, image: &[f64]) -> bool {
        self.system.is_unknown(&self.units.state_from_here(image))
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        self.units.slope_to_here(self.system.jacobian(&self.units.state_from_here(z)))
    }
    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        let mut frame = frame.into_owned();
        for (mut row, s) in frame.row_iter_mut().zip(&self.units.scale) {
            row *= *s;
        }
        self.system.push_forward(&self.units.state_from_here(z), frame.as_view(), image);
        for (mut row, s) in image.row_iter_mut().zip(&self.units.scale) {
            row /= *s;
        }
    }
    fn flow_time_per_step(&self) -> Option<f64> {
        self.system.flow_time_per_step()
    }
    fn velocity_field(&self) -> Option<&dyn VectorField> {
        self.velocity.as_ref().map(|field| field as &dyn VectorField)
    }
    fn affine_radius(&self, z: &[f64], covariance: &DMatrix<f64>) -> f64 {
        let scale = &self.units.scale;
        let there = DMatrix::from_fn(z.len(), z.len(), |i, j| scale[i] * covariance[(i, j)] * scale[j]);
        self.system.affine_radius(&self.units.state_from_here(z), &there)
    }
    fn rest_residual(&self, z: &[f64], residual: &mut [f64]) {
        self.system.rest_residual(&self.units.state_from_here(z), residual);
        self.units.to_here(residual);
    }
    fn rest_slope(&self, z: &[f64]) -> DMatrix<f64> {
        self.units.slope_to_here(self.system.rest_slope(&self.units.state_from_here(z)))
    }
    fn at_rest(&self, z: &[f64], marginal_tolerance: f64) -> Result<(Vec<Complex<f64>>, Stability), MultiplierError> {
        self.system.at_rest(&self.units.state_from_here(z), marginal_tolerance)
    }
    fn attracting_box(&self) -> Option<Vec<[f64; 2]>> {
        let sides = self.system.attracting_box()?;
        Some(sides.into_iter().zip(&self.units.scale).map(|(side, s)| side.map(|end| end / s)).collect())
    }
    fn exponents_at_rest(&self, z: &[f64]) -> Option<Vec<f64>> {
        self.system.exponents_at_rest(&self.units.state_from_here(z))
    }
}

impl<S: Enclosed + ?Sized> Enclosed for InUnits<'_, S> {
    fn n_unknowns(&self) -> usize {
        self.system.n_unknowns()
    }
    fn residual(&self, z: &[f64], g: &mut [f64]) {
        self.system.residual(&self.units.state_from_here(z), g);
        self.units.to_here(g);
    }
    fn slope(&self, z: &[f64]) -> DMatrix<f64> {
        self.units.slope_to_here(self.system.slope(&self.units.state_from_here(z)))
    }
    fn enclose_residual(&self, z: &[Interval], g: &mut [Interval]) {
        let there: Vec<Interval> = z.iter().zip(&self.units.scale).map(|(&side, &s)| side * s).collect();
        self.system.enclose_residual(&there, g);
        g.iter_mut().zip(&self.units.scale).for_each(|(side, s)| *side = *side * s.recip());
    }
    fn enclose_slope(&self, z: &[Interval]) -> Vec<Interval> {
        let there: Vec<Interval> = z.iter().zip(&self.units.scale).map(|(&side, &s)| side * s).collect();
        let mut slope = self.system.enclose_slope(&there);
        for (column, s) in slope.chunks_mut(z.len().max(1)).zip(&self.units.scale) {
            column.iter_mut().zip(&self.units.scale).for_each(|(entry, r)| *entry = *entry * (s / r));
        }
        slope
    }
    fn bounds(&self) -> Option<Vec<Interval>> {
        let bounds = self.system.bounds()?;
        Some(bounds.into_iter().zip(&self.units.scale).map(|(side, s)| side * s.recip()).collect())
    }
}

/// Whether one unit cannot serve lengths of these sizes; zero is no length.
pub(crate) fn are_apart(lengths: &[f64]) -> bool {
    let largest = lengths.iter().copied().fold(0.0, f64::max);
    let smallest = lengths.iter().copied().filter(|&length| length > 0.0).fold(f64::INFINITY, f64::min);
    largest.is_finite() && smallest.is_normal() && largest / smallest > ONE_UNIT_SERVES
}

struct FieldInUnits<'a> {
    field: &'a dyn VectorField,
    units: &'a Units,
}

impl VectorField for FieldInUnits<'_> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
        self.field.velocity(&self.units.state_from_here(z), velocity);
        self.units.to_here(velocity);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        self.units.slope_to_here(self.field.jacobian(&self.units.state_from_here(z)))
    }
}
