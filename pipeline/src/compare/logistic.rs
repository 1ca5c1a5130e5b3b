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
    /// finite when the groups separate; predictors may outnumber subjects, but both groups must be
    /// there. Costs `O(n p² + p³)` per step, some five steps; `p` counts as `n` where it is larger.
    ///
    /// Source: le Cessie & van Houwelingen (1992), Appl. Stat. 41, 191–201.
    pub(super) fn fit(x: &DMatrix<f64>, is_other: &[bool], penalty: f64) -> Self {
        if x.ncols() > x.nrows() {
            // The best weights lie in the span of the subjects: `Xᵀ = QR`, `w = Q v`, `|w| = |v|`.
            let (span, coordinates) = x.transpose().qr().unpack();
            let Self { intercept, weights } = Self::fit(&coordinates.transpose(), is_other, penalty);
            return Self { intercept, weights: span * weights };
        }
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
        Self { intercept: beta[0], weights: beta.rows(1, x.ncols()).into_owned() }
    }

    /// Log-odds of belonging to the other group, `b + wᵀ x` for each row of `x`.
    pub(super) fn log_odds(&self, x: &DMatrix<f64>) -> DVector<f64> {
        (x * &self.weights).add_scalar(self.intercept)
    }
}

const MAX_STEPS: usize = 50;
/// Largest change of a coefficient after which the search stops. Newton squares the error with each
/// step, so what is left is of the order of its square.
const TOLERANCE: f64 = 1e-5;

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
            target: is_other.iter().map(|&other| f64::from(u8::from(other))).collect(),
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
        let pull = DVector::from_fn(probability.len(), |i, _| self.weight[i] * (self.target[i] - probability[i]));
        let mut curved = self.regressors.clone();
        for (i, mut row) in curved.row_iter_mut().enumerate() {
            row *= self.weight[i] * probability[i] * (1.0 - probability[i]);
        }
        let mut downhill = self.regressors.tr_mul(&pull);
        let mut hessian = self.regressors.transpose() * curved;
        for j in 1..beta.len() {
            downhill[j] -= self.penalty * beta[j];
            hessian[(j, j)] += self.penalty;
        }
        Cholesky::new(hessian).map(|factor| factor.solve(&downhill))
    }

    /// The longest of the halved steps that does not raise the loss; `None` when none does.
    fn descend(&self, beta: &DVector<f64>, step: &DVector<f64>, loss: f64) -> Option<(DVector<f64>, f64)> {
        (0..30).map(|halvings| beta + step * 0.5_f64.powi(halvings)).find_map(|next| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::assert_close;

    const FEATURES: [[f64; 3]; 8] = [
        [1.0, 0.3, 2.1],
        [1.4, 0.1, 1.9],
        [0.8, 0.5, 2.6],
        [1.1, 0.2, 2.2],
        [1.9, 0.4, 1.2],
        [1.6, 0.7, 1.7],
        [2.1, 0.2, 1.5],
        [1.5, 0.6, 2.0],
    ];
    const FIVE_AND_THREE: [bool; 8] = [false, false, false, false, false, true, true, true];

    fn check(x: &DMatrix<f64>, expected: [f64; 8], tolerance: f64) {
        let log_odds = Logistic::fit(x, &FIVE_AND_THREE, 1.0).log_odds(x);
        for (found, expected) in log_odds.iter().zip(expected) {
            assert_close(*found, expected, tolerance);
        }
    }

    /// `LogisticRegression(C=1, class_weight="balanced")`, scikit-learn 1.9, `tol` 1e-12.
    #[test]
    fn agrees_with_scikit_learn() {
        let x = DMatrix::from_fn(8, 3, |i, j| FEATURES[i][j]);
        let expected =
            [-0.43689992, -0.18334487, -0.63339902, -0.43274834, 0.46258634, 0.23505053, 0.44400436, 0.04772049];
        check(&x, expected, 1e-6);
    }

    /// The same, with 13 predictors made of the 3, which takes the way through the subjects' span.
    #[test]
    fn agrees_when_predictors_outnumber_subjects() {
        let x = DMatrix::from_fn(8, 13, |i, j| {
            let f = FEATURES[i];
            match j {
                0..3 => f[j],
                3 => f[0] * f[1],
                4..7 => f[j - 4] * f[j - 4],
                7..10 => f[j - 7].sin(),
                _ => (3.0 * f[j - 10]).cos(),
            }
        });
        let expected =
            [-1.49975031, -0.98990782, -1.81024308, -1.57262347, 0.62175741, 1.05806166, 1.08780828, 0.66255309];
        check(&x, expected, 1e-6);
    }

    #[test]
    fn separated_groups_leave_the_weights_finite() {
        let x = DMatrix::from_fn(8, 1, |i, _| if FIVE_AND_THREE[i] { 1e3 } else { -1e3 });
        let log_odds = Logistic::fit(&x, &FIVE_AND_THREE, 1.0).log_odds(&x);
        assert!(
            log_odds.iter().zip(FIVE_AND_THREE).all(|(odds, other)| { odds.is_finite() && (*odds > 0.0) == other })
        );
    }

    #[test]
    fn without_information_the_odds_are_even() {
        let log_odds = Logistic::fit(&DMatrix::zeros(8, 2), &FIVE_AND_THREE, 1.0).log_odds(&DMatrix::zeros(1, 2));
        assert_close(log_odds[0], 0.0, 1e-9);
    }
}
