use nalgebra::Complex;
use thiserror::Error;

use super::integrate::{FlowError, IntegrationPlan, advance, sketch};
use super::shooting::{Shooting, close};
use super::vector_field::VectorField;
use crate::geometry::{distance, dot, is_finite, norm};
use crate::stability::Stability;

/// A closed orbit of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitCycle {
    /// The smallest `T > 0` with `φ_T(z) = z`, in the time unit of the field.
    pub period: f64,
    /// The orbit at equal distances in time, each `[M]`; the first is not repeated at the end.
    pub points: Vec<Vec<f64>>,
    /// Floquet multipliers without the trivial one, `M − 1` of them, largest modulus first: by how much deviations across the
    /// orbit have grown after one period. Zero where smaller than the error of the trivial one.
    pub multipliers: Vec<Complex<f64>>,
    /// The multiplier along the orbit. It is one; how far the computed value is from it says how accurate the others are.
    pub trivial_multiplier: f64,
    /// By the multipliers without the trivial one.
    pub stability: Stability,
    /// The largest gap between the pieces of the orbit, relative to its extent.
    pub residual: f64,
}

impl LimitCycle {
    /// The distance from `z: [M]` to the polygon through its points.
    pub fn distance_to(&self, z: &[f64]) -> f64 {
        let next = self.points.iter().cycle().skip(1);
        let to_side = |(a, b): (&Vec<f64>, &Vec<f64>)| {
            let side: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
            let ahead: Vec<f64> = z.iter().zip(a).map(|(z, a)| z - a).collect();
            let length = dot(&side, &side);
            let share = if length > 0.0 { (dot(&ahead, &side) / length).clamp(0.0, 1.0) } else { 0.0 };
            let foot: Vec<f64> = a.iter().zip(&side).map(|(a, side)| a + share * side).collect();
            distance(z, &foot)
        };
        self.points.iter().zip(next).map(to_side).fold(f64::INFINITY, f64::min)
    }
}

