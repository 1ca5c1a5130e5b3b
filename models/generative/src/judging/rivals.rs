//! What knows no nonlinear dynamics, to stand beside every model.

use std::f64::consts::TAU;

use nalgebra::{Cholesky, DMatrix};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use realfft::RealFftPlanner;

use crate::missing::{is_whole, mean_of_seen, seen, whole_rows};

/// The series with its spectrum and cross-correlations kept and its phases drawn at random.
///
/// `series: [T, D]`; the same phase is added to every dimension, which keeps their relations. A missing sample (NaN)
/// stands at the mean of its dimension.
///
/// Source: Prichard & Theiler (1994), Phys. Rev. Lett. 73, 951.
pub fn phase_surrogate(rng: &mut impl Rng, series: &DMatrix<f64>) -> DMatrix<f64> {
    let n = series.nrows();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
    let turns: Vec<f64> = (0..n / 2 + 1).map(|_| rng.random_range(0.0..TAU)).collect();
    let mut surrogate = DMatrix::zeros(n, series.ncols());
    for (from, mut to) in series.column_iter().zip(surrogate.column_iter_mut()) {
        let mean = mean_of_seen(from);
        let mut samples: Vec<f64> = from.iter().map(|&x| if x.is_nan() { mean } else { x }).collect();
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut samples, &mut spectrum).expect("buffers have the planned lengths");
        let nyquist = if n.is_multiple_of(2) { Some(n / 2) } else { None };
        for (k, (value, turn)) in spectrum.iter_mut().zip(&turns).enumerate() {
            // A real series has real values at frequency zero and at the Nyquist frequency.
            if k > 0 && Some(k) != nyquist {
                *value *= realfft::num_complex::Complex::from_polar(1.0, *turn);
            }
        }
        inverse.process(&mut spectrum, &mut samples).expect("the spectrum is that of a real series");
        for (to, value) in to.iter_mut().zip(samples) {
            *to = value / n as f64;
        }
    }
    surrogate
}

/// `x_t = c + Σ_k A_k x_{t−k} + ε`, `ε ~ N(0, Σ)`.
///
/// Source: Lütkepohl (2005), New Introduction to Multiple Time Series Analysis, ch. 3 and 4.3.
#[derive(Clone, Debug)]
pub struct VectorAutoregression {
    pub order: usize,
    /// `[1 + order · D, D]`: the constant, then lag 1, lag 2, …
    coefficients: DMatrix<f64>,
    /// Lower Cholesky factor of `Σ`.
    noise: DMatrix<f64>,
    n_equations: usize,
}

/// Of the data's norm: only directions that single precision could not tell from zero are damped.
const RIDGE: f64 = 1e-8;

/// Cholesky factors of a covariance; collinear channels make it singular, and then a ridge of 1e-9 of
/// its mean diagonal decides.
fn factorise(covariance: DMatrix<f64>) -> Option<Cholesky<f64, nalgebra::Dyn>> {
    let n = covariance.nrows();
    let ridge = (1e-9 * covariance.diagonal().mean()).max(f64::MIN_POSITIVE.sqrt());
    Cholesky::new(covariance.clone())
        .or_else(|| Cholesky::new(covariance + DMatrix::from_diagonal_element(n, n, ridge)))
}

impl VectorAutoregression {
    /// Least squares on `series: [T, D]`, over the times that are there with all their past (not NaN). `None` when
    /// there are fewer equations than unknowns.
    pub fn fit(series: &DMatrix<f64>, order: usize) -> Option<Self> {
        Self::fit_with_past(series, order, order)
    }

