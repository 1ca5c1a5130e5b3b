//! Do the portraits as a whole differ, whichever feature it is that differs?

use rand_chacha::ChaCha8Rng;

use super::DistanceTest;
use super::design::Design;
use super::freedman_lane::freedman_lane;
use super::moments::{centered, standard_deviation};

/// PERMANOVA of the group on Euclidean distances between the rows of `columns`.
///
/// `F = SS_A / (SS_W / ν)` for two groups, where both sums of squares can be read off the distances
/// alone: `SS_T = Σ_{i<j} d²ᵢⱼ / n`, `SS_W` the same within each group, `SS_A = SS_T − SS_W`. For
/// Euclidean distance this equals the sums over features of the squares between and within the
/// groups, which is how they are computed here: no distance matrix is needed.
///
/// Columns count as they are: scaled to standard deviation 1 ([`standardised`]), each feature has one vote and correlated ones
/// vote together. With covariates in the design, distances are those of the residuals and these are
/// permuted (Freedman–Lane), so `F` and `R²` are partial.
///
/// `columns`: one vector over the subjects for each feature, complete and not constant.
///
/// Misleads when the groups differ in spread rather than in place, and most so when the smaller
/// group is the wider; a small effect in one of many features drowns.
/// `None` when the covariates explain every feature. Costs `O(n · q)` per relabelling and feature.
///
/// Source: Anderson (2001), Austral Ecol. 26, 32–46; covariates: McArdle & Anderson (2001),
/// Ecology 82, 290–297; spread: Anderson & Walsh (2013), Ecol. Monogr. 83, 557–574.
pub(super) fn permanova(
    rng: &mut ChaCha8Rng,
    design: &Design,
    columns: &[Vec<f64>],
    n_permutations: usize,
) -> Option<DistanceTest> {
    let test = freedman_lane(rng, design, &[columns], n_permutations).pop().flatten()?;
    let explained = test.partial_r_squared;
    Some(DistanceTest {
        pseudo_f: explained / (1.0 - explained) * design.residual_dof() as f64,
        r_squared: explained,
        p_permutation: test.p,
        n_features: columns.len(),
    })
}

pub(super) fn standardised(values: &[f64]) -> Vec<f64> {
    let sd = standard_deviation(values);
    centered(values).iter().map(|v| v / sd).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::compare::tests::assert_close;

    fn features() -> Vec<Vec<f64>> {
        vec![
            vec![1.0, 1.4, 0.8, 1.1, 1.9, 1.6, 2.1, 1.5],
            vec![0.3, 0.1, 0.5, 0.2, 0.4, 0.7, 0.2, 0.6],
            vec![2.1, 1.9, 2.6, 2.2, 1.2, 1.7, 1.5, 2.0],
        ]
    }

    fn test_of(covariates: &[Vec<f64>]) -> DistanceTest {
        let is_other = [false, false, false, false, true, true, true, true];
        let (design, _) = Design::new(&is_other, covariates).unwrap();
        permanova(
            &mut ChaCha8Rng::seed_from_u64(2),
            &design,
            &features().iter().map(|values| standardised(values)).collect::<Vec<_>>(),
            999,
        )
        .unwrap()
    }

    /// From the distances: `skbio.stats.distance.permanova`, scikit-bio 0.7; p over all 70 groupings.
    #[test]
    fn agrees_with_distances() {
        let test = test_of(&[]);
        assert_close(test.pseudo_f, 6.015474008016658, 1e-9);
        assert_close(test.r_squared, 0.5006439199987588, 1e-10);
        assert_close(test.p_permutation, 2.0 / 70.0, 1e-12);
        assert_eq!(test.n_features, 3);
    }

    /// McArdle & Anderson (2001) from the double-centred matrix of squared distances, in NumPy.
    #[test]
    fn covariates_agree_with_distances() {
        let test = test_of(&[vec![31.0, 45.0, 28.0, 39.0, 52.0, 47.0, 36.0, 58.0]]);
        assert_close(test.pseudo_f, 2.7634142873314005, 1e-9);
        assert_close(test.r_squared, 0.35595347421312196, 1e-10);
    }
}
