//! Many features, many tests: which of the small p-values to expect by chance.

/// Benjamini–Hochberg q-values, in the order of `p`.
///
/// `q₍ᵢ₎ = min over j ≥ i of (m / j) p₍ⱼ₎`, with `p` sorted upwards and `m` tests. Calling every
/// feature with `q ≤ α` found keeps the expected share of false ones among them at or below `α`.
///
/// Needs independent or positively dependent tests, as features of one portrait mostly are; it says
/// nothing about any single feature, and q-values of two families must not be pooled afterwards.
/// A p-value that is not a number is no test: its q is not a number and it does not count in `m`.
/// Costs `O(m log m)`.
///
/// Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289–300; dependence: Benjamini &
/// Yekutieli (2001), Ann. Stat. 29, 1165–1188.
pub(super) fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));

    let n_tests = order.len() as f64;
    let mut q = vec![f64::NAN; p.len()];
    let mut smallest_above = 1.0_f64;
    for (index, &test) in order.iter().enumerate().rev() {
        let rank = (index + 1) as f64;
        smallest_above = smallest_above.min(p[test] * n_tests / rank);
        q[test] = smallest_above;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::assert_close;

    /// The 15 tests of the paper's example; the smallest q by hand: `0.0001 · 15`.
    #[test]
    fn thrombolysis_trial_of_the_paper() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0000,
        ];
        let q = benjamini_hochberg(&p);
        assert_close(q[0], 0.0015, 1e-12);
        // The paper rejects exactly the four smallest at 0.05.
        assert_eq!(q.iter().filter(|q| **q <= 0.05).count(), 4);
    }

    /// `scipy.stats.false_discovery_control`, SciPy 1.17.
    #[test]
    fn order_of_the_input_is_kept() {
        let q = benjamini_hochberg(&[0.04, 0.01, 0.03, 0.005]);
        for (found, expected) in q.iter().zip([0.04, 0.02, 0.04, 0.02]) {
            assert_close(*found, expected, 1e-12);
        }
    }

    #[test]
    fn what_is_not_a_number_is_no_test() {
        let q = benjamini_hochberg(&[0.01, f64::NAN, 0.04]);
        assert_close(q[0], 0.02, 1e-12);
        assert!(q[1].is_nan());
        assert_close(q[2], 0.04, 1e-12);
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn q_is_at_least_p_and_ordered_as_p() {
        let p: Vec<f64> = (1_u32..60).map(|i| f64::from(i * i % 61) / 61.0).collect();
        let q = benjamini_hochberg(&p);
        for i in 0..p.len() {
            assert!(q[i] >= p[i] && q[i] <= 1.0);
            for j in 0..p.len() {
                assert!(p[i] >= p[j] || q[i] <= q[j]);
            }
        }
    }
}
