//! Which FIF files of a `meg` folder are recordings, and which belong to one.

use std::path::{Path, PathBuf};

use super::entities::BidsName;
use super::inheritance::files_beside;

/// Cross-talk of the sensors has the suffix too, and later parts of a split recording are read with its first.
pub(super) fn is_recording(name: &BidsName) -> bool {
    name.entities.get("acq") != Some("crosstalk") && part(name).is_none_or(|number| number <= 1)
}

/// The later parts of the recording whose first part is at `first`, in the order of their numbers.
pub(super) fn later_parts(first: &Path) -> Vec<PathBuf> {
    let Some(name) = BidsName::of(first).filter(|name| part(name).is_some()) else {
        return Vec::new();
    };
    let whole = |name: &BidsName| (name.entities.without("split"), name.suffix.clone(), name.extension.clone());
    let mut parts: Vec<(u32, PathBuf)> = files_beside(first)
        .filter_map(|path| {
            let other = BidsName::of(&path).filter(|other| whole(other) == whole(&name))?;
            Some((part(&other).filter(|&number| number > 1)?, path))
        })
        .collect();
    parts.sort();
    parts.into_iter().map(|(_, path)| path).collect()
}

/// `split-02` is part 2.
fn part(name: &BidsName) -> Option<u32> {
    name.entities.get("split")?.parse().ok()
}
