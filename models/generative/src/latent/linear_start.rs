//! A start that already knows what is linear in the data, so that training is left with the rest.

use candle_core::{Device, Result, Tensor, Var};
use nalgebra::{DMatrix, SymmetricEigen};

use super::LatentParameters;
use super::family::{Family, with_family};

/// `z' = F z + c + C s`, by ridge regression.
#[derive(Clone, Debug)]
pub struct LinearMap {
    /// `F: [M, M]`.
    pub matrix: DMatrix<f64>,
    /// `c: [M]`.
    pub offset: Vec<f64>,
    /// `C: [M, K]`.
    pub input_weights: DMatrix<f64>,
}

/// Penalties tried, as shares of the regressors' mean square.
const PENALTIES: [f64; 14] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 10.0];

impl LinearMap {
    /// From `from: [n, M + K]`, states and inputs, to `to: [n, M]`; `None` for less than two steps or a `from` that never
    /// changes.
    ///
    /// Of several penalties the one with the least generalised cross-validation error of `weight · to` is taken, which
    /// stands for the error in the observations, `weight: [D, M]`. Costs `O(n (M + K)² + (M + K)³)`.
    ///
    /// Source: Golub, Heath & Wahba (1979), Technometrics 21, 215–223.
    pub fn fit(from: &DMatrix<f64>, to: &DMatrix<f64>, weight: &DMatrix<f64>) -> Option<Self> {
        let (n, width, m) = (from.nrows(), from.ncols(), to.ncols());
        if n < 2 {
            return None;
        }
        let (from_mean, to_mean) = (from.row_mean(), to.row_mean());
        let centre = |rows: &DMatrix<f64>, mean: &nalgebra::RowDVector<f64>| {
            DMatrix::from_fn(n, rows.ncols(), |t, i| rows[(t, i)] - mean[i])
        };
        let (x, y) = (centre(from, &from_mean), centre(to, &to_mean));
        let eigen = SymmetricEigen::new(x.tr_mul(&x));
        let mean_square = eigen.eigenvalues.sum() / width as f64;
        if mean_square.is_nan() || mean_square <= 0.0 {
            return None;
        }
        // In the eigenvectors' basis every penalty is a division.
        let turned = eigen.eigenvectors.tr_mul(&x.tr_mul(&y));
        let solve = |penalty: f64| {
            let lift = penalty * mean_square;
            let scaled = DMatrix::from_fn(width, m, |k, i| turned[(k, i)] / (eigen.eigenvalues[k].max(0.0) + lift));
            let freedom: f64 = eigen.eigenvalues.iter().map(|&l| l.max(0.0) / (l.max(0.0) + lift)).sum();
            (&eigen.eigenvectors * scaled, freedom)
        };
        let error = |penalty: f64| {
            let (coefficients, freedom) = solve(penalty);
            let residual = (&y - &x * coefficients) * weight.transpose();
            let left = 1.0 - (freedom + 1.0) / n as f64;
            if left > 0.0 { residual.norm_squared() / left.powi(2) } else { f64::INFINITY }
        };
        let errors = PENALTIES.map(error);
        let best = (0..PENALTIES.len()).min_by(|&i, &j| errors[i].total_cmp(&errors[j]))?;
        let (coefficients, _) = solve(PENALTIES[best]);
        let offset = (to_mean - from_mean * &coefficients).iter().copied().collect();
        let transposed = coefficients.transpose();
        Some(Self {
            matrix: transposed.columns(0, m).into_owned(),
            offset,
            input_weights: transposed.columns(m, width - m).into_owned(),
        })
    }
}

/// What a family adds to `A z` to follow a matrix where the states are.
pub(super) struct Imitation {
    /// In the order of the family's tensors.
    pub tensors: Vec<Tensor>,
    /// To be added to the bias: `[M]`.
    pub offset: Vec<f64>,
}

/// One direction of a matrix: `gain · (along · z)`, with `along · z` in (−1, 1) wherever the states are.
pub(super) struct Direction {
    pub along: Vec<f64>,
    pub gain: Vec<f64>,
}

/// States up to this many times farther out than any seen are still inside.
const MARGIN: f64 = 1.2;

/// Of the largest state: along directions in which the states do not vary nothing is to be imitated.
const SMALLEST_REACH: f64 = 1e-6;

/// The leading directions of a matrix, at most `most` of them, by its singular values.
pub(super) fn directions(matrix: &DMatrix<f64>, states: &DMatrix<f64>, most: usize) -> Vec<Direction> {
    let svd = matrix.clone().svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else { return Vec::new() };
    let mut order: Vec<usize> = (0..svd.singular_values.len()).collect();
    order.sort_by(|&i, &j| svd.singular_values[j].total_cmp(&svd.singular_values[i]));
    let smallest = SMALLEST_REACH * states.amax();
    let directions = order.into_iter().filter_map(|k| {
        let reach = MARGIN * (states * v_t.row(k).transpose()).amax();
        (reach > smallest).then(|| Direction {
            along: v_t.row(k).iter().map(|v| v / reach).collect(),
            gain: u.column(k).iter().map(|u| u * svd.singular_values[k] * reach).collect(),
        })
    });
    directions.take(most).collect()
}

/// `A` stays inside: a clipped family is bounded only there.
const LARGEST_DECAY: f64 = 0.98;

