//! A folder for files made here, and what is asked of a recording read from it.

use std::path::PathBuf;

use nullcline_datasets::readers::SignalFile;

pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Onset, duration, text.
pub fn annotations(file: &SignalFile) -> Vec<(f64, f64, &str)> {
    file.annotations.iter().map(|a| (a.onset_secs, a.duration_secs, a.text.as_str())).collect()
}

pub fn assert_values(file: &SignalFile, expected: &[&[f64]]) {
    let found = file.values().unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(*expected) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1e-6), "{found:?} instead of {expected:?}");
        }
    }
}
