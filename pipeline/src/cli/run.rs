//! `nullcline run`: the chain on a data set.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use nullcline_datasets::SubjectId;

use super::say;
use crate::cores;
use crate::plan::RunPlan;
use crate::run::{
    GroupResult, Outcome, Resources, group_level, participant_level, plan_of, refresh_cohort, report_level,
};

/// Run the chain on a BIDS data set, at participant or group level
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline run study/ out/ participant --config workflows/eeg-schizophrenia.toml --n-cpus 4
  nullcline run study/ out/ participant --participant-label 01 --participant-label 02
  nullcline run study/ out/ group --group-column diagnosis --control healthy

Participant level reads, trains, judges and analyses each subject; a second call does only what is missing,
and an interrupted one continues. Group level compares what it finds in OUT_DIR and writes
OUT_DIR/group/report.html. Spike counts are made in bins of cleaning.spikes.bin_secs (default 0.1 s).")]
pub struct RunArguments {
    /// BIDS data set, raw or derivative
    bids_dir: PathBuf,
    /// Folder for the results, made if it is not there
    out_dir: PathBuf,
    level: Level,
    /// Only these subjects, with or without `sub-`
    #[arg(long, num_args = 1.., value_name = "LABEL")]
    participant_label: Vec<SubjectId>,
    /// Run file (TOML); see workflows/
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for checkpoints (default: OUT_DIR/work)
    #[arg(short, long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Models trained at the same time (default: all cores)
    #[arg(long, alias = "nprocs", value_name = "N")]
    n_cpus: Option<usize>,
    /// Memory that may be used, in MB: limits how many models are trained at the same time
    #[arg(long, value_name = "MB")]
    mem_mb: Option<usize>,
    /// Seed of every random draw
    #[arg(long, value_name = "N")]
    random_seed: Option<u64>,
    /// Models trained per subject
    #[arg(long, value_name = "N")]
    refits: Option<usize>,
    /// Only recordings of this task
    #[arg(long, visible_alias = "task", value_name = "LABEL")]
    task_label: Option<String>,
    /// Only recordings of this session
    #[arg(long, value_name = "LABEL")]
    session_label: Option<String>,
    /// Only this run
    #[arg(long, value_name = "LABEL")]
    run_label: Option<String>,
    /// Only recordings with this entity in their name, such as seg=Schaefer200
    #[arg(long, value_name = "KEY=LABEL", value_parser = entity)]
    entity: Vec<(String, String)>,
    /// Width of spike-count bins, in seconds
    #[arg(long, value_name = "SECS")]
    bin_secs: Option<f64>,
    /// Atlas for scans that do not come as ROI series: label or probabilistic NIfTI, or CIFTI dlabel
    #[arg(long, value_name = "FILE")]
    atlas: Option<PathBuf>,
    #[command(flatten)]
    groups: GroupArguments,
    /// Accepted for compatibility: only what is needed is checked, always
    #[arg(long)]
    skip_bids_validation: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Participant,
    Group,
}

#[derive(Args)]
struct GroupArguments {
    /// Column of participants.tsv that names the group
    #[arg(long, value_name = "COLUMN")]
    group_column: Option<String>,
    /// Reference level of the group column
    #[arg(long, value_name = "LEVEL")]
    control: Option<String>,
    /// Level compared with it, where there are more than two
    #[arg(long, value_name = "LEVEL")]
    versus: Option<String>,
    /// Columns to adjust for (default: age and sex where they are there)
    #[arg(long, value_name = "COLUMN", num_args = 0..)]
    covariates: Option<Vec<String>>,
}

impl GroupArguments {
    fn apply(&self, plan: &mut RunPlan) {
        let GroupArguments { group_column, control, versus, covariates } = self;
        let compare = &mut plan.compare;
        compare.group_column = group_column.clone().or(compare.group_column.take());
        compare.control = control.clone().or(compare.control.take());
        compare.versus = versus.clone().or(compare.versus.take());
        compare.covariates = covariates.clone().or(compare.covariates.take());
    }
}

