//! The likelihood of whole windows, averaged over many trajectories.

use super::counts::Windows;
use super::number::{LANES, Number, largest, sum};
use crate::times_matrix::{Order, multiply};

/// Windows whose likelihoods are held at once; their table stays in the second cache.
const BLOCK: usize = 192;

/// Mean over windows of `ln Σ_k w_k p(y | η_k) − ln p(y | constant rates)`, per bin, in nats.
///
/// `p(y | η) = Π_t Π_d Poisson(y_td | exp η_td)`, with log rates `η: [W · N, K]` along K trajectories of weights `w: [K]`,
/// which sum to one. If these were all the trajectories that a window can come from this would be its likelihood; as
/// they are a sample of them it is a lower bound in the mean, and rises to the likelihood with K. The table `[n, K]` of
/// `Σ_td y_td η_td` is one matrix product, and so is the gradient: `Σ_n P_nk (y_n − exp η_k)`, with the posterior `P_nk` of the
/// trajectories. Costs `O(n · K · W · N)`, forward and again backward.
///
/// Source: Burda, Grosse & Salakhutdinov (2016), ICLR.
pub(super) struct Likelihood<'a, R> {
    pub windows: &'a Windows<R>,
    pub log_rates: &'a [R],
    pub weights: &'a [R],
}

impl<R: Number> Likelihood<'_, R> {
    pub fn gain(&self) -> f64 {
        self.walk(&mut |_, _| {})
    }

    /// Hands the posterior `[n, K]` of the trajectories to `visit`, for some windows after others.
    pub fn each_posterior(&self, visit: &mut dyn FnMut(&[R])) {
        self.walk(&mut |_, posterior| visit(posterior));
    }

    /// The gain, and its gradient in the log rates.
    pub fn gradient(&self) -> (f64, Vec<R>) {
        let n_chains = self.weights.len();
        let width = self.log_rates.len() / n_chains;
        let mut gradient = vec![R::default(); self.log_rates.len()];
        let mut share = vec![R::default(); n_chains];
        let gain = self.walk(&mut |windows, posterior| {
            let n = posterior.len() / n_chains;
            multiply(&mut gradient, windows, Order::Columns, posterior, Order::Rows, [width, n, n_chains], true);
            for row in posterior.chunks_exact(n_chains) {
                share.iter_mut().zip(row).for_each(|(share, &p)| *share += p);
            }
        });
        let scale = R::of(((self.windows.len() * self.windows.length).max(1) as f64).recip());
        for (gradient, rates) in gradient.chunks_exact_mut(n_chains).zip(self.log_rates.chunks_exact(n_chains)) {
            for ((gradient, &rate), &share) in gradient.iter_mut().zip(rates).zip(&share) {
                *gradient = scale * (*gradient - share * rate.exp());
            }
        }
        (gain, gradient)
    }

    /// Hands the windows and the posterior `[n, K]` of each block to `visit`.
    fn walk(&self, visit: &mut dyn FnMut(&[R], &[R])) -> f64 {
        let n_chains = self.weights.len();
        let width = self.log_rates.len() / n_chains;
        // What every window has in common: ln w_k − Σ_td exp η_td.
        let mut common: Vec<R> = self.weights.iter().map(|&w| R::of(w.double().max(1e-30).ln())).collect();
        for rates in self.log_rates.chunks_exact(n_chains) {
            common.iter_mut().zip(rates).for_each(|(common, &rate)| *common = *common - rate.exp());
        }
        let mut total = 0.0;
        let mut table = Vec::new();
        let blocks = self.windows.values.chunks(BLOCK * width).zip(self.windows.baseline.chunks(BLOCK));
        for (windows, baseline) in blocks {
            let n = baseline.len();
            table.resize(n * n_chains, R::default());
            let shape = [n, width, n_chains];
            multiply(&mut table, windows, Order::Rows, self.log_rates, Order::Rows, shape, false);
            for (row, baseline) in table.chunks_exact_mut(n_chains).zip(baseline) {
                total += normalise(row, &common) - baseline;
            }
            visit(windows, &table);
        }
        total / (self.windows.len() * self.windows.length).max(1) as f64
    }
}

/// `row + common` becomes its softmax; returns the logarithm of the sum.
#[inline(always)]
fn normalise<R: Number>(row: &mut [R], common: &[R]) -> f64 {
    row.iter_mut().zip(common).for_each(|(row, &common)| *row += common);
    let top = largest(row);
    row.iter_mut().for_each(|value| *value = (*value - top).exp());
    let sum = sum(row).double();
    let scale = R::of(sum.recip());
    row.iter_mut().for_each(|value| *value = *value * scale);
    top.double() + sum.ln()
}

/// Weights of chains that are all alike.
pub(super) fn alike<R: Number>(n_chains: usize) -> Vec<R> {
    debug_assert!(n_chains.is_multiple_of(LANES));
    vec![R::of((n_chains as f64).recip()); n_chains]
}
