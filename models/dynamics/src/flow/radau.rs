//! Flows in which deviations decay much faster than the state moves.

use nalgebra::{DMatrix, DVector, Dyn, LU};

use super::solvers::{Failure, FirstStep, Leg, Samples, has_escaped};
use super::vector_field::ForcedField;
use crate::geometry::{is_finite, norm};

/// Where `start: [M]` and the columns of `frame: [M × k]` are at the end of `leg`, by the three-stage Radau IIA method of order 5.
///
/// Every step solves for its three stages by Newton's method with the slope at its start. Tangents follow the derivative of that step: a linear
/// system with the slopes at the stages, solved once. The errors of both decide on the step; those of tangents, which begin across what decays,
/// may be the tolerance to the power of two thirds. Costs `O(27 M³)` a step.
///
/// Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, IV.8; the estimate of the error is theirs.
pub(super) fn follow_implicitly(
    field: &impl ForcedField,
    start: &[f64],
    frame: &DMatrix<f64>,
    leg: &Leg<'_>,
    mut samples: Option<&mut Samples>,
) -> Result<(Vec<f64>, DMatrix<f64>), Failure> {
    let (from, to) = leg.span;
    let span = (to - from).abs();
    let mut at = Point { t: from, z: DVector::from_column_slice(start), frame: frame.clone() };
    let mut h = match leg.first {
        FirstStep::Whole => to - from,
        FirstStep::Estimated => cautious_step(field, start, leg),
    };
    let mut before: Option<(f64, Stages)> = None;
    for _ in 0..leg.plan.max_steps {
        let left = to - at.t;
        // What would be left after this step is rounding.
        let is_last = h.abs() >= left.abs() - 1e-12 * span;
        let step = if is_last { left } else { h };
        if step.abs() < 1e-15 * span.max(at.t.abs()) {
            return if is_last { Ok((at.z.as_slice().to_vec(), at.frame)) } else { Err(Failure::Stuck) };
        }
        let Some(Taken { next, stages, error }) = take_step(field, &at, step, before.as_ref(), leg) else {
            h = step / 4.0;
            continue;
        };
        if error > 1.0 {
            h = step * (0.9 * error.powf(-0.25)).clamp(0.1, 0.9);
            continue;
        }
        if has_escaped(next.z.as_slice(), start) || !is_finite(next.frame.as_slice()) {
            return Err(Failure::Escaped);
        }
        if let Some(samples) = &mut samples {
            samples.take(next.t, |t| {
                let moved = stages.at((t - at.t) / step);
                at.z.iter().zip(&moved).map(|(z, moved)| z + moved).collect()
            });
        }
        at = next;
        if is_last {
            return Ok((at.z.as_slice().to_vec(), at.frame));
        }
        h = step * (0.9 * error.max(1e-16).powf(-0.25)).clamp(0.2, 8.0);
        before = Some((step, stages));
    }
    Err(Failure::GaveUp)
}

/// A first step in which the state moves by a hundredth of itself.
fn cautious_step(field: &impl ForcedField, start: &[f64], leg: &Leg<'_>) -> f64 {
    let (from, to) = leg.span;
    let mut velocity = vec![0.0; start.len()];
    field.velocity(from, start, &mut velocity);
    let size = norm(start).max(leg.plan.absolute_tolerance.sqrt());
    let step = 0.01 * size / norm(&velocity);
    if step.is_finite() { step.min((to - from).abs()) * (to - from).signum() } else { to - from }
}

struct Point {
    t: f64,
    z: DVector<f64>,
    frame: DMatrix<f64>,
}

/// A step that could be solved.
struct Taken {
    next: Point,
    stages: Stages,
    /// Of state and tangents, relative to what is allowed.
    error: f64,
}

/// What the state has moved by at each of the three stages.
struct Stages {
    moved: [DVector<f64>; 3],
}

impl Stages {
    /// What the state has moved by at a share of the step, by the polynomial through the stages.
    fn at(&self, share: f64) -> Vec<f64> {
        let nodes = [0.0, NODES[0], NODES[1], NODES[2]];
        let mut moved = vec![0.0; self.moved[0].len()];
        for (i, stage) in self.moved.iter().enumerate() {
            let weight: f64 =
                (0..4).filter(|&j| j != i + 1).map(|j| (share - nodes[j]) / (nodes[i + 1] - nodes[j])).product();
            moved.iter_mut().zip(stage.iter()).for_each(|(sum, x)| *sum += weight * x);
        }
        moved
    }
}

