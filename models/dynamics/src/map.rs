use nalgebra::{Complex, DMatrix, DMatrixView};

use crate::flow::VectorField;
use crate::multipliers::{MultiplierError, multipliers};
use crate::stability::Stability;

/// A frozen dynamical system in discrete time, `z ← F(z)` with `z: [M]`.
pub trait Map: Send + Sync {
    /// `M`, the number of latent dimensions.
    fn dim(&self) -> usize;

    /// Writes `F(z)` into `next`; both are `[M]`.
    fn step(&self, z: &[f64], next: &mut [f64]);

    /// Whether `image`, as [`Map::step`] wrote it, says that the image could not be found, and not that it left the numbers: an orbit that ends
    /// so is undecided instead of diverged.
    fn is_unknown(&self, _image: &[f64]) -> bool {
        false
    }

    /// `∂F/∂z` at `z`, `[M × M]`, rows indexing outputs.
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64>;

    /// Writes the images `DF(z) vᵢ` of the columns of `frame: [M × k]` into `image: [M × k]`.
    ///
    /// A map that can do so without forming its Jacobian should: Lyapunov exponents ask at every step.
    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        image.gemm(1.0, &self.jacobian(z), &frame, 0.0);
    }

    /// Time units per step where the map samples a flow, `F = φ_h`; `None` for a map in its own right.
    ///
    /// A limit cycle of the flow is a closed curve of the sampled map, and only this tells it from quasiperiodicity.
    fn flow_time_per_step(&self) -> Option<f64> {
        None
    }

    /// The velocity of the flow that the map samples, where it is at hand: closed orbits are then found as what they are.
    fn velocity_field(&self) -> Option<&dyn VectorField> {
        None
    }

    /// The largest `r` such that `F` is affine on the ellipsoid `{z + v : vᵀ C⁻¹ v ≤ r²}`, with `C: [M × M]`; zero where unknown.
    ///
    /// What lets a basin be certified around a stable point of a piecewise-linear map.
    fn affine_radius(&self, _z: &[f64], _covariance: &DMatrix<f64>) -> f64 {
        0.0
    }

    /// Writes into `residual: [M]` something that vanishes exactly where `F(z) = z`: `F(z) − z`, unless the map knows better.
    ///
    /// Where a gate nearly closes, `F(z) − z` is tiny without a fixed point near: a GRU looks at its candidate instead, a
    /// map that follows a flow at the velocity.
    fn rest_residual(&self, z: &[f64], residual: &mut [f64]) {
        self.step(z, residual);
        residual.iter_mut().zip(z).for_each(|(f, z)| *f -= z);
    }

    /// The derivative of [`Map::rest_residual`], `[M × M]`.
    fn rest_slope(&self, z: &[f64]) -> DMatrix<f64> {
        let mut slope = self.jacobian(z);
        (0..slope.nrows()).for_each(|i| slope[(i, i)] -= 1.0);
        slope
    }

    /// Eigenvalues of `∂F/∂z` at a point of rest, as [`multipliers`] gives them, and what they say of its stability.
    ///
    /// A flow knows them from its velocity: there is nothing to follow at a point of rest.
    fn at_rest(&self, z: &[f64], marginal_tolerance: f64) -> Result<(Vec<Complex<f64>>, Stability), MultiplierError> {
        let multipliers = multipliers(&self.jacobian(z))?;
        let stability = Stability::from_multipliers(&multipliers, marginal_tolerance);
        Ok((multipliers, stability))
    }

    /// Lower and upper bound of each coordinate on every attractor, `[M]`, where the map implies them: an orbit outside is still on its way,
    /// however little it moves.
    fn attracting_box(&self) -> Option<Vec<[f64; 2]>> {
        None
    }

    /// Growth along each direction at a point of rest, nats per step, largest first, where it is known better than from the multipliers:
    /// a flow over a long step has multipliers beyond the numbers.
    fn exponents_at_rest(&self, _z: &[f64]) -> Option<Vec<f64>> {
        None
    }

    /// `Fⁿ(start)`.
    fn iterate(&self, start: &[f64], steps: usize) -> Vec<f64> {
        let mut z = start.to_vec();
        let mut next = vec![0.0; z.len()];
        for _ in 0..steps {
            self.step(&z, &mut next);
            std::mem::swap(&mut z, &mut next);
        }
        z
    }

    /// `start, F(start), …, Fⁿ(start)`: `steps + 1` points.
    fn orbit(&self, start: &[f64], steps: usize) -> Vec<Vec<f64>> {
        let mut points = Vec::with_capacity(steps + 1);
        points.push(start.to_vec());
        for t in 0..steps {
            let mut next = vec![0.0; start.len()];
            self.step(&points[t], &mut next);
            points.push(next);
        }
        points
    }
}

/// `∂F/∂z` by central differences: for maps without an analytic derivative, and to test those that have one.
///
/// `[M × M]`, for `step` from `[M]` to `[M]`. Good to about `1e-10` relative where `F` is smooth; on a border between linear regions it
/// averages the two sides. Costs `2 M` steps.
///
/// Source: Press et al. (2007), Numerical Recipes, 5.7, for the width.
pub fn central_difference_jacobian(dim: usize, step: impl Fn(&[f64], &mut [f64]), z: &[f64]) -> DMatrix<f64> {
    let (mut ahead, mut behind) = (vec![0.0; dim], vec![0.0; dim]);
    let mut shifted = z.to_vec();
    let mut jacobian = DMatrix::zeros(dim, dim);
    for column in 0..dim {
        // The cube root of the rounding unit balances truncation against cancellation.
        let width = f64::EPSILON.cbrt() * z[column].abs().max(1.0);
        shifted[column] = z[column] + width;
        step(&shifted, &mut ahead);
        shifted[column] = z[column] - width;
        step(&shifted, &mut behind);
        shifted[column] = z[column];
        for row in 0..dim {
            jacobian[(row, column)] = (ahead[row] - behind[row]) / (2.0 * width);
        }
    }
    jacobian
}
