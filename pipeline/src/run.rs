//! A run: participant level for each subject, group level over all of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use nullcline_datasets::{Dataset, Participants, SubjectId};
use rayon::prelude::*;

use crate::cores;
use crate::one_line::one_line;
use crate::outputs::{Exclusion, Fingerprint, OutDir, SCHEMA, SubjectStatus, read_json, write_if_changed, write_json};
use crate::plan::RunPlan;
use crate::progress::Progress;
use crate::stages::{
    Cohort, Groups, Ingested, Staged, Trained, analyse, compare, describe_attractors, ingest, judge, report_group,
    report_subject, settle_groups, train,
};

/// How a run ended, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Complete,
    WithExclusions,
    Nothing,
}

pub struct Resources {
    pub n_cpus: usize,
    pub mem_mb: Option<usize>,
}

/// One model in training, with its data, stays below this.
const MODEL_MB: usize = 400;

impl Resources {
    fn n_threads(&self) -> usize {
        let by_memory = self.mem_mb.map_or(usize::MAX, |mb| mb / MODEL_MB);
        self.n_cpus.min(by_memory).max(1)
    }
}

/// Ingest → train → judge → analyse → report for the chosen subjects, in parallel over subjects × refits.
///
/// A subject that fails is an exclusion, written down with its reason; the others go on. `Err` means that
/// nothing could be asked of any subject, or that results cannot be written.
pub fn participant_level(
    bids_dir: &Path,
    out_dir: &Path,
    work_dir: Option<&Path>,
    labels: &[SubjectId],
    plan: &RunPlan,
    resources: &Resources,
) -> Result<Outcome> {
    let dataset = Dataset::open(bids_dir)?;
    let subjects = chosen(&dataset, labels)?;
    if std::fs::canonicalize(out_dir).ok() == std::fs::canonicalize(bids_dir).ok() {
        bail!("need a folder of its own for the results, found the data set itself: {}", out_dir.display());
    }
    let out = OutDir::create(out_dir, work_dir)?;
    keep_cohort(&dataset, &out)?;
    write_if_changed(&out.log("run.toml"), plan.to_toml().as_bytes())?;
    let groups = settle_groups(&dataset.participants, &plan.compare).ok();
    let finished = cores::pool(resources.n_threads())?.install(|| {
        let ingested: Vec<Result<Staged<Ingested>>> =
            subjects.par_iter().map(|subject| ingest(&dataset, subject, plan, &out)).collect();
        let refits = train_all(&ingested, plan, &out);
        let work: Vec<_> = subjects.iter().zip(ingested).zip(refits).collect();
        work.into_par_iter()
            .map(|((subject, ingested), refits)| {
                let (status, mut worked) = finish_subject(subject, ingested, refits, plan, &out);
                let path = out.subject(subject).status();
                if read_json::<SubjectStatus>(&path).ok().as_ref() != Some(&status) {
                    write_json(&path, &status)?;
                    worked = true;
                }
                let column = groups.as_ref().map(|groups| groups.column.as_str());
                worked |= report_subject(&out, subject, &dataset.participants, column, plan)
                    .with_context(|| format!("the page of {subject}"))?;
                Ok((status, worked))
            })
            .collect::<Result<Vec<(SubjectStatus, bool)>>>()
    })?;
    Ok(tell_participants(&out, &finished))
}

fn chosen(dataset: &Dataset, labels: &[SubjectId]) -> Result<Vec<SubjectId>> {
    if labels.is_empty() {
        return Ok(dataset.subjects.clone());
    }
    if let Some(missing) = labels.iter().find(|label| !dataset.subjects.contains(label)) {
        bail!("need a subject {missing}, found no such folder or row in {}", dataset.root.display());
    }
    let mut chosen = labels.to_vec();
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

/// participants.tsv and the name of the data set, so that the group level needs OUT_DIR alone.
fn keep_cohort(dataset: &Dataset, out: &OutDir) -> Result<()> {
    let source = dataset.participants_path.clone();
    // As bytes: whatever encoding the table is in, the same reader will read the copy.
    let table = std::fs::read(&source).with_context(|| format!("need {}", source.display()))?;
    write_if_changed(&out.root().join("participants.tsv"), &table)?;
    write_if_changed(&out.log("dataset_name.txt"), dataset.name.as_bytes())
}

type Refits = Vec<Result<Staged<Trained>>>;

/// Every refit of every subject that could be read; the order of the work does not show in any result.
fn train_all(ingested: &[Result<Staged<Ingested>>], plan: &RunPlan, out: &OutDir) -> Vec<Refits> {
    let jobs: Vec<(usize, &Staged<Ingested>, usize)> = ingested
        .iter()
        .enumerate()
        .filter_map(|(at, ingested)| Some((at, ingested.as_ref().ok()?)))
        .flat_map(|(at, ingested)| (1..=plan.refits).map(move |refit| (at, ingested, refit)))
        .collect();
    let epochs = plan.train.epochs;
    let progress = Progress::new(jobs.len(), epochs);
    let trained: Vec<(usize, Result<Staged<Trained>>)> = jobs
        .par_iter()
        // One model at a time for each thread: long jobs at the end would leave the other threads idle.
        .with_max_len(1)
        .map(|(at, ingested, refit)| {
            let subject = ingested.value.subject.to_string();
            let watch = |event: crate::stages::TrainingEvent<'_>| {
                progress.training(&subject, *refit, epochs, jobs.len(), &event);
            };
            (*at, train(ingested, *refit, plan, out, &watch))
        })
        .collect();
    progress.finish();
    let mut by_subject: Vec<Refits> = ingested.iter().map(|_| Vec::new()).collect();
    for (at, trained) in trained {
        by_subject[at].push(trained);
    }
    by_subject
}

