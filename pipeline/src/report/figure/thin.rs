//! Fewer points where a screen cannot show more, without losing what the eye would see.

/// A curve with at most about `2 · columns` points: of each column its least and greatest value.
///
/// Peaks survive, as plain striding would not let them.
pub fn thin_curve(x: &[f64], y: &[f64], columns: usize) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    if points.len() <= 2 * columns || columns == 0 {
        return points;
    }
    let per_column = points.len().div_ceil(columns);
    points.chunks(per_column).flat_map(extremes).collect()
}

/// Every k-th point, so that at most `most` remain.
pub fn thin_points<T: Copy>(points: &[T], most: usize) -> Vec<T> {
    let every = points.len().div_ceil(most.max(1)).max(1);
    points.iter().copied().step_by(every).collect()
}

/// The least and the greatest point of a chunk, in the order they came; a gap stays a gap.
fn extremes(chunk: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite = || chunk.iter().enumerate().filter(|(_, (_, y))| y.is_finite());
    let least = finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let greatest = finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
    match (least, greatest) {
        (Some((i, low)), Some((j, high))) if i < j => vec![*low, *high],
        (Some((i, low)), Some((j, high))) if i > j => vec![*high, *low],
        (Some((_, only)), _) => vec![*only],
        _ => chunk.first().copied().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_survives_thinning() {
        let x: Vec<f64> = (0..100_000).map(f64::from).collect();
        let mut y = vec![0.0; x.len()];
        y[54_321] = 7.0;
        let thin = thin_curve(&x, &y, 400);
        assert!(thin.len() <= 800);
        assert!(thin.contains(&(54_321.0, 7.0)));
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn short_curves_stay_as_they_are() {
        assert_eq!(thin_curve(&[0.0, 1.0], &[2.0, f64::NAN], 10).len(), 2);
        assert_eq!(thin_points(&[1, 2, 3], 10), [1, 2, 3]);
        assert_eq!(thin_points(&[1, 2, 3, 4, 5], 3), [1, 3, 5]);
    }
}
