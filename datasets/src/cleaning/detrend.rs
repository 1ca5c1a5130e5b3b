//! Slow drift, taken as a straight line.

/// Subtracts the least-squares line from `x`, in place, as scipy's `detrend`. Missing values (NaN) have no say and
/// stay missing. Two values or fewer become zero.
pub fn subtract_line(x: &mut [f64]) {
    let present = || x.iter().enumerate().filter(|(_, value)| value.is_finite()).map(|(t, &value)| (t as f64, value));
    let n = present().count() as f64;
    let middle = present().map(|(t, _)| t).sum::<f64>() / n;
    let mean = present().map(|(_, value)| value).sum::<f64>() / n;
    let covariance: f64 = present().map(|(t, value)| (t - middle) * (value - mean)).sum();
    let variance: f64 = present().map(|(t, _)| (t - middle).powi(2)).sum();
    let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
    for (t, value) in x.iter_mut().enumerate() {
        *value -= mean + slope * (t as f64 - middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: SciPy 1.17, `scipy.signal.detrend` of the same numbers.
    #[test]
    fn a_line_leaves_nothing_and_the_rest_stays() {
        let mut line: Vec<f64> = (0..50).map(|t| 3.0 - 0.5 * f64::from(t)).collect();
        line[7] = f64::NAN;
        subtract_line(&mut line);
        assert!(line.iter().enumerate().all(|(t, value)| value.abs() < 1e-12 || t == 7));
        assert!(line[7].is_nan());

        let mut x = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0];
        subtract_line(&mut x);
        let expected = [
            -0.7142857142857129,
            1.171428571428573,
            -1.9428571428571413,
            2.942857142857145,
            -1.1714285714285708,
            -0.2857142857142847,
        ];
        for (found, expected) in x.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        subtract_line(&mut []);
        subtract_line(&mut [f64::NAN]);
    }
}
