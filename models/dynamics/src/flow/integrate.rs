use nalgebra::DMatrix;
use thiserror::Error;

use super::solvers::{FirstStep, Leg, Samples, follow, follow_frame};
use super::vector_field::{Autonomous, VectorField};

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
    #[error("the start has the wrong length or is not finite")]
    InvalidStart,
}

/// `φ_t(start)`: where the flow `ż = v(z)` takes `start: [M]` in time `t`, which may be negative.
///
/// Dormand & Prince's method of order 8 with error control of orders 5 and 3; where deviations decay hundreds of times over within `time`, or
/// that method gives up, Radau's implicit method of order 5. Errors grow like the flow itself: on a chaotic
/// attractor the end point is meaningless after a few Lyapunov times, statistics along the way are not. Costs 15 velocities a step, an
/// implicit one a Jacobian and `O(M³)`.
///
/// Source: Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, II.5 (DOP853), and Hairer & Wanner (1996), II,
/// IV.8 (Radau IIA), as implemented in the crate differential-equations.
pub fn advance(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    time: f64,
    plan: &IntegrationPlan,
) -> Result<Vec<f64>, FlowError> {
    follow(&Autonomous(field), start, &leg(time, plan), None)
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
    follow_frame(&Autonomous(field), start, &frame, &leg(time, plan))
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
    let mut samples = Samples { every: time / n as f64, points: Vec::with_capacity(n + 1) };
    let end = follow(&Autonomous(field), start, &leg(time, plan), Some(&mut samples))?;
    // The last sample falls on the end up to rounding of the time: it may or may not have been taken.
    samples.points.truncate(n);
    samples.points.push(end);
    Ok(samples.points)
}

fn leg(time: f64, plan: &IntegrationPlan) -> Leg<'_> {
    Leg { span: (0.0, time), plan, first: FirstStep::Estimated }
}
