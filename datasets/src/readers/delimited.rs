//! Rows of cells in text: TSV, and CSV with commas or semicolons.

use std::ffi::OsStr;
use std::path::Path;

use super::error::{ReadError, one_line};

/// What parts the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Tab,
    Comma,
    /// As spreadsheets write CSV where the decimal sign is a comma.
    Semicolon,
}

impl Separator {
    /// Tabs but in `.csv`; there semicolons where the first row has some and commas only as decimal signs, else commas.
    pub fn of(text: &str, path: &Path) -> Self {
        let is_csv = path.extension().and_then(OsStr::to_str).is_some_and(|ext| ext.eq_ignore_ascii_case("csv"));
        if !is_csv {
            return Self::Tab;
        }
        let first = text[length_of_remarks(text).0..].lines().next().unwrap_or_default();
        let is_number = |cell: &str| cell.trim().replacen(',', ".", 1).parse::<f64>().is_ok();
        let parts = || first.split(';');
        let has_semicolons = parts().nth(1).is_some();
        if has_semicolons && parts().all(|cell| !cell.contains(',') || is_number(cell)) {
            Self::Semicolon
        } else {
            Self::Comma
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Tab => "tabs",
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Tab => b'\t',
            Self::Comma => b',',
            Self::Semicolon => b';',
        }
    }
}

/// Reads row after row; rows may differ in length, so that the caller can say where.
///
/// Lines before the first row that start with `#` are remarks. Later ones are rows: a name may start with it.
pub(super) struct Delimited<'t> {
    reader: csv::Reader<&'t [u8]>,
    separator: Separator,
    rows: &'t str,
    /// Lines of remarks before them.
    n_before: u64,
    path: &'t Path,
}

impl<'t> Delimited<'t> {
    pub fn new(text: &'t str, separator: Separator, path: &'t Path) -> Self {
        let (start, n_before) = length_of_remarks(text);
        let rows = &text[start..];
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator.byte())
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(rows.as_bytes());
        Self { reader, separator, rows, n_before, path }
    }

    /// Fills `record` and gives its line in the file, counted from 1; `None` at the end.
    pub fn next(&mut self, record: &mut csv::StringRecord) -> Result<Option<u64>, ReadError> {
        let unparsable =
            |error: csv::Error| ReadError::field("a delimited table", one_line(&error.to_string()), self.path);
        if !self.reader.read_record(record).map_err(unparsable)? {
            return Ok(None);
        }
        let Some(position) = record.position() else { return Ok(Some(0)) };
        // The reader counts from where it began to look, which is before any empty lines.
        let rest = self.rows.as_bytes().get(position.byte() as usize..).unwrap_or_default();
        let n_empty = rest.iter().take_while(|&&byte| byte == b'\n').count() as u64;
        Ok(Some(self.n_before + position.line() + n_empty))
    }

    /// Fails unless the row in `line` has as many cells as the first.
    pub fn check_length(&self, record: &csv::StringRecord, needed: usize, line: u64) -> Result<(), ReadError> {
        if record.len() == needed {
            return Ok(());
        }
        let separator = self.separator.name();
        Err(ReadError::RaggedRow { needed, separator, found: record.len(), line, path: self.path.to_owned() })
    }
}

/// Bytes and lines before the first row: what is empty or starts with `#`.
fn length_of_remarks(text: &str) -> (usize, u64) {
    let (mut bytes, mut lines) = (0, 0);
    for line in text.split_inclusive('\n').take_while(|line| line.starts_with('#') || line.trim_end().is_empty()) {
        bytes += line.len();
        lines += 1;
    }
    (bytes, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, text: &str) -> Vec<(u64, Vec<String>)> {
        let path = Path::new(name);
        let mut lines = Delimited::new(text, Separator::of(text, path), path);
        let (mut record, mut rows) = (csv::StringRecord::new(), Vec::new());
        while let Some(line) = lines.next(&mut record).unwrap() {
            rows.push((line, record.iter().map(str::to_owned).collect()));
        }
        rows
    }

    #[test]
    fn separators_are_those_of_the_first_row() {
        let first = |name: &str, text: &str| rows(name, text).swap_remove(0).1.join("|");
        assert_eq!(first("a.csv", "a,b\n1,2\n"), "a|b");
        assert_eq!(first("a.csv", "a;b\n1,5;2\n"), "a|b");
        assert_eq!(first("a.csv", "# by; hand\n1,5;2\n"), "1,5|2");
        assert_eq!(first("a.csv", "left;right,both\n1,2\n"), "left;right|both");
        assert_eq!(first("a.tsv", "a;b\tc\n"), "a;b|c");
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let lines = |text: &str| rows("a.csv", text).iter().map(|(line, _)| *line).collect::<Vec<_>>();
        assert_eq!(lines("a,b\n1,2\n3,4\n"), [1, 2, 3]);
        assert_eq!(lines("# one\n\n# two\na,b\n\n\n1,2\n#3,4\n"), [4, 7, 8]);
        assert_eq!(lines("a,b\n\"x\ny\",2\n3,4\n"), [1, 2, 4]);
        assert!(lines("").is_empty());
    }
}
