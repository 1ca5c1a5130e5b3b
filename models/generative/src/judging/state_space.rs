//! `D_stsp`: do free simulations visit the same states, equally often?

use nalgebra::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::JudgePlan;
use crate::missing::whole_rows;

/// Dimensions up to which states are binned.
const MAX_BINNED_DIM: usize = 5;
/// Fewer states than this leave nearly all bins with one visit or none, and the divergence between two
/// halves of one recording is then as large as that to a constant.
const MIN_BINNED_TIMES: usize = 5_000;

/// Kullback–Leibler divergence of the distribution of states, truth against generated, in nats.
///
/// `truth`, `generated`: `[T, D]`. Up to five dimensions by bins; above, and for short recordings, by
/// Gaussian mixtures: of unit width above five dimensions as published, below as wide as Scott's rule
/// says, `T^(−1/(D + 4))` standard deviations.
/// It knows nothing of time: a shuffle of the truth scores 0. States of which a part is missing (NaN) are left out, and
/// so is a dimension in which the truth does not move, which has no scale. `None` when there are no finite states to
/// compare.
///
/// Source: Koppe et al. (2019), PLoS Comput. Biol. 15, e1007263; Brenner et al. (2022), ICML.
pub fn state_space_divergence(
    rng: &mut impl Rng,
    truth: &DMatrix<f64>,
    generated: &DMatrix<f64>,
    plan: &JudgePlan,
) -> Option<f64> {
    let (truth, generated) = (complete_rows(truth), complete_rows(generated));
    let moving: Vec<usize> = (0..truth.ncols().min(generated.ncols())).filter(|&d| moves(&truth, d)).collect();
    let same_width = truth.ncols() == generated.ncols();
    let (truth, generated) = (&truth.select_columns(&moving), &generated.select_columns(&moving));
    let comparable = truth.nrows() > 1
        && generated.nrows() > 0
        && same_width
        && !moving.is_empty()
        && truth.iter().chain(generated.iter()).all(|value| value.is_finite());
    if !comparable {
        return None;
    }
    let (n_times, dim) = truth.shape();
    Some(if dim > MAX_BINNED_DIM {
        mixture_divergence(rng, truth, generated, 1.0, plan.mixture_samples)
    } else if n_times < MIN_BINNED_TIMES {
        let spread = truth.row_variance().mean().sqrt();
        let width = spread * (n_times as f64).powf(-1.0 / (dim as f64 + 4.0));
        mixture_divergence(rng, truth, generated, width, plan.mixture_samples)
    } else {
        binned_divergence(truth, generated, plan.bins)
    })
}

fn moves(states: &DMatrix<f64>, dimension: usize) -> bool {
    states.column(dimension).iter().any(|&value| value != states[(0, dimension)])
}

fn complete_rows(states: &DMatrix<f64>) -> DMatrix<f64> {
    let whole = whole_rows(states);
    let complete: Vec<usize> = (0..states.nrows()).filter(|&t| whole[t]).collect();
    if complete.len() == states.nrows() { states.clone() } else { states.select_rows(&complete) }
}

/// Pseudo-count added to every bin.
const LAPLACE: f64 = 1e-5;

/// `Σ_k p_k ln(p_k / q_k)` over `bins^D` equal bins between `min − 0.1 sd` and `max + 0.1 sd` of the
/// truth, Laplace-smoothed; generated states outside that box are not counted.
///
/// Only occupied bins are stored, so five dimensions of thirty bins cost no more memory than the data.
pub fn binned_divergence(truth: &DMatrix<f64>, generated: &DMatrix<f64>, bins: usize) -> f64 {
    let edges: Vec<(f64, f64)> = truth
        .column_iter()
        .map(|column| {
            let margin = 0.1 * column.variance().sqrt();
            (column.min() - margin, column.max() + margin)
        })
        .collect();
    let (truth, generated) = (occupied(truth, &edges, bins), occupied(generated, &edges, bins));
    let n_bins = (bins as f64).powi(edges.len() as i32);
    let probability = |count: u64, total: u64| (count as f64 + LAPLACE) / (total as f64 + LAPLACE * n_bins);
    let term = |p: u64, q: u64| {
        let p = probability(p, truth.total);
        p * (p / probability(q, generated.total)).ln()
    };
    let mut divergence = 0.0;
    let mut n_visited = 0.0;
    let (mut left, mut right) = (truth.counts.iter().peekable(), generated.counts.iter().peekable());
    loop {
        // Two sorted lists, walked side by side.
        let (p, q) = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(&&(bin, count)), other) if other.is_none_or(|&&(next, _)| bin < next) => {
                left.next();
                (count, 0)
            }
            (other, Some(&&(bin, count))) if other.is_none_or(|&&(next, _)| bin < next) => {
                right.next();
                (0, count)
            }
            _ => {
                let both = left.next().zip(right.next());
                both.map_or((0, 0), |(p, q)| (p.1, q.1))
            }
        };
        divergence += term(p, q);
        n_visited += 1.0;
    }
    divergence + (n_bins - n_visited) * term(0, 0)
}

struct Occupied {
    /// (bin, visits), sorted by bin.
    counts: Vec<(u64, u64)>,
    total: u64,
}

fn occupied(states: &DMatrix<f64>, edges: &[(f64, f64)], bins: usize) -> Occupied {
    let mut visits: Vec<u64> = states
        .row_iter()
        .filter_map(|state| {
            state.iter().zip(edges).try_fold(0u64, |index, (&value, &(low, high))| {
                let position = ((value - low) / (high - low) * bins as f64).floor();
                let inside = position >= 0.0 && position < bins as f64;
                inside.then(|| index * bins as u64 + position as u64)
            })
        })
        .collect();
    visits.sort_unstable();
    let total = visits.len() as u64;
    let mut counts: Vec<(u64, u64)> = Vec::new();
    for bin in visits {
        match counts.last_mut() {
            Some((last, count)) if *last == bin => *count += 1,
            _ => counts.push((bin, 1)),
        }
    }
    Occupied { counts, total }
}

