//! The two families of tests, in the order in which they are read.

use crate::compare::{Comparison, FeatureDifference};
use crate::report::GroupPage;

/// The two families of tests, which share a page but not a correction: id, plural noun, rows.
pub fn families(comparison: &Comparison) -> [(&'static str, &'static str, &[FeatureDifference]); 2] {
    [
        ("dynamics", "features of the dynamics", &comparison.features),
        ("simple", "simple statistics", &comparison.simple),
    ]
}

/// Largest effect first; what could not be measured last. Keeps each row's place in its family.
pub fn by_effect(rows: &[FeatureDifference]) -> Vec<(usize, &FeatureDifference)> {
    let mut sorted: Vec<(usize, &FeatureDifference)> = rows.iter().enumerate().collect();
    let size = |row: &FeatureDifference| {
        if row.hedges_g.is_nan() { -1.0 } else { row.hedges_g.abs() }
    };
    sorted.sort_by(|(i, a), (j, b)| size(b).total_cmp(&size(a)).then(i.cmp(j)));
    sorted
}

/// Unit and meaning of a feature, as far as the page brings them.
pub fn explained<'a>(page: &'a GroupPage, feature: &str) -> (&'a str, &'a str) {
    page.feature_help.iter().find(|(name, _, _)| name == feature).map_or(("", ""), |(_, unit, help)| (unit, help))
}
