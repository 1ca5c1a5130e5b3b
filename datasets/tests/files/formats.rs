//! Real files against the values that reference readers (pyEDFlib, MNE, PyNWB, NumPy) give for them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::shared_data::shared_data;
use nullcline_datasets::readers::edf;
use nullcline_datasets::{Inspection, inspect};
use serde_json::Value;

/// Reference entries by file name.
fn manifest(formats: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(formats.join("MANIFEST.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let files = json["files"].as_array().unwrap();
    files.iter().map(|entry| (entry["file"].as_str().unwrap().to_owned(), entry.clone())).collect()
}

fn assert_close(found: f64, expected: f64, scale: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * scale.max(expected.abs()), "{what}: {found} instead of {expected}");
}

/// pyEDFlib gives physical values in the unit of the file, which for all these files is the microvolt.
fn check_edf(file: &str, found: &Inspection, reference: &Value) {
    let expected = &reference["pyedflib"];
    let n_signals = expected["n_signals"].as_u64().unwrap() as usize;
    assert_eq!(found.channels.len(), n_signals, "{file}");
    assert_eq!(found.annotations as u64, expected["n_annotations"].as_u64().unwrap(), "{file}");
    for (key, expected) in expected["channels"].as_object().unwrap() {
        let (index, label) = key.split_once(':').unwrap();
        let channel = &found.channels[index.parse::<usize>().unwrap()];
        let what = format!("{file} {key}");
        assert_eq!((channel.name.as_str(), channel.unit.as_str()), (label, "V"), "{what}");
        let microvolts = |value: &Value| value.as_f64().unwrap() * 1e-6;
        let scale = microvolts(&expected["std"]);
        for (found, name) in [(channel.mean, "mean"), (channel.std, "std"), (channel.min, "min"), (channel.max, "max")]
        {
            assert_close(found.unwrap(), microvolts(&expected[name]), scale, &format!("{what} {name}"));
        }
        for (found, expected) in channel.first.iter().zip(expected["first5"].as_array().unwrap()) {
            assert_close(found.unwrap(), microvolts(expected), scale, &format!("{what} first"));
        }
    }
}

#[test]
fn edf_files_agree_with_the_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let mut n_compared = 0;
    for (file, entry) in manifest(&formats) {
        if !file.ends_with(".edf") {
            continue;
        }
        let found = inspect(&formats.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        check_edf(&file, &found, &entry["ref"]);
        if let Some(mne) = entry["ref"]["mne"].as_object() {
            assert_eq!(found.n_times.unwrap() as u64, mne["n_samples"].as_u64().unwrap(), "{file}");
            assert_eq!(found.sampling_rate_hz, mne["sfreq"].as_f64(), "{file}");
        }
        n_compared += 1;
    }
    assert!(n_compared >= 10);
}

#[test]
fn edf_annotations_agree_with_the_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    for (file, entry) in manifest(&formats) {
        let Some(expected) = entry["ref"]["edfio"]["first_annotations"].as_array() else {
            continue;
        };
        if !file.ends_with(".edf") {
            continue;
        }
        let found = edf::open(&formats.join(&file)).unwrap().annotations;
        for expected in expected {
            let (onset, duration) = (expected[0].as_f64().unwrap(), expected[1].as_f64().unwrap_or(0.0));
            let text = expected[2].as_str().unwrap();
            let same = |a: &&nullcline_datasets::Annotation| {
                a.text == text && (a.onset_secs - onset).abs() < 1e-9 && (a.duration_secs - duration).abs() < 1e-9
            };
            assert!(found.iter().any(|a| same(&a)), "{file}: no {expected} in {found:?}");
        }
    }
}

#[test]
fn rates_that_differ_are_kept() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let found = inspect(&formats.join("edf/test_reduced.edf")).unwrap();
    let rates: Vec<f64> = found.channels.iter().take(6).filter_map(|channel| channel.sampling_rate_hz).collect();
    assert_eq!(rates, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
    assert_eq!(found.sampling_rate_hz, Some(512.0));
}

#[test]
fn nwb_files_agree_with_the_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    for (file, entry) in manifest(&formats) {
        if !file.ends_with(".nwb") {
            continue;
        }
        let result = inspect(&formats.join(&file));
        let Some(expected) = entry["ref"]["pynwb"]["units"].as_object() else {
            let message = result.unwrap_err().to_string();
            assert!(message.contains("in /units") && !message.contains('\n'), "{message}");
            continue;
        };
        let units = result.unwrap().units.unwrap();
        let list = |name: &str| expected[name].as_array().unwrap();
        assert_eq!(units.n as u64, expected["n_units"].as_u64().unwrap(), "{file}");
        let n_spikes: Vec<u64> = list("spike_counts").iter().filter_map(Value::as_u64).collect();
        assert_eq!(units.n_spikes.iter().map(|&n| n as u64).collect::<Vec<_>>(), n_spikes, "{file}");
        let first: Vec<Option<f64>> = list("first_spike_time").iter().map(Value::as_f64).collect();
        assert_eq!(units.first_spike_s, first, "{file}");
        assert_eq!(units.trials, 20, "{file}");
    }
}

#[test]
fn numpy_arrays_agree_with_the_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let manifest = manifest(&formats);
    for file in ["phy/spike_times.npy", "phy/amplitudes.npy", "phy/channel_map.npy", "phy/spike_clusters.npy"] {
        let found = inspect(&formats.join(file)).unwrap();
        let expected = &manifest[file]["ref"];
        assert_close(found.channels[0].mean.unwrap(), expected["mean"].as_f64().unwrap(), 0.0, file);
        assert_close(found.channels[0].std.unwrap(), expected["std"].as_f64().unwrap(), 0.0, file);
    }
    let positions = inspect(&formats.join("phy/channel_positions.npy")).unwrap();
    assert_eq!(positions.channels.len(), 2);
}

#[test]
fn roi_series_agree_with_the_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    for (file, entry) in manifest(&formats) {
        if !file.starts_with("roi_timeseries/") {
            continue;
        }
        let found = inspect(&formats.join(&file)).unwrap();
        let shape: Vec<u64> = entry["ref"]["shape"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        assert_eq!([found.n_times.unwrap() as u64, found.channels.len() as u64], shape[..], "{file}");
    }
}

#[test]
fn the_summary_has_the_promised_fields() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let json = serde_json::to_value(inspect(&formats.join("edf/edfPlusC.edf")).unwrap()).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["annotation_list", "annotations", "channels", "format", "modality", "n_times", "sampling_rate_hz", "warnings"]
    );
    let keys: Vec<&String> = json["annotation_list"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["duration_s", "onset_s", "text"]);
    let keys: Vec<&String> = json["channels"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["first", "max", "mean", "min", "name", "std", "unit"]);
    assert_eq!(json["annotations"], 2);
    assert_eq!(json["sampling_rate_hz"], 200.0);
}
