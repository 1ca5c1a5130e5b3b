//! From a file in a dataset to a clean recording, inputs included.

use crate::bids::{RecordingFile, events, sidecar};
use crate::cleaning::confounds::nuisance_of;
use crate::cleaning::{Cleaned, CleaningContext, CleaningError, CleaningPlan, clean};
use crate::readers::{ReadError, read};
use crate::recording::Raw;
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
    let mut cleaned = clean(raw, &context, plan)?;
    if let Some(events) = &context.events {
        let recording = &mut cleaned.recording;
        recording.inputs = events::boxcars(events, recording.sample_rate, &recording.runs);
    }
    Ok(cleaned)
}
