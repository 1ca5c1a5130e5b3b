//! Whatever is in a file, the answer is a value or one line that names the file.

use std::fs;
use std::path::{Path, PathBuf};

use nullcline_datasets::readers::{edf_write, nwb_write, read_series};
use nullcline_datasets::{
    CleaningPlan, Dataset, RecordingFile, RecordingFilter, SampleRate, SpikeTrains, Support, inspect, prepare,
};

const RATE_HZ: f64 = 64.0;

fn wave(channel: usize, t: usize) -> f32 {
    ((t as f32 * (0.3 + 0.1 * channel as f32)).sin() + (t as f32 * 0.05).cos()) * 2e-5
}

/// 30 s of `n_channels` waves; `edit` may spoil `[time, channel]` samples.
fn write_eeg(path: &Path, n_channels: usize, edit: impl Fn(usize, usize, f32) -> f32) {
    let names: Vec<String> = (0..n_channels).map(|i| format!("E{i}")).collect();
    let n_times = 30 * RATE_HZ as usize;
    let samples: Vec<f32> =
        (0..n_times).flat_map(|t| (0..n_channels).map(move |i| (t, i))).map(|(t, i)| edit(t, i, wave(i, t))).collect();
    let edf = edf_write::EdfToWrite {
        channel_names: &names,
        sample_rate: SampleRate::from_hz(RATE_HZ).unwrap(),
        samples: &samples,
    };
    edf_write::write(path, &edf).unwrap();
}

fn eeg_plan() -> CleaningPlan {
    let mut plan = CleaningPlan::default();
    plan.eeg.band_hz = Some([1.0, 30.0]);
    plan
}

/// A dataset of one subject with one file.
fn dataset(file: &str) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(root.path().join("participants.tsv"), "participant_id\tgroup\nsub-01\tpatient\n").unwrap();
    (root, path)
}

fn only_recording(root: &Path) -> RecordingFile {
    let dataset = Dataset::open(root).unwrap();
    let files = dataset.recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
    assert_eq!(files.len(), 1);
    files[0].clone()
}

fn assert_one_line(message: &str, parts: &[&str]) {
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
}

