//! EEG files made here, for what no shared file has: gaps, events, either byte order, every arrangement.

use std::path::PathBuf;

use nullcline_datasets::readers::mat5::{MatFile, MatValue};
use nullcline_datasets::readers::{SignalFile, open_signals};
use proptest::prelude::*;

use crate::eeg_writers::mat::Value;
use crate::eeg_writers::{self as writers, BrainVision, EdfSignal, annotation_record};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Onset, duration, text.
fn annotations(file: &SignalFile) -> Vec<(f64, f64, &str)> {
    file.annotations.iter().map(|a| (a.onset_secs, a.duration_secs, a.text.as_str())).collect()
}

fn assert_values(file: &SignalFile, expected: &[&[f64]]) {
    let found = file.values().unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(*expected) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1e-6), "{found:?} instead of {expected:?}");
        }
    }
}

/// Three records of 2 s: a gap of 5.5 s before the last.
#[test]
fn edf_with_gaps_keeps_their_times() {
    let folder = Folder::new();
    let tal = |text: &str| annotation_record(text, 30);
    let signals = |starts: [&str; 3]| {
        [
            EdfSignal {
                label: "Fz",
                unit: "uV",
                samples_per_record: 4,
                records: vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]],
            },
            EdfSignal {
                label: "EDF Annotations",
                unit: "",
                samples_per_record: 30,
                records: vec![
                    tal(&format!("{}\u{14}\u{14}\0", starts[0])),
                    tal(&format!("{}\u{14}\u{14}\0+4.25\u{15}0.5\u{14}blink\u{14}\0", starts[1])),
                    tal(&format!("{}\u{14}\u{14}\0+10.25\u{14}back\u{14}\0", starts[2])),
                ],
            },
        ]
    };
    let bytes = writers::edf("EDF+D", "2", &signals(["+0.25", "+2.25", "+9.75"]));
    let file = open_signals(&folder.file("a.edf", &bytes)).unwrap();
    assert_eq!(file.recorded.intervals_secs(), [[0.0, 4.0], [9.5, 11.5]]);
    assert_eq!(annotations(&file), [(4.0, 0.5, "blink"), (10.0, 0.0, "back")]);
    assert_eq!(file.warnings, ["The recording was interrupted 1 times."]);
    let microvolts: Vec<f64> = (1..=12).map(|v| f64::from(v) * 1e-6).collect();
    assert_values(&file, &[&microvolts]);
    let signals_read = file.into_signals().unwrap();
    assert_eq!(signals_read.recorded.total_secs(), 6.0);

    // A clock that runs backwards is no time axis.
    let bytes = writers::edf("EDF+D", "2", &signals(["+0", "+2", "+1"]));
    let file = open_signals(&folder.file("a.edf", &bytes)).unwrap();
    assert_eq!(file.recorded.intervals_secs(), [[0.0, 6.0]]);
    assert!(file.warnings[0].contains("taken as unbroken"), "{:?}", file.warnings);

    // EDF+C says that there are no gaps.
    let bytes = writers::edf("EDF+C", "2", &signals(["+0", "+2", "+4"]));
    let file = open_signals(&folder.file("a.edf", &bytes)).unwrap();
    assert_eq!(file.recorded.intervals_secs(), [[0.0, 6.0]]);
}

#[test]
fn edf_rates_and_units_of_one_file_may_differ() {
    let folder = Folder::new();
    let signal =
        |label, unit, records: Vec<Vec<i16>>| EdfSignal { label, unit, samples_per_record: records[0].len(), records };
    let bytes = writers::edf(
        "",
        "0.5",
        &[
            signal("EEG", "mV", vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8]]),
            signal("Resp", "", vec![vec![-7], vec![7]]),
            signal("SaO2", "%", vec![vec![98, 99], vec![97, 96]]),
        ],
    );
    let file = open_signals(&folder.file("a.edf", &bytes)).unwrap();
    let rates: Vec<f64> = file.channels.iter().map(|channel| channel.sample_rate.hz()).collect();
    assert_eq!(rates, [8.0, 2.0, 4.0]);
    let units: Vec<&str> = file.channels.iter().map(|channel| channel.unit.as_str()).collect();
    assert_eq!(units, ["V", "a.u.", "%"]);
    assert_eq!(file.warnings.len(), 2);
    let millivolts: Vec<f64> = (1..=8).map(|v| f64::from(v) * 1e-3).collect();
    assert_values(&file, &[&millivolts, &[-7.0, 7.0], &[98.0, 99.0, 97.0, 96.0]]);
}

