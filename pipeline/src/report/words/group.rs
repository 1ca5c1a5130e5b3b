//! What the group page says in plain sentences. A null result is stated as a null result.

use super::number::{counted, fixed, listed_up_to, number, percent, probability};
use super::setting::feature_name;
use super::subject::capitalised;
use crate::compare::{ClassifierScore, Comparison, DistanceTest, FeatureDifference};
use crate::report::{GroupPage, SubjectRow};

/// Agreement over refits below which a feature says little about the person.
pub const POOR_AGREEMENT: f64 = 0.5;
/// A group smaller than this makes every interval wide.
const SMALL_GROUP: usize = 20;

/// How many of those analysed the model serves better than a linear one.
pub fn against_linear(subjects: &[SubjectRow]) -> String {
    let compared: Vec<bool> =
        subjects.iter().filter(|row| row.excluded.is_none()).filter_map(|row| row.beats_linear).collect();
    let n_better = compared.iter().filter(|&&better| better).count();
    match (compared.len(), n_better) {
        (0, _) => "No analysed subject could be scored against a linear model.".to_string(),
        (n, 0) => format!(
            "In not one of {} is the model better than a linear model on every score.",
            counted(n, "analysed subject")
        ),
        (n, better) => format!(
            "In {better} of {} ({}) the model is better than a linear model on every score{}.",
            counted(n, "analysed subject"),
            percent(better as f64 / n as f64),
            if 2 * better < n { "; in most subjects it is not" } else { "" }
        ),
    }
}

/// What one family of tests found, or that it found nothing and what it could have missed.
///
/// `family` is a plural: `features of the dynamics`.
pub fn differences(family: &str, rows: &[FeatureDifference], comparison: &Comparison, alpha: f64) -> Vec<String> {
    if rows.is_empty() {
        return vec![format!("No {family} could be tested.")];
    }
    let mut found: Vec<&FeatureDifference> = rows.iter().filter(|row| row.q_fdr < alpha).collect();
    found.sort_by(|a, b| {
        let by_size = b.hedges_g.abs().total_cmp(&a.hedges_g.abs());
        a.q_fdr.total_cmp(&b.q_fdr).then(by_size)
    });
    let (control, other) = (&comparison.control, &comparison.other);
    let n = rows.len();
    if found.is_empty() {
        let smallest = rows.iter().map(|row| row.q_fdr).filter(|q| q.is_finite()).fold(f64::NAN, f64::min);
        return vec![
            format!(
                "A null result: not one of {n} {family} differs between {control} and {other} once corrected for multiple tests (smallest q = {}).",
                probability(smallest)
            ),
            sensitivity(comparison, alpha),
        ];
    }
    let named: Vec<String> = found
        .iter()
        .map(|row| {
            let size = size_of(row, |row| format!("g = {}", fixed(row.hedges_g, 2)));
            let (name, direction) = (feature_name(&row.feature), row.direction());
            format!("{name} ({direction} in {other}, {size}, q {})", equals(row.q_fdr))
        })
        .collect();
    vec![format!(
        "Of {n} {family}, {} between {control} and {other} once corrected for multiple tests: {}.",
        if found.len() == 1 { "1 differs".to_string() } else { format!("{} differ", found.len()) },
        listed_up_to(4, &named)
    )]
}

/// How much the groups differ: as `standardised` says, or by their means where neither varies and g is not defined.
pub(super) fn size_of(row: &FeatureDifference, standardised: impl Fn(&FeatureDifference) -> String) -> String {
    match row.hedges_g.is_finite() {
        true => standardised(row),
        false => format!("{} against {} in every subject", number(row.mean_other), number(row.mean_control)),
    }
}

/// Whether the dynamics tell the groups apart, and better than what is simpler.
pub fn classifiers(scores: &[ClassifierScore], alpha: f64) -> String {
    let Some(dynamics) = scores.iter().find(|score| score.predictors == "dynamics") else {
        return "The dynamics could not be used to classify.".to_string();
    };
    let accuracy = fixed(dynamics.balanced_accuracy, 2);
    let p = equals(dynamics.p_permutation);
    let chance = match dynamics.p_permutation < alpha {
        true => format!(
            "From the dynamics, unseen subjects are assigned to their group with balanced accuracy {accuracy}, above chance (p {p})."
        ),
        false => format!(
            "A null result: from the dynamics, unseen subjects are not assigned to their group better than by chance (balanced accuracy {accuracy}, p {p})."
        ),
    };
    let best_rival = scores
        .iter()
        .filter(|score| score.predictors != "dynamics" && score.balanced_accuracy.is_finite())
        .max_by(|a, b| a.balanced_accuracy.total_cmp(&b.balanced_accuracy));
    let Some(rival) = best_rival else {
        return chance;
    };
    let (name, reached) = (&rival.predictors, fixed(rival.balanced_accuracy, 2));
    let beside = match rival.balanced_accuracy >= dynamics.balanced_accuracy {
        true => format!(
            "{} alone do as well or better ({reached}): for telling the groups apart the dynamics add nothing that is shown here.",
            capitalised(name)
        ),
        false => format!(
            "The best simpler rival, {name}, reaches {reached}. Whether the difference is more than chance is not tested."
        ),
    };
    format!("{chance} {beside}")
}

