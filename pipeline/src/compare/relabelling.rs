//! What else the groups could have been: the relabellings behind every permutation test.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Which rearrangements give a new value of the statistic.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Exchange {
    /// Only who is in which group matters, as without covariates.
    Groups,
    /// Every order of the residuals matters, as with covariates.
    Everything,
}

/// Shows `visit` relabellings of the subjects, as the index that each position draws from, and says
/// how many there were. The observed labelling is never among those listed on purpose: it is the
/// `+ 1` of [`p_value`].
///
/// Where only the groups matter and all their distinct relabellings fit into `n_permutations`, each
/// is shown once and the test is exact; else `n_permutations` are drawn with replacement.
pub(super) fn for_each_relabelling(
    rng: &mut ChaCha8Rng,
    is_other: &[bool],
    exchange: Exchange,
    n_permutations: usize,
    mut visit: impl FnMut(&[usize]),
) -> usize {
    if exchange == Exchange::Groups && distinct_relabellings(is_other, n_permutations).is_some() {
        return visit_all_groupings(is_other, visit);
    }
    let mut order: Vec<usize> = (0..is_other.len()).collect();
    for _ in 0..n_permutations {
        order.shuffle(rng);
        visit(&order);
    }
    n_permutations
}

/// `(b + 1) / (n + 1)` for `b` of `n` relabellings at least as extreme as the observed labelling.
///
/// Counting the observed labelling keeps the test valid at any `n`, and keeps p above 0.
///
/// Source: Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9, 39.
pub(super) fn p_value(n_as_extreme: usize, n_relabellings: usize) -> f64 {
    (n_as_extreme + 1) as f64 / (n_relabellings + 1) as f64
}

/// What a plain two-sided permutation test gives groups that separate completely: one grouping of all, or two
/// where the groups are of equal size and may change places.
pub(super) fn smallest_p(is_other: &[bool]) -> f64 {
    let n_other = is_other.iter().filter(|&&other| other).count();
    let as_extreme = if 2 * n_other == is_other.len() { 2.0 } else { 1.0 };
    distinct_relabellings(is_other, usize::MAX).map_or(0.0, |groupings| as_extreme / groupings as f64)
}

/// How many groupings of the same sizes there are, the observed one included, if at most `limit`.
pub(super) fn distinct_relabellings(is_other: &[bool], limit: usize) -> Option<usize> {
    let n = is_other.len();
    let n_other = is_other.iter().filter(|&&other| other).count();
    // C(n, k) grows with every factor below k = n/2, so the first product above the limit settles it.
    let smaller = n_other.min(n - n_other);
    let mut groupings: usize = 1;
    for chosen in 0..smaller {
        groupings = groupings.checked_mul(n - chosen)? / (chosen + 1);
        if groupings > limit {
            return None;
        }
    }
    Some(groupings)
}

/// Every choice of `n_other` subjects, in lexicographic order, but the observed one.
fn visit_all_groupings(is_other: &[bool], mut visit: impl FnMut(&[usize])) -> usize {
    let n = is_other.len();
    let observed: Vec<usize> = (0..n).filter(|&i| is_other[i]).collect();
    let mut chosen: Vec<usize> = (0..observed.len()).collect();
    let mut n_visited = 0;
    loop {
        if chosen != observed {
            visit(&order_of_grouping(is_other, &chosen));
            n_visited += 1;
        }
        if !advance(&mut chosen, n) {
            return n_visited;
        }
    }
}

/// The order that hands the `chosen` subjects' residuals to the other group, the rest to controls.
fn order_of_grouping(is_other: &[bool], chosen: &[usize]) -> Vec<usize> {
    let mut to_other = chosen.iter().copied();
    let mut to_control = (0..is_other.len()).filter(|i| chosen.binary_search(i).is_err());
    is_other.iter().filter_map(|&other| if other { to_other.next() } else { to_control.next() }).collect()
}

/// The next choice of as many out of `n`, or false after the last.
fn advance(chosen: &mut [usize], n: usize) -> bool {
    let n_chosen = chosen.len();
    let Some(last_free) = (0..n_chosen).rev().find(|&i| chosen[i] < n - n_chosen + i) else {
        return false;
    };
    chosen[last_free] += 1;
    for i in last_free + 1..n_chosen {
        chosen[i] = chosen[i - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    fn groupings(is_other: &[bool], n_permutations: usize) -> Vec<Vec<usize>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = Vec::new();
        let n = for_each_relabelling(&mut rng, is_other, Exchange::Groups, n_permutations, |order| {
            let mut other: Vec<usize> = (0..order.len()).filter(|&i| is_other[i]).map(|i| order[i]).collect();
            other.sort_unstable();
            seen.push(other);
        });
        assert_eq!(n, seen.len());
        seen
    }

    #[test]
    fn every_other_grouping_once() {
        let is_other = [false, true, false, true, false, false, true];
        let seen = groupings(&is_other, 35);
        assert_eq!(seen.len(), 34);
        let distinct: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(distinct.len(), 34);
        assert!(!distinct.contains(&vec![1, 3, 6]));
    }

    #[test]
    fn drawn_when_there_are_too_many() {
        assert_eq!(groupings(&[false, true, false, true, false, false, true], 34).len(), 34);
        assert_eq!(distinct_relabellings(&[true, false, true, false], 6), Some(6));
        assert_eq!(distinct_relabellings(&[true, false, true, false], 5), None);
        let large: Vec<bool> = (0..2_000).map(|i| i % 2 == 0).collect();
        assert_eq!(distinct_relabellings(&large, usize::MAX), None);
    }

    #[test]
    fn chance_is_never_certain() {
        assert_eq!(p_value(0, 999), 0.001);
        assert_eq!(p_value(999, 999), 1.0);
    }
}
