//! EDF and GDF made here, for what no shared file has: gaps, several rates, every sample type.

use nullcline_datasets::readers::open_signals;

use crate::eeg_writers::{self as writers, EdfSignal, annotation_record};
use crate::scratch::{Folder, annotations, assert_values};

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
    assert_eq!(file.warnings, ["The recording was interrupted once."]);
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
        let [micro, milli] = [1e-6, 1e-3].map(|unit| [1.0, -2.0, 3.0, -4.0].map(|value| value * unit));
        assert_values(&file, &[&micro[..], &milli, &micro, &milli, &micro, &milli, &micro]);
        assert!(file.channels.iter().all(|channel| channel.unit == "V" && channel.sample_rate.hz() == 2.0));
        // The event table counts at 8 Hz, from 1.
        assert_eq!(annotations(&file), [(0.0, 0.0, "32766"), (1.0, 0.5, "769")]);
        assert!(file.warnings.is_empty(), "{:?}", file.warnings);

        let unknown = writers::gdf(is_v2, &channels, -1, &[]);
        let file = open_signals(&folder.file("a.gdf", &unknown)).unwrap();
        assert_eq!(file.channels[0].n_samples, 4);
        assert!(file.warnings[0].contains("the file holds 2"));
    }
    // From version 2.21 on the duration of a record is one number.
    let mut bytes = writers::gdf(true, &channels, 2, &[]);
    bytes[..8].copy_from_slice(b"GDF 2.51");
    bytes[244..252].copy_from_slice(&0.25f64.to_le_bytes());
    let file = open_signals(&folder.file("a.gdf", &bytes)).unwrap();
    assert_eq!(file.channels[1].sample_rate.hz(), 8.0);
}
