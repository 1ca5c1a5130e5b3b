//! From what the stages left on disk to the pages a person reads.

mod group;
mod phase_axes;
mod references;
mod subject;

use crate::plan::RunPlan;
use crate::report::Colophon;

pub use group::{Cohort, report_group};
pub use subject::report_subject;

fn colophon(plan: &RunPlan) -> Colophon {
    Colophon {
        version: env!("CARGO_PKG_VERSION").to_string(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        seed: plan.seed,
        settings: plan.to_toml(),
        references: references::REFERENCES
            .iter()
            .map(|&(method, source)| (method.to_string(), source.to_string()))
            .collect(),
    }
}
