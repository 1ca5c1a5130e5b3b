//! Files that are whole or not there.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lets `write` make the file under a temporary name beside `path`, then renames it.
pub(super) fn write_whole(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .with_context(|| format!("need a writable output folder, could not make {}", folder.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.part", unique()));
    let written = write(&temporary)
        .and_then(|()| Ok(fs::rename(&temporary, path)?))
        .with_context(|| format!("need to write {}", path.display()));
    if written.is_err() {
        // A full disk keeps nothing half-written; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Different for every job that shares the folder, on whatever node: process numbers repeat between them.
pub(super) fn unique() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:x}", std::process::id())
}

pub fn write_text(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |temporary| Ok(fs::write(temporary, text)?))
}

/// Leaves a file alone that already says so, with its date.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).ok().as_deref() == Some(bytes) {
        return Ok(());
    }
    write_whole(path, |temporary| Ok(fs::write(temporary, bytes)?))
}

pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write_text(path, &text)
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("need {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("need a summary of this version in {}", path.display()))
}
