//! EEG files that lie about themselves, end early or hold noise: a value or one line, and no more memory than they
//! have bytes for.

use std::path::Path;

use nullcline_datasets::inspect;
use nullcline_datasets::readers::mat5::MatFile;
use proptest::prelude::*;

use crate::eeg_writers::mat::Value;
use crate::eeg_writers::{self as writers, BrainVision, EdfSignal, annotation_record};
use crate::shared_data::shared_data;

fn scalar<'a>(value: f64) -> Value<'a> {
    Value::Doubles(&[1, 1], vec![value])
}

fn sound_edf() -> Vec<u8> {
    let annotations = || vec![annotation_record("+0\u{14}\u{14}\0+1\u{15}1\u{14}on\u{14}\0", 20)];
    let signal =
        |label, unit, records: Vec<Vec<i16>>| EdfSignal { label, unit, samples_per_record: records[0].len(), records };
    writers::edf(
        "EDF+D",
        "2",
        &[signal("Fz", "uV", vec![vec![1, 2, 3, 4]]), signal("EDF Annotations", "", annotations())],
    )
}

fn sound_set(is_compressed: bool) -> Vec<u8> {
    let event = || vec![vec![Value::Text("a"), scalar(1.0)], vec![Value::Text("boundary"), scalar(2.5)]];
    let fields = vec![
        scalar(1.0),
        scalar(3.0),
        scalar(2.0),
        Value::Singles(&[1, 3], vec![1.0, 2.0, 3.0]),
        Value::Struct(&["type", "latency"], event()),
    ];
    let names = &["nbchan", "pnts", "srate", "data", "event"];
    writers::mat::file(&[("EEG", Value::Struct(names, vec![fields]))], false, is_compressed)
}

fn sound_fif() -> Vec<u8> {
    writers::fif::file(&[writers::fif::int(208, 5), writers::fif::shorts(&[1, 2, 3, 4])])
}

fn sound_gdf() -> Vec<u8> {
    writers::gdf(true, &[("Fz", 3, vec![vec![1, 0, 2, 0]])], 1, &[(1, 769, 2)])
}

fn sound_vhdr() -> Vec<u8> {
    let channels = ["Fz,,0.5,µV", "Cz"];
    let header = BrainVision {
        channels: &channels,
        sampling_interval_micros: 1000,
        format: "INT_16",
        orientation: "VECTORIZED",
        extra: "[Common Infos]\nDataPoints=4\n[Binary Infos]\nUseBigEndianOrder=NO\n",
    };
    header.header("a").into_bytes()
}

/// A file of each format, by name; for BrainVision the header, with the files it names beside it.
fn sound_files() -> Vec<(&'static str, Vec<u8>)> {
    let mut bdf = sound_edf();
    bdf[..8].copy_from_slice(b"\xFFBIOSEMI");
    bdf.resize(bdf.len() * 2, 0);
    vec![
        ("a.edf", sound_edf()),
        ("a.bdf", bdf),
        ("a.gdf", sound_gdf()),
        ("a.vhdr", sound_vhdr()),
        ("a.set", sound_set(false)),
        ("b.set", sound_set(true)),
        ("a.fif", sound_fif()),
    ]
}

fn write_all(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    if name.ends_with(".vhdr") {
        std::fs::write(folder.join("a.eeg"), [0; 16]).unwrap();
        let markers = writers::markers(&["New Segment,,1,1,0,20240101120000000000", "Stimulus,S 1,2,1,0"]);
        std::fs::write(folder.join("a.vmrk"), markers).unwrap();
    }
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn one_line(path: &Path) -> Option<String> {
    let message = inspect(path).err()?.to_string();
    assert!(!message.contains('\n'), "{message}");
    assert!(message.contains(path.parent().unwrap().to_str().unwrap()), "no file in {message}");
    Some(message)
}

#[test]
fn every_sound_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in sound_files() {
        let found = inspect(&write_all(folder.path(), name, &bytes)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.n_times > Some(0), "{name}");
    }
}

/// Cut anywhere, a file is an error or, where the cut took nothing that matters, a value.
#[test]
fn files_that_end_early_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in sound_files() {
        let mut n_refused = 0;
        for end in 0..bytes.len() {
            n_refused += usize::from(one_line(&write_all(folder.path(), name, &bytes[..end])).is_some());
        }
        assert!(n_refused * 3 > bytes.len(), "{name}: {n_refused} of {}", bytes.len());
    }
}

