use nalgebra::DMatrix;

use super::interval::Interval;
use super::number::{Dual, Number};
use crate::flow::VectorField;
use crate::map::Map;

/// A smooth function `f: ℝᴹ → ℝᴹ` written once, for every kind of number.
///
/// Wrapped as [`SmoothMap`] it is one step of a map, as [`SmoothField`] the velocity of a flow. Values, exact
/// derivatives and proven ranges follow from the one formula.
///
/// ```
/// use nullcline_dynamics::{Formula, Map, Number, SmoothMap};
///
/// /// `x′ = r sin x`
/// struct Sine { r: f64 }
/// impl Formula for Sine {
///     fn dim(&self) -> usize { 1 }
///     fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
///         value[0] = z[0].sin() * self.r;
///     }
/// }
/// let map = SmoothMap(Sine { r: 2.0 });
/// assert_eq!(map.jacobian(&[0.0])[(0, 0)], 2.0);
/// ```
pub trait Formula: Send + Sync {
    /// `M`.
    fn dim(&self) -> usize;

    /// Writes `f(z)` into `value`; both are `[M]`.
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]);

    /// `∂f/∂z`, `[M × M]` column after column. By forward differentiation, in `M` evaluations, unless written out.
    fn derivative<N: Number>(&self, z: &[N]) -> Vec<N> {
        forward_derivative(z, |z, value| self.evaluate(z, value))
    }

    /// For maps: writes into `residual` something that vanishes exactly where `f(z) = z`.
    ///
    /// `f(z) − z` itself, unless an equation with the same zeros repeats its variables less: intervals overestimate
    /// with each repetition.
    fn rest_residual<N: Number>(&self, z: &[N], residual: &mut [N]) {
        self.evaluate(z, residual);
        residual.iter_mut().zip(z).for_each(|(f, &z)| *f = *f - z);
    }

    /// The derivative of [`Formula::rest_residual`], `[M × M]` column after column.
    fn rest_slope<N: Number>(&self, z: &[N]) -> Vec<N> {
        forward_derivative(z, |z, residual| self.rest_residual(z, residual))
    }

    /// For maps: a box that holds every fixed point, where the formula itself implies one.
    fn rest_bounds(&self) -> Option<Vec<Interval>> {
        None
    }

    /// For maps: a box that every bounded orbit ends in, where the formula itself implies one.
    fn attracting_box(&self) -> Option<Vec<Interval>> {
        None
    }

    /// For velocities: a box that holds every zero, where the formula itself implies one.
    fn zero_bounds(&self) -> Option<Vec<Interval>> {
        None
    }
}

fn forward_derivative<N: Number>(z: &[N], f: impl Fn(&[Dual<N>], &mut [Dual<N>])) -> Vec<N> {
    let dim = z.len();
    let mut argument: Vec<Dual<N>> = z.iter().map(|&value| Dual { value, slope: N::zero() }).collect();
    let mut value = argument.clone();
    let mut derivative = Vec::with_capacity(dim * dim);
    for column in 0..dim {
        argument[column].slope = N::from_f64(1.0);
        f(&argument, &mut value);
        argument[column].slope = N::zero();
        derivative.extend(value.iter().map(|entry| entry.slope));
    }
    derivative
}

/// `f ∘ … ∘ f`, `times` of them: its fixed points are the points of all cycles whose period divides `times`.
#[derive(Debug, Clone)]
pub struct Iterated<F> {
    pub step: F,
    pub times: usize,
}

impl<F: Formula> Formula for Iterated<F> {
    fn dim(&self) -> usize {
        self.step.dim()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        let mut state = z.to_vec();
        for _ in 0..self.times {
            self.step.evaluate(&state, value);
            state.copy_from_slice(value);
        }
        value.copy_from_slice(&state);
    }
}

/// An equation `g(z) = 0` whose solutions are the points of rest of a system, with proven ranges of `g` and its derivative.
///
/// What certified searches ask of a system; maps and flows by formula provide it.
pub trait Enclosed: Send + Sync {
    /// `M`, the number of unknowns and of equations.
    fn n_unknowns(&self) -> usize;

