use nalgebra::DMatrix;

/// A system in continuous time, `ż = v(z)` with `z: [M]`.
pub trait VectorField: Send + Sync {
    /// `M`.
    fn dim(&self) -> usize;

    /// Writes `v(z)`, `[M]`.
    fn velocity(&self, z: &[f64], velocity: &mut [f64]);

    /// `∂v/∂z`, `[M × M]`, rows indexing outputs.
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64>;
}

impl<F: VectorField + ?Sized> VectorField for &F {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
        (**self).velocity(z, velocity);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        (**self).jacobian(z)
    }
}

/// A system under a drive that depends on time, `ż = v(t, z)`.
pub trait ForcedField: Send + Sync {
    /// `M`.
    fn dim(&self) -> usize;

    /// Writes `v(t, z)`, `[M]`.
    fn velocity(&self, t: f64, z: &[f64], velocity: &mut [f64]);

    /// `∂v/∂z` at time `t`, `[M × M]`.
    fn jacobian(&self, t: f64, z: &[f64]) -> DMatrix<f64>;
}

/// A vector field whatever the time: what depends on no time is a forced field too.
pub(super) struct Autonomous<'a, F: ?Sized>(pub &'a F);

impl<F: VectorField + ?Sized> ForcedField for Autonomous<'_, F> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn velocity(&self, _: f64, z: &[f64], velocity: &mut [f64]) {
        self.0.velocity(z, velocity);
    }
    fn jacobian(&self, _: f64, z: &[f64]) -> DMatrix<f64> {
        self.0.jacobian(z)
    }
}

/// The same flow with time running backwards: what repels in all directions attracts, so that orbits lead there.
#[derive(Debug, Clone)]
pub struct Reversed<F>(pub F);

impl<F: VectorField> VectorField for Reversed<F> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
        self.0.velocity(z, velocity);
        velocity.iter_mut().for_each(|v| *v = -*v);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        -self.0.jacobian(z)
    }
}
