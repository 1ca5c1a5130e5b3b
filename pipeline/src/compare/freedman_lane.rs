//! Does a feature differ between the groups once the covariates have had their say?

use rand_chacha::ChaCha8Rng;

use super::design::{Design, Explained};
use super::moments::dot;
use super::relabelling::{for_each_relabelling, p_value};

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
    let mut tallies: Vec<Option<Tally>> = responses
        .iter()
        .map(|columns| Tally::of_observed(design, columns))
        .collect();
    let n_relabellings = for_each_relabelling(
        rng,
        design.is_other(),
        design.exchange(),
        n_permutations,
        |order| {
            tallies
                .iter_mut()
                .flatten()
                .for_each(|tally| tally.count(design, order))
        },
    );
    let outcome = |tally: Tally| GroupTest {
        partial_r_squared: tally.observed,
        p: p_value(tally.n_as_extreme, n_relabellings),
    };
    tallies
        .into_iter()
        .map(|tally| tally.map(outcome))
        .collect()
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
            .map(|values| Residuals {
                sum_of_squares: dot(&values, &values),
                values,
            })
            .collect();
        let observed = partial_r_squared(
            columns
                .iter()
                .map(|residuals| design.explained(&residuals.values, residuals.sum_of_squares)),
        );
        let computable = !columns.is_empty() && observed.is_finite();
        computable.then(|| Self {
            columns,
            observed,
            n_as_extreme: 0,
            reordered: vec![0.0; design.n_subjects()],
        })
    }

    fn count(&mut self, design: &Design, order: &[usize]) {
        let reordered = &mut self.reordered;
        let by_chance = partial_r_squared(self.columns.iter().map(|residuals| {
            reordered
                .iter_mut()
                .zip(order)
                .for_each(|(to, &from)| *to = residuals.values[from]);
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
    if sum.total == 0.0 {
        0.0
    } else {
        (sum.by_group / sum.total).min(1.0)
    }
}