#[test]
fn gdf_of_either_version_with_every_sample_type() {
    let folder = Folder::new();
    fn of<const N: usize>(encode: impl Fn(i8) -> [u8; N]) -> Vec<Vec<u8>> {
        [[1, -2], [3, -4]].iter().map(|record| record.iter().flat_map(|&v| encode(v)).collect()).collect()
    }
    let channels = [
        ("i8", 1, of(|v| v.to_le_bytes())),
        ("i16", 3, of(|v| i16::from(v).to_le_bytes())),
        ("i32", 5, of(|v| i32::from(v).to_le_bytes())),
        ("i64", 7, of(|v| i64::from(v).to_le_bytes())),
        ("f32", 16, of(|v| f32::from(v).to_le_bytes())),
        ("f64", 17, of(|v| f64::from(v).to_le_bytes())),
        ("i24", 279, of(|v| *i32::from(v).to_le_bytes().first_chunk::<3>().unwrap())),
    ];
    for is_v2 in [false, true] {
        let events = [(9, 769, 4), (1, 32766, 0)];
        let bytes = writers::gdf(is_v2, &channels, 2, &events);
        let file = open_signals(&folder.file("a.gdf", &bytes)).unwrap();
        assert_values(&file, &[&[1e-6, -2e-6, 3e-6, -4e-6][..]; 7]);
        assert!(file.channels.iter().all(|channel| channel.unit == "V" && channel.sample_rate.hz() == 2.0));
        // The event table counts at 8 Hz, from 1.
        assert_eq!(annotations(&file), [(0.0, 0.0, "32766"), (1.0, 0.5, "769")]);
        assert!(file.warnings.is_empty(), "{:?}", file.warnings);

        let unknown = writers::gdf(is_v2, &channels, -1, &[]);
        let file = open_signals(&folder.file("a.gdf", &unknown)).unwrap();
        assert_eq!(file.channels[0].n_samples, 4);
        assert!(file.warnings[0].contains("the file holds 2"));
    }
}

const CHANNELS: [&str; 2] = ["Fz,,0.5,µV", "Temp\\1core,,2,C"];

fn brainvision(format: &str, orientation: &str, extra: &str, data: &[u8], markers: &str) -> (Folder, PathBuf) {
    let header = BrainVision { channels: &CHANNELS, sampling_interval_micros: 500_000, format, orientation, extra };
    let folder = Folder::new();
    folder.file("a.eeg", data);
    folder.file("a.vmrk", markers);
    let path = folder.file("a.vhdr", header.header("a"));
    (folder, path)
}

/// Three samples of two channels in every binary format, either byte order and orientation, and as text.
#[test]
fn brainvision_in_every_format() {
    let multiplexed = [1, -10, 2, -20, 3, -30];
    let vectorized = [1, 2, 3, -10, -20, -30];
    let check = |format: &str, orientation: &str, extra: &str, data: &[u8]| {
        let (_folder, path) = brainvision(format, orientation, extra, data, &writers::markers(&[]));
        let file = open_signals(&path).unwrap_or_else(|error| panic!("{format} {orientation}: {error}"));
        let names: Vec<&str> = file.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["Fz", "Temp,core"]);
        assert_eq!(file.channels[1].unit, "C");
        assert_values(&file, &[&[0.5e-6, 1e-6, 1.5e-6], &[-20.0, -40.0, -60.0]]);
        assert_eq!(file.recorded.intervals_secs(), [[0.0, 1.5]]);
    };
    for (orientation, values) in [("MULTIPLEXED", multiplexed), ("VECTORIZED", vectorized)] {
        let of = |encode: &dyn Fn(i32) -> Vec<u8>| values.iter().flat_map(|&v| encode(v)).collect::<Vec<u8>>();
        check("INT_16", orientation, "", &of(&|v| (v as i16).to_le_bytes().to_vec()));
        let big = "UseBigEndianOrder=YES\n";
        check("INT_16", orientation, big, &of(&|v| (v as i16).to_be_bytes().to_vec()));
        check("INT_32", orientation, "", &of(&|v| v.to_le_bytes().to_vec()));
        check("IEEE_FLOAT_32", orientation, "", &of(&|v| (v as f32).to_le_bytes().to_vec()));
        check("IEEE_FLOAT_32", orientation, big, &of(&|v| (v as f32).to_be_bytes().to_vec()));
    }
    let infos = "[ASCII Infos]\nDecimalSymbol=,\nSkipLines=1\nSkipColumns=0\n";
    check("ASCII", "MULTIPLEXED", infos, b"Fz Temp\n1,0 -10\n2 -2e1\n3 -30,0\n");
    let infos = "[ASCII Infos]\nDecimalSymbol=.\nSkipLines=0\nSkipColumns=1\n";
    check("ASCII", "VECTORIZED", infos, b"Fz 1.0 2 3\nTemp -10 -20 -3e1\n");
}

