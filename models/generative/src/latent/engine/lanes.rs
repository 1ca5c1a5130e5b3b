//! Eight sequences side by side: the one vector type of the engine.
//!
//! Everything in the recursion is elementwise over the batch, so a lane never meets another one until the
//! weight gradients are summed. With AVX2 a vector is one register (`avx2.rs`), which `avx512.rs` uses too; elsewhere it is an array,
//! which the compiler turns into whatever the target has.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use super::outer_products::{self, History, Packed};
use super::products::{self, Epilogue, Panel};

/// Sequences in one vector.
pub const LANES: usize = 8;

/// f32 to train with, f64 to check the gradients by finite differences.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + 'static
{
    const ONE: Self;
    fn of(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    const ONE: Self = 1.0;
    fn of(value: f64) -> Self {
        value as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const ONE: Self = 1.0;
    fn of(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
}

/// A vector of [`LANES`] numbers.
///
/// # Safety
///
/// The methods may use instructions beyond the target's baseline: call them only where
/// [`Pooled::dispatch`](super::Pooled::dispatch) found them, from code compiled for them.
pub unsafe trait Lanes: Copy {
    type Real: Real;
    /// Vectors that may hold sums at once: the registers, less those for what passes by.
    const SUMS: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: Self::Real) -> Self;
    /// `from` points to [`LANES`] numbers, aligned as one.
    unsafe fn load(from: *const Self::Real) -> Self;
    unsafe fn store(self, to: *mut Self::Real);
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    /// `self · factor + addend`.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `max(self, 0)`; NaN stays NaN.
    unsafe fn relu(self) -> Self;
    /// `self` where `gate > 0`, else 0.
    unsafe fn where_positive(self, gate: Self) -> Self;
    unsafe fn sum(self) -> Self::Real;
    /// Adds the sum of each vector to one of the `N` numbers at `to`.
    #[inline(always)]
    unsafe fn add_sums<const N: usize>(vectors: [Self; N], to: *mut Self::Real) {
        for (n, vector) in vectors.into_iter().enumerate() {
            // SAFETY: the caller points to N numbers.
            unsafe { *to.add(n) += vector.sum() };
        }
    }
    /// Rows to columns: vector `i` of the result holds entry `i` of every vector.
    unsafe fn transpose(rows: [Self; LANES]) -> [Self; LANES];
    /// [`products::product`], compiled once for these instructions.
    unsafe fn product<const V: usize, E: Epilogue<Self>>(panel: &Panel<Self::Real>, x: *const Self::Real, then: E);
    /// [`outer_products::accumulate`], compiled once for these instructions.
    unsafe fn accumulate(gradient: &mut [Self::Real], many: History<Self::Real>, few: Packed<Self::Real>);
    /// Sixteen rows of a product for each of `Z` registers twice as wide as a vector, in tiles of one vector; panels have such blocks only
    /// where [`Pooled::has_wide_blocks`](super::Pooled) says so.
    #[inline(always)]
    unsafe fn wide_block<const Z: usize, E: Epilogue<Self>>(
        _packed: *const Self::Real,
        _columns: usize,
        _x: *const Self::Real,
        _row: usize,
        _then: E,
    ) {
        unreachable!("no panel was packed for these vectors")
    }
}

#[derive(Clone, Copy)]
pub struct Portable<R>([R; LANES]);

impl<R: Real> Portable<R> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(R, R) -> R) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY: plain arithmetic, on every target.
unsafe impl<R: Real> Lanes for Portable<R> {
    type Real = R;
    const SUMS: usize = 2;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([R::default(); LANES])
    }
    #[inline(always)]
    unsafe fn splat(value: R) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const R) -> Self {
        // SAFETY: the caller points to that many numbers.
        Self(unsafe { from.cast::<[R; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut R) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[R; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(self.0.map(|x| if x <= R::default() { R::default() } else { x }))
    }
    #[inline(always)]
    unsafe fn where_positive(self, gate: Self) -> Self {
        self.zip(gate, |x, gate| if gate > R::default() { x } else { R::default() })
    }
    #[inline(always)]
    unsafe fn sum(self) -> R {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    unsafe fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|i| Self(std::array::from_fn(|j| rows[j].0[i])))
    }
    unsafe fn product<const V: usize, E: Epilogue<Self>>(panel: &Panel<R>, x: *const R, then: E) {
        unsafe { products::product::<Self, V, E>(panel, x, then) }
    }
    unsafe fn accumulate(gradient: &mut [R], many: History<R>, few: Packed<R>) {
        unsafe { outer_products::accumulate::<Self>(gradient, many, few) }
    }
}
