/// How many of how many, with the uncertainty of so small a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fraction {
    pub count: usize,
    pub total: usize,
}

impl Fraction {
    /// `count / total`; zero of zero is zero.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.count as f64 / self.total as f64 }
    }

    /// 95 % interval of the underlying probability.
    ///
    /// Stays inside `[0, 1]` and is honest at 0 and at `total`, where the usual `p ± 1.96 se` collapses to a point.
    /// It assumes independent starts: starts along one recording are correlated, and the true interval is wider.
    ///
    /// Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209–212.
    pub fn wilson_interval(&self) -> (f64, f64) {
        if self.total == 0 {
            return (0.0, 1.0);
        }
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (self.total as f64, self.share());
        let center = p + Z * Z / (2.0 * n);
        let half_width = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let denominator = 1.0 + Z * Z / n;
        let low = if self.count == 0 { 0.0 } else { (center - half_width) / denominator };
        let high = if self.count == self.total { 1.0 } else { (center + half_width) / denominator };
        (low.max(0.0), high.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe (1998), Stat. Med. 17, 857–872, table I, method 3.
    #[test]
    fn wilson_interval_matches_the_published_table() {
        for (count, total, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let interval = Fraction { count, total }.wilson_interval();
            assert!((interval.0 - low).abs() < 1e-4 && (interval.1 - high).abs() < 1e-4, "{interval:?}");
        }
    }

    #[test]
    fn nothing_observed_says_nothing() {
        assert_eq!(Fraction::default().wilson_interval(), (0.0, 1.0));
        assert_eq!(Fraction { count: 7, total: 7 }.wilson_interval().1, 1.0);
    }
}
