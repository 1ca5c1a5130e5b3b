use nalgebra::DMatrix;
use thiserror::Error;

use crate::assignment::cheapest_assignment;

/// Why two lists of attractors cannot be matched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MatchError {
    #[error(
        "need attractors with at least one point of one length, found point {point} of length {found} beside {expected}"
    )]
    Shape { point: usize, expected: usize, found: usize },
    #[error("attractor {index} has no points")]
    Empty { index: usize },
    #[error("a point holds a value that is not finite")]
    NotFinite,
    #[error("need a positive largest distance, found {0}")]
    LargestDistance(String),
}

/// Which attractors of two models are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// `(left, right, distance)`, in the order of the left ones.
    pub pairs: Vec<(usize, usize, f64)>,
    /// Attractors without a counterpart within the largest distance.
    pub only_left: Vec<usize>,
    pub only_right: Vec<usize>,
}

/// Pairs the attractors of two models by where they lie in a space that both observe: `left, right: [attractor][point][N]`.
///
/// Each attractor is a cloud of points, equally weighted (the `sample` of an `Attractor` seen through its model's
/// observation). The pairing has the least sum of [`wasserstein_distance`]s, where leaving two attractors without a
/// counterpart costs `largest_distance`: a pair further apart than that is no pair.
///
/// Misleads where the observation hides what tells two attractors apart, and where one model visits the same states in another
/// order: the distance knows sets and densities, not motion. Costs `O(n³)` for clouds of `n` points and each pair of attractors.
///
/// Source: matching by distance and threshold as in Datseris, Rossi & Wagemakers (2023), Chaos 33, 073151.
pub fn match_attractors(
    left: &[Vec<Vec<f64>>],
    right: &[Vec<Vec<f64>>],
    largest_distance: f64,
) -> Result<Matching, MatchError> {
    if !(largest_distance > 0.0 && largest_distance.is_finite()) {
        return Err(MatchError::LargestDistance(largest_distance.to_string()));
    }
    let (n, m) = (left.len(), right.len());
    let mut distances = DMatrix::zeros(n, m);
    for (i, a) in left.iter().enumerate() {
        for (j, b) in right.iter().enumerate() {
            distances[(i, j)] = wasserstein_distance(a, b).map_err(|error| match error {
                MatchError::Empty { .. } => MatchError::Empty { index: if a.is_empty() { i } else { j } },
                error => error,
            })?;
        }
    }
    // Beside the attractors stand as many places for "no counterpart".
    let costs = DMatrix::from_fn(n + m, n + m, |i, j| match (i < n, j < m) {
        (true, true) => distances[(i, j)].min(largest_distance),
        (false, false) => 0.0,
        _ => largest_distance / 2.0,
    });
    let mut matching = Matching { pairs: Vec::new(), only_left: Vec::new(), only_right: (0..m).collect() };
    for (i, &j) in cheapest_assignment(&costs).iter().enumerate().take(n) {
        if j < m && distances[(i, j)] < largest_distance {
            matching.pairs.push((i, j, distances[(i, j)]));
            matching.only_right.retain(|&other| other != j);
        } else {
            matching.only_left.push(i);
        }
    }
    Ok(matching)
}

/// Points that each cloud is reduced to, evenly along it, where the two have different numbers.
const COMMON_POINTS: usize = 120;

/// The 2-Wasserstein distance between two clouds of equally weighted points, `[point][N]`, in the unit of the points:
/// `min_π (Σ |aᵢ − b_{π(i)}|² / n)^½`.
///
/// Exact for clouds of equally many points, and where one is a single point; otherwise both are first reduced, or repeated, to
/// 120 points evenly along their order, which keeps the clouds of orbits to within the spacing of their points.
///
/// Source: Villani (2009), Optimal Transport; the assignment by Jonker & Volgenant (1987), Computing 38, 325–340.
pub fn wasserstein_distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> Result<f64, MatchError> {
    let expected = a.first().or(b.first()).map_or(0, Vec::len);
    for (point, z) in a.iter().chain(b).enumerate() {
        if z.len() != expected {
            return Err(MatchError::Shape { point, expected, found: z.len() });
        }
        if z.iter().any(|x| !x.is_finite()) {
            return Err(MatchError::NotFinite);
        }
    }
    if a.is_empty() || b.is_empty() {
        return Err(MatchError::Empty { index: usize::from(!a.is_empty()) });
    }
    let squared = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    if let [point] = a {
        return Ok((b.iter().map(|z| squared(z, point)).sum::<f64>() / b.len() as f64).sqrt());
    }
    if b.len() == 1 {
        return wasserstein_distance(b, a);
    }
    let n = if a.len() == b.len() { a.len() } else { COMMON_POINTS };
    let place = |cloud: &[Vec<f64>], i: usize| i * cloud.len() / n;
    let costs = DMatrix::from_fn(n, n, |i, j| squared(&a[place(a, i)], &b[place(b, j)]));
    let pairing = cheapest_assignment(&costs);
    let total: f64 = pairing.iter().enumerate().map(|(i, &j)| costs[(i, j)]).sum();
    Ok((total / n as f64).max(0.0).sqrt())
}