/// How to look for a limit cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitCyclePlan {
    pub integration: IntegrationPlan,
    /// Time for which a start is followed before the orbit is looked at; zero to look next to the start, as unstable cycles demand.
    pub transient: f64,
    /// The longest period looked for.
    pub longest_period: f64,
    /// Pieces in which the orbit is shot; more of them hold more unstable cycles. 10.
    pub segments: usize,
    /// Newton steps; 50.
    pub max_steps: usize,
    /// Largest relative gap of a cycle that is reported; `1e-9`.
    pub residual_tolerance: f64,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-6`.
    pub marginal_tolerance: f64,
    /// Points reported; 200.
    pub n_points: usize,
}

impl LimitCyclePlan {
    /// The values named at each field.
    pub fn within(transient: f64, longest_period: f64) -> Self {
        Self {
            integration: IntegrationPlan { relative_tolerance: 1e-12, absolute_tolerance: 1e-14, max_steps: 200_000 },
            transient,
            longest_period,
            segments: 10,
            max_steps: 50,
            residual_tolerance: 1e-9,
            marginal_tolerance: 1e-6,
            n_points: 200,
        }
    }
}

/// Why no limit cycle is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LimitCycleError {
    #[error(transparent)]
    Flow(#[from] FlowError),
    #[error("the orbit did not come back within the longest period")]
    NoReturn,
    #[error("the orbit came to rest")]
    AtRest,
    #[error("Newton's method did not close the orbit")]
    NotConverged,
    #[error("need a positive period and at least one segment")]
    InvalidPlan,
}

/// The limit cycle to which the orbit of `start` leads, or next to which it begins.
///
/// Follows the flow for `transient`, takes the hyperplane through the state across the velocity as a Poincaré section, and
/// closes the orbit from its nearest returns with [`refine_limit_cycle`]. Unstable cycles are found from a start close
/// to them (`transient` zero), those that repel in all directions also by following [`super::Reversed`] time. Costs the integration
/// over `transient + 2 · longest_period` and a few refinements. Misleads where several cycles are close: which of them is found depends on
/// the start; and a slow passage is no return, so that a start near a saddle may need a longer `transient`.
///
/// Source: Parker & Chua (1989), Practical Numerical Algorithms for Chaotic Systems, Springer, chapters 2 and 5 (sections, closed orbits).
pub fn find_limit_cycle(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    plan: &LimitCyclePlan,
) -> Result<LimitCycle, LimitCycleError> {
    if !(plan.longest_period > 0.0 && plan.longest_period.is_finite() && plan.transient.is_finite()) {
        return Err(LimitCycleError::InvalidPlan);
    }
    let z = advance(field, start, plan.transient, &plan.integration)?;
    let window = 2.0 * plan.longest_period;
    let n = 8000;
    let orbit = sketch(field, &z, window, n, &plan.integration)?;
    let every = window / n as f64;
    let extent = orbit.iter().map(|point| distance(point, &z)).fold(0.0, f64::max);
    if extent <= 1e-7 * norm(&z).max(1e-3) {
        return Err(LimitCycleError::AtRest);
    }
    let returns = returns_to(field, &z, &orbit, every, plan.longest_period);
    let nearest = returns.iter().map(|&(_, gap)| gap).fold(f64::INFINITY, f64::min);
    let mut failure = LimitCycleError::NoReturn;
    // The first return that is about as close as any: later ones are multiples of the period.
    for &(time, _) in returns.iter().filter(|&&(_, gap)| gap <= (3.0 * nearest).max(1e-3 * extent)).take(5) {
        match refine_limit_cycle(field, &z, time, plan) {
            Ok(cycle) => return Ok(cycle),
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}

/// Times at which the orbit crosses the section through its start in the direction of the flow, with the distances from the start.
fn returns_to(
    field: &(impl VectorField + ?Sized),
    start: &[f64],
    orbit: &[Vec<f64>],
    every: f64,
    longest: f64,
) -> Vec<(f64, f64)> {
    let mut normal = vec![0.0; start.len()];
    field.velocity(start, &mut normal);
    let height = |point: &[f64]| dot(&normal, point) - dot(&normal, start);
    let mut returns = Vec::new();
    for (i, pair) in orbit.windows(2).enumerate().skip(1) {
        let (before, after) = (height(&pair[0]), height(&pair[1]));
        if before < 0.0 && after >= 0.0 {
            let part = before / (before - after);
            let crossing: Vec<f64> = pair[0].iter().zip(&pair[1]).map(|(a, b)| a + part * (b - a)).collect();
            let time = (i as f64 + part) * every;
            if time <= longest {
                returns.push((time, distance(&crossing, start)));
            }
        }
    }
    returns
}

/// The limit cycle next to `guess` with a period near `period`, stable or not.
///
/// Solves `φ_{T/m}(zᵢ) = zᵢ₊₁` for `m` pieces and the period `T` together, with `v(guess) · (z₀ − guess) = 0` to fix the
/// phase, by Newton's method with halved steps; derivatives come from the variational equation. The period is then reduced to the
/// minimal one. The multipliers are the eigenvalues of the monodromy matrix `Φ` across the orbit, `Qᵀ Φ Q` with `Q: [M × (M − 1)]`
/// orthonormal and orthogonal to `v`. Where closed orbits lie side by side, the nearest one. Costs
/// `O((m M)³)` and an integration over one period with `M²` variations, per Newton step.
///
/// Sources: Stoer & Bulirsch (2002), Introduction to Numerical Analysis, 7.3.5 (multiple shooting); Kuznetsov (2004), Elements of
/// Applied Bifurcation Theory, 10.1.
pub fn refine_limit_cycle(
    field: &(impl VectorField + ?Sized),
    guess: &[f64],
    period: f64,
    plan: &LimitCyclePlan,
) -> Result<LimitCycle, LimitCycleError> {
    if !(period > 0.0 && period.is_finite()) || plan.segments == 0 {
        return Err(LimitCycleError::InvalidPlan);
    }
    if guess.len() != field.dim() || guess.is_empty() || !is_finite(guess) {
        return Err(FlowError::InvalidStart.into());
    }
    let mut orbit = close(field, Shooting::along(field, guess, period, plan)?, plan)?;
    'shorter: loop {
        for parts in [2, 3, 5, 7] {
            let time = orbit.period / f64::from(parts);
            let after = advance(field, &orbit.nodes[0], time, &plan.integration)?;
            if distance(&after, &orbit.nodes[0]) <= 1e-5 * orbit.extent() {
                orbit = close(field, Shooting::along(field, &orbit.nodes[0], time, plan)?, plan)?;
                continue 'shorter;
            }
        }
        break;
    }
    orbit.describe(field, plan)
}
