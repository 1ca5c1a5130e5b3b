//! Means and spreads, computed in two passes so that a large mean does not cost the small digits.

/// Spread below this share of the largest value is rounding, not variation.
const ROUNDING: f64 = 1e-12;

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared deviations from the mean.
pub(super) fn squared_deviations(values: &[f64]) -> f64 {
    let center = mean(values);
    values.iter().map(|v| (v - center).powi(2)).sum()
}

/// Sample standard deviation, with `n − 1` below the sum.
pub(super) fn standard_deviation(values: &[f64]) -> f64 {
    (squared_deviations(values) / (values.len() as f64 - 1.0)).sqrt()
}

/// The values less their mean.
pub(super) fn centered(values: &[f64]) -> Vec<f64> {
    let center = mean(values);
    values.iter().map(|v| v - center).collect()
}

/// Whether the values carry no usable variation: none at all, only rounding, or an overflow.
pub(super) fn is_constant(values: &[f64]) -> bool {
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let spread = squared_deviations(values).sqrt();
    !spread.is_finite() || spread <= ROUNDING * largest
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_not_variation() {
        assert!(is_constant(&[0.1, 0.1, 0.1]));
        assert!(is_constant(&[1.0, 1.0 + 1e-15, 1.0]));
        assert!(is_constant(&[0.0, 0.0]));
        assert!(!is_constant(&[1e-30, 2e-30]));
    }

    #[test]
    fn an_overflow_is_no_usable_variation() {
        assert!(is_constant(&[1e300, -1e300, 0.0]));
    }
}
