//! Lengths of plain vectors.

/// `Σ aᵢ bᵢ` in four interleaved sums: one sum would wait for each addition before the next.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[inline(always)]
pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[inline(always)]
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    squared(a, b).sqrt()
}

/// `|a − b|²`.
#[inline(always)]
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..4 {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

pub(crate) fn is_finite(z: &[f64]) -> bool {
    z.iter().all(|x| x.is_finite())
}

/// Whether two points are one to within `merge_distance`, relative to how far they lie from the origin.
pub(crate) fn coincide(a: &[f64], b: &[f64], merge_distance: f64, smallest_scale: f64) -> bool {
    distance(a, b) <= merge_distance * norm(a).max(norm(b)).max(smallest_scale)
}

/// By the first coordinate, where that is equal by the second, and so on.
pub(crate) fn lexicographic(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
