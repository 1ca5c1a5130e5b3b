use nalgebra::{DMatrix, DMatrixView};

use super::integrate::{FirstStep, FlowError, IntegrationPlan, advance_forced, advance_frame};
use super::vector_field::{Autonomous, ForcedField, VectorField};
use crate::map::Map;
use crate::smooth::{Enclosed, Interval};

/// The map that follows a flow for a fixed time: `F(z) = φ_Δt(z)`.
///
/// Everything that is asked of maps can so be asked of flows; multipliers and exponents are per step, divided by `Δt` they
/// are rates. Its points of rest are the equilibria of the flow; a limit cycle of period `T` is an invariant curve,
/// periodic only where `T/Δt` is rational: [`super::find_limit_cycle`] finds it as what it is. Where the flow cannot be
/// followed (it escapes within a step, or the integrator gives up) the image is not a number, which counts as divergence.
#[derive(Debug, Clone)]
pub struct TimeStepMap<F> {
    pub field: F,
    /// `Δt`, in the time unit of the field; negative runs backwards.
    pub time_step: f64,
    pub plan: IntegrationPlan,
}

impl<F: VectorField> TimeStepMap<F> {
    fn span(&self) -> (f64, f64) {
        (0.0, self.time_step)
    }

    fn image_of(&self, z: &[f64], frame: &DMatrix<f64>) -> DMatrix<f64> {
        let end = advance_frame(&Autonomous(&self.field), z, frame, self.span(), &self.plan, FirstStep::Whole);
        derivative_or_nan(end, frame)
    }
}

impl<F: VectorField> Map for TimeStepMap<F> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        write_or_nan(advance_forced(&Autonomous(&self.field), z, self.span(), &self.plan, FirstStep::Whole), next);
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
    fn span(&self) -> (f64, f64) {
        (self.start_time, self.start_time + self.period)
    }

    fn image_of(&self, z: &[f64], frame: &DMatrix<f64>) -> DMatrix<f64> {
        let end = advance_frame(&self.field, z, frame, self.span(), &self.plan, FirstStep::Estimated);
        derivative_or_nan(end, frame)
    }
}

impl<F: ForcedField> Map for StroboscopicMap<F> {
    fn dim(&self) -> usize {
        self.field.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        write_or_nan(advance_forced(&self.field, z, self.span(), &self.plan, FirstStep::Estimated), next);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let frame = DMatrix::identity(z.len(), z.len());
        self.image_of(z, &frame)
    }
    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        image.copy_from(&self.image_of(z, &frame.into_owned()));
    }
}

fn write_or_nan(end: Result<Vec<f64>, FlowError>, next: &mut [f64]) {
    match end {
        Ok(end) => next.copy_from_slice(&end),
        Err(_) => next.fill(f64::NAN),
    }
}

fn derivative_or_nan(end: Result<(Vec<f64>, DMatrix<f64>), FlowError>, frame: &DMatrix<f64>) -> DMatrix<f64> {
    end.map_or_else(|_| DMatrix::from_element(frame.nrows(), frame.ncols(), f64::NAN), |(_, image)| image)
}
