//! How entangled basins are, and how a change of the map moves states between them.

use std::collections::BTreeMap;

use thiserror::Error;

/// Why labels on a grid answer nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GridError {
    #[error("need {columns} × {rows} labels, found {found}")]
    Shape { columns: usize, rows: usize, found: usize },
    #[error("need boxes of 1 to {largest} cells, found {found}")]
    Box { largest: usize, found: usize },
    #[error("need distances of 1 to {largest} cells, found {found}")]
    Distance { largest: usize, found: usize },
}

/// Mean entropy of the labels in the boxes of a grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BasinEntropy {
    /// Over all boxes, in nats.
    pub all: f64,
    /// Over boxes with more than one label, in nats; above `ln 2` the boundary is fractal. Zero without a boundary.
    pub boundary: f64,
}

/// Unpredictability of where a state ends, known to within a box of `size × size` cells.
///
/// `S = mean over boxes of −Σ p ln p`, with `p` the shares of the labels within a box; `labels: [row × column]`. Cells left
/// over at the edges are not counted. Depends on the size of the boxes: compare only pictures of equal resolution. Costs `O(n log L)`
/// for `n` cells of `L` labels.
///
/// Source: Daza et al. (2016), Sci. Rep. 6, 31416.
pub fn basin_entropy<L: Ord + Copy>(
    labels: &[L],
    [columns, rows]: [usize; 2],
    size: usize,
) -> Result<BasinEntropy, GridError> {
    check_grid(labels.len(), columns, rows)?;
    if size == 0 || size > columns.min(rows) {
        return Err(GridError::Box { largest: columns.min(rows), found: size });
    }
    let (mut total, mut boxes, mut mixed) = (0.0, 0_usize, 0_usize);
    for top in (0..=rows - size).step_by(size) {
        for left in (0..=columns - size).step_by(size) {
            let inside =
                (top..top + size).flat_map(|row| (left..left + size).map(move |column| row * columns + column));
            let mut counts = BTreeMap::new();
            inside.for_each(|cell| *counts.entry(labels[cell]).or_insert(0_usize) += 1);
            let shares = counts.values().map(|&count| count as f64 / (size * size) as f64);
            total += shares.map(|p| -p * p.ln()).sum::<f64>().max(0.0);
            boxes += 1;
            mixed += usize::from(counts.len() > 1);
        }
    }
    let boundary = if mixed == 0 { 0.0 } else { total / mixed as f64 };
    Ok(BasinEntropy { all: total / boxes as f64, boundary })
}

/// Share of cells with another label at this distance, in cells, to the left or right, for each of `distances`.
///
/// It falls as `εᵅ` with the distance `ε`: `α = 1` for a smooth boundary, less for a fractal one, whose dimension is `2 − α`.
/// Only along rows: it misleads where boundaries run along them. Cells within `ε` of the left or right edge are not asked, and a
/// distance at which none is left is refused. Costs one comparison for each cell and distance.
///
/// Source: McDonald, Grebogi, Ott & Yorke (1985), Physica D 17, 125–153.
pub fn uncertain_shares<L: Ord + Copy>(
    labels: &[L],
    [columns, rows]: [usize; 2],
    distances: &[usize],
) -> Result<Vec<f64>, GridError> {
    check_grid(labels.len(), columns, rows)?;
    // Beyond this, no cell has neighbours on both sides.
    let largest = (columns - 1) / 2;
    let share = |distance: usize| {
        if distance == 0 || distance > largest {
            return Err(GridError::Distance { largest, found: distance });
        }
        let (mut uncertain, mut asked) = (0_usize, 0_usize);
        for row in 0..rows {
            for column in distance..columns - distance {
                let here = labels[row * columns + column];
                let differs = |other: usize| labels[row * columns + other] != here;
                uncertain += usize::from(differs(column - distance) || differs(column + distance));
                asked += 1;
            }
        }
        Ok(uncertain as f64 / asked as f64)
    };
    distances.iter().map(|&distance| share(distance)).collect()
}

/// The slope `α` of `ln share` against `ln distance` by least squares, see [`uncertain_shares`]; `None` with fewer than two
/// distances at which anything is uncertain, and for lists of different lengths or shares that are not finite.
///
/// Misleads where the distances reach the size of the basins themselves: there the shares level off.
///
/// Source: McDonald, Grebogi, Ott & Yorke (1985), Physica D 17, 125–153.
pub fn uncertainty_exponent(distances: &[usize], shares: &[f64]) -> Option<f64> {
    if distances.len() != shares.len() || shares.iter().any(|share| !share.is_finite()) {
        return None;
    }
    let points: Vec<(f64, f64)> = distances
        .iter()
        .zip(shares)
        .filter(|&(&distance, &share)| distance > 0 && share > 0.0)
        .map(|(&distance, &share)| ((distance as f64).ln(), share.ln()))
        .collect();
    let n = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let spread: f64 = points.iter().map(|point| (point.0 - mean_x).powi(2)).sum();
    let slope = points.iter().map(|point| (point.0 - mean_x) * (point.1 - mean_y)).sum::<f64>() / spread;
    (points.len() > 1 && spread > 0.0).then_some(slope)
}

/// `P(j | i)`: of the states that ended at `i` before, the share that ends at `j` after the map has changed.
///
/// Both label the same states, one label each. Keys are sorted; each `before` label sums to one. Shares of few states are
/// uncertain: the intervals are those of a [`crate::Fraction`]. Costs `O(n log L)`.
///
/// Source: Kaszás, Feudel & Tél (2019), Sci. Rep. 9, 8654.
pub fn tipping_probabilities<L: Ord + Copy>(before: &[L], after: &[L]) -> Result<BTreeMap<(L, L), f64>, GridError> {
    if before.len() != after.len() {
        return Err(GridError::Shape { columns: before.len(), rows: 1, found: after.len() });
    }
    let mut started: BTreeMap<L, usize> = BTreeMap::new();
    let mut moved: BTreeMap<(L, L), usize> = BTreeMap::new();
    for (&from, &to) in before.iter().zip(after) {
        *started.entry(from).or_default() += 1;
        *moved.entry((from, to)).or_default() += 1;
    }
    Ok(moved.into_iter().map(|((from, to), count)| ((from, to), count as f64 / started[&from] as f64)).collect())
}

fn check_grid(found: usize, columns: usize, rows: usize) -> Result<(), GridError> {
    if columns == 0 || rows == 0 || columns.checked_mul(rows) != Some(found) {
        return Err(GridError::Shape { columns, rows, found });
    }
    Ok(())
}
