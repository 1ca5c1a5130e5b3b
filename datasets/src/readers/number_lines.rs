//! Lines of numbers without a word on what they are.

use std::path::Path;

use super::error::{ReadError, one_line};
use super::numeric_table::{number, numbered_names};
use super::series::Series;
use super::table::text_in;

/// The numbers of a text file, line by line.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLines {
    /// Where the first line begins with a word.
    pub names: Option<Vec<String>>,
    /// One for each line that holds numbers.
    pub lines: Vec<NumberLine>,
    /// Of all lines; missing ones are NaN.
    pub values: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberLine {
    /// In the file, counted from 1.
    pub line: u64,
    pub n_values: usize,
}

impl NumberLines {
    /// Lines that are empty or start with `#` or `%` say nothing. Numbers are parted by blanks, commas or semicolons.
    ///
    /// Fails at what is neither a number nor missing, and where there is no number at all.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        let mut found = Self { names: None, lines: Vec::new(), values: Vec::new() };
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with(['#', '%']) {
                continue;
            }
            let cells = || text.split([' ', '\t', ',', ';']).filter(|cell| !cell.is_empty());
            if cells().next().is_none() {
                continue;
            }
            let is_first = found.lines.is_empty() && found.names.is_none();
            // Some names are numbers, as in `Time,1,2,3`.
            if is_first && cells().next().is_some_and(|cell| number(cell).is_none()) {
                found.names = Some(cells().map(one_line).collect());
                continue;
            }
            let before = found.values.len();
            for (column, cell) in (1..).zip(cells()) {
                found.values.push(number(cell).ok_or_else(|| not_a_number(cell, line, column, path))?);
            }
            found.lines.push(NumberLine { line, n_values: found.values.len() - before });
        }
        if found.values.is_empty() {
            return Err(ReadError::field("numbers", "none", path));
        }
        match perhaps_decimal_comma(&text) {
            None => Ok(found),
            Some((line, text)) => Err(ReadError::field(
                "numbers with decimal points, or parted by blanks",
                format!("{text:?} at line {line}, which may be one number or two,"),
                path,
            )),
        }
    }

    /// Numbers of each unit, were these spike times: of each line, or of all where no line has more than one.
    pub fn counts(&self) -> Vec<usize> {
        match self.lines.iter().all(|line| line.n_values == 1) {
            true => vec![self.values.len()],
            false => self.lines.iter().map(|line| line.n_values).collect(),
        }
    }

    /// Why these are columns over time and no spike times: of those, files keep each unit's in their order, and seldom as
    /// many of one unit as of the next. `None` where they may be spike times.
    pub fn why_columns(&self) -> Option<String> {
        if self.names.is_some() {
            return Some("its first line names columns".to_owned());
        }
        let n_columns = self.lines.first().map_or(0, |line| line.n_values);
        if self.lines.len() < 2 || self.lines.iter().any(|line| line.n_values != n_columns) {
            return None;
        }
        let mut rest = self.values.as_slice();
        for (n, line) in self.counts().into_iter().zip(&self.lines) {
            let (unit, others) = rest.split_at(n);
            rest = others;
            let line_of =
                |at: usize| if self.lines.len() == self.values.len() { self.lines[at].line } else { line.line };
            if let Some(at) = unit.iter().position(|value| value.is_nan()) {
                return Some(format!("of spike times none would be missing, as one is in line {}", line_of(at)));
            }
            if let Some(at) = unit.windows(2).position(|pair| pair[1] < pair[0]) {
                return Some(format!("spike times would not go back, as the numbers do in line {}", line_of(at + 1)));
            }
        }
        None
    }

    /// Columns over time. Fails where lines are of different lengths.
    pub fn into_series(self, path: &Path) -> Result<Series, ReadError> {
        let n_columns = self.names.as_ref().map_or(self.lines[0].n_values, Vec::len);
        match self.lines.iter().find(|line| line.n_values != n_columns) {
            Some(odd) => Err(ReadError::RaggedRow {
                needed: n_columns,
                separator: "blanks, commas or semicolons",
                found: odd.n_values,
                line: odd.line,
                path: path.to_owned(),
            }),
            None => Ok(Series {
                names: self.names.unwrap_or_else(|| numbered_names(n_columns)),
                n_times: self.lines.len(),
                values: self.values,
                warnings: Vec::new(),
            }),
        }
    }
}

