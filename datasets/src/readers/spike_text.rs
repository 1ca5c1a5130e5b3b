//! Spike times as plain text, and as tables of units and times.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{ReadError, one_line};
use super::number_lines::{NumberLines, not_a_number};
use super::table::{Table, is_missing};
use crate::recording::{SpikeTrains, Unit};

/// Reads lines of spike times in seconds: one line is one unit, or, where no line has more than one number, the whole
/// file is one unit. Lines that are empty or start with `#` or `%` say nothing. Numbers are parted by blanks, commas or
/// semicolons.
///
/// Such files name no unit of time; a warning says that seconds were assumed. Fails at what is not a finite number.
pub fn read_lines(path: &Path) -> Result<SpikeTrains, ReadError> {
    let numbers = NumberLines::read(path)?;
    if numbers.names.is_some() {
        return Err(ReadError::field("lines of spike times", "a line of names", path));
    }
    let counts = numbers.counts();
    let spike_secs = numbers.values;
    if let Some(at) = spike_secs.iter().position(|secs| !secs.is_finite()) {
        let mut before = 0;
        let line = numbers.lines.iter().find(|line| {
            before += line.n_values;
            before > at
        });
        let (line, column) = line.map_or((0, 0), |line| (line.line, at + 1 - (before - line.n_values)));
        return Err(not_a_number(&spike_secs[at].to_string(), line, column, path));
    }
    let units = counts.into_iter().enumerate().map(|(i, n)| (Unit::named((i + 1).to_string()), n));
    let mut trains = SpikeTrains::new(units.collect(), spike_secs, None);
    trains.warnings.push("The file names no unit of time; its numbers are taken for seconds.".to_owned());
    Ok(trains)
}

/// Which columns of a header hold units and times; `None` where it is not one of spikes.
pub fn spike_columns(header: &[String]) -> Option<(usize, usize)> {
    const UNITS: [&str; 9] =
        ["unit", "unit_id", "unit_name", "cluster", "cluster_id", "neuron", "neuron_id", "cell", "cell_id"];
    const TIMES: [&str; 7] = ["time", "times", "spike_time", "spike_times", "spike_secs", "timestamp", "timestamps"];
    let bare = |name: &String| {
        let name = name.trim().to_ascii_lowercase();
        let known = SCALES.iter().find_map(|(suffix, _)| name.strip_suffix(&format!("_{suffix}")).map(str::to_owned));
        known.unwrap_or(name)
    };
    let find = |names: &[&str]| header.iter().position(|column| names.contains(&bare(column).as_str()));
    Some((find(&UNITS)?, find(&TIMES)?))
}

/// Seconds in one of these, as the end of a column's name or the unit in its sidecar has it.
const SCALES: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];

