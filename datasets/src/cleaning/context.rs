//! What the cleaning must know of a recording besides its samples.

use std::path::PathBuf;

use super::confounds::Nuisance;
use crate::bids::channels_table::ChannelStatus;
use crate::bids::events::{self, Event};
use crate::bids::{ChannelsTable, RecordingFile, Sidecar};
use crate::readers::ReadError;
use crate::recording::Modality;

#[derive(Debug, Clone, PartialEq)]
pub struct CleaningContext {
    /// Channels that the channels table calls bad.
    pub bad_channels: Vec<String>,
    /// Channels that it calls good, whatever the recording itself says.
    pub good_channels: Vec<String>,
    /// Channels that measure something else than the brain, with what they measure, such as `("E1", "EOG")`.
    pub other_channels: Vec<(String, String)>,
    pub power_line_hz: Option<f64>,
    /// Rows of the events table; `None` where there is no table.
    pub events: Option<Vec<Event>>,
    /// Of a scan whose confounds are to be regressed out.
    pub nuisance: Option<Nuisance>,
    /// The first part of the samples, in (0, 1], that standardisation may look at.
    pub train_fraction: f64,
    /// For messages.
    pub path: PathBuf,
}

impl Default for CleaningContext {
    /// Nothing known; all samples are for training.
    fn default() -> Self {
        Self {
            bad_channels: Vec::new(),
            good_channels: Vec::new(),
            other_channels: Vec::new(),
            power_line_hz: None,
            events: None,
            nuisance: None,
            train_fraction: 1.0,
            path: PathBuf::new(),
        }
    }
}

impl CleaningContext {
    /// From the recording's sidecar and its channels table, where it has one.
    pub fn of(file: &RecordingFile, sidecar: &Sidecar, train_fraction: f64) -> Result<Self, ReadError> {
        // Tables of ROI series or units have other columns; only those of EEG and MEG have a status.
        let has_status = matches!(file.modality, Modality::Eeg | Modality::Meg);
        let table = match file.channels_path().filter(|_| has_status) {
            Some(path) => ChannelsTable::read(&path)?,
            None => ChannelsTable::default(),
        };
        Ok(Self {
            bad_channels: table.with_status(ChannelStatus::Bad),
            good_channels: table.with_status(ChannelStatus::Good),
            other_channels: table.not_brain(),
            power_line_hz: sidecar.power_line_hz,
            events: file.events_path().map(|path| events::read(&path)).transpose()?,
            nuisance: None,
            train_fraction,
            path: file.path.clone(),
        })
    }
}
