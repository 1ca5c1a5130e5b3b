use nalgebra::{DMatrix, DVector, SymmetricEigen};
use thiserror::Error;

/// Why trajectories have no operator, or two operators no distance.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperatorError {
    #[error("need trajectories of one width, found {found} columns beside {expected}")]
    Width { expected: usize, found: usize },
    #[error("need {needed} pairs of delay vectors for this rank, found {found}")]
    TooShort { needed: usize, found: usize },
    #[error("the trajectories do not move: there is nothing to compare")]
    Constant,
    #[error("the trajectories hold a value that is not finite")]
    NotFinite,
    #[error("need at least one delay and a rank of at least one")]
    EmptyPlan,
    #[error("need two square operators of one size, found {0} and {1}")]
    Sizes(String, String),
    #[error("the eigenvalues of an operator could not be computed")]
    NoEigenvalues,
}

/// How to see trajectories as linear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayPlan {
    /// Samples that make one delay vector; more of them linearise more, and need longer trajectories.
    pub delays: usize,
    /// Leading directions of the delay vectors that are kept, at most `N · delays`. Two operators that are compared need one rank.
    pub rank: usize,
}

/// The linear operator that best carries delay vectors of `trajectories: [T × N]` one step on, `[r × r]`.
///
/// States are whitened, stacked with their `delays − 1` predecessors, reduced to the `rank` leading directions of these, and
/// whitened again; the operator is the least-squares map from one sample to the next (dynamic mode decomposition). Whitening
/// leaves an orthogonal matrix free and nothing else, so an affine change of coordinates of the states turns the operator by
/// an orthogonal matrix *exactly*, also where the rank cuts. Directions with less than `1e-10` of the largest variance are dropped.
///
/// Misleads where orbits have settled to points (only what moves is seen), where `rank` cuts between directions of equal
/// variance, and for nonlinear changes of coordinates, which it undoes only as far as the delays do.
/// Costs `O(T (N delays)² + (N delays)³)`.
///
/// Sources: Brunton et al. (2017), Nat. Commun. 8, 19 (HAVOK); Ostrow et al. (2023), NeurIPS (DSA), without the first whitening.
pub fn delay_operator(trajectories: &[DMatrix<f64>], plan: &DelayPlan) -> Result<DMatrix<f64>, OperatorError> {
    if plan.delays == 0 || plan.rank == 0 {
        return Err(OperatorError::EmptyPlan);
    }
    let width = trajectories.first().map_or(0, DMatrix::ncols);
    if let Some(odd) = trajectories.iter().find(|trajectory| trajectory.ncols() != width) {
        return Err(OperatorError::Width { expected: width, found: odd.ncols() });
    }
    if trajectories.iter().any(|trajectory| trajectory.iter().any(|x| !x.is_finite())) {
        return Err(OperatorError::NotFinite);
    }
    let whitened = Whitening::of(trajectories, width)?.apply(trajectories);
    let delayed: Vec<DMatrix<f64>> = whitened.iter().map(|states| delay_vectors(states, plan.delays)).collect();
    let pairs: usize = delayed.iter().map(|vectors| vectors.nrows().saturating_sub(1)).sum();
    let needed = 2 * plan.rank;
    if pairs < needed {
        return Err(OperatorError::TooShort { needed, found: pairs });
    }
    let second = Whitening::of(&delayed, delayed[0].ncols())?;
    let rank = plan.rank.min(second.kept());
    let coordinates = second.leading(rank).apply(&delayed);
    let (mut now_now, mut next_now) = (DMatrix::zeros(rank, rank), DMatrix::zeros(rank, rank));
    for v in coordinates.iter().filter(|v| v.nrows() > 1) {
        let (now, next) = (v.rows(0, v.nrows() - 1), v.rows(1, v.nrows() - 1));
        now_now += now.tr_mul(&now);
        next_now += next.tr_mul(&now);
    }
    // A = (Σ v′ vᵀ)(Σ v vᵀ)⁻¹, and the second factor is symmetric.
    let solution = now_now.cholesky().map(|factor| factor.solve(&next_now.transpose()).transpose());
    solution.ok_or(OperatorError::TooShort { needed, found: pairs })
}

/// `[T × N]` to `[T − d + 1 × N d]`: each state beside its predecessors.
fn delay_vectors(states: &DMatrix<f64>, delays: usize) -> DMatrix<f64> {
    let width = states.ncols();
    let rows = (states.nrows() + 1).saturating_sub(delays);
    DMatrix::from_fn(rows, width * delays, |t, c| states[(t + delays - 1 - c / width, c % width)])
}

/// `y = D^{−½} Uᵀ (x − mean)`, with the eigenvectors of the covariance and their eigenvalues, largest first.
struct Whitening {
    mean: DVector<f64>,
    /// `U D^{−½}`, `[width × kept]`.
    projection: DMatrix<f64>,
}

impl Whitening {
    fn of(trajectories: &[DMatrix<f64>], width: usize) -> Result<Self, OperatorError> {
        let samples: usize = trajectories.iter().map(DMatrix::nrows).sum();
        if samples == 0 || width == 0 {
            return Err(OperatorError::Constant);
        }
        let mut mean = DVector::zeros(width);
        for trajectory in trajectories {
            mean += trajectory.row_sum().transpose() / samples as f64;
        }
        let mut covariance = DMatrix::zeros(width, width);
        for trajectory in trajectories {
            let centered = centered(trajectory, &mean);
            covariance += centered.tr_mul(&centered) / samples as f64;
        }
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let largest = eigen.eigenvalues[order[0]];
        let size = mean.norm_squared().max(f64::MIN_POSITIVE);
        if largest <= 1e-24 * size {
            return Err(OperatorError::Constant);
        }
        order.retain(|&i| eigen.eigenvalues[i] > 1e-10 * largest);
        let columns: Vec<DVector<f64>> =
            order.iter().map(|&i| eigen.eigenvectors.column(i) / eigen.eigenvalues[i].sqrt()).collect();
        Ok(Self { mean, projection: DMatrix::from_columns(&columns) })
    }

    fn kept(&self) -> usize {
        self.projection.ncols()
    }

    fn leading(self, rank: usize) -> Self {
        Self { projection: self.projection.columns(0, rank).into_owned(), ..self }
    }

    fn apply(&self, trajectories: &[DMatrix<f64>]) -> Vec<DMatrix<f64>> {
        trajectories.iter().map(|trajectory| centered(trajectory, &self.mean) * &self.projection).collect()
    }
}

fn centered(trajectory: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(trajectory.nrows(), trajectory.ncols(), |t, j| trajectory[(t, j)] - mean[j])
}
