//! Attractors with what is needed to recognise them again.

use nalgebra::Complex;

use crate::attractors::{Attractor, AttractorKind};
use crate::cycles::Cycle;
use crate::fixed_points::FixedPoint;
use crate::flow::LimitCycle;
use crate::fraction::Fraction;
use crate::geometry::{distance, norm};
use crate::lyapunov::{Estimate, LyapunovSpectrum};
use crate::map::Map;
use crate::orbit::{Cloud, Orbit, center_and_extent, strided};
use crate::trapping::TrappingRegion;

/// Points of an orbit kept in a report.
pub(crate) const SAMPLE_POINTS: usize = 600;

/// A point further than this from a closed orbit, relative to its extent, is not on it.
const SAME_CYCLE: f64 = 1e-3;

pub(crate) struct KnownAttractor {
    pub attractor: Attractor,
    shape: Shape,
    /// The longest step along the curve of a limit cycle; zero elsewhere.
    stride: f64,
}

/// What an orbit is compared with.
enum Shape {
    /// A fixed point, or all points of a cycle, and the neighbourhood that is known to lead there.
    Points { points: Vec<Vec<f64>>, reach: f64, trap: Option<TrappingRegion> },
    /// Points of an aperiodic orbit.
    Cloud(Cloud),
    /// Nothing to recognise it by: a continuum is put together from orbits that have ended.
    Unrecognisable,
}

impl KnownAttractor {
    pub fn fixed_point(map: &dyn Map, point: &FixedPoint, n_exponents: usize) -> Self {
        let mut known = Self::points(map, vec![point.location.clone()], &point.multipliers, n_exponents, None);
        if let Some(exponents) = map.exponents_at_rest(&point.location) {
            known.attractor.lyapunov = exponents.into_iter().take(n_exponents).collect();
        }
        known
    }

    pub fn cycle(map: &dyn Map, cycle: Cycle, n_exponents: usize) -> Self {
        let multipliers = cycle.multipliers.clone();
        Self::points(map, cycle.points.clone(), &multipliers, n_exponents, (cycle.period > 1).then_some(cycle))
    }

    fn points(
        map: &dyn Map,
        points: Vec<Vec<f64>>,
        multipliers: &[Complex<f64>],
        n_exponents: usize,
        cycle: Option<Cycle>,
    ) -> Self {
        let (center, extent) = center_and_extent(points.iter().map(Vec::as_slice));
        let period = points.len();
        let trap = TrappingRegion::around(map, &points);
        let lyapunov = exponents_of(multipliers, period, n_exponents);
        let attractor = Attractor {
            kind: if period == 1 { AttractorKind::FixedPoint } else { AttractorKind::Cycle { period } },
            lyapunov_errors: vec![0.0; lyapunov.len()],
            lyapunov,
            kaplan_yorke: Some(Estimate { value: 0.0, standard_error: 0.0 }),
            period_steps: (period > 1).then_some(period as f64),
            basin: Fraction::default(),
            certified_radius: trap.as_ref().map_or(0.0, |trap| trap.inner_radius),
            center,
            extent: if period == 1 { 0.0 } else { extent },
            sample: strided(&points, SAMPLE_POINTS),
            cycle,
            limit_cycle: None,
        };
        Self { shape: Shape::points(points, trap), attractor, stride: 0.0 }
    }

    pub fn aperiodic(
        map: &dyn Map,
        kind: AttractorKind,
        spectrum: LyapunovSpectrum,
        orbit: &Orbit,
        period_steps: Option<f64>,
        n_exponents: usize,
    ) -> Self {
        let (center, extent) = center_and_extent(orbit.states());
        let LyapunovSpectrum { mut exponents, mut standard_errors, kaplan_yorke, .. } = spectrum;
        exponents.truncate(n_exponents);
        standard_errors.truncate(n_exponents);
        let attractor = Attractor {
            kind,
            lyapunov: exponents,
            lyapunov_errors: standard_errors,
            kaplan_yorke,
            period_steps,
            basin: Fraction::default(),
            certified_radius: 0.0,
            center,
            extent,
            sample: orbit.spread(SAMPLE_POINTS),
            cycle: None,
            limit_cycle: None,
        };
        Self { shape: Shape::Cloud(Cloud::of(orbit, 0..orbit.len())), stride: stride(map, &attractor), attractor }
    }

