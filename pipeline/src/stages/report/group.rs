//! The group's page.

use std::path::PathBuf;

use anyhow::Result;
use nullcline_datasets::{Participants, SubjectId};

use super::colophon;
use crate::outputs::{Fingerprint, JudgeSummary, OutDir, Stamp, SubjectStatus, read_json, write_text};
use crate::plan::RunPlan;
use crate::report::{GroupPage, SubjectRow, render_group};
use crate::stages::{Compared, FEATURES, Groups, SIMPLE_STATISTICS, Staged};

/// Who was to be compared, and how.
pub struct Cohort<'a> {
    pub dataset: &'a str,
    pub participants: &'a Participants,
    pub subjects: &'a [SubjectId],
    pub groups: &'a Groups,
}

/// Writes the page of the cohort; says where, whether it had to, and what was found.
pub fn report_group(
    out: &OutDir,
    cohort: &Cohort<'_>,
    compared: &Staged<Compared>,
    plan: &RunPlan,
) -> Result<(PathBuf, bool, Vec<String>)> {
    let Cohort { dataset, participants, subjects, groups } = *cohort;
    let Staged { value: compared, key: compare_key, .. } = compared;
    let path = out.group_file("report.html");
    let mut rows = Vec::new();
    for subject in subjects {
        rows.push(subject_row(out, subject, participants, groups)?);
    }
    let findings = findings(compared, &rows, plan);
    let key = Fingerprint::of("report-group").upstream(compare_key).settings(&(plan, dataset, &rows))?.key();
    let stamp = out.log("group/report.json");
    if Stamp::is_current(&stamp, &key)? {
        return Ok((path, false, findings));
    }
    let page = GroupPage {
        dataset: dataset.to_string(),
        group_column: groups.column.clone(),
        alpha: plan.compare.alpha,
        findings: findings.clone(),
        subjects: rows,
        comparison: compared.comparison.clone(),
        not_compared: compared.not_compared.clone(),
        feature_help: feature_help(),
        colophon: colophon(plan),
    };
    write_text(&path, &render_group(&page)?)?;
    Stamp::write(&stamp, &key, std::slice::from_ref(&path))?;
    Ok((path, true, findings))
}

fn subject_row(out: &OutDir, subject: &SubjectId, participants: &Participants, groups: &Groups) -> Result<SubjectRow> {
    let dir = out.subject(subject);
    let mut row = SubjectRow {
        subject: subject.to_string(),
        group: participants.get(subject, &groups.column).unwrap_or("n/a").to_string(),
        link: dir.report().exists().then(|| format!("../{subject}/{subject}_report.html")),
        excluded: None,
        n_refits: 0,
        n_faithful: 0,
        d_stsp: None,
        d_h: None,
        var_d_stsp: None,
        var_d_h: None,
        beats_linear: None,
        attractors: String::new(),
    };
    let Ok(status) = read_json::<SubjectStatus>(&dir.status()) else {
        row.excluded = Some("participant level has not been run".to_string());
        return Ok(row);
    };
    row.excluded = status.excluded.as_ref().map(|exclusion| format!("{}: {}", exclusion.stage, exclusion.reason));
    row.n_refits = status.n_refits;
    row.n_faithful = status.n_faithful;
    row.attractors = status.attractors.clone();
    let judged = match &status.recording {
        Some((modality, prefix)) if status.is_judged() => {
            read_json::<JudgeSummary>(&dir.recording_file(*modality, prefix, "desc-judge_metrics.json")).ok()
        }
        _ => None,
    };
    if let Some(judged) = judged {
        let best = judged.best_refit.and_then(|best| judged.refits.iter().find(|refit| refit.refit == best));
        let linear = judged.rivals.iter().find(|(name, _)| name.starts_with("VAR")).map(|(_, scores)| *scores);
        row.d_stsp = best.and_then(|best| best.scores.d_stsp);
        row.d_h = best.and_then(|best| best.scores.d_h);
        row.var_d_stsp = linear.and_then(|scores| scores.d_stsp);
        row.var_d_h = linear.and_then(|scores| scores.d_h);
        row.beats_linear = best.zip(linear).and_then(|(best, linear)| {
            let (a, b) = (best.scores, linear);
            Some(a.d_stsp? < b.d_stsp? && a.d_h? < b.d_h? && a.pe? < b.pe?)
        });
    }
    Ok(row)
}

