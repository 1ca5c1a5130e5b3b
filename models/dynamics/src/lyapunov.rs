use nalgebra::DMatrix;
use thiserror::Error;

use crate::geometry::{dot, is_finite, norm};
use crate::map::Map;
use crate::vectorised::{add_columns, dot_four, vectorised};

/// How to measure Lyapunov exponents.
#[derive(Debug, Clone, PartialEq)]
pub struct LyapunovPlan {
    /// Steps discarded before measuring, so that the orbit is on its attractor.
    pub transient: usize,
    /// Steps measured; the error falls as one over their number, or its square root under chaos.
    pub steps: usize,
    /// The leading exponents wanted; at most `M` are returned.
    pub n_exponents: usize,
    /// Steps between two orthonormalisations; 1 is safe, 10 is faster where no direction grows a million-fold.
    pub renormalise_every: usize,
}

/// Why an orbit has no exponents.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LyapunovError {
    #[error("need a finite start of length {dim}, found {found}")]
    InvalidStart { dim: usize, found: String },
    #[error("need at least two steps, one exponent and a positive renormalisation interval")]
    EmptyPlan,
    #[error("the orbit left the range of f64 at step {step}")]
    Diverged { step: usize },
    #[error("tangent vectors overflowed before step {step}: renormalise more often")]
    TangentOverflow { step: usize },
}

/// A measured number and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub standard_error: f64,
}

/// Exponents with the means to judge them.
#[derive(Debug, Clone, PartialEq)]
pub struct LyapunovSpectrum {
    /// Nats per step, largest first.
    pub exponents: Vec<f64>,
    /// Of each exponent, from the scatter of up to twenty batches of the orbit. Zero for exponents of `−∞`.
    ///
    /// Honest where batches are longer than the memory of the orbit; for regular motion, where the error falls as one over
    /// the steps, it is pessimistic.
    pub standard_errors: Vec<f64>,
    /// The exponents from the first and from the second half of the orbit alone.
    pub halves: [Vec<f64>; 2],
    /// [`kaplan_yorke_dimension`] of the exponents, its error propagated from the same batches to first order.
    pub kaplan_yorke: Option<Estimate>,
}

/// Lyapunov exponents of `map` along the orbit of `start`, in nats per step, largest first.
///
/// Evolves an orthonormal frame and averages `ln |Rᵢᵢ|` of its QR steps. Needs an orbit on its attractor: a
/// transient biases every exponent. A direction that a derivative of zero destroys has the exponent `−∞`.
/// Costs `O(steps · k · (cost of DF + M k))` for `k` exponents.
///
/// Source: Benettin et al. (1980), Meccanica 15, 9–20 and 21–30.
pub fn lyapunov_exponents(map: &dyn Map, start: &[f64], plan: &LyapunovPlan) -> Result<Vec<f64>, LyapunovError> {
    lyapunov_spectrum(map, start, plan).map(|spectrum| spectrum.exponents)
}