#[test]
fn flat_and_bad_channels_are_excluded_and_events_come_along() {
    let (root, path) = dataset("sub-01/eeg/sub-01_task-rest_eeg.edf");
    write_eeg(&path, 5, |_, i, value| if i == 1 { 3e-6 } else { value });
    let channels = "name\ttype\tstatus\nE0\tEEG\tgood\nE1\tEEG\tgood\nE2\tEEG\tbad\nE3\tEEG\tgood\nE4\tEEG\tgood\n";
    fs::write(path.with_file_name("sub-01_task-rest_channels.tsv"), channels).unwrap();
    let events = "onset\tduration\ttrial_type\n10\t1\topen\n20\t1\tclosed\n";
    fs::write(path.with_file_name("sub-01_task-rest_events.tsv"), events).unwrap();
    fs::write(root.path().join("task-rest_eeg.json"), r#"{"PowerLineFrequency": 25}"#).unwrap();

    let cleaned = prepare(&only_recording(root.path()), 0.8, &eeg_plan()).unwrap();
    let excluded: Vec<&str> = cleaned.excluded_channels.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(excluded, ["E1", "E2"]);
    assert_eq!(cleaned.recording.n_channels(), 3);
    assert_eq!(cleaned.steps[0], "Notch at 25 Hz, quality 30, zero phase");
    assert_eq!(cleaned.recording.inputs.names, ["closed", "open"]);
    let n_open = cleaned.recording.inputs.values.iter().skip(1).step_by(2).sum::<f32>();
    assert_eq!(n_open, RATE_HZ as f32);
    // The reference is the mean of the three good channels only.
    let sum = |t: usize| (0..3).map(|i| cleaned.recording.samples[t * 3 + i]).sum::<f32>();
    assert!(cleaned.recording.samples.iter().all(|value| value.is_finite()) && sum(100).is_finite());
}

#[test]
fn missing_volumes_stay_missing_and_a_region_of_many_is_excluded() {
    let (root, path) = dataset("sub-01/func/sub-01_task-rest_timeseries.tsv");
    let row = |t: usize| match t {
        7 => format!("n/a\t{}\t{}\n", wave(1, t), wave(2, t)),
        20..27 => format!("{}\tn/a\t{}\n", wave(0, t), wave(2, t)),
        _ => format!("{}\t{}\t{}\n", wave(0, t), wave(1, t), wave(2, t)),
    };
    fs::write(&path, format!("a\tb\tc\n{}", (0..60).map(row).collect::<String>())).unwrap();
    let file = only_recording(root.path());
    let message = prepare(&file, 0.8, &CleaningPlan::default()).unwrap_err().to_string();
    assert_one_line(&message, &["need RepetitionTime", "sub-01_task-rest_timeseries.tsv"]);

    fs::write(root.path().join("task-rest_bold.json"), r#"{"RepetitionTime": 2}"#).unwrap();
    let cleaned = prepare(&file, 0.8, &CleaningPlan::default()).unwrap();
    assert_eq!(cleaned.excluded_channels, [("b".to_owned(), "7 of 60 samples missing or infinite".to_owned())]);
    let missing: Vec<usize> =
        cleaned.recording.channel(0).enumerate().filter(|(_, value)| value.is_nan()).map(|(t, _)| t).collect();
    assert_eq!((missing, cleaned.recording.n_missing()), (vec![7], 1));

    let mut filtered = CleaningPlan { min_secs: 0.0, ..Default::default() };
    filtered.bold.band_hz = Some([0.01, 0.04]);
    fs::write(&path, format!("a\tb\tc\n{}", (0..6).map(row).collect::<String>())).unwrap();
    let message = prepare(&file, 0.8, &filtered).unwrap_err().to_string();
    assert_one_line(&message, &["need more volumes than regressors", "found 6 regressors for 6", "timeseries.tsv"]);
    let message = prepare(&file, 0.8, &CleaningPlan::default()).unwrap_err().to_string();
    assert_one_line(&message, &["need 20 s of signal, found 12.000 s", "timeseries.tsv"]);
}

#[test]
fn a_band_beyond_the_rate_is_told() {
    let (root, path) = dataset("sub-01/eeg/sub-01_task-rest_eeg.edf");
    write_eeg(&path, 3, |_, _, value| value);
    let message = prepare(&only_recording(root.path()), 0.8, &CleaningPlan::default()).unwrap_err().to_string();
    assert_one_line(&message, &["between 0 and 32 Hz", "found 1–40 Hz", "sub-01_task-rest_eeg.edf"]);
}

#[test]
fn a_truncated_edf_names_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.edf");
    write_eeg(&path, 2, |_, _, value| value);
    let bytes = fs::read(&path).unwrap();
    assert!(inspect(&path).is_ok());
    for keep in [1, 100, 256, 700, bytes.len() - 1] {
        fs::write(&path, &bytes[..keep]).unwrap();
        let message = inspect(&path).unwrap_err().to_string();
        assert_one_line(&message, &["bytes", &format!("found {keep} in"), "a.edf"]);
    }
    let with_count = |count: &[u8; 8]| {
        let mut bytes = bytes.clone();
        bytes[236..244].copy_from_slice(count);
        fs::write(&path, bytes).unwrap();
        inspect(&path)
    };
    let unknown = with_count(b"-1      ").unwrap();
    assert_eq!(unknown.n_times, Some(30 * 64));
    assert_one_line(&unknown.warnings[0], &["the file holds 30"]);
    assert_one_line(&with_count(b"29      ").unwrap().warnings[0], &["256 bytes after"]);
    assert_one_line(&with_count(b"99999999").unwrap_err().to_string(), &["need 25600000512 bytes", "a.edf"]);
}

#[test]
fn units_and_labels_in_the_wild() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.edf");
    write_eeg(&path, 5, |_, _, value| value);
    let mut bytes = fs::read(&path).unwrap();
    let unit_of = |i: usize| 256 + 5 * 96 + 8 * i;
    let mut set = |i: usize, unit: &[u8; 8]| bytes[unit_of(i)..unit_of(i) + 8].copy_from_slice(unit);
    set(0, b"\xB5V      "); // Latin-1
    set(1, b"\xC2\xB5V     "); // UTF-8
    set(2, b"mV      ");
    set(3, b"        ");
    set(4, b"degC    ");
    fs::write(&path, bytes).unwrap();
    let found = inspect(&path).unwrap();
    let units: Vec<&str> = found.channels.iter().map(|channel| channel.unit.as_str()).collect();
    assert_eq!(units, ["V", "V", "V", "a.u.", "degC"]);
    assert_eq!(found.warnings.len(), 2);
    let std = |i: usize| found.channels[i].std.unwrap();
    assert!(std(0) < 1e-4 && std(1) < 1e-4 && std(2) > 1e-3 && std(3) > 1.0);
}

