//! The gamma function and what comes of it, for counts.

/// `ln Γ(x)`, `x > 0`.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `ψ(x) = d ln Γ(x) / dx`, `x > 0`, to about 1e-14: carried up to `x ≥ 10` by `ψ(x) = ψ(x + 1) − 1/x`, then by
/// its asymptotic series (Abramowitz & Stegun 1964, 6.3.18).
pub fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum -= x.recip();
        x += 1.0;
    }
    let square = (x * x).recip();
    let series = square
        * (1.0 / 12.0
            - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square * (1.0 / 240.0 - square * (1.0 / 132.0)))));
    sum + x.ln() - 0.5 / x - series
}

/// `ln x!`, also between whole numbers.
pub fn ln_factorial(x: f64) -> f64 {
    ln_gamma(x + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ψ(1) = −γ`, `ψ(1/2) = −γ − 2 ln 2`, `ψ(n + 1) = H_n − γ`.
    #[test]
    fn digamma_has_its_known_values() {
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-13);
        assert!((digamma(0.5) + euler + 2.0 * 2f64.ln()).abs() < 1e-13);
        let harmonic: f64 = (1..=30).map(|n| 1.0 / f64::from(n)).sum();
        assert!((digamma(31.0) - harmonic + euler).abs() < 1e-13);
    }

    #[test]
    fn digamma_is_the_slope_of_ln_gamma() {
        for x in [0.03, 0.4, 1.7, 9.9, 10.1, 250.0] {
            let step = 1e-4 * x;
            let difference = |h: f64| (ln_gamma(x + h) - ln_gamma(x - h)) / (2.0 * h);
            // Richardson's extrapolation of two central differences.
            let slope = (4.0 * difference(step) - difference(2.0 * step)) / 3.0;
            assert!((digamma(x) - slope).abs() < 1e-8 * (1.0 + slope.abs()), "{x}");
        }
    }

    #[test]
    fn ln_factorial_sums_logarithms() {
        let sum: f64 = (1..=40).map(|n| f64::from(n).ln()).sum();
        assert!((ln_factorial(40.0) - sum).abs() < 1e-10);
    }
}
