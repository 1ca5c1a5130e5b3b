//! The pages a person reads: one self-contained HTML file per subject and one for the group.

mod page;

pub use page::*;