pub fn distance(test: &DistanceTest, alpha: f64) -> String {
    let share = percent(test.r_squared);
    let p = equals(test.p_permutation);
    let features = counted(test.n_features, "feature");
    match test.p_permutation < alpha {
        true => format!(
            "Taking {features} together, the group explains {share} of the distances between subjects (pseudo-F = {}, p {p}).",
            number(test.pseudo_f)
        ),
        false => format!(
            "A null result: taking {features} together, subjects of different groups are not further apart than chance allows (the group explains {share}, pseudo-F = {}, p {p}).",
            number(test.pseudo_f)
        ),
    }
}

pub fn dynamics_distance(test: &DistanceTest, alpha: f64) -> String {
    let (share, p) = (percent(test.r_squared), equals(test.p_permutation));
    let f = number(test.pseudo_f);
    match test.p_permutation < alpha {
        true => format!(
            "By their whole dynamics, subjects of different groups are further apart than chance allows: the group explains {share} of the distances (pseudo-F = {f}, p {p})."
        ),
        false => format!(
            "A null result: by their whole dynamics, subjects of different groups are not further apart than chance allows (the group explains {share}, pseudo-F = {f}, p {p})."
        ),
    }
}

/// What a careful reader would object.
pub fn caveats(page: &GroupPage) -> Vec<String> {
    let mut caveats = Vec::new();
    let n_excluded = page.subjects.iter().filter(|row| row.excluded.is_some()).count();
    if 4 * n_excluded > page.subjects.len() {
        caveats.push(format!(
            "{n_excluded} of {} were excluded. If exclusion has to do with the group, the rest is a biased sample.",
            counted(page.subjects.len(), "subject")
        ));
    }
    let Some(comparison) = &page.comparison else {
        return caveats;
    };
    let smaller = comparison.n_control.min(comparison.n_other);
    if smaller < SMALL_GROUP {
        caveats.push(format!(
            "The smaller group has {}. {}",
            counted(smaller, "subject"),
            sensitivity(comparison, page.alpha)
        ));
    }
    caveats.extend(agreement(&comparison.features));
    if comparison.covariates.is_empty() {
        caveats.push("Nothing was adjusted for: a difference in age, sex or medication between the groups could be behind any difference shown here.".to_string());
    }
    caveats
}

/// Which features the refits of one and the same person do not agree on.
fn agreement(features: &[FeatureDifference]) -> Option<String> {
    let measured: Vec<(&str, f64)> = features
        .iter()
        .filter_map(|row| row.icc.map(|icc| (row.feature.as_str(), icc)))
        .filter(|(_, icc)| icc.is_finite())
        .collect();
    if measured.is_empty() && !features.is_empty() {
        return Some("Agreement over refits is not known: fewer than two faithful refits per subject.".to_string());
    }
    let poor: Vec<String> =
        measured.iter().filter(|(_, icc)| *icc < POOR_AGREEMENT).map(|(name, _)| feature_name(name)).collect();
    if poor.is_empty() {
        return None;
    }
    Some(format!(
        "Refits of the same recording disagree (ICC below {POOR_AGREEMENT}) on {} of {}: {}. These say more about the random start of training than about the person.",
        poor.len(),
        counted(measured.len(), "feature"),
        listed_up_to(8, &poor)
    ))
}

/// The standardised difference that a two-sample test finds four times in five, before any correction:
/// `(z₁₋α⁄₂ + z₀.₈) √(1/n₁ + 1/n₂)`, here with the usual 1.96 + 0.84 for α = 0.05.
fn sensitivity(comparison: &Comparison, alpha: f64) -> String {
    let (n_control, n_other) = (comparison.n_control as f64, comparison.n_other as f64);
    let detectable = 2.8 * (1.0 / n_control + 1.0 / n_other).sqrt();
    if !detectable.is_finite() || (alpha - 0.05).abs() > 1e-9 {
        return "Absence of evidence is not evidence of absence.".to_string();
    }
    format!(
        "With {} and {} subjects, only differences of about g = {} or more are likely (80 %) to be seen even before correction; smaller ones may well be missed.",
        comparison.n_control,
        comparison.n_other,
        fixed(detectable, 1)
    )
}

pub(super) fn equals(p: f64) -> String {
    let text = probability(p);
    if text.starts_with('<') { text } else { format!("= {text}") }
}
