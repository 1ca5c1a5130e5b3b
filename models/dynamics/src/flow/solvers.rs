//! Which integrator follows a flow, and how it ends.

use differential_equations::control::ControlFlag;
use differential_equations::error::Error as SolverError;
use differential_equations::interpolate::Interpolation;
use differential_equations::methods::ExplicitRungeKutta;
use differential_equations::ode::{ODE, solve_ode};
use differential_equations::solout::Solout;
use differential_equations::solution::Solution;
use nalgebra::DMatrix;

use super::equations::{State, StateAndFrame};
use super::integrate::{FlowError, IntegrationPlan};
use super::radau::follow_implicitly;
use super::vector_field::ForcedField;
use crate::geometry::{dot, is_finite, norm};

/// What is tried first on the way through a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstStep {
    /// A cautious step, from two velocities.
    Estimated,
    /// All of it: right where the span is what the flow does in a few steps, and many such spans follow each other. What
    /// is too long is refused by the error control, also where it leads out of the numbers.
    Whole,
}

/// From when to when, and how.
#[derive(Clone, Copy)]
pub(super) struct Leg<'a> {
    pub span: (f64, f64),
    pub plan: &'a IntegrationPlan,
    pub first: FirstStep,
}

/// States at multiples of `every` from the time zero on.
pub(super) struct Samples {
    pub every: f64,
    pub points: Vec<Vec<f64>>,
}

impl Samples {
    /// Those up to time `t`, from their states.
    pub(super) fn take(&mut self, t: f64, mut state: impl FnMut(f64) -> Vec<f64>) {
        loop {
            let next = self.every * self.points.len() as f64;
            if next.abs() > t.abs() {
                break;
            }
            self.points.push(state(next));
        }
    }
}

/// `φ(start)` at the end of `leg`; `samples` collects states on the way.
pub(super) fn follow(
    field: &impl ForcedField,
    start: &[f64],
    leg: &Leg<'_>,
    mut samples: Option<&mut Samples>,
) -> Result<Vec<f64>, FlowError> {
    check_start(field.dim(), start)?;
    try_both(is_stiff(field, start, leg), |method| {
        if let Some(samples) = &mut samples {
            samples.points.clear();
        }
        let samples = samples.as_deref_mut();
        match method {
            Method::Explicit => follow_explicitly(&State(field), start.len(), start.to_vec(), leg, samples),
            Method::Implicit => {
                follow_implicitly(field, start, &DMatrix::zeros(start.len(), 0), leg, samples).map(|(end, _)| end)
            }
        }
    })
}

/// The end of the orbit and the images `Φ vᵢ` of the columns of `frame: [M × k]`.
pub(super) fn follow_frame(
    field: &impl ForcedField,
    start: &[f64],
    frame: &DMatrix<f64>,
    leg: &Leg<'_>,
) -> Result<(Vec<f64>, DMatrix<f64>), FlowError> {
    check_start(field.dim(), start)?;
    try_both(is_stiff(field, start, leg), |method| match method {
        Method::Explicit => {
            let equation = StateAndFrame { field, columns: frame.ncols() };
            let packed = [start, frame.as_slice()].concat();
            let end = follow_explicitly(&equation, start.len(), packed, leg, None)?;
            let (state, columns) = end.split_at(start.len());
            Ok((state.to_vec(), DMatrix::from_column_slice(start.len(), frame.ncols(), columns)))
        }
        Method::Implicit => follow_implicitly(field, start, frame, leg, None),
    })
}

fn check_start(dim: usize, start: &[f64]) -> Result<(), FlowError> {
    if dim == 0 || start.len() != dim || !is_finite(start) { Err(FlowError::InvalidStart) } else { Ok(()) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Dormand & Prince's method of order 8: cheap steps, as short as the fastest decay demands.
    Explicit,
    /// Radau IIA of order 5: each step solves equations, and what has decayed does not shorten it.
    Implicit,
}

/// Why a method did not reach the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The state left every bound.
    Escaped,
    /// No step was short enough: the velocity stopped being finite, or the flow reaches infinity in finite time.
    Stuck,
    /// Too many steps, or steps too short for an explicit method.
    GaveUp,
}

/// By the method that suits, and by the other where that one fails without having seen the flow escape.
fn try_both<T>(is_stiff: bool, mut run: impl FnMut(Method) -> Result<T, Failure>) -> Result<T, FlowError> {
    let (suits, other) =
        if is_stiff { (Method::Implicit, Method::Explicit) } else { (Method::Explicit, Method::Implicit) };
    let first = match run(suits) {
        Ok(end) => return Ok(end),
        Err(Failure::Escaped) => return Err(FlowError::Diverged),
        Err(failure) => failure,
    };
    run(other).map_err(|second| match (first, second) {
        (_, Failure::Escaped) | (Failure::Stuck, Failure::Stuck) => FlowError::Diverged,
        _ => FlowError::StepLimit,
    })
}

