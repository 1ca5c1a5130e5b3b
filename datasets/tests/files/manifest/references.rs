//! What each reference reader says, beside what `inspect` says.

use std::path::Path;

use nullcline_datasets::inspect::ChannelInspection;
use nullcline_datasets::readers::open_signals;
use nullcline_datasets::{Inspection, ReadError};
use serde_json::Value;

/// One value compared.
pub struct Check {
    pub what: String,
    pub expected: String,
    pub found: String,
    pub agrees: bool,
}

#[derive(Default)]
pub struct Checks {
    pub list: Vec<Check>,
}

impl Checks {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: impl Into<String>, expected: T, found: T) {
        let agrees = expected == found;
        let short = |value: &T| format!("{value:?}").chars().take(160).collect();
        self.list.push(Check { what: what.into(), expected: short(&expected), found: short(&found), agrees });
    }

    /// Within a millionth of `scale` (or of the value itself): readers differ in single and double precision.
    fn close(&mut self, what: impl Into<String>, expected: f64, found: Option<f64>, scale: f64) {
        let agrees = match found {
            Some(found) => (found - expected).abs() <= 1e-6 * scale.abs().max(expected.abs()),
            None => expected.is_nan(),
        };
        let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
        self.list.push(Check { what: what.into(), expected: expected.to_string(), found, agrees });
    }

    /// The reference reader gives up on this file, so that an error of one line is as good as a value.
    pub fn error(&mut self, expected: &str, found: Option<String>) {
        let agrees = found.as_ref().is_none_or(|found| !found.contains('\n'));
        let expected = expected.chars().take(80).collect();
        self.list.push(Check { what: "error".into(), expected, found: found.unwrap_or_default(), agrees });
    }
}

/// Compares with every reference reader that `reference` has.
pub fn compare(path: &Path, reference: &Value, found: &Inspection, checks: &mut Checks) {
    match reference["reader"].as_str() {
        Some("pandas") => table(reference, found, checks),
        Some("numpy") => array(reference, found, checks),
        Some("numpy text") => spike_text(reference, found, checks),
        Some("mne.read_events") => checks.equal("events", len_of(&reference["shape"]), Some(found.annotations)),
        Some("mne.read_proj") => checks.equal("samples", Some(0), found.n_times),
        Some(reader) if reader.starts_with("nibabel") => image(reference, found, checks),
        Some(_) if reference["kind"] == "epochs" => epochs(path, reference, found, checks),
        Some(_) => mne(reference, found, checks),
        None => {
            if reference["pyedflib"].is_object() {
                pyedflib(&reference["pyedflib"], &reference["edfio"], found, checks);
            }
            if reference["edfio"].is_object() {
                edfio(&reference["edfio"], found, checks);
            }
            if reference["mne"].is_object() {
                mne(&reference["mne"], found, checks);
            }
            if reference["pynwb"]["units"].is_object() {
                pynwb(&reference["pynwb"], found, checks);
            }
        }
    }
}

/// What has a reference may be refused only where it is no recording.
pub fn refused(reference: &Value, error: &ReadError, checks: &mut Checks) {
    let no_recording = match reference["reader"].as_str() {
        // A table of names without any numbers.
        Some("pandas") => reference["cols"].as_object().is_some_and(|columns| columns.is_empty()),
        Some(reader) => reader == "mne.read_proj" || reader == "mne.read_events",
        None => reference["pynwb"].is_object() && !reference["pynwb"]["units"].is_object(),
    };
    let message = error.to_string();
    let agrees = no_recording && !message.contains('\n');
    checks.list.push(Check { what: "refused".into(), expected: "values".into(), found: message, agrees });
}

