//! Measurements in, trusted recordings out.
//!
//! ```text
//! Dataset::open ─► recordings_of ─► read ─► clean ─► Recording
//! ```
//!
//! A [`Dataset`] lists subjects and their files, [`read`] turns one file into [`Raw`] values in SI units,
//! [`clean`] turns those into a [`Recording`]: one rate, no bad channels, every step written down.
//! [`prepare`] is the three in a row. Nothing here knows a model.

pub mod bids;
pub mod cleaning;
pub mod inspect;
pub mod prepare;
pub mod readers;
pub mod recording;
pub mod simple_statistics;
mod spectrum;
pub mod volumes;

pub use bids::{Dataset, DatasetError, Entities, Participants, RecordingFile, RecordingFilter, Sidecar, SubjectId};
pub use cleaning::{Cleaned, CleaningContext, CleaningError, CleaningPlan, clean};
pub use inspect::{Inspection, inspect};
pub use prepare::{PrepareError, prepare};
pub use readers::{ReadError, Series, read, read_series};
pub use recording::{
    Annotation, Channel, ChannelKind, Inputs, Modality, NotASampleRate, Raw, Recording, Run, Runs, SampleRate,
    SignalChannel, Signals, SpikeTrains, Support, Trials, Unit,
};
pub use simple_statistics::simple_statistics;