/// As [`lyapunov_exponents`], with standard errors by batch means and both halves of the orbit: where the halves disagree by
/// more than the errors say, the exponents are not settled. Costs the same.
///
/// Source of the errors: Flegal & Jones (2010), Ann. Stat. 38, 1034–1070 (batch means).
pub fn lyapunov_spectrum(map: &dyn Map, start: &[f64], plan: &LyapunovPlan) -> Result<LyapunovSpectrum, LyapunovError> {
    let dim = map.dim();
    if start.len() != dim || !is_finite(start) {
        let found =
            if start.len() == dim { "a value that is not finite".into() } else { format!("length {}", start.len()) };
        return Err(LyapunovError::InvalidStart { dim, found });
    }
    if plan.steps < 2 || plan.n_exponents == 0 || plan.renormalise_every == 0 || dim == 0 {
        return Err(LyapunovError::EmptyPlan);
    }
    let mut z = map.iterate(start, plan.transient);
    if !is_finite(&z) {
        return Err(LyapunovError::Diverged { step: plan.transient });
    }
    let n_exponents = plan.n_exponents.min(dim);
    let mut frame = generic_frame(dim, n_exponents);
    let mut image = frame.clone();
    let mut next = vec![0.0; dim];
    let mut batches = Vec::new();
    let mut done = 0;
    for steps in batch_lengths(plan.steps) {
        let mut growth = vec![0.0; n_exponents];
        for t in 1..=steps {
            map.push_forward(&z, frame.as_view(), &mut image);
            std::mem::swap(&mut frame, &mut image);
            map.step(&z, &mut next);
            std::mem::swap(&mut z, &mut next);
            done += 1;
            // A batch ends orthonormal, so that its growth is its own.
            if t % plan.renormalise_every == 0 || t == steps {
                if !is_finite(&z) {
                    return Err(LyapunovError::Diverged { step: plan.transient + done });
                }
                if !is_finite(frame.as_slice()) {
                    return Err(LyapunovError::TangentOverflow { step: plan.transient + done });
                }
                orthonormalise(&mut frame, &mut growth);
            }
        }
        batches.push(Batch { steps, growth });
    }
    Ok(summarise(&batches))
}

/// Batches of an orbit for its standard errors; even, so that each half has its own.
const BATCHES: usize = 20;

/// What a stretch of orbit did to the frame: `Σ ln |Rᵢᵢ|`.
struct Batch {
    steps: usize,
    growth: Vec<f64>,
}

impl Batch {
    fn rate(&self, i: usize) -> f64 {
        self.growth[i] / self.steps as f64
    }
}

/// Two halves that differ by one step at most, each in batches that do.
fn batch_lengths(steps: usize) -> impl Iterator<Item = usize> {
    let halves = [steps / 2, steps - steps / 2];
    let per_half = (BATCHES / 2).min(halves[0]);
    halves.into_iter().flat_map(move |half| (0..per_half).map(move |b| half * (b + 1) / per_half - half * b / per_half))
}

fn summarise(batches: &[Batch]) -> LyapunovSpectrum {
    let mean_rates = |batches: &[Batch]| -> Vec<f64> {
        let steps: usize = batches.iter().map(|batch| batch.steps).sum();
        let n_exponents = batches[0].growth.len();
        (0..n_exponents).map(|i| batches.iter().map(|batch| batch.growth[i]).sum::<f64>() / steps as f64).collect()
    };
    let rates = mean_rates(batches);
    let mut order: Vec<usize> = (0..rates.len()).collect();
    order.sort_by(|&i, &j| rates[j].total_cmp(&rates[i]));
    let exponents: Vec<f64> = order.iter().map(|&i| rates[i]).collect();
    let standard_errors = order
        .iter()
        .map(|&i| if rates[i].is_finite() { standard_error(batches.iter().map(|batch| batch.rate(i))) } else { 0.0 })
        .collect();
    let kaplan_yorke = kaplan_yorke_dimension(&exponents).map(|value| {
        let errors = batches.iter().map(|batch| dimension_error(&exponents, |i| batch.rate(order[i])));
        Estimate { value, standard_error: standard_error(errors) }
    });
    let descending = |mut values: Vec<f64>| {
        values.sort_by(|a, b| b.total_cmp(a));
        values
    };
    let (first, second) = batches.split_at(batches.len() / 2);
    let halves = [descending(mean_rates(first)), descending(mean_rates(second))];
    LyapunovSpectrum { exponents, standard_errors, halves, kaplan_yorke }
}

/// First-order change of the Kaplan–Yorke dimension from the mean exponents to those of one batch.
fn dimension_error(exponents: &[f64], batch_rate: impl Fn(usize) -> f64) -> f64 {
    let mut sum = 0.0;
    let mut sum_error = 0.0;
    for (j, &exponent) in exponents.iter().enumerate() {
        let error = batch_rate(j) - exponent;
        if sum + exponent < 0.0 {
            // A direction destroyed at once leaves a whole dimension, without error.
            return if exponent.is_finite() {
                sum_error / exponent.abs() + sum * error / exponent.powi(2)
            } else {
                0.0
            };
        }
        sum += exponent;
        sum_error += error;
    }
    0.0
}