fn len_of(shape: &Value) -> Option<usize> {
    Some(shape[0].as_u64()? as usize)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Mean, spread, extremes and first samples, all times `to_si`.
fn channel(what: &str, reference: &Value, std_key: &str, to_si: f64, found: &ChannelInspection, checks: &mut Checks) {
    let std = number(&reference[std_key]) * to_si;
    let largest = number(&reference["max"]).abs().max(number(&reference["min"]).abs()) * to_si;
    // Within a channel everything is known to the precision of its samples.
    let scale = std.abs().max(largest);
    checks.close(format!("mean of {what}"), number(&reference["mean"]) * to_si, found.mean, scale);
    checks.close(format!("std of {what}"), std, found.std, scale);
    checks.close(format!("min of {what}"), number(&reference["min"]) * to_si, found.min, scale);
    checks.close(format!("max of {what}"), number(&reference["max"]) * to_si, found.max, scale);
    let first = reference["first5"].as_array().into_iter().flatten();
    for (i, expected) in first.take(5).enumerate() {
        // JSON has no NaN: pandas' missing values stand as text.
        let found = found.first.get(i).copied().flatten();
        checks.close(format!("first {i} of {what}"), number(expected) * to_si, found, scale);
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The manifest keeps the first 64 names at most.
fn check_names(expected: &Value, found: &Inspection, checks: &mut Checks) {
    let expected = names(expected);
    let found = found.channels.iter().map(|channel| channel.name.as_str()).take(expected.len()).collect();
    checks.equal("names", expected, found);
}

/// Volts in one of the file's units, where `found` is in volts.
fn to_si(unit: &str, found: &ChannelInspection) -> f64 {
    if found.unit != "V" {
        return 1.0;
    }
    match unit.trim() {
        "uV" | "µV" | "μV" => 1e-6,
        "mV" => 1e-3,
        "nV" => 1e-9,
        _ => 1.0,
    }
}

/// Physical values in the unit of the file; keys are `index:label`.
fn by_index(
    reader: &str,
    reference: &Value,
    unit_of: impl Fn(&str) -> Option<String>,
    found: &Inspection,
    checks: &mut Checks,
) {
    for (key, expected) in reference["channels"].as_object().into_iter().flatten() {
        let index = key.split(':').next().and_then(|index| index.parse::<usize>().ok());
        let Some(channel_found) = index.and_then(|index| found.channels.get(index)) else {
            checks.equal(format!("channel {key} of {reader}"), true, false);
            continue;
        };
        let unit = unit_of(key).unwrap_or_default();
        channel(&format!("{key} ({reader})"), expected, "std", to_si(&unit, channel_found), channel_found, checks);
    }
}

fn pyedflib(reference: &Value, edfio: &Value, found: &Inspection, checks: &mut Checks) {
    checks.equal("channels", reference["n_signals"].as_u64(), Some(found.channels.len() as u64));
    checks.equal("annotations", reference["n_annotations"].as_u64(), Some(found.annotations as u64));
    check_names(&reference["labels"], found, checks);
    let of_all = names(&reference["dims"]);
    let unit_of = |key: &str| match of_all.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => edfio["channels"][key]["dim"].as_str().map(str::to_owned),
    };
    by_index("pyedflib", reference, unit_of, found, checks);
}

fn edfio(reference: &Value, found: &Inspection, checks: &mut Checks) {
    checks.equal("channels", reference["n_signals"].as_u64(), Some(found.channels.len() as u64));
    checks.equal("annotations", reference["n_annotations"].as_u64(), Some(found.annotations as u64));
    let unit_of = |key: &str| reference["channels"][key]["dim"].as_str().map(str::to_owned);
    by_index("edfio", reference, unit_of, found, checks);
    for (key, expected) in reference["channels"].as_object().into_iter().flatten() {
        let index = key.split(':').next().and_then(|index| index.parse::<usize>().ok());
        let rate = index.and_then(|index| found.channels.get(index)?.sampling_rate_hz.or(found.sampling_rate_hz));
        checks.close(format!("rate of {key}"), number(&expected["sfreq"]), rate, 0.0);
    }
}

/// In V, or in the unit of the file for what is no voltage.
fn mne(reference: &Value, found: &Inspection, checks: &mut Checks) {
    checks.equal("channels", reference["n_channels"].as_u64(), Some(found.channels.len() as u64));
    checks.equal("samples", reference["n_samples"].as_u64(), found.n_times.map(|n| n as u64));
    checks.close("rate", number(&reference["sfreq"]), found.sampling_rate_hz, 0.0);
    checks.equal("annotations", reference["n_annotations"].as_u64(), Some(found.annotations as u64));
    check_names(&reference["ch_names"], found, checks);
    by_name(reference, found, checks);
}

fn by_name(reference: &Value, found: &Inspection, checks: &mut Checks) {
    for (name, expected) in reference["channels"].as_object().into_iter().flatten() {
        match found.channels.iter().find(|channel| channel.name == *name) {
            Some(found) => channel(&format!("{name} (mne)"), expected, "std", 1.0, found, checks),
            None => checks.equal(format!("channel {name} of mne"), true, false),
        }
    }
}

/// The manifest describes all epochs together in shape, and the first one by its values.
fn epochs(path: &Path, reference: &Value, found: &Inspection, checks: &mut Checks) {
    let shape: Vec<u64> = reference["shape"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    checks.equal("channels", shape.get(1).copied(), Some(found.channels.len() as u64));
    let of_all_epochs = shape.first().zip(shape.get(2)).map(|(n_epochs, n_times)| n_epochs * n_times);
    checks.equal("samples", of_all_epochs, found.n_times.map(|n| n as u64));
    checks.close("rate", number(&reference["sfreq"]), found.sampling_rate_hz, 0.0);
    check_names(&reference["ch_names"], found, checks);
    let n_times = shape.get(2).map_or(0, |&n| n as usize);
    let values = open_signals(path).and_then(|file| file.values()).unwrap();
    let mut first = found.clone();
    for (channel, samples) in first.channels.iter_mut().zip(values) {
        let epoch = &samples[..n_times];
        let mean = epoch.iter().sum::<f64>() / n_times as f64;
        let variance = epoch.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n_times as f64;
        (channel.mean, channel.std) = (Some(mean), Some(variance.sqrt()));
        channel.min = epoch.iter().copied().reduce(f64::min);
        channel.max = epoch.iter().copied().reduce(f64::max);
    }
    by_name(reference, &first, checks);
}

fn image(reference: &Value, found: &Inspection, checks: &mut Checks) {
    // Parcels and grey ordinates come as channels where they are series, and as an image where they are not.
    let json = serde_json::to_value(found).unwrap();
    let image = &json["image"];
    checks.equal("image", true, image.is_object());
    checks.equal("shape", &reference["shape"], &image["shape"]);
    let zooms = reference["zooms"].as_array();
    for (i, expected) in zooms.into_iter().flatten().take(3).enumerate() {
        checks.close(format!("voxel {i}"), number(expected), image["voxel_mm"][i].as_f64(), 0.0);
    }
    if let Some(secs) = zooms.and_then(|zooms| zooms.get(3)).filter(|_| reference["xyzt_units"][1] == "sec") {
        checks.close("tr", number(secs), image["tr_s"].as_f64(), 0.0);
    }
    if let Some(all) = reference["all"].as_object() {
        let scale = number(&all["std"]);
        for name in ["mean", "std", "min", "max"] {
            checks.close(format!("{name} of voxels"), number(&all[name]), image[name].as_f64(), scale);
        }
    }
}

/// A table of numbers, or one of text that only its shape is known of.
fn table(reference: &Value, found: &Inspection, checks: &mut Checks) {
    checks.equal("rows", reference["shape"][0].as_u64(), found.n_times.map(|n| n as u64));
    checks.equal("columns", reference["shape"][1].as_u64(), Some(found.channels.len() as u64));
    check_names(&reference["columns"], found, checks);
    for (name, expected) in reference["cols"].as_object().into_iter().flatten() {
        match found.channels.iter().find(|channel| channel.name == *name) {
            Some(found) => channel(name, expected, "std_ddof0", 1.0, found, checks),
            None => checks.equal(format!("column {name}"), true, false),
        }
    }
}

fn array(reference: &Value, found: &Inspection, checks: &mut Checks) {
    let n_columns = reference["shape"][1].as_u64().unwrap_or(1);
    checks.equal("rows", reference["shape"][0].as_u64(), found.n_times.map(|n| n as u64));
    checks.equal("columns", n_columns, found.channels.len() as u64);
    if let [only] = found.channels.as_slice() {
        channel("values", reference, "std", 1.0, only, checks);
    }
}

fn spike_text(reference: &Value, found: &Inspection, checks: &mut Checks) {
    let Some(units) = &found.units else {
        checks.equal("units", true, false);
        return;
    };
    checks.equal("units", reference["n_trains"].as_u64(), Some(units.n as u64));
    spikes(&reference["spike_counts"], &reference["first_spike"], found, checks);
}

fn pynwb(reference: &Value, found: &Inspection, checks: &mut Checks) {
    let expected = &reference["units"];
    let n = found.units.as_ref().map(|units| units.n as u64);
    checks.equal("units", expected["n_units"].as_u64(), n);
    spikes(&expected["spike_counts"], &expected["first_spike_time"], found, checks);
}

fn spikes(counts: &Value, first: &Value, found: &Inspection, checks: &mut Checks) {
    let Some(units) = &found.units else { return };
    let expected: Vec<u64> = counts.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    checks.equal("spikes", expected, units.n_spikes.iter().map(|&n| n as u64).collect());
    let first: Vec<Option<f64>> = first.as_array().into_iter().flatten().map(Value::as_f64).collect();
    for (i, (expected, found)) in first.iter().zip(&units.first_spike_s).enumerate() {
        checks.close(format!("first spike of unit {i}"), expected.unwrap_or(f64::NAN), *found, 0.0);
    }
}