/// The first of the numbers whose only comma may be their decimal sign, where nothing in the file says what commas are: no point, no
/// number with two commas, no blank after one.
fn perhaps_decimal_comma(text: &str) -> Option<(u64, String)> {
    let mut first = None;
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim_start().starts_with(['#', '%'])) {
        for cell in text.split([' ', '\t', ';']).filter(|cell| cell.contains([',', '.'])) {
            let is_whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            match cell.trim_start_matches(['+', '-']).split_once(',') {
                Some((before, after)) if is_whole(before) && is_whole(after) => {
                    first.get_or_insert_with(|| (line, one_line(cell)));
                }
                _ => return None,
            }
        }
    }
    first
}

pub(super) fn not_a_number(found: &str, line: u64, column: usize, path: &Path) -> ReadError {
    let name = format!("number {column} of its line");
    ReadError::NotANumber { found: one_line(found), line, column, name, path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<NumberLines, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        NumberLines::read(&path)
    }

    #[test]
    fn what_goes_back_is_a_series() {
        let why_columns = |text: &str| lines(text).unwrap().why_columns();
        for spikes in ["0.5 1.5\n2 2 7\n", "0.5\n1.5\n2\n", "# by hand\n1 2 3\n0 4 5\n", "3 1\n2\n", "3 1\n"] {
            assert_eq!(why_columns(spikes), None, "{spikes:?}");
        }
        assert!(why_columns("1 2\n\n3 2.5\n").unwrap().ends_with("in line 3"));
        assert!(why_columns("# one channel\n1\n2\n1.5\n").unwrap().ends_with("in line 4"));
        assert!(why_columns("1 nan\n2 3\n").unwrap().ends_with("none would be missing, as one is in line 1"));
        assert!(why_columns("1\n2\nnan\n").unwrap().ends_with("as one is in line 3"));
        assert!(why_columns("Fz Cz\n1 2\n").unwrap().contains("names columns"));
    }

    /// `0,5` is half a second in some countries, and two numbers in others.
    #[test]
    fn a_comma_that_may_be_decimal_is_refused() {
        for text in ["0,1\n0,25\n", "0,1 0,2\n", "1;2\n-0,5;3\n", "0,1\n2\n"] {
            let message = lines(text).unwrap_err().to_string();
            assert!(message.contains("may be one number or two") && message.contains("at line"), "{message}");
        }
        for text in ["0.5,1\n0,2\n", "1,2,3\n4,5\n", "0, 5\n1, 6\n", "a,b\n1,2\n", "1 2\n"] {
            assert!(lines(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn columns_are_of_one_length() {
        let path = Path::new("a.txt");
        let series = lines(";;\nFz;Cz\n1;-2\n3;4\n").unwrap().into_series(path).unwrap();
        assert_eq!(
            (series.names, series.n_times, series.values),
            (vec!["Fz".into(), "Cz".into()], 2, vec![1.0, -2.0, 3.0, 4.0])
        );
        assert_eq!(lines("1e-3 2\n3 NaN\n").unwrap().into_series(path).unwrap().names, ["x1", "x2"]);
        let message = lines("1 2\n3\n").unwrap().into_series(path).unwrap_err().to_string();
        assert_eq!(
            message,
            "need 2 cells parted by blanks, commas or semicolons, as the first row has, found 1 at line 2 of a.txt"
        );
        assert_eq!(lines("Time,1,2\n0,5,6\n").unwrap().names.unwrap(), ["Time", "1", "2"]);
        assert!(lines("1 2\n3 x\n").unwrap_err().to_string().contains("\"x\" at line 2, column 2"));
        assert!(lines("only words\n").unwrap_err().to_string().contains("need numbers, found none"));
    }
}
