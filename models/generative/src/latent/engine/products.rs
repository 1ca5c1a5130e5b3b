//! The small matrix products of the recursion's steps, in registers.
//!
//! A *row* is one state dimension or hidden unit for all sequences of a tile: `V` vectors of lanes. The sums of a
//! block of matrix rows are kept in registers while the columns pass by, so that every load of a state serves several of
//! them. The order of every sum is that of the columns, whatever the block: results do not
//! depend on how many sequences share a tile.

// Registers are addressed by number; an iterator would hide which.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, Lanes, Real};

/// A matrix packed for [`product`]: block by block, column by column.
#[derive(Debug, Default)]
pub struct Panel<R> {
    packed: Vec<R>,
    /// Heights of the blocks of rows, and for how many rows and what tallest block they were chosen.
    blocks: Vec<usize>,
    chosen_for: [usize; 2],
    columns: usize,
}

impl<R: Real> Panel<R> {
    /// Packs `[rows, columns]` for [`product`], in blocks of at most `tallest` rows: [`Lanes::SUMS`] over the vectors of a
    /// tile, or [`WIDEST`].
    pub fn pack(&mut self, [rows, columns]: [usize; 2], tallest: usize, at: impl Fn(usize, usize) -> R) {
        if self.chosen_for != [rows, tallest] {
            self.blocks = heights(rows, tallest);
            self.chosen_for = [rows, tallest];
        }
        self.packed.clear();
        self.columns = columns;
        let mut first = 0;
        for &height in &self.blocks {
            for column in 0..columns {
                self.packed.extend((first..first + height).map(|row| at(row, column)));
            }
            first += height;
        }
    }

    /// The entries of a panel of one column.
    pub fn column(&self) -> &[R] {
        assert_eq!(self.columns, 1);
        &self.packed
    }
}

/// Heights that [`product`] is compiled for.
const HEIGHTS: [usize; 10] = [WIDEST, WIDE, 12, 8, 6, 5, 4, 3, 2, 1];

/// Rows in one register of [`Lanes::wide_block`].
const WIDE: usize = 16;
/// Rows in two of them.
pub const WIDEST: usize = 2 * WIDE;

/// Blocks of at most `tallest` rows that take the least time for `rows` rows.
///
/// A column of a block is `height · V` multiply-adds, two at a time, each of which waits four cycles for the one before
/// it: less than eight sums leave gaps. Sixteen rows are better two times eight than twelve and four.
fn heights(rows: usize, tallest: usize) -> Vec<usize> {
    let vectors = if tallest > 6 { 1 } else { 2 };
    let cost = |height: usize| match height {
        // Twice as many sums a multiply-add, and every number of a state is loaded on its own.
        WIDE | WIDEST => (height / 2).max(height / WIDE + 8),
        _ => (height * vectors).max(height + vectors).max(8),
    };
    // The least cost of the first `n` rows, and the last block there.
    let mut best = vec![(0, 0)];
    for n in 1..=rows {
        let fitting = HEIGHTS.into_iter().filter(|&height| height <= tallest.min(n));
        let choices = fitting.map(|height| (best[n - height].0 + cost(height), height));
        best.push(choices.min_by_key(|&(cost, _)| cost).expect("a height of one always fits"));
    }
    let mut blocks = Vec::new();
    let mut left = rows;
    while left > 0 {
        blocks.push(best[left].1);
        left -= best[left].1;
    }
    blocks
}

/// What becomes of a finished row.
pub trait Epilogue<L: Lanes>: Copy {
    /// # Safety
    ///
    /// As for the pointers it holds: they lead to the rows that the panel has.
    unsafe fn finish<const V: usize>(self, row: usize, sum: [L; V]);
}

/// Written as it is.
#[derive(Clone, Copy)]
pub struct Store<R>(pub *mut R);

impl<L: Lanes> Epilogue<L> for Store<L::Real> {
    #[inline(always)]
    unsafe fn finish<const V: usize>(self, row: usize, sum: [L; V]) {
        unsafe { store(sum, self.0, row) }
    }
}

/// `max(sum, 0)`.
#[derive(Clone, Copy)]
pub struct StoreRelu<R>(pub *mut R);

impl<L: Lanes> Epilogue<L> for StoreRelu<L::Real> {
    #[inline(always)]
    unsafe fn finish<const V: usize>(self, row: usize, sum: [L; V]) {
        unsafe { store(sum.map(|s| s.relu()), self.0, row) }
    }
}

/// The sum where `gate > 0`, else 0.
#[derive(Clone, Copy)]
pub struct StoreGated<R> {
    pub gate: *const R,
    pub to: *mut R,
}

impl<L: Lanes> Epilogue<L> for StoreGated<L::Real> {
    #[inline(always)]
    unsafe fn finish<const V: usize>(self, row: usize, sum: [L; V]) {
        unsafe {
            let gate = load::<L, V>(self.gate, row);
            store(std::array::from_fn::<L, V, _>(|v| sum[v].where_positive(gate[v])), self.to, row);
        }
    }
}

