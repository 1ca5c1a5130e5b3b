//! Would the same recording, fitted again, have given the same feature?

use super::moments::{mean, squared_deviations};

/// Intraclass correlation ICC(1,1) of one feature: one row per subject, one value per refit.
///
/// One-way random effects: a refit is one of many that could have been made, and refit 1 of one
/// subject has nothing in common with refit 1 of another.
///
/// `ICC = (MSB − MSW) / (MSB + (k₀ − 1) MSW)`, with the mean squares between and within subjects;
/// `k₀ = (N − Σ kᵢ² / N) / (n − 1)` stands for the number of refits when it differs between
/// subjects (`n` subjects with `kᵢ` refits each, `N = Σ kᵢ`). 1 is perfect agreement; about 0 means
/// that refits of one subject differ as much as subjects do; negative values are estimates of 0.
///
/// Misleads when a difference between the groups is large, for that too is variance between
/// subjects, and when a few subjects hold all of it. It speaks of one refit; the mean over refits
/// that the group test uses is the more reliable.
/// `None` without two subjects, without a repeated refit, or when nothing varies. Costs `O(N)`.
///
/// Source: Shrout & Fleiss (1979), Psychol. Bull. 86, 420–428; `k₀`: Donner (1986), Int. Stat.
/// Rev. 54, 67–82.
pub(super) fn icc_1_1(subjects: &[Vec<f64>]) -> Option<f64> {
    let subjects: Vec<&Vec<f64>> = subjects.iter().filter(|refits| !refits.is_empty()).collect();
    let n_subjects = subjects.len() as f64;
    let n_values = subjects.iter().map(|refits| refits.len()).sum::<usize>() as f64;
    if n_subjects < 2.0 || n_values <= n_subjects {
        return None;
    }

    let grand_mean = subjects.iter().flat_map(|refits| refits.iter()).sum::<f64>() / n_values;
    let mean_square_between =
        subjects.iter().map(|refits| refits.len() as f64 * (mean(refits) - grand_mean).powi(2)).sum::<f64>()
            / (n_subjects - 1.0);
    let mean_square_within =
        subjects.iter().map(|refits| squared_deviations(refits)).sum::<f64>() / (n_values - n_subjects);
    let squared_sizes: f64 = subjects.iter().map(|refits| (refits.len() as f64).powi(2)).sum();
    let refits_per_subject = (n_values - squared_sizes / n_values) / (n_subjects - 1.0);

    let total = mean_square_between + (refits_per_subject - 1.0) * mean_square_within;
    // What is left of identical values after rounding must not be read as agreement.
    let rounding = (1e-12 * grand_mean).powi(2);
    let icc = (mean_square_between - mean_square_within) / total;
    (total > rounding && icc.is_finite()).then_some(icc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::assert_close;

    /// Table 2 of Shrout & Fleiss (1979), who print .17; the digits are pingouin 0.7's.
    #[test]
    fn six_targets_of_shrout_and_fleiss() {
        let targets = [
            vec![9.0, 2.0, 5.0, 8.0],
            vec![6.0, 1.0, 3.0, 2.0],
            vec![8.0, 4.0, 6.0, 8.0],
            vec![7.0, 1.0, 2.0, 6.0],
            vec![10.0, 5.0, 6.0, 9.0],
            vec![6.0, 2.0, 4.0, 7.0],
        ];
        assert_close(icc_1_1(&targets).unwrap(), 0.165742, 1e-6);
    }

    /// Mean squares of the one-way analysis of variance in statsmodels 0.15: 1.29083 and 0.03702.
    #[test]
    fn unequal_numbers_of_refits() {
        let subjects = [vec![1.0, 1.2, 0.9], vec![2.1, 2.4], vec![3.0], vec![1.5, 1.1, 1.3, 1.4], vec![2.6, 2.2]];
        assert_close(icc_1_1(&subjects).unwrap(), 0.9366183352910442, 1e-12);
    }

    #[test]
    fn refits_that_agree_give_one() {
        let subjects = [vec![1.0, 1.0], vec![2.0, 2.0], vec![5.0, 5.0]];
        assert_close(icc_1_1(&subjects).unwrap(), 1.0, 1e-12);
    }

    #[test]
    fn undefined_without_repeats_or_variation() {
        assert_eq!(icc_1_1(&[]), None);
        assert_eq!(icc_1_1(&[vec![1.0, 2.0]]), None);
        assert_eq!(icc_1_1(&[vec![1.0], vec![2.0], vec![]]), None);
        assert_eq!(icc_1_1(&[vec![0.1, 0.1, 0.1], vec![0.1, 0.1]]), None);
    }
}
