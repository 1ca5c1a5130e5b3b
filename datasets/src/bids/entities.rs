//! The `key-value` pairs in a BIDS file name.

use std::path::Path;

/// The entities of BIDS 1.10 in the order of its file names (appendix "Entity table"); those of atlases as XCP-D writes
/// them.
const ORDER: [&str; 33] = [
    "sub",
    "ses",
    "sample",
    "task",
    "tracksys",
    "acq",
    "nuc",
    "voi",
    "ce",
    "trc",
    "stain",
    "rec",
    "dir",
    "run",
    "mod",
    "echo",
    "flip",
    "inv",
    "mt",
    "part",
    "proc",
    "hemi",
    "space",
    "split",
    "recording",
    "chunk",
    "atlas",
    "seg",
    "scale",
    "res",
    "den",
    "label",
    "desc",
];

/// The entities of one file name, in their order: `sub-01_task-rest` is `[("sub", "01"), ("task", "rest")]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entities {
    pairs: Vec<(String, String)>,
}

/// A file name taken apart: `sub-01_task-rest_eeg.json` has suffix `eeg` and extension `.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsName {
    pub entities: Entities,
    pub suffix: String,
    /// With its dot; everything after the first dot of the name.
    pub extension: String,
}

impl BidsName {
    /// `None` where the name does not follow `key-value[_key-value…]_suffix.extension`.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let dot = name.find('.').unwrap_or(name.len());
        let (stem, extension) = name.split_at(dot);
        let mut parts: Vec<&str> = stem.split('_').collect();
        let suffix = parts.pop()?;
        let pairs = parts.into_iter().map(pair).collect::<Option<Vec<_>>>()?;
        Some(Self { entities: Entities { pairs }, suffix: suffix.to_owned(), extension: extension.to_owned() })
    }
}

impl Entities {
    /// Keeps the pairs in the order given.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { pairs: pairs.into_iter().collect() }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether every pair of `self` is also one of `other`'s: then a file of `self` describes one of `other`.
    pub fn apply_to(&self, other: &Entities) -> bool {
        self.iter().all(|(key, value)| other.get(key) == Some(value))
    }

    /// All pairs but those of `key`.
    pub fn without(&self, key: &str) -> Self {
        Self::new(self.pairs.iter().filter(|(k, _)| k != key).cloned())
    }

    /// The start of a derivative's file name, such as `sub-sch004_task-rest`: the entities in the order of BIDS,
    /// whatever theirs was; unknown ones last.
    pub fn prefix(&self) -> String {
        let mut pairs: Vec<&(String, String)> = self.pairs.iter().collect();
        pairs.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
        pairs.iter().map(|(key, value)| format!("{key}-{value}")).collect::<Vec<_>>().join("_")
    }
}

fn pair(part: &str) -> Option<(String, String)> {
    let (key, value) = part.split_once('-')?;
    (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_comes_apart_and_back() {
        let name = BidsName::of(Path::new("x/sub-sch004_task-rest_eeg.edf")).unwrap();
        assert_eq!(name.entities.prefix(), "sub-sch004_task-rest");
        assert_eq!(name.entities.get("task"), Some("rest"));
        assert_eq!((name.suffix.as_str(), name.extension.as_str()), ("eeg", ".edf"));
        assert_eq!(BidsName::of(Path::new("task_rest_eeg.edf")), None);
        let odd = BidsName::of(Path::new("sub-1_run-2_lab-x_task-rest_ses-3_eeg.edf")).unwrap();
        assert_eq!(odd.entities.prefix(), "sub-1_ses-3_task-rest_run-2_lab-x");
    }
}
