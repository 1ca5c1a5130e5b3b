//! The EEG structure in a MAT-file of version 5: one variable `EEG`, or each of its fields a variable.

use std::path::Path;

use super::eeglab::{EegData, EegEvent, EegStructure};
use super::error::ReadError;
use super::mat5::{MatFile, MatValue};

const FIELDS: [&str; 7] = ["nbchan", "pnts", "trials", "srate", "data", "chanlocs", "event"];

pub(super) fn read(path: &Path) -> Result<EegStructure, ReadError> {
    let file = MatFile::read_where(path, |name| name == "EEG" || FIELDS.contains(&name))?;
    let needed = |found: &str| ReadError::field("an EEGLAB structure EEG, or its fields", found, path);
    let mut fields: Vec<(String, MatValue)> = Vec::new();
    for (name, value) in file.variables {
        match (name.as_str(), value) {
            ("EEG", MatValue::Struct { fields: names, elements }) => {
                let [element] = <[_; 1]>::try_from(elements)
                    .map_err(|elements| needed(&format!("{} data sets in one", elements.len())))?;
                fields = names.into_iter().zip(element).collect();
                break;
            }
            ("EEG", _) => return Err(needed("EEG that is no structure")),
            (_, value) => fields.push((name, value)),
        }
    }
    let get = |name: &str| fields.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let number = |name: &str| get(name).and_then(MatValue::number);
    let (Some(n_channels), Some(n_points), Some(rate_hz)) = (number("nbchan"), number("pnts"), number("srate")) else {
        return Err(needed("no nbchan, pnts or srate"));
    };
    let of_channels = |field: &str| -> Vec<String> {
        let values = get("chanlocs").map(|locations| locations.field(field)).unwrap_or_default();
        values.into_iter().map(|value| text_of(value).trim().to_owned()).collect()
    };
    let (labels, kinds) = (of_channels("labels"), of_channels("type"));
    let events = get("event").map(events).unwrap_or_default();
    let n_epochs = number("trials").unwrap_or(1.0);
    let data = fields.into_iter().find(|(name, _)| name == "data").map(|(_, value)| value);
    let data = match data {
        Some(MatValue::Text(name)) => EegData::Named(name),
        Some(MatValue::Array(array)) => EegData::Inside {
            n_values: array.n_values(),
            sample_type: array.sample_type,
            order: array.order,
            bytes: array.bytes,
        },
        _ => return Err(needed("no samples in EEG.data")),
    };
    Ok(EegStructure { n_channels, n_points, n_epochs, rate_hz, data, labels, kinds, events })
}

fn events(value: &MatValue) -> Vec<EegEvent> {
    let (kinds, latencies, durations) = (value.field("type"), value.field("latency"), value.field("duration"));
    let number = |values: &[&MatValue], i: usize| values.get(i).and_then(|value| value.number()).unwrap_or(f64::NAN);
    kinds
        .iter()
        .enumerate()
        .map(|(i, kind)| EegEvent {
            kind: text_of(kind),
            latency: number(&latencies, i),
            duration: number(&durations, i),
        })
        .collect()
}

/// Types and labels are text, or numbers where the lab's codes are.
fn text_of(value: &MatValue) -> String {
    value.text().map(str::to_owned).or_else(|| value.number().map(|number| number.to_string())).unwrap_or_default()
}
