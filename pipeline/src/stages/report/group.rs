//! The group's page.

use std::path::PathBuf;

use anyhow::Result;
use nullcline_datasets::{Participants, SubjectId};

use super::colophon;
use crate::outputs::{Fingerprint, JudgeSummary, OutDir, Stamp, SubjectStatus, read_json, write_text};
use crate::plan::RunPlan;
use crate::report::words::findings::findings;
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
    let findings = findings(compared.comparison.as_ref(), &rows, plan.compare.alpha);
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

fn feature_help() -> Vec<(String, String, String)> {
    FEATURES
        .iter()
        .chain(SIMPLE_STATISTICS)
        .map(|&(name, unit, text)| (name.to_string(), unit.to_string(), text.to_string()))
        .collect()
}
