//! The fixed-point equation in as few unknowns as it has.

use nalgebra::{DMatrix, DVector};

use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::{Hinge, PiecewiseLinearMap};
use crate::singular_values::SingularValues;

/// `A x = Σₖ cₖ relu(wₖ·x + bₖ) + h`: `n` equations in `n` unknowns, `x, cₖ, wₖ, h: [n]`.
#[derive(Debug, Clone)]
pub(crate) struct HingeSystem {
    /// `A: [n × n]`.
    pub balance: DMatrix<f64>,
    pub hinges: Vec<Hinge>,
    /// `h: [n]`.
    pub offset: Vec<f64>,
}

/// The equation `z = F(z)` of a map, reduced to the unknowns that its hinges see and drive.
///
/// With `I − L` regular, every fixed point is `z₀ + (I − L)⁻¹ Σ cₖ rₖ`: it lies in the space that the columns span, and
/// only its share in the space of the normals decides which hinges are on. What is left are as many unknowns as
/// the smaller of the two ranks: `P` for an ALRNN, the rank for a low-rank network, whatever `M` is.
///
/// Where `I − L` is singular, some hinges are turned first: `relu(u) = u + relu(−u)`.
pub(crate) struct Reduced {
    pub system: HingeSystem,
    /// Hinges of the map that are on where those of the system are off.
    turned: ActivationPattern,
    /// How far rounding may have moved a coefficient, relative.
    pub rounding: f64,
}

/// Ratio of singular values below which a direction is not there.
const NO_DIRECTION: f64 = 1e-13;
/// Condition number up to which `I − L` is inverted.
const WELL_CONDITIONED: f64 = 1e7;

impl Reduced {
    pub fn of(map: &PiecewiseLinearMap) -> Self {
        let Some((turned, condition)) = regular_turn(map) else {
            return Self::unreduced(map);
        };
        let dim = map.dim();
        let (jacobian, offset) = map.affine_in(&turned);
        let lu = (DMatrix::identity(dim, dim) - jacobian).lu();
        let columns = DMatrix::from_fn(dim, map.n_hinges(), |i, k| map.hinges()[k].column[i]);
        let (Some(rest), Some(columns)) = (lu.solve(&offset), lu.solve(&columns)) else {
            return Self::unreduced(map);
        };
        let normals = DMatrix::from_fn(map.n_hinges(), dim, |k, j| side(&turned, k) * map.hinges()[k].normal[j]);
        let biases: Vec<f64> =
            (0..map.n_hinges()).map(|k| side(&turned, k) * map.hinges()[k].activation(rest.as_slice())).collect();

        // Hinges of unit normals: their columns then say how much each of them can move.
        let lengths: Vec<f64> = normals.row_iter().map(|row| row.norm()).collect();
        let mut weighted = columns.clone();
        weighted.column_iter_mut().zip(&lengths).for_each(|(mut column, &length)| column *= length);
        let driven = span_of_columns(&weighted);
        let mut seen_in = &normals * &driven;
        seen_in.row_iter_mut().zip(&lengths).for_each(|(mut row, &length)| row /= length);
        let seen = span_of_columns(&seen_in.transpose());
        let basis = &driven * &seen;
        if basis.ncols() == dim {
            // Nothing to leave out: the latent units themselves are the better axes.
            return Self::build(&normals, &biases, &columns, turned, condition);
        }
        Self::build(&(&normals * &basis), &biases, &(basis.transpose() * &columns), turned, condition)
    }

    fn build(
        normals: &DMatrix<f64>,
        biases: &[f64],
        columns: &DMatrix<f64>,
        turned: ActivationPattern,
        condition: f64,
    ) -> Self {
        let dim = columns.nrows();
        let hinge = |k: usize| Hinge {
            normal: normals.row(k).iter().copied().collect(),
            bias: biases[k],
            column: columns.column(k).iter().copied().collect(),
        };
        let hinges = (0..biases.len()).map(hinge).collect();
        let system = HingeSystem { balance: DMatrix::identity(dim, dim), hinges, offset: vec![0.0; dim] };
        Self { system, turned, rounding: 4.0 * f64::EPSILON * condition }
    }

    fn unreduced(map: &PiecewiseLinearMap) -> Self {
        let (dim, off) = (map.dim(), ActivationPattern::inactive(map.n_hinges()));
        let (jacobian, offset) = map.affine_in(&off);
        let balance = DMatrix::identity(dim, dim) - jacobian;
        let system = HingeSystem { balance, hinges: map.hinges().to_vec(), offset: offset.as_slice().to_vec() };
        Self { system, turned: off, rounding: 4.0 * f64::EPSILON }
    }

    /// The linear region of the map in which these hinges of the system are on.
    pub fn region(&self, on: impl Fn(usize) -> bool) -> ActivationPattern {
        let mut region = ActivationPattern::inactive(self.turned.len());
        (0..region.len()).for_each(|k| region.set(k, on(k) != self.turned.is_active(k)));
        region
    }
}

