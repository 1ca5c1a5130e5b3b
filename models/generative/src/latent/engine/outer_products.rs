//! Gradients of weight matrices: sums of outer products over all steps and sequences, in registers.

// Registers are addressed by number; an iterator would hide which.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, Lanes};

/// Heights that [`outer`] is compiled for.
const HEIGHTS: [usize; 7] = [8, 6, 5, 4, 3, 2, 1];

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
