//! Mean BOLD signals of regions of interest: a header row of region names, then one row per volume.

use std::path::Path;

use super::error::ReadError;
use super::numeric_table::{Header, NumericTable};
use crate::recording::{Modality, SampleRate, SignalChannel, Signals};

/// Reads TSV or CSV, in arbitrary units. `n/a` becomes NaN.
///
/// Fails at a ragged row or a cell that is not a number, naming its line and column.
pub fn read(path: &Path, sample_rate: SampleRate) -> Result<Signals, ReadError> {
    let table = NumericTable::read(path, Header::Required)?;
    let series = |column: usize| table.values.iter().skip(column).step_by(table.n_columns).map(|&value| value as f32);
    let channels = table.column_names().into_iter().enumerate().map(|(column, name)| SignalChannel {
        name,
        kind: None,
        marked_bad: false,
        unit: "a.u.".to_owned(),
        sample_rate,
        samples: series(column).collect(),
    });
    Ok(Signals::unbroken(Modality::Bold, channels.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Signals, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path, SampleRate::from_hz(0.5).unwrap())
    }

    #[test]
    fn columns_become_channels() {
        let signals = read_text("a.tsv", "left\tright\n1\t2\n3\tn/a\n").unwrap();
        assert_eq!(signals.channels[0].samples, [1.0, 3.0]);
        assert_eq!(signals.channels[1].name, "right");
        assert!(signals.channels[1].samples[1].is_nan());
        let signals = read_text("a.csv", "\"left\",\"right\"\r\n1,2\r\n").unwrap();
        assert_eq!(signals.channels[1].samples, [2.0]);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_a_column() {
        let message = |text| read_text("a.tsv", text).unwrap_err().to_string();
        let ragged = message("left\tright\n1\t2\n3\n");
        assert!(ragged.contains("need 2 cells") && ragged.contains("found 1 at line 3"), "{ragged}");
        let word = message("left\tright\n1\tx\n");
        assert!(word.contains("\"x\" at line 2, column 2 (right)"), "{word}");
        assert!(message("left\tright\n").contains("rows of numbers"));
        assert!(message("").contains("rows of numbers"));
    }
}
