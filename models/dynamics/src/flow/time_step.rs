use nalgebra::{Complex, DMatrix, DMatrixView};

use super::equilibria::stability_at;
use super::integrate::{FlowError, IntegrationPlan};
use super::solvers::{FirstStep, Leg, follow, follow_frame};
use super::vector_field::{Autonomous, ForcedField, VectorField};
use crate::map::Map;
use crate::multipliers::{MultiplierError, multipliers, sort_by_modulus};
use crate::smooth::{Enclosed, Interval};
use crate::stability::Stability;

/// The map that follows a flow for a fixed time: `F(z) = φ_Δt(z)`.
///
/// Everything that is asked of maps can so be asked of flows; multipliers and exponents are per step, divided by `Δt` they
/// are rates. Its points of rest are the equilibria of the flow; a limit cycle of period `T` is an invariant curve,
/// periodic only where `T/Δt` is rational: [`super::find_limit_cycle`] finds it as what it is. Where the flow escapes within a step
/// the image is infinite; where the integrators give up it is not a number, and the orbit counts as undecided.
#[derive(Debug, Clone)]
pub struct TimeStepMap<F> {
    pub field: F,
    /// `Δt`, in the time unit of the field; negative runs backwards.
    pub time_step: f64,
    pub plan: IntegrationPlan,
}

impl<F: VectorField> TimeStepMap<F> {
    fn leg(&self) -> Leg<'_> {
        Leg { span: (0.0, self.time_step), plan: &self.plan, first: FirstStep::Whole }
    }

    fn image_of(&self, z: &[f64], frame: &DMatrix<f64>) -> DMatrix<f64> {
        let end = follow_frame(&Autonomous(&self.field), z, frame, &self.leg());
        derivative_or_nan(end, frame)
    }
}

impl<F: VectorField> Map for TimeStepMap<F> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        write_end(follow(&Autonomous(&self.field), z, &self.leg(), None), next);
    }
    fn is_unknown(&self, image: &[f64]) -> bool {
        image.iter().all(|x| x.is_nan())
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let frame = DMatrix::identity(z.len(), z.len());
        self.image_of(z, &frame)
    }
    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        image.copy_from(&self.image_of(z, &frame.into_owned()));
    }
    fn flow_time_per_step(&self) -> Option<f64> {
        Some(self.time_step)
    }
    fn velocity_field(&self) -> Option<&dyn VectorField> {
        Some(&self.field)
    }
    /// `e^{λ Δt}` of the eigenvalues `λ` of the velocity's Jacobian, up to `1e150`; stability by their real parts, however short or long the step.
    fn at_rest(&self, z: &[f64], marginal_tolerance: f64) -> Result<(Vec<Complex<f64>>, Stability), MultiplierError> {
        let jacobian = self.field.jacobian(z);
        let rates = multipliers(&jacobian)?;
        let ahead: Vec<Complex<f64>> = rates.iter().map(|rate| rate * self.time_step.signum()).collect();
        let stability = stability_at(&self.field, z, &jacobian, &ahead, marginal_tolerance);
        let over_step = |rate: &Complex<f64>| {
            let growth = (rate.re * self.time_step).exp().min(MOST_GROWTH);
            Complex::from_polar(growth, rate.im * self.time_step)
        };
        let mut multipliers: Vec<Complex<f64>> = rates.iter().map(over_step).collect();
        sort_by_modulus(&mut multipliers);
        Ok((multipliers, stability))
    }
    fn exponents_at_rest(&self, z: &[f64]) -> Option<Vec<f64>> {
        let rates = multipliers(&self.field.jacobian(z)).ok()?;
        let mut exponents: Vec<f64> = rates.iter().map(|rate| rate.re * self.time_step).collect();
        exponents.sort_by(|a, b| b.total_cmp(a));
        Some(exponents)
    }
    fn rest_residual(&self, z: &[f64], residual: &mut [f64]) {
        self.field.velocity(z, residual);
    }
    fn rest_slope(&self, z: &[f64]) -> DMatrix<f64> {
        self.field.jacobian(z)
    }
}

/// The points of rest of the map are those of the flow.
impl<F: VectorField + Enclosed> Enclosed for TimeStepMap<F> {
    fn n_unknowns(&self) -> usize {
        self.field.n_unknowns()
    }
    fn residual(&self, z: &[f64], g: &mut [f64]) {
        self.field.residual(z, g);
    }
    fn slope(&self, z: &[f64]) -> DMatrix<f64> {
        self.field.slope(z)
    }
    fn enclose_residual(&self, z: &[Interval], g: &mut [Interval]) {
        self.field.enclose_residual(z, g);
    }
    fn enclose_slope(&self, z: &[Interval]) -> Vec<Interval> {
        self.field.enclose_slope(z)
    }
    fn bounds(&self) -> Option<Vec<Interval>> {
        self.field.bounds()
    }
}

/// The map that looks at a periodically driven system once per period of its drive: `F(z) = φ(z)` from `t₀` to `t₀ + T`.
///
/// A fixed point is a response of the period of the drive, a `k`-cycle one of `k` periods.
#[derive(Debug, Clone)]
pub struct StroboscopicMap<F> {
    pub field: F,
    /// `T`, the period of the drive.
    pub period: f64,
    /// `t₀`, the phase at which the system is looked at.
    pub start_time: f64,
    pub plan: IntegrationPlan,
}

impl<F: ForcedField> StroboscopicMap<F> {
    fn leg(&self) -> Leg<'_> {
        let span = (self.start_time, self.start_time + self.period);
        Leg { span, plan: &self.plan, first: FirstStep::Estimated }
    }

    fn image_of(&self, z: &[f64], frame: &DMatrix<f64>) -> DMatrix<f64> {
        let end = follow_frame(&self.field, z, frame, &self.leg());
        derivative_or_nan(end, frame)
    }
}

impl<F: ForcedField> Map for StroboscopicMap<F> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        write_end(follow(&self.field, z, &self.leg(), None), next);
    }
    fn is_unknown(&self, image: &[f64]) -> bool {
        image.iter().all(|x| x.is_nan())
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let frame = DMatrix::identity(z.len(), z.len());
        self.image_of(z, &frame)
    }
    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        image.copy_from(&self.image_of(z, &frame.into_owned()));
    }
}

/// Infinite where the flow escapes; not a number where it could not be followed, which is no statement about the flow.
fn write_end(end: Result<Vec<f64>, FlowError>, next: &mut [f64]) {
    match end {
        Ok(end) => next.copy_from_slice(&end),
        Err(FlowError::Diverged) => next.fill(f64::INFINITY),
        Err(_) => next.fill(f64::NAN),
    }
}

/// Multipliers beyond this are given as this: squares of them are still numbers.
const MOST_GROWTH: f64 = 1e150;

fn derivative_or_nan(end: Result<(Vec<f64>, DMatrix<f64>), FlowError>, frame: &DMatrix<f64>) -> DMatrix<f64> {
    end.map_or_else(|_| DMatrix::from_element(frame.nrows(), frame.ncols(), f64::NAN), |(_, image)| image)
}