/// Of the mean of `values`.
fn standard_error(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (variance / n).sqrt()
}

/// Kaplan–Yorke dimension of an attractor: `j + Σ_{i ≤ j} λᵢ / |λ_{j+1}|`, with `j` the last index at which the sum of the
/// exponents is not negative.
///
/// An estimate of the information dimension, which it bounds from above where the two are not equal. `exponents` in descending
/// order, in any unit of inverse time; errors of the last one that counts matter most. `None` where the exponents given never
/// sum to less than zero: then more of them are needed. Costs one sum.
///
/// Source: Kaplan & Yorke (1979), Lect. Notes Math. 730, 204–227.
pub fn kaplan_yorke_dimension(exponents: &[f64]) -> Option<f64> {
    let mut sum = 0.0;
    for (j, &exponent) in exponents.iter().enumerate() {
        if sum + exponent < 0.0 {
            return Some(j as f64 + sum / exponent.abs());
        }
        sum += exponent;
    }
    None
}

/// Gram–Schmidt on the columns in place; adds `ln` of each remaining length to `growth`.
fn orthonormalise(frame: &mut DMatrix<f64>, growth: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || {
            let dim = frame.nrows();
            for (k, growth) in growth.iter_mut().enumerate() {
                let (earlier, rest) = frame.as_mut_slice().split_at_mut(k * dim);
                let column = &mut rest[..dim];
                let before = norm(column);
                project_out(column, earlier);
                let mut length = norm(column);
                // Where much cancelled, rounding left something of the others; a second pass is always enough.
                if length < 0.5 * before {
                    project_out(column, earlier);
                    length = norm(column);
                }
                // What is left after subtracting parallel vectors is rounding, not growth.
                if length > 1e-14 * before && length > 0.0 {
                    *growth += length.ln();
                    column.iter_mut().for_each(|x| *x /= length);
                } else {
                    *growth = f64::NEG_INFINITY;
                    fresh_direction(column, earlier);
                }
            }
        },
    );
}

#[inline(always)]
fn project_out(column: &mut [f64], earlier: &[f64]) {
    let dim = column.len();
    let by_four = earlier.chunks_exact(4 * dim);
    for axis in by_four.remainder().chunks_exact(dim) {
        let along = dot(column, axis);
        column.iter_mut().zip(axis).for_each(|(x, a)| *x -= along * a);
    }
    for axes in by_four {
        let along = dot_four(column, axes).map(|x| -x);
        add_columns(column, &along, axes);
    }
}

/// Any direction orthogonal to the earlier ones: the frame must stay full for the next step.
fn fresh_direction(column: &mut [f64], earlier: &[f64]) {
    let dim = column.len();
    for axis in 0..dim {
        column.fill(0.0);
        column[axis] = 1.0;
        project_out(column, earlier);
        project_out(column, earlier);
        let length = norm(column);
        // One of the axes keeps at least this much: the earlier ones span fewer than `dim` dimensions.
        if length * length >= 0.5 / dim as f64 {
            column.iter_mut().for_each(|x| *x /= length);
            return;
        }
    }
}

/// Orthonormal columns aligned with no axis, so that no invariant subspace of a tidy map traps them.
fn generic_frame(dim: usize, columns: usize) -> DMatrix<f64> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut frame = DMatrix::from_fn(dim, columns, |i, j| {
        let phase = ((i * columns + j + 1) as f64 * GOLDEN).fract();
        phase - 0.5 + if i == j { 1.0 } else { 0.0 }
    });
    orthonormalise(&mut frame, &mut vec![0.0; columns]);
    frame
}
