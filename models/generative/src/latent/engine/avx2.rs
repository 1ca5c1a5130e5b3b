//! Registers of eight numbers, for processors with AVX2 and FMA.

use std::arch::x86_64::*;

use super::lanes::{LANES, Lanes};
use super::outer_products::{self, History, Packed};
use super::products::{self, Epilogue, Panel};

#[derive(Clone, Copy)]
pub struct Avx2(__m256);

impl From<__m256> for Avx2 {
    #[inline(always)]
    fn from(register: __m256) -> Self {
        Self(register)
    }
}

// SAFETY: AVX2 and FMA only, as the trait's contract allows.
unsafe impl Lanes for Avx2 {
    type Real = f32;
    const SUMS: usize = 12;
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Self(_mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(value)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0)) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The second operand wins where one is NaN.
        unsafe { Self(_mm256_max_ps(_mm256_setzero_ps(), self.0)) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, gate: Self) -> Self {
        unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.0, _mm256_setzero_ps());
            Self(_mm256_and_ps(positive, self.0))
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
        }
    }
    #[inline(always)]
    unsafe fn add_sums<const N: usize>(vectors: [Self; N], to: *mut f32) {
        unsafe {
            if N != 4 {
                for (n, vector) in vectors.into_iter().enumerate() {
                    *to.add(n) += vector.sum();
                }
                return;
            }
            // Four vectors to four sums at once: transposed within their halves, which are added last.
            let [a, b, c, d] = [vectors[0].0, vectors[1 % N].0, vectors[2 % N].0, vectors[3 % N].0];
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let low = _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd);
            let high = _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd);
            add_halves(_mm256_add_ps(low, high), to);
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        unsafe {
            let [a, b, c, d, e, f, g, h] = rows.map(|row| row.0);
            let (ab, cd) = (
                [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)],
                [_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)],
            );
            let (ef, gh) = (
                [_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f)],
                [_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h)],
            );
            const LOW: i32 = 0b01_00_01_00;
            const HIGH: i32 = 0b11_10_11_10;
            let quads = |x: [__m256; 2], y: [__m256; 2]| {
                [
                    _mm256_shuffle_ps::<LOW>(x[0], y[0]),
                    _mm256_shuffle_ps::<HIGH>(x[0], y[0]),
                    _mm256_shuffle_ps::<LOW>(x[1], y[1]),
                    _mm256_shuffle_ps::<HIGH>(x[1], y[1]),
                ]
            };
            let (top, bottom) = (quads(ab, cd), quads(ef, gh));
            let mut columns = rows;
            for i in 0..4 {
                columns[i] = Self(_mm256_permute2f128_ps::<0x20>(top[i], bottom[i]));
                columns[i + 4] = Self(_mm256_permute2f128_ps::<0x31>(top[i], bottom[i]));
            }
            columns
        }
    }
    unsafe fn product<const V: usize, E: Epilogue<Self>>(panel: &Panel<f32>, x: *const f32, then: E) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn compiled<const V: usize, E: Epilogue<Avx2>>(panel: &Panel<f32>, x: *const f32, then: E) {
            unsafe { products::product::<Avx2, V, E>(panel, x, then) }
        }
        unsafe { compiled::<V, E>(panel, x, then) }
    }
    unsafe fn accumulate(gradient: &mut [f32], many: History<f32>, few: Packed<f32>) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn compiled(gradient: &mut [f32], many: History<f32>, few: Packed<f32>) {
            unsafe { outer_products::accumulate::<Avx2>(gradient, many, few) }
        }
        unsafe { compiled(gradient, many, few) }
    }
}

/// `to[0 … 4] += low half + high half`: the end of four sums, with any width of registers.
#[inline(always)]
pub(super) unsafe fn add_halves(both: __m256, to: *mut f32) {
    // SAFETY: the caller has AVX and points to four numbers.
    unsafe {
        let sums = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps::<1>(both));
        _mm_storeu_ps(to, _mm_add_ps(_mm_loadu_ps(to), sums));
    }
}