/// Centres of a mixture beyond this number are thinned evenly: the cost is samples × centres × D.
const MAX_CENTRES: usize = 20_000;

/// Monte Carlo estimate of `E_p[ln p − ln q]`, both mixtures of Gaussians of standard deviation
/// `width` on the states.
///
/// Log-sum-exp in f64 is exact however far a sample lies from the other mixture; in f32 most such
/// samples underflow and are lost. The estimate has a standard error of a few percent at 1,000 samples.
pub fn mixture_divergence(
    rng: &mut impl Rng,
    truth: &DMatrix<f64>,
    generated: &DMatrix<f64>,
    width: f64,
    n_samples: usize,
) -> f64 {
    let (p, q) = (Centres::of(truth, width), Centres::of(generated, width));
    let dim = truth.ncols();
    let mut sample = vec![0.0; dim];
    let mut sum = 0.0;
    for _ in 0..n_samples {
        let centre = rng.random_range(0..truth.nrows());
        for (i, value) in sample.iter_mut().enumerate() {
            *value = truth[(centre, i)] + width * rng.sample::<f64, _>(StandardNormal);
        }
        sum += p.log_density(&sample) - q.log_density(&sample);
    }
    sum / n_samples as f64
}

struct Centres {
    /// `[n, D]`, row-major.
    rows: Vec<f64>,
    dim: usize,
    width: f64,
}

impl Centres {
    fn of(states: &DMatrix<f64>, width: f64) -> Self {
        let stride = states.nrows().div_ceil(MAX_CENTRES);
        let rows = states.row_iter().step_by(stride).flat_map(|row| row.iter().copied().collect::<Vec<_>>());
        Self { rows: rows.collect(), dim: states.ncols(), width }
    }

    /// Up to the constant both mixtures share.
    fn log_density(&self, at: &[f64]) -> f64 {
        let exponents: Vec<f64> = self
            .rows
            .chunks_exact(self.dim)
            .map(|centre| -0.5 / self.width.powi(2) * centre.iter().zip(at).map(|(c, x)| (c - x).powi(2)).sum::<f64>())
            .collect();
        let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = exponents.iter().map(|e| (e - largest).exp()).sum();
        largest + sum.ln() - (exponents.len() as f64).ln()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn gaussian(seed: u64, n: usize, dim: usize, mean: f64) -> DMatrix<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        DMatrix::from_fn(n, dim, |_, _| mean + rng.sample::<f64, _>(StandardNormal))
    }

    #[test]
    fn a_shuffle_is_at_distance_zero() {
        let truth = gaussian(1, 500, 3, 0.0);
        let mut order: Vec<usize> = (0..500).collect();
        order.reverse();
        let shuffled = truth.select_rows(&order);
        assert!(binned_divergence(&truth, &shuffled, 30).abs() < 1e-12);
    }

    /// Two bins, worked out by hand: p = (3/4, 1/4), q = (1/4, 3/4) up to the pseudo-count.
    #[test]
    fn two_bins_agree_with_the_formula() {
        let truth = DMatrix::from_column_slice(4, 1, &[0.0, 0.0, 0.0, 1.0]);
        let generated = DMatrix::from_column_slice(4, 1, &[0.0, 1.0, 1.0, 1.0]);
        let expected = 0.75 * 3f64.ln() + 0.25 * (1.0f64 / 3.0).ln();
        assert!((binned_divergence(&truth, &generated, 2) - expected).abs() < 1e-4);
    }

    /// Between unit-covariance mixtures on N(0, I) and N(μ, I) data the divergence tends to that of
    /// N(0, 2 I) from N(μ, 2 I): |μ|² / 4.
    #[test]
    fn a_shifted_gaussian_is_a_quarter_of_the_squared_shift_away() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (truth, shifted) = (gaussian(1, 4000, 2, 0.0), gaussian(2, 4000, 2, 1.5));
        let found = mixture_divergence(&mut rng, &truth, &shifted, 1.0, 4000);
        let expected = 2.0 * 1.5f64.powi(2) / 4.0;
        assert!((found - expected).abs() < 0.1, "{found} against {expected}");
    }

    /// A channel that was flat in the held-out part says nothing, and hides nothing of the others.
    #[test]
    fn a_dimension_without_movement_has_no_say() {
        let plan = JudgePlan::default();
        for n in [400, 6000] {
            let with = |flat: f64, states: &DMatrix<f64>| states.clone().insert_column(1, flat);
            let (truth, other) = (gaussian(1, n, 2, 0.0), gaussian(2, n, 2, 1.5));
            let divergence = |truth: &DMatrix<f64>, generated: &DMatrix<f64>| {
                state_space_divergence(&mut ChaCha8Rng::seed_from_u64(3), truth, generated, &plan)
            };
            let expected = divergence(&truth, &other).unwrap();
            assert!(expected > 0.3);
            assert_eq!(divergence(&with(0.7, &truth), &with(0.9, &other)), Some(expected));
            assert_eq!(divergence(&DMatrix::from_element(n, 2, 1.0), &other), None);
        }
    }

    #[test]
    fn a_far_away_mixture_keeps_its_distance() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (truth, far) = (gaussian(1, 200, 8, 0.0), gaussian(2, 200, 8, 40.0));
        let found = mixture_divergence(&mut rng, &truth, &far, 1.0, 200);
        assert!(found > 1000.0 && found.is_finite(), "{found}");
    }
}
