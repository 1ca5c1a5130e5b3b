use differential_equations::control::ControlFlag;
use differential_equations::error::Error as SolverError;
use differential_equations::interpolate::Interpolation;
use differential_equations::methods::ExplicitRungeKutta;
use differential_equations::ode::{ODE, solve_ode};
use differential_equations::solout::Solout;
use differential_equations::solution::Solution;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use thiserror::Error;

use super::vector_field::{Autonomous, ForcedField, VectorField};
use crate::geometry::is_finite;

/// How accurately a flow is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationPlan {
    /// Local error allowed per step, relative to the state; `1e-10`. Not below about `1e-13`.
    pub relative_tolerance: f64,
    /// … and absolute, in the unit of the state; `1e-12`.
    pub absolute_tolerance: f64,
    /// Steps, rejected ones included, per call; `100_000`.
    pub max_steps: usize,
}

impl Default for IntegrationPlan {
    fn default() -> Self {
        Self { relative_tolerance: 1e-10, absolute_tolerance: 1e-12, max_steps: 100_000 }
    }
}

/// Why a flow could not be followed to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FlowError {
    #[error("the flow left every bound")]
    Diverged,
    #[error("the flow was not followed to the end within the steps allowed")]
    StepLimit,
    #[error("the flow is too stiff for an explicit method")]
    Stiff,
    #[error("the start has the wrong length or is not finite")]
    InvalidStart,
}

/// `φ_t(start)`: where the flow `ż = v(z)` takes `start: [M]` in time `t`, which may be negative.
///
/// Dormand & Prince's method of order 8 with error control of orders 5 and 3. Errors grow like the flow itself: on a chaotic
/// attractor the end point is meaningless after a few Lyapunov times, statistics along the way are not. Costs 12 velocities a step.
///
/// Source: Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, II.5 (DOP853), as implemented in the
/// crate differential-equations.
pub fn advance(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    time: f64,
    plan: &IntegrationPlan,
) -> Result<Vec<f64>, FlowError> {
    check_start(field.dim(), start)?;
    solve(&State(&Autonomous(field)), start.to_vec(), (0.0, time), plan, FirstStep::Estimated, None)
}

/// `φ_t(start)` and its derivative `Φ = ∂φ_t/∂start: [M × M]`, from the variational equation `Φ̇ = J Φ`, `Φ₀ = I`.
///
/// State and derivative are under the same error control, and both as sensitive to `start` as [`advance`] says. Costs `O(M³)`
/// a step beside the velocities.
///
/// Source: Hairer, Nørsett & Wanner (1993), I.14 (variational equation).
pub fn advance_with_derivative(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    time: f64,
    plan: &IntegrationPlan,
) -> Result<(Vec<f64>, DMatrix<f64>), FlowError> {
    let frame = DMatrix::identity(field.dim(), field.dim());
    advance_frame(&Autonomous(field), start, &frame, (0.0, time), plan, FirstStep::Estimated)
}

/// `n + 1` states at equal distances in time, from `start` to `φ_t(start)`, each `[M]`.
///
/// Each state is followed from the one before it, at the full accuracy of the plan: as [`advance`], `n` times.
pub fn trajectory(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    time: f64,
    n: usize,
    plan: &IntegrationPlan,
) -> Result<Vec<Vec<f64>>, FlowError> {
    let mut points = vec![start.to_vec()];
    for _ in 0..n.max(1) {
        points.push(advance(field, &points[points.len() - 1], time / n.max(1) as f64, plan)?);
    }
    Ok(points)
}

/// As [`trajectory`], between the steps by interpolation: cheaper, and less accurate than the steps.
pub(super) fn sketch(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    time: f64,
    n: usize,
    plan: &IntegrationPlan,
) -> Result<Vec<Vec<f64>>, FlowError> {
    check_start(field.dim(), start)?;
    let mut samples = Samples { every: time / n as f64, points: Vec::with_capacity(n + 1) };
    let end =
        solve(&State(&Autonomous(field)), start.to_vec(), (0.0, time), plan, FirstStep::Estimated, Some(&mut samples))?;
    // The last sample falls on the end up to rounding of the time: it may or may not have been taken.
    samples.points.truncate(n);
    samples.points.push(end);
    Ok(samples.points)
}

/// What is tried first on the way through a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstStep {
    /// A cautious step, from two velocities.
    Estimated,
    /// All of it: right where the span is what the flow does in a few steps, and many such spans follow each other. What
    /// is too long is refused by the error control, also where it leads out of the numbers.
    Whole,
}

/// `φ(start)` from time `from` to `to`, under a drive.
pub(super) fn advance_forced(
    field: &impl ForcedField,
    start: &[f64],
    span: (f64, f64),
    plan: &IntegrationPlan,
    first: FirstStep,
) -> Result<Vec<f64>, FlowError> {
    check_start(field.dim(), start)?;
    solve(&State(field), start.to_vec(), span, plan, first, None)
}