    /// Writes `g(z)`, `[M]`.
    fn residual(&self, z: &[f64], g: &mut [f64]);

    /// `∂g/∂z`, `[M × M]`.
    fn slope(&self, z: &[f64]) -> DMatrix<f64>;

    /// Writes intervals that hold `g(z)` for every `z` of the box.
    fn enclose_residual(&self, z: &[Interval], g: &mut [Interval]);

    /// Intervals that hold `∂g/∂z` for every `z` of the box, `[M × M]` column after column.
    fn enclose_slope(&self, z: &[Interval]) -> Vec<Interval>;

    /// A box that holds every solution, where one is known.
    fn bounds(&self) -> Option<Vec<Interval>> {
        None
    }
}

/// A map that can be stepped and searched with proof.
pub trait SmoothSystem: Map + Enclosed {}

impl<S: Map + Enclosed> SmoothSystem for S {}

/// A map `z ← f(z)` by formula.
#[derive(Debug, Clone)]
pub struct SmoothMap<F>(pub F);

impl<F: Formula> Map for SmoothMap<F> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        self.0.evaluate(z, next);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        square(self.0.derivative(z), self.0.dim())
    }
    fn rest_residual(&self, z: &[f64], residual: &mut [f64]) {
        self.0.rest_residual(z, residual);
    }
    fn rest_slope(&self, z: &[f64]) -> DMatrix<f64> {
        square(self.0.rest_slope(z), self.0.dim())
    }
    fn attracting_box(&self) -> Option<Vec<[f64; 2]>> {
        Some(self.0.attracting_box()?.into_iter().map(|side| [side.lo(), side.hi()]).collect())
    }
}

impl<F: Formula> Enclosed for SmoothMap<F> {
    fn n_unknowns(&self) -> usize {
        self.0.dim()
    }
    fn residual(&self, z: &[f64], g: &mut [f64]) {
        self.0.rest_residual(z, g);
    }
    fn slope(&self, z: &[f64]) -> DMatrix<f64> {
        Map::rest_slope(self, z)
    }
    fn enclose_residual(&self, z: &[Interval], g: &mut [Interval]) {
        self.0.rest_residual(z, g);
    }
    fn enclose_slope(&self, z: &[Interval]) -> Vec<Interval> {
        self.0.rest_slope(z)
    }
    fn bounds(&self) -> Option<Vec<Interval>> {
        self.0.rest_bounds()
    }
}

/// A flow `ż = f(z)` by formula.
#[derive(Debug, Clone)]
pub struct SmoothField<F>(pub F);

impl<F: Formula> VectorField for SmoothField<F> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn velocity(&self, z: &[f64], velocity: &mut [f64]) {
        self.0.evaluate(z, velocity);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        square(self.0.derivative(z), self.0.dim())
    }
}

impl<F: Formula> Enclosed for SmoothField<F> {
    fn n_unknowns(&self) -> usize {
        self.0.dim()
    }
    fn residual(&self, z: &[f64], g: &mut [f64]) {
        self.0.evaluate(z, g);
    }
    fn slope(&self, z: &[f64]) -> DMatrix<f64> {
        VectorField::jacobian(self, z)
    }
    fn enclose_residual(&self, z: &[Interval], g: &mut [Interval]) {
        self.0.evaluate(z, g);
    }
    fn enclose_slope(&self, z: &[Interval]) -> Vec<Interval> {
        self.0.derivative(z)
    }
    fn bounds(&self) -> Option<Vec<Interval>> {
        self.0.zero_bounds()
    }
}

pub(crate) fn square(columns: Vec<f64>, dim: usize) -> DMatrix<f64> {
    DMatrix::from_vec(dim, dim, columns)
}

/// `W z + b`, `[rows]`.
pub(super) fn affine<N: Number>(weights: &DMatrix<f64>, z: &[N], bias: &[f64]) -> Vec<N> {
    let mut sum: Vec<N> = bias.iter().map(|&b| N::from_f64(b)).collect();
    N::add_columns(&mut sum, z, weights.as_slice());
    sum
}
