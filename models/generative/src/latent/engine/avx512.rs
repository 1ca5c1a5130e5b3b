//! Registers of sixteen numbers, for processors with AVX-512: the same sums in the same order.
//!
//! A vector stays eight sequences, so that a batch divides among threads as elsewhere. Products put sixteen rows into a register, one
//! register for each sequence; sums of outer products put two rows of eight sequences into one. Every number is made by the same
//! multiply-adds in the same order as with AVX2, and has the same bits.

// Registers are addressed by number; an iterator would hide which.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::avx2::{Avx2, add_halves};
use super::lanes::{LANES, Lanes};
use super::outer_products::{self, History, Packed};
use super::products::{self, Epilogue, Panel};

/// As [`Avx2`], but for products and sums of outer products.
#[derive(Clone, Copy)]
pub struct Avx512(Avx2);

// SAFETY: AVX2, FMA and AVX-512 F and DQ only, as the trait's contract allows.
unsafe impl Lanes for Avx512 {
    type Real = f32;
    const SUMS: usize = Avx2::SUMS;
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Self(Avx2::zero()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(Avx2::splat(value)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(Avx2::load(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { self.0.store(to) }
    }
    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { Self(self.0.plus(other.0)) }
    }
    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        unsafe { Self(self.0.minus(other.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Self(self.0.mul_add(factor.0, addend.0)) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe { Self(self.0.relu()) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, gate: Self) -> Self {
        unsafe { Self(self.0.where_positive(gate.0)) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { self.0.sum() }
    }
    #[inline(always)]
    unsafe fn add_sums<const N: usize>(vectors: [Self; N], to: *mut f32) {
        unsafe { Avx2::add_sums(vectors.map(|vector| vector.0), to) }
    }
    #[inline(always)]
    unsafe fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        unsafe { Avx2::transpose(rows.map(|row| row.0)).map(Self) }
    }

    unsafe fn product<const V: usize, E: Epilogue<Self>>(panel: &Panel<f32>, x: *const f32, then: E) {
        #[target_feature(enable = "avx2,fma,avx512f,avx512dq")]
        unsafe fn compiled<const V: usize, E: Epilogue<Avx512>>(panel: &Panel<f32>, x: *const f32, then: E) {
            unsafe { products::product::<Avx512, V, E>(panel, x, then) }
        }
        unsafe { compiled::<V, E>(panel, x, then) }
    }

    unsafe fn accumulate(gradient: &mut [f32], many: History<f32>, few: Packed<f32>) {
        #[target_feature(enable = "avx2,fma,avx512f,avx512dq")]
        unsafe fn compiled(gradient: &mut [f32], many: History<f32>, few: Packed<f32>) {
            unsafe {
                // Two rows follow each other only in tiles of one vector.
                match many.width {
                    LANES => accumulate_pairs(gradient, many, few),
                    _ => outer_products::accumulate::<Avx512>(gradient, many, few),
                }
            }
        }
        unsafe { compiled(gradient, many, few) }
    }

    #[inline(always)]
    unsafe fn wide_block<const Z: usize, E: Epilogue<Self>>(
        mut packed: *const f32,
        columns: usize,
        mut x: *const f32,
        row: usize,
        then: E,
    ) {
        // SAFETY: as in `product`; a tile of one vector has LANES numbers a row.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); LANES]; Z];
            for _ in 0..columns {
                let mut weights = [_mm512_setzero_ps(); Z];
                for z in 0..Z {
                    weights[z] = _mm512_loadu_ps(packed.add(16 * z));
                }
                for lane in 0..LANES {
                    let passing = _mm512_set1_ps(*x.add(lane));
                    for z in 0..Z {
                        sums[z][lane] = _mm512_fmadd_ps(passing, weights[z], sums[z][lane]);
                    }
                }
                packed = packed.add(16 * Z);
                x = x.add(LANES);
            }
            for z in 0..Z {
                let pairs = transposed(sums[z]);
                for r in 0..4 {
                    let first = row + 16 * z + r;
                    then.finish(first, [low(pairs[r])]);
                    then.finish(first + 4, [high(pairs[r])]);
                    then.finish(first + 8, [low(pairs[4 + r])]);
                    then.finish(first + 12, [high(pairs[4 + r])]);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn low(pair: __m512) -> Avx512 {
    unsafe { Avx512(Avx2::from(_mm512_castps512_ps256(pair))) }
}

#[inline(always)]
unsafe fn high(pair: __m512) -> Avx512 {
    unsafe { Avx512(Avx2::from(_mm512_extractf32x8_ps::<1>(pair))) }
}

/// Sixteen rows of one sequence in each register to two rows of eight sequences: rows `r` and `r + 4` in the first four, `r + 8` and `r + 12`
/// in the others.
#[inline(always)]
unsafe fn transposed(lanes: [__m512; LANES]) -> [__m512; 8] {
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    unsafe {
        // Within each quarter, four sequences by four rows: `quads[half][r]` has row `4 q + r` of four sequences in quarter `q`.
        let mut quads = [[lanes[0]; 4]; 2];
        for half in 0..2 {
            let [a, b, c, d] = [lanes[4 * half], lanes[4 * half + 1], lanes[4 * half + 2], lanes[4 * half + 3]];
            let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            quads[half] = [
                _mm512_shuffle_ps::<LOW>(ab, cd),
                _mm512_shuffle_ps::<HIGH>(ab, cd),
                _mm512_shuffle_ps::<LOW>(ab_high, cd_high),
                _mm512_shuffle_ps::<HIGH>(ab_high, cd_high),
            ];
        }
        // Quarters in pairs of eight numbers, which are moved as two doubles each.
        let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        let mut pairs = lanes;
        for r in 0..4 {
            let (a, b) = (_mm512_castps_pd(quads[0][r]), _mm512_castps_pd(quads[1][r]));
            pairs[r] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, first, b));
            pairs[4 + r] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, second, b));
        }
        pairs
    }
}

/// [`outer_products::accumulate`] for rows of one vector, two of `many` at a time.
#[inline(always)]
unsafe fn accumulate_pairs(gradient: &mut [f32], many: History<f32>, few: Packed<f32>) {
    assert!(gradient.len() >= many.rows * few.rows);
    let whole = few.rows / 4 * 4;
    let left = few.rows - whole;
    let pairs = many.rows / 2;
    let to = gradient.as_mut_ptr();
    // SAFETY: the assertion bounds the gradient, the caller the histories.
    unsafe {
        let mut pair = 0;
        while pair < pairs {
            let height = [4, 2, 1].into_iter().find(|&height| height <= pairs - pair).unwrap_or(1);
            let rows = many.part(2 * pair, 2 * height);
            for j in (0..whole).step_by(4) {
                let (to, few) = (to.add(2 * pair * few.rows + j), few.part(j, 4));
                let columns = whole + left;
                match height {
                    4 => outer_pairs::<4, 4>(to, columns, rows, few),
                    2 => outer_pairs::<2, 4>(to, columns, rows, few),
                    _ => outer_pairs::<1, 4>(to, columns, rows, few),
                }
            }
            pair += height;
        }
        // Columns that are left over are summed for more rows at once: too few sums would wait for each other.
        let mut pair = 0;
        while left > 0 && pair < pairs {
            let height = [8, 4, 2, 1].into_iter().find(|&height| height <= pairs - pair).unwrap_or(1);
            let (rows, columns) = (many.part(2 * pair, 2 * height), few.part(whole, left));
            let to = to.add(2 * pair * few.rows + whole);
            macro_rules! corner {
                ($width:literal) => {
                    match height {
                        8 => outer_pairs::<8, $width>(to, few.rows, rows, columns),
                        4 => outer_pairs::<4, $width>(to, few.rows, rows, columns),
                        2 => outer_pairs::<2, $width>(to, few.rows, rows, columns),
                        _ => outer_pairs::<1, $width>(to, few.rows, rows, columns),
                    }
                };
            }
            match left {
                3 => corner!(3),
                2 => corner!(2),
                _ => corner!(1),
            }
            pair += height;
        }
    }
    if many.rows > 2 * pairs {
        // SAFETY: the last row lies within what the caller promises.
        unsafe {
            outer_products::accumulate::<Avx512>(&mut gradient[2 * pairs * few.rows..], many.part(2 * pairs, 1), few);
        }
    }
}

/// `HEIGHT` pairs of rows by `WIDTH` columns.
#[inline(always)]
unsafe fn outer_pairs<const HEIGHT: usize, const WIDTH: usize>(
    to: *mut f32,
    columns: usize,
    many: History<f32>,
    few: Packed<f32>,
) {
    let (mut m, mut f) = (many.first, few.first);
    let row = few.n_steps * LANES;
    // SAFETY: as in `accumulate_pairs`.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); WIDTH]; HEIGHT];
        for _ in 0..few.n_steps {
            let mut across = [_mm512_setzero_ps(); WIDTH];
            for j in 0..WIDTH {
                across[j] = _mm512_broadcast_f32x8(_mm256_loadu_ps(f.add(j * row)));
            }
            for i in 0..HEIGHT {
                let down = _mm512_loadu_ps(m.add(i * 2 * LANES));
                for j in 0..WIDTH {
                    sums[i][j] = _mm512_fmadd_ps(down, across[j], sums[i][j]);
                }
            }
            m = m.add(many.step);
            f = f.add(LANES);
        }
        for i in 0..HEIGHT {
            let to = to.add(2 * i * columns);
            match WIDTH {
                4 => add_four_sums(sums[i][0], sums[i][1 % WIDTH], sums[i][2 % WIDTH], sums[i][3 % WIDTH], to, columns),
                _ => {
                    for j in 0..WIDTH {
                        *to.add(j) += low(sums[i][j]).sum();
                        *to.add(columns + j) += high(sums[i][j]).sum();
                    }
                }
            }
        }
    }
}

/// The sums over the sequences of four columns for two rows, which are `columns` apart, in the order of [`Avx2::add_sums`].
#[inline(always)]
unsafe fn add_four_sums(a: __m512, b: __m512, c: __m512, d: __m512, to: *mut f32, columns: usize) {
    unsafe {
        let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        let low = _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd);
        let high = _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd);
        let both = _mm512_add_ps(low, high);
        for (row, half) in [_mm512_castps512_ps256(both), _mm512_extractf32x8_ps::<1>(both)].into_iter().enumerate() {
            add_halves(half, to.add(row * columns));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::products::{Store, StoreGated, WIDEST};
    use super::*;

    fn has_avx512() -> bool {
        let found = super::super::level::has_avx512();
        if !found {
            eprintln!("skipped: this processor has no AVX-512");
        }
        found
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    fn noise(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// The same bits as AVX2 gives, whatever the blocks.
    #[test]
    fn wide_products_have_the_bits_of_narrow_ones() {
        if !has_avx512() {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for [rows, columns] in [[16, 1], [17, 5], [32, 33], [48, 512], [50, 20], [513, 32], [100, 13], [3, 7], [16, 0]]
        {
            let (matrix, x) = (noise(&mut rng, rows * columns), noise(&mut rng, columns * LANES));
            let gate = noise(&mut rng, rows * LANES);
            let (mut wide, mut narrow) = (Panel::default(), Panel::default());
            wide.pack([rows, columns], WIDEST, |i, j| matrix[i * columns + j]);
            narrow.pack([rows, columns], Avx2::SUMS, |i, j| matrix[i * columns + j]);
            let mut found = [vec![f32::NAN; rows * LANES], vec![f32::NAN; rows * LANES]];
            // SAFETY: the processor has the features, and the panels the rows and columns of `x` and the results.
            unsafe {
                Avx512::product::<1, _>(&wide, x.as_ptr(), Store(found[0].as_mut_ptr()));
                Avx2::product::<1, _>(&narrow, x.as_ptr(), Store(found[1].as_mut_ptr()));
                assert_eq!(bits(&found[0]), bits(&found[1]), "{rows} × {columns}");
                Avx512::product::<1, _>(
                    &wide,
                    x.as_ptr(),
                    StoreGated { gate: gate.as_ptr(), to: found[0].as_mut_ptr() },
                );
                Avx2::product::<1, _>(
                    &narrow,
                    x.as_ptr(),
                    StoreGated { gate: gate.as_ptr(), to: found[1].as_mut_ptr() },
                );
            }
            assert_eq!(bits(&found[0]), bits(&found[1]), "{rows} × {columns}, gated");
        }
    }

    #[test]
    fn wide_sums_have_the_bits_of_narrow_ones() {
        if !has_avx512() {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for [many, few, n_steps] in
            [[1, 1, 3], [2, 4, 40], [9, 5, 7], [16, 17, 34], [513, 33, 12], [64, 15, 40], [31, 3, 1]]
        {
            let step = many * LANES + 16;
            let (rows, columns) = (noise(&mut rng, n_steps * step), noise(&mut rng, few * n_steps * LANES));
            let history = History { first: rows.as_ptr(), rows: many, step, width: LANES };
            let packed = Packed { first: columns.as_ptr(), rows: few, n_steps };
            let start = noise(&mut rng, many * few);
            let (mut wide, mut narrow) = (start.clone(), start);
            // SAFETY: the processor has the features, and the histories hold these steps.
            unsafe {
                Avx512::accumulate(&mut wide, history, packed);
                Avx2::accumulate(&mut narrow, history, packed);
            }
            assert_eq!(bits(&wide), bits(&narrow), "{many} × {few}, {n_steps} steps");
        }
    }
}
