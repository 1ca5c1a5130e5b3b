//! A BIDS dataset: its subjects and the recordings of each.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::entities::{BidsName, Entities};
use super::ignore::BidsIgnore;
use super::inheritance::companions;
use super::meg_files;
use super::participants::Participants;
use super::scans;
use super::subject::SubjectId;
use crate::readers::error::ReadError;
use crate::readers::phy;
use crate::recording::Modality;

#[derive(Debug, Clone)]
pub struct Dataset {
    pub root: PathBuf,
    /// `Name` in `dataset_description.json`, else the folder's name.
    pub name: String,
    pub participants: Participants,
    /// Of a derivative without a table of its own, that of the dataset it was made from.
    pub participants_path: PathBuf,
    /// Sorted; every `sub-*` folder and every row of the participants table. A subject that has only one of
    /// the two stays, so that its exclusion can be told.
    pub subjects: Vec<SubjectId>,
    ignore: BidsIgnore,
}

/// Which recordings of a subject are wanted; what is left out takes any.
///
/// Labels may have their key in front, and a number is the same with or without leading zeros: `run-01` is `1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingFilter {
    pub task: Option<String>,
    pub session: Option<String>,
    pub run: Option<String>,
    /// Any other entity, such as `seg` or `space`.
    pub entities: BTreeMap<String, String>,
}

/// One recording of one subject, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFile {
    pub path: PathBuf,
    pub modality: Modality,
    pub entities: Entities,
}

