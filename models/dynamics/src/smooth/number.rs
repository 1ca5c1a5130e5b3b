//! What a formula can be evaluated with.

use std::ops::{Add, Mul, Neg, Sub};

use super::interval::Interval;
use crate::vectorised::{add_columns, vectorised};

/// A number, an interval, or either of them with a derivative.
///
/// A formula that is generic over this trait is written once and gives its values (`f64`), its exact derivatives
/// ([`Dual<f64>`]), proven ranges over a box ([`Interval`]) and proven ranges of its derivatives (`Dual<Interval>`).
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self> + Mul<f64, Output = Self>
{
    fn from_f64(x: f64) -> Self;
    fn recip(self) -> Self;
    fn square(self) -> Self;
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
    /// `1 / (1 + e⁻ˣ)`.
    fn sigmoid(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    /// `max(x, 0)`; its derivative at zero is zero, over an interval around zero everything from zero to one.
    fn relu(self) -> Self;
    /// The set of slopes of relu here.
    fn relu_slope(self) -> Self;
    /// `x / (1 − e⁻ˣ)`, one at zero: the smooth threshold-linear rate of mean-field models of decisions, without its pole.
    ///
    /// Source: Abbott & Chance (2005), Prog. Brain Res. 149, 147–155.
    fn over_one_minus_exp(self) -> Self;
    /// `|x|`, with the derivative at zero likewise.
    fn abs(self) -> Self {
        self.relu() + (-self).relu()
    }
    fn zero() -> Self {
        Self::from_f64(0.0)
    }
    /// The derivative of [`Number::over_one_minus_exp`].
    fn over_one_minus_exp_slope(self) -> Self;
    /// `sum += Σ factorₖ · columnₖ`, with the columns side by side in `columns: [sum.len() × factors.len()]`.
    fn add_columns(sum: &mut [Self], factors: &[Self], columns: &[f64]) {
        for (column, &factor) in columns.chunks_exact(sum.len().max(1)).zip(factors) {
            for (sum, &weight) in sum.iter_mut().zip(column) {
                *sum = *sum + factor * weight;
            }
        }
    }
}

impl Number for f64 {
    fn from_f64(x: f64) -> Self {
        x
    }
    fn recip(self) -> Self {
        1.0 / self
    }
    fn square(self) -> Self {
        self * self
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
    fn sin(self) -> Self {
        self.sin()
    }
    fn cos(self) -> Self {
        self.cos()
    }
    fn relu(self) -> Self {
        // Written so that what is not a number stays so.
        if self <= 0.0 { 0.0 } else { self }
    }
    fn relu_slope(self) -> Self {
        if self > 0.0 { 1.0 } else { 0.0 }
    }
    fn over_one_minus_exp(self) -> Self {
        if self.abs() < 1e-8 { 1.0 + self / 2.0 } else { -self / (-self).exp_m1() }
    }
    fn over_one_minus_exp_slope(self) -> Self {
        if self.abs() < 1e-2 {
            return 0.5 + self / 6.0 - self.powi(3) / 180.0 + self.powi(5) / 5040.0;
        }
        let g = self.over_one_minus_exp();
        // e⁻ˣ g overflows where x is very negative and g vanishes: there e⁻ˣ g = g − x.
        g / self * (1.0 - (g - self))
    }
    fn add_columns(sum: &mut [Self], factors: &[Self], columns: &[f64]) {
        vectorised(
            #[inline(always)]
            || add_columns(sum, factors, columns),
        );
    }
}

impl Number for Interval {
    fn from_f64(x: f64) -> Self {
        Self::point(x)
    }
    fn recip(self) -> Self {
        Self::point(1.0) / self
    }
    fn square(self) -> Self {
        self.square()
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
    fn sigmoid(self) -> Self {
        self.sigmoid()
    }
    fn sin(self) -> Self {
        self.sin()
    }
    fn cos(self) -> Self {
        self.cos()
    }
    fn relu(self) -> Self {
        Self::new(self.lo().max(0.0), self.hi().max(0.0))
    }
    fn relu_slope(self) -> Self {
        Self::new(if self.lo() > 0.0 { 1.0 } else { 0.0 }, if self.hi() < 0.0 { 0.0 } else { 1.0 })
    }
    fn over_one_minus_exp(self) -> Self {
        let (lo, hi) = (over_one_minus_exp_at(self.lo()), over_one_minus_exp_at(self.hi()));
        // Increasing, and so is its derivative.
        lo.0.hull(hi.0)
    }
    fn over_one_minus_exp_slope(self) -> Self {
        over_one_minus_exp_at(self.lo()).1.hull(over_one_minus_exp_at(self.hi()).1)
    }
}

/// A value with its derivative along one direction: forward-mode differentiation.
///
/// Source: Griewank & Walther (2008), Evaluating Derivatives, SIAM, chapter 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual<N> {
    pub value: N,
    pub slope: N,
}

impl<N: Number> Dual<N> {
    /// `f(value)`, given `f` and `f′` there.
    fn chain(self, value: N, derivative: N) -> Self {
        Self { value, slope: derivative * self.slope }
    }
}

impl<N: Number> Add for Dual<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl<N: Number> Sub for Dual<N> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl<N: Number> Mul for Dual<N> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl<N: Number> Mul<f64> for Dual<N> {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { value: self.value * factor, slope: self.slope * factor }
    }
}

impl<N: Number> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope }
    }
}

