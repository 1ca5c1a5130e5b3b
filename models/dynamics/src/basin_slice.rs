use rand::Rng;
use thiserror::Error;

use crate::attractors::{Attractor, AttractorPlan, End, label_starts};
use crate::geometry::{is_finite, norm};
use crate::map::Map;

/// A flat piece of state space, seen as a picture: `origin + u · right + v · up`.
#[derive(Debug, Clone, PartialEq)]
pub struct SlicePlan {
    /// The middle of the picture, `[M]`.
    pub origin: Vec<f64>,
    /// Directions in which `u` and `v` grow, `[M]`; taken as they are, so their length is the unit of `u` and `v`.
    pub right: Vec<f64>,
    pub up: Vec<f64>,
    /// The picture reaches from `−reach` to `reach` in `u` and in `v`.
    pub reach: [f64; 2],
    /// Columns and rows; starts lie in the middle of each cell, so that none falls on a point of symmetry by design.
    pub cells: [usize; 2],
}

/// Why a slice is no picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SliceError {
    #[error("need an origin and two directions of length {dim}, found {found:?}")]
    Shape { dim: usize, found: [usize; 3] },
    #[error("need finite, different directions and a positive, finite reach")]
    Degenerate,
    #[error("need between 1 and {limit} cells, found {columns} × {rows}")]
    Cells { limit: usize, columns: usize, rows: usize },
}

/// Where the starts of a slice end.
#[derive(Debug, Clone, PartialEq)]
pub struct BasinSlice {
    pub plan: SlicePlan,
    /// One for each cell, `[row × column]`, the row of smallest `v` first.
    pub ends: Vec<End>,
    /// Attractors that were not known before; their indices follow those that were.
    pub found: Vec<Attractor>,
}

/// No picture has more cells than this.
const MOST_CELLS: usize = 4_000_000;

impl SlicePlan {
    /// The starts, in the order of [`BasinSlice::ends`].
    pub fn starts(&self) -> Vec<Vec<f64>> {
        let [columns, rows] = self.cells;
        let along = |i: usize, n: usize, reach: f64| reach * ((2 * i + 1) as f64 / n as f64 - 1.0);
        let start = |row: usize, column: usize| {
            let (u, v) = (along(column, columns, self.reach[0]), along(row, rows, self.reach[1]));
            let axes = self.right.iter().zip(&self.up);
            self.origin.iter().zip(axes).map(|(o, (r, p))| o + u * r + v * p).collect()
        };
        (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| start(r, c)).collect()
    }

    fn check(&self, dim: usize) -> Result<(), SliceError> {
        let found = [self.origin.len(), self.right.len(), self.up.len()];
        if found != [dim; 3] {
            return Err(SliceError::Shape { dim, found });
        }
        let [columns, rows] = self.cells;
        if columns == 0 || rows == 0 || columns.saturating_mul(rows) > MOST_CELLS {
            return Err(SliceError::Cells { limit: MOST_CELLS, columns, rows });
        }
        let finite = [&self.origin, &self.right, &self.up].iter().all(|v| is_finite(v));
        let (right, up) = (norm(&self.right), norm(&self.up));
        let along = crate::geometry::dot(&self.right, &self.up);
        let reaches = self.reach.iter().all(|reach| *reach > 0.0 && reach.is_finite());
        // Equality in the Cauchy–Schwarz inequality: the directions are parallel, or one is zero.
        if !finite || !reaches || along.abs() >= right * up * (1.0 - 1e-9) {
            return Err(SliceError::Degenerate);
        }
        Ok(())
    }
}

/// The picture of the basins on a two-dimensional slice: where each of its cells ends, among the attractors `known`.
///
/// Each cell is one orbit from its middle; a basin thinner than a cell may be missed. Costs and misleads as
/// [`label_starts`] does.
///
/// Source: Nusse & Yorke (1998), Dynamics: Numerical Explorations (basin pictures).
pub fn basin_slice(
    rng: &mut impl Rng,
    map: &dyn Map,
    known: &[Attractor],
    plan: &SlicePlan,
    attractors: &AttractorPlan,
) -> Result<BasinSlice, SliceError> {
    plan.check(map.dim())?;
    let (ends, found) = label_starts(rng, map, known, &plan.starts(), attractors);
    Ok(BasinSlice { plan: plan.clone(), ends, found })
}