#[test]
fn nwb_comes_back_and_equal_spikes_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let unit = |name: &str, spikes: &[f64]| (name.to_owned(), spikes.to_vec());
    let units = [unit("a", &[0.5, 1.25]), unit("b", &[]), unit("c", &[2.0])];
    let trains = SpikeTrains::of_units(units, Support::between(0.0, 3.0));
    let nwb = nwb_write::NwbToWrite {
        identifier: "x",
        session_description: "simulated",
        trains: &trains,
        storage: nwb_write::Storage::Plain,
    };
    let paths = ["a.nwb", "b.nwb"].map(|name| folder.path().join(name));
    nwb_write::write(&paths[0], &nwb).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    nwb_write::write(&paths[1], &nwb).unwrap();
    assert_eq!(nullcline_datasets::readers::nwb::read(&paths[0]).unwrap(), trains);
    assert!(fs::read(&paths[0]).unwrap() == fs::read(&paths[1]).unwrap(), "bytes differ");
}

#[test]
fn nwb_that_lies_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nwb");
    let units = |ends: &[u8], spikes: &[f64]| {
        let file = hdf5::File::create(&path).unwrap();
        let units = file.create_group("units").unwrap();
        units.new_dataset_builder().with_data(ends).create("spike_times_index").unwrap();
        units.new_dataset_builder().with_data(spikes).create("spike_times").unwrap();
    };
    units(&[2, 3], &[0.1, 0.2, 0.3]);
    assert_eq!(inspect(&path).unwrap().units.unwrap().n_spikes, [2, 1]);
    units(&[2, 9], &[0.1, 0.2, 0.3]);
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["spike_times_index", "at most 3, found 9", "a.nwb"]);
    units(&[2, 1], &[0.1, 0.2, 0.3]);
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["rise from 2"]);
    units(&[2], &[0.1, f64::NAN]);
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["finite spike times"]);
    units(&[2], &[0.2, 0.1]);
    assert_one_line(&inspect(&path).unwrap().warnings[0], &["out of order"]);

    hdf5::File::create(&path).unwrap().create_group("acquisition").unwrap();
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["found neither units nor series", "a.nwb"]);
    {
        let file = hdf5::File::create(&path).unwrap();
        let series = |place: &str, hz: Option<f64>| {
            let group = file.create_group(place).unwrap();
            group.new_dataset::<f32>().shape((3000, 4)).create("data").unwrap();
            let start = group.new_dataset::<f64>().create("starting_time").unwrap();
            if let Some(hz) = hz {
                start.new_attr::<f64>().create("rate").unwrap().write_scalar(&hz).unwrap();
            }
        };
        series("acquisition/ElectricalSeries", Some(1000.0));
        series("processing/ecephys/LFP/two\nlines", None);
        file.create_group("processing/behavior").unwrap();
    }
    let series = "found no units but acquisition/ElectricalSeries (3000 × 4 at 1000 Hz), processing/ecephys/LFP/two lines \
                  (3000 × 4) in ";
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["need sorted spikes in /units", series]);
    {
        // Ten terabytes, none of them stored.
        let file = hdf5::File::create(&path).unwrap();
        let units = file.create_group("units").unwrap();
        units.new_dataset::<f64>().chunk(1000).shape(10_usize.pow(12)).create("spike_times").unwrap();
        units.new_dataset_builder().with_data(&[1u8]).create("spike_times_index").unwrap();
    }
    assert_one_line(&inspect(&path).unwrap_err().to_string(), &["8000000000000 bytes", "a.nwb"]);
}

#[test]
fn garbage_is_one_line_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let garbage: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for name in ["a.edf", "a.nwb", "a.npy", "a.tsv", "a.csv", "a.mat", "a"] {
        let path = folder.path().join(name);
        assert_one_line(&inspect(&path).unwrap_err().to_string(), &[name]);
        // What could be a number is a table.
        for bytes in [&garbage[..], b"", b"0?", b"\x89HDF\r\n\x1a\n garbage", b"\x93NUMPY\x01\x00\xff\xff"] {
            fs::write(&path, bytes).unwrap();
            assert_one_line(&inspect(&path).unwrap_err().to_string(), &[name]);
        }
    }
    for name in ["b.h5", "b.h5:/x", "b.npy", "b.parquet"] {
        fs::write(folder.path().join(name.split(':').next().unwrap()), &garbage).unwrap();
        assert_one_line(&read_series(folder.path().join(name)).unwrap_err().to_string(), &["b."]);
    }
}
