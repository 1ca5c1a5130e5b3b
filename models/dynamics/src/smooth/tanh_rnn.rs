use nalgebra::DMatrix;

use super::formula::{Formula, affine};
use super::interval::Interval;
use super::number::Number;
use crate::weight_checks::{MapError, check_matrix, check_vector};

/// Leaky tanh network in rates: `f(z) = (1 − α) z + α tanh(W z + b)`, with `z, b: [M]`, `W: [M × M]`.
///
/// `α = 1` is the plain network of machine learning, `α = Δt/τ` an Euler step of `τ ż = −z + tanh(W z + b)`. Its points of
/// rest solve `z = tanh(W z + b)` whatever `α`, so all lie in `[−1, 1]ᴹ`.
///
/// Source: Elman (1990), Cogn. Sci. 14, 179–211; Wilson & Cowan (1972), Biophys. J. 12, 1–24.
#[derive(Debug, Clone)]
pub struct TanhRnn {
    weights: DMatrix<f64>,
    bias: Vec<f64>,
    leak: f64,
}

impl TanhRnn {
    /// `leak` is `α`, above zero and at most one for a network that makes sense; other values are taken as they are.
    pub fn new(weights: DMatrix<f64>, bias: Vec<f64>, leak: f64) -> Result<Self, MapError> {
        check_square("W", &weights)?;
        check_vector("b", &bias, weights.nrows())?;
        check_leak(leak)?;
        Ok(Self { weights, bias, leak })
    }
}

impl Formula for TanhRnn {
    fn dim(&self) -> usize {
        self.bias.len()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let drive = affine(&self.weights, z, &self.bias);
        for ((value, &z), drive) in value.iter_mut().zip(z).zip(drive) {
            *value = z * (1.0 - self.leak) + drive.tanh() * self.leak;
        }
    }

    fn derivative<N: Number>(&self, z: &[N]) -> Vec<N> {
        self.scaled_slope(z, self.leak, 1.0 - self.leak)
    }

    fn rest_residual<N: Number>(&self, z: &[N], residual: &mut [N]) {
        let drive = affine(&self.weights, z, &self.bias);
        for ((residual, &z), drive) in residual.iter_mut().zip(z).zip(drive) {
            *residual = drive.tanh() - z;
        }
    }

    fn rest_slope<N: Number>(&self, z: &[N]) -> Vec<N> {
        self.scaled_slope(z, 1.0, -1.0)
    }

    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        Some(vec![Interval::new(-1.0, 1.0); self.dim()])
    }

    /// With a leak of at most one, the next state is a mean of the last and of one between the bounds.
    fn attracting_box(&self) -> Option<Vec<Interval>> {
        self.rest_bounds().filter(|_| (0.0..=1.0).contains(&self.leak))
    }
}

impl TanhRnn {
    /// `gain · diag(1 − tanh²(W z + b)) W + diagonal · I`.
    fn scaled_slope<N: Number>(&self, z: &[N], gain: f64, diagonal: f64) -> Vec<N> {
        let gains: Vec<N> = affine(&self.weights, z, &self.bias)
            .into_iter()
            .map(|drive| (N::from_f64(1.0) - drive.tanh().square()) * gain)
            .collect();
        let mut slope = Vec::with_capacity(z.len() * z.len());
        for (j, column) in self.weights.as_slice().chunks_exact(z.len()).enumerate() {
            slope.extend(gains.iter().zip(column).map(|(&gain, &weight)| gain * weight));
            let on_diagonal = j * z.len() + j;
            slope[on_diagonal] = slope[on_diagonal] + N::from_f64(diagonal);
        }
        slope
    }
}

/// Leaky tanh network in currents: `f(x) = (1 − α) x + α (W tanh(x) + b)`, with `x, b: [M]`, `W: [M × M]`.
///
/// `α = Δt/τ` is an Euler step of `τ ẋ = −x + W tanh(x) + b`; its points of rest lie within `|xᵢ − bᵢ| ≤ Σⱼ |Wᵢⱼ|`.
///
/// Source: Sompolinsky, Crisanti & Sommers (1988), Phys. Rev. Lett. 61, 259–262.
#[derive(Debug, Clone)]
pub struct CurrentRnn {
    weights: DMatrix<f64>,
    bias: Vec<f64>,
    leak: f64,
}

impl CurrentRnn {
    /// As [`TanhRnn::new`].
    pub fn new(weights: DMatrix<f64>, bias: Vec<f64>, leak: f64) -> Result<Self, MapError> {
        check_square("W", &weights)?;
        check_vector("b", &bias, weights.nrows())?;
        check_leak(leak)?;
        Ok(Self { weights, bias, leak })
    }

    fn drive<N: Number>(&self, x: &[N]) -> Vec<N> {
        let rates: Vec<N> = x.iter().map(|x| x.tanh()).collect();
        affine(&self.weights, &rates, &self.bias)
    }

    /// `gain · W diag(1 − tanh² x) + diagonal · I`.
    fn scaled_slope<N: Number>(&self, x: &[N], gain: f64, diagonal: f64) -> Vec<N> {
        let dim = x.len();
        let mut slope = Vec::with_capacity(dim * dim);
        for (j, (column, x)) in self.weights.as_slice().chunks_exact(dim).zip(x).enumerate() {
            let factor = (N::from_f64(1.0) - x.tanh().square()) * gain;
            slope.extend(column.iter().map(|&weight| factor * weight));
            slope[j * dim + j] = slope[j * dim + j] + N::from_f64(diagonal);
        }
        slope
    }
}

impl Formula for CurrentRnn {
    fn dim(&self) -> usize {
        self.bias.len()
    }

    fn evaluate<N: Number>(&self, x: &[N], value: &mut [N]) {
        for ((value, &x), drive) in value.iter_mut().zip(x).zip(self.drive(x)) {
            *value = x * (1.0 - self.leak) + drive * self.leak;
        }
    }

    fn derivative<N: Number>(&self, x: &[N]) -> Vec<N> {
        self.scaled_slope(x, self.leak, 1.0 - self.leak)
    }

    fn rest_residual<N: Number>(&self, x: &[N], residual: &mut [N]) {
        for ((residual, &x), drive) in residual.iter_mut().zip(x).zip(self.drive(x)) {
            *residual = drive - x;
        }
    }

    fn rest_slope<N: Number>(&self, x: &[N]) -> Vec<N> {
        self.scaled_slope(x, 1.0, -1.0)
    }

    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        let reach = |row: usize| self.weights.row(row).iter().map(|w| w.abs()).sum::<f64>() * (1.0 + 1e-9);
        Some(self.bias.iter().enumerate().map(|(row, &b)| Interval::around(b, reach(row))).collect())
    }

    /// With a leak of at most one, the next state is a mean of the last and of one between the bounds.
    fn attracting_box(&self) -> Option<Vec<Interval>> {
        self.rest_bounds().filter(|_| (0.0..=1.0).contains(&self.leak))
    }
}

pub(super) fn check_square(name: &'static str, weights: &DMatrix<f64>) -> Result<(), MapError> {
    if weights.nrows() == 0 {
        return Err(MapError::Empty { weights: name });
    }
    check_matrix(name, weights, (weights.nrows(), weights.nrows()))
}

fn check_leak(leak: f64) -> Result<(), MapError> {
    // A network that does not move rests everywhere.
    if leak.is_finite() && leak != 0.0 { Ok(()) } else { Err(MapError::NoLeak { leak: leak.to_string() }) }
}
