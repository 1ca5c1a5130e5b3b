//! Location and spread that a few wild values do not move.

/// Median of the finite values; NaN where there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// `1.4826 · median |x − median x|`, which is the standard deviation where the values are Gaussian.
///
/// Source: Hampel (1974), J. Am. Stat. Assoc. 69, 383–393.
pub fn robust_sd(values: &[f64]) -> f64 {
    let centre = median(values.iter().copied());
    1.4826 * median(values.iter().map(|value| (value - centre).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_changes_little() {
        assert_eq!(median([3.0, 1.0, 2.0, f64::NAN]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
        assert_eq!(robust_sd(&[1.0, 2.0, 3.0, 4.0, 1e9]), 1.4826);
    }
}