impl<N: Number> Number for Dual<N> {
    fn from_f64(x: f64) -> Self {
        Self { value: N::from_f64(x), slope: N::zero() }
    }
    fn recip(self) -> Self {
        let inverse = self.value.recip();
        self.chain(inverse, -inverse.square())
    }
    fn square(self) -> Self {
        self.chain(self.value.square(), self.value * 2.0)
    }
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }
    fn tanh(self) -> Self {
        let t = self.value.tanh();
        self.chain(t, N::from_f64(1.0) - t.square())
    }
    fn sigmoid(self) -> Self {
        let s = self.value.sigmoid();
        self.chain(s, sigmoid_slope(s))
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    fn relu(self) -> Self {
        self.chain(self.value.relu(), self.value.relu_slope())
    }
    fn relu_slope(self) -> Self {
        self.chain(self.value.relu_slope(), N::zero())
    }
    fn over_one_minus_exp(self) -> Self {
        self.chain(self.value.over_one_minus_exp(), self.value.over_one_minus_exp_slope())
    }
    fn over_one_minus_exp_slope(self) -> Self {
        // Nothing here asks for second derivatives at zero, where this form has a pole.
        let g = self.over_one_minus_exp();
        g * (Self::from_f64(1.0) + self - g) * self.recip()
    }
}

/// `s (1 − s)` for `s = σ(x)`, written with `s` once: over intervals nothing is overestimated.
pub(super) fn sigmoid_slope<N: Number>(s: N) -> N {
    N::from_f64(0.25) - (s - N::from_f64(0.5)).square()
}

/// Intervals that hold `g(x) = x / (1 − e⁻ˣ)` and `g′(x) = g (1 + x − g) / x`, with their series around the pole that is none.
fn over_one_minus_exp_at(x: f64) -> (Interval, Interval) {
    let one = Interval::point(1.0);
    let exact = Interval::point(x);
    if x.abs() < 0.05 {
        // g = 1 + x/2 + x²/12 − x⁴/720 + …; the next terms, x⁶/30240 and x⁵/5040, bound the rests.
        let square = exact.square();
        let g = one + exact * 0.5 + square / Interval::point(12.0) - square.square() / Interval::point(720.0);
        let slope = Interval::point(0.5) + exact / Interval::point(6.0) - exact * square / Interval::point(180.0);
        let rest = x.abs().powi(5) / 5000.0;
        return (g + Interval::around(0.0, rest * x.abs()), slope + Interval::around(0.0, rest));
    }
    if x < -700.0 {
        return (Interval::new(0.0, 1e-290), Interval::new(0.0, 1e-290));
    }
    let g = exact / (one - (-exact).exp());
    let slope = g * (one + exact - g) / exact;
    (g, slope)
}
