//! `events.tsv`: what happened during a recording, as inputs on its time axis.

use std::collections::BTreeMap;
use std::path::Path;

use crate::readers::error::ReadError;
use crate::readers::table::{Table, is_missing};
use crate::recording::{Annotation, Inputs, Runs, SampleRate, Support};

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

impl Event {
    /// What an annotation in the recording tells.
    pub fn of(annotation: &Annotation) -> Self {
        Self {
            onset_secs: annotation.onset_secs,
            duration_secs: annotation.duration_secs,
            kind: annotation.text.clone(),
        }
    }
}

/// The rows of an events table, and what is left out or assumed, one sentence each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventsTable {
    pub events: Vec<Event>,
    pub warnings: Vec<String>,
}

/// The rows of an events table. Their kind is `trial_type`, without such a column `value`, and without both `event`; rows that
/// lack it or their onset are left out, with a warning.
///
/// Fails where there is no column `onset`, or in it what is neither a number nor missing.
pub fn read(path: &Path) -> Result<EventsTable, ReadError> {
    let table = Table::read(path)?;
    let onset = table
        .column("onset")
        .ok_or_else(|| ReadError::field("a column onset", format!("columns {}", table.columns.join(", ")), path))?;
    let duration = table.column("duration");
    let trial_type = table.column("trial_type");
    let kind = trial_type.or_else(|| table.column("value"));
    let mut events = Vec::with_capacity(table.rows.len());
    let (mut n_without_onset, mut n_without_kind) = (0, 0);
    for row in &table.rows {
        if is_missing(&row.cells[onset]) {
            n_without_onset += 1;
            continue;
        }
        let kind = match kind {
            // An event that no type claims is not an input of any.
            Some(at) if is_missing(&row.cells[at]) => {
                n_without_kind += 1;
                continue;
            }
            Some(at) => row.cells[at].clone(),
            None => "event".to_owned(),
        };
        let duration_secs = match duration {
            Some(at) if !is_missing(&row.cells[at]) => table.number(row, at)?,
            _ => 0.0,
        };
        events.push(Event { onset_secs: table.number(row, onset)?, duration_secs, kind });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut warnings = Vec::new();
    if n_without_onset > 0 {
        warnings.push(format!("{} of {name} without an onset left out.", rows(n_without_onset)));
    }
    if let Some(column) = kind.filter(|_| n_without_kind > 0) {
        let column = &table.columns[column];
        warnings.push(format!("{} of {name} without a {column} left out.", rows(n_without_kind)));
    }
    if trial_type.is_none() && kind.is_some() && !events.is_empty() {
        warnings.push(format!("{name} has no trial_type; its column value tells the kinds of events."));
    }
    Ok(EventsTable { events, warnings })
}

fn rows(n: usize) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// How many events lie wholly outside what was recorded; onsets may be rounded by half a sample.
pub fn n_outside(events: &[Event], recorded: &Support, sample_rate: SampleRate) -> usize {
    let half_secs = 0.5 * sample_rate.step_secs();
    let meets = |event: &Event, &[start, stop]: &[f64; 2]| {
        event.onset_secs < stop && event.onset_secs + event.duration_secs.max(0.0) >= start - half_secs
    };
    let is_outside = |event: &&Event| !recorded.intervals_secs().iter().any(|stretch| meets(event, stretch));
    events.iter().filter(is_outside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs_of(text: &str, hz: f64, n_times: usize, start_secs: f64) -> Result<Inputs, ReadError> {
        let runs = Runs::from_lengths([(n_times, start_secs)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.tsv");
        std::fs::write(&path, text).unwrap();
        Ok(boxcars(&read(&path)?.events, SampleRate::from_hz(hz).unwrap(), &runs))
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
    fn what_is_left_out_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_events.tsv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap()
        };
        let found =
            read("onset\tduration\ttrial_type\tvalue\n1\t0\tgo\t7\nn/a\t0\tgo\t7\n2\t0\tn/a\t7\n3\t0\tn/a\t7\n");
        assert_eq!(found.events.len(), 1);
        assert_eq!(
            found.warnings,
            [
                "1 row of a_events.tsv without an onset left out.",
                "2 rows of a_events.tsv without a trial_type left out."
            ]
        );
        let found = read("onset\tduration\tvalue\n1\t0\t7\n2\t0\t9\n");
        assert_eq!(found.events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["7", "9"]);
        assert!(found.warnings[0].contains("column value tells the kinds"), "{:?}", found.warnings);
        let recorded = Support::new([[0.0, 1.0], [1.8, 2.0]]);
        assert_eq!(n_outside(&found.events, &recorded, SampleRate::from_hz(10.0).unwrap()), 2);
        let recorded = Support::new([[0.0, 1.0], [1.8, 2.1]]);
        assert_eq!(n_outside(&found.events, &recorded, SampleRate::from_hz(10.0).unwrap()), 1);
    }

    #[test]
    fn an_onset_is_a_number() {
        let message = inputs_of("onset\tduration\nsoon\t1\n", 1.0, 3, 0.0).unwrap_err().to_string();
        assert!(message.contains("soon") && message.contains("line 2") && message.contains("onset"), "{message}");
    }
}
