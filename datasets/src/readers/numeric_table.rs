//! Tables of numbers, with or without a header row.

use std::path::Path;

use super::delimited::{Delimited, Separator};
use super::error::{ReadError, has_decimal_comma, one_line};
use super::table::{Row, Table, is_missing, text_in};

/// Columns of numbers, one row per time.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericTable {
    /// `None` where the file has no header row.
    pub names: Option<Vec<String>>,
    pub n_rows: usize,
    pub n_columns: usize,
    /// `[row, column]`, row-major; missing cells are NaN.
    pub values: Vec<f64>,
    /// What was made of the first row, where that is not plain.
    pub warnings: Vec<String>,
}

/// Whether the first row holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    Required,
    /// A first row with a cell that is neither a number nor missing is a header, and one that counts columns of fractions.
    Detected,
}

impl NumericTable {
    /// Fails at a ragged row or a cell that is neither a number nor missing, naming its line and column.
    pub fn read(path: &Path, header: Header) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        let separator = Separator::of(&text, path);
        let mut lines = Delimited::new(&text, separator, path);
        let mut record = csv::StringRecord::new();
        let mut table = Self { names: None, n_rows: 0, n_columns: 0, values: Vec::new(), warnings: Vec::new() };
        let mut is_first = true;
        while let Some(line) = lines.next(&mut record)? {
            if is_first {
                is_first = false;
                table.n_columns = record.len();
                if header == Header::Required || record.iter().any(|cell| number(cell).is_none()) {
                    table.names = Some(record.iter().map(str::to_owned).collect());
                    continue;
                }
            }
            lines.check_length(&record, table.n_columns, line)?;
            table.push(&record, line, path)?;
        }
        if table.n_rows > 0 && table.names.is_none() {
            table.judge_first_row(separator);
        }
        if table.n_rows == 0 {
            return Err(ReadError::field("rows of numbers", "none", path));
        }
        Ok(table)
    }

    /// The column names, or `x1`, `x2`, … where the file gives none.
    pub fn column_names(&self) -> Vec<String> {
        self.names.clone().unwrap_or_else(|| numbered_names(self.n_columns))
    }

    /// A first row of numbers may be one of names.
    fn judge_first_row(&mut self, separator: Separator) {
        let (first, rest) = self.values.split_at(self.n_columns.min(self.values.len()));
        let cells: Vec<String> = first.iter().map(f64::to_string).collect();
        let has_fractions = || rest.iter().copied().any(is_fraction);
        let (is_header, remark) = holds_names(cells.iter().map(String::as_str), has_fractions, separator);
        self.warnings.extend(remark.map(str::to_owned));
        if is_header {
            self.values.drain(..self.n_columns);
            self.n_rows -= 1;
            self.names = Some(cells);
        }
    }

    fn push(&mut self, record: &csv::StringRecord, line: u64, path: &Path) -> Result<(), ReadError> {
        for (column, cell) in record.iter().enumerate() {
            let value = number(cell).ok_or_else(|| ReadError::NotANumber {
                found: one_line(cell),
                line,
                column: column + 1,
                name: self.names.as_ref().map_or_else(String::new, |names| one_line(&names[column])),
                path: path.to_owned(),
            })?;
            self.values.push(value);
        }
        self.n_rows += 1;
        Ok(())
    }
}

fn is_fraction(value: f64) -> bool {
    value.is_finite() && value.fract() != 0.0
}

/// Whether the first row holds names, and what is said of it where that is not plain; `has_fractions` is asked of the other
/// rows.
///
/// Writers of tables number columns that have no names: such a row counts `0, 1, 2, …` or `1, 2, 3, …`, and is no data among
/// fractions.
fn holds_names<'c>(
    first: impl Iterator<Item = &'c str>,
    has_fractions: impl Fn() -> bool,
    separator: Separator,
) -> (bool, Option<&'static str>) {
    let Some(row) = first.map(number).collect::<Option<Vec<f64>>>() else {
        return (true, None);
    };
    let counts_from = |start: usize| row.iter().zip(start..).all(|(&value, i)| value == i as f64);
    match row.len() > 1 && (counts_from(0) || counts_from(1)) && has_fractions() {
        true => (true, Some("The first row counts the columns; it is taken for their names.")),
        // As `0,5` in lines of their own would be.
        false if separator == Separator::Comma && row.len() == 2 && !has_fractions() => (
            false,
            Some(
                "The first row is all numbers; it is taken for data of two columns, not for one with decimal commas, and they \
                 are numbered.",
            ),
        ),
        false => (false, Some("The first row is all numbers; it is taken for data, and the columns are numbered.")),
    }
}

