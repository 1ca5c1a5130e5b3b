//! Each feature by itself: how large is the difference, how sure, how well reproduced.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use super::cohort::{Cohort, Table, at_rows, known_rows};
use super::covariates::Adjustment;
use super::effect::{StandardisedDifference, auc, hedges_g};
use super::fdr::benjamini_hochberg;
use super::freedman_lane::freedman_lane;
use super::moments::{is_constant, mean, standard_deviation};
use super::{ComparisonPlan, FeatureDifference, SubjectValue};

/// The differences of one family of features, by name, with q-values within the family.
///
/// Means, effect and AUC use every subject with the feature; the test uses those who have every
/// covariate too. `rng` starts anew for every set of subjects, so that features of the same subjects
/// meet the same relabellings and no feature's p depends on which other features there are.
pub(super) fn differences(
    rng: impl Fn() -> ChaCha8Rng,
    cohort: &Cohort,
    adjustment: &Adjustment,
    plan: &ComparisonPlan,
    family: &Table,
    notes: &mut Vec<String>,
) -> Vec<FeatureDifference> {
    let mut by_rows: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
    for (&name, column) in family {
        let known: Vec<usize> = known_rows(column).collect();
        let tested: Vec<usize> = adjustment.rows.iter().copied().filter(|&row| column[row].is_finite()).collect();
        if let Some(shortage) = cohort.shortage(&tested) {
            notes.push(format!("{name}: {shortage} with the feature and every covariate; not compared"));
        } else if is_constant(&at_rows(column, &known)) || is_constant(&at_rows(column, &tested)) {
            notes.push(format!("{name}: no variation between subjects; not compared"));
        } else {
            by_rows.entry(tested).or_default().push(name);
        }
    }

    let mut p_of: BTreeMap<&str, f64> = BTreeMap::new();
    for (rows, names) in &by_rows {
        let Some(design) = adjustment.design(cohort, rows, &names.join(", "), notes) else {
            notes.push(format!("{}: no degree of freedom left; not compared", names.join(", ")));
            continue;
        };
        let columns: Vec<Vec<f64>> = names.iter().map(|name| at_rows(&family[name], rows)).collect();
        let responses: Vec<&[Vec<f64>]> = columns.chunks(1).collect();
        let tests = freedman_lane(&mut rng(), &design, &responses, plan.n_permutations);
        for (&name, test) in names.iter().zip(tests) {
            if let Some(test) = test {
                p_of.insert(name, test.p);
            } else {
                notes.push(format!("{name}: the covariates explain all of it; not compared"));
            }
        }
    }

    let p: Vec<f64> = p_of.values().copied().collect();
    let q = benjamini_hochberg(&p);
    p_of.into_iter()
        .zip(q)
        .map(|((name, p), q)| {
            let described = describe(cohort, plan.alpha, name, &family[name]);
            if described.hedges_g.is_nan() {
                notes.push(format!("{name}: does not vary within either group, so it has no effect size"));
            }
            FeatureDifference { p_permutation: p, q_fdr: q, ..described }
        })
        .collect()
}

/// Everything but the test: means, spreads, effect, AUC and the values themselves.
fn describe(cohort: &Cohort, alpha: f64, name: &str, column: &[f64]) -> FeatureDifference {
    let known: Vec<usize> = known_rows(column).collect();
    let (of_other, of_control): (Vec<usize>, Vec<usize>) = known.iter().partition(|&&row| cohort.is_other[row]);
    let (control, other) = (at_rows(column, &of_control), at_rows(column, &of_other));
    let undefined = StandardisedDifference { g: f64::NAN, low: f64::NAN, high: f64::NAN };
    let effect = hedges_g(&control, &other, alpha).unwrap_or(undefined);
    let value = |&row: &usize| SubjectValue {
        subject: cohort.subjects[row].subject.clone(),
        group: cohort.subjects[row].group.clone(),
        value: column[row],
    };
    FeatureDifference {
        feature: name.to_string(),
        n_control: control.len(),
        n_other: other.len(),
        mean_control: mean(&control),
        mean_other: mean(&other),
        sd_control: standard_deviation(&control),
        sd_other: standard_deviation(&other),
        hedges_g: effect.g,
        g_low: effect.low,
        g_high: effect.high,
        auc: auc(&control, &other),
        p_permutation: f64::NAN,
        q_fdr: f64::NAN,
        icc: None,
        values: known.iter().map(value).collect(),
    }
}
