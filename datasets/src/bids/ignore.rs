//! `.bidsignore`: which files of a dataset are none of its recordings.
//!
//! Source: BIDS specification 1.10, "Validation"; the patterns are those of gitignore(5).

use std::fs;
use std::path::Path;

use glob::{MatchOptions, Pattern};

/// The patterns of a dataset, in their order: a later one overrides an earlier one.
#[derive(Debug, Clone, Default)]
pub struct BidsIgnore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Against the path from the root.
    pattern: Pattern,
    /// What matches is taken back in.
    is_exception: bool,
    folders_only: bool,
}

impl BidsIgnore {
    /// Of the dataset at `root`; without such a file nothing is ignored. Lines that are no pattern say nothing.
    pub fn of(root: &Path) -> Self {
        let text = fs::read_to_string(root.join(".bidsignore")).unwrap_or_default();
        Self { rules: text.lines().filter_map(Rule::parse).collect() }
    }

    /// Whether the file at `path`, from the root, or a folder it lies in, is ignored.
    pub fn ignores(&self, path: &Path) -> bool {
        let is_ignored = |part: &Path, is_folder: bool| {
            let matching = self.rules.iter().rev().find(|rule| rule.matches(part, is_folder));
            matching.is_some_and(|rule| !rule.is_exception)
        };
        !self.rules.is_empty()
            && path.ancestors().filter(|part| !part.as_os_str().is_empty()).any(|part| is_ignored(part, part != path))
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (line, is_exception) = line.strip_prefix('!').map_or((line, false), |rest| (rest, true));
        let (line, folders_only) = line.strip_suffix('/').map_or((line, false), |rest| (rest, true));
        // Without a slash inside, a pattern holds at any depth.
        let anchored = match line.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if line.contains('/') => line.to_owned(),
            None => format!("**/{line}"),
        };
        Some(Self { pattern: Pattern::new(&anchored).ok()?, is_exception, folders_only })
    }

    fn matches(&self, path: &Path, is_folder: bool) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        (is_folder || !self.folders_only) && self.pattern.matches_path_with(path, options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_gitignore() {
        let root = tempfile::tempdir().unwrap();
        let text = "# not ours\n*_beh.edf\nsub-02/\n/extra/*.tsv\nsub-*/eeg/*_task-old_*\n!sub-03/eeg/*_task-old_*\n";
        fs::write(root.path().join(".bidsignore"), text).unwrap();
        let ignore = BidsIgnore::of(root.path());
        for path in
            ["sub-01/eeg/sub-01_beh.edf", "sub-02/eeg/sub-02_eeg.edf", "extra/a.tsv", "sub-01/eeg/x_task-old_eeg.edf"]
        {
            assert!(ignore.ignores(Path::new(path)), "{path}");
        }
        for path in ["sub-01/eeg/sub-01_eeg.edf", "deep/extra/a.tsv", "sub-03/eeg/x_task-old_eeg.edf", "sub-02"] {
            assert!(!ignore.ignores(Path::new(path)), "{path}");
        }
        assert!(!BidsIgnore::of(&root.path().join("none")).ignores(Path::new("sub-01")));
    }
}
