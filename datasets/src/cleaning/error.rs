//! Why a recording cannot be used: what was needed, what was found, where.

use std::path::PathBuf;

use super::filter::FilterError;
use crate::readers::error::one_line;
use crate::recording::Modality;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CleaningError {
    #[error("need at least {needed} good channels, found {found}{} in {}", first_of(excluded), path.display())]
    TooFewChannels { needed: usize, found: usize, excluded: Vec<(String, String)>, path: PathBuf },

    #[error("need {needed_secs} s of signal, found {found_secs:.3} s in {}", path.display())]
    TooShort { needed_secs: f64, found_secs: f64, path: PathBuf },

    #[error("need channels of equal length, found {first} and {other} samples in {}", path.display())]
    UnequalLengths { first: usize, other: usize, path: PathBuf },

    #[error("{source} in {}", path.display())]
    Filter { source: FilterError, path: PathBuf },

    #[error("need more volumes than regressors, found {n_regressors} regressors for {n_volumes} volumes in {}", path.display())]
    NoFreedom { n_volumes: usize, n_regressors: usize, path: PathBuf },

    #[error("need a signal that varies, found channel {channel} constant after cleaning in {}", path.display())]
    NoVariance { channel: String, path: PathBuf },

    #[error("need at most {most} counts, found {n_bins} bins of {bin_secs} s for {n_units} units in {}", path.display())]
    TooManyBins { most: usize, n_bins: f64, bin_secs: f64, n_units: usize, path: PathBuf },

    #[error("need a good channel {name} for {setting}, found none in {}", path.display())]
    NoChannel { setting: &'static str, name: String, path: PathBuf },

    #[error("need EEG for {setting}, found {modality}, whose sensors have no reference, in {}", path.display())]
    NoReference { setting: &'static str, modality: Modality, path: PathBuf },

    #[error("need an event with {from} to {to} s recorded around it, found none among {n_events} events in {}", path.display())]
    NoEpochs { n_events: usize, from: f64, to: f64, path: PathBuf },

    #[error("need a column {column} for {setting}, found {found} in {}", path.display())]
    NoColumn { setting: &'static str, column: String, found: String, path: PathBuf },

    #[error("need {needed} as {setting}, found {found}")]
    Plan { setting: &'static str, needed: &'static str, found: f64 },
}

/// Why the others are not good, by one of them.
fn first_of(excluded: &[(String, String)]) -> String {
    let first = excluded
        .first()
        .map(|(name, reason)| format!(" and {} that are not ({}: {reason})", excluded.len(), one_line(name)));
    first.unwrap_or_default()
}
