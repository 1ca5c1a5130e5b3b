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
