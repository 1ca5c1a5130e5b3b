//! From raw signals to a recording that a model may trust, every step written down.

pub mod artefacts;
mod bad_stretches;
mod binning;
mod bold;
mod chain;
pub mod channels;
pub mod confounds;
pub mod context;
pub mod detrend;
pub mod epochs;
pub mod error;
pub mod filter;
mod filter_design;
pub mod nuisance;
pub mod plan;
pub mod reference;
pub mod resample;
mod robust;
mod signals;
pub mod standardise;
mod units;

use std::collections::BTreeMap;

pub use artefacts::ArtefactPlan;
pub use confounds::ConfoundPlan;
pub use context::CleaningContext;
pub use epochs::EpochPlan;
pub use error::CleaningError;
pub use plan::{BoldPlan, CleaningPlan, EegPlan, NotchChoice, SpikesPlan, TrialUse};

use crate::recording::{Raw, Recording};

/// A recording with the story of how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleaned {
    pub recording: Recording,
    /// Name and reason, step by step, and of one step in the order of the file.
    pub excluded_channels: Vec<(String, String)>,
    /// Sentences for the report, in order, such as "Band-pass 1–40 Hz, Butterworth order 4, zero phase".
    pub steps: Vec<String>,
    pub warnings: Vec<String>,
    /// [`crate::simple_statistics()`] of the clean signal in its own unit, before standardising.
    pub simple: BTreeMap<String, f64>,
}

/// Cleans one recording as `plan` says.
///
/// Channels that cannot be used are excluded with a reason; what remains must suffice. Standardisation knows the
/// first [`CleaningContext::train_fraction`] of the samples only. Filters run forwards and backwards over the whole
/// recording, so within the filter's memory of the split the two parts do share information.
pub fn clean(raw: Raw, context: &CleaningContext, plan: &CleaningPlan) -> Result<Cleaned, CleaningError> {
    match raw {
        Raw::Signals(raw) => signals::clean(raw, context, plan),
        Raw::Spikes(trains) => binning::clean(trains, context, plan),
    }
}
