//! `participants.tsv`: who the subjects are.

use std::collections::BTreeMap;
use std::path::Path;

use super::subject::SubjectId;
use crate::readers::error::ReadError;
use crate::readers::table::{Table, is_missing};

/// The participants table: columns in their order, one row per subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Participants {
    columns: Vec<String>,
    rows: BTreeMap<SubjectId, Vec<String>>,
}

impl Participants {
    /// Reads a TSV with a `participant_id` column, whose entries may lack `sub-`.
    ///
    /// Fails at a ragged row, a label that is not one, or a subject listed twice.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let table = Table::read(path)?;
        let id_column = table.column("participant_id").ok_or_else(|| {
            ReadError::field("a column participant_id", format!("columns {}", table.columns.join(", ")), path)
        })?;
        let mut rows = BTreeMap::new();
        for row in &table.rows {
            let line = row.line;
            let subject = SubjectId::parse(&row.cells[id_column]).map_err(|bad| {
                ReadError::field(
                    "a participant_id of letters and digits",
                    format!("{:?} at line {line}", bad.found),
                    path,
                )
            })?;
            if rows.contains_key(&subject) {
                return Err(ReadError::field(
                    "one row per participant",
                    format!("{subject} again at line {line}"),
                    path,
                ));
            }
            rows.insert(subject, row.cells.clone());
        }
        Ok(Self { columns: table.columns, rows })
    }

    /// Column names in the order of the file, `participant_id` among them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn subjects(&self) -> impl Iterator<Item = &SubjectId> {
        self.rows.keys()
    }

    /// The cells of a subject, in the order of [`Self::columns`], as written.
    pub fn row(&self, subject: &SubjectId) -> Option<&[String]> {
        self.rows.get(subject).map(Vec::as_slice)
    }

    /// What the table says; `None` for an unknown subject or column, and for `n/a` or an empty cell.
    pub fn get(&self, subject: &SubjectId, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name == column)?;
        let cell = self.rows.get(subject)?.get(at)?;
        (!is_missing(cell)).then_some(cell.as_str())
    }

    /// How many subjects have each value of `column`; missing values are not counted.
    pub fn levels(&self, column: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for subject in self.rows.keys() {
            if let Some(value) = self.get(subject, column) {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Participants, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("participants.tsv");
        std::fs::write(&path, text).unwrap();
        Participants::read(&path)
    }

    #[test]
    fn missing_values_are_none_and_prefixes_optional() {
        let table = parse("participant_id\tgroup\tage\n01\tpatient\tn/a\nsub-02\tcontrol\t31\r\n03\t\t\n").unwrap();
        let subject = |label| SubjectId::parse(label).unwrap();
        assert_eq!(table.columns(), ["participant_id", "group", "age"]);
        assert_eq!(table.get(&subject("01"), "group"), Some("patient"));
        assert_eq!(table.get(&subject("01"), "age"), None);
        assert_eq!(table.get(&subject("02"), "age"), Some("31"));
        assert_eq!(table.get(&subject("03"), "group"), None);
        assert_eq!(table.levels("group"), BTreeMap::from([("control".into(), 1), ("patient".into(), 1)]));
        assert_eq!(table.row(&subject("02")).unwrap(), ["sub-02", "control", "31"]);
    }

    #[test]
    fn a_ragged_row_is_named() {
        let message = parse("participant_id\tage\nsub-01\t3\nsub-02\n").unwrap_err().to_string();
        assert!(message.contains("line 3") && message.contains("participants.tsv"), "{message}");
    }

    #[test]
    fn duplicates_and_odd_labels_are_refused() {
        assert!(parse("participant_id\nsub-01\n01\n").unwrap_err().to_string().contains("sub-01 again at line 3"));
        assert!(parse("participant_id\n../x\n").unwrap_err().to_string().contains("line 2"));
        assert!(parse("id\n1\n").unwrap_err().to_string().contains("participant_id"));
    }
}