impl Dataset {
    /// Lists a dataset without opening any recording.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let root = root.as_ref().to_owned();
        if !root.is_dir() {
            return Err(DatasetError::NotAFolder { path: root });
        }
        let entries = folder_entries(&root)?;
        if entries.is_empty() {
            return Err(DatasetError::Empty { path: root });
        }
        let table = participants_table(&root).ok_or_else(|| DatasetError::NoParticipants { path: root.clone() })?;
        let participants = Participants::read(&table)?;
        let folders: BTreeSet<SubjectId> = entries.iter().filter_map(|path| subject_of_folder(path)).collect();
        if folders.is_empty() {
            return Err(DatasetError::NoSubjects { path: root });
        }
        let subjects = folders.into_iter().chain(participants.subjects().cloned()).collect::<BTreeSet<_>>();
        Ok(Self {
            name: name_of(&root),
            participants,
            participants_path: table,
            subjects: subjects.into_iter().collect(),
            ignore: BidsIgnore::of(&root),
            root,
        })
    }

    /// The subject's recordings, over all its sessions, sorted by path. A subject without a folder has none.
    pub fn recordings_of(
        &self,
        subject: &SubjectId,
        filter: &RecordingFilter,
    ) -> Result<Vec<RecordingFile>, DatasetError> {
        let mut found = self.files_of(subject, filter)?;
        found.retain(|file| !self.is_ignored(file));
        Ok(found)
    }

    /// Recordings that only `.bidsignore` hides.
    pub fn ignored_recordings_of(
        &self,
        subject: &SubjectId,
        filter: &RecordingFilter,
    ) -> Result<Vec<RecordingFile>, DatasetError> {
        let mut found = self.files_of(subject, filter)?;
        found.retain(|file| self.is_ignored(file));
        Ok(found)
    }

    fn is_ignored(&self, file: &RecordingFile) -> bool {
        self.ignore.ignores(file.path.strip_prefix(&self.root).unwrap_or(&file.path))
    }

    fn files_of(&self, subject: &SubjectId, filter: &RecordingFilter) -> Result<Vec<RecordingFile>, DatasetError> {
        let home = self.root.join(subject.to_string());
        if !home.is_dir() {
            return Ok(Vec::new());
        }
        let mut sessions: Vec<PathBuf> =
            folder_entries(&home)?.into_iter().filter(|path| path.is_dir() && named(path, "ses-")).collect();
        sessions.push(home);
        let mut found = Vec::new();
        for session in sessions {
            for folder in ["eeg", "func", "ecephys", "ieeg", "meg"].map(|name| session.join(name)) {
                if folder.is_dir() {
                    found.extend(folder_entries(&folder)?.into_iter().filter_map(RecordingFile::from_path));
                }
            }
        }
        found.retain(|file| filter.takes(&file.entities));
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

impl RecordingFilter {
    fn takes(&self, entities: &Entities) -> bool {
        let named = [("task", &self.task), ("ses", &self.session), ("run", &self.run)];
        let named = named.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let mut wanted = named.chain(self.entities.iter().map(|(key, value)| (key.as_str(), value)));
        wanted.all(|(key, value)| entities.get(key).is_some_and(|found| same_label(key, value, found)))
    }
}

fn same_label(key: &str, wanted: &str, found: &str) -> bool {
    let bare = wanted.strip_prefix(key).and_then(|rest| rest.strip_prefix('-')).unwrap_or(wanted);
    let same_number = || Some(bare.parse::<u64>().ok()? == found.parse::<u64>().ok()?);
    bare == found || same_number().unwrap_or(false)
}

impl RecordingFile {
    /// `None` where the name is not one of a recording that can be read here: `*_eeg` and `*_ieeg` in the formats of
    /// EEG, `*_meg.fif`, `*_timeseries.tsv` other than confounds, preprocessed scans (see `scans`), and sorted spikes:
    /// `*_ecephys` and `*_ieeg` in NWB, `*_spikes` as text or table, and a folder of Phy called `*_ecephys` or `*_spikes`.
    pub fn from_path(path: PathBuf) -> Option<Self> {
        let name = BidsName::of(&path)?;
        let modality = match (name.suffix.as_str(), name.extension.to_ascii_lowercase().as_str()) {
            ("eeg" | "ieeg", ".edf" | ".bdf" | ".gdf" | ".vhdr" | ".set") => Modality::Eeg,
            ("eeg", ".fif") => Modality::Eeg,
            ("meg", ".fif" | ".fif.gz") if meg_files::is_recording(&name) => Modality::Meg,
            // Confounds share the suffix and the folder, but hold no brain region.
            ("timeseries", ".tsv") if name.entities.get("desc") != Some("confounds") => Modality::Bold,
            _ if scans::is_scan(&name) => Modality::Bold,
            ("ecephys" | "ieeg", ".nwb") => Modality::Spikes,
            ("spikes", ".tsv" | ".txt") => Modality::Spikes,
            ("ecephys" | "spikes", "") if phy::is_folder(&path) => {
                return Some(Self { path, modality: Modality::Spikes, entities: name.entities });
            }
            _ => return None,
        };
        path.is_file().then_some(Self { path, modality, entities: name.entities })
    }

    /// The files that hold the recording: itself, those of the same name that go with it (BrainVision, EEGLAB), the later
    /// parts of split MEG, or those of a Phy folder.
    pub fn data_files(&self) -> Vec<PathBuf> {
        if self.path.is_dir() {
            return phy::files(&self.path);
        }
        if self.modality == Modality::Meg {
            return std::iter::once(self.path.clone()).chain(meg_files::later_parts(&self.path)).collect();
        }
        let beside = ["eeg", "vmrk", "fdt"].map(|extension| self.path.with_extension(extension));
        let beside = beside.into_iter().filter(|path| *path != self.path && path.is_file());
        std::iter::once(self.path.clone()).chain(beside).collect()
    }

    /// The events table that applies, closest first in the sense of BIDS inheritance.
    pub fn events_path(&self) -> Option<PathBuf> {
        companions(&self.path, &["events"], ".tsv").pop()
    }

    /// The channels table that applies.
    pub fn channels_path(&self) -> Option<PathBuf> {
        companions(&self.path, &["channels"], ".tsv").pop()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("need a BIDS folder, found no folder at {}", path.display())]
    NotAFolder { path: PathBuf },
    #[error("need a BIDS dataset (participants.tsv and sub-* folders), found an empty folder: {}", path.display())]
    Empty { path: PathBuf },
    #[error("need participants.tsv, which says who is in which group, found none in {}", path.display())]
    NoParticipants { path: PathBuf },
    #[error("need at least one sub-* folder, found none in {}", path.display())]
    NoSubjects { path: PathBuf },
    #[error("need a folder that can be listed, found \"{source}\" at {}", path.display())]
    Unlisted { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn folder_entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let unlisted = |source| DatasetError::Unlisted { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unlisted)?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(unlisted)).collect()
}

fn subject_of_folder(path: &Path) -> Option<SubjectId> {
    let name = path.file_name().and_then(OsStr::to_str)?;
    if name.starts_with("sub-") && path.is_dir() { SubjectId::parse(name).ok() } else { None }
}

fn named(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix))
}

/// A derivative, in `derivatives/` of its dataset, may leave the participants to that.
fn participants_table(root: &Path) -> Option<PathBuf> {
    let own = root.join("participants.tsv");
    if own.is_file() {
        return Some(own);
    }
    let absolute = fs::canonicalize(root).ok()?;
    let derivatives = absolute.parent().filter(|folder| folder.ends_with("derivatives"))?;
    Some(derivatives.parent()?.join("participants.tsv")).filter(|table| table.is_file())
}

