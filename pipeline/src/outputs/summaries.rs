//! The JSON files: what each stage found, as values. Their shapes are a contract with whoever reads a
//! finished OUT_DIR; [`SCHEMA`] changes when they do.

use std::collections::BTreeMap;

use nullcline_datasets::Modality;
use nullcline_dynamics::{AttractorKind, Fraction, Portrait};
use nullcline_models::judging::{Judgement, Scores};
use serde::{Deserialize, Serialize};

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
    pub n_parameters: usize,
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
}

/// The answer of `portrait --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortraitJson {
    pub dim: usize,
    pub fixed_points: Vec<FixedPointJson>,
    pub fixed_points_complete: bool,
    pub regions_visited: usize,
    pub degenerate_regions: usize,
    /// Lines and planes of fixed points, by one point of each and the directions it extends in.
    pub continua: Vec<ContinuumJson>,
    pub cycles: Vec<CycleJson>,
    pub attractors: Vec<AttractorJson>,
    /// Shares of the starts.
    pub diverged: f64,
    pub undecided: f64,
    pub n_starts: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContinuumJson {
    pub z: Vec<f64>,
    pub directions: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixedPointJson {
    pub z: Vec<f64>,
    /// `[re, im]`, largest modulus first.
    pub multipliers: Vec<[f64; 2]>,
    /// `stable`, `saddle`, `unstable`, `marginal`.
    pub stability: String,
    pub unstable_dims: usize,
    pub residual: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CycleJson {
    pub period: usize,
    pub points: Vec<Vec<f64>>,
    pub multipliers: Vec<[f64; 2]>,
    pub stability: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttractorJson {
    /// `fixed point`, `cycle`, `quasiperiodic`, `chaotic`.
    pub kind: String,
    pub period: Option<usize>,
    /// Nats per step, largest first; an infinitely strong contraction is null.
    pub lyapunov: Vec<Option<f64>>,
    pub basin_fraction: f64,
    /// 95 % Wilson interval.
    pub basin_ci: [f64; 2],
    pub center: Vec<f64>,
    pub extent: f64,
    /// A line, ring or sheet of neutral fixed points: one object.
    pub continuum: bool,
}

impl PortraitJson {
    pub fn of(portrait: &Portrait) -> Self {
        let pairs =
            |multipliers: &[nullcline_dynamics::Complex<f64>]| multipliers.iter().map(|m| [m.re, m.im]).collect();
        let share = |fraction: &Fraction| fraction.share();
        Self {
            dim: portrait.dim,
            fixed_points: portrait
                .fixed_points
                .found
                .iter()
                .map(|point| FixedPointJson {
                    z: point.location.clone(),
                    multipliers: pairs(&point.multipliers),
                    stability: point.stability.to_string(),
                    unstable_dims: point.unstable_dims(),
                    residual: point.residual,
                })
                .collect(),
            fixed_points_complete: portrait.fixed_points.complete,
            regions_visited: portrait.fixed_points.regions_visited,
            degenerate_regions: portrait.fixed_points.degenerate_regions,
            continua: portrait
                .fixed_points
                .continua
                .iter()
                .map(|line| ContinuumJson { z: line.location.clone(), directions: line.directions.clone() })
                .collect(),
            cycles: portrait
                .cycles
                .iter()
                .map(|cycle| CycleJson {
                    period: cycle.period,
                    points: cycle.points.clone(),
                    multipliers: pairs(&cycle.multipliers),
                    stability: cycle.stability.to_string(),
                })
                .collect(),
            attractors: portrait
                .attractors
                .attractors
                .iter()
                .map(|attractor| {
                    let (kind, period) = match attractor.kind {
                        AttractorKind::FixedPoint => ("fixed point", Some(1)),
                        AttractorKind::Cycle { period } => ("cycle", Some(period)),
                        AttractorKind::Quasiperiodic => ("quasiperiodic", None),
                        AttractorKind::Chaotic => ("chaotic", None),
                    };
                    let (low, high) = attractor.basin.wilson_interval();
                    AttractorJson {
                        kind: kind.to_string(),
                        period,
                        lyapunov: attractor.lyapunov.iter().map(|&l| Some(l).filter(|l| l.is_finite())).collect(),
                        basin_fraction: attractor.basin.share(),
                        basin_ci: [low, high],
                        center: attractor.center.clone(),
                        extent: attractor.extent,
                        continuum: attractor.is_continuum(),
                    }
                })
                .collect(),
            diverged: share(&portrait.attractors.diverged),
            undecided: share(&portrait.attractors.undecided),
            n_starts: portrait.attractors.n_starts,
        }
    }
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
