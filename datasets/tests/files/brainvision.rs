//! BrainVision made here: every format and arrangement, other files' names, interruptions.

use std::path::PathBuf;

use nullcline_datasets::readers::{SignalFile, open_signals};
use proptest::prelude::*;

use crate::eeg_writers::{self as writers, BrainVision};
use crate::scratch::{Folder, annotations, assert_values};

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
    assert_eq!(file.warnings.iter().filter(|warning| warning.contains("interrupted once")).count(), 1);
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
}
