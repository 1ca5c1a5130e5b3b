//! A cohort on disk, as the Brain Imaging Data Structure lays it out.
//!
//! Source: BIDS specification 1.10, <https://bids-specification.readthedocs.io>.

pub mod channels_table;
pub mod dataset;
pub mod entities;
pub mod events;
pub mod ignore;
mod inheritance;
mod meg_files;
pub mod participants;
pub mod scans;
pub mod sidecar;
pub mod subject;

pub use channels_table::ChannelsTable;
pub use dataset::{Dataset, DatasetError, RecordingFile, RecordingFilter};
pub use entities::Entities;
pub use participants::Participants;
pub use sidecar::{Sidecar, sidecar};
pub use subject::{NotASubject, SubjectId};