#[test]
fn promises_that_no_file_could_keep_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], parts: &[&str]| {
        let message = one_line(&write_all(folder.path(), name, bytes)).unwrap_or_else(|| panic!("{name} was read"));
        parts.iter().for_each(|part| assert!(message.contains(part), "no {part:?} in {message}"));
    };
    let replaced = |bytes: &[u8], at: usize, with: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let edf = sound_edf();
    check("a.edf", &replaced(&edf, 236, b"99999999"), &["bytes, as the header says", "a.edf"]);
    check("a.edf", &replaced(&edf, 256 + 2 * 216, b"99999999"), &["bytes, as the header says"]);
    check("a.edf", &replaced(&edf, 244, b"nonsense"), &["duration of a data record", "nonsense"]);
    check("a.edf", &replaced(&edf, 244, b"1e-300  "), &["record duration of 0 s, or between", "found \"1e-300\""]);
    check("a.edf", &replaced(&edf, 244, b"-1      "), &["record duration of 0 s, or between", "found \"-1\""]);
    // Found by fuzzing: a line break in a name got into the message.
    let broken_name = replaced(&replaced(&edf, 256, b"F\nz"), 244, b"0       ");
    check("a.edf", &broken_name, &["duration above 0 s and samples for F z"]);
    let gdf = sound_gdf();
    check("a.gdf", &replaced(&gdf, 236, &1_000_000_000_000i64.to_le_bytes()), &["4000000000512 bytes"]);
    check("a.gdf", &replaced(&gdf, 248, &0u32.to_le_bytes()), &["record duration", "byte 244"]);
    check("a.gdf", &replaced(&gdf, gdf.len() - 20, &[3, 255, 255, 255]), &["bytes, as the header says"]);
    let text = String::from_utf8(sound_vhdr()).unwrap();
    let vhdr = |from: &str, to: &str| text.replace(from, to).into_bytes();
    check("a.vhdr", &vhdr("NumberOfChannels=2", "NumberOfChannels=1000000000000"), &["Ch3 under [Channel Infos]"]);
    check("a.vhdr", &vhdr("DataPoints=4", "DataPoints=1000000000000"), &["4000000000000 bytes", "a.eeg"]);
    check("a.vhdr", &vhdr("INT_16", "INT_12"), &["BinaryFormat", "INT_12"]);
    check("a.vhdr", &vhdr("0.5", "half"), &["resolution of Ch1", "half"]);
    check("a.vhdr", &vhdr("SamplingInterval=1000", "SamplingInterval=0"), &["SamplingInterval in microseconds"]);
    check("a.vhdr", &vhdr("VECTORIZED", "DIAGONAL"), &["MULTIPLEXED or VECTORIZED", "DIAGONAL"]);
    check("c.vhdr", &vhdr("a.eeg", "no.eeg"), &["no.eeg", "c.vhdr"]);
    let fif = sound_fif();
    let at = fif.len() - 16 - 2 * 20 - 8;
    check("a.fif", &replaced(&fif, at - 8, &i32::MAX.to_be_bytes()), &["bytes, as the header says"]);
    check("a.fif", &replaced(&fif, at - 4, &36i32.to_be_bytes()), &["comes back to itself"]);
    check("a.fif", &writers::fif::file(&[]), &["raw data", "2 channels"]);
    let promise = |name: &'static str, value: f64| {
        let mut fields = vec![("nbchan", 1.0), ("pnts", 3.0), ("srate", 2.0)];
        fields.iter_mut().filter(|field| field.0 == name).for_each(|field| field.1 = value);
        let mut variables: Vec<(&str, Value)> = fields.into_iter().map(|(name, v)| (name, scalar(v))).collect();
        variables.push(("data", Value::Singles(&[1, 3], vec![1.0, 2.0, 3.0])));
        writers::mat::file(&variables, false, true)
    };
    check("a.set", &promise("pnts", 1e11), &["100000000000 samples in EEG.data", "found 3"]);
    check("a.set", &promise("nbchan", 0.5), &["EEG.nbchan", "0.5"]);
    check("a.set", &promise("srate", 0.0), &["EEG.srate above 0 Hz"]);
    // A gigabyte in a compressed element of a few bytes.
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &[14, 0, 0, 0, 0, 0, 0, 0x40]).unwrap();
    let bomb = encoder.finish().unwrap();
    let head = sound_set(false)[..128].to_vec();
    let bomb = [&head[..], &15u32.to_le_bytes(), &(bomb.len() as u32).to_le_bytes(), &bomb].concat();
    check("a.set", &bomb, &["1073741824 bytes in a compressed element"]);
}

#[test]
fn malformed_files_of_the_shared_data_are_told() {
    let Some(malformed) = shared_data("formats/malformed") else {
        return;
    };
    let check = |file: &str, parts: &[&str]| {
        let message = one_line(&malformed.join(file)).unwrap_or_else(|| panic!("{file} was read"));
        parts.iter().for_each(|part| assert!(message.contains(part), "no {part:?} in {message}"));
    };
    // The file under the header's own name is there, but it is too short for one sample.
    check("brainvision/sub-01_task-test_eeg.vhdr", &["need 40 bytes", "found 14", "sub-01_task-test_eeg.eeg"]);
    check(
        "brainvision/test_old_layout_latin1_software_filter_longname.vhdr",
        &["test_old_layout_latin1_software_filter.eeg", "no such file"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Noise in a sound file of any format.
    #[test]
    fn noise_is_an_error_or_a_value(
        which in 0usize..7,
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..24),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (name, mut bytes) = sound_files().swap_remove(which);
        let at = at.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        let path = write_all(folder.path(), name, &bytes);
        one_line(&path);
        if name.ends_with("set") {
            let _ = MatFile::read(&path);
        }
    }
}
