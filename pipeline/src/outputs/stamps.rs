//! What a stage was made from: the reason to skip it, or to run it again.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{read_json, write_json};

/// Digest of everything a stage depends on.
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of this version of the program and the name of the stage.
    pub fn of(stage: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION").as_bytes());
        hash.update([0]);
        hash.update(stage.as_bytes());
        Self(hash)
    }

    pub fn settings(mut self, settings: &impl Serialize) -> Result<Self> {
        self.0.update(serde_json::to_vec(settings)?);
        Ok(self)
    }

    /// The content of a file; one that is not there counts as absent.
    pub fn file(mut self, path: &Path) -> Result<Self> {
        self.0.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        match fs::File::open(path) {
            Ok(mut file) => {
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let n = file.read(&mut buffer).with_context(|| format!("need to read {}", path.display()))?;
                    if n == 0 {
                        break;
                    }
                    self.0.update(&buffer[..n]);
                }
            }
            Err(_) => self.0.update(b"absent"),
        }
        Ok(self)
    }

    pub fn upstream(mut self, key: &str) -> Self {
        self.0.update(key.as_bytes());
        self
    }

    pub fn key(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Left beside the logs when a stage has finished.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stamp {
    key: String,
    outputs: Vec<PathBuf>,
}

impl Stamp {
    /// Whether the stage stamped at `path` finished from the same inputs and all it wrote is still there.
    ///
    /// A stamp that is not current is withdrawn before anything is overwritten: a run that is killed half-way
    /// must not leave new files under an old stamp.
    pub fn is_current(path: &Path, key: &str) -> Result<bool> {
        let current = read_json::<Stamp>(path)
            .is_ok_and(|stamp| stamp.key == key && stamp.outputs.iter().all(|output| resolve(path, output).exists()));
        if !current && path.exists() {
            fs::remove_file(path).with_context(|| format!("need to write {}", path.display()))?;
        }
        Ok(current)
    }

    pub fn write(path: &Path, key: &str, outputs: &[PathBuf]) -> Result<()> {
        let outputs = outputs.iter().map(|output| relative_to_out(path, output)).collect();
        write_json(path, &Stamp { key: key.to_string(), outputs })
    }
}

/// `OUT` as seen from `OUT/logs/<who>/<stage>.json`: a finished folder may be moved.
fn out_of(stamp: &Path) -> PathBuf {
    stamp.ancestors().nth(3).unwrap_or(Path::new(".")).to_path_buf()
}

fn relative_to_out(stamp: &Path, output: &Path) -> PathBuf {
    output.strip_prefix(out_of(stamp)).unwrap_or(output).to_path_buf()
}

fn resolve(stamp: &Path, output: &Path) -> PathBuf {
    out_of(stamp).join(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_current_until_its_inputs_or_its_outputs_change() {
        let out = tempfile::tempdir().unwrap();
        let (input, output) = (out.path().join("input.tsv"), out.path().join("output.tsv"));
        let stamp = out.path().join("logs/sub-01/ingest.json");
        fs::write(&input, "1").unwrap();
        fs::write(&output, "2").unwrap();
        let key = || Fingerprint::of("ingest").file(&input).unwrap().key();
        let before = key();
        Stamp::write(&stamp, &before, std::slice::from_ref(&output)).unwrap();
        assert!(Stamp::is_current(&stamp, &key()).unwrap());
        fs::write(&input, "3").unwrap();
        assert!(!Stamp::is_current(&stamp, &key()).unwrap());
        // Withdrawn: whatever was begun since, the old state must be made again.
        assert!(!Stamp::is_current(&stamp, &before).unwrap());
        Stamp::write(&stamp, &before, std::slice::from_ref(&output)).unwrap();
        fs::remove_file(&output).unwrap();
        assert!(!Stamp::is_current(&stamp, &before).unwrap());
    }
}