fn entity(text: &str) -> Result<(String, String), String> {
    let (key, label) = text.split_once('=').ok_or("need KEY=LABEL")?;
    Ok((key.to_owned(), label.to_owned()))
}

pub fn run(arguments: &RunArguments) -> Result<Outcome> {
    let RunArguments { bids_dir, out_dir, work_dir, .. } = arguments;
    let mut plan = match (&arguments.config, arguments.level) {
        (Some(path), _) => RunPlan::read(path)?,
        (None, Level::Participant) => RunPlan::default(),
        // What the participants were run with, unless another file is named.
        (None, Level::Group) => plan_of(out_dir)?,
    };
    plan.seed = arguments.random_seed.unwrap_or(plan.seed);
    plan.refits = arguments.refits.unwrap_or(plan.refits);
    let recordings = &mut plan.recordings;
    recordings.task = arguments.task_label.clone().or(recordings.task.take());
    recordings.session = arguments.session_label.clone().or(recordings.session.take());
    recordings.run = arguments.run_label.clone().or(recordings.run.take());
    recordings.entities.extend(arguments.entity.iter().cloned());
    plan.cleaning.spikes.bin_secs = arguments.bin_secs.unwrap_or(plan.cleaning.spikes.bin_secs);
    plan.cleaning.bold.atlas = arguments.atlas.clone().or(plan.cleaning.bold.atlas);
    arguments.groups.apply(&mut plan);
    let plan = plan.checked()?;
    match arguments.level {
        Level::Participant => {
            let n_cpus = arguments.n_cpus.unwrap_or_else(cores::available);
            let resources = Resources { n_cpus, mem_mb: arguments.mem_mb };
            participant_level(bids_dir, out_dir, work_dir.as_deref(), &arguments.participant_label, &plan, &resources)
        }
        Level::Group => {
            refresh_cohort(bids_dir, out_dir, work_dir.as_deref())?;
            tell(group_level(out_dir, work_dir.as_deref(), &plan)?)
        }
    }
}

/// A finished OUT_DIR, and how to look at it.
#[derive(Args)]
struct FinishedRun {
    /// Folder that participant level wrote
    out_dir: PathBuf,
    /// Run file (TOML) instead of the settings that OUT_DIR was made with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    groups: GroupArguments,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl FinishedRun {
    fn plan(&self) -> Result<RunPlan> {
        let mut plan = match &self.config {
            Some(path) => RunPlan::read(path)?,
            None => plan_of(&self.out_dir)?,
        };
        self.groups.apply(&mut plan);
        plan.checked()
    }
}

/// Compare the groups of a finished OUT_DIR again
#[derive(Args)]
#[command(after_help = "Example:
  nullcline compare out/ --group-column sex --control F --covariates age")]
pub struct CompareArguments {
    #[command(flatten)]
    finished: FinishedRun,
}

pub fn compare(CompareArguments { finished }: &CompareArguments) -> Result<Outcome> {
    let result = group_level(&finished.out_dir, None, &finished.plan()?)?;
    if finished.json {
        let path = finished.out_dir.join("group/group_desc-comparison_statistics.json");
        super::print_json(&crate::outputs::read_json::<serde_json::Value>(&path)?)?;
        return Ok(result.outcome);
    }
    tell(result)
}

/// Write the pages of a finished OUT_DIR again
#[derive(Args)]
#[command(after_help = "Example:
  nullcline report out/")]
pub struct ReportArguments {
    #[command(flatten)]
    finished: FinishedRun,
}

pub fn report(ReportArguments { finished }: &ReportArguments) -> Result<Outcome> {
    let pages = report_level(&finished.out_dir, None, &finished.plan()?)?;
    match finished.json {
        true => super::print_json(&serde_json::json!({ "pages": pages }))?,
        false => pages.iter().try_for_each(|page| say!("{}", page.display()))?,
    }
    Ok(Outcome::Complete)
}

pub fn tell(result: GroupResult) -> Result<Outcome> {
    for finding in &result.findings {
        say!("{finding}")?;
    }
    say!("report: {}", result.report.display())?;
    Ok(result.outcome)
}