fn side(turned: &ActivationPattern, hinge: usize) -> f64 {
    if turned.is_active(hinge) { -1.0 } else { 1.0 }
}

/// The best conditioned `I − J` of a few regions: no hinge on, all of them, every other one.
fn regular_turn(map: &PiecewiseLinearMap) -> Option<(ActivationPattern, f64)> {
    let mut best: Option<(ActivationPattern, f64)> = None;
    for choice in [|_| false, |_| true, |k: usize| k % 2 == 1, |k: usize| (k * 0x9E37_79B9) >> 16 & 1 == 1] {
        let mut turned = ActivationPattern::inactive(map.n_hinges());
        (0..turned.len()).for_each(|k| turned.set(k, choice(k)));
        let condition = condition(DMatrix::identity(map.dim(), map.dim()) - map.affine_in(&turned).0);
        if best.as_ref().is_none_or(|(_, other)| condition < *other) {
            best = Some((turned, condition));
        }
        if condition < WELL_CONDITIONED / 1e4 {
            break;
        }
    }
    best.filter(|(_, condition)| *condition < WELL_CONDITIONED)
}

fn condition(matrix: DMatrix<f64>) -> f64 {
    let singular = SingularValues::of(&matrix);
    let ratio = singular.largest() / singular.smallest();
    if ratio.is_nan() { f64::INFINITY } else { ratio }
}

/// Orthonormal columns that span those of `matrix`.
fn span_of_columns(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let singular = SingularValues::of(matrix);
    singular.left.columns(0, singular.rank(NO_DIRECTION)).into_owned()
}

impl HingeSystem {
    pub fn dim(&self) -> usize {
        self.offset.len()
    }

    /// Along each axis, the distance at which the folds lie: half of them nearer, half further.
    pub fn reach(&self) -> Vec<f64> {
        let n = self.dim();
        (0..n)
            .map(|j| {
                let crossing = |hinge: &Hinge| (hinge.bias / hinge.normal[j]).abs();
                let mut crossings: Vec<f64> =
                    self.hinges.iter().map(crossing).filter(|at| at.is_finite() && *at > 0.0).collect();
                crossings.sort_by(f64::total_cmp);
                let size = self.offset.get(j).map_or(0.0, |h| h.abs());
                let typical = crossings.get(crossings.len() / 2).copied().unwrap_or(size.max(1.0));
                typical.clamp(1e-100, 1e100)
            })
            .collect()
    }

    /// The system in the projective coordinates of all points beyond `reach` on one side of one axis:
    /// `x = reach ⊙ v / s` with `v[axis] = ±1`, in the unknowns `v` without that entry, then `s ∈ [0, 1]`.
    pub fn beyond(&self, reach: &[f64], axis: usize, side: f64) -> Self {
        let n = self.dim();
        let others: Vec<usize> = (0..n).filter(|&j| j != axis).collect();
        let mut balance = DMatrix::zeros(n, n);
        for (to, &from) in others.iter().enumerate() {
            balance.set_column(to, &(self.balance.column(from) * reach[from]));
        }
        balance.set_column(n - 1, &-DVector::from_column_slice(&self.offset));
        let hinges = self.hinges.iter().map(|hinge| {
            let mut normal: Vec<f64> = others.iter().map(|&j| hinge.normal[j] * reach[j]).collect();
            normal.push(hinge.bias);
            Hinge { normal, bias: side * reach[axis] * hinge.normal[axis], column: hinge.column.clone() }
        });
        let offset = self.balance.column(axis).iter().map(|a| -side * reach[axis] * a).collect();
        Self { balance, hinges: hinges.collect(), offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 12 latent units, of which the hinges see three directions and drive two.
    #[test]
    fn as_many_unknowns_are_left_as_the_smaller_rank() {
        let scattered = |i: usize| (1.0 + i as f64).sin() * 43_758.545 % 1.0;
        let a: Vec<f64> = (0..12).map(|i| 0.9 * scattered(i)).collect();
        let left = |rows: usize, columns: usize, seed: usize| {
            DMatrix::from_fn(rows, columns, |i, j| scattered(seed + 31 * i + 7 * j * j))
        };
        let w1 = left(12, 2, 3) * left(2, 20, 5);
        let w2 = left(20, 3, 11) * left(3, 12, 13);
        let map = PiecewiseLinearMap::shallow(&a, &w1, &w2, &[0.1; 12], &[0.3; 20]).unwrap();
        assert_eq!(Reduced::of(&map).system.dim(), 2);
        let w = left(12, 12, 17);
        let map = PiecewiseLinearMap::almost_linear(&a, &w, &[0.1; 12], 4).unwrap();
        assert_eq!(Reduced::of(&map).system.dim(), 4);
    }
}
