//! The JSON files: what each stage found, as values. Their shapes are a contract with whoever reads a
//! finished OUT_DIR; [`SCHEMA`] changes when they do.

use std::collections::BTreeMap;

use nullcline_datasets::Modality;
use nullcline_models::judging::{Judgement, Scores};
use serde::{Deserialize, Serialize};

use super::portrait::PortraitJson;

/// Version of every summary written here.
pub const SCHEMA: u32 = 1;

/// `desc-ingest_summary.json`: what was read, and what was done to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IngestSummary {
    pub schema: u32,
    pub subject: String,
    /// Relative to the BIDS folder.
    pub files: Vec<String>,
    /// BIDS entities of the recording, `sub-01_task-rest`.
    pub prefix: String,
    pub modality: String,
    pub sampling_rate_hz: f64,
    pub n_times: usize,
    pub n_fit: usize,
    pub n_validation: usize,
    pub channels_kept: Vec<String>,
    /// (channel, reason)
    pub channels_excluded: Vec<(String, String)>,
    pub inputs: Vec<String>,
    pub steps: Vec<String>,
    pub warnings: Vec<String>,
    /// Simple statistics of the raw signal, the rivals of every feature.
    pub simple: BTreeMap<String, f64>,
}

/// `desc-refitNN_training.json`: how one model's training ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefitSummary {
    pub schema: u32,
    pub refit: usize,
    /// Absent when the refit is excluded; then `excluded` says why.
    pub chosen_epoch: Option<usize>,
    pub validation: Option<f64>,
    pub excluded: Option<String>,
    /// What happened on the way, for example a retry with a smaller learning rate.
    pub notes: Vec<String>,
    pub model: String,
    /// Absent when the refit is excluded.
    pub n_parameters: Option<usize>,
}

/// `desc-judge_metrics.json`: every refit beside its rivals, on the held-out end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JudgeSummary {
    pub schema: u32,
    pub prediction_steps: usize,
    pub refits: Vec<JudgedRefit>,
    /// Rivals by name, in a fixed order; the same for all refits up to their random draws.
    pub rivals: Vec<(String, Scores)>,
    /// The faithful refit with the best validation score, else the best of the others.
    pub best_refit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JudgedRefit {
    pub refit: usize,
    /// `faithful`, `not faithful`, `diverged`, `failed`.
    pub verdict: String,
    pub reason: String,
    pub scores: Scores,
    pub validation: Option<f64>,
}

impl SubjectStatus {
    /// Whether the judgement and the portrait on disk are those of this run.
    pub fn is_judged(&self) -> bool {
        self.finished.as_deref() == Some("analyse")
    }
}

impl JudgedRefit {
    pub fn is_faithful(&self) -> bool {
        self.verdict == "faithful"
    }

    pub fn judged(refit: usize, judgement: &Judgement, validation: Option<f64>) -> Self {
        use nullcline_models::judging::Verdict;
        let verdict = match judgement.verdict {
            Verdict::Faithful => "faithful",
            Verdict::NotFaithful => "not faithful",
            Verdict::Diverged => "diverged",
        };
        Self {
            refit,
            verdict: verdict.to_string(),
            reason: judgement.reason.clone(),
            scores: judgement.model,
            validation,
        }
    }
}

/// `desc-portrait_dynamics.json`: what each refit's map does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DynamicsSummary {
    pub schema: u32,
    pub sampling_rate_hz: f64,
    pub refits: Vec<RefitDynamics>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefitDynamics {
    pub refit: usize,
    pub faithful: bool,
    pub portrait: PortraitJson,
    pub features: BTreeMap<String, f64>,
    /// Multipliers `[re, im]` of the operator that carries delay vectors of the model's orbits one step on, largest first;
    /// empty where its orbits diverge or do not move.
    #[serde(default)]
    pub operator_spectrum: Vec<[f64; 2]>,
}

/// `desc-status_summary.json`: how the subject's participant level ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectStatus {
    pub schema: u32,
    pub subject: String,
    /// Kind and BIDS prefix of the recording, as soon as it could be read.
    pub recording: Option<(Modality, String)>,
    /// Fingerprint of every setting but those of the comparison: subjects with different ones are not alike.
    pub settings: String,
    /// The last stage that finished; what later ones left belongs to an earlier run.
    pub finished: Option<String>,
    /// The stage that failed and why; absent when the subject takes part in the comparison.
    pub excluded: Option<Exclusion>,
    pub n_refits: usize,
    pub n_faithful: usize,
    /// One line about the attractors of the best refit.
    pub attractors: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exclusion {
    /// `ingest`, `train`, `judge`, `analyse`.
    pub stage: String,
    pub reason: String,
}
