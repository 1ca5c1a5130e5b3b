//! Does a feature differ between the groups once the covariates have had their say?

use rand_chacha::ChaCha8Rng;

use super::design::{Design, Explained};
use super::moments::dot;
use super::relabelling::{for_each_relabelling, p_value, smallest_p};

/// Partial R² that agree to this are ties: the same relabelling summed in another order.
const TIE: f64 = 1e-10;

/// What the group explains of a response, and how often chance explains as much.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupTest {
    /// Share of the reduced model's residual sum of squares that the group explains.
    pub partial_r_squared: f64,
    pub p: f64,
}

/// Two-sided permutation test of the group in `y = Z γ + g β + ε`, for each response.
///
/// Residuals of the reduced model `y = Z γ + ε` are permuted, added to its fit and fitted by the
/// full model; `p = (b + 1) / (n + 1)` counts the relabellings whose t statistic of `β` is at least
/// as far from 0. Counted is the partial R² of the group, `t² / (t² + ν)`: with `ν` fixed it orders
/// relabellings as `|t|` does, and it stays finite when the groups separate completely. Without
/// covariates this is the plain permutation test of two means.
///
/// A response is one column or several; of several the sums of squares are added, which is the
/// statistic of PERMANOVA. All responses meet the same relabellings.
///
/// Orders of the residuals outnumber groupings of the subjects, and a feature that takes few values would
/// owe a small p to that alone: no p is below that of the most extreme grouping.
///
/// Assumes exchangeable errors: a different variance in the two groups, when their sizes differ too,
/// or relatives among the subjects break that. With covariates the test is approximate in small
/// samples, without them exact. The covariates act linearly and alike in both groups.
/// `None` for a response that the covariates explain completely. Costs `O(n · q)` per relabelling
/// and column for `n` subjects and `q` covariates.
///
/// Source: Freedman & Lane (1983), J. Bus. Econ. Stat. 1, 292–298; Winkler et al. (2014),
/// NeuroImage 92, 381–397.
pub(super) fn freedman_lane(
    rng: &mut ChaCha8Rng,
    design: &Design,
    responses: &[&[Vec<f64>]],
    n_permutations: usize,
) -> Vec<Option<GroupTest>> {
    let mut tallies: Vec<Option<Tally>> = responses.iter().map(|columns| Tally::of_observed(design, columns)).collect();
    let n_relabellings = for_each_relabelling(rng, design.is_other(), design.exchange(), n_permutations, |order| {
        tallies.iter_mut().flatten().for_each(|tally| tally.count(design, order))
    });
    let floor = smallest_p(design.is_other());
    let outcome = |tally: Tally| GroupTest {
        partial_r_squared: tally.observed,
        p: p_value(tally.n_as_extreme, n_relabellings).max(floor),
    };
    tallies.into_iter().map(|tally| tally.map(outcome)).collect()
}

/// One response while the relabellings pass.
struct Tally {
    columns: Vec<Residuals>,
    observed: f64,
    n_as_extreme: usize,
    reordered: Vec<f64>,
}

struct Residuals {
    values: Vec<f64>,
    sum_of_squares: f64,
}

impl Tally {
    fn of_observed(design: &Design, columns: &[Vec<f64>]) -> Option<Self> {
        let columns: Vec<Residuals> = columns
            .iter()
            .filter_map(|y| design.residuals(y))
            .map(|values| Residuals { sum_of_squares: dot(&values, &values), values })
            .collect();
        let observed = partial_r_squared(
            columns.iter().map(|residuals| design.explained(&residuals.values, residuals.sum_of_squares)),
        );
        let computable = !columns.is_empty() && observed.is_finite();
        computable.then(|| Self { columns, observed, n_as_extreme: 0, reordered: vec![0.0; design.n_subjects()] })
    }

    fn count(&mut self, design: &Design, order: &[usize]) {
        let reordered = &mut self.reordered;
        let by_chance = partial_r_squared(self.columns.iter().map(|residuals| {
            reordered.iter_mut().zip(order).for_each(|(to, &from)| *to = residuals.values[from]);
            design.explained(reordered, residuals.sum_of_squares)
        }));
        if by_chance >= self.observed - TIE {
            self.n_as_extreme += 1;
        }
    }
}

