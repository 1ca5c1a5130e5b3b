//! EEG and MEG files against the values that edfio, pyEDFlib and MNE give for them.

use std::path::Path;

use crate::shared_data::shared_data;
use nullcline_datasets::readers::open_signals;
use nullcline_datasets::readers::signal_file::SignalFile;
use nullcline_datasets::{Inspection, inspect};
use serde_json::Value;

/// Reference entries of the files in `folder`, with the paths they are about.
fn references(formats: &Path, folder: &str) -> Vec<(std::path::PathBuf, String, Value)> {
    let text = std::fs::read_to_string(formats.join("MANIFEST.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let entries = json["files"].as_array().unwrap().iter();
    let of_folder = entries.filter(|entry| entry["file"].as_str().unwrap().starts_with(folder));
    of_folder
        .map(|entry| {
            let file = entry["file"].as_str().unwrap().to_owned();
            (formats.join(&file), file, entry["ref"].clone())
        })
        .collect()
}

/// Statistics to a millionth of the standard deviation (or of the value), the first samples likewise.
fn compare(what: &str, found: &Inspection, index: usize, expected: &Value, factor: f64) -> Vec<String> {
    let channel = &found.channels[index];
    let number = |value: &Value| value.as_f64().map(|value| value * factor);
    let scale = number(&expected["std"]).unwrap_or(0.0);
    let mut pairs = vec![
        ("mean".to_owned(), channel.mean, number(&expected["mean"])),
        ("std".to_owned(), channel.std, number(&expected["std"])),
        ("min".to_owned(), channel.min, number(&expected["min"])),
        ("max".to_owned(), channel.max, number(&expected["max"])),
    ];
    let first = expected["first5"].as_array().unwrap();
    for (i, value) in first.iter().enumerate() {
        pairs.push((format!("first[{i}]"), channel.first.get(i).copied().flatten(), number(value)));
    }
    let differs = |a: f64, b: f64| (a - b).abs() > 1e-6 * scale.max(b.abs());
    pairs
        .into_iter()
        .filter(|(_, found, expected)| match (found, expected) {
            (Some(a), Some(b)) => differs(*a, *b),
            (a, b) => a.is_some() != b.is_some(),
        })
        .map(|(name, found, expected)| format!("{what} {} {name}: {found:?} instead of {expected:?}", channel.name))
        .collect()
}

fn assert_none(differences: Vec<String>) {
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// edfio gives values in the unit of the file; `first_annotations` has onset, duration and text.
#[test]
fn edf_and_bdf_agree_with_edfio() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let mut differences = Vec::new();
    let mut n_channels = 0;
    for (path, file, reference) in references(&formats, "edf/").into_iter().chain(references(&formats, "bdf/")) {
        let Some(expected) = reference["edfio"].as_object() else {
            continue;
        };
        let found = inspect(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(found.format, if file.ends_with("bdf") { "BDF" } else { "EDF" });
        assert_eq!(found.channels.len() as u64, expected["n_signals"].as_u64().unwrap(), "{file}");
        // Triggers of BioSemi are annotations here, as decimal numbers.
        let is_trigger = |text: &str| file.ends_with("bdf") && text.parse::<u16>().is_ok();
        let n_written = found.all_annotations.iter().filter(|annotation| !is_trigger(&annotation.text)).count();
        assert_eq!(n_written as u64, expected["n_annotations"].as_u64().unwrap(), "{file}");
        for (key, expected) in expected["channels"].as_object().unwrap() {
            let index: usize = key.split_once(':').unwrap().0.parse().unwrap();
            let unit = found.channels[index].unit.as_str();
            let factor = match expected["dim"].as_str().unwrap() {
                "uV" => 1e-6,
                "mV" => 1e-3,
                _ => 1.0,
            };
            assert_eq!(unit == "V", factor != 1.0, "{file} {key} {unit}");
            let rate = found.channels[index].sampling_rate_hz.or(found.sampling_rate_hz);
            assert_eq!(rate, expected["sfreq"].as_f64(), "{file} {key}");
            differences.extend(compare(&file, &found, index, expected, factor));
            n_channels += 1;
        }
        let annotations = open_signals(&path).unwrap().annotations;
        for expected in expected["first_annotations"].as_array().unwrap() {
            let (onset, duration) = (expected[0].as_f64().unwrap(), expected[1].as_f64().unwrap_or(0.0));
            let is_there = annotations.iter().any(|a| {
                Some(a.text.as_str()) == expected[2].as_str()
                    && (a.onset_secs - onset).abs() < 1e-9
                    && (a.duration_secs - duration).abs() < 1e-9
            });
            if !is_there {
                differences.push(format!("{file}: no annotation {expected}"));
            }
        }
    }
    assert_none(differences);
    assert!(n_channels > 50, "{n_channels}");
}

/// Where a channel of MNE's is among ours: by name, or by place where MNE renamed it.
fn place(found: &Inspection, name: &str, mne: &Value) -> Option<usize> {
    let by_name = found.channels.iter().position(|channel| channel.name == name);
    by_name.or_else(|| mne["ch_names"].as_array()?.iter().position(|other| other == name))
}

/// Mean and standard deviation over channels of the same length.
fn compare_all(what: &str, found: &Inspection, expected: &Value) -> Option<String> {
    let n = found.channels.len() as f64;
    let mean = found.channels.iter().filter_map(|channel| channel.mean).sum::<f64>() / n;
    let squares = found.channels.iter().filter_map(|channel| {
        let (channel_mean, std) = channel.mean.zip(channel.std)?;
        Some(std * std + (channel_mean - mean).powi(2))
    });
    let std = (squares.sum::<f64>() / n).sqrt();
    let (expected_mean, expected_std) = (expected["mean"].as_f64()?, expected["std"].as_f64()?);
    let agrees = (mean - expected_mean).abs() < 1e-6 * expected_std && (std / expected_std - 1.0).abs() < 1e-6;
    (!agrees).then(|| format!("{what}: {mean} ± {std} instead of {expected_mean} ± {expected_std}"))
}

fn compare_with_mne(file: &str, path: &Path, mne: &Value) -> Vec<String> {
    let found = inspect(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut differences = Vec::new();
    let mut check = |what: &str, found: f64, expected: &Value| {
        if Some(found) != expected.as_f64() {
            differences.push(format!("{file} {what}: {found} instead of {expected}"));
        }
    };
    let is_epochs = mne["kind"] == "epochs";
    let n_channels = if is_epochs { &mne["shape"][1] } else { &mne["n_channels"] };
    check("channels", found.channels.len() as f64, n_channels);
    check("rate", found.sampling_rate_hz.unwrap(), &mne["sfreq"]);
    if is_epochs {
        let n_times = mne["shape"][0].as_f64().unwrap() * mne["shape"][2].as_f64().unwrap();
        check("samples", found.n_times.unwrap() as f64, &Value::from(n_times));
    } else {
        check("samples", found.n_times.unwrap() as f64, &mne["n_samples"]);
        check("annotations", found.annotations as f64, &mne["n_annotations"]);
    }
    if is_epochs {
        // The statistics of each channel are of the first epoch, those of all data are of all epochs.
        differences.extend(compare_all(file, &found, &mne["all_data"]));
    }
    for (name, expected) in mne["channels"].as_object().unwrap() {
        match place(&found, name, mne) {
            Some(index) => {
                let differs = compare(file, &found, index, expected, 1.0).into_iter();
                differences.extend(differs.filter(|text| !is_epochs || text.contains("first[")));
            }
            None => differences.push(format!("{file}: no channel {name}")),
        }
    }
    let annotations = open_signals(path).unwrap().annotations;
    for expected in mne["first_annotations"].as_array().into_iter().flatten() {
        let number = |name: &str| expected[name].as_f64().unwrap();
        let is_there = annotations.iter().any(|a| {
            Some(a.text.as_str()) == expected["desc"].as_str()
                && (a.onset_secs - number("onset")).abs() < 1e-6
                && (a.duration_secs - number("duration")).abs() < 1e-6
        });
        if !is_there {
            differences.push(format!("{file}: no annotation {expected}"));
        }
    }
    differences
}

fn all_agree_with_mne(folder: &str, n_expected: usize) {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let files = references(&formats, folder).into_iter().filter(|(_, _, mne)| mne["sfreq"].is_f64());
    let mut n_compared = 0;
    let differences = files.flat_map(|(path, file, mne)| {
        n_compared += 1;
        compare_with_mne(&file, &path, &mne)
    });
    assert_none(differences.collect());
    assert!(n_compared >= n_expected, "{n_compared}");
}

#[test]
fn gdf_agrees_with_mne() {
    all_agree_with_mne("gdf/", 1);
}

#[test]
fn brainvision_agrees_with_mne() {
    all_agree_with_mne("brainvision/", 14);
}

#[test]
fn eeglab_agrees_with_mne() {
    all_agree_with_mne("eeglab/", 11);
}

#[test]
fn fif_agrees_with_mne() {
    all_agree_with_mne("fif/", 5);
}

/// What one pass over the file reports is what the samples say.
#[test]
fn samples_and_summaries_agree() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    for file in ["edf/test_reduced.edf", "bdf/short_psg.bdf", "gdf/test_1ch.gdf", "brainvision/mne/test.vhdr"] {
        let open = || -> SignalFile { open_signals(&formats.join(file)).unwrap() };
        let values = open().values().unwrap();
        let signals = open().into_signals().unwrap();
        let found = inspect(&formats.join(file)).unwrap();
        for ((channel, values), summary) in signals.channels.iter().zip(&values).zip(&found.channels) {
            assert_eq!(channel.samples, values.iter().map(|&value| value as f32).collect::<Vec<f32>>());
            assert_eq!((&channel.name, &channel.unit), (&summary.name, &summary.unit));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((summary.mean.unwrap() - mean).abs() <= 1e-9 * summary.std.unwrap().max(mean.abs()));
        }
    }
}
