//! nullcline: from recordings of a cohort to an honest comparison of its dynamics.
//!
//! ```text
//! ingest ─► train ─► judge ─► analyse ─► compare ─► report
//! ```
//!
//! [`run`] is the flow, [`stages`] its steps, [`plan`] every choice, [`outputs`] everything written.

pub mod cli;
pub mod compare;
mod cores;
pub mod demo;
mod one_line;
pub mod outputs;
pub mod plan;
pub mod presets;
pub mod progress;
pub mod report;
pub mod run;
pub mod seed;
pub mod stages;
