//! FIF files made here: skips, calibrations, annotations, and recordings in several files.

use nullcline_datasets::inspect;
use nullcline_datasets::readers::{SignalFile, open_signals};
use proptest::prelude::*;

use crate::eeg_writers::fif::{Channel, ELECTRODE, file, file_of, int, shorts, tag};
use crate::scratch::{Folder, annotations};

#[test]
fn fif_with_a_skip_and_a_calibration() {
    let folder = Folder::new();
    let bytes = file(&[
        int(208, 30),
        int(301, 1),
        shorts(&[1, 10, 2, 20]),
        int(301, 3),
        shorts(&[3, 30, 4, 40]),
        tag(300, 4, &[5f32, 50.0].iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>()),
    ]);
    let recording = open_signals(&folder.file("a_raw.fif", &bytes)).unwrap();
    let volts: Vec<f64> = (1..=5).map(|v| f64::from(v) * f64::from(1e-6f32)).collect();
    let tesla: Vec<f64> = (1..=5).map(|v| f64::from(v) * 10.0 * 0.5 * f64::from(2e-12f32)).collect();
    let found = recording.values().unwrap();
    for (found, expected) in found.iter().zip([&volts, &tesla]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{found:?} {expected:?}");
    }
    let units: Vec<&str> = recording.channels.iter().map(|channel| channel.unit.as_str()).collect();
    assert_eq!(units, ["V", "T/m"]);
    assert_eq!(recording.channels[0].sample_rate.hz(), 10.0);
    // Three buffers of two samples were skipped.
    let close = |[a, b]: [f64; 2], [c, d]: [f64; 2]| (a - c).abs() < 1e-9 && (b - d).abs() < 1e-9;
    let intervals = recording.recorded.intervals_secs();
    assert!(close(intervals[0], [0.0, 0.2]) && close(intervals[1], [0.8, 1.1]), "{intervals:?}");

    // Annotations count from the start of the measurement, 3 s before the first sample.
    let doubles = |values: &[f64]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let mut annotated = bytes.clone();
    annotated.truncate(bytes.len() - 36);
    for part in [
        int(104, 3810),
        tag(3568, 5, &doubles(&[3.0, 3.25])),
        tag(3569, 5, &doubles(&[3.0, 3.75])),
        tag(206, 10, b"start:eyes{COLON} closed"),
        int(105, 3810),
        int(105, 100),
    ] {
        annotated.extend(part);
    }
    let file = open_signals(&folder.file("b_raw.fif", &annotated)).unwrap();
    assert_eq!(annotations(&file), [(0.0, 0.0, "start"), (0.25, 0.5, "eyes: closed")]);

    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &bytes).unwrap();
    let zipped = open_signals(&folder.file("a_raw.fif.gz", gz.finish().unwrap())).unwrap();
    assert_eq!(zipped.values().unwrap(), recording.values().unwrap());
}

/// Samples of the EEG channel, as stored.
fn stored(file: &SignalFile) -> Vec<i32> {
    file.values().unwrap()[0].iter().map(|volts| (volts / f64::from(1e-6f32)).round() as i32).collect()
}

/// A part of a recording, with a reference to another file as MNE and MEGIN write it: by name, or by number alone.
fn part(samples: &[i16], role: i32, name: Option<&str>, number: i32) -> Vec<u8> {
    let frames: Vec<i16> = samples.iter().flat_map(|&v| [v, 0]).collect();
    let mut reference = vec![int(104, 118), int(115, role)];
    reference.extend(name.map(|name| tag(118, 10, name.as_bytes())));
    reference.extend([int(117, number), int(105, 118)]);
    let mut bytes = file(&[shorts(&frames)]);
    bytes.truncate(bytes.len() - 36);
    bytes.extend(reference.concat());
    bytes.extend(int(105, 100));
    bytes
}

const PREVIOUS: i32 = 1;
const NEXT: i32 = 2;

#[test]
fn parts_of_a_recording_are_read_one_after_the_other() {
    let folder = Folder::new();
    let first = folder.file("a_raw.fif", part(&[1, 2, 3], NEXT, Some("a_raw-1.fif"), 1));
    folder.file("a_raw-1.fif", part(&[4, 5], NEXT, None, 2));
    folder.file("a_raw-2.fif", part(&[6], PREVIOUS, Some("a_raw-1.fif"), 1));
    let recording = open_signals(&first).unwrap();
    assert_eq!(stored(&recording), [1, 2, 3, 4, 5, 6]);
    assert_eq!(recording.channels[1].n_samples, 6);
    assert_eq!(recording.recorded.intervals_secs().len(), 1);
    assert!((recording.recorded.total_secs() - 0.6).abs() < 1e-12);
    assert!(recording.warnings.is_empty(), "{:?}", recording.warnings);
    // The last part alone goes on nowhere.
    let last = open_signals(&first.with_file_name("a_raw-2.fif")).unwrap();
    assert_eq!((stored(&last), last.warnings), (vec![6], Vec::new()));
}