    /// The same, over the times that are there with `past` samples before them.
    fn fit_with_past(series: &DMatrix<f64>, order: usize, past: usize) -> Option<Self> {
        let (n_times, dim) = series.shape();
        let n_regressors = 1 + order * dim;
        if order == 0 || n_times < order + n_regressors + 1 {
            return None;
        }
        let there = whole_rows(series);
        let times: Vec<usize> = (past..n_times).filter(|&t| there[t - past..=t].iter().all(|&there| there)).collect();
        let n_equations = times.len();
        if n_equations < n_regressors + 1 {
            return None;
        }
        let power: f64 = seen(series).iter().map(|x| x.powi(2)).sum();
        let scale = (power / dim as f64).sqrt().max(f64::MIN_POSITIVE);
        // The last rows are the ridge; the normal equations would square the condition number.
        let design = DMatrix::from_fn(n_equations + n_regressors, n_regressors, |row, column| {
            match (row.checked_sub(n_equations), column) {
                (Some(ridge), _) => {
                    if ridge == column {
                        RIDGE * scale
                    } else {
                        0.0
                    }
                }
                (None, 0) => 1.0,
                (None, _) => series[(times[row] - 1 - (column - 1) / dim, (column - 1) % dim)],
            }
        });
        let targets = series.select_rows(&times);
        let mut rotated = targets.clone().resize_vertically(design.nrows(), 0.0);
        let factors = design.clone().qr();
        factors.q_tr_mul(&mut rotated);
        let coefficients = factors.r().solve_upper_triangular(&rotated.rows(0, n_regressors))?;
        let residuals = targets - design.rows(0, n_equations) * &coefficients;
        let degrees = (n_equations - n_regressors).max(1) as f64;
        let noise = factorise(residuals.tr_mul(&residuals) / degrees)?.unpack();
        Some(Self { order, coefficients, noise, n_equations })
    }

