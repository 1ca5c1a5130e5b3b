//! What the cleaning must know of a recording besides its samples.

use std::path::PathBuf;

use super::confounds::Nuisance;
use crate::bids::channels_table::ChannelStatus;
use crate::bids::events::{self, Event};
use crate::bids::{ChannelsTable, RecordingFile, Sidecar};
use crate::readers::ReadError;
use crate::recording::{Modality, remarks};

#[derive(Debug, Clone, PartialEq)]
pub struct CleaningContext {
    /// Channels that the channels table calls bad.
    pub bad_channels: Vec<String>,
    /// Channels that it calls good, whatever the recording itself says.
    pub good_channels: Vec<String>,
    /// Channels that measure something else than the brain, with what they measure, such as `("E1", "EOG")`.
    pub other_channels: Vec<(String, String)>,
    /// Channels that it calls intracranial, whatever their name.
    pub intracranial_channels: Vec<String>,
    /// All channels of the table.
    pub listed_channels: Vec<String>,
    pub power_line_hz: Option<f64>,
    /// Stretches that the events table calls bad, which are no events.
    pub bad_stretches: Vec<Event>,
    /// What was odd about the tables and the sidecar, one sentence each.
    pub warnings: Vec<String>,
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
            intracranial_channels: Vec::new(),
            listed_channels: Vec::new(),
            bad_stretches: Vec::new(),
            warnings: Vec::new(),
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
        let events = file.events_path().map(|path| events::read(&path)).transpose()?;
        let mut warnings = sidecar.warnings.clone();
        warnings.extend(events.iter().flat_map(|table| table.warnings.iter().cloned()));
        let (bad_stretches, events): (Vec<Event>, _) = match events {
            Some(table) => {
                let is_remark = |event: &Event| remarks::is_bad_kind(&event.kind) || remarks::is_join(&event.kind);
                let (bad, events) = table.events.into_iter().partition(is_remark);
                (bad, Some(events))
            }
            None => (Vec::new(), None),
        };
        Ok(Self {
            bad_stretches,
            intracranial_channels: table.intracranial(),
            listed_channels: table.rows.iter().map(|row| row.name.clone()).collect(),
            warnings,
            events,
            bad_channels: table.with_status(ChannelStatus::Bad),
            good_channels: table.with_status(ChannelStatus::Good),
            other_channels: table.not_brain(),
            power_line_hz: sidecar.power_line_hz,
            nuisance: None,
            train_fraction,
            path: file.path.clone(),
        })
    }
}
