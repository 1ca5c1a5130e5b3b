//! Tables of numbers, with or without a header row.

use std::path::Path;

use super::error::{ReadError, one_line};
use super::table::{Table, delimited, is_missing, text_in, unparsable};

/// Columns of numbers, one row per time.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericTable {
    /// `None` where the file has no header row.
    pub names: Option<Vec<String>>,
    pub n_rows: usize,
    pub n_columns: usize,
    /// `[row, column]`, row-major; missing cells are NaN.
    pub values: Vec<f64>,
}

/// Whether the first row holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    Required,
    /// A first row with a cell that is neither a number nor missing is a header.
    Detected,
}

impl NumericTable {
    /// Fails at a ragged row or a cell that is neither a number nor missing, naming its line and column.
    pub fn read(path: &Path, header: Header) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        let mut reader = delimited(&text, path);
        let mut record = csv::StringRecord::new();
        let mut table = Self { names: None, n_rows: 0, n_columns: 0, values: Vec::new() };
        let mut is_first = true;
        while reader.read_record(&mut record).map_err(|error| unparsable(path, &error))? {
            if is_first {
                is_first = false;
                table.n_columns = record.len();
                if header == Header::Required || record.iter().any(|cell| number(cell).is_none()) {
                    table.names = Some(record.iter().map(str::to_owned).collect());
                    continue;
                }
            }
            table.push(&record, path)?;
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

    fn push(&mut self, record: &csv::StringRecord, path: &Path) -> Result<(), ReadError> {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.n_columns {
            return Err(ReadError::RaggedRow {
                needed: self.n_columns,
                found: record.len(),
                line,
                path: path.to_owned(),
            });
        }
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
    /// Reads a table with a header row. Fails at a ragged row, and where no column holds a number.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let table = Table::read(path)?;
        let (mut columns, mut warnings) = (Vec::new(), Vec::new());
        for (at, name) in table.columns.iter().enumerate() {
            let cells = || table.rows.iter().map(|row| (row.line, row.cells[at].as_str()));
            let odd: Vec<(u64, &str)> = cells().filter(|(_, cell)| number(cell).is_none()).collect();
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
            let names = one_line(&table.columns.join(", "));
            return Err(ReadError::field("a column of numbers", format!("only text ({names})"), path));
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
