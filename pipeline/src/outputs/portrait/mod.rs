//! The answer of `portrait --json`, which is also a part of `desc-portrait_dynamics.json`.
//!
//! Times are in steps, and in seconds beside them where the sampling rate is known. What does not exist is null.

use serde::{Deserialize, Serialize};

mod of_map;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortraitJson {
    pub dim: usize,
    /// Absent for weights of unknown origin.
    pub sampling_rate_hz: Option<f64>,
    pub fixed_points: Vec<FixedPointJson>,
    /// The list is all there is: proven where `effort.method` is `interval arithmetic`, elsewhere up to rounding.
    pub fixed_points_complete: bool,
    /// What a search that could not be complete may have missed; null where the list is complete or no estimate exists.
    #[serde(default)]
    pub fixed_points_unseen: Option<UnseenJson>,
    pub effort: EffortJson,
    /// Lines and planes of fixed points, by one point of each and the directions it extends in.
    pub continua: Vec<ContinuumJson>,
    /// Stable and unstable; of smooth maps and flows only those that starts were drawn to.
    pub cycles: Vec<CycleJson>,
    /// Lines and planes of cycles, neutral along them: looked for in one and two dimensions.
    #[serde(default)]
    pub cycle_families: Vec<CycleFamilyJson>,
    /// Every isolated cycle of at most this period is listed, and every family, up to rounding; 0 where that was not shown.
    pub cycles_complete_up_to: usize,
    /// What the search for longer cycles may have missed; null where nothing was left to search for.
    pub cycles_unseen: Option<UnseenJson>,
    pub attractors: Vec<AttractorJson>,
    /// Shares of the starts.
    pub diverged: f64,
    pub undecided: f64,
    pub n_starts: usize,
    /// What the shares are shares of.
    pub starts: StartsJson,
    pub slice: Option<SliceJson>,
}

/// How the fixed points and cycles were looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EffortJson {
    /// Of piecewise-linear maps `enumeration`, `branch and bound` or `region search`; of smooth ones `interval arithmetic`
    /// or `Newton`.
    pub method: String,
    /// Linear regions whose equation was solved.
    pub regions_visited: usize,
    pub boxes: usize,
    pub linear_solves: usize,
    /// Linear regions in which `I − J` is singular.
    pub degenerate_regions: usize,
    /// Of a smooth map: starts of Newton's method.
    #[serde(default)]
    pub newton_starts: usize,
    /// Of a smooth map: boxes of which interval arithmetic could neither exclude nor prove a fixed point.
    #[serde(default)]
    pub undecided_boxes: usize,
    pub cycle_polygons: usize,
    pub cycle_steps: usize,
}

/// Chao's lower bound for the number of things not met, with its 95 % interval. Zero excludes nothing: it says that what was
/// met was met again and again, or that nothing was.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct UnseenJson {
    pub estimate: f64,
    pub lower: f64,
    /// Null where nothing was met, which bounds nothing.
    pub upper: Option<f64>,
    pub restarts: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartsJson {
    /// How they were drawn, in words.
    pub drawn: String,
    pub seed: Option<u64>,
    /// `[n_starts × M]`
    pub points: Vec<Vec<f64>>,
    /// Where each ended: `A1`, `A2`, … in the order of `attractors`, `diverged` or `undecided`.
    pub ends: Vec<String>,
}

/// Basins on a plane through state space: start `(row, column)` is `origin + u right + v up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SliceJson {
    pub origin: Vec<f64>,
    pub right: Vec<f64>,
    pub up: Vec<f64>,
    /// `u` and `v` go from −reach to reach; starts lie in the middle of the cells.
    pub reach: [f64; 2],
    pub columns: usize,
    pub rows: usize,
    /// Attractors that only the slice led to; they are named after those of the portrait.
    pub found: Vec<AttractorJson>,
    /// `[row][column]`, smallest `v` first; named as in `starts`.
    pub ends: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContinuumJson {
    pub z: Vec<f64>,
    pub directions: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CycleFamilyJson {
    pub period: usize,
    /// A point of one of them.
    pub z: Vec<f64>,
    pub directions: Vec<Vec<f64>>,
}

/// A duration of the map, and of the recording where its sampling rate is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StepsAndSeconds {
    pub steps: f64,
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixedPointJson {
    pub z: Vec<f64>,
    /// `[re, im]`, largest modulus first.
    pub multipliers: Vec<[f64; 2]>,
    /// `−1 / ln |λ|` of each multiplier; null where nothing decays.
    pub time_constants: Vec<Option<StepsAndSeconds>>,
    /// Steps, and seconds, for one turn of each multiplier; null where it does not turn.
    pub turns: Vec<Option<StepsAndSeconds>>,
    /// `stable`, `saddle`, `unstable`, `marginal`.
    pub stability: String,
    pub unstable_dims: usize,
    /// Lies between linear regions, so that no single Jacobian decides its stability.
    #[serde(default)]
    pub on_border: bool,
    /// Interval arithmetic proves that a fixed point of the map lies here, and no second one beside it; only asked of smooth maps.
    #[serde(default)]
    pub certified: bool,
    pub residual: f64,
    /// In latent coordinates: not for comparison between models. Null where they could not be computed.
    pub henrici_departure: Option<f64>,
    /// `ln ‖J‖`, nats per step.
    pub reactivity: Option<f64>,
    pub peak_amplification: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CycleJson {
    pub period: usize,
    pub points: Vec<Vec<f64>>,
    pub multipliers: Vec<[f64; 2]>,
    pub stability: String,
    pub residual: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttractorJson {
    /// `fixed point`, `cycle`, `limit cycle`, `quasiperiodic`, `chaotic`.
    pub kind: String,
    /// Steps after which a fixed point (1) or cycle is exactly back.
    pub period: Option<usize>,
    /// Mean time of one turn: of cycles, and of orbits that fill a closed curve in order.
    pub turn: Option<StepsAndSeconds>,
    /// Nats per step, largest first; an infinitely strong contraction is null.
    pub lyapunov: Vec<Option<f64>>,
    /// Standard errors; zero where the exponents are those of multipliers.
    pub lyapunov_se: Vec<f64>,
    /// `[re, im]` over one turn, without the trivial one: of a limit cycle of a flow, and empty elsewhere.
    #[serde(default)]
    pub floquet_multipliers: Vec<[f64; 2]>,
    /// Decay of the slowest deviation that decays.
    pub time_constant: Option<StepsAndSeconds>,
    /// Null where the exponents never sum to less than zero.
    pub kaplan_yorke: Option<f64>,
    pub kaplan_yorke_se: Option<f64>,
    pub basin_fraction: f64,
    /// 95 % Wilson interval.
    pub basin_ci: [f64; 2],
    /// Every state closer than this to a point of it ends here, up to rounding; 0 where that was not shown.
    pub certified_radius: f64,
    pub center: Vec<f64>,
    pub extent: f64,
    /// A line, ring or sheet of neutral fixed points: one object.
    pub continuum: bool,
}
