//! Where a run writes what.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nullcline_datasets::{Modality, SubjectId};
use serde_json::json;

use super::atomic::unique;
use super::write_json;

/// The folder that a run writes: BIDS derivatives.
#[derive(Clone, Debug)]
pub struct OutDir {
    root: PathBuf,
    work: PathBuf,
}

impl OutDir {
    /// Makes the folder and proves that it can be written, before hours are spent.
    pub fn create(root: &Path, work: Option<&Path>) -> Result<Self> {
        let out = Self::open(root, work);
        for folder in [&out.root, &out.work] {
            let needed = || format!("need a writable folder, found {}", folder.display());
            fs::create_dir_all(folder).with_context(needed)?;
            let probe = folder.join(format!(".writable.{}", unique()));
            fs::write(&probe, b"?").with_context(needed)?;
            let _ = fs::remove_file(&probe);
        }
        let description = out.root.join("dataset_description.json");
        if !description.exists() {
            write_json(
                &description,
                &json!({
                    "Name": "nullcline: generative models and their dynamics",
                    "BIDSVersion": "1.10.0",
                    "DatasetType": "derivative",
                    "GeneratedBy": [{"Name": "nullcline", "Version": env!("CARGO_PKG_VERSION")}],
                }),
            )?;
        }
        Ok(out)
    }

    pub fn open(root: &Path, work: Option<&Path>) -> Self {
        Self { root: root.to_path_buf(), work: work.map_or_else(|| root.join("work"), Path::to_path_buf) }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn subject(&self, subject: &SubjectId) -> SubjectDir {
        SubjectDir { out: self.clone(), name: subject.to_string() }
    }

    pub fn group_file(&self, name: &str) -> PathBuf {
        self.root.join("group").join(name)
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(name)
    }

    /// Subjects of which participant level left a status.
    pub fn finished_subjects(&self) -> Result<Vec<SubjectId>> {
        let mut subjects = Vec::new();
        let entries = fs::read_dir(&self.root)
            .with_context(|| format!("need a finished OUT_DIR, found {}", self.root.display()))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(Ok(subject)) = name.strip_prefix("sub-").map(SubjectId::parse) else { continue };
            if self.subject(&subject).status().exists() {
                subjects.push(subject);
            }
        }
        subjects.sort();
        Ok(subjects)
    }
}

/// Where one subject's files go.
#[derive(Clone, Debug)]
pub struct SubjectDir {
    out: OutDir,
    name: String,
}

impl SubjectDir {
    /// `OUT/sub-X/sub-X_<name>`: what concerns the subject as a whole.
    pub fn file(&self, name: &str) -> PathBuf {
        self.out.root.join(&self.name).join(format!("{}_{name}", self.name))
    }

    /// `OUT/sub-X/eeg/<prefix>_<name>`: what comes from one recording, `prefix` being its entities.
    pub fn recording_file(&self, modality: Modality, prefix: &str, name: &str) -> PathBuf {
        self.out.root.join(&self.name).join(modality.folder()).join(format!("{prefix}_{name}"))
    }

    pub fn status(&self) -> PathBuf {
        self.file("desc-status_summary.json")
    }

    pub fn report(&self) -> PathBuf {
        self.file("report.html")
    }

    pub fn stamp(&self, stage: &str) -> PathBuf {
        self.out.root.join("logs").join(&self.name).join(format!("{stage}.json"))
    }

    pub fn checkpoint(&self, refit: usize) -> PathBuf {
        self.out.work.join(&self.name).join(format!("refit{refit:02}_checkpoint.safetensors"))
    }
}
