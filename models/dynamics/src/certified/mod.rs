//! Fixed points and equilibria with proof: interval tests and exhaustive search of a box.

mod box_search;
mod krawczyk;

pub use box_search::{BoxPlan, BoxSearch, Certified, certified_equilibria, certified_fixed_points};
pub use krawczyk::{Certificate, certify};