impl LatentParameters {
    /// Sets the parameters so that the map is `linear` wherever `states: [n, M]` lie, as far as the hidden units suffice.
    /// False, and nothing is set, for a family that cannot.
    pub fn start_linear(&self, linear: &LinearMap, states: &DMatrix<f64>) -> Result<bool> {
        let m = self.shape.latent_dim;
        let a: Vec<f64> =
            linear.matrix.diagonal().iter().map(|&decay| decay.clamp(-LARGEST_DECAY, LARGEST_DECAY)).collect();
        let excess = &linear.matrix - DMatrix::from_diagonal(&a.clone().into());
        let named = self.named();
        let tensors = with_family!(self.family, F => {
            let own: Vec<Tensor> = F::tensors(self.shape)
                .iter()
                .filter_map(|(name, _)| named.iter().find(|(other, _)| other == name))
                .map(|(_, var)| var.as_tensor().clone())
                .collect();
            F::imitate(self.shape, &own, &excess, states)?.map(|imitation| {
                let names = F::tensors(self.shape).into_iter().map(|(name, _)| name);
                (F::BIAS, names.zip(imitation.tensors).collect::<Vec<_>>(), imitation.offset)
            })
        });
        let Some((bias_name, tensors, offset)) = tensors else { return Ok(false) };
        let bias: Vec<f64> = linear.offset.iter().zip(&offset).map(|(c, shift)| c + shift).collect();
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let vector = |values: &[f64]| Tensor::from_vec(single(values), m, &Device::Cpu);
        let set = |name: &str, tensor: &Tensor| match named.iter().find(|(other, _)| *other == name) {
            Some((_, var)) => Var::set(var, tensor),
            None => Ok(()),
        };
        set("A", &vector(&a)?)?;
        set(bias_name, &vector(&bias)?)?;
        for (name, tensor) in &tensors {
            set(name, tensor)?;
        }
        let k = self.shape.input_dim;
        let rows: Vec<f64> = linear.input_weights.transpose().iter().copied().collect();
        if k > 0 {
            set("C", &Tensor::from_vec(single(&rows), (m, k), &Device::Cpu)?)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use nullcline_dynamics::Map;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::latent::{LatentFamily, LatentShape};

    fn uniform(rng: &mut ChaCha8Rng, rows: usize, columns: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, columns, |_, _| rng.random_range(-1.0..1.0))
    }

    #[test]
    fn a_linear_system_is_found_with_its_inputs() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (matrix, weights) = (uniform(&mut rng, 3, 3) * 0.5, uniform(&mut rng, 3, 2));
        let from = uniform(&mut rng, 400, 5);
        let to = DMatrix::from_fn(400, 3, |t, i| {
            let state: f64 = (0..3).map(|j| matrix[(i, j)] * from[(t, j)]).sum();
            let input: f64 = (0..2).map(|k| weights[(i, k)] * from[(t, 3 + k)]).sum();
            state + input + 0.7 + 1e-3 * rng.random_range(-1.0..1.0)
        });
        let found = LinearMap::fit(&from, &to, &DMatrix::identity(3, 3)).unwrap();
        assert!((found.matrix - matrix).norm() < 1e-3);
        assert!((found.input_weights - weights).norm() < 1e-3);
        assert!(found.offset.iter().all(|c| (c - 0.7).abs() < 1e-3));
    }

    /// Noise alone has nothing to be predicted from: the largest penalty wins, and shrinks what chance would fit.
    #[test]
    fn what_cannot_be_predicted_is_shrunk() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (from, to) = (uniform(&mut rng, 60, 20), uniform(&mut rng, 60, 20));
        let found = LinearMap::fit(&from, &to, &DMatrix::identity(20, 20)).unwrap().matrix.norm();
        let x = DMatrix::from_fn(60, 20, |t, i| from[(t, i)] - from.column(i).mean());
        let plain = (x.tr_mul(&x)).cholesky().unwrap().solve(&x.tr_mul(&to)).norm();
        assert!(found < 0.5 * plain, "{found} of {plain}");
        assert!(
            LinearMap::fit(&DMatrix::from_element(9, 2, 1.0), &DMatrix::zeros(9, 2), &DMatrix::identity(2, 2))
                .is_none()
        );
    }

    /// The map is the matrix where the states are; the families without such units say so.
    #[test]
    fn hidden_units_imitate_a_matrix_where_the_states_are() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (m, shape) = (4, LatentShape { latent_dim: 4, hidden_dim: 11, input_dim: 2 });
        let linear = LinearMap {
            matrix: uniform(&mut rng, m, m),
            offset: vec![0.1, -0.2, 0.3, 0.4],
            input_weights: uniform(&mut rng, m, 2),
        };
        let states = uniform(&mut rng, 50, m) * 3.0;
        for family in LatentFamily::ALL {
            let parameters = LatentParameters::init(&mut rng, family, shape).unwrap();
            let can = matches!(family, LatentFamily::Shallow | LatentFamily::ClippedShallow);
            assert_eq!(parameters.start_linear(&linear, &states).unwrap(), can, "{family}");
            if !can {
                continue;
            }
            let map = parameters.freeze().unwrap().unwrap();
            for state in states.row_iter() {
                let z: Vec<f64> = state.iter().copied().collect();
                let mut next = vec![0.0; m];
                map.step(&z, &mut next);
                let expected = &linear.matrix * state.transpose();
                for i in 0..m {
                    assert!((next[i] - expected[i] - linear.offset[i]).abs() < 1e-4, "{family}: {next:?}");
                }
            }
            let found = parameters.input_weights().unwrap();
            assert!(found.iter().zip(linear.input_weights.transpose().iter()).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