/// The later stages of one subject, and how it ended.
fn finish_subject(
    subject: &SubjectId,
    ingested: Result<Staged<Ingested>>,
    refits: Refits,
    plan: &RunPlan,
    out: &OutDir,
) -> (SubjectStatus, bool) {
    let mut status = SubjectStatus {
        schema: SCHEMA,
        subject: subject.to_string(),
        recording: None,
        settings: settings_of(plan),
        finished: None,
        excluded: None,
        n_refits: plan.refits,
        n_faithful: 0,
        attractors: String::new(),
    };
    let exclude =
        |stage: &str, error: anyhow::Error| Some(Exclusion { stage: stage.to_string(), reason: one_line(&error) });
    let ingested = match ingested {
        Ok(ingested) => ingested,
        Err(error) => {
            status.excluded = exclude("ingest", error);
            return (status, false);
        }
    };
    status.recording = Some((ingested.value.modality, ingested.value.summary.prefix.clone()));
    status.finished = Some("ingest".to_string());
    let mut worked = ingested.worked;
    let refits: Vec<Staged<Trained>> = match refits.into_iter().collect() {
        Ok(refits) => refits,
        Err(error) => {
            status.excluded = exclude("train", error);
            return (status, worked);
        }
    };
    status.finished = Some("train".to_string());
    worked |= refits.iter().any(|refit| refit.worked);
    let judged = match judge(&ingested, &refits, plan, out) {
        Ok(judged) => judged,
        Err(error) => {
            status.excluded = exclude("judge", error);
            return (status, worked);
        }
    };
    status.finished = Some("judge".to_string());
    worked |= judged.worked;
    let summary = &judged.value.summary;
    status.n_faithful = summary.refits.iter().filter(|refit| refit.is_faithful()).count();
    if status.n_faithful == 0 {
        let reasons: BTreeMap<&str, usize> = summary.refits.iter().fold(BTreeMap::new(), |mut counts, refit| {
            *counts.entry(refit.reason.as_str()).or_default() += 1;
            counts
        });
        let listed: Vec<&str> = reasons.into_keys().collect();
        let error = anyhow!("none of {} models reproduces the held-out recording ({})", plan.refits, listed.join("; "));
        status.excluded = exclude("judge", error);
    }
    match analyse(&ingested, &refits, &judged, plan, out) {
        Ok(analysed) => {
            status.finished = Some("analyse".to_string());
            worked |= analysed.worked;
            let best = analysed.value.summary.refits.iter().find(|refit| Some(refit.refit) == summary.best_refit);
            status.attractors = best.map(|best| describe_attractors(&best.portrait)).unwrap_or_default();
        }
        Err(error) => status.excluded = status.excluded.or(exclude("analyse", error)),
    }
    (status, worked)
}

/// What makes two subjects' models comparable: all settings but those of the comparison.
fn settings_of(plan: &RunPlan) -> String {
    let alike = RunPlan { compare: Default::default(), ..plan.clone() };
    // A plan is plain data; were it not, no two subjects would count as alike.
    Fingerprint::of("settings").settings(&alike).map(Fingerprint::key).unwrap_or_default()
}

fn tell_participants(out: &OutDir, finished: &[(SubjectStatus, bool)]) -> Outcome {
    let excluded: Vec<&SubjectStatus> =
        finished.iter().map(|(status, _)| status).filter(|s| s.excluded.is_some()).collect();
    for status in &excluded {
        if let Some(exclusion) = &status.excluded {
            tracing::warn!("{} is excluded at {}: {}", status.subject, exclusion.stage, exclusion.reason);
        }
    }
    let n = finished.len();
    let worked = finished.iter().filter(|(_, worked)| *worked).count();
    match worked {
        0 => tracing::info!("nothing to do: {n} subjects are up to date in {}", out.root().display()),
        _ => tracing::info!(
            "{worked} of {n} subjects worked on, {} excluded; pages in {}",
            excluded.len(),
            out.root().display()
        ),
    }
    match excluded.len() {
        0 => Outcome::Complete,
        all if all == n => Outcome::Nothing,
        _ => Outcome::WithExclusions,
    }
}

