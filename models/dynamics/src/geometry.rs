//! Lengths of plain vectors.

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

pub(crate) fn is_finite(z: &[f64]) -> bool {
    z.iter().all(|x| x.is_finite())
}

/// Whether two points are one to within `merge_distance`, relative to how far they lie from the origin.
pub(crate) fn coincide(a: &[f64], b: &[f64], merge_distance: f64, smallest_scale: f64) -> bool {
    distance(a, b) <= merge_distance * norm(a).max(norm(b)).max(smallest_scale)
}
