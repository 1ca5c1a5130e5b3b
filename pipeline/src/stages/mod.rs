//! The stages of a run, in the order of the paper: ingest, train, judge, analyse; then, over subjects,
//! compare and report. Each is one function from value to value, and leaves files and a stamp.

mod analyse;
mod basin_plane;
mod cohort;
mod compare;
mod features;
mod ingest;
mod judge;
mod report;
mod train;

pub use analyse::{Analysed, FreeRun, analyse, analyse_model, free_run, known_rows};
pub use basin_plane::principal_plane;
pub use cohort::{Groups, settle_groups};
pub use compare::{Compared, compare};
pub use features::{FEATURES, SIMPLE_STATISTICS, describe_attractors, dynamics_features};
pub use ingest::{Ingested, ingest, reopen};
pub use judge::{Judged, judge};
pub use report::{Cohort, report_group, report_subject};
pub use train::{Trained, TrainingEvent, train};

/// What a stage gives: its value, the key of what it was made from, and whether it had to work.
pub struct Staged<T> {
    pub value: T,
    pub key: String,
    pub worked: bool,
}
