//! Triangular factors of square matrices, in the vectors of the processor.

use nalgebra::{DMatrix, DVector};

use crate::vectorised::{add_columns, vectorised};

/// `P A = L U` with partial pivoting, `A: [M × M]`.
///
/// Four columns are factored, then taken off all later ones in one pass: each of these is read and written a quarter as
/// often as by elimination column by column. The order of every sum is fixed by `M` alone. Costs `2/3 M³`.
///
/// Source: Golub & Van Loan (2013), Matrix Computations, 3.2.11 and 3.4 (blocked elimination, partial pivoting).
pub(crate) struct Factors {
    /// `U`, and below its diagonal `L` without its ones.
    packed: DMatrix<f64>,
    /// The row that came to each place, by exchanges one after the other.
    exchanged: Vec<usize>,
}

/// Columns that are eliminated together.
const PANEL: usize = 4;

impl Factors {
    pub fn of(mut matrix: DMatrix<f64>) -> Self {
        let n = matrix.nrows();
        let mut exchanged = vec![0; n];
        if n > 0 {
            vectorised(
                #[inline(always)]
                || eliminate(n, matrix.as_mut_slice(), &mut exchanged),
            );
        }
        Self { packed: matrix, exchanged }
    }

    /// `A⁻¹ right`; `None` where a pivot is zero or the solution not finite.
    pub fn solve(&self, right: &DVector<f64>) -> Option<DVector<f64>> {
        let n = self.exchanged.len();
        let mut x = right.clone();
        let values = x.as_mut_slice();
        for (k, &other) in self.exchanged.iter().enumerate() {
            values.swap(k, other);
        }
        for (k, column) in self.packed.as_slice().chunks_exact(n.max(1)).enumerate() {
            let value = values[k];
            values[k + 1..].iter_mut().zip(&column[k + 1..]).for_each(|(x, l)| *x -= value * l);
        }
        for (k, column) in self.packed.as_slice().chunks_exact(n.max(1)).enumerate().rev() {
            values[k] /= column[k];
            let value = values[k];
            values[..k].iter_mut().zip(&column[..k]).for_each(|(x, u)| *x -= value * u);
        }
        // A pivot of zero leaves infinities or what is not a number.
        let is_regular = (0..n).all(|k| self.packed[(k, k)] != 0.0) && x.iter().all(|x| x.is_finite());
        is_regular.then_some(x)
    }
}

#[inline(always)]
fn eliminate(n: usize, a: &mut [f64], exchanged: &mut [usize]) {
    // The parts of the panel below it, side by side and with their signs turned.
    let mut below = vec![0.0; PANEL * n];
    for first in (0..n).step_by(PANEL) {
        let width = PANEL.min(n - first);
        let end = first + width;
        let (before, rest) = a.split_at_mut(first * n);
        let (panel, after) = rest.split_at_mut(width * n);
        for j in 0..width {
            let (done, column) = panel.split_at_mut(j * n);
            let column = &mut column[..n];
            eliminate_from(column, done, n, first, j, &exchanged[first..first + j]);
            let k = first + j;
            let pivot = largest(&column[k..]) + k;
            exchanged[k] = pivot;
            column.swap(k, pivot);
            done.chunks_exact_mut(n).for_each(|column| column.swap(k, pivot));
            let inverse = 1.0 / column[k];
            if column[k] != 0.0 {
                column[k + 1..].iter_mut().for_each(|x| *x *= inverse);
            }
        }
        let exchanges = || exchanged[first..end].iter().enumerate().map(|(j, &other)| (first + j, other));
        for column in before.chunks_exact_mut(n) {
            exchanges().for_each(|(k, other)| column.swap(k, other));
        }
        let height = n - end;
        for (part, column) in below.chunks_exact_mut(height.max(1)).zip(panel.chunks_exact(n)) {
            part.iter_mut().zip(&column[end..]).for_each(|(part, x)| *part = -x);
        }
        for column in after.chunks_exact_mut(n) {
            exchanges().for_each(|(k, other)| column.swap(k, other));
            let (above, under) = column.split_at_mut(end);
            let top = &mut above[first..];
            for j in 1..width {
                for i in 0..j {
                    top[j] -= panel[i * n + first + j] * top[i];
                }
            }
            add_columns(under, top, &below[..width * height]);
        }
    }
}

/// Brings a column of the panel up to date with the columns of the panel before it.
#[inline(always)]
fn eliminate_from(column: &mut [f64], done: &[f64], n: usize, first: usize, j: usize, exchanged: &[usize]) {
    for (i, &other) in exchanged.iter().enumerate() {
        column.swap(first + i, other);
    }
    for i in 0..j {
        let value = column[first + i];
        let before = &done[i * n..(i + 1) * n];
        let from = first + i + 1;
        column[from..].iter_mut().zip(&before[from..]).for_each(|(x, l)| *x -= value * l);
    }
}

/// The place of the value of largest magnitude, the first of them.
#[inline(always)]
fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if value.abs() > values[best].abs() {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Against nalgebra's own factors, for sizes around those of a panel, with rows that must be exchanged.
    #[test]
    fn solves_what_a_second_route_solves() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for n in [1, 2, 3, 4, 5, 7, 8, 9, 13, 32, 61, 128] {
            let mut matrix = DMatrix::from_fn(n, n, |_, _| rng.random_range(-1.0..1.0_f64));
            (0..n).step_by(2).for_each(|k| matrix[(k, k)] = 0.0);
            if n == 1 {
                matrix[(0, 0)] = -3.0;
            }
            let right = DVector::from_fn(n, |_, _| rng.random_range(-1.0..1.0_f64));
            let factors = Factors::of(matrix.clone());
            let x = factors.solve(&right).unwrap();
            let scale = matrix.norm() * x.norm();
            assert!((&matrix * &x - &right).norm() <= 1e-14 * scale, "{n}");
            let other = matrix.clone().lu().solve(&right).unwrap();
            assert!((&x - &other).norm() <= 1e-9 * other.norm(), "{n}");
            // `L U` is the matrix with its rows exchanged, and no factor of `L` exceeds one.
            let lower = DMatrix::from_fn(n, n, |i, j| if i > j { factors.packed[(i, j)] } else { f64::from(i == j) });
            let upper = DMatrix::from_fn(n, n, |i, j| if i <= j { factors.packed[(i, j)] } else { 0.0 });
            let mut moved = matrix.clone();
            factors.exchanged.iter().enumerate().for_each(|(k, &other)| moved.swap_rows(k, other));
            assert!((&lower * &upper - moved).norm() <= 1e-14 * matrix.norm() * n as f64, "{n}");
            assert!(lower.amax() <= 1.0, "{n}");
        }
    }

    #[test]
    fn singular_and_not_finite_matrices_have_no_solution() {
        let right = DVector::from_element(3, 1.0);
        assert_eq!(Factors::of(DMatrix::zeros(3, 3)).solve(&right), None);
        assert_eq!(Factors::of(DMatrix::from_element(3, 3, 2.0)).solve(&right), None);
        assert_eq!(Factors::of(DMatrix::from_element(3, 3, f64::NAN)).solve(&right), None);
        assert_eq!(Factors::of(DMatrix::zeros(0, 0)).solve(&DVector::zeros(0)).unwrap().len(), 0);
    }
}
