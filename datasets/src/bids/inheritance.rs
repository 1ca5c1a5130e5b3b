//! Which files describe a recording: its own folder's, and those of the folders above.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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
        let mut here: Vec<(usize, PathBuf)> = descriptions_in(&folder)
            .iter()
            .filter_map(|name| {
                let candidate = BidsName::of(Path::new(name)).filter(describes)?;
                Some((candidate.entities.len(), folder.join(name)))
            })
            .filter(|(_, path)| path.is_file())
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
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file())
}

/// Names of the JSON and TSV files in a folder.
///
/// A root has an entry for each of thousands of subjects, and every recording of each asks for it: its names are
/// remembered for as long as the folder is as it was. One that had changed within the last seconds could change again
/// at what its clock calls the same time: that is believed for a moment only, and not at all where it changed just now.
fn descriptions_in(folder: &Path) -> Arc<[String]> {
    const SETTLED: Duration = Duration::from_secs(2);
    /// Longer than the steps of the clock that most systems stamp files by.
    const JUST_NOW: Duration = Duration::from_millis(20);
    static REMEMBERED: Mutex<BTreeMap<PathBuf, Remembered>> = Mutex::new(BTreeMap::new());
    let changed = fs::metadata(folder).and_then(|folder| folder.modified()).ok();
    // Nothing but whole entries is ever in the map, also after a panic elsewhere.
    let remembered = || REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(listing) = remembered().get(folder)
        && Some(listing.changed) == changed
        && (listing.was_settled || listing.listed.elapsed() < A_MOMENT)
    {
        return Arc::clone(&listing.descriptions);
    }
    let listed = Instant::now();
    let age = changed.and_then(|changed| changed.elapsed().ok());
    let Listing { descriptions, has_subjects } = list(folder);
    if let Some((changed, age)) = changed.zip(age).filter(|&(_, age)| has_subjects && age > JUST_NOW) {
        let was_settled = age > SETTLED;
        let listing = Remembered { changed, listed, was_settled, descriptions: Arc::clone(&descriptions) };
        remembered().insert(folder.to_owned(), listing);
    }
    descriptions
}

/// Long beside a listing, short beside what a person does.
const A_MOMENT: Duration = Duration::from_millis(100);

struct Remembered {
    changed: SystemTime,
    listed: Instant,
    was_settled: bool,
    descriptions: Arc<[String]>,
}

struct Listing {
    descriptions: Arc<[String]>,
    has_subjects: bool,
}

fn list(folder: &Path) -> Listing {
    let mut has_subjects = false;
    let mut descriptions = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(".json") || name.ends_with(".tsv") {
            descriptions.push(name);
        } else {
            has_subjects |= name.starts_with("sub-") && !name.contains('.');
        }
    }
    Listing { descriptions: descriptions.into(), has_subjects }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where the clock of the file system did not move in between.
    #[test]
    fn what_comes_into_a_remembered_folder_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sub-01/eeg");
        fs::create_dir_all(&folder).unwrap();
        let recording = folder.join("sub-01_task-rest_eeg.edf");
        let names = || {
            let found = companions(&recording, &["eeg"], ".json");
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let stamp = |ago: Duration| {
            let changed = SystemTime::now() - ago;
            fs::File::open(root.path()).unwrap().set_modified(changed).unwrap();
            changed
        };
        // Remembered for good, until the stamp changes.
        stamp(Duration::from_secs(60));
        assert!(names().is_empty());
        fs::write(root.path().join("eeg.json"), "{}").unwrap();
        assert_eq!(names(), ["eeg.json"]);
        // Remembered for a moment, under a stamp that stays.
        let changed = stamp(Duration::from_secs(1));
        assert_eq!(names(), ["eeg.json"]);
        fs::write(root.path().join("task-rest_eeg.json"), "{}").unwrap();
        fs::File::open(root.path()).unwrap().set_modified(changed).unwrap();
        std::thread::sleep(A_MOMENT);
        assert_eq!(names(), ["eeg.json", "task-rest_eeg.json"]);
        // Not remembered.
        stamp(Duration::ZERO);
        assert_eq!(names().len(), 2);
        fs::remove_file(root.path().join("eeg.json")).unwrap();
        assert_eq!(names(), ["task-rest_eeg.json"]);
    }
}
