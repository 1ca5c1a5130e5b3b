//! What a page shows: plain values, already computed. The templates turn them into HTML.

use serde::Serialize;

use crate::compare::Comparison;

/// One subject, from file to attractors.
#[derive(Clone, Debug, Serialize)]
pub struct SubjectPage {
    pub subject: String,
    pub group: Option<String>,
    /// Other columns of participants.tsv, as written there.
    pub participant: Vec<(String, String)>,
    pub recording: Option<RecordingFacts>,
    /// Set when the subject does not take part in the group comparison.
    pub excluded: Option<String>,
    pub scores: Vec<ScoreRow>,
    pub best: Option<BestModel>,
    pub colophon: Colophon,
}

#[derive(Clone, Debug, Serialize)]
pub struct RecordingFacts {
    pub files: Vec<String>,
    /// `EEG`, `fMRI (ROI series)`, `spike counts`.
    pub modality: String,
    pub sampling_rate_hz: f64,
    pub n_times: usize,
    /// Samples the model was fitted on; then validation; the held-out rest judged it.
    pub n_fit: usize,
    pub n_validation: usize,
    pub channels_kept: Vec<String>,
    /// (channel, reason)
    pub channels_excluded: Vec<(String, String)>,
    /// What was done to the signal, in order, as sentences.
    pub steps: Vec<String>,
    pub warnings: Vec<String>,
}

/// One judged model (a refit) or one rival, on the held-out end of the recording.
#[derive(Clone, Debug, Serialize)]
pub struct ScoreRow {
    /// `refit 1`, `phase surrogate`, `VAR(3)`, `constant`.
    pub name: String,
    pub is_rival: bool,
    /// `faithful`, `not faithful`, `diverged`, `failed`, or empty for a rival.
    pub verdict: String,
    /// Why the verdict is what it is.
    pub reason: String,
    pub d_stsp: Option<f64>,
    pub d_h: Option<f64>,
    pub pe: Option<f64>,
    pub pe_steps: usize,
    pub bits_per_spike: Option<f64>,
}

/// The faithful refit with the best validation score (or, without one, the best of the unfaithful).
#[derive(Clone, Debug, Serialize)]
pub struct BestModel {
    pub name: String,
    /// For example `shPLRNN, 8 latent, 64 hidden, 1,234 parameters`.
    pub summary: String,
    pub traces: Vec<TracePair>,
    pub spectra: Vec<SpectrumPair>,
    pub phase: PhasePortrait,
    pub fixed_points: Vec<FixedPointRow>,
    /// Whether every linear region was searched.
    pub fixed_points_complete: bool,
    pub attractors: Vec<AttractorRow>,
    pub basins: Option<BasinPicture>,
    pub diverged_fraction: f64,
    pub undecided_fraction: f64,
    pub loss: LossCurve,
}

/// A stretch of held-out data beside a stretch of free simulation, same length and unit.
#[derive(Clone, Debug, Serialize)]
pub struct TracePair {
    pub channel: String,
    pub unit: String,
    pub secs: Vec<f64>,
    pub data: Vec<f64>,
    pub simulated: Vec<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SpectrumPair {
    pub channel: String,
    pub hz: Vec<f64>,
    pub data: Vec<f64>,
    pub simulated: Vec<f64>,
}

/// Projections on the first three principal axes of the encoded data.
#[derive(Clone, Debug, Serialize)]
pub struct PhasePortrait {
    pub explained: [f64; 3],
    pub data: Vec<[f64; 3]>,
    pub simulated: Vec<[f64; 3]>,
    pub fixed_points: Vec<PhasePoint>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PhasePoint {
    pub label: String,
    pub at: [f64; 3],
    /// `stable`, `saddle`, `unstable`, `marginal`.
    pub stability: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct FixedPointRow {
    pub label: String,
    pub stability: String,
    /// Number of directions that grow.
    pub unstable_dims: usize,
    /// Largest multiplier modulus.
    pub spectral_radius: f64,
    /// Decay (or growth) time of the slowest direction, seconds.
    pub time_constant_secs: Option<f64>,
    /// Of the slowest direction, when it rotates.
    pub frequency_hz: Option<f64>,
    pub residual: f64,
    /// Distance from the encoded data cloud's centre, in its standard deviations.
    pub distance_from_data: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct AttractorRow {
    pub label: String,
    /// `fixed point`, `continuum of fixed points`, `cycle`, `limit cycle`, `quasiperiodic`, `chaotic`.
    pub kind: String,
    pub period_secs: Option<f64>,
    /// Of the slowest deviation that decays towards it.
    pub decay_secs: Option<f64>,
    pub largest_lyapunov_per_sec: f64,
    /// Standard error; zero where the exponent is that of a multiplier.
    pub lyapunov_error_per_sec: f64,
    /// Kaplan–Yorke dimension, of chaotic attractors.
    pub dimension: Option<f64>,
    pub basin_fraction: f64,
    pub basin_low: f64,
    pub basin_high: f64,
}

/// Where orbits end that start on the plane of the first two principal axes of the encoded recording; the middle of the
/// recording is the origin, in latent units.
#[derive(Clone, Debug, Serialize)]
pub struct BasinPicture {
    /// Half of the width and of the height.
    pub reach: [f64; 2],
    /// `[row][column]`, lowest row first: `A1`, `A2`, …, `diverged` or `undecided`.
    pub ends: Vec<Vec<String>>,
    /// The encoded recording and the middle of each attractor, seen along the other axes.
    pub data: Vec<[f64; 2]>,
    pub attractors: Vec<(String, [f64; 2])>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LossCurve {
    pub epoch: Vec<f64>,
    /// Negative ELBO, nats per step.
    pub loss: Vec<f64>,
    /// (epoch, validation score), where it was computed.
    pub validation: Vec<[f64; 2]>,
    pub chosen_epoch: f64,
}

/// The cohort, from who was read to what differs.
#[derive(Clone, Debug, Serialize)]
pub struct GroupPage {
    pub dataset: String,
    pub group_column: String,
    /// Two-sided level of the intervals and of what counts as found: 0.05 gives 95 % intervals.
    pub alpha: f64,
    /// Plain sentences, most important first.
    pub findings: Vec<String>,
    pub subjects: Vec<SubjectRow>,
    /// Absent when the groups could not be compared; then `not_compared` says why.
    pub comparison: Option<Comparison>,
    pub not_compared: Option<String>,
    /// Feature name → (unit, one sentence that says what it is).
    pub feature_help: Vec<(String, String, String)>,
    pub colophon: Colophon,
}

#[derive(Clone, Debug, Serialize)]
pub struct SubjectRow {
    pub subject: String,
    pub group: String,
    /// Relative link to the subject's page, when there is one.
    pub link: Option<String>,
    pub excluded: Option<String>,
    pub n_refits: usize,
    pub n_faithful: usize,
    pub d_stsp: Option<f64>,
    pub d_h: Option<f64>,
    /// The same numbers for VAR(p), to stand beside them.
    pub var_d_stsp: Option<f64>,
    pub var_d_h: Option<f64>,
    /// Whether the model is better than VAR(p) in each of D_stsp, D_H and PE(n).
    pub beats_linear: Option<bool>,
    pub attractors: String,
}

/// How the page came to be.
#[derive(Clone, Debug, Serialize)]
pub struct Colophon {
    pub version: String,
    pub command: String,
    pub seed: u64,
    /// The complete settings, as TOML.
    pub settings: String,
    /// Method → citation.
    pub references: Vec<(String, String)>,
}
