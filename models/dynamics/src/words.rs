//! The cycle equation of one sequence of linear regions.

use std::collections::HashMap;

use nalgebra::{DMatrix, DVector};

use crate::geometry::is_finite;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;

/// The one cycle of a sequence of regions.
pub(crate) struct Solved {
    /// `z₀ … z_{k−1}` with `zᵢ₊₁ = Jᵢ zᵢ + cᵢ`.
    pub points: Vec<Vec<f64>>,
    /// The regions in which these points lie. If they are those of the sequence, the points are a cycle of the map.
    pub visits: Vec<ActivationPattern>,
}

/// `z₀ = (I − A)⁻¹ c` with `A = J_{k−1} … J₀`; `None` where `I − A` is singular or something overflows.
pub(crate) fn solve_word(map: &PiecewiseLinearMap, word: &[ActivationPattern]) -> Option<Solved> {
    let dim = crate::map::Map::dim(map);
    // Few regions make up a long word.
    let mut affine: HashMap<&ActivationPattern, (DMatrix<f64>, DVector<f64>)> = HashMap::new();
    for region in word {
        affine.entry(region).or_insert_with(|| map.affine_in(region));
    }
    let (mut product, mut offset) = (DMatrix::identity(dim, dim), DVector::zeros(dim));
    for region in word {
        let (jacobian, c) = &affine[region];
        product = jacobian * product;
        offset = jacobian * offset + c;
    }
    let start = (DMatrix::identity(dim, dim) - product).lu().solve(&offset)?;
    let mut points = vec![start.as_slice().to_vec()];
    let mut z = start;
    for region in &word[..word.len() - 1] {
        let (jacobian, c) = &affine[region];
        z = jacobian * z + c;
        points.push(z.as_slice().to_vec());
    }
    if !points.iter().all(|point| is_finite(point)) {
        return None;
    }
    let visits = points.iter().map(|point| map.pattern_at(point)).collect();
    Some(Solved { points, visits })
}
