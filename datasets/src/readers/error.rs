//! Why a file could not be read: what was needed, what was found, where.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("need a readable file, found \"{source}\" at {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("need {needed}, found {found} in {}", path.display())]
    Field { needed: String, found: String, path: PathBuf },

    #[error("need {needed_bytes} bytes, as the header says, found {found_bytes} in {}", path.display())]
    Truncated { needed_bytes: u64, found_bytes: u64, path: PathBuf },

    #[error("need {needed} cell{} parted by {separator}, as the first row has, found {found} at line {line} of {}", if *needed == 1 { "" } else { "s" }, path.display())]
    RaggedRow { needed: usize, separator: &'static str, found: usize, line: u64, path: PathBuf },

    #[error("need a number, found {found:?}{} at line {line}, column {column} ({name}) of {}", decimal_comma(found), path.display())]
    NotANumber { found: String, line: u64, column: usize, name: String, path: PathBuf },

    #[error("need RepetitionTime or SamplingFrequency in a JSON sidecar, found neither for {}", path.display())]
    NoScanRate { path: PathBuf },

    #[error("need one of {known}, found {found} at {}", path.display())]
    UnknownFormat { known: &'static str, found: String, path: PathBuf },
}

impl ReadError {
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source }
    }

    /// Names from the file may be in either text: what would break the line does not pass.
    pub(crate) fn field(needed: impl Into<String>, found: impl Into<String>, path: &Path) -> Self {
        let clean = |text: String| text.replace(char::is_control, " ");
        Self::Field { needed: clean(needed.into()), found: clean(found.into()), path: path.to_owned() }
    }
}

/// What is odd about `found`, if it would be a number with a point.
fn decimal_comma(found: &str) -> &'static str {
    if has_decimal_comma(found) { " with a decimal comma, where a point is read," } else { "" }
}

/// Whether this would be a number with a point.
pub(crate) fn has_decimal_comma(text: &str) -> bool {
    text.contains(',') && text.replacen(',', ".", 1).parse::<f64>().is_ok()
}

/// Text from a file or a library, fit for one line of a message.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    line.trim().to_owned()
}