/// Takes over participants.tsv as it is now in the data set: a diagnosis may have been corrected since.
pub fn refresh_cohort(bids_dir: &Path, out_dir: &Path, work_dir: Option<&Path>) -> Result<()> {
    let dataset = Dataset::open(bids_dir)?;
    let out = OutDir::open(out_dir, work_dir);
    if out.root().is_dir() {
        keep_cohort(&dataset, &out)?;
    }
    Ok(())
}

/// What the group level found, for the last lines of a run.
pub struct GroupResult {
    pub outcome: Outcome,
    pub report: PathBuf,
    pub findings: Vec<String>,
    pub worked: bool,
}

/// Compare → report, over what participant level left in `out_dir`.
pub fn group_level(out_dir: &Path, work_dir: Option<&Path>, plan: &RunPlan) -> Result<GroupResult> {
    let finished = OutDir::open(out_dir, work_dir).finished_subjects()?;
    if finished.is_empty() {
        bail!("need subjects finished at participant level, found none in {}", out_dir.display());
    }
    let out = OutDir::create(out_dir, work_dir)?;
    let participants = Participants::read(&out.root().join("participants.tsv"))?;
    let dataset = std::fs::read_to_string(out.log("dataset_name.txt")).unwrap_or_default();
    let groups = settle_groups(&participants, &plan.compare)?;
    tell_groups(&groups);
    // A subject listed but never run is shown as such; one run but not listed belongs to no group.
    let mut subjects: Vec<SubjectId> = participants.subjects().cloned().chain(finished).collect();
    subjects.sort();
    subjects.dedup();
    let compared = compare(&out, &participants, &groups, plan)?;
    let cohort = Cohort { dataset: &dataset, participants: &participants, subjects: &subjects, groups: &groups };
    let (report, rendered, findings) = report_group(&out, &cohort, &compared, plan)?;
    let excluded = subjects
        .iter()
        .filter(|subject| {
            read_json::<SubjectStatus>(&out.subject(subject).status()).map_or(true, |s| s.excluded.is_some())
        })
        .count();
    let outcome = match (&compared.value.not_compared, excluded) {
        (Some(reason), _) => {
            tracing::error!("the groups could not be compared: {reason}");
            Outcome::Nothing
        }
        (None, 0) => Outcome::Complete,
        (None, _) => Outcome::WithExclusions,
    };
    let worked = compared.worked || rendered;
    if !worked {
        tracing::info!("nothing to do: the comparison in {} is up to date", out.root().display());
    }
    Ok(GroupResult { outcome, report, findings, worked })
}

fn tell_groups(groups: &Groups) {
    for guess in &groups.guesses {
        tracing::info!("guessed: {guess}");
    }
    let adjusted = match groups.covariates.as_slice() {
        [] => "not adjusted for anything".to_string(),
        names => format!("adjusted for {}", names.join(", ")),
    };
    tracing::info!("comparing {:?} with {:?} ({}), {adjusted}", groups.other, groups.control, groups.column);
}

/// Writes every page again from what is on disk.
pub fn report_level(out_dir: &Path, work_dir: Option<&Path>, plan: &RunPlan) -> Result<Vec<PathBuf>> {
    let out = OutDir::create(out_dir, work_dir)?;
    let participants = Participants::read(&out.root().join("participants.tsv"))?;
    let groups = settle_groups(&participants, &plan.compare).ok();
    let mut pages = Vec::new();
    for subject in out.finished_subjects()? {
        let dir = out.subject(&subject);
        let _ = std::fs::remove_file(dir.stamp("report"));
        report_subject(&out, &subject, &participants, groups.as_ref().map(|groups| groups.column.as_str()), plan)?;
        pages.push(dir.report());
    }
    if pages.is_empty() {
        bail!("need subjects finished at participant level, found none in {}", out_dir.display());
    }
    if groups.is_some() && out.group_file("group_desc-comparison_statistics.json").exists() {
        let _ = std::fs::remove_file(out.log("group/report.json"));
        pages.push(group_level(out_dir, work_dir, plan)?.report);
    }
    Ok(pages)
}

/// The settings a finished OUT_DIR was made with.
pub fn plan_of(out_dir: &Path) -> Result<RunPlan> {
    let path = OutDir::open(out_dir, None).log("run.toml");
    match path.exists() {
        true => RunPlan::read(&path),
        false => Ok(RunPlan::default()),
    }
}