/// What a reader should take away, most important first.
fn findings(compared: &Compared, rows: &[SubjectRow], plan: &RunPlan) -> Vec<String> {
    let analysed = rows.iter().filter(|row| row.excluded.is_none()).count();
    let beating = rows.iter().filter(|row| row.excluded.is_none() && row.beats_linear == Some(true)).count();
    let reproduced = format!(
        "{analysed} of {} subjects have at least one model that reproduces the held-out end of the recording; \
         in {beating} of them it is better than a linear model in every score.",
        rows.len()
    );
    // Why there is no comparison stands on the page already.
    let Some(comparison) = &compared.comparison else { return vec![reproduced] };
    let mut findings = Vec::new();
    let alpha = plan.compare.alpha;
    let (control, other) = (&comparison.control, &comparison.other);
    let mut found: Vec<_> = comparison.features.iter().filter(|row| row.q_fdr < alpha).collect();
    found.sort_by(|a, b| {
        a.q_fdr
            .total_cmp(&b.q_fdr)
            .then(a.p_permutation.total_cmp(&b.p_permutation))
            .then(b.hedges_g.abs().total_cmp(&a.hedges_g.abs()))
    });
    match found.as_slice() {
        [] => findings.push(format!(
            "None of {} features of the dynamics differs between {other} and {control} after correction for multiple tests (q < {alpha}).",
            comparison.features.len()
        )),
        found => {
            let listed: Vec<String> = found
                .iter()
                .take(3)
                .map(|row| {
                    let direction = row.direction();
                    let size = match row.hedges_g.is_finite() {
                        true => format!(
                            "g = {:.2}, {:.0} % interval {:.2} to {:.2}",
                            row.hedges_g, 100.0 * (1.0 - alpha), row.g_low, row.g_high
                        ),
                        // No variance within the groups: a standardised difference is not defined.
                        false => format!("{:.2} against {:.2} in every subject", row.mean_other, row.mean_control),
                    };
                    format!("{}: {direction} in {other} ({size}, q = {:.3})", row.feature.replace('_', " "), row.q_fdr)
                })
                .collect();
            let more = if found.len() > 3 { format!("; and {} more", found.len() - 3) } else { String::new() };
            findings.push(format!(
                "{} of {} features of the dynamics differ: {}{more}.",
                found.len(), comparison.features.len(), listed.join("; ")
            ));
        }
    }
    let simple: Vec<String> =
        comparison.simple.iter().filter(|row| row.q_fdr < alpha).map(|row| row.feature.replace('_', " ")).collect();
    let either = if found.is_empty() { " either" } else { "" };
    findings.push(match simple.as_slice() {
        [] => format!("None of {} simple statistics of the raw signal differs{either}.", comparison.simple.len()),
        simple => format!(
            "{} of {} simple statistics of the raw signal differ: {}.",
            simple.len(),
            comparison.simple.len(),
            simple.join(", ")
        ),
    });
    if let Some(dynamics) = comparison.classifiers.iter().find(|row| row.predictors == "dynamics") {
        let rivals: Vec<String> = comparison
            .classifiers
            .iter()
            .filter(|row| row.predictors != "dynamics")
            .map(|row| format!("{} {:.2}", row.predictors, row.balanced_accuracy))
            .collect();
        findings.push(format!(
            "Told apart by cross-validation: balanced accuracy {:.2} from the dynamics (p = {:.3}){}{}; chance is 0.50.",
            dynamics.balanced_accuracy,
            dynamics.p_permutation,
            if rivals.is_empty() { "" } else { ", beside " },
            rivals.join(", ")
        ));
    }
    findings.push(reproduced);
    findings
}

fn feature_help() -> Vec<(String, String, String)> {
    FEATURES
        .iter()
        .chain(SIMPLE_STATISTICS)
        .map(|&(name, unit, text)| (name.to_string(), unit.to_string(), text.to_string()))
        .collect()
}
