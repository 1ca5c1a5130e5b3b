//! How many things a search may have missed, from how often it met those it found.

/// Estimated number of fixed points or cycles that were not met, if restarts are independent draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unseen {
    /// Chao's lower bound for the expected number that is missing.
    pub estimate: f64,
    /// Upper end of its 95 % interval, infinite where nothing was met; the lower end is zero where every find was met at least twice.
    pub upper: f64,
    pub lower: f64,
    /// Restarts on which the estimate rests.
    pub restarts: usize,
}

impl Unseen {
    /// Capture–recapture from `counts`, how often each find was met: with `f₁` met once and `f₂` twice, at least
    /// `f₁ (f₁ − 1) / (2 (f₂ + 1))` were not met (Chao's bias-corrected estimator), with a log-normal interval.
    ///
    /// A lower bound: it misses what no restart can reach. Where nothing was met at all, nothing bounds what was not.
    ///
    /// Source: Chao (1984), Scand. J. Stat. 11, 265–270; Chao (1987), Biometrics 43, 783–791.
    pub fn from_counts(counts: &[usize], restarts: usize) -> Self {
        let met = |times: usize| counts.iter().filter(|&&count| count == times).count() as f64;
        let (once, twice) = (met(1), met(2));
        let estimate = once * (once - 1.0) / (2.0 * (twice + 1.0));
        let variance = once * (once - 1.0) / (2.0 * (twice + 1.0))
            + once * (2.0 * once - 1.0).powi(2) / (4.0 * (twice + 1.0).powi(2))
            + once.powi(2) * twice * (once - 1.0).powi(2) / (4.0 * (twice + 1.0).powi(4));
        if estimate <= 0.0 {
            // Of a rare kind of which none was seen, three may be expected at most (95 % bound of a Poisson mean).
            let upper = match counts.iter().any(|&count| count > 0) {
                false => f64::INFINITY,
                true if once > 0.0 => 3.0,
                true => 0.0,
            };
            return Self { estimate: 0.0, lower: 0.0, upper, restarts };
        }
        let spread = (1.96 * (1.0 + variance / estimate.powi(2)).ln().sqrt()).exp();
        Self { estimate, lower: estimate / spread, upper: estimate * spread, restarts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_often_leaves_nothing_to_expect() {
        assert_eq!(Unseen::from_counts(&[9, 4, 3], 20).estimate, 0.0);
        assert_eq!(Unseen::from_counts(&[], 20).upper, f64::INFINITY);
        // Six met once, two met twice: 6 · 5 / (2 · 3).
        let some = Unseen::from_counts(&[1, 1, 1, 1, 1, 1, 2, 2, 7], 17);
        assert!((some.estimate - 5.0).abs() < 1e-12);
        assert!(some.lower > 0.0 && some.lower < 5.0 && some.upper > 5.0 && some.upper.is_finite());
    }
}