/// Decays that an explicit method must follow, in units of the span; beyond this the other is tried first.
const MANY_DECAYS: f64 = 200.0;
/// Of a generic direction, the share that decays at that rate.
const DECAYING_SHARE: f64 = 0.02;
/// Decays while the state moves by its own size.
const MUCH_FASTER: f64 = 100.0;

/// Whether deviations in a generic direction decay hundreds of times over within the span: `dᵀ J d ≪ 0`, with `J d` by differences. On the way
/// through a long span they may do so without being fast: there they must also decay while the state hardly moves.
fn is_stiff(field: &impl ForcedField, start: &[f64], leg: &Leg<'_>) -> bool {
    let (from, to) = leg.span;
    let dim = start.len();
    let direction: Vec<f64> = (0..dim).map(generic_component).collect();
    let reach = f64::EPSILON.sqrt() * norm(start).max(1.0) / norm(&direction);
    let beside: Vec<f64> = start.iter().zip(&direction).map(|(z, d)| z + reach * d).collect();
    let (mut here, mut there) = (vec![0.0; dim], vec![0.0; dim]);
    field.velocity(from, start, &mut here);
    field.velocity(from, &beside, &mut there);
    let change: Vec<f64> = there.iter().zip(&here).map(|(b, a)| (b - a) / reach).collect();
    let growth = dot(&direction, &change) * (to - from).signum();
    let rate = norm(&change) / norm(&direction);
    let is_fast = leg.first == FirstStep::Whole || rate * norm(start) > MUCH_FASTER * norm(&here);
    rate * (to - from).abs() > MANY_DECAYS && is_fast && growth < -DECAYING_SHARE * norm(&direction) * norm(&change)
}

/// Of a direction in which no axis is weak and that is orthogonal to no sum or difference of axes.
fn generic_component(i: usize) -> f64 {
    let angle = 2.4 * (i as f64 + 1.0);
    (1.0 + 0.3 * angle.sin()) * angle.cos().signum()
}

/// Follows `equation` to the end; the first `dim` variables of `start` are the state.
fn follow_explicitly(
    equation: &impl ODE<f64, Vec<f64>>,
    dim: usize,
    start: Vec<f64>,
    leg: &Leg<'_>,
    samples: Option<&mut Samples>,
) -> Result<Vec<f64>, Failure> {
    let (from, to) = leg.span;
    if from == to {
        return Ok(start);
    }
    let mut method = ExplicitRungeKutta::dop853()
        .rtol(leg.plan.relative_tolerance)
        .atol(leg.plan.absolute_tolerance)
        .max_steps(leg.plan.max_steps)
        .h_max((to - from).abs());
    if leg.first == FirstStep::Whole {
        method = method.h0(to - from);
    }
    let mut watch = Watch { start: &start[..dim], last: start.clone(), samples };
    let ended = solve_ode(&mut method, equation, from, to, &start, &mut watch);
    match ended {
        _ if watch.has_escaped() => Err(Failure::Escaped),
        Ok(_) => Ok(watch.last),
        Err(SolverError::StepSize { .. }) => Err(Failure::Stuck),
        Err(_) => Err(Failure::GaveUp),
    }
}

/// A flow that grows by this factor, and beyond it in its own unit, has diverged.
const ESCAPE: f64 = 1e12;

/// Whether the flow from `start` to `z` has left every bound.
pub(super) fn has_escaped(z: &[f64], start: &[f64]) -> bool {
    let bound = ESCAPE * start.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
    !z.iter().all(|x| x.abs() <= bound)
}

/// Remembers the end and gives up on what escapes.
struct Watch<'a> {
    start: &'a [f64],
    /// The state, and what is followed beside it.
    last: Vec<f64>,
    samples: Option<&'a mut Samples>,
}

impl Watch<'_> {
    fn has_escaped(&self) -> bool {
        let (state, tangents) = self.last.split_at(self.start.len());
        has_escaped(state, self.start) || !is_finite(tangents)
    }
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
        if self.has_escaped() {
            return ControlFlag::Terminate;
        }
        if let Some(samples) = &mut self.samples {
            // At the very start there is no step to interpolate in.
            samples.take(t, |next| {
                if next == t { y.clone() } else { interpolator.interpolate(next).unwrap_or_else(|_| y.clone()) }
            });
        }
        ControlFlag::Continue
    }
}
