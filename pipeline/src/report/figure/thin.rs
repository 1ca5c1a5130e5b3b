//! Fewer points where a screen cannot show more, without losing what the eye would see.

/// A curve in pixels with, of each column of half a pixel, only its highest and lowest point.
///
/// Peaks survive, as plain striding would not let them; a gap stays a gap.
pub fn thin_curve(pixels: impl IntoIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let pixels: Vec<(f64, f64)> = pixels.into_iter().collect();
    let column = |x: f64| (2.0 * x).floor();
    pixels.chunk_by(|(a, _), (b, _)| column(*a) == column(*b)).flat_map(extremes).collect()
}

/// Every k-th point, so that at most `most` remain.
pub fn thin_points<T: Copy>(points: &[T], most: usize) -> Vec<T> {
    let every = points.len().div_ceil(most.max(1)).max(1);
    points.iter().copied().step_by(every).collect()
}

/// The least and the greatest point of a column, in the order they came.
fn extremes(column: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite = || column.iter().enumerate().filter(|(_, (_, y))| y.is_finite());
    let least = finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let greatest = finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
    match (least, greatest) {
        (Some((i, low)), Some((j, high))) if i < j => vec![*low, *high],
        (Some((i, low)), Some((j, high))) if i > j => vec![*high, *low],
        (Some((_, only)), _) => vec![*only],
        _ => column.first().copied().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_survives_thinning() {
        let peak = |t: i32| if t == 54_321 { 7.0 } else { 0.0 };
        let thin = thin_curve((0..100_000).map(|t| (f64::from(t) / 250.0, peak(t))));
        assert!(thin.len() <= 1600);
        assert!(thin.contains(&(54_321.0 / 250.0, 7.0)));
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn what_is_sparse_or_broken_stays() {
        let broken = [(0.0, 1.0), (1.0, 2.0), (f64::NAN, f64::NAN), (3.0, 4.0)];
        let thin = thin_curve(broken);
        assert_eq!(thin.len(), 4);
        assert!(thin[2].0.is_nan());
        assert_eq!(thin_points(&[1, 2, 3], 10), [1, 2, 3]);
        assert_eq!(thin_points(&[1, 2, 3, 4, 5], 3), [1, 3, 5]);
    }
}