    /// A limit cycle of the flow that `map` samples every `time_step`; `orbit` follows it.
    pub fn limit_cycle(map: &dyn Map, cycle: LimitCycle, time_step: f64, orbit: &Orbit, n_exponents: usize) -> Self {
        let (center, extent) = center_and_extent(cycle.points.iter().map(Vec::as_slice));
        let steps = cycle.period / time_step;
        let across = cycle.multipliers.iter().map(|multiplier| multiplier.norm().ln() / steps);
        let lyapunov: Vec<f64> = std::iter::once(0.0).chain(across).take(n_exponents).collect();
        let attractor = Attractor {
            kind: AttractorKind::LimitCycle,
            lyapunov_errors: vec![0.0; lyapunov.len()],
            lyapunov,
            kaplan_yorke: Some(Estimate { value: 1.0, standard_error: 0.0 }),
            period_steps: Some(steps),
            basin: Fraction::default(),
            certified_radius: 0.0,
            center,
            extent,
            sample: cycle.points.clone(),
            cycle: None,
            limit_cycle: Some(cycle),
        };
        Self { shape: Shape::Cloud(Cloud::of(orbit, 0..orbit.len())), stride: stride(map, &attractor), attractor }
    }

    /// An attractor that an earlier search reported.
    pub fn of(map: &dyn Map, attractor: &Attractor) -> Self {
        let shape = match (&attractor.cycle, attractor.kind) {
            (Some(cycle), _) => Shape::points(cycle.points.clone(), TrappingRegion::around(map, &cycle.points)),
            (None, AttractorKind::FixedPoint) if attractor.is_continuum() => Shape::Unrecognisable,
            (None, AttractorKind::FixedPoint) => {
                let points = vec![attractor.center.clone()];
                let trap = TrappingRegion::around(map, &points);
                Shape::points(points, trap)
            }
            (None, _) => Shape::Cloud(Cloud::of_points(map.dim(), attractor.sample.concat())),
        };
        Self { attractor: attractor.clone(), shape, stride: stride(map, attractor) }
    }

    /// Whether `z` is certain to end at this fixed point or cycle, or lies within `arrival_distance · max(size, its reach)` of it.
    pub fn has_arrived(&self, z: &[f64], arrival_distance: f64, size: f64, scratch: &mut [f64]) -> bool {
        let Shape::Points { points, reach, trap } = &self.shape else { return false };
        match trap {
            Some(trap) if trap.holds(points, z, scratch) => true,
            _ => {
                let radius = arrival_distance * size.max(*reach);
                points.iter().any(|point| distance(point, z) <= radius)
            }
        }
    }

    /// Whether this is a fixed point or cycle of exactly this period.
    pub fn has_period(&self, period: usize) -> bool {
        matches!(&self.shape, Shape::Points { points, .. } if points.len() == period)
    }

    /// The distance from `z` to the nearest point of a fixed point or cycle; infinite elsewhere.
    pub fn gap(&self, z: &[f64]) -> f64 {
        let Shape::Points { points, .. } = &self.shape else { return f64::INFINITY };
        points.iter().map(|point| distance(point, z)).fold(f64::INFINITY, f64::min)
    }

    /// Every state closer to `z` than this ends here, up to rounding; zero where nothing is known.
    pub fn safe_distance(&self, z: &[f64]) -> f64 {
        match &self.shape {
            Shape::Points { points, trap: Some(trap), .. } => trap.depth(points, z),
            _ => 0.0,
        }
    }

    /// How close two orbits on this attractor surely come: along a closed curve that is sampled in steps, half a step.
    pub fn resolution(&self, merge_distance: f64) -> f64 {
        (merge_distance * self.attractor.extent).max(0.6 * self.stride)
    }

    /// Whether this is a closed orbit that is known exactly and does not pass `z`: cycles may lie closer together than samples tell apart.
    pub fn is_limit_cycle_elsewhere(&self, z: &[f64]) -> bool {
        let limit_cycle = self.attractor.limit_cycle.as_ref();
        limit_cycle.is_some_and(|cycle| cycle.distance_to(z) > SAME_CYCLE * self.attractor.extent)
    }

    pub fn cloud(&self) -> Option<&Cloud> {
        match &self.shape {
            Shape::Cloud(cloud) => Some(cloud),
            _ => None,
        }
    }
}

impl Shape {
    fn points(points: Vec<Vec<f64>>, trap: Option<TrappingRegion>) -> Self {
        let reach = points.iter().map(|point| norm(point)).fold(0.0, f64::max);
        Self::Points { points, reach, trap }
    }
}

fn stride(map: &dyn Map, attractor: &Attractor) -> f64 {
    if attractor.kind != AttractorKind::LimitCycle {
        return 0.0;
    }
    attractor.sample.iter().map(|z| distance(&map.iterate(z, 1), z)).fold(0.0, f64::max)
}

/// `ln |λ| / period`.
pub(crate) fn exponents_of(multipliers: &[Complex<f64>], period: usize, n_exponents: usize) -> Vec<f64> {
    multipliers.iter().take(n_exponents).map(|multiplier| multiplier.norm().ln() / period as f64).collect()
}
