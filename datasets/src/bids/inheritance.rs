//! Which files describe a recording: its own folder's, and those of the folders above.

use std::fs;
use std::path::{Path, PathBuf};

use super::entities::BidsName;

/// Files with one of `suffixes` and `extension` whose entities all hold for `path`, farthest first.
///
/// "Farthest" means nearer to the dataset's root and, within a folder, with fewer entities, so that a later
/// file overrides an earlier one (BIDS inheritance principle). A folder that cannot be listed adds nothing.
pub(super) fn companions(path: &Path, suffixes: &[&str], extension: &str) -> Vec<PathBuf> {
    let Some(name) = BidsName::of(path) else {
        return Vec::new();
    };
    let describes = |candidate: &BidsName| {
        candidate.extension == extension
            && suffixes.contains(&candidate.suffix.as_str())
            && candidate.entities.apply_to(&name.entities)
    };
    let mut found = Vec::new();
    for folder in folders_from_root(path) {
        let mut here: Vec<(usize, PathBuf)> = entries_of(&folder)
            .filter_map(|entry| {
                // A root has an entry for each of thousands of subjects, of which few end as wanted.
                let name = entry.file_name();
                name.to_str().filter(|name| name.ends_with(extension))?;
                let candidate = BidsName::of(Path::new(&name))?;
                let path = entry.path();
                (describes(&candidate) && path.is_file()).then_some((candidate.entities.len(), path))
            })
            .collect();
        here.sort();
        found.extend(here.into_iter().map(|(_, file)| file));
    }
    found
}

/// The dataset's root, then each folder down to the file's own. Outside a `sub-*` folder, its own folder only.
fn folders_from_root(path: &Path) -> Vec<PathBuf> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).take(4).collect();
    let is_subject = |folder: &&Path| folder.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sub-"));
    match above.iter().position(is_subject) {
        Some(subject) => above.truncate(subject + 2),
        None => above.truncate(1),
    }
    above.into_iter().rev().map(readable_folder).collect()
}

/// A relative path's last ancestor is the empty path, which stands for the current folder.
fn readable_folder(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
}

/// Files in the folder of `path`.
pub(super) fn files_beside(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = path.parent().map_or_else(|| PathBuf::from("."), readable_folder);
    entries_of(&folder).map(|entry| entry.path()).filter(|path| path.is_file())
}

fn entries_of(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
