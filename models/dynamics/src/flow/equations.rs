//! What is handed to the integrators: a state, or a state with tangent vectors.

use differential_equations::ode::ODE;
use nalgebra::{DMatrixView, DMatrixViewMut};

use super::vector_field::ForcedField;

/// `ż = v(t, z)`.
pub(super) struct State<'a, F>(pub &'a F);

impl<F: ForcedField> ODE<f64, Vec<f64>> for State<'_, F> {
    fn diff(&self, t: f64, z: &Vec<f64>, velocity: &mut Vec<f64>) {
        self.0.velocity(t, z, velocity);
    }
}

/// `ż = v(t, z)`, `V̇ = J(t, z) V`, packed one after the other.
pub(super) struct StateAndFrame<'a, F> {
    pub field: &'a F,
    pub columns: usize,
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
