//! Ridge-penalised logistic regression, small enough to be read.

use nalgebra::{Cholesky, DMatrix, DVector};

/// `P(other | x) = σ(b + wᵀ x)`.
pub(super) struct Logistic {
    intercept: f64,
    weights: DVector<f64>,
}

impl Logistic {
    /// Minimises `½ λ |w|² + Σ cᵢ log(1 + exp(−sᵢ (b + wᵀ xᵢ)))`, with `sᵢ = ±1` for the two groups.
    ///
    /// The weights `cᵢ = n / (2 n_group)` give both groups the same say, so that the decision at
    /// `P = ½` suits balanced accuracy; the intercept is not penalised. `x: [subjects, predictors]`,
    /// standardised, for the penalty treats all alike.
    ///
    /// Newton's method with step halving on a strictly convex loss. The penalty keeps the weights
    /// finite when the groups separate; predictors may outnumber subjects. Costs `O(n p² + p³)` per
    /// step, some five steps.
    ///
    /// Source: le Cessie & van Houwelingen (1992), Appl. Stat. 41, 191–201.
    pub(super) fn fit(x: &DMatrix<f64>, is_other: &[bool], penalty: f64) -> Self {
        let problem = Problem::new(x, is_other, penalty);
        let mut beta = DVector::zeros(x.ncols() + 1);
        let mut loss = problem.loss(&beta);
        for _ in 0..MAX_STEPS {
            let Some(step) = problem.newton_step(&beta) else {
                break;
            };
            let Some((next, next_loss)) = problem.descend(&beta, &step, loss) else {
                break;
            };
            let moved = (&next - &beta).amax();
            (beta, loss) = (next, next_loss);
            if moved < TOLERANCE {
                break;
            }
        }
        Self {
            intercept: beta[0],
            weights: beta.rows(1, x.ncols()).into_owned(),
        }
    }

    /// Log-odds of belonging to the other group, `b + wᵀ x` for each row of `x`.
    pub(super) fn log_odds(&self, x: &DMatrix<f64>) -> DVector<f64> {
        (x * &self.weights).add_scalar(self.intercept)
    }
}

const MAX_STEPS: usize = 50;
/// Largest change of a coefficient at which the search stops.
const TOLERANCE: f64 = 1e-8;

struct Problem {
    /// A column of ones, then the predictors.
    regressors: DMatrix<f64>,
    target: Vec<f64>,
    weight: Vec<f64>,
    penalty: f64,
}

impl Problem {
    fn new(x: &DMatrix<f64>, is_other: &[bool], penalty: f64) -> Self {
        let n = is_other.len() as f64;
        let n_other = is_other.iter().filter(|&&other| other).count() as f64;
        let weight_of = |other: bool| n / (2.0 * if other { n_other } else { n - n_other });
        Self {
            regressors: x.clone().insert_column(0, 1.0),
            target: is_other
                .iter()
                .map(|&other| f64::from(u8::from(other)))
                .collect(),
            weight: is_other.iter().map(|&other| weight_of(other)).collect(),
            penalty,
        }
    }

    fn loss(&self, beta: &DVector<f64>) -> f64 {
        let log_odds = &self.regressors * beta;
        let misfit: f64 = (0..self.target.len())
            .map(|i| self.weight[i] * (softplus(log_odds[i]) - self.target[i] * log_odds[i]))
            .sum();
        misfit + 0.5 * self.penalty * beta.rows_range(1..).norm_squared()
    }

    /// `−H⁻¹ ∇`, with `∇ = Xᵀ c (P − target) + λ w` and `H = Xᵀ diag(c P (1 − P)) X + λ I`.
    fn newton_step(&self, beta: &DVector<f64>) -> Option<DVector<f64>> {
        let probability = (&self.regressors * beta).map(sigmoid);
        let pull = DVector::from_fn(probability.len(), |i, _| {
            self.weight[i] * (self.target[i] - probability[i])
        });
        let mut curved = self.regressors.clone();
        for (i, mut row) in curved.row_iter_mut().enumerate() {
            row *= self.weight[i] * probability[i] * (1.0 - probability[i]);
        }
        let mut downhill = self.regressors.tr_mul(&pull);
        let mut hessian = self.regressors.tr_mul(&curved);
        for j in 1..beta.len() {
            downhill[j] -= self.penalty * beta[j];
            hessian[(j, j)] += self.penalty;
        }
        Cholesky::new(hessian).map(|factor| factor.solve(&downhill))
    }

    /// The longest of the halved steps that does not raise the loss; `None` when none does.
    fn descend(
        &self,
        beta: &DVector<f64>,
        step: &DVector<f64>,
        loss: f64,
    ) -> Option<(DVector<f64>, f64)> {
        (0..30)
            .map(|halvings| beta + step * 0.5_f64.powi(halvings))
            .find_map(|next| {
                let next_loss = self.loss(&next);
                (next_loss <= loss).then_some((next, next_loss))
            })
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `log(1 + eˣ)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