    /// The order in `1..=max_order` with the smallest Bayesian information criterion.
    pub fn fit_by_bic(series: &DMatrix<f64>, max_order: usize) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for order in 1..=max_order {
            // All orders are compared on the same times.
            let Some(candidate) = Self::fit_with_past(series, order, max_order) else { break };
            let n = candidate.n_equations as f64;
            let log_det = 2.0 * candidate.noise.diagonal().iter().map(|v| v.ln()).sum::<f64>();
            let bic = n * log_det + n.ln() * candidate.coefficients.len() as f64;
            if best.as_ref().is_none_or(|(lowest, _)| bic < *lowest) {
                best = Some((bic, candidate));
            }
        }
        match best {
            Some((_, candidate)) => Self::fit(series, candidate.order),
            // Too short for the longest past.
            None => Self::fit(series, 1),
        }
    }

    /// `past`: the last `order` states, oldest first, `[order · D]` → the next state, without noise.
    fn next(&self, past: &[f64]) -> Vec<f64> {
        let dim = self.coefficients.ncols();
        (0..dim)
            .map(|to| {
                let mut sum = self.coefficients[(0, to)];
                for lag in 0..self.order {
                    let state = &past[(self.order - 1 - lag) * dim..][..dim];
                    for (from, value) in state.iter().enumerate() {
                        sum += self.coefficients[(1 + lag * dim + from, to)] * value;
                    }
                }
                sum
            })
            .collect()
    }

    /// `n_times` states with noise, continuing `past: [≥ order, D]` from its last stretch without a gap.
    pub fn simulate(&self, rng: &mut impl Rng, past: &DMatrix<f64>, n_times: usize) -> DMatrix<f64> {
        let dim = self.coefficients.ncols();
        let ends = (self.order..=past.nrows()).rev();
        let whole = |window: &Vec<f64>| is_whole(window);
        let mut window = ends.map(|end| self.window(past, end)).find(whole).expect("it was fitted on such a stretch");
        let mut states = Vec::with_capacity(n_times * dim);
        for _ in 0..n_times {
            let mut next = self.next(&window);
            let draws: Vec<f64> = (0..dim).map(|_| rng.sample(StandardNormal)).collect();
            for (to, value) in next.iter_mut().enumerate() {
                *value += (0..=to).map(|from| self.noise[(to, from)] * draws[from]).sum::<f64>();
            }
            states.extend_from_slice(&next);
            window.drain(..dim);
            window.extend(next);
        }
        DMatrix::from_row_slice(n_times, dim, &states)
    }

    /// Noise-free predictions `steps` ahead for every time of `series` that has its past inside it:
    /// the last `T − order − steps + 1` rows, NaN where a part of that past is missing.
    pub fn predict(&self, series: &DMatrix<f64>, steps: usize) -> Option<DMatrix<f64>> {
        let (n_times, dim) = series.shape();
        let n_predicted = (n_times + 1).checked_sub(self.order + steps).filter(|&n| n > 0)?;
        let mut predictions = Vec::with_capacity(n_predicted * dim);
        for start in 0..n_predicted {
            let mut window = self.window(series, start + self.order);
            for _ in 0..steps {
                let next = self.next(&window);
                window.drain(..dim);
                window.extend(next);
            }
            predictions.extend_from_slice(&window[(self.order - 1) * dim..]);
        }
        Some(DMatrix::from_row_slice(n_predicted, dim, &predictions))
    }

    /// The `order` rows before row `end`, flattened, oldest first.
    fn window(&self, series: &DMatrix<f64>, end: usize) -> Vec<f64> {
        series.rows(end - self.order, self.order).transpose().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::judging::spectral_distance;

    fn oscillation(rng: &mut impl Rng, n: usize) -> DMatrix<f64> {
        let mut states = DMatrix::zeros(n, 2);
        for t in 1..n {
            let (x, y) = (states[(t - 1, 0)], states[(t - 1, 1)]);
            states[(t, 0)] = 0.9 * x - 0.3 * y + rng.sample::<f64, _>(StandardNormal);
            states[(t, 1)] = 0.3 * x + 0.9 * y + 0.5 * rng.sample::<f64, _>(StandardNormal);
        }
        states
    }

    #[test]
    fn least_squares_recovers_the_coefficients_and_the_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let fitted = VectorAutoregression::fit(&oscillation(&mut rng, 20_000), 1).unwrap();
        let expected = [[0.9, 0.3], [-0.3, 0.9]];
        for (from, row) in expected.iter().enumerate() {
            for (to, value) in row.iter().enumerate() {
                assert!((fitted.coefficients[(1 + from, to)] - value).abs() < 0.01);
            }
        }
        assert!((fitted.noise[(0, 0)] - 1.0).abs() < 0.02 && (fitted.noise[(1, 1)] - 0.5).abs() < 0.01);
    }

    #[test]
    fn the_information_criterion_finds_the_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let fitted = VectorAutoregression::fit_by_bic(&oscillation(&mut rng, 3000), 5).unwrap();
        assert_eq!(fitted.order, 1);
    }

    #[test]
    fn predictions_of_a_noise_free_rotation_are_exact() {
        let rotation = DMatrix::from_fn(200, 1, |t, _| (0.3 * t as f64).sin());
        let fitted = VectorAutoregression::fit(&rotation, 2).unwrap();
        let predicted = fitted.predict(&rotation, 5).unwrap();
        let truth = rotation.rows(200 - predicted.nrows(), predicted.nrows());
        assert!((predicted - truth).amax() < 1e-4);
    }

    #[test]
    fn a_surrogate_keeps_spectrum_and_cross_correlation() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let series = oscillation(&mut rng, 2000);
        let surrogate = phase_surrogate(&mut rng, &series);
        assert!(spectral_distance(&series, &surrogate).unwrap() < 1e-6);
        let product = |m: &DMatrix<f64>| m.column(0).dot(&m.column(1)) / 2000.0;
        assert!((product(&series) - product(&surrogate)).abs() < 1e-9);
        assert!((&series - &surrogate).amax() > 0.5);
    }

    #[test]
    fn gaps_cost_equations_and_nothing_else() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut series = oscillation(&mut rng, 20_000);
        (0..20_000).filter(|t| t % 50 == 0).for_each(|t| series[(t, t % 2)] = f64::NAN);
        let fitted = VectorAutoregression::fit(&series, 1).unwrap();
        assert_eq!(fitted.n_equations, 20_000 - 1 - 2 * 400 + 1);
        assert!((fitted.coefficients[(1, 0)] - 0.9).abs() < 0.01);
        let predicted = fitted.predict(&series, 1).unwrap();
        assert!(predicted.row(49).iter().all(|x| !x.is_nan()) && predicted.row(50).iter().all(|x| x.is_nan()));
        assert!(fitted.simulate(&mut rng, &series, 100).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn too_little_data_is_no_model() {
        assert!(VectorAutoregression::fit(&DMatrix::zeros(10, 4), 3).is_none());
    }
}
