use nalgebra::DMatrix;
use thiserror::Error;

use crate::geometry::{dot, is_finite, norm};
use crate::map::Map;

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

/// Exponents with the means to judge them.
#[derive(Debug, Clone, PartialEq)]
pub struct LyapunovSpectrum {
    /// Nats per step, largest first.
    pub exponents: Vec<f64>,
    /// The same from the first and from the second half of the orbit alone.
    pub halves: [Vec<f64>; 2],
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

/// As [`lyapunov_exponents`], with both halves of the orbit: where they disagree, the exponents are not settled.
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
    let mut growth = [vec![0.0; n_exponents], vec![0.0; n_exponents]];
    let lengths = [plan.steps / 2, plan.steps - plan.steps / 2];
    let mut done = 0;
    for (half, &length) in lengths.iter().enumerate() {
        for t in 1..=length {
            map.push_forward(&z, frame.as_view(), &mut image);
            std::mem::swap(&mut frame, &mut image);
            map.step(&z, &mut next);
            std::mem::swap(&mut z, &mut next);
            done += 1;
            // A half ends orthonormal, so that its growth is its own.
            if t % plan.renormalise_every == 0 || t == length {
                if !is_finite(&z) {
                    return Err(LyapunovError::Diverged { step: plan.transient + done });
                }
                if !is_finite(frame.as_slice()) {
                    return Err(LyapunovError::TangentOverflow { step: plan.transient + done });
                }
                orthonormalise(&mut frame, &mut growth[half]);
            }
        }
    }
    let descending = |mut values: Vec<f64>| {
        values.sort_by(|a, b| b.total_cmp(a));
        values
    };
    let average = |growth: &[f64], steps: usize| growth.iter().map(|g| g / steps as f64).collect();
    let total: Vec<f64> = growth[0].iter().zip(&growth[1]).map(|(a, b)| a + b).collect();
    Ok(LyapunovSpectrum {
        exponents: descending(average(&total, plan.steps)),
        halves: [descending(average(&growth[0], lengths[0])), descending(average(&growth[1], lengths[1]))],
    })
}

/// Kaplan–Yorke dimension of an attractor: `j + Σ_{i ≤ j} λᵢ / |λ_{j+1}|`, with `j` the last index at which the sum of the
/// exponents is not negative.
///
/// An estimate of the information dimension. `None` where the exponents given never sum to less than zero:
/// then more of them are needed.
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

/// Gram–Schmidt on the columns in place, twice for accuracy; adds `ln` of each remaining length to `growth`.
fn orthonormalise(frame: &mut DMatrix<f64>, growth: &mut [f64]) {
    let dim = frame.nrows();
    for (k, growth) in growth.iter_mut().enumerate() {
        let (earlier, rest) = frame.as_mut_slice().split_at_mut(k * dim);
        let column = &mut rest[..dim];
        let before = norm(column);
        project_out(column, earlier);
        project_out(column, earlier);
        let length = norm(column);
        // What is left after subtracting parallel vectors is rounding, not growth.
        if length > 1e-14 * before && length > 0.0 {
            *growth += length.ln();
            column.iter_mut().for_each(|x| *x /= length);
        } else {
            *growth = f64::NEG_INFINITY;
            fresh_direction(column, earlier);
        }
    }
}

fn project_out(column: &mut [f64], earlier: &[f64]) {
    for axis in earlier.chunks_exact(column.len()) {
        let along = dot(column, axis);
        column.iter_mut().zip(axis).for_each(|(x, a)| *x -= along * a);
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
