//! Single precision to learn in, double to check gradients in, through the same code.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::observation::elementary;

/// Chains that are computed side by side; their number is a multiple of it.
pub(super) const LANES: usize = 16;
pub(super) type Lane<R> = [R; LANES];

pub(super) trait Number:
    Copy
    + Default
    + PartialOrd
    + From<f32>
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Send
    + Sync
    + 'static
{
    fn of(value: f64) -> Self;
    fn exp(self) -> Self;
    fn sqrt(self) -> Self;

    #[inline(always)]
    fn double(self) -> f64 {
        self.into()
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
}

impl Number for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn exp(self) -> Self {
        elementary::exp(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
}

/// `sum += factor · x`, lane by lane.
#[inline(always)]
pub(super) fn add_scaled<R: Number>(sum: &mut Lane<R>, factor: R, x: &Lane<R>) {
    sum.iter_mut().zip(x).for_each(|(sum, &x)| *sum += factor * x);
}

/// `sum += x ⊙ y`.
#[inline(always)]
pub(super) fn add_product<R: Number>(sum: &mut Lane<R>, x: &Lane<R>, y: &Lane<R>) {
    sum.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (&x, &y))| *sum += x * y);
}

/// In an order that does not depend on the width of registers; `values` are whole lanes.
pub(super) fn sum<R: Number>(values: &[R]) -> R {
    let mut lanes = [R::default(); LANES];
    for chunk in values.chunks_exact(LANES) {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &value)| *lane += value);
    }
    lanes.into_iter().fold(R::default(), |sum, lane| sum + lane)
}

pub(super) fn largest<R: Number>(values: &[R]) -> R {
    let mut lanes: Lane<R> = std::array::from_fn(|lane| values[lane]);
    for chunk in values.chunks_exact(LANES) {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &value)| *lane = lane.larger(value));
    }
    lanes.into_iter().fold(lanes[0], R::larger)
}
