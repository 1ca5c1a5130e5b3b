//! fMRIPrep's table of confounds: one row a volume, one column a nuisance signal.
//!
//! Source: <https://fmriprep.org/en/stable/outputs.html#confounds>.

use std::path::{Path, PathBuf};

use super::error::ReadError;
use super::numeric_table::{Header, NumericTable};

/// `*_desc-confounds_timeseries.tsv`, or `*_desc-confounds_regressors.tsv` of fMRIPrep before 20.2.
#[derive(Debug, Clone, PartialEq)]
pub struct Confounds {
    pub names: Vec<String>,
    pub n_times: usize,
    pub path: PathBuf,
    /// `[time, column]`, row-major; `n/a` is NaN.
    values: Vec<f64>,
}

impl Confounds {
    /// Fails like every table of numbers: at a ragged row, or a cell that is neither a number nor `n/a`.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let table = NumericTable::read(path, Header::Required)?;
        Ok(Self { names: table.column_names(), n_times: table.n_rows, path: path.to_owned(), values: table.values })
    }

    /// The column as it stands; `n/a` is NaN.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let at = self.names.iter().position(|column| column == name)?;
        Some(self.values.iter().skip(at).step_by(self.names.len()).copied().collect())
    }

    /// The column as a regressor, made from others where the table lacks it.
    ///
    /// `X_power2` is the square of `X`, `X_derivative1` its backward difference. The first rows of a derivative are
    /// `n/a`; they take the first value that is there. Fails where neither the column nor what it is made of is in
    /// the table, and at `n/a` in later rows.
    pub fn regressor(&self, name: &str) -> Result<Vec<f64>, ReadError> {
        let column = match self.column(name) {
            Some(column) => column,
            None => {
                if let Some(base) = name.strip_suffix("_power2") {
                    self.regressor(base)?.iter().map(|value| value * value).collect()
                } else if let Some(base) = name.strip_suffix("_derivative1") {
                    let base = self.regressor(base)?;
                    std::iter::once(f64::NAN).chain(base.windows(2).map(|pair| pair[1] - pair[0])).collect()
                } else {
                    return Err(ReadError::field(format!("a column {name}"), "none", &self.path));
                }
            }
        };
        self.filled(column, name)
    }

    fn filled(&self, mut column: Vec<f64>, name: &str) -> Result<Vec<f64>, ReadError> {
        let first = column.iter().position(|value| value.is_finite()).unwrap_or(column.len());
        if let Some(&value) = column.get(first) {
            column[..first].fill(value);
        }
        match column.iter().position(|value| !value.is_finite()) {
            None => Ok(column),
            // The header is line 1.
            Some(row) => Err(ReadError::field(
                format!("a number in column {name}, line {}", row + 2),
                column[row].to_string(),
                &self.path,
            )),
        }
    }

    /// Names that match, in the order of the table: exactly, or all that begin so where `pattern` ends in `*`.
    pub fn matching(&self, pattern: &str) -> Vec<String> {
        let matches = |name: &&String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *name == pattern,
        };
        self.names.iter().filter(matches).cloned().collect()
    }
}
