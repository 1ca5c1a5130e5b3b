use nalgebra::DMatrix;

use super::formula::{Formula, affine};
use super::interval::Interval;
use super::number::{Number, sigmoid_slope};
use crate::weight_checks::{MapError, check_matrix, check_vector};

/// What the hidden units of a network do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Tanh,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `max(x, 0)`
    Relu,
}

/// `W x + b`, with `W: [out × in]`, `b: [out]`.
#[derive(Debug, Clone)]
pub struct Layer {
    pub weights: DMatrix<f64>,
    pub bias: Vec<f64>,
}

/// A network of layers, as the velocity of a neural ODE or as a map:
/// `f(z) = a ⊙ z + W_L φ(… φ(W₁ z + b₁) …) + b_L`, with `z, a: [M]`.
///
/// One hidden layer with `a` is the low-rank network `a z + V φ(U z + b)`, the latent form of a recurrent network with
/// connectivity of rank `M`.
///
/// Sources: Chen et al. (2018), NeurIPS (neural ODE); Mastrogiuseppe & Ostojic (2018), Neuron 99, 609–623 (low rank).
#[derive(Debug, Clone)]
pub struct Mlp {
    linear: Vec<f64>,
    layers: Vec<Layer>,
    activation: Activation,
}

impl Mlp {
    /// `linear` is `a`; zeros for a network without a path around it.
    pub fn new(linear: Vec<f64>, layers: Vec<Layer>, activation: Activation) -> Result<Self, MapError> {
        let dim = linear.len();
        if dim == 0 || layers.is_empty() {
            return Err(MapError::Empty { weights: "the network" });
        }
        check_vector("a", &linear, dim)?;
        let mut width = dim;
        for (index, layer) in layers.iter().enumerate() {
            let out = if index + 1 == layers.len() { dim } else { layer.weights.nrows() };
            check_matrix("the weights of a layer", &layer.weights, (out, width))?;
            check_vector("the bias of a layer", &layer.bias, out)?;
            width = out;
        }
        Ok(Self { linear, layers, activation })
    }

    /// `a ⊙ z + V φ(U z + b) + h`, with `V: [M × H]`, `U: [H × M]`.
    pub fn low_rank(
        linear: Vec<f64>,
        v: DMatrix<f64>,
        u: DMatrix<f64>,
        b: Vec<f64>,
        h: Vec<f64>,
        activation: Activation,
    ) -> Result<Self, MapError> {
        Self::new(linear, vec![Layer { weights: u, bias: b }, Layer { weights: v, bias: h }], activation)
    }
}

impl Activation {
    fn apply<N: Number>(self, x: N) -> N {
        match self {
            Self::Tanh => x.tanh(),
            Self::Sigmoid => x.sigmoid(),
            Self::Relu => x.relu(),
        }
    }

    /// `(φ(x), φ′(x))`
    fn with_slope<N: Number>(self, x: N) -> (N, N) {
        match self {
            Self::Tanh => {
                let t = x.tanh();
                (t, N::from_f64(1.0) - t.square())
            }
            Self::Sigmoid => {
                let s = x.sigmoid();
                (s, sigmoid_slope(s))
            }
            Self::Relu => (x.relu(), x.relu_slope()),
        }
    }
}

impl Formula for Mlp {
    fn dim(&self) -> usize {
        self.linear.len()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let mut signal = affine(&self.layers[0].weights, z, &self.layers[0].bias);
        for layer in &self.layers[1..] {
            signal.iter_mut().for_each(|x| *x = self.activation.apply(*x));
            signal = affine(&layer.weights, &signal, &layer.bias);
        }
        for (i, value) in value.iter_mut().enumerate() {
            *value = if self.linear[i] == 0.0 { signal[i] } else { signal[i] + z[i] * self.linear[i] };
        }
    }

