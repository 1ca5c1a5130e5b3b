//! `channels.tsv`: what each channel measures, and which ones the lab marked bad.

use std::path::Path;

use crate::readers::error::ReadError;
use crate::readers::table::{Table, is_missing};

/// One row per channel, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelsTable {
    pub rows: Vec<ChannelRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    pub name: String,
    /// As written, such as `EEG`, `EOG`, `TRIG`.
    pub kind: Option<String>,
    pub unit: Option<String>,
    pub status: Option<ChannelStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelStatus {
    Good,
    Bad,
}

impl ChannelsTable {
    /// Needs a column `name`; `type`, `units` and `status` are used where present.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let table = Table::read(path)?;
        let name = table
            .column("name")
            .ok_or_else(|| ReadError::field("a column name", format!("columns {}", table.columns.join(", ")), path))?;
        let [kind, unit, status] = ["type", "units", "status"].map(|column| table.column(column));
        let rows = table.rows.iter().map(|row| {
            let cell = |at: Option<usize>| at.map(|i| row.cells[i].clone()).filter(|cell| !is_missing(cell));
            ChannelRow {
                name: row.cells[name].clone(),
                kind: cell(kind),
                unit: cell(unit),
                status: cell(status).and_then(|status| ChannelStatus::of(&status)),
            }
        });
        Ok(Self { rows: rows.collect() })
    }

    /// Channels with this status.
    pub fn with_status(&self, status: ChannelStatus) -> Vec<String> {
        self.rows.iter().filter(|row| row.status == Some(status)).map(|row| row.name.clone()).collect()
    }

    /// Channels of a type that whoever wrote it must have known: of electrodes inside the head.
    pub fn intracranial(&self) -> Vec<String> {
        let inside = |row: &&ChannelRow| {
            let kind = row.kind.as_deref().unwrap_or_default();
            ["ECOG", "SEEG", "DBS"].iter().any(|inside| kind.eq_ignore_ascii_case(inside))
        };
        self.rows.iter().filter(inside).map(|row| row.name.clone()).collect()
    }

    /// Channels of a type that is not a brain signal, with that type. A channel without a type counts as one.
    pub fn not_brain(&self) -> Vec<(String, String)> {
        const BRAIN: [&str; 8] = ["EEG", "ECOG", "SEEG", "DBS", "MEG", "MEGMAG", "MEGGRADPLANAR", "MEGGRADAXIAL"];
        let other = |kind: &&String| !BRAIN.iter().any(|brain| kind.eq_ignore_ascii_case(brain));
        let rows = self.rows.iter();
        rows.filter_map(|row| Some((row.name.clone(), row.kind.as_ref().filter(other)?.clone()))).collect()
    }
}

impl ChannelStatus {
    fn of(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "good" => Some(Self::Good),
            "bad" => Some(Self::Bad),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_and_other_channels_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channels.tsv");
        std::fs::write(&path, "name\ttype\tunits\tstatus\nFz\tEEG\tuV\tgood\nCz\tEEG\tuV\tBAD\nE1\tEOG\tuV\tn/a\n")
            .unwrap();
        let table = ChannelsTable::read(&path).unwrap();
        assert_eq!(table.with_status(ChannelStatus::Bad), ["Cz"]);
        assert_eq!(table.with_status(ChannelStatus::Good), ["Fz"]);
        assert_eq!(table.not_brain(), [("E1".to_owned(), "EOG".to_owned())]);
    }
}