/// Reads a table with a row for each spike: a column of units and one of times, found by their usual names, and others
/// that describe the unit where they are the same in all its rows.
///
/// Times are in the unit that the column's name ends in (`time_ms`), else in `time_unit` (a sidecar's), else in seconds.
pub fn read_table(path: &Path, time_unit: Option<&str>) -> Result<SpikeTrains, ReadError> {
    let table = Table::read(path)?;
    let (unit_column, time_column) = spike_columns(&table.columns).ok_or_else(|| {
        ReadError::field("a column of units and one of times", format!("columns {}", table.columns.join(", ")), path)
    })?;
    let name = table.columns[time_column].to_ascii_lowercase();
    let said = SCALES.iter().find(|(suffix, _)| name.ends_with(&format!("_{suffix}"))).map(|(suffix, _)| *suffix);
    let unit = said.or(time_unit);
    let scale = SCALES.iter().find(|(known, _)| Some(*known) == unit).map(|&(_, secs)| secs);
    let scale = match (unit, scale) {
        (Some(odd), None) => return Err(ReadError::field("times in s, ms, us or ns", one_line(odd), path)),
        (_, scale) => scale.unwrap_or(1.0),
    };
    /// What the cells of a column say of a unit, `None` where they differ.
    type Properties = BTreeMap<String, Option<String>>;
    let mut by_unit: BTreeMap<&str, (Vec<f64>, Properties)> = BTreeMap::new();
    for row in &table.rows {
        let (times, properties) = by_unit.entry(row.cells[unit_column].as_str()).or_default();
        times.push(table.number(row, time_column)? * scale);
        for (column, cell) in table
            .columns
            .iter()
            .zip(&row.cells)
            .enumerate()
            .filter_map(|(i, cell)| (i != unit_column && i != time_column && !is_missing(cell.1)).then_some(cell))
        {
            let known = properties.entry(column.clone()).or_insert_with(|| Some(cell.clone()));
            if known.as_ref() != Some(cell) {
                *known = None;
            }
        }
    }
    let mut spike_secs = Vec::with_capacity(table.rows.len());
    let units = by_unit.into_iter().map(|(name, (times, properties))| {
        let mut unit = Unit::named(name);
        unit.properties = properties.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        spike_secs.extend_from_slice(&times);
        (unit, times.len())
    });
    let units = units.collect();
    let mut trains = SpikeTrains::new(units, spike_secs, None);
    if unit.is_none() {
        trains.warnings.push("The file names no unit of time; its numbers are taken for seconds.".to_owned());
    }
    Ok(trains)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn counts(trains: &SpikeTrains) -> Vec<(&str, usize)> {
        trains.units().iter().map(|unit| (unit.name.as_str(), unit.n_spikes())).collect()
    }

    #[test]
    fn lines_are_units_and_a_single_column_is_one() {
        let (_folder, path) = write("a.txt", "# made by hand\n0.5 1.5\n\n0.25, 3\n2\n");
        let trains = read_lines(&path).unwrap();
        assert_eq!(counts(&trains), [("1", 2), ("2", 2), ("3", 1)]);
        let (_folder, path) = write("a.txt", "0.5\n1.5\n2\n");
        assert_eq!(counts(&read_lines(&path).unwrap()), [("1", 3)]);
    }

    #[test]
    fn a_table_groups_its_rows_by_unit() {
        let text = "unit\tspike_time_ms\tquality\nb\t1500\tgood\na\t250\tmua\nb\t500\tgood\na\t300\tgood\n";
        let (_folder, path) = write("a.tsv", text);
        let trains = read_table(&path, None).unwrap();
        assert_eq!(counts(&trains), [("a", 2), ("b", 2)]);
        assert_eq!(trains.spikes_of(&trains.units()[1]), [0.5, 1.5]);
        assert_eq!(trains.units()[1].properties["quality"], "good");
        assert!(trains.units()[0].properties.is_empty());
        let (_folder, path) = write("a.tsv", "neuron\ttime\n1\t2500\n");
        let trains = read_table(&path, Some("ms")).unwrap();
        assert_eq!(trains.spikes_of(&trains.units()[0]), [2.5]);
        assert!(read_table(&path, Some("min")).unwrap_err().to_string().contains("found min"));
    }

    #[test]
    fn what_is_no_time_has_a_place() {
        let (_folder, path) = write("a.txt", "0.5 1.5\n2 x\n");
        assert!(read_lines(&path).unwrap_err().to_string().contains("\"x\" at line 2, column 2"));
        let (_folder, path) = write("a.txt", "0.5\n\n1.5 2 inf\n");
        assert!(read_lines(&path).unwrap_err().to_string().contains("\"inf\" at line 3, column 3"));
        let (_folder, path) = write("a.txt", "# nothing\n");
        assert!(read_lines(&path).unwrap_err().to_string().contains("need numbers, found none"));
        let (_folder, path) = write("a.tsv", "left\tright\n1\t2\n");
        assert!(read_table(&path, None).unwrap_err().to_string().contains("columns left, right"));
    }
}
