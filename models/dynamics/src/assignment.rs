//! The cheapest way to pair rows with columns.

use nalgebra::DMatrix;

/// For each row of `costs: [n × m]`, `n ≤ m`, its column in the assignment of least total cost. Costs must be finite.
///
/// Shortest augmenting paths with potentials, `O(n² m)`.
///
/// Source: Jonker & Volgenant (1987), Computing 38, 325–340; the form of the Hungarian method without initialisation.
pub(crate) fn cheapest_assignment(costs: &DMatrix<f64>) -> Vec<usize> {
    let (n, m) = costs.shape();
    debug_assert!(n <= m);
    // Index 0 stands for "none", so rows and columns count from one.
    let (mut row_potential, mut column_potential) = (vec![0.0; n + 1], vec![0.0; m + 1]);
    let mut row_of = vec![0; m + 1];
    let mut came_from = vec![0; m + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut shortest = vec![f64::INFINITY; m + 1];
        let mut visited = vec![false; m + 1];
        while row_of[column] != 0 {
            visited[column] = true;
            let (here, mut step, mut nearest) = (row_of[column], f64::INFINITY, 0);
            for j in 1..=m {
                if visited[j] {
                    continue;
                }
                let reduced = costs[(here - 1, j - 1)] - row_potential[here] - column_potential[j];
                if reduced < shortest[j] {
                    (shortest[j], came_from[j]) = (reduced, column);
                }
                if shortest[j] < step || nearest == 0 {
                    (step, nearest) = (shortest[j], j);
                }
            }
            for j in 0..=m {
                if visited[j] {
                    row_potential[row_of[j]] += step;
                    column_potential[j] -= step;
                } else {
                    shortest[j] -= step;
                }
            }
            column = nearest;
        }
        while column != 0 {
            row_of[column] = row_of[came_from[column]];
            column = came_from[column];
        }
    }
    let mut column_of = vec![0; n];
    (1..=m).filter(|&j| row_of[j] != 0).for_each(|j| column_of[row_of[j] - 1] = j - 1);
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost_of(costs: &DMatrix<f64>, columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(i, &j)| costs[(i, j)]).sum()
    }

    /// Every assignment of rows from `row` on to the columns still free.
    fn least(costs: &DMatrix<f64>, row: usize, used: &mut Vec<bool>) -> f64 {
        if row == costs.nrows() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for j in 0..costs.ncols() {
            if !used[j] {
                used[j] = true;
                best = best.min(costs[(row, j)] + least(costs, row + 1, used));
                used[j] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn nothing_is_cheaper(n in 0..5_usize, extra in 0..3_usize, entries in prop::collection::vec(-9..9_i32, 35)) {
            let costs = DMatrix::from_fn(n, n + extra, |i, j| f64::from(entries[i * 7 + j]));
            let columns = cheapest_assignment(&costs);
            let mut distinct = columns.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), n);
            prop_assert_eq!(cost_of(&costs, &columns), least(&costs, 0, &mut vec![false; n + extra]));
        }
    }
}