#[test]
fn parts_that_are_missing_or_others_are_told() {
    let folder = Folder::new();
    let first = folder.file("a_raw.fif", part(&[1, 2], NEXT, Some("a_raw-1.fif"), 1));
    let alone = open_signals(&first).unwrap();
    assert_eq!(stored(&alone), [1, 2]);
    assert_eq!(alone.warnings, ["The recording goes on in a_raw-1.fif, which was not read."]);
    // Parts that lead round in a circle end where they began.
    folder.file("a_raw-1.fif", part(&[3], NEXT, Some("a_raw.fif"), 1));
    let circle = open_signals(&first).unwrap();
    assert_eq!((stored(&circle), circle.warnings.len()), (vec![1, 2, 3], 1));
    // Another gain of the first channel.
    let mut other = part(&[3], PREVIOUS, None, 0);
    let gain = other.windows(4).position(|bytes| bytes == 1e-6f32.to_be_bytes()).unwrap();
    other[gain..gain + 4].copy_from_slice(&2e-6f32.to_be_bytes());
    folder.file("a_raw-1.fif", other);
    let message = open_signals(&first).unwrap_err().to_string();
    assert!(message.contains("need the rate and the channels of the part before") && message.contains("a_raw-1.fif"));
}

/// Two gibibytes of zeros would take half a minute.
#[test]
fn what_is_no_fif_is_not_decompressed_whole() {
    let folder = Folder::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..64).for_each(|_| std::io::Write::write_all(&mut gz, &[0; 1 << 20]).unwrap());
    // Were it read to its end, the missing part would be told.
    let mut bytes = gz.finish().unwrap();
    bytes.truncate(bytes.len() / 2);
    let message = open_signals(&folder.file("a.fif.gz", bytes)).unwrap_err().to_string();
    assert!(message.starts_with("need a FIF file, which starts with tag 100 of 20 bytes"), "{message}");
}

/// As MNE 1.13.2 writes `info["bads"] = ["Cz", "a channel of a long name"]`: under names of 15 characters. It reads the same
/// two back.
#[test]
fn channels_marked_bad_are_those_that_mne_reads() {
    let folder = Folder::new();
    let named = |name| Channel { name, ..ELECTRODE };
    let channels = ["Fz", "Cz", "a channel of a ", "Oz"].map(named);
    let long_names = ["Fz", "Cz", "a channel of a long name", "Oz"];
    let mut data: Vec<Vec<u8>> =
        long_names.iter().flat_map(|name| [int(104, 113), tag(258, 10, name.as_bytes()), int(105, 113)]).collect();
    data.extend([int(104, 359), tag(3507, 10, b"Cz:a channel of a :Iz"), int(105, 359), shorts(&[1, 2, 3, 4])]);
    let path = folder.file("a_raw.fif", file_of(&channels, 10.0, &data));
    let recording = open_signals(&path).unwrap();
    let bad: Vec<&str> = recording.channels.iter().filter(|c| c.marked_bad).map(|c| c.name.as_str()).collect();
    assert_eq!(bad, ["Cz", "a channel of a long name"]);
    assert_eq!(recording.warnings, ["Marked bad, but no channel: Iz."]);
    let inspection = inspect(&path).unwrap();
    assert_eq!(inspection.warnings[1], "Marked bad in the file, and left out of a run: Cz, a channel of a long name.");
    let json = serde_json::to_string(&inspection.channels[..2]).unwrap();
    assert_eq!(json.matches("marked_bad").count(), 1, "{json}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the samples are spread over buffers and files, they come back in their order.
    #[test]
    fn buffers_and_parts_return_what_was_written(
        parts in prop::collection::vec(prop::collection::vec(any::<i16>(), 1..40), 1..4),
    ) {
        let folder = Folder::new();
        for (i, samples) in parts.iter().enumerate() {
            let name = if i == 0 { "b.fif".to_owned() } else { format!("b-{i}.fif") };
            let is_last = i + 1 == parts.len();
            let (role, number) = if is_last { (PREVIOUS, i as i32 - 1) } else { (NEXT, i as i32 + 1) };
            folder.file(&name, part(samples, role, None, number));
        }
        let recording = open_signals(&folder.0.path().join("b.fif")).unwrap();
        let written: Vec<i32> = parts.concat().into_iter().map(i32::from).collect();
        prop_assert_eq!(stored(&recording), written);
    }
}
