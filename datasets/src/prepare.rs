//! From a file in a dataset to a clean recording, inputs included.

use crate::bids::{RecordingFile, Sidecar, events, sidecar};
use crate::cleaning::channels::same_channel;
use crate::cleaning::confounds::nuisance_of;
use crate::cleaning::{Cleaned, CleaningContext, CleaningError, CleaningPlan, TrialUse, clean};
use crate::readers::error::one_line;
use crate::readers::{ReadError, read};
use crate::recording::majority::most_common;
use crate::recording::{Inputs, Modality, Raw, Signals};
use crate::volumes::read_scan;

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cleaning(#[from] CleaningError),
}

/// Reads `file` with its sidecar, channels and events tables, and cleans it.
///
/// `train_fraction` in (0, 1] is the first part of the recording, which alone sets the standardisation.
pub fn prepare(file: &RecordingFile, train_fraction: f64, plan: &CleaningPlan) -> Result<Cleaned, PrepareError> {
    let sidecar = sidecar(&file.path)?;
    let mut context = CleaningContext::of(file, &sidecar, train_fraction)?;
    let raw = match file.is_scan() {
        true => Raw::Signals(read_scan(file, &sidecar, &plan.bold)?),
        false => read(file, &sidecar)?,
    };
    if let Raw::Signals(signals) = &raw {
        context.nuisance = nuisance_of(file, signals, &plan.bold.confounds)?;
    }
    let mut warnings = context.warnings.clone();
    let recorded = match &raw {
        Raw::Signals(signals) => {
            warnings.extend(disagreements(signals, &sidecar, &context, file.is_scan()));
            signals.recorded.clone()
        }
        Raw::Spikes(trains) => trains.observed.clone(),
    };
    let mut cleaned = clean(raw, &context, plan)?;
    cleaned.warnings.splice(0..0, warnings);
    if let Some(events) = &context.events {
        let (n, of) = (events::n_outside(events, &recorded, cleaned.recording.sample_rate), events.len());
        if n > 0 {
            cleaned.warnings.push(format!("{n} of {of} rows of the events table lie outside the recording."));
        }
        let recording = &mut cleaned.recording;
        recording.inputs = events::boxcars(events, recording.sample_rate, &recording.runs);
    }
    let is_cut = plan.spikes.trials == TrialUse::Cut;
    cleaned.warnings.extend(constant_inputs(&cleaned.recording.inputs, is_cut));
    Ok(cleaned)
}

/// Inputs that are the same at every sample; where only trials are left, being in one is.
fn constant_inputs(inputs: &Inputs, is_cut: bool) -> Vec<String> {
    let n = inputs.n_inputs();
    let column = |k: usize| inputs.values.iter().skip(k).step_by(n);
    let says_nothing = |k: &usize| column(*k).all(|value| Some(value) == inputs.values.get(*k));
    let constant = (0..n).filter(says_nothing).filter(|_| !is_cut && !inputs.values.is_empty());
    constant
        .map(|k| format!("The input {} is {} at every sample and tells nothing.", inputs.names[k], inputs.values[k]))
        .collect()
}

/// Where the tables beside a recording say otherwise than the recording itself.
fn disagreements(signals: &Signals, sidecar: &Sidecar, context: &CleaningContext, is_scan: bool) -> Vec<String> {
    let is_sensors = matches!(signals.modality, Modality::Eeg | Modality::Meg);
    let rate_bits = most_common(signals.channels.iter().map(|channel| channel.sample_rate.hz().to_bits()));
    let mut found: Vec<String> = Vec::new();
    if is_sensors && !is_scan {
        found.extend(rate_bits.and_then(|bits| sidecar.rate_conflict(f64::from_bits(bits))));
    }
    let is_there = |listed: &&String| signals.channels.iter().any(|channel| same_channel(listed, &channel.name));
    let strangers: Vec<&str> =
        context.listed_channels.iter().filter(|listed| !is_there(listed)).map(String::as_str).collect();
    if is_sensors && !strangers.is_empty() {
        const SHOWN: usize = 10;
        let (n, of) = (strangers.len(), context.listed_channels.len());
        let more = if n > SHOWN { " and others" } else { "" };
        let shown = one_line(&strangers[..n.min(SHOWN)].join(", "));
        found.push(format!("{n} of {of} channels of channels.tsv are not in the recording: {shown}{more}."));
    }
    found
}
