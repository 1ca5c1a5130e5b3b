//! What a reader of the group page should take away, most important first; the terminal says the same.

use super::group::{equals, size_of};
use super::number::{fixed, listed, percent};
use super::setting::feature_name;
use crate::compare::{ClassifierScore, Comparison, FeatureDifference};
use crate::report::SubjectRow;

/// Differences named in one sentence.
const MOST_NAMED: usize = 3;

/// One sentence each on the dynamics, on simple statistics, on telling the groups apart, and on the models.
///
/// Without a comparison only the last: why there is none stands on the page already.
pub fn findings(comparison: Option<&Comparison>, rows: &[SubjectRow], alpha: f64) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some(comparison) = comparison {
        let found = found_in(&comparison.features, alpha);
        findings.push(dynamics(comparison, &found, alpha));
        findings.push(simple_statistics(comparison, found.is_empty(), alpha));
        findings.extend(told_apart(&comparison.classifiers));
    }
    findings.push(reproduced(rows));
    findings
}

/// The differences beyond chance, clearest first.
fn found_in(rows: &[FeatureDifference], alpha: f64) -> Vec<&FeatureDifference> {
    let mut found: Vec<_> = rows.iter().filter(|row| row.q_fdr < alpha).collect();
    found.sort_by(|a, b| {
        a.q_fdr
            .total_cmp(&b.q_fdr)
            .then(a.p_permutation.total_cmp(&b.p_permutation))
            .then(b.hedges_g.abs().total_cmp(&a.hedges_g.abs()))
    });
    found
}

fn dynamics(comparison: &Comparison, found: &[&FeatureDifference], alpha: f64) -> String {
    let (control, other, n) = (&comparison.control, &comparison.other, comparison.features.len());
    if found.is_empty() {
        return format!(
            "None of {n} features of the dynamics differs between {other} and {control} after correction for multiple tests (q < {alpha})."
        );
    }
    let with_interval = |row: &FeatureDifference| {
        format!(
            "g = {}, {} interval {} to {}",
            fixed(row.hedges_g, 2),
            percent(1.0 - alpha),
            fixed(row.g_low, 2),
            fixed(row.g_high, 2)
        )
    };
    let named: Vec<String> = found
        .iter()
        .take(MOST_NAMED)
        .map(|row| {
            let (name, direction) = (feature_name(&row.feature), row.direction());
            format!("{name}: {direction} in {other} ({}, q {})", size_of(row, with_interval), equals(row.q_fdr))
        })
        .collect();
    let more = match found.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{} of {n} features of the dynamics differ: {}{more}.", found.len(), named.join("; "))
}

fn simple_statistics(comparison: &Comparison, is_also_null: bool, alpha: f64) -> String {
    let n = comparison.simple.len();
    let named: Vec<String> =
        comparison.simple.iter().filter(|row| row.q_fdr < alpha).map(|row| feature_name(&row.feature)).collect();
    if named.is_empty() {
        let either = if is_also_null { " either" } else { "" };
        return format!("None of {n} simple statistics of the raw signal differs{either}.");
    }
    format!("{} of {n} simple statistics of the raw signal differ: {}.", named.len(), listed(&named))
}

fn told_apart(scores: &[ClassifierScore]) -> Option<String> {
    let is_dynamics = |score: &&ClassifierScore| score.predictors == "dynamics";
    let dynamics = scores.iter().find(is_dynamics)?;
    let accuracy = |score: &ClassifierScore| fixed(score.balanced_accuracy, 2);
    let rivals: Vec<String> = scores
        .iter()
        .filter(|score| !is_dynamics(score))
        .map(|score| format!("{} {}", score.predictors, accuracy(score)))
        .collect();
    let beside = if rivals.is_empty() { String::new() } else { format!(", beside {}", rivals.join(", ")) };
    Some(format!(
        "Told apart by cross-validation: balanced accuracy {} from the dynamics (p {}){beside}; chance is 0.50.",
        accuracy(dynamics),
        equals(dynamics.p_permutation)
    ))
}

fn reproduced(rows: &[SubjectRow]) -> String {
    let analysed = rows.iter().filter(|row| row.excluded.is_none()).count();
    let beating = rows.iter().filter(|row| row.excluded.is_none() && row.beats_linear == Some(true)).count();
    format!(
        "{analysed} of {} subjects have at least one model that reproduces the held-out end of the recording; \
         in {beating} of them it is better than a linear model in every score.",
        rows.len()
    )
}