#[test]
fn brainvision_renamed_in_latin_1_and_interrupted() {
    let data: Vec<u8> = (0..16i16).flat_map(i16::to_le_bytes).collect();
    let markers = writers::markers(&[
        "New Segment,,1,1,0,20240101120000000000",
        "Stimulus,S  1\\1 left,3,1,0",
        "New Segment,,5,1,0,20240101120010000000",
        "Response,R  2,6,2,0",
        "Comment,too late,9,1,0",
        "nonsense",
    ]);
    let (folder, path) = brainvision("INT_16", "MULTIPLEXED", "", &data, &markers);
    let check = |file: &SignalFile| {
        // The second segment began 10 s after the first, which lasts 2 s.
        assert_eq!(file.recorded.intervals_secs(), [[0.0, 2.0], [10.0, 12.0]]);
        assert_eq!(
            annotations(file),
            [(1.0, 0.5, "Stimulus/S  1, left"), (10.0, 0.5, "New Segment/"), (10.5, 1.0, "Response/R  2")]
        );
        assert_eq!(file.channels[0].unit, "V");
    };
    let file = open_signals(&path).unwrap();
    check(&file);
    assert_eq!(file.warnings.iter().filter(|warning| warning.contains("interrupted 1 times")).count(), 1);
    assert_eq!(file.warnings.iter().filter(|warning| warning.contains("1 markers could not")).count(), 1);
    assert_eq!(file.warnings.iter().filter(|warning| warning.contains("1 markers lie outside")).count(), 1);

    // Renamed together, and in Latin-1.
    let latin1: Vec<u8> = std::fs::read_to_string(&path).unwrap().chars().map(|c| c as u32 as u8).collect();
    std::fs::remove_file(&path).unwrap();
    for extension in ["eeg", "vmrk"] {
        std::fs::rename(path.with_extension(extension), folder.0.path().join(format!("b.{extension}"))).unwrap();
    }
    let file = open_signals(&folder.file("b.vhdr", latin1)).unwrap();
    check(&file);
    assert_eq!(file.warnings.iter().filter(|warning| warning.contains("was read in its place")).count(), 2);
}

fn scalar<'a>(value: f64) -> Value<'a> {
    Value::Doubles(&[1, 1], vec![value])
}

#[test]
fn mat_files_of_either_order_compressed_or_not() {
    let folder = Folder::new();
    let variables = [
        ("x", Value::Doubles(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5])),
        ("name", Value::Text("Zoë")),
        (
            "s",
            Value::Struct(&["a", "b"], vec![vec![scalar(1.0), Value::Text("p")], vec![scalar(2.0), Value::Text("")]]),
        ),
        ("c", Value::Cell(vec![scalar(7.0), Value::Cell(vec![])])),
    ];
    for (is_big, is_compressed) in [(false, false), (false, true), (true, false), (true, true)] {
        let path = folder.file("a.mat", writers::mat::file(&variables, is_big, is_compressed));
        let file = MatFile::read(&path).unwrap();
        let Some(MatValue::Array(x)) = file.get("x") else { panic!("{file:?}") };
        assert_eq!((x.dims.as_slice(), x.values()), (&[2, 3][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5]));
        assert_eq!(file.get("name").unwrap().text(), Some("Zoë"));
        let a: Vec<Option<f64>> = file.get("s").unwrap().field("a").iter().map(|value| value.number()).collect();
        assert_eq!(a, [Some(1.0), Some(2.0)]);
        let Some(MatValue::Cell(cells)) = file.get("c") else { panic!("{file:?}") };
        assert_eq!(cells[0].number(), Some(7.0));
    }
}

