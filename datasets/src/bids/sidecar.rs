//! The JSON that travels with a recording.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::entities::BidsName;
use super::inheritance::companions;
use crate::readers::error::{ReadError, one_line};

/// What the JSON files of a recording say together; the one closest to the recording wins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    pub task_name: Option<String>,
    pub repetition_time_secs: Option<f64>,
    pub sampling_frequency_hz: Option<f64>,
    pub power_line_hz: Option<f64>,
    /// Every field, as written.
    pub fields: Map<String, Value>,
    /// What it says that cannot be, one sentence each.
    pub warnings: Vec<String>,
    /// The files it was gathered from, farthest first.
    pub files: Vec<PathBuf>,
}

/// Gathers the sidecar of the recording at `path` by BIDS inheritance. No JSON at all gives an empty sidecar.
///
/// ROI series also inherit from the `_bold.json` they were extracted from, where that lies beside or above.
/// Fails where a JSON file that applies cannot be read or is not an object.
pub fn sidecar(path: &Path) -> Result<Sidecar, ReadError> {
    let Some(name) = BidsName::of(path) else {
        return Ok(Sidecar::default());
    };
    let suffixes: &[&str] = if name.suffix == "timeseries" { &["bold", "timeseries"] } else { &[&name.suffix] };
    let files = companions(path, suffixes, ".json");
    let mut fields = Map::new();
    for file in &files {
        fields.extend(object_in(file)?);
    }
    let positive = |key: &str| fields.get(key).and_then(Value::as_f64).filter(|v| v.is_finite() && *v > 0.0);
    let is_odd = |key: &&str| fields.get(*key).is_some_and(|value| !value.is_null()) && positive(key).is_none();
    let odd = ["RepetitionTime", "SamplingFrequency"].into_iter().filter(is_odd);
    let mut warnings: Vec<String> = odd
        .map(|key| {
            format!(
                "{key} is {} in the sidecar, which is none: need a number above 0.",
                one_line(&fields[key].to_string())
            )
        })
        .collect();
    if let (Some(secs), Some(hz)) = (positive("RepetitionTime"), positive("SamplingFrequency"))
        && differ(1.0 / secs, hz)
    {
        warnings.push(format!(
            "RepetitionTime is {secs} s and SamplingFrequency {hz} Hz in the sidecar; RepetitionTime counts for scans."
        ));
    }
    Ok(Sidecar {
        warnings,
        task_name: fields.get("TaskName").and_then(Value::as_str).map(str::to_owned),
        repetition_time_secs: positive("RepetitionTime"),
        sampling_frequency_hz: positive("SamplingFrequency"),
        power_line_hz: positive("PowerLineFrequency"),
        fields,
        files,
    })
}

impl Sidecar {
    /// What is odd where the file itself gives a rate of samples: that the sidecar gives another.
    pub fn rate_conflict(&self, file_hz: f64) -> Option<String> {
        let hz = self.sampling_frequency_hz.filter(|&hz| differ(hz, file_hz))?;
        Some(format!("SamplingFrequency is {hz} Hz in the sidecar and {file_hz} Hz in the file; the file's counts."))
    }

    /// As [`Self::rate_conflict`], of the time between volumes, which the sidecar decides.
    pub fn repetition_conflict(&self, file_secs: f64) -> Option<String> {
        let secs = self.repetition_time_secs.filter(|&secs| differ(secs, file_secs))?;
        Some(format!("RepetitionTime is {secs} s in the sidecar and {file_secs} s in the file; the sidecar's counts."))
    }
}

/// By more than headers round.
fn differ(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() > 1e-3
}

fn object_in(path: &Path) -> Result<Map<String, Value>, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::unreadable(path, source))?;
    // Editors on some systems put a byte-order mark in front, which JSON does not allow.
    let json = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    match serde_json::from_slice(json) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ReadError::field("a JSON object", "another JSON value", path)),
        Err(error) => Err(ReadError::field("a JSON object", one_line(&error.to_string()), path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closer_sidecar_wins() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sub-01/eeg");
        fs::create_dir_all(&folder).unwrap();
        fs::write(root.path().join("task-rest_eeg.json"), r#"{"PowerLineFrequency": 60, "TaskName": "rest"}"#).unwrap();
        fs::write(root.path().join("task-odd_eeg.json"), r#"{"TaskName": "odd"}"#).unwrap();
        fs::write(folder.join("sub-01_task-rest_eeg.json"), r#"{"PowerLineFrequency": 50}"#).unwrap();
        let found = sidecar(&folder.join("sub-01_task-rest_eeg.edf")).unwrap();
        assert_eq!(found.power_line_hz, Some(50.0));
        assert_eq!(found.task_name.as_deref(), Some("rest"));
        assert_eq!(found.files.len(), 2);
    }

    #[test]
    fn roi_series_take_the_repetition_time_of_their_scan() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sub-01/func");
        fs::create_dir_all(&folder).unwrap();
        fs::write(root.path().join("task-rest_bold.json"), r#"{"RepetitionTime": 0.8}"#).unwrap();
        let found = sidecar(&folder.join("sub-01_task-rest_atlas-X_timeseries.tsv")).unwrap();
        assert_eq!(found.repetition_time_secs, Some(0.8));
    }

    #[test]
    fn rates_that_cannot_be_or_disagree_are_told() {
        let root = tempfile::tempdir().unwrap();
        let warnings = |text: &str| {
            fs::write(root.path().join("sub-01_eeg.json"), text).unwrap();
            let found = sidecar(&root.path().join("sub-01_eeg.edf")).unwrap();
            found.warnings.iter().cloned().chain(found.rate_conflict(250.0)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(warnings(r#"{"SamplingFrequency": 250.01, "RepetitionTime": null}"#), "");
        assert!(
            warnings(r#"{"SamplingFrequency": 500}"#)
                .contains("500 Hz in the sidecar and 250 Hz in the file; the file")
        );
        for value in ["0", "-2", "\"2\""] {
            let found = warnings(&format!(r#"{{"RepetitionTime": {value}}}"#));
            assert!(found.starts_with(&format!("RepetitionTime is {value} in the sidecar")), "{found}");
        }
        assert!(warnings(r#"{"SamplingFrequency": 250, "RepetitionTime": 2}"#).contains("RepetitionTime counts"));
    }

    #[test]
    fn broken_json_is_one_line() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("sub-01_eeg.json");
        fs::write(&path, "{\n\"a\": \n").unwrap();
        let message = sidecar(&root.path().join("sub-01_eeg.edf")).unwrap_err().to_string();
        assert!(message.contains("sub-01_eeg.json") && !message.contains('\n'), "{message}");
    }
}
