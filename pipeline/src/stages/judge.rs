//! Scores and verdicts of a subject's refits.

use anyhow::Result;
use nullcline_models::judging::{self, Scores};

use super::{Ingested, Staged, Trained};
use crate::outputs::{Fingerprint, JudgeSummary, JudgedRefit, OutDir, SCHEMA, Stamp, Table, read_json, write_json};
use crate::plan::RunPlan;
use crate::seed::{RunSeed, Stage};

pub struct Judged {
    pub summary: JudgeSummary,
}

/// Scores every refit on the held-out end, beside its rivals.
pub fn judge(
    ingested: &Staged<Ingested>,
    refits: &[Staged<Trained>],
    plan: &RunPlan,
    out: &OutDir,
) -> Result<Staged<Judged>> {
    let Ingested { subject, modality, summary, series, split, .. } = &ingested.value;
    let dir = out.subject(subject);
    let json = dir.recording_file(*modality, &summary.prefix, "desc-judge_metrics.json");
    let table = dir.recording_file(*modality, &summary.prefix, "desc-judge_metrics");
    let key = refits
        .iter()
        .fold(Fingerprint::of("judge").settings(&plan.judge)?, |fingerprint, refit| fingerprint.upstream(&refit.key))
        .key();
    let stamp = dir.stamp("judge");
    if Stamp::is_current(&stamp, &key)? {
        return Ok(Staged { value: Judged { summary: read_json(&json)? }, key, worked: false });
    }
    let mut judged = Vec::new();
    let mut rivals = Vec::new();
    for trained in refits {
        let Trained { refit, model, summary, .. } = &trained.value;
        judged.push(match model {
            None => JudgedRefit {
                refit: *refit,
                verdict: "failed".to_string(),
                reason: summary.excluded.clone().unwrap_or_default(),
                scores: Scores::default(),
                validation: None,
            },
            Some(model) => {
                let seed = RunSeed(plan.seed).derive(Stage::Judge, &subject.to_string(), *refit);
                let judgement = judging::judge(seed, model, series, split, &plan.judge)?;
                let row = JudgedRefit::judged(*refit, &judgement, summary.validation);
                if rivals.is_empty() {
                    rivals = judgement.rivals;
                }
                row
            }
        });
    }
    let summary = JudgeSummary {
        schema: SCHEMA,
        prediction_steps: plan.judge.prediction_steps,
        best_refit: best(&judged),
        refits: judged,
        rivals,
    };
    write_json(&json, &summary)?;
    let mut written = vec![json];
    written.extend(metrics_table(&summary).write(&table)?);
    Stamp::write(&stamp, &key, &written)?;
    Ok(Staged { value: Judged { summary }, key, worked: true })
}

/// By validation score, not by the held-out one: that would be choosing on what judges.
fn best(refits: &[JudgedRefit]) -> Option<usize> {
    refits
        .iter()
        .filter(|refit| refit.validation.is_some())
        .min_by(|a, b| {
            let rank = |refit: &JudgedRefit| (!refit.is_faithful(), refit.validation.unwrap_or(f64::INFINITY));
            let ((a_worse, a_score), (b_worse, b_score)) = (rank(a), rank(b));
            a_worse.cmp(&b_worse).then(a_score.total_cmp(&b_score))
        })
        .map(|refit| refit.refit)
}

fn metrics_table(summary: &JudgeSummary) -> Table {
    let rows: Vec<(String, &str, &Scores)> = summary
        .refits
        .iter()
        .map(|refit| (format!("refit {}", refit.refit), refit.verdict.as_str(), &refit.scores))
        .chain(summary.rivals.iter().map(|(name, scores)| (name.clone(), "rival", scores)))
        .collect();
    Table::default()
        .text("name", rows.iter().map(|(name, _, _)| name.clone()))
        .text("verdict", rows.iter().map(|(_, verdict, _)| verdict.to_string()))
        .number("d_stsp", rows.iter().map(|(_, _, scores)| scores.d_stsp))
        .number("d_h", rows.iter().map(|(_, _, scores)| scores.d_h))
        .number(&format!("pe_{}", summary.prediction_steps), rows.iter().map(|(_, _, scores)| scores.pe))
        .number("bits_per_spike", rows.iter().map(|(_, _, scores)| scores.bits_per_spike))
}
