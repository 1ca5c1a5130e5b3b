//! From a subject's files to a series a model can be trained on.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use nullcline_datasets::bids::{scans, sidecar};
use nullcline_datasets::{Dataset, Modality, Recording, RecordingFile, RecordingFilter, SubjectId, prepare};
use nullcline_models::{Series, Split};

use super::Staged;
use crate::outputs::{
    Fingerprint, IngestSummary, OutDir, SCHEMA, Stamp, read_json, read_recording, write_json, write_recording,
};
use crate::plan::{RecordingChoice, RunPlan};

/// A recording that can be trusted, and how it came to be.
#[derive(Clone)]
pub struct Ingested {
    pub subject: SubjectId,
    pub modality: Modality,
    pub recording: Recording,
    pub series: Series,
    pub split: Split,
    pub summary: IngestSummary,
}

/// Reads and cleans the one recording of `subject` that the plan chooses.
pub fn ingest(dataset: &Dataset, subject: &SubjectId, plan: &RunPlan, out: &OutDir) -> Result<Staged<Ingested>> {
    let file = choose_recording(dataset, subject, plan)?;
    let dir = out.subject(subject);
    // What is written has a `desc` of its own.
    let prefix = file.entities.without("desc").prefix();
    let suffix = clean_suffix(file.modality);
    let recording_path = dir.recording_file(file.modality, &prefix, &format!("desc-clean_{suffix}.h5"));
    let summary_path = dir.recording_file(file.modality, &prefix, "desc-ingest_summary.json");
    let sources = sources_of(&file, plan)?;
    let mut fingerprint = Fingerprint::of("ingest").settings(&(&plan.cleaning, &plan.split))?;
    for source in &sources {
        fingerprint = fingerprint.file(source)?;
    }
    let key = fingerprint.key();
    let stamp = dir.stamp("ingest");
    if Stamp::is_current(&stamp, &key)? {
        let value = load(subject, file.modality, read_recording(&recording_path)?, read_json(&summary_path)?)?;
        return Ok(Staged { value, key, worked: false });
    }
    let mut cleaned = prepare(&file, plan.split.train_fraction, &plan.cleaning)?;
    cleaned.steps.extend(gaps(&cleaned.recording));
    let n_times = cleaned.recording.n_times();
    let split = Split::new(n_times, &plan.split).map_err(|error| anyhow!("{error}, in {}", file.path.display()))?;
    let relative = |path: &PathBuf| path.strip_prefix(&dataset.root).unwrap_or(path).display().to_string();
    let summary = IngestSummary {
        schema: SCHEMA,
        subject: subject.to_string(),
        files: sources.iter().map(relative).collect(),
        prefix,
        modality: file.modality.to_string(),
        sampling_rate_hz: cleaned.recording.sample_rate.hz(),
        n_times,
        n_fit: split.fit.len(),
        n_validation: split.validation.len(),
        channels_kept: cleaned.recording.channels.iter().map(|channel| channel.name.clone()).collect(),
        channels_excluded: cleaned.excluded_channels,
        inputs: cleaned.recording.inputs.names.clone(),
        steps: cleaned.steps,
        warnings: cleaned.warnings,
        simple: cleaned.simple,
    };
    let value = load(subject, file.modality, cleaned.recording, summary)?;
    write_recording(&recording_path, &value.recording)?;
    write_json(&summary_path, &value.summary)?;
    Stamp::write(&stamp, &key, &[recording_path, summary_path])?;
    Ok(Staged { value, key, worked: true })
}

/// What is said of samples that are not there: the model is fitted around them.
fn gaps(recording: &Recording) -> Option<String> {
    let (n_missing, n_runs) = (recording.n_missing(), recording.runs.len());
    let missing = format!("{n_missing} of {} samples missing", recording.samples.len());
    match (n_missing, n_runs) {
        (0, 0 | 1) => None,
        (0, _) => Some(format!("{n_runs} runs, modelled without a step from one into the next")),
        (_, 0 | 1) => Some(format!("{missing}, left out of the likelihood")),
        _ => {
            Some(format!("{missing}, left out of the likelihood; {n_runs} runs, without a step from one into the next"))
        }
    }
}

/// The recording that an earlier run left in `out`.
pub fn reopen(out: &OutDir, subject: &SubjectId, modality: Modality, prefix: &str) -> Result<Ingested> {
    let dir = out.subject(subject);
    let suffix = clean_suffix(modality);
    let recording = read_recording(&dir.recording_file(modality, prefix, &format!("desc-clean_{suffix}.h5")))?;
    let summary = read_json(&dir.recording_file(modality, prefix, "desc-ingest_summary.json"))?;
    load(subject, modality, recording, summary)
}

fn clean_suffix(modality: Modality) -> &'static str {
    match modality {
        Modality::Eeg => "eeg",
        Modality::Meg => "meg",
        Modality::Bold => "timeseries",
        Modality::Spikes => "counts",
    }
}

fn choose_recording(dataset: &Dataset, subject: &SubjectId, plan: &RunPlan) -> Result<RecordingFile> {
    let RecordingChoice { task, session, run, entities } = plan.recordings.clone();
    let filter = RecordingFilter { task, session, run, entities };
    let atlas = plan.cleaning.bold.atlas.as_deref();
    let mut found = scans::suited(dataset.recordings_of(subject, &filter)?, atlas);
    if found.is_empty()
        && let Some(hidden) = dataset.ignored_recordings_of(subject, &filter)?.first()
    {
        let path = hidden.path.strip_prefix(&dataset.root).unwrap_or(&hidden.path);
        bail!("need a recording that .bidsignore does not hide, found only hidden ones, such as {}", path.display());
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => bail!(
            "need a recording (EEG, MEG, ROI series, a preprocessed scan or sorted spikes), found none in {}",
            dataset.root.join(subject.to_string()).display()
        ),
        n => {
            let names: Vec<String> = found.iter().map(|file| file.entities.prefix()).collect();
            bail!(
                "need one recording, found {n} ({}); choose with --task-label, --session-label, --run-label or --entity",
                names.join(", ")
            )
        }
    }
}

/// The recording and every file beside it that has a say.
fn sources_of(file: &RecordingFile, plan: &RunPlan) -> Result<Vec<PathBuf>> {
    let mut sources = file.data_files();
    sources.extend(sidecar(&file.path)?.files);
    sources.extend(file.channels_path());
    sources.extend(file.events_path());
    if file.modality == Modality::Bold {
        sources.extend(file.confounds_path());
    }
    if file.is_scan() {
        sources.extend(file.brain_mask_path());
        sources.extend(plan.cleaning.bold.atlas.clone());
    }
    Ok(sources)
}

fn load(subject: &SubjectId, modality: Modality, recording: Recording, summary: IngestSummary) -> Result<Ingested> {
    let series = Series::new(
        recording.samples.clone(),
        recording.n_channels(),
        recording.inputs.values.clone(),
        recording.inputs.names.len(),
    )?;
    let runs: Vec<usize> = recording.runs.iter().map(|run| run.samples.len()).collect();
    let series = if runs.len() > 1 { series.with_trials(&runs)? } else { series };
    // As it was made, whatever the settings are now.
    let split = Split::from_lengths(summary.n_fit, summary.n_validation, series.n_times())?;
    Ok(Ingested { subject: subject.clone(), modality, recording, series, split, summary })
}