/// `Σ_k P[row, k] x[k]` for every row of the panel, handed to `then`.
///
/// # Safety
///
/// `x` points to as many rows of `V` vectors as the panel has columns, and the panel was packed in blocks of at most
/// `L::SUMS / V` rows, or in wide ones where `L` and one vector take them.
#[inline(always)]
pub unsafe fn product<L: Lanes, const V: usize, E: Epilogue<L>>(panel: &Panel<L::Real>, x: *const L::Real, then: E) {
    let (mut row, mut packed) = (0, panel.packed.as_ptr());
    for &height in &panel.blocks {
        assert!(if height < WIDE { height * V <= L::SUMS } else { V == 1 }, "a panel of other vectors");
        // SAFETY: `pack` laid out `columns · height` numbers for each block, in this order.
        unsafe {
            match height {
                WIDEST if V == 1 => L::wide_block::<2, E>(packed, panel.columns, x, row, then),
                WIDE if V == 1 => L::wide_block::<1, E>(packed, panel.columns, x, row, then),
                12 => block::<L, V, 12, E>(packed, panel.columns, x, row, then),
                8 => block::<L, V, 8, E>(packed, panel.columns, x, row, then),
                6 => block::<L, V, 6, E>(packed, panel.columns, x, row, then),
                5 => block::<L, V, 5, E>(packed, panel.columns, x, row, then),
                4 => block::<L, V, 4, E>(packed, panel.columns, x, row, then),
                3 => block::<L, V, 3, E>(packed, panel.columns, x, row, then),
                2 => block::<L, V, 2, E>(packed, panel.columns, x, row, then),
                _ => block::<L, V, 1, E>(packed, panel.columns, x, row, then),
            }
            packed = packed.add(panel.columns * height);
        }
        row += height;
    }
}

#[inline(always)]
unsafe fn block<L: Lanes, const V: usize, const HEIGHT: usize, E: Epilogue<L>>(
    mut packed: *const L::Real,
    columns: usize,
    mut x: *const L::Real,
    row: usize,
    then: E,
) {
    if HEIGHT * V > L::SUMS {
        // Never packed; keeps the compiler from unrolling it.
        return;
    }
    // SAFETY: as in `product`.
    unsafe {
        let mut sums = [[L::zero(); V]; HEIGHT];
        for _ in 0..columns {
            let mut passing = [L::zero(); V];
            for v in 0..V {
                passing[v] = L::load(x.add(v * LANES));
            }
            for r in 0..HEIGHT {
                let weight = L::splat(*packed.add(r));
                for v in 0..V {
                    sums[r][v] = passing[v].mul_add(weight, sums[r][v]);
                }
            }
            packed = packed.add(HEIGHT);
            x = x.add(V * LANES);
        }
        for (r, sum) in sums.into_iter().enumerate() {
            then.finish(row + r, sum);
        }
    }
}

/// Row `row` of those that begin at `rows`.
///
/// # Safety
///
/// There are that many rows.
#[inline(always)]
pub unsafe fn load<L: Lanes, const V: usize>(rows: *const L::Real, row: usize) -> [L; V] {
    // SAFETY: as the caller promises.
    std::array::from_fn(|v| unsafe { L::load(rows.add((row * V + v) * LANES)) })
}

/// Writes row `row` of those that begin at `rows`.
///
/// # Safety
///
/// There are that many rows.
#[inline(always)]
pub unsafe fn store<L: Lanes, const V: usize>(values: [L; V], rows: *mut L::Real, row: usize) {
    for (v, value) in values.into_iter().enumerate() {
        // SAFETY: as the caller promises.
        unsafe { value.store(rows.add((row * V + v) * LANES)) };
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::level::{Kernel, Pooled};
    use super::*;

    struct Times<'a, R, const V: usize> {
        panel: &'a Panel<R>,
        x: &'a [R],
        to: &'a mut [R],
    }

    impl<R: Real, const V: usize> Kernel<R> for Times<'_, R, V> {
        type Output = ();
        fn run<L: Lanes<Real = R>>(self) {
            // SAFETY: the test makes the panel and the rows as they must be.
            unsafe { L::product::<V, _>(self.panel, self.x.as_ptr(), Store(self.to.as_mut_ptr())) }
        }
    }

    /// The largest difference from sums in f64, for whole numbers, which no order of summation rounds.
    fn difference<R: Pooled, const V: usize>([rows, columns]: [usize; 2]) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut whole = |n: usize| (0..n).map(|_| f64::from(rng.random_range(-9i8..10))).collect::<Vec<f64>>();
        let (matrix, x) = (whole(rows * columns), whole(columns * V * LANES));
        let mut panel = Panel::default();
        panel.pack([rows, columns], (R::sums() / V).max(1), |i, j| R::of(matrix[i * columns + j]));
        let mut found = vec![R::of(f64::NAN); rows * V * LANES];
        let of: Vec<R> = x.iter().map(|&x| R::of(x)).collect();
        R::dispatch(Times::<R, V> { panel: &panel, x: &of, to: &mut found });
        let expected = |row: usize, lane: usize| -> f64 {
            (0..columns).map(|k| matrix[row * columns + k] * x[k * V * LANES + lane]).sum()
        };
        let all = (0..rows).flat_map(|row| (0..V * LANES).map(move |lane| (row, lane)));
        all.map(|(row, lane)| (found[row * V * LANES + lane].to_f64() - expected(row, lane)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for shape in [[1, 1], [7, 3], [13, 256], [32, 513], [64, 600], [65, 1025], [130, 600], [3, 0]] {
            assert_eq!(difference::<f32, 1>(shape), 0.0, "{shape:?}");
            assert_eq!(difference::<f32, 2>(shape), 0.0, "{shape:?}");
            assert_eq!(difference::<f64, 2>(shape), 0.0, "{shape:?}");
        }
    }
}
