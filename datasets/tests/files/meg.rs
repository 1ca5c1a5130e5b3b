//! MEG: what the channels of a FIF file measure, and what becomes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nullcline_datasets::readers::open_signals;
use nullcline_datasets::{ChannelKind, CleaningPlan, Dataset, Modality, Recording, RecordingFilter, inspect, prepare};

use crate::eeg_writers::fif::{Channel, ELECTRODE, PLANAR, file_of, int, shorts, tag};
use crate::shared_data::shared_data;

const MAGNETOMETER: Channel = Channel { name: "MEG 0111", coil: 3022, unit: 112, ..PLANAR };
const TRIGGER: Channel = Channel { name: "STI 014", kind: 3, coil: 0, ..ELECTRODE };
const RATE_HZ: f32 = 100.0;

/// 30 s of noise in `channels`.
fn noise(channels: &[Channel]) -> Vec<u8> {
    let mut state = 7u64;
    let samples = (0..3000 * channels.len()).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 48) as i16 / 8
    });
    file_of(channels, RATE_HZ, &[shorts(&samples.collect::<Vec<i16>>())])
}

#[test]
fn kinds_and_units_are_those_of_the_record() {
    let cases = [
        (PLANAR, "MEGGRADPLANAR", "T/m"),
        (MAGNETOMETER, "MEGMAG", "T"),
        // CTF gives the field in one of the two coils.
        (Channel { coil: 5001, ..MAGNETOMETER }, "MEGGRADAXIAL", "T"),
        (Channel { kind: 301, coil: 5002, ..MAGNETOMETER }, "MEGREFMAG", "T"),
        (Channel { kind: 301, coil: 5003, ..MAGNETOMETER }, "MEGREFGRADAXIAL", "T"),
        (ELECTRODE, "EEG", "V"),
        (Channel { kind: 902, ..ELECTRODE }, "ECOG", "V"),
        (Channel { kind: 202, ..ELECTRODE }, "EOG", "V"),
        (Channel { kind: 302, ..ELECTRODE }, "EMG", "V"),
        (Channel { kind: 402, ..ELECTRODE }, "ECG", "V"),
        (TRIGGER, "TRIG", "V"),
        (Channel { kind: 201, ..MAGNETOMETER }, "MISC", "T"),
        (Channel { kind: 502, ..ELECTRODE }, "MISC", "V"),
        (Channel { kind: -7, unit: -1, ..ELECTRODE }, "MISC", "a.u."),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a_raw.fif");
    let channels = cases.map(|(channel, ..)| channel);
    fs::write(&path, file_of(&channels, RATE_HZ, &[shorts(&[1; 14])])).unwrap();
    let found = inspect(&path).unwrap();
    for (found, (_, kind, unit)) in found.channels.iter().zip(cases) {
        assert_eq!((found.kind.map(ChannelKind::name), found.unit.as_str()), (Some(kind), unit));
    }
    assert!(serde_json::to_string(&found).unwrap().contains(r#""kind":"MEGGRADPLANAR","unit":"T/m""#));
}

/// One file in volts, one in microvolts, of the same potentials.
#[test]
fn the_power_of_ten_of_a_unit_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, channel: Channel| {
        let path = folder.path().join(name);
        fs::write(&path, file_of(&[channel], RATE_HZ, &[shorts(&[3, -5])])).unwrap();
        open_signals(&path).unwrap().values().unwrap().remove(0)
    };
    let volts = read("a.fif", ELECTRODE);
    let microvolts = read("b.fif", Channel { power_of_ten: -6, cal: 1.0, ..ELECTRODE });
    let differ = volts.iter().zip(&microvolts).any(|(a, b)| (a / b - 1.0).abs() > 1e-6);
    assert!(!differ && (volts[0] - 3e-6).abs() < 1e-12, "{volts:?} {microvolts:?}");
    // A number that is no power of ten of any unit changes nothing.
    assert_eq!(read("c.fif", Channel { power_of_ten: i32::MAX, ..ELECTRODE }), volts);
}

/// The one recording of a dataset of one subject, cleaned.
fn cleaned(root: &Path, plan: &CleaningPlan) -> Result<nullcline_datasets::Cleaned, String> {
    let dataset = Dataset::open(root).unwrap();
    let mut files = dataset.recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    let file = files.remove(0);
    assert_eq!(file.modality, Modality::Meg);
    prepare(&file, 0.75, plan).map_err(|error| error.to_string())
}

fn dataset_with(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("sub-1/meg")).unwrap();
    fs::write(root.path().join("participants.tsv"), "participant_id\nsub-1\n").unwrap();
    fs::write(root.path().join("sub-1/meg").join(name), bytes).unwrap();
    root
}

#[test]
fn a_cohort_of_meg_is_modelled_on_one_kind_of_sensor_without_a_reference() {
    let planar = ["MEG 0112", "MEG 0113", "MEG 0122"].map(|name| Channel { name, ..PLANAR });
    let electrodes = ["EEG 001", "EEG 002"].map(|name| Channel { name, ..ELECTRODE });
    let blink = Channel { name: "EEG 061", kind: 202, ..ELECTRODE };
    let channels = [planar.as_slice(), &[MAGNETOMETER], &electrodes, &[blink, TRIGGER]].concat();
    let root = dataset_with("sub-1_task-rest_meg.fif", &noise(&channels));
    let plan = CleaningPlan { standardise: false, ..CleaningPlan::default() };
    let found = cleaned(root.path(), &plan).unwrap();
    let excluded: BTreeMap<&str, &str> =
        found.excluded_channels.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
    let expected = [
        ("MEG 0111", "in T, most channels in T/m"),
        ("EEG 001", "measures EEG, in a recording of MEG"),
        ("EEG 002", "measures EEG, in a recording of MEG"),
        ("EEG 061", "measures EOG, not the brain"),
        ("STI 014", "measures TRIG, not the brain"),
    ];
    assert_eq!(excluded, BTreeMap::from(expected));
    let Recording { modality, channels, samples, .. } = &found.recording;
    assert_eq!((*modality, channels.len()), (Modality::Meg, 3));
    assert!(found.steps.contains(&"No average reference: MEG has no reference".to_owned()), "{:?}", found.steps);
    // An average reference would make the sensors sum to zero at every sample.
    let sums: f64 = samples.chunks(3).map(|at_once| f64::from(at_once.iter().sum::<f32>()).abs()).sum();
    let sizes: f64 = samples.iter().map(|&value| f64::from(value).abs()).sum();
    assert!(sums > 0.1 * sizes, "{sums} {sizes}");
    assert!(found.simple["log_sd"] < -20.0 && found.simple["alpha_power"] > 0.0, "{:?}", found.simple);

    let mut referenced = plan;
    referenced.eeg.reference_channels = vec!["MEG 0112".into()];
    let message = cleaned(root.path(), &referenced).unwrap_err();
    assert!(message.starts_with("need EEG for eeg.reference_channels, found MEG"), "{message}");

    // The lab's own table says which sensors are bad, in the words of BIDS.
    let table = "name\ttype\tunits\tstatus\nMEG 0112\tMEGGRADPLANAR\tT/m\tbad\nMEG 0113\tMEGGRADPLANAR\tT/m\tgood\n";
    fs::write(root.path().join("sub-1/meg/sub-1_task-rest_channels.tsv"), table).unwrap();
    let found = cleaned(root.path(), &CleaningPlan::default()).unwrap();
    assert_eq!(found.recording.channels.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["MEG 0113", "MEG 0122"]);
}

/// What the file marks is left out with its reason, unless the table or the plan says otherwise; then a step tells it.
#[test]
fn channels_marked_bad_in_the_file_are_left_out_unless_kept() {
    let channels = ["MEG 0112", "MEG 0113", "MEG 0122", "MEG 0123"].map(|name| Channel { name, ..PLANAR });
    let mut bytes = noise(&channels);
    bytes.truncate(bytes.len() - 36);
    for tag in [int(104, 359), tag(3507, 10, b"MEG 0113:MEG 0123"), int(105, 359), int(105, 100)] {
        bytes.extend(tag);
    }
    let root = dataset_with("sub-1_task-rest_meg.fif", &bytes);
    let check = |plan: &CleaningPlan, left_out: &[&str], steps: &[&str]| {
        let found = cleaned(root.path(), plan).unwrap();
        let expected: Vec<(String, String)> =
            left_out.iter().map(|name| (name.to_string(), "marked bad in the file".to_owned())).collect();
        assert_eq!(found.excluded_channels, expected);
        assert_eq!(found.recording.channels.len(), channels.len() - left_out.len());
        let told: Vec<&str> = found.steps.iter().map(String::as_str).filter(|step| step.contains("bad")).collect();
        assert_eq!(told, steps);
    };
    check(&CleaningPlan::default(), &["MEG 0113", "MEG 0123"], &[]);

    let mut keeping = CleaningPlan::default();
    keeping.eeg.keep_channels = vec!["MEG 0113".into()];
    check(&keeping, &["MEG 0123"], &["Kept although marked bad: MEG 0113"]);

    let table = "name\ttype\tunits\tstatus\nMEG 0113\tMEGGRADPLANAR\tT/m\tn/a\nMEG 0123\tMEGGRADPLANAR\tT/m\tgood\n";
    fs::write(root.path().join("sub-1/meg/sub-1_task-rest_channels.tsv"), table).unwrap();
    check(&CleaningPlan::default(), &["MEG 0113"], &[]);
}

#[test]
fn split_recordings_and_cross_talk_are_one_recording() {
    let channels = [PLANAR, Channel { name: "MEG 0112", ..PLANAR }];
    let root = dataset_with("sub-1_task-rest_split-01_meg.fif", &noise(&channels));
    let beside = |name: &str| fs::write(root.path().join("sub-1/meg").join(name), noise(&channels)).unwrap();
    beside("sub-1_task-rest_split-02_meg.fif");
    beside("sub-1_task-rest_split-03_meg.fif");
    beside("sub-1_acq-crosstalk_meg.fif");
    let dataset = Dataset::open(root.path()).unwrap();
    let files = dataset.recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
    let names = |file: &nullcline_datasets::RecordingFile| {
        let names = file.data_files().into_iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        files.iter().map(names).collect::<Vec<_>>(),
        [["sub-1_task-rest_split-01_meg.fif", "sub-1_task-rest_split-02_meg.fif", "sub-1_task-rest_split-03_meg.fif"]]
    );
}

/// What MNE calls each channel of the shared files, counted; `mne.io.read_raw_fif(…).get_channel_types()` of MNE 1.13.2.
#[test]
fn shared_files_have_the_kinds_that_mne_gives_them() {
    let Some(folder) = shared_data("formats/fif") else {
        return;
    };
    type Counts<'a> = &'a [(&'a str, usize)];
    let cases: [(&str, Modality, Counts); 5] = [
        ("bv_dig_raw.fif", Modality::Eeg, &[("EEG", 67)]),
        ("neuromag122_test_file-raw.fif", Modality::Meg, &[("MEGGRADPLANAR", 122), ("TRIG", 7)]),
        ("sample_invalid_birthday_raw.fif", Modality::Eeg, &[("EEG", 1)]),
        ("test_elekta_3ch_raw.fif", Modality::Meg, &[("MEGGRADPLANAR", 2), ("MEGMAG", 1), ("TRIG", 1)]),
        (
            "test_move_anon_erm_raw.fif",
            Modality::Meg,
            &[("ECG", 1), ("EEG", 60), ("EOG", 2), ("MEGGRADPLANAR", 204), ("MEGMAG", 102), ("MISC", 12), ("TRIG", 11)],
        ),
    ];
    for (name, modality, expected) in cases {
        let file = open_signals(&folder.join(name)).unwrap();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for channel in &file.channels {
            *counts.entry(channel.kind.map_or("none", ChannelKind::name)).or_default() += 1;
        }
        assert_eq!((file.modality(), counts), (modality, expected.iter().copied().collect()), "{name}");
    }
}