/// A broken description costs the dataset its title, nothing else.
fn name_of(root: &Path) -> String {
    let described = || {
        let bytes = fs::read(root.join("dataset_description.json")).ok()?;
        let json: Value = serde_json::from_slice(&bytes).ok()?;
        json.get("Name")?.as_str().map(str::to_owned)
    };
    described().unwrap_or_else(|| {
        let folder = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        folder.file_name().map_or_else(|| "unnamed".to_owned(), |name| name.to_string_lossy().into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn what_is_missing_is_said() {
        let root = tempfile::tempdir().unwrap();
        let message = |path: &Path| Dataset::open(path).unwrap_err().to_string();
        assert!(message(&root.path().join("absent")).contains("found no folder"));
        assert!(message(root.path()).contains("empty folder"));
        touch(root.path(), "README");
        assert!(message(root.path()).contains("need participants.tsv"));
        fs::write(root.path().join("participants.tsv"), "participant_id\nsub-01\n").unwrap();
        assert!(message(root.path()).contains("need at least one sub-* folder"));
    }

    #[test]
    fn what_is_ignored_is_no_recording_and_a_derivative_knows_its_participants() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("participants.tsv"), "participant_id\tGroup\nsub-01\tA\n").unwrap();
        fs::write(root.path().join(".bidsignore"), "*_acq-test_*\n").unwrap();
        for file in [
            "sub-01/eeg/sub-01_task-rest_eeg.edf",
            "sub-01/eeg/sub-01_task-rest_acq-test_eeg.edf",
            "sub-01/ecephys/sub-01_task-rest_ecephys/spike_times.npy",
            "sub-01/ecephys/sub-01_task-rest_ecephys/params.py",
            "derivatives/xcp_d/sub-01/func/sub-01_task-rest_seg-Gordon_timeseries.tsv",
        ] {
            touch(root.path(), file);
        }
        let prefixes = |dataset: &Dataset| {
            let files = dataset.recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
            files.iter().map(|file| (file.modality, file.entities.prefix())).collect::<Vec<_>>()
        };
        let rest = || "sub-01_task-rest".to_owned();
        let dataset = Dataset::open(root.path()).unwrap();
        assert_eq!(prefixes(&dataset), [(Modality::Spikes, rest()), (Modality::Eeg, rest())]);
        let hidden = dataset.ignored_recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
        assert_eq!(hidden[0].entities.prefix(), "sub-01_task-rest_acq-test");
        assert_eq!(hidden.len(), 1);
        let derivative = Dataset::open(root.path().join("derivatives/xcp_d")).unwrap();
        assert_eq!(derivative.participants.get(&derivative.subjects[0], "Group"), Some("A"));
        assert_eq!(prefixes(&derivative), [(Modality::Bold, "sub-01_task-rest_seg-Gordon".to_owned())]);
    }

    #[test]
    fn subjects_are_folders_and_rows_together() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("participants.tsv"), "participant_id\nsub-03\n01\n").unwrap();
        for file in [
            "sub-01/eeg/sub-01_task-rest_eeg.edf",
            "sub-02/ses-b/func/sub-02_ses-b_task-rest_run-1_atlas-X_timeseries.tsv",
            "sub-02/ses-b/func/sub-02_ses-b_task-rest_desc-confounds_timeseries.tsv",
            "sub-02/ses-a/ecephys/sub-02_ses-a_task-rest_ecephys.nwb",
            "derivatives/sub-99/eeg/sub-99_task-rest_eeg.edf",
            "sub-notes.txt",
        ] {
            touch(root.path(), file);
        }
        let dataset = Dataset::open(root.path()).unwrap();
        let names: Vec<String> = dataset.subjects.iter().map(SubjectId::to_string).collect();
        assert_eq!(names, ["sub-01", "sub-02", "sub-03"]);

        let found = |subject: usize, filter: RecordingFilter| {
            let files = dataset.recordings_of(&dataset.subjects[subject], &filter).unwrap();
            files.iter().map(|file| file.entities.prefix()).collect::<Vec<_>>()
        };
        let any = RecordingFilter::default();
        assert_eq!(found(0, any.clone()), ["sub-01_task-rest"]);
        assert_eq!(found(1, any.clone()), ["sub-02_ses-a_task-rest", "sub-02_ses-b_task-rest_run-1_atlas-X"]);
        assert_eq!(found(1, RecordingFilter { session: Some("a".into()), ..any.clone() }), ["sub-02_ses-a_task-rest"]);
        assert_eq!(
            found(1, RecordingFilter { session: Some("ses-a".into()), ..any.clone() }),
            ["sub-02_ses-a_task-rest"]
        );
        assert_eq!(found(1, RecordingFilter { task: Some("odd".into()), ..any.clone() }), [""; 0]);
        let run = RecordingFilter { run: Some("01".into()), ..any.clone() };
        assert_eq!(found(1, run), ["sub-02_ses-b_task-rest_run-1_atlas-X"]);
        let atlas = BTreeMap::from([("atlas".to_owned(), "Y".to_owned())]);
        assert_eq!(found(1, RecordingFilter { entities: atlas, ..any.clone() }), [""; 0]);
        assert_eq!(found(2, any), [""; 0]);
    }
}
