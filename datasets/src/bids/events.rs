//! `events.tsv`: what happened during a recording, as inputs on its time axis.

use std::collections::BTreeMap;
use std::path::Path;

use crate::readers::error::ReadError;
use crate::readers::table::{Table, is_missing};
use crate::recording::{Inputs, Runs, SampleRate};

/// One boxcar per trial type, 1 while an event of that type lasts and 0 otherwise, sorted by name.
///
/// An event covers the samples from its onset up to, not including, its end; one shorter than a sample, or without
/// a duration, covers the sample nearest to its onset. What lies outside the runs is left out.
pub fn boxcars(events: &[Event], sample_rate: SampleRate, runs: &Runs) -> Inputs {
    let names: BTreeMap<&str, usize> = events.iter().map(|event| (event.kind.as_str(), 0)).collect();
    let names: BTreeMap<&str, usize> = names.into_keys().enumerate().map(|(k, name)| (name, k)).collect();
    let n_inputs = names.len();
    let mut values = vec![0.0; runs.n_times() * n_inputs];
    for event in events {
        let column = names[event.kind.as_str()];
        let during = [event.onset_secs, event.onset_secs + event.duration_secs.max(0.0)];
        for t in runs.between(during, sample_rate).into_iter().flatten() {
            values[t * n_inputs + column] = 1.0;
        }
    }
    Inputs { names: names.into_keys().map(str::to_owned).collect(), values }
}

/// Something that happened, on the clock of the recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub onset_secs: f64,
    /// 0 for a moment.
    pub duration_secs: f64,
    /// The kind of event, `trial_type` in BIDS.
    pub kind: String,
}

/// The rows of an events table; those whose `trial_type` is missing are left out, and without such a column all are of
/// the kind `event`.
///
/// Fails where `onset` is missing or not a number.
pub fn read(path: &Path) -> Result<Vec<Event>, ReadError> {
    let table = Table::read(path)?;
    let onset = table
        .column("onset")
        .ok_or_else(|| ReadError::field("a column onset", format!("columns {}", table.columns.join(", ")), path))?;
    let duration = table.column("duration");
    let kind = table.column("trial_type");
    let mut events = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let kind = match kind {
            // An event that no type claims is not an input of any.
            Some(at) if is_missing(&row.cells[at]) => continue,
            Some(at) => row.cells[at].clone(),
            None => "event".to_owned(),
        };
        let duration_secs = match duration {
            Some(at) if !is_missing(&row.cells[at]) => table.number(row, at)?,
            _ => 0.0,
        };
        events.push(Event { onset_secs: table.number(row, onset)?, duration_secs, kind });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs_of(text: &str, hz: f64, n_times: usize, start_secs: f64) -> Result<Inputs, ReadError> {
        let runs = Runs::from_lengths([(n_times, start_secs)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.tsv");
        std::fs::write(&path, text).unwrap();
        Ok(boxcars(&read(&path)?, SampleRate::from_hz(hz).unwrap(), &runs))
    }

    #[test]
    fn each_trial_type_is_a_boxcar() {
        let table = "onset\tduration\ttrial_type\n1.0\t1.0\tgo\n0.5\t0\tcue\n2.9\tn/a\tcue\n99\t1\tgo\n-1\t1.5\tgo\n";
        let found = inputs_of(table, 2.0, 6, 0.0).unwrap();
        assert_eq!(found.names, ["cue", "go"]);
        let column = |k: usize| found.values.iter().skip(k).step_by(2).copied().collect::<Vec<f32>>();
        assert_eq!(column(0), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(column(1), [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn time_starts_where_the_recording_starts() {
        let found = inputs_of("onset\tduration\n10.5\t0.5\n", 2.0, 3, 10.0).unwrap();
        assert_eq!((found.names, found.values), (vec!["event".to_owned()], vec![0.0, 1.0, 0.0]));
    }

    #[test]
    fn an_onset_is_a_number() {
        let message = inputs_of("onset\tduration\nsoon\t1\n", 1.0, 3, 0.0).unwrap_err().to_string();
        assert!(message.contains("soon") && message.contains("line 2") && message.contains("onset"), "{message}");
    }
}
