//! The three small matrix products of the recursion, in registers.
//!
//! A *row* is one state dimension or hidden unit for all sequences of a tile: `V` vectors of lanes. A block of
//! matrix rows is kept in up to twelve registers while the columns pass by, so that every load of a state
//! serves several of them. The order of every sum is that of the columns, whatever the block: results do not
//! depend on how many sequences share a tile.

// Registers are addressed by number; an iterator would hide which.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, Lanes, Real};

/// A matrix packed for [`product`]: block by block, column by column.
#[derive(Debug, Default)]
pub struct Panel<R> {
    packed: Vec<R>,
    /// Heights of the blocks of rows, and for how many rows of how many sums they were chosen.
    blocks: Vec<usize>,
    chosen_for: [usize; 2],
    columns: usize,
}

impl<R: Real> Panel<R> {
    /// Packs `[rows, columns]` for [`product`] with `V` vectors and [`Lanes::SUMS`] sums.
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
const HEIGHTS: [usize; 8] = [12, 8, 6, 5, 4, 3, 2, 1];

/// Blocks of at most `tallest` rows that take the least time for `rows` rows.
///
/// A column of a block is `height · V` multiply-adds, two at a time, each of which waits four cycles for the one before
/// it: less than eight sums leave gaps. Sixteen rows are better two times eight than twelve and four.
fn heights(rows: usize, tallest: usize) -> Vec<usize> {
    let vectors = if tallest > 6 { 1 } else { 2 };
    let cost = |height: usize| (height * vectors).max(height + vectors).max(8);
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
/// `L::SUMS / V` rows.
#[inline(always)]
pub unsafe fn product<L: Lanes, const V: usize, E: Epilogue<L>>(panel: &Panel<L::Real>, x: *const L::Real, then: E) {
    let (mut row, mut packed) = (0, panel.packed.as_ptr());
    for &height in &panel.blocks {
        debug_assert!(height * V <= L::SUMS);
        // SAFETY: `pack` laid out `columns · height` numbers for each block, in this order.
        unsafe {
            match height {
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

/// Rows over time as the recursion left them: entry `[t, row]` is at `t · step + row · width`.
#[derive(Clone, Copy, Debug)]
pub struct History<R> {
    pub first: *const R,
    pub rows: usize,
    pub step: usize,
    pub width: usize,
}

impl<R> History<R> {
    /// `rows` rows from `first` on.
    pub fn part(self, first: usize, rows: usize) -> Self {
        Self { first: self.first.wrapping_add(first * self.width), rows, ..self }
    }
}

/// Rows over time side by side: entry `[row, t]` is at `(row · n_steps + t) · LANES`.
#[derive(Clone, Copy, Debug)]
pub struct Packed<R> {
    pub first: *const R,
    pub rows: usize,
    pub n_steps: usize,
}

impl<R> Packed<R> {
    /// `rows` rows from `first` on.
    pub fn part(self, first: usize, rows: usize) -> Self {
        Self { first: self.first.wrapping_add(first * self.n_steps * LANES), rows, ..self }
    }
}

/// Copies one vector of each row to `to`, so that a row's steps follow each other.
///
/// # Safety
///
/// The history holds `n_steps` steps.
#[inline(always)]
pub unsafe fn pack_steps<L: Lanes>(history: History<L::Real>, n_steps: usize, to: &mut [L::Real]) -> Packed<L::Real> {
    let History { first, rows, step, width } = history;
    assert!(to.len() >= rows * n_steps * LANES);
    for row in 0..rows {
        for t in 0..n_steps {
            // SAFETY: the caller's promise, and the assertion.
            unsafe {
                let entry = L::load(first.add(t * step + row * width));
                entry.store(to.as_mut_ptr().add((row * n_steps + t) * LANES));
            }
        }
    }
    Packed { first: to.as_ptr(), rows, n_steps }
}

/// `gradient[i, j] += Σ_t Σ_lane many[t, i] few[j, t]` over one vector of lanes; `gradient` is row-major with
/// `few.rows` columns.
///
/// The rows of `many` pass once; those of `few`, which are packed, stay in the first cache meanwhile.
///
/// # Safety
///
/// `many` holds as many steps as `few`.
#[inline(always)]
pub unsafe fn accumulate<L: Lanes>(gradient: &mut [L::Real], many: History<L::Real>, few: Packed<L::Real>) {
    assert!(gradient.len() >= many.rows * few.rows);
    let widest = if L::SUMS < 12 { 2 } else { 4 };
    let whole = few.rows / widest * widest;
    // Columns that are left over are summed for more rows at once: too few sums would wait for each other.
    let parts = [(0, whole, widest), (whole, few.rows, few.rows - whole)];
    for (first, end, width) in parts.into_iter().filter(|(first, end, _)| first < end) {
        let tallest = (L::SUMS / width).min(8);
        let mut i = 0;
        while i < many.rows {
            let height = HEIGHTS.into_iter().find(|&h| h <= tallest.min(many.rows - i)).unwrap_or(1);
            for j in (first..end).step_by(width) {
                // SAFETY: the assertion bounds the gradient, the caller the histories.
                unsafe {
                    let (m, f) = (many.part(i, height), few.part(j, width));
                    let to = gradient.as_mut_ptr().add(i * few.rows + j);
                    macro_rules! corner {
                        ($h:literal, $w:literal) => {
                            outer::<L, $h, $w>(to, few.rows, m, f)
                        };
                    }
                    match (height, width) {
                        (3, 4) => corner!(3, 4),
                        (2, 4) => corner!(2, 4),
                        (1, 4) => corner!(1, 4),
                        (4, 3) => corner!(4, 3),
                        (3, 3) => corner!(3, 3),
                        (2, 3) => corner!(2, 3),
                        (1, 3) => corner!(1, 3),
                        (6, 2) => corner!(6, 2),
                        (5, 2) => corner!(5, 2),
                        (4, 2) => corner!(4, 2),
                        (3, 2) => corner!(3, 2),
                        (2, 2) => corner!(2, 2),
                        (1, 2) => corner!(1, 2),
                        (8, _) => corner!(8, 1),
                        (6, _) => corner!(6, 1),
                        (5, _) => corner!(5, 1),
                        (4, _) => corner!(4, 1),
                        (3, _) => corner!(3, 1),
                        (2, _) => corner!(2, 1),
                        _ => corner!(1, 1),
                    }
                }
            }
            i += height;
        }
    }
}

#[inline(always)]
unsafe fn outer<L: Lanes, const HEIGHT: usize, const WIDTH: usize>(
    to: *mut L::Real,
    columns: usize,
    many: History<L::Real>,
    few: Packed<L::Real>,
) {
    if HEIGHT * WIDTH > L::SUMS {
        return;
    }
    let (mut m, mut f) = (many.first, few.first);
    let row = few.n_steps * LANES;
    // SAFETY: as in `accumulate`.
    unsafe {
        let mut sums = [[L::zero(); WIDTH]; HEIGHT];
        for _ in 0..few.n_steps {
            // The shorter side waits in registers: twelve sums, three of these and one that passes are sixteen.
            if HEIGHT <= WIDTH {
                let mut down = [L::zero(); HEIGHT];
                for i in 0..HEIGHT {
                    down[i] = L::load(m.add(i * many.width));
                }
                for j in 0..WIDTH {
                    let across = L::load(f.add(j * row));
                    for i in 0..HEIGHT {
                        sums[i][j] = down[i].mul_add(across, sums[i][j]);
                    }
                }
            } else {
                let mut across = [L::zero(); WIDTH];
                for j in 0..WIDTH {
                    across[j] = L::load(f.add(j * row));
                }
                for i in 0..HEIGHT {
                    let down = L::load(m.add(i * many.width));
                    for j in 0..WIDTH {
                        sums[i][j] = down.mul_add(across[j], sums[i][j]);
                    }
                }
            }
            m = m.add(many.step);
            f = f.add(LANES);
        }
        for (i, sums) in sums.into_iter().enumerate() {
            L::add_sums(sums, to.add(i * columns));
        }
    }
}

/// Sequences `[lane][n]` to rows `[n][V · LANES]`; lanes without a sequence become 0.
#[inline(always)]
pub fn interleave<L: Lanes, const V: usize>(sequences: &[&[L::Real]], rows: &mut [L::Real]) {
    let count = rows.len() / (V * LANES);
    for v in 0..V {
        let own = &sequences[(v * LANES).min(sequences.len())..sequences.len().min((v + 1) * LANES)];
        let mut n = 0;
        if own.len() == LANES {
            while n + LANES <= count {
                // SAFETY: every slice is checked to hold the eight numbers that are moved.
                unsafe {
                    let block = std::array::from_fn(|i| L::load(own[i][n..n + LANES].as_ptr()));
                    for (k, row) in L::transpose(block).into_iter().enumerate() {
                        row.store(rows[((n + k) * V + v) * LANES..][..LANES].as_mut_ptr());
                    }
                }
                n += LANES;
            }
        }
        for n in n..count {
            for (i, entry) in rows[(n * V + v) * LANES..][..LANES].iter_mut().enumerate() {
                *entry = own.get(i).map_or(L::Real::default(), |sequence| sequence[n]);
            }
        }
    }
}

/// Rows `[n][V · LANES]` back to sequences `[lane][n]`.
#[inline(always)]
pub fn deinterleave<L: Lanes, const V: usize>(rows: &[L::Real], sequences: &mut [&mut [L::Real]]) {
    let count = rows.len() / (V * LANES);
    for (v, own) in sequences.chunks_mut(LANES).enumerate() {
        let mut n = 0;
        if own.len() == LANES {
            while n + LANES <= count {
                // SAFETY: as in `interleave`.
                unsafe {
                    let block = std::array::from_fn(|k| L::load(rows[((n + k) * V + v) * LANES..][..LANES].as_ptr()));
                    for (sequence, column) in own.iter_mut().zip(L::transpose(block)) {
                        column.store(sequence[n..n + LANES].as_mut_ptr());
                    }
                }
                n += LANES;
            }
        }
        for n in n..count {
            for (i, sequence) in own.iter_mut().enumerate() {
                sequence[n] = rows[(n * V + v) * LANES + i];
            }
        }
    }
}
