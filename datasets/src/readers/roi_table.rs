//! Mean BOLD signals of regions of interest: a header row of region names, then one row per volume.

use std::path::Path;

use super::error::ReadError;
use super::numeric_table::{Header, NumericTable};
use crate::recording::{Modality, SampleRate, SignalChannel, Signals};

/// Reads TSV or CSV, in arbitrary units. `n/a` becomes NaN; without a header row regions are numbered, with a warning.
///
/// Fails at a ragged row or a cell that is not a number, naming its line and column.
pub fn read(path: &Path, sample_rate: SampleRate) -> Result<Signals, ReadError> {
    let table = NumericTable::read(path, Header::Detected)?;
    let series = |column: usize| table.values.iter().skip(column).step_by(table.n_columns).map(|&value| value as f32);
    let channels = table.column_names().into_iter().enumerate().map(|(column, name)| SignalChannel {
        name,
        kind: None,
        marked_bad: false,
        unit: "a.u.".to_owned(),
        sample_rate,
        samples: series(column).collect(),
    });
    let signals = Signals::unbroken(Modality::Bold, channels.collect());
    Ok(Signals { warnings: table.warnings.clone(), ..signals })
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
        let signals = read_text("a.tsv", "1.5\t2\n3\t4\n").unwrap();
        assert_eq!(
            (signals.channels[1].name.as_str(), signals.channels[1].samples.as_slice()),
            ("x2", &[2.0, 4.0][..])
        );
        assert!(signals.warnings[0].contains("taken for data"), "{:?}", signals.warnings);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_a_column() {
        let message = |text| read_text("a.tsv", text).unwrap_err().to_string();
        let ragged = message("left\tright\n1\t2\n3\n");
        assert!(ragged.contains("need 2 cells parted by tabs") && ragged.contains("found 1 at line 3"), "{ragged}");
        let word = message("left\tright\n1\tx\n");
        assert!(word.contains("\"x\" at line 2, column 2 (right)"), "{word}");
        let comma = read_text("a.csv", "left;right\r\n1;2,5\r\n").unwrap_err().to_string();
        assert!(comma.contains("\"2,5\" with a decimal comma, where a point is read, at line 2"), "{comma}");
        assert!(message("left\tright\n").contains("rows of numbers"));
        assert!(message("").contains("rows of numbers"));
    }
}