/// The end of the orbit and the images `Φ vᵢ` of the columns of `frame: [M × k]`.
pub(super) fn advance_frame(
    field: &impl ForcedField,
    start: &[f64],
    frame: &DMatrix<f64>,
    span: (f64, f64),
    plan: &IntegrationPlan,
    first: FirstStep,
) -> Result<(Vec<f64>, DMatrix<f64>), FlowError> {
    check_start(field.dim(), start)?;
    let mut packed = start.to_vec();
    packed.extend_from_slice(frame.as_slice());
    let end = solve(&StateAndFrame { field, columns: frame.ncols() }, packed, span, plan, first, None)?;
    let (state, columns) = end.split_at(start.len());
    Ok((state.to_vec(), DMatrix::from_column_slice(start.len(), frame.ncols(), columns)))
}

fn check_start(dim: usize, start: &[f64]) -> Result<(), FlowError> {
    if dim == 0 || start.len() != dim || !is_finite(start) { Err(FlowError::InvalidStart) } else { Ok(()) }
}

/// Follows `equation` to the end; `samples` collects states on the way.
fn solve(
    equation: &impl ODE<f64, Vec<f64>>,
    start: Vec<f64>,
    (from, to): (f64, f64),
    plan: &IntegrationPlan,
    first: FirstStep,
    samples: Option<&mut Samples>,
) -> Result<Vec<f64>, FlowError> {
    if from == to {
        return Ok(start);
    }
    let bound = ESCAPE * start.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
    let mut method = ExplicitRungeKutta::dop853()
        .rtol(plan.relative_tolerance)
        .atol(plan.absolute_tolerance)
        .max_steps(plan.max_steps)
        .h_max((to - from).abs());
    if first == FirstStep::Whole {
        method = method.h0(to - from);
    }
    let mut watch = Watch { bound, last: start.clone(), samples };
    let ended = solve_ode(&mut method, equation, from, to, &start, &mut watch);
    let escaped = |y: &[f64]| !y.iter().all(|x| x.abs() <= bound);
    match ended {
        _ if escaped(&watch.last) => Err(FlowError::Diverged),
        Ok(_) => Ok(watch.last),
        // A velocity that stops being finite, or a flow that reaches infinity in finite time, stops the step size.
        Err(SolverError::StepSize { .. }) => Err(FlowError::Diverged),
        Err(SolverError::Stiffness { .. }) => Err(FlowError::Stiff),
        Err(_) => Err(FlowError::StepLimit),
    }
}

/// A flow that grows by this factor, and beyond it in its own unit, has diverged.
const ESCAPE: f64 = 1e12;

/// States at multiples of `every`.
struct Samples {
    every: f64,
    points: Vec<Vec<f64>>,
}

/// Remembers the end and gives up on what escapes.
struct Watch<'a> {
    bound: f64,
    last: Vec<f64>,
    samples: Option<&'a mut Samples>,
}

impl Solout<f64, Vec<f64>> for Watch<'_> {
    fn solout<I: Interpolation<f64, Vec<f64>> + ?Sized>(
        &mut self,
        t: f64,
        _: f64,
        y: &Vec<f64>,
        _: &Vec<f64>,
        interpolator: &mut I,
        _: &mut Solution<f64, Vec<f64>>,
    ) -> ControlFlag<f64, Vec<f64>> {
        self.last.clone_from(y);
        if !y.iter().all(|x| x.abs() <= self.bound) {
            return ControlFlag::Terminate;
        }
        if let Some(samples) = &mut self.samples {
            loop {
                let next = samples.every * samples.points.len() as f64;
                if next.abs() > t.abs() {
                    break;
                }
                // At the very start there is no step to interpolate in.
                let state = if next == t { Some(y.clone()) } else { interpolator.interpolate(next).ok() };
                match state {
                    Some(state) => samples.points.push(state),
                    None => break,
                }
            }
        }
        ControlFlag::Continue
    }
}

/// `ż = v(t, z)`.
struct State<'a, F>(&'a F);

impl<F: ForcedField> ODE<f64, Vec<f64>> for State<'_, F> {
    fn diff(&self, t: f64, z: &Vec<f64>, velocity: &mut Vec<f64>) {
        self.0.velocity(t, z, velocity);
    }
}

/// `ż = v(t, z)`, `V̇ = J(t, z) V`, packed one after the other.
struct StateAndFrame<'a, F> {
    field: &'a F,
    columns: usize,
}

impl<F: ForcedField> ODE<f64, Vec<f64>> for StateAndFrame<'_, F> {
    fn diff(&self, t: f64, packed: &Vec<f64>, velocity: &mut Vec<f64>) {
        let dim = self.field.dim();
        let (z, frame) = packed.split_at(dim);
        let (dz, dframe) = velocity.split_at_mut(dim);
        self.field.velocity(t, z, dz);
        let frame = DMatrixView::from_slice(frame, dim, self.columns);
        DMatrixViewMut::from_slice(dframe, dim, self.columns).gemm(1.0, &self.field.jacobian(t, z), &frame, 0.0);
    }
}
