//! Where the public recordings are that are too large, or not free enough, for the repository.

use std::path::PathBuf;

/// The folder `name` of the shared data, or `None`, said aloud, where it is missing.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let beside_workspace = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("NULLCLINE_DATA").map_or_else(beside_workspace, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: needs the shared data (NULLCLINE_DATA), found no {}", folder.display());
    None
}
