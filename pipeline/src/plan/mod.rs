//! Every scientific choice of a run, complete, in one value that can be written down.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use nullcline_datasets::CleaningPlan;
use nullcline_dynamics::{AttractorPlan, CycleSearchPlan, FixedPointPlan, PortraitPlan};
use nullcline_models::SplitPlan;
use nullcline_models::judging::JudgePlan;
use nullcline_models::training::TrainPlan;
use serde::{Deserialize, Serialize};

mod check;
mod model_choice;

pub use model_choice::{EncoderChoice, ModelChoice, ObservationChoice};

/// A run file (`--config run.toml`) sets any of these; what it leaves out has its default, and
/// `OUT/logs/run.toml` shows all of them as they were used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunPlan {
    pub seed: u64,
    /// Models trained per subject, each with its own seed.
    pub refits: usize,
    pub recordings: RecordingChoice,
    pub cleaning: CleaningPlan,
    pub split: SplitPlan,
    pub model: ModelChoice,
    pub train: TrainPlan,
    pub judge: JudgePlan,
    pub analyse: AnalysePlan,
    pub compare: ComparePlan,
}

impl Default for RunPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            refits: 3,
            recordings: RecordingChoice::default(),
            cleaning: CleaningPlan::default(),
            split: SplitPlan::default(),
            model: ModelChoice::default(),
            train: TrainPlan::default(),
            judge: JudgePlan::default(),
            analyse: AnalysePlan::default(),
            compare: ComparePlan::default(),
        }
    }
}

/// Which of a subject's recordings is used: exactly one must be left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingChoice {
    pub task: Option<String>,
    pub session: Option<String>,
    pub run: Option<String>,
    /// Other entities of the file name, such as `seg = "Schaefer200"`.
    pub entities: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysePlan {
    /// Encoded states of the recording from which orbits are started; basins are shares of these.
    pub starts: usize,
    pub transient: usize,
    pub steps: usize,
    /// Fixed points: decide every pattern of the hidden units when there are no more than this,
    pub max_patterns: usize,
    /// else divide space into at most this many boxes,
    pub max_boxes: usize,
    /// else list every linear region when there are no more than this.
    pub max_regions: usize,
    /// Linear systems solved at most by the search where enumeration is out of reach.
    pub max_solves: usize,
    /// The longest period of cycles looked for.
    pub max_period: usize,
    /// Polygons followed at most, in one and two dimensions, where the list of cycles is complete.
    pub max_polygons: usize,
    /// Steps composed at most by the search for cycles elsewhere.
    pub max_cycle_steps: usize,
    /// Columns and rows of the picture of the basins on the subject's page; 0 for no picture.
    pub picture_cells: usize,
}

impl Default for AnalysePlan {
    fn default() -> Self {
        Self {
            starts: 100,
            transient: 1000,
            steps: 1000,
            max_patterns: 1 << 20,
            max_boxes: 50_000,
            max_regions: 4096,
            max_solves: 20_000,
            max_period: 100,
            max_polygons: 1_000_000,
            max_cycle_steps: 100_000,
            picture_cells: 48,
        }
    }
}

impl AnalysePlan {
    pub fn portrait_plan(&self, latent_dim: usize) -> PortraitPlan {
        PortraitPlan {
            fixed_points: FixedPointPlan {
                max_regions: self.max_regions,
                max_patterns: self.max_patterns,
                max_boxes: self.max_boxes,
                max_solves: self.max_solves,
                residual_tolerance: 1e-10,
                merge_distance: 1e-9,
                marginal_tolerance: 1e-6,
            },
            cycles: CycleSearchPlan {
                max_period: self.max_period,
                max_polygons: self.max_polygons,
                max_steps: self.max_cycle_steps,
                residual_tolerance: 1e-10,
                merge_distance: 1e-6,
                marginal_tolerance: 1e-6,
            },
            attractors: AttractorPlan {
                transient: self.transient,
                steps: self.steps,
                extra_rounds: 3,
                divergence_bound: 1e6,
                max_period: 200.min(self.steps / 2),
                arrival_distance: 1e-6,
                merge_distance: 0.05,
                exponent_steps: 20_000,
                neutral_growth: 5.0,
                marginal_tolerance: 1e-6,
                n_exponents: latent_dim,
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComparePlan {
    /// Column of participants.tsv that names the group; guessed only when just one has two values.
    pub group_column: Option<String>,
    /// The reference level of that column.
    pub control: Option<String>,
    /// The level compared with it; needed only where the column has more than two.
    pub versus: Option<String>,
    /// Columns to adjust for. Absent: `age` (or `age_days`) and `sex`, as far as they are there.
    pub covariates: Option<Vec<String>>,
    pub permutations: usize,
    pub alpha: f64,
    pub min_per_group: usize,
}

impl Default for ComparePlan {
    fn default() -> Self {
        Self {
            group_column: None,
            control: None,
            versus: None,
            covariates: None,
            permutations: 5000,
            alpha: 0.05,
            min_per_group: 3,
        }
    }
}

impl RunPlan {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("need a run file in TOML, could not read {}", path.display()))?;
        let plan: Self = toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            anyhow::anyhow!("{message}, in line {line} of {}", path.display())
        })?;
        plan.checked()
    }

    /// The settings in `text`, the others as they are by default.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str::<Self>(text)?.checked()
    }

    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a plan is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_plan_reads_back_as_itself() {
        let plan = RunPlan::default();
        assert_eq!(toml::from_str::<RunPlan>(&plan.to_toml()).unwrap(), plan);
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "refits = 2\nlearning_rat = 3\n").unwrap();
        let message = RunPlan::read(&path).unwrap_err().to_string();
        assert!(message.contains("learning_rat") && message.contains("line 2"), "{message}");
    }
}
