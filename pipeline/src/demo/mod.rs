//! The whole chain on a simulated cohort whose difference is known.

mod circuit;
mod cohort;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

pub use cohort::{CohortPlan, View, write_cohort};

use crate::cli::say;
use crate::cores;
use crate::plan::RunPlan;
use crate::run::{Outcome, Resources, group_level, participant_level};

/// Run a simulated cohort with a known difference through the whole chain
#[derive(Args)]
#[command(after_help = "Example:
  nullcline demo --view eeg --out demo/

Controls have a two-population circuit that remembers the last cue (two attractors), patients one that
forgets it (one attractor). Writes a BIDS data set to OUT/bids and the results to OUT/results.")]
pub struct DemoArguments {
    /// Folder to write into
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    /// What the circuit is seen through
    #[arg(long, value_enum, default_value = "spikes")]
    view: View,
    #[arg(long, value_name = "N", default_value_t = 6)]
    subjects_per_group: usize,
    #[arg(long, value_name = "N")]
    n_cpus: Option<usize>,
    #[arg(long, value_name = "N", default_value_t = 1)]
    random_seed: u64,
}

pub fn demo(arguments: &DemoArguments) -> Result<Outcome> {
    if arguments.subjects_per_group < 2 {
        bail!("need at least 2 subjects per group, found {}", arguments.subjects_per_group);
    }
    let (bids, results) = (arguments.out.join("bids"), arguments.out.join("results"));
    let cohort = CohortPlan {
        view: arguments.view,
        subjects_per_group: arguments.subjects_per_group,
        secs: if arguments.view == View::Bold { 1200.0 } else { 300.0 },
        seed: arguments.random_seed,
    };
    if bids.exists() {
        let description = std::fs::read_to_string(bids.join("dataset_description.json")).unwrap_or_default();
        if !description.contains(cohort::DATASET_NAME) {
            bail!("need a folder of its own for the demo, found something else in {}", bids.display());
        }
        std::fs::remove_dir_all(&bids)?;
    }
    tracing::info!(
        "simulating {} subjects seen through {:?} into {}",
        2 * cohort.subjects_per_group,
        cohort.view,
        bids.display()
    );
    write_cohort(&bids, &cohort)?;
    let plan = demo_plan(arguments.view, arguments.random_seed)?;
    let resources = Resources { n_cpus: arguments.n_cpus.unwrap_or_else(cores::available), mem_mb: None };
    let participants = participant_level(&bids, &results, None, &[], &plan, &resources)?;
    let group = group_level(&results, None, &plan)?;
    for finding in group.findings.iter().take(3) {
        say!("{finding}")?;
    }
    say!("report: {}", group.report.display())?;
    Ok(match (participants, group.outcome) {
        (Outcome::Complete, Outcome::Complete) => Outcome::Complete,
        (_, Outcome::Nothing) => Outcome::Nothing,
        _ => Outcome::WithExclusions,
    })
}

/// Small models and short training: the demo is a demonstration.
fn demo_plan(view: View, seed: u64) -> Result<RunPlan> {
    let mut plan = RunPlan { seed, refits: 2, ..RunPlan::default() };
    plan.model.latent_dim = 3;
    plan.model.hidden_dim = 16;
    plan.model.components = 4;
    plan.model.encoder_kernel = 5;
    plan.model.encoder_hidden = 16;
    plan.train.epochs = 30;
    plan.train.batches_per_epoch = 30;
    plan.train.sequence_length = 50;
    plan.train.learning_rate = [1e-2, 5e-4];
    plan.compare.group_column = Some("group".to_string());
    plan.compare.permutations = 2000;
    plan.analyse.starts = 60;
    match view {
        View::Spikes => plan.cleaning.spikes.bin_secs = 0.1,
        // Memory is a constant difference: a high-pass filter would remove it.
        View::Eeg => {
            plan.cleaning.eeg.band_hz = None;
            plan.cleaning.eeg.average_reference = false;
        }
        View::Bold => {
            plan.train.sequence_length = 30;
            plan.judge.prediction_steps = 5;
        }
    }
    plan.checked()
}
