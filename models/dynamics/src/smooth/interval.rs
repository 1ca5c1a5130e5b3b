//! Interval arithmetic with outward rounding.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::elementary;

/// All real numbers from `lo` to `hi`, both included; the ends may be infinite.
///
/// Every operation returns an interval that holds each result of the operation on members of its arguments, whatever
/// the rounding: sums, products and quotients are correctly rounded by IEEE 754 and moved outwards by one unit in the
/// last place, elementary functions come with the proven error bounds of [`elementary`], not those of the
/// platform's library. What is computed this way is therefore proof. The price is overestimation where a variable occurs more
/// than once: `x − x` is not zero.
///
/// Source: Moore, Kearfott & Cloud (2009), Introduction to Interval Analysis, SIAM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    pub const ENTIRE: Self = Self { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// From one end to the other, in either order; everything where an end is not a number.
    pub fn new(a: f64, b: f64) -> Self {
        if a.is_nan() || b.is_nan() { Self::ENTIRE } else { Self { lo: a.min(b), hi: a.max(b) } }
    }

    /// Exactly `x`.
    pub fn point(x: f64) -> Self {
        Self::new(x, x)
    }

    /// What lies within `radius` of `center`.
    pub fn around(center: f64, radius: f64) -> Self {
        Self::outward(center - radius, center + radius)
    }

    pub fn lo(self) -> f64 {
        self.lo
    }

    pub fn hi(self) -> f64 {
        self.hi
    }

    /// Some member near the middle, finite where a member is.
    pub fn mid(self) -> f64 {
        let middle = self.lo / 2.0 + self.hi / 2.0;
        if middle.is_finite() { middle.clamp(self.lo, self.hi) } else { 0.0_f64.clamp(self.lo, self.hi) }
    }

    pub fn width(self) -> f64 {
        (self.hi - self.lo).next_up()
    }

    /// The largest modulus of a member.
    pub fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    pub fn is_finite(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether `self` lies inside `other` without touching its ends.
    pub fn is_interior_to(self, other: Self) -> bool {
        other.lo < self.lo && self.hi < other.hi
    }

    /// What both have in common, if anything.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Self { lo, hi })
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// `x²`, which unlike `x · x` is never negative.
    pub fn square(self) -> Self {
        let near = if self.contains(0.0) { 0.0 } else { self.lo.abs().min(self.hi.abs()) };
        let far = self.magnitude();
        Self { lo: (near * near).next_down().max(0.0), hi: (far * far).next_up() }
    }

    pub fn exp(self) -> Self {
        Self { lo: elementary::exp(self.lo).lo, hi: elementary::exp(self.hi).hi }
    }

    /// The logistic function `1 / (1 + e⁻ˣ)`.
    pub fn sigmoid(self) -> Self {
        let at = |x: f64| Self::point(1.0) / (Self::point(1.0) + elementary::exp(-x));
        Self { lo: at(self.lo).lo.max(0.0), hi: at(self.hi).hi.min(1.0) }
    }

    pub fn tanh(self) -> Self {
        // tanh x = 2 σ(2x) − 1; doubling is exact.
        let at = |x: f64| Self::point(1.0) - Self::point(2.0) / (Self::point(1.0) + elementary::exp(2.0 * x));
        Self { lo: at(self.lo).lo.max(-1.0), hi: at(self.hi).hi.min(1.0) }
    }

    pub fn sin(self) -> Self {
        elementary::sin_cos_range(self).0
    }

    pub fn cos(self) -> Self {
        elementary::sin_cos_range(self).1
    }

    /// Ends that were rounded to nearest, moved outwards.
    pub(super) fn outward(lo: f64, hi: f64) -> Self {
        if lo.is_nan() || hi.is_nan() { Self::ENTIRE } else { Self { lo: lo.next_down(), hi: hi.next_up() } }
    }
}

impl Add for Interval {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::outward(self.lo + other.lo, self.hi + other.hi)
    }
}

impl Sub for Interval {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::outward(self.lo - other.hi, self.hi - other.lo)
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Self { lo: -self.hi, hi: -self.lo }
    }
}

impl Mul for Interval {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let products = [self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi];
        if products.iter().any(|p| p.is_nan()) {
            return Self::ENTIRE;
        }
        let lo = products[0].min(products[1]).min(products[2].min(products[3]));
        let hi = products[0].max(products[1]).max(products[2].max(products[3]));
        Self::outward(lo, hi)
    }
}

impl Mul<f64> for Interval {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        let (a, b) = (self.lo * factor, self.hi * factor);
        if factor < 0.0 { Self::outward(b, a) } else { Self::outward(a, b) }
    }
}

impl Div for Interval {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        if other.contains(0.0) {
            return Self::ENTIRE;
        }
        let quotients = [self.lo / other.lo, self.lo / other.hi, self.hi / other.lo, self.hi / other.hi];
        if quotients.iter().any(|q| q.is_nan()) {
            return Self::ENTIRE;
        }
        let lo = quotients[0].min(quotients[1]).min(quotients[2].min(quotients[3]));
        let hi = quotients[0].max(quotients[1]).max(quotients[2].max(quotients[3]));
        Self::outward(lo, hi)
    }
}