const ROOT_6: f64 = 2.449_489_742_783_178;
const NODES: [f64; 3] = [(4.0 - ROOT_6) / 10.0, (4.0 + ROOT_6) / 10.0, 1.0];
const MATRIX: [[f64; 3]; 3] = [
    [(88.0 - 7.0 * ROOT_6) / 360.0, (296.0 - 169.0 * ROOT_6) / 1800.0, (-2.0 + 3.0 * ROOT_6) / 225.0],
    [(296.0 + 169.0 * ROOT_6) / 1800.0, (88.0 + 7.0 * ROOT_6) / 360.0, (-2.0 - 3.0 * ROOT_6) / 225.0],
    [(16.0 - ROOT_6) / 36.0, (16.0 + ROOT_6) / 36.0, 1.0 / 9.0],
];
/// The embedded formula of order 3 differs from the method by these shares of the stages.
const ERROR_WEIGHTS: [f64; 3] = [(-13.0 - 7.0 * ROOT_6) / 3.0, (-13.0 + 7.0 * ROOT_6) / 3.0, -1.0 / 3.0];
/// Newton's method may take this many rounds before the step is shortened.
const MOST_ROUNDS: usize = 10;

/// The real eigenvalue of the inverse of the matrix, `3 + 3^⅔ − 3^⅓`.
const REAL_EIGENVALUE: f64 = 3.637_834_252_744_496;

/// One step of length `h`; `None` where its stages could not be solved for.
fn take_step(
    field: &impl ForcedField,
    at: &Point,
    h: f64,
    before: Option<&(f64, Stages)>,
    leg: &Leg<'_>,
) -> Option<Taken> {
    let dim = at.z.len();
    let slope = field.jacobian(at.t, at.z.as_slice());
    if !is_finite(slope.as_slice()) {
        return None;
    }
    let stages = solve_stages(field, at, h, before, leg, &slope)?;
    let filter = (DMatrix::from_diagonal_element(dim, dim, REAL_EIGENVALUE / h) - &slope).lu();
    let mut error = error_of_state(field, at, h, leg, &stages, &filter)?;
    let mut frame = at.frame.clone();
    if frame.ncols() > 0 {
        let tolerance = leg.plan.relative_tolerance.cbrt().powi(2);
        let moved = tangents_at_stages(field, at, h, &stages)?;
        for (i, column) in at.frame.column_iter().enumerate() {
            let of_column =
                |stage: usize| DVector::from_iterator(dim, moved.column(i).rows(stage * dim, dim).iter().copied());
            let stages = [of_column(0), of_column(1), of_column(2)];
            let estimate = filter.solve(&(&slope * column + defect(&stages, h)))?;
            error = error.max(estimate.norm() / (tolerance * column.norm()));
            frame.column_mut(i).axpy(1.0, &stages[2], 1.0);
        }
    }
    let next = Point { t: at.t + h, z: &at.z + &stages.moved[2], frame };
    (error.is_finite() && is_finite(next.z.as_slice())).then_some(Taken { next, stages, error })
}

/// By how much the embedded formula differs, before it is filtered by `(γ / h − J)⁻¹`.
fn defect(stages: &[DVector<f64>; 3], h: f64) -> DVector<f64> {
    let mut sum = DVector::zeros(stages[0].len());
    ERROR_WEIGHTS.iter().zip(stages).for_each(|(weight, stage)| sum.axpy(weight / h, stage, 1.0));
    sum
}

/// The estimated error of the state after the step, in units of what is allowed.
fn error_of_state(
    field: &impl ForcedField,
    at: &Point,
    h: f64,
    leg: &Leg<'_>,
    stages: &Stages,
    filter: &LU<f64, Dyn, Dyn>,
) -> Option<f64> {
    let plan = leg.plan;
    let defect = defect(&stages.moved, h);
    let estimate_from = |z: &DVector<f64>| {
        let mut velocity = DVector::zeros(z.len());
        field.velocity(at.t, z.as_slice(), velocity.as_mut_slice());
        filter.solve(&(velocity + &defect))
    };
    let scaled = |estimate: &DVector<f64>| {
        let share = |(e, z): (&f64, &f64)| (e / (plan.absolute_tolerance + plan.relative_tolerance * z.abs())).powi(2);
        (estimate.iter().zip(at.z.iter()).map(share).sum::<f64>() / at.z.len() as f64).sqrt()
    };
    let estimate = estimate_from(&at.z)?;
    match scaled(&estimate) {
        // Filtered once more, the estimate no longer sees what decays at once.
        error if error > 1.0 => Some(scaled(&estimate_from(&(&at.z + &estimate))?)),
        error => Some(error),
    }
}

