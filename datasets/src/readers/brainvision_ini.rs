//! The text files of BrainVision: a first line that says what it is, then sections of `key=value`.

use std::collections::HashMap;
use std::path::Path;

use super::error::ReadError;
use super::table::text_in;

pub(super) struct Ini {
    pub first_line: String,
    /// By section and key, both in lower case: NeurOne writes `[Common infos]`.
    values: HashMap<(String, String), String>,
}

impl Ini {
    /// Lines that are empty, start with `;`, or are no `key=value` are skipped. `[Comment]` holds free text.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        // Either line end of its own, as old Macs wrote them.
        let mut lines = text.split(['\n', '\r']).map(str::trim);
        let first_line = lines.next().unwrap_or_default().to_owned();
        let mut values = HashMap::new();
        let mut section = String::new();
        for line in lines {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.trim().to_ascii_lowercase();
            } else if section != "comment"
                && !line.starts_with(';')
                && let Some((key, value)) = line.split_once('=')
            {
                values.insert((section.clone(), key.trim().to_ascii_lowercase()), value.trim().to_owned());
            }
        }
        Ok(Self { first_line, values })
    }

    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.values.get(&(section.to_ascii_lowercase(), key.to_ascii_lowercase())).map(String::as_str)
    }
}
