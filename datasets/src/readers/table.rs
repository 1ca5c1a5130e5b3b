//! Small text tables with a header row.

use std::fs;
use std::path::{Path, PathBuf};

use super::delimited::{Delimited, Separator};
use super::error::{ReadError, one_line};

/// A table of text; every row has as many cells as there are columns.
#[derive(Debug, Clone)]
pub struct Table {
    pub path: PathBuf,
    pub columns: Vec<String>,
    /// Of the columns' names, in the file.
    pub header_line: u64,
    pub(super) separator: Separator,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct Row {
    /// Line in the file, counted from 1.
    pub line: u64,
    pub cells: Vec<String>,
}

impl Table {
    /// Fails at an empty file or a row with more or fewer cells than the header. Empty lines are skipped, and lines before
    /// the header that start with `#`.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(path, None)
    }

    /// As [`Self::read`], of a file whose cells are parted by tabs whatever it is called.
    pub fn read_with_tabs(path: &Path) -> Result<Self, ReadError> {
        Self::parse(path, Some(Separator::Tab))
    }

    fn parse(path: &Path, separator: Option<Separator>) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        let separator = separator.unwrap_or_else(|| Separator::of(&text, path));
        let mut lines = Delimited::new(&text, separator, path);
        let mut record = csv::StringRecord::new();
        let nothing = || ReadError::field("a header row", "an empty file", path);
        let header_line = lines.next(&mut record)?.ok_or_else(nothing)?;
        let columns: Vec<String> = record.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        while let Some(line) = lines.next(&mut record)? {
            lines.check_length(&record, columns.len(), line)?;
            rows.push(Row { line, cells: record.iter().map(str::to_owned).collect() });
        }
        Ok(Self { path: path.to_owned(), columns, header_line, separator, rows })
    }

    /// Where the column of that name is.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The cell of `row` at `column` as a finite number.
    pub fn number(&self, row: &Row, column: usize) -> Result<f64, ReadError> {
        let cell = &row.cells[column];
        cell.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| ReadError::NotANumber {
            found: one_line(cell),
            line: row.line,
            column: column + 1,
            name: one_line(&self.columns[column]),
            path: self.path.clone(),
        })
    }
}

/// `n/a`, as BIDS writes it, and what others write.
pub fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "n/a" | "N/A" | "NA" | "na" | "nan" | "NaN" | "NAN")
}

/// UTF-8, UTF-16 where a byte-order mark says so (as Excel saves "Unicode text"), or else Latin-1, which reads any bytes.
///
/// Lines end in `\n`, whatever ends them in the file, so that they can be counted.
pub(super) fn text_in(path: &Path) -> Result<String, ReadError> {
    let text = decoded(path)?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

fn decoded(path: &Path) -> Result<String, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::unreadable(path, source))?;
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().skip(1).map(|&pair| unit(pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.first_chunk() {
        Some([0xFF, 0xFE]) => return Ok(utf16(u16::from_le_bytes)),
        Some([0xFE, 0xFF]) => return Ok(utf16(u16::from_be_bytes)),
        _ => {}
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text),
        Err(not_utf8) => latin1(not_utf8.as_bytes()),
    })
}

pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        let wanted = "name\tunit\nFz\tµV\n";
        let units: Vec<u16> = wanted.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let latin1: Vec<u8> = wanted.chars().map(|c| c as u8).collect();
        let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
        for bytes in [
            wanted.as_bytes().to_vec(),
            wanted.replace('\n', "\r\n").into_bytes(),
            wanted.replace('\n', "\r").into_bytes(),
            marked(b"\xEF\xBB\xBF", wanted.as_bytes()),
            marked(b"\xFF\xFE", &little),
            marked(b"\xFE\xFF", &big),
            latin1,
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(text_in(&path).unwrap(), wanted);
        }
    }
}