/// `Zᵢ = h Σ aᵢⱼ v(z + Zⱼ)`, beginning where the polynomial of the step before leads.
fn solve_stages(
    field: &impl ForcedField,
    at: &Point,
    h: f64,
    before: Option<&(f64, Stages)>,
    leg: &Leg<'_>,
    slope: &DMatrix<f64>,
) -> Option<Stages> {
    let dim = at.z.len();
    let factors = stage_factors(h, [slope, slope, slope])?;
    let mut moved = DVector::zeros(3 * dim);
    if let Some((step, stages)) = before {
        for (i, node) in NODES.iter().enumerate() {
            let ahead = stages.at(1.0 + node * h / step);
            (0..dim).for_each(|k| moved[i * dim + k] = ahead[k] - stages.moved[2][k]);
        }
    }
    let plan = leg.plan;
    let enough = (10.0 * f64::EPSILON / plan.relative_tolerance).max(plan.relative_tolerance.sqrt().min(0.03));
    let mut velocities = DVector::zeros(3 * dim);
    let mut last: Option<f64> = None;
    for _ in 0..MOST_ROUNDS {
        for (i, node) in NODES.iter().enumerate() {
            let z: Vec<f64> = (0..dim).map(|k| at.z[k] + moved[i * dim + k]).collect();
            field.velocity(at.t + node * h, &z, &mut velocities.as_mut_slice()[i * dim..(i + 1) * dim]);
        }
        let mut mismatch = -&moved;
        for (i, row) in MATRIX.iter().enumerate() {
            for (j, a) in row.iter().enumerate() {
                (0..dim).for_each(|k| mismatch[i * dim + k] += h * a * velocities[j * dim + k]);
            }
        }
        let change = factors.solve(&mismatch)?;
        let sum: f64 = (0..3 * dim)
            .map(|k| {
                let allowed = plan.absolute_tolerance + plan.relative_tolerance * at.z[k % dim].abs();
                (change[k] / allowed).powi(2)
            })
            .sum();
        let size = (sum / (3 * dim) as f64).sqrt();
        if !size.is_finite() {
            return None;
        }
        moved += &change;
        let rate = last.map(|last| size / last);
        if size == 0.0 || rate.is_some_and(|rate| rate < 1.0 && rate / (1.0 - rate) * size <= enough) {
            let part = |i: usize| moved.rows(i * dim, dim).into_owned();
            return Some(Stages { moved: [part(0), part(1), part(2)] });
        }
        if rate.is_some_and(|rate| rate >= 1.0) && size > enough {
            return None;
        }
        last = Some(size);
    }
    None
}

/// What tangents have moved by at the stages, `[3 M × k]`: `Uᵢ = h Σ aᵢⱼ Jⱼ (V + Uⱼ)`.
fn tangents_at_stages(field: &impl ForcedField, at: &Point, h: f64, stages: &Stages) -> Option<DMatrix<f64>> {
    let dim = at.z.len();
    let slopes = [0, 1, 2].map(|i| {
        let z = &at.z + &stages.moved[i];
        field.jacobian(at.t + NODES[i] * h, z.as_slice())
    });
    let images = [0, 1, 2].map(|j| &slopes[j] * &at.frame);
    let mut sums = DMatrix::zeros(3 * dim, at.frame.ncols());
    for (i, row) in MATRIX.iter().enumerate() {
        let mut rows = sums.rows_mut(i * dim, dim);
        row.iter().zip(&images).for_each(|(a, image)| rows += image * (h * *a));
    }
    stage_factors(h, [&slopes[0], &slopes[1], &slopes[2]])?.solve(&sums)
}

/// Factors of `I − h (aᵢⱼ Jⱼ)`, `[3 M × 3 M]`.
fn stage_factors(h: f64, slopes: [&DMatrix<f64>; 3]) -> Option<LU<f64, Dyn, Dyn>> {
    let dim = slopes[0].nrows();
    let mut system = DMatrix::identity(3 * dim, 3 * dim);
    for (i, row) in MATRIX.iter().enumerate() {
        for (j, a) in row.iter().enumerate() {
            let mut block = system.view_mut((i * dim, j * dim), (dim, dim));
            block -= slopes[j] * (h * *a);
        }
    }
    is_finite(system.as_slice()).then(|| system.lu())
}