/// 0 when the reordered residuals lie in the span of the covariates: nothing is left to explain.
fn partial_r_squared(columns: impl Iterator<Item = Explained>) -> f64 {
    let sum = columns.fold(Explained::default(), |sum, column| Explained {
        by_group: sum.by_group + column.by_group,
        total: sum.total + column.total,
    });
    if sum.total == 0.0 { 0.0 } else { (sum.by_group / sum.total).min(1.0) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::compare::tests::{assert_close, noise};

    fn test_of(is_other: &[bool], covariates: &[Vec<f64>], y: &[f64], n: usize) -> GroupTest {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (design, _) = Design::new(is_other, covariates).unwrap();
        freedman_lane(&mut rng, &design, &[&[y.to_vec()]], n)[0].unwrap()
    }

    /// `scipy.stats.permutation_test` over all 462 groupings, SciPy 1.17: 9 are as extreme.
    #[test]
    fn exact_without_covariates() {
        let y = [4.8, 5.1, 6.3, 5.9, 5.0, 4.4, 6.1, 7.4, 5.9, 6.8, 7.0];
        let is_other: Vec<bool> = (0..11).map(|i| i >= 6).collect();
        assert_close(test_of(&is_other, &[], &y, 5_000).p, 9.0 / 462.0, 1e-12);
        // Drawn instead of listed: the same within four standard errors.
        assert_close(test_of(&is_other, &[], &y, 461).p, 9.0 / 462.0, 0.026);
    }

    const FOUR_AND_THREE: [bool; 7] = [false, false, false, false, true, true, true];
    const AGE: [f64; 7] = [21.0, 34.0, 45.0, 28.0, 39.0, 52.0, 47.0];
    const Y: [f64; 7] = [1.2, 2.9, 3.1, 1.4, 4.0, 4.6, 5.1];

    /// t = 2.538866 on 4 degrees of freedom by ordinary least squares, statsmodels 0.15.
    #[test]
    fn partial_r_squared_is_that_of_the_t_statistic() {
        let test = test_of(&FOUR_AND_THREE, &[AGE.to_vec()], &Y, 99);
        assert_close(test.partial_r_squared, 0.6170725019759205, 1e-10);
    }

    /// All 5,040 orders of the residuals, each refitted by least squares in NumPy: 367 as extreme.
    #[test]
    fn covariates_agree_with_every_order_refitted() {
        let test = test_of(&FOUR_AND_THREE, &[AGE.to_vec()], &Y, 40_000);
        assert_close(test.p, 367.0 / 5040.0, 0.0052);
    }

    /// Three against three can be grouped in 20 ways, and each has its mirror image.
    #[test]
    fn covariates_do_not_lower_the_smallest_p() {
        let is_other = [false, false, false, true, true, true];
        let y = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let age = [30.0, 41.0, 35.0, 33.0, 29.0, 44.0];
        let test = test_of(&is_other, &[age.to_vec()], &y, 2_000);
        assert!(test.p >= 0.1, "{}", test.p);
    }

    #[test]
    fn complete_separation_has_the_smallest_p() {
        let y = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let test = test_of(&FOUR_AND_THREE, &[], &y, 1_000);
        assert_close(test.partial_r_squared, 1.0, 1e-12);
        assert_close(test.p, 1.0 / 35.0, 1e-12);
    }

    /// Age differs between the groups and drives the feature; the groups themselves do nothing.
    /// Adjusted, 5 % of tests find a difference; unadjusted, most do.
    #[test]
    fn right_level_when_a_covariate_carries_the_difference() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let is_other: Vec<bool> = (0..24).map(|i| i >= 14).collect();
        let n_studies = 600;
        let (mut adjusted, mut unadjusted) = (0.0, 0.0);
        for _ in 0..n_studies {
            let age: Vec<f64> = is_other.iter().map(|&other| noise(&mut rng) + if other { 1.5 } else { 0.0 }).collect();
            let columns = [age.iter().map(|age| age + 0.5 * noise(&mut rng)).collect::<Vec<f64>>()];
            let mut found = |covariates: &[Vec<f64>]| {
                let (design, _) = Design::new(&is_other, covariates).unwrap();
                let test = freedman_lane(&mut rng, &design, &[&columns], 199)[0].unwrap();
                f64::from(u8::from(test.p <= 0.05))
            };
            unadjusted += found(&[]);
            adjusted += found(&[age]);
        }
        // Three standard errors of a share of 0.05 among 600.
        assert_close(adjusted / f64::from(n_studies), 0.05, 0.027);
        assert!(unadjusted / f64::from(n_studies) > 0.6);
    }

    #[test]
    fn a_feature_made_of_covariates_is_not_tested() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (design, _) = Design::new(&FOUR_AND_THREE, &[AGE.to_vec()]).unwrap();
        let made_of_age: Vec<f64> = AGE.iter().map(|age| 2.0 * age - 1.0).collect();
        let tests = freedman_lane(&mut rng, &design, &[&[made_of_age], &[Y.to_vec()]], 99);
        assert!(tests[0].is_none() && tests[1].is_some());
    }
}