/// A table as it comes: columns of numbers, and others of text.
#[derive(Debug, Clone, PartialEq)]
pub struct LooseTable {
    pub names: Vec<String>,
    pub n_rows: usize,
    /// `None` for a column of text; missing cells are NaN.
    pub columns: Vec<Option<Vec<f64>>>,
    /// Columns that are text only because of few of their cells.
    pub warnings: Vec<String>,
}

impl LooseTable {
    /// Reads a table, with a header row or without one as [`NumericTable`] tells. Fails at a ragged row, and where no column
    /// holds a number.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut table = Table::read(path)?;
        let (mut columns, mut warnings, mut commas) = (Vec::new(), Vec::new(), Vec::new());
        let cells = || table.rows.iter().flat_map(|row| &row.cells);
        let has_fractions = || cells().filter_map(|cell| number(cell)).any(is_fraction);
        let (is_header, remark) = holds_names(table.columns.iter().map(String::as_str), has_fractions, table.separator);
        warnings.extend(remark.map(str::to_owned));
        if !is_header {
            let names = numbered_names(table.columns.len());
            let cells = std::mem::replace(&mut table.columns, names);
            table.rows.insert(0, Row { line: table.header_line, cells });
        }
        for (at, name) in table.columns.iter().enumerate() {
            let cells = || table.rows.iter().map(|row| (row.line, row.cells[at].as_str()));
            let odd: Vec<(u64, &str)> = cells().filter(|(_, cell)| number(cell).is_none()).collect();
            if let Some((line, cell)) = odd.iter().find(|(_, cell)| has_decimal_comma(cell)) {
                commas.push(format!("{} ({cell:?} at line {line})", one_line(name)));
            }
            let is_missing_throughout = cells().all(|(_, cell)| is_missing(cell));
            match odd.as_slice() {
                [] if !is_missing_throughout => {
                    columns.push(Some(cells().map(|(_, cell)| number(cell).unwrap_or(f64::NAN)).collect()));
                }
                odd => {
                    columns.push(None);
                    if let Some((line, cell)) = odd.first().filter(|_| 2 * odd.len() < table.rows.len()) {
                        let (name, cell) = (one_line(name), one_line(cell));
                        warnings.push(format!("Column {name} is not all numbers: {cell:?} at line {line}."));
                    }
                }
            }
        }
        if table.rows.is_empty() {
            return Err(ReadError::field("rows of numbers", "none", path));
        }
        if columns.iter().all(Option::is_none) {
            let found = match commas.first() {
                Some(column) => format!("decimal commas, where points are read, in {column}"),
                None if table.columns.len() == 1 => {
                    format!(
                        "one of text ({}), as cells are parted by {}",
                        one_line(&table.columns[0]),
                        table.separator.name()
                    )
                }
                None => format!("only text ({})", one_line(&table.columns.join(", "))),
            };
            return Err(ReadError::field("a column of numbers", found, path));
        }
        if !commas.is_empty() {
            warnings.push(format!("Decimal commas, where points are read: {}.", commas.join(", ")));
        }
        Ok(Self { names: table.columns, n_rows: table.rows.len(), columns, warnings })
    }
}

/// Names for channels that have none.
pub(super) fn numbered_names(n: usize) -> Vec<String> {
    (1..=n).map(|i| format!("x{i}")).collect()
}

pub(super) fn number(cell: &str) -> Option<f64> {
    if is_missing(cell) { Some(f64::NAN) } else { cell.parse().ok() }
}