/// Two channels, six samples: `EEG` as a structure, or its fields as variables; cut, or in three epochs.
#[test]
fn eeglab_with_boundaries_and_epochs() {
    let folder = Folder::new();
    let samples: Vec<f32> = (0..12).map(|v| v as f32).collect();
    let event =
        |kind: &'static str, latency: f64, duration: f64| vec![Value::Text(kind), scalar(latency), scalar(duration)];
    let fields = |n_points: f64, n_epochs: f64, dims: &'static [u32]| {
        let channels = ["Fz", "Cz"].map(|name| vec![Value::Text(name)]).to_vec();
        let events = vec![
            event("stim", 2.0, 1.0),
            event("boundary", 3.5, 20.0),
            vec![scalar(7.0), scalar(4.5), scalar(f64::NAN)],
        ];
        vec![
            ("nbchan", scalar(2.0)),
            ("pnts", scalar(n_points)),
            ("trials", scalar(n_epochs)),
            ("srate", scalar(2.0)),
            ("data", Value::Singles(dims, samples.clone())),
            ("chanlocs", Value::Struct(&["labels"], channels)),
            ("event", Value::Struct(&["type", "latency", "duration"], events)),
        ]
    };
    let as_structure = |fields: Vec<(&'static str, Value<'static>)>| {
        let (names, values): (Vec<&'static str>, Vec<Value>) = fields.into_iter().unzip();
        let names: &'static [&'static str] = names.leak();
        vec![("EEG", Value::Struct(names, vec![values]))]
    };
    let even: Vec<f64> = (0..6).map(|v| f64::from(2 * v) * 1e-6).collect();
    let odd: Vec<f64> = (0..6).map(|v| f64::from(2 * v + 1) * 1e-6).collect();

    for variables in [as_structure(fields(6.0, 1.0, &[2, 6])), fields(6.0, 1.0, &[2, 6])] {
        let file = open_signals(&folder.file("a.set", writers::mat::file(&variables, false, true))).unwrap();
        assert_values(&file, &[&even, &odd]);
        let names: Vec<&str> = file.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["Fz", "Cz"]);
        // 20 samples were cut out before the fourth.
        assert_eq!(file.recorded.intervals_secs(), [[0.0, 1.5], [11.5, 13.0]]);
        assert_eq!(annotations(&file), [(0.5, 0.5, "stim"), (1.25, 10.0, "boundary"), (11.75, 0.0, "7")]);
    }

    let epochs = as_structure(fields(2.0, 3.0, &[2, 2, 3]));
    let file = open_signals(&folder.file("a.set", writers::mat::file(&epochs, false, false))).unwrap();
    assert_values(&file, &[&even, &odd]);
    assert_eq!(file.recorded.intervals_secs(), [[0.0, 1.0], [1.5, 2.5], [3.0, 4.0]]);
    assert_eq!(file.warnings, ["3 epochs of 1 s were joined."]);
    assert_eq!(annotations(&file)[0], (0.5, 0.5, "stim"));
    assert_eq!(annotations(&file)[2], (2.25, 0.0, "7"));

    // Samples in a file of their own, which was renamed with the set.
    let mut outside = fields(6.0, 1.0, &[2, 6]);
    outside[4].1 = Value::Text("old.fdt");
    let bytes = writers::mat::file(&as_structure(outside), false, false);
    folder.file("b.fdt", samples.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let file = open_signals(&folder.file("b.set", bytes)).unwrap();
    assert_values(&file, &[&even, &odd]);
    assert!(file.warnings[0].contains("old.fdt"), "{:?}", file.warnings);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the samples, BrainVision gives them back, in either orientation and over any number of blocks.
    #[test]
    fn brainvision_returns_what_was_written(
        values in prop::collection::vec(any::<i16>(), 2..400),
        is_vectorized in any::<bool>(),
    ) {
        let n_times = values.len() / 2;
        let (first, second) = (&values[..n_times], &values[n_times..2 * n_times]);
        let data: Vec<u8> = match is_vectorized {
            true => first.iter().chain(second).flat_map(|v| v.to_le_bytes()).collect(),
            false => first.iter().zip(second).flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()].concat()).collect(),
        };
        let orientation = if is_vectorized { "VECTORIZED" } else { "MULTIPLEXED" };
        let extra = format!("[Common Infos]\nDataPoints={n_times}\n[Binary Infos]\n");
        let (_folder, path) = brainvision("INT_16", orientation, &extra, &data, &writers::markers(&[]));
        let file = open_signals(&path).unwrap();
        let scaled = |values: &[i16], gain: f64| values.iter().map(|&v| f64::from(v) * gain).collect::<Vec<f64>>();
        prop_assert_eq!(file.values().unwrap(), [scaled(first, 0.5 * 1e-6), scaled(second, 2.0)]);
    }

    /// MAT arrays come back bit for bit.
    #[test]
    fn mat_arrays_return_what_was_written(
        values in prop::collection::vec(any::<f64>(), 0..64),
        is_big in any::<bool>(),
        is_compressed in any::<bool>(),
    ) {
        let folder = Folder::new();
        let dims = [1, values.len() as u32];
        let variables = [("x", Value::Doubles(&dims, values.clone()))];
        let file = MatFile::read(&folder.file("a.mat", writers::mat::file(&variables, is_big, is_compressed))).unwrap();
        let Some(MatValue::Array(found)) = file.get("x") else { panic!("{file:?}") };
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
        prop_assert_eq!(bits(&found.values()), bits(&values));
    }
}