    fn derivative<N: Number>(&self, z: &[N]) -> Vec<N> {
        let dim = z.len();
        let first = &self.layers[0];
        let mut signal = affine(&first.weights, z, &first.bias);
        // One column for each latent dimension.
        let mut columns: Vec<Vec<N>> =
            first.weights.column_iter().map(|column| column.iter().map(|&w| N::from_f64(w)).collect()).collect();
        for layer in &self.layers[1..] {
            let (values, gains): (Vec<N>, Vec<N>) = signal.iter().map(|&x| self.activation.with_slope(x)).unzip();
            signal = affine(&layer.weights, &values, &layer.bias);
            let still = vec![0.0; layer.bias.len()];
            for column in &mut columns {
                column.iter_mut().zip(&gains).for_each(|(x, &gain)| *x = *x * gain);
                *column = affine(&layer.weights, column, &still);
            }
        }
        for (j, &a) in self.linear.iter().enumerate().take(dim) {
            columns[j][j] = columns[j][j] + N::from_f64(a);
        }
        columns.concat()
    }

    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        // Exact by Sterbenz where `a` is near one, the only place where it matters.
        self.solutions(|a| 1.0 - a)
    }

    fn zero_bounds(&self) -> Option<Vec<Interval>> {
        self.solutions(|a| -a)
    }
}

impl Mlp {
    /// Where `gain ⊙ z = W_L φ(…) + b_L` can hold at all, with bounded hidden units: `|gainᵢ zᵢ − b_Lᵢ| ≤ Σⱼ |W_Lᵢⱼ|`.
    fn solutions(&self, gain: impl Fn(f64) -> f64) -> Option<Vec<Interval>> {
        let last = self.layers.last().filter(|_| self.layers.len() > 1 && self.activation != Activation::Relu)?;
        let side = |i: usize| {
            let reach = last.weights.row(i).iter().map(|weight| weight.abs()).sum::<f64>() * (1.0 + 1e-9);
            let side = Interval::around(last.bias[i], reach) / Interval::point(gain(self.linear[i]));
            side.is_finite().then_some(side)
        };
        (0..self.dim()).map(side).collect()
    }
}

/// One Euler step of a flow, `f(z) = z + Δt · v(z)`: what a neural ODE trained with fixed steps computes.
///
/// Rests exactly where the velocity vanishes.
#[derive(Debug, Clone)]
pub struct EulerStep<F> {
    pub velocity: F,
    /// In the time unit of the velocity; not zero.
    pub time_step: f64,
}

impl<F: Formula> Formula for EulerStep<F> {
    fn dim(&self) -> usize {
        self.velocity.dim()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        self.velocity.evaluate(z, value);
        value.iter_mut().zip(z).for_each(|(v, &z)| *v = z + *v * self.time_step);
    }

    fn derivative<N: Number>(&self, z: &[N]) -> Vec<N> {
        let mut derivative: Vec<N> = self.velocity.derivative(z).into_iter().map(|v| v * self.time_step).collect();
        for j in 0..z.len() {
            let on_diagonal = j * z.len() + j;
            derivative[on_diagonal] = derivative[on_diagonal] + N::from_f64(1.0);
        }
        derivative
    }

    fn rest_residual<N: Number>(&self, z: &[N], residual: &mut [N]) {
        self.velocity.evaluate(z, residual);
    }

    fn rest_slope<N: Number>(&self, z: &[N]) -> Vec<N> {
        self.velocity.derivative(z)
    }

    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        self.velocity.zero_bounds()
    }
}

/// The flow that relaxes towards a target, `v(z) = (f(z) − z) / τ`: a recurrent network in continuous time.
#[derive(Debug, Clone)]
pub struct Relaxation<F> {
    pub target: F,
    /// `τ`, not zero; the unit of time of the flow.
    pub time_constant: f64,
}

impl<F: Formula> Formula for Relaxation<F> {
    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        self.target.evaluate(z, value);
        value.iter_mut().zip(z).for_each(|(f, &z)| *f = (*f - z) * (1.0 / self.time_constant));
    }

    fn derivative<N: Number>(&self, z: &[N]) -> Vec<N> {
        let mut slope = self.target.derivative(z);
        for j in 0..z.len() {
            let on_diagonal = j * z.len() + j;
            slope[on_diagonal] = slope[on_diagonal] - N::from_f64(1.0);
        }
        slope.into_iter().map(|v| v * (1.0 / self.time_constant)).collect()
    }

    fn zero_bounds(&self) -> Option<Vec<Interval>> {
        self.target.rest_bounds()
    }
}
