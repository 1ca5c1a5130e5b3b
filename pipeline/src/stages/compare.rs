//! The groups beside each other, from what the participant level left.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use nullcline_datasets::{Participants, SubjectId};
use serde::{Deserialize, Serialize};

use super::{Groups, Staged};
use crate::compare::{self, Comparison, ComparisonPlan, FeatureDifference, SubjectFeatures};
use crate::outputs::{
    DynamicsSummary, Fingerprint, IngestSummary, OutDir, RefitDynamics, SCHEMA, Stamp, SubjectStatus, Table, read_json,
    write_json,
};
use crate::plan::RunPlan;
use crate::seed::{RunSeed, Stage};

/// `group_desc-comparison_statistics.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compared {
    pub schema: u32,
    pub group_column: String,
    pub comparison: Option<Comparison>,
    /// Why there is no comparison.
    pub not_compared: Option<String>,
}

/// Compares the groups from what participant level left in `out`.
pub fn compare(out: &OutDir, participants: &Participants, groups: &Groups, plan: &RunPlan) -> Result<Staged<Compared>> {
    let finished = out.finished_subjects()?;
    let mut fingerprint = Fingerprint::of("compare").settings(&(
        &plan.compare,
        plan.seed,
        &groups.column,
        &groups.control,
        &groups.other,
        &groups.covariates,
    ))?;
    let mut subjects = Vec::new();
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for subject in &finished {
        let dir = out.subject(subject);
        fingerprint = fingerprint.file(&dir.status())?;
        let status: SubjectStatus = read_json(&dir.status())?;
        if let (None, Some((modality, prefix))) = (&status.excluded, &status.recording) {
            let dynamics = dir.recording_file(*modality, prefix, "desc-portrait_dynamics.json");
            let ingest = dir.recording_file(*modality, prefix, "desc-ingest_summary.json");
            fingerprint = fingerprint.file(&dynamics)?.file(&ingest)?;
            if let Some(features) = features_of(subject, participants, groups, &dynamics, &ingest)? {
                fingerprint = fingerprint.settings(&(&features.group, &features.covariates))?;
                settings.entry(status.settings.clone()).or_default().push(features.subject.clone());
                subjects.push(features);
            }
        }
    }
    let key = fingerprint.key();
    let stamp = out.log("group/compare.json");
    let json = out.group_file("group_desc-comparison_statistics.json");
    if Stamp::is_current(&stamp, &key)? {
        return Ok(Staged { value: read_json(&json)?, key, worked: false });
    }
    let comparison_plan = ComparisonPlan {
        control: groups.control.clone(),
        covariates: groups.covariates.clone(),
        n_permutations: plan.compare.permutations,
        alpha: plan.compare.alpha,
        min_per_group: plan.compare.min_per_group,
    };
    let seed = RunSeed(plan.seed).derive(Stage::Compare, "group", 0);
    let (comparison, not_compared) = match compare::compare(seed, &subjects, &comparison_plan) {
        Ok(mut comparison) => {
            comparison.notes.extend(different_settings(settings));
            (Some(comparison), None)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    let value = Compared { schema: SCHEMA, group_column: groups.column.clone(), comparison, not_compared };
    let mut written = features_table(&subjects).write(&out.group_file("group_desc-features_table"))?;
    // Tables of an earlier comparison must not outlive it.
    for stem in ["group_desc-comparison_table", "group_desc-classification_table"] {
        for extension in ["tsv", "parquet"] {
            let _ = std::fs::remove_file(out.group_file(&format!("{stem}.{extension}")));
        }
    }
    if let Some(comparison) = &value.comparison {
        written.extend(differences_table(comparison).write(&out.group_file("group_desc-comparison_table"))?);
        written.extend(classifiers_table(comparison).write(&out.group_file("group_desc-classification_table"))?);
    }
    write_json(&json, &value)?;
    written.push(json);
    Stamp::write(&stamp, &key, &written)?;
    Ok(Staged { value, key, worked: true })
}

/// A note that names the subjects whose models were made with other settings than most.
fn different_settings(settings: BTreeMap<String, Vec<String>>) -> Option<String> {
    let mut by_size: Vec<Vec<String>> = settings.into_values().collect();
    by_size.sort_by_key(|subjects| std::cmp::Reverse(subjects.len()));
    let odd: Vec<String> = by_size.into_iter().skip(1).flatten().collect();
    (!odd.is_empty()).then(|| {
        format!(
            "{} were modelled with other settings than the rest: run participant level again for all",
            odd.join(", ")
        )
    })
}

fn features_of(
    subject: &SubjectId,
    participants: &Participants,
    groups: &Groups,
    dynamics: &Path,
    ingest: &Path,
) -> Result<Option<SubjectFeatures>> {
    let group = match participants.get(subject, &groups.column) {
        Some(level) if level == groups.control || level == groups.other => level.to_string(),
        _ => return Ok(None),
    };
    let dynamics: DynamicsSummary = read_json(dynamics)?;
    let ingest: IngestSummary = read_json(ingest)?;
    let faithful: Vec<RefitDynamics> = dynamics.refits.into_iter().filter(|refit| refit.faithful).collect();
    Ok(Some(SubjectFeatures {
        subject: subject.to_string(),
        group,
        covariates: groups.covariates_of(participants, subject)?,
        spectra: faithful.iter().map(|refit| refit.operator_spectrum.clone()).filter(|s| !s.is_empty()).collect(),
        refits: faithful.into_iter().map(|refit| refit.features).collect(),
        simple: ingest.simple,
    }))
}

/// Long format: one row for every subject, refit and feature. Refits are numbered among the subject's faithful
/// ones; simple statistics have number 0.
fn features_table(subjects: &[SubjectFeatures]) -> Table {
    let mut rows: Vec<(&SubjectFeatures, &str, usize, &String, f64)> = Vec::new();
    for subject in subjects {
        rows.extend(subject.simple.iter().map(|(name, &value)| (subject, "simple", 0, name, value)));
        for (refit, features) in (1..).zip(&subject.refits) {
            rows.extend(features.iter().map(|(name, &value)| (subject, "dynamics", refit, name, value)));
        }
    }
    Table::default()
        .text("subject", rows.iter().map(|row| row.0.subject.clone()))
        .text("group", rows.iter().map(|row| row.0.group.clone()))
        .text("kind", rows.iter().map(|row| row.1))
        .count("faithful_refit", rows.iter().map(|row| row.2))
        .text("feature", rows.iter().map(|row| row.3.clone()))
        .number("value", rows.iter().map(|row| Some(row.4)))
}

fn differences_table(comparison: &Comparison) -> Table {
    let rows: Vec<(&str, &FeatureDifference)> = comparison
        .features
        .iter()
        .map(|row| ("dynamics", row))
        .chain(comparison.simple.iter().map(|row| ("simple", row)))
        .collect();
    let number =
        |value: fn(&FeatureDifference) -> f64| rows.iter().map(|(_, row)| Some(value(row))).collect::<Vec<_>>();
    Table::default()
        .text("kind", rows.iter().map(|(kind, _)| *kind))
        .text("feature", rows.iter().map(|(_, row)| row.feature.clone()))
        .count("n_control", rows.iter().map(|(_, row)| row.n_control))
        .count("n_other", rows.iter().map(|(_, row)| row.n_other))
        .number("mean_control", number(|row| row.mean_control))
        .number("mean_other", number(|row| row.mean_other))
        .number("sd_control", number(|row| row.sd_control))
        .number("sd_other", number(|row| row.sd_other))
        .number("hedges_g", number(|row| row.hedges_g))
        .number("g_low", number(|row| row.g_low))
        .number("g_high", number(|row| row.g_high))
        .number("auc", number(|row| row.auc))
        .number("p_permutation", number(|row| row.p_permutation))
        .number("q_fdr", number(|row| row.q_fdr))
        .number("icc", rows.iter().map(|(_, row)| row.icc))
}

fn classifiers_table(comparison: &Comparison) -> Table {
    let rows = &comparison.classifiers;
    Table::default()
        .text("predictors", rows.iter().map(|row| row.predictors.clone()))
        .count("n_predictors", rows.iter().map(|row| row.n_predictors))
        .count("n_subjects", rows.iter().map(|row| row.n_subjects))
        .number("balanced_accuracy", rows.iter().map(|row| Some(row.balanced_accuracy)))
        .number("auc", rows.iter().map(|row| Some(row.auc)))
        .number("p_permutation", rows.iter().map(|row| Some(row.p_permutation)))
}
