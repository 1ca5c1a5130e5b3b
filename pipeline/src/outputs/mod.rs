//! What a run writes, and how: the only module that touches the disk for results.
//!
//! Every file is written under a temporary name and then renamed, so that a name that exists is a
//! file that is whole.

mod arrays;
mod atomic;
mod layout;
mod portrait;
mod stamps;
mod summaries;
mod tables;
mod weights;

pub use arrays::{SimulationArrays, read_recording, write_recording, write_simulation};
pub use atomic::{read_json, write_if_changed, write_json, write_text};
pub use layout::{OutDir, SubjectDir};
pub use portrait::{
    AttractorJson, ContinuumJson, CycleJson, EffortJson, FixedPointJson, PortraitJson, SliceJson, StartsJson,
    StepsAndSeconds, UnseenJson,
};
pub use stamps::{Fingerprint, Stamp};
pub use summaries::*;
pub use tables::{Table, read_parquet};
pub use weights::{WeightsFile, is_ours, read_checkpoint, read_model, write_checkpoint, write_model};
