//! What files and the tables beside them say of a recording: where it was joined, what is bad, and what does not agree.

use std::fs;
use std::path::PathBuf;

use nullcline_datasets::readers::{open_signals, read_series};
use nullcline_datasets::{Cleaned, CleaningPlan, RecordingFile, inspect, prepare};

use crate::eeg_writers::{self as writers, BrainVision, EdfSignal, annotation_record, mat::Value};
use crate::scratch::{Folder, annotations};

const RATE: usize = 50;
const SECS: usize = 30;

/// Thirty seconds of two electrodes as EDF+, with `remarks` (onset, duration, text).
fn edf(remarks: &[(f64, f64, &str)]) -> Vec<u8> {
    let value = |i: usize, t: usize| (100.0 * ((0.3 + i as f64) * t as f64).sin()) as i16;
    let channel = |i: usize, label| EdfSignal {
        label,
        unit: "uV",
        samples_per_record: RATE,
        records: (0..SECS).map(|s| (0..RATE).map(|t| value(i, s * RATE + t)).collect()).collect(),
    };
    let remarks: String =
        remarks.iter().map(|(onset, secs, text)| format!("+{onset}\u{15}{secs}\u{14}{text}\u{14}\0")).collect();
    let record = |s: usize| {
        let said = if s == 0 { remarks.as_str() } else { "" };
        annotation_record(&format!("+{s}\u{14}\u{14}\0{said}"), 100)
    };
    let said = EdfSignal {
        label: "EDF Annotations",
        unit: "",
        samples_per_record: 100,
        records: (0..SECS).map(record).collect(),
    };
    writers::edf("EDF+C", "1", &[channel(0, "Fz"), channel(1, "Cz"), said])
}

struct Bench(tempfile::TempDir);

impl Bench {
    fn new(remarks: &[(f64, f64, &str)]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.file("eeg.edf", edf(remarks));
        bench
    }

    fn file(&self, ending: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let folder = self.0.path().join("sub-01/eeg");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("sub-01_task-rest_{ending}"));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn prepared(&self, edit: impl Fn(&mut CleaningPlan)) -> Result<Cleaned, String> {
        let file = RecordingFile::from_path(self.0.path().join("sub-01/eeg/sub-01_task-rest_eeg.edf")).unwrap();
        let mut plan = CleaningPlan { min_secs: 10.0, ..CleaningPlan::default() };
        plan.eeg.band_hz = None;
        edit(&mut plan);
        prepare(&file, 0.7, &plan).map_err(|error| error.to_string())
    }
}

fn run_lengths(cleaned: &Cleaned) -> Vec<usize> {
    cleaned.recording.runs.iter().map(|run| run.samples.len()).collect()
}

/// Samples keep their number and their times: only the two sides are no neighbours any more.
#[test]
fn joins_end_a_run() {
    for text in ["EDGE boundary", "BAD boundary"] {
        let bench = Bench::new(&[(12.5, 0.0, text), (20.0, 0.0, "go")]);
        let cleaned = bench.prepared(|_| {}).unwrap();
        assert_eq!(run_lengths(&cleaned), [625, 875], "{text}");
        assert_eq!(cleaned.recording.runs.iter().nth(1).unwrap().start_secs, 12.5);
        assert_eq!(cleaned.recording.n_missing(), 0);
        assert!(cleaned.warnings[0].contains("joined at 12.500 s"), "{:?}", cleaned.warnings);
    }
    assert_eq!(run_lengths(&Bench::new(&[(12.5, 0.0, "go")]).prepared(|_| {}).unwrap()), [1500]);
}

#[test]
fn bad_stretches_are_missing_unless_they_are_wanted() {
    let remarks = [(2.0, 1.0, "BAD_muscle"), (2.5, 1.5, "bad blink"), (9.0, 0.5, "good"), (15.0, 2.0, "BAD_ACQ_SKIP")];
    let bench = Bench::new(&remarks);
    let cleaned = bench.prepared(|_| {}).unwrap();
    let is_missing =
        |t: usize| cleaned.recording.samples[2 * t].is_nan() && cleaned.recording.samples[2 * t + 1].is_nan();
    let missing: Vec<usize> = (0..SECS * RATE).filter(|&t| is_missing(t)).collect();
    assert_eq!(missing, (100..200).chain(750..850).collect::<Vec<_>>());
    let said = |text: &str| cleaned.steps.iter().any(|step| step == text);
    assert!(said("2.000 s not recorded are missing: BAD_ACQ_SKIP"), "{:?}", cleaned.steps);
    assert!(said("2.000 s marked bad are missing: BAD_muscle, bad blink"), "{:?}", cleaned.steps);
    let kept = bench.prepared(|plan| plan.eeg.keep_bad_stretches = true).unwrap();
    assert_eq!(kept.recording.n_missing(), 200);
    assert!(kept.steps.contains(&"Kept although marked bad: BAD_muscle, bad blink".to_owned()), "{:?}", kept.steps);

    let message = bench.prepared(|plan| plan.min_secs = 27.0).unwrap_err();
    assert!(message.contains("need 27 s of signal, found 26.000 s"), "{message}");
    let found = inspect(&bench.0.path().join("sub-01/eeg/sub-01_task-rest_eeg.edf")).unwrap();
    assert!(
        found.warnings.iter().any(|w| w.contains("3 of the annotations mark 4.000 s as bad")),
        "{:?}",
        found.warnings
    );
    assert_eq!((found.all_annotations[1].onset_s, found.all_annotations[1].text.as_str()), (2.5, "bad blink"));
}

/// Tables beside the recording: bad stretches are no inputs, and whatever does not fit is told.
#[test]
fn tables_that_do_not_fit_are_told() {
    let bench = Bench::new(&[]);
    bench.file("events.tsv", "onset\tduration\ttrial_type\n1\t1\tgo\n4\t2\tBAD_x\nn/a\t1\tgo\n7\t1\tn/a\n40\t1\tgo\n");
    bench.file("channels.tsv", "name\ttype\nFz\tEEG\nPz\tEEG\n");
    bench.file("eeg.json", r#"{"SamplingFrequency": 500, "PowerLineFrequency": 50}"#);
    let cleaned = bench.prepared(|_| {}).unwrap();
    assert_eq!(cleaned.recording.inputs.names, ["go"]);
    assert_eq!(cleaned.recording.n_missing(), 200);
    let all = cleaned.warnings.join("\n");
    for part in [
        "1 row of sub-01_task-rest_events.tsv without an onset left out.",
        "1 row of sub-01_task-rest_events.tsv without a trial_type left out.",
        "1 of 2 rows of the events table lie outside the recording.",
        "1 of 2 channels of channels.tsv are not in the recording: Pz.",
        "SamplingFrequency is 500 Hz in the sidecar and 50 Hz in the file; the file's counts.",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    bench.file("events.tsv", "onset\tduration\ttrial_type\n0\t30\tgo\n");
    let cleaned = bench.prepared(|_| {}).unwrap();
    assert!(cleaned.warnings.iter().any(|w| w.contains("input go is 1 at every sample")), "{:?}", cleaned.warnings);
}

/// The codes of BioSemi's status channel are annotations.
#[test]
fn triggers_of_biosemi_are_annotations() {
    let folder = Folder::new();
    let codes: [[i16; 4]; 2] = [[0, 0, 5, 5], [0, 9, 9, 5]];
    let signal = |label, unit, records: Vec<Vec<i16>>| EdfSignal { label, unit, samples_per_record: 4, records };
    let records = || codes.iter().map(|record| record.to_vec()).collect::<Vec<_>>();
    let bytes = writers::edf("24BIT", "1", &[signal("Fz", "uV", records()), signal("Status", "", records())]);
    // As BDF: each sample has a third byte.
    let header = 256 * 3;
    let mut bdf = bytes[..header].to_vec();
    bdf[..8].copy_from_slice(b"\xFFBIOSEMI");
    bytes[header..].as_chunks::<2>().0.iter().for_each(|&[low, high]| bdf.extend([low, high, 0]));
    let file = open_signals(&folder.file("a.bdf", bdf)).unwrap();
    assert_eq!(annotations(&file), [(0.5, 0.0, "5"), (1.25, 0.0, "9")]);
    assert!(open_signals(&folder.file("a.edf", bytes)).unwrap().annotations.is_empty());
}

/// Segments put end to end are no neighbours, also where no marker says so.
#[test]
fn segments_of_brainvision_are_stretches() {
    let folder = Folder::new();
    let header = |extra: &str| {
        let channels = &["Fz,,1,µV"];
        let interval = 500_000;
        BrainVision {
            channels,
            sampling_interval_micros: interval,
            format: "INT_16",
            orientation: "MULTIPLEXED",
            extra,
        }
        .header("a")
    };
    folder.file("a.eeg", [0; 12]);
    folder.file("a.vmrk", writers::markers(&["Stimulus,S 1,4,1,0"]));
    let check = |extra: &str, intervals: &[[f64; 2]], onset_secs: f64| {
        let file = open_signals(&folder.file("a.vhdr", header(&format!("[Common Infos]\n{extra}")))).unwrap();
        assert_eq!(file.recorded.intervals_secs(), intervals, "{extra}");
        assert_eq!(annotations(&file), [(onset_secs, 0.5, "Stimulus/S 1")], "{extra}");
    };
    check("SegmentDataPoints=2", &[[0.0, 3.0]], 1.5);
    check("SegmentationType=NOTSEGMENTED\nSegmentDataPoints=2", &[[0.0, 3.0]], 1.5);
    check("SegmentationType=MARKERBASED\nSegmentDataPoints=2", &[[0.0, 1.0], [1.5, 2.5], [3.0, 4.0]], 2.0);
}

#[test]
fn eeglab_says_what_channels_measure() {
    let scalar = |value: f64| Value::Doubles(&[1, 1], vec![value]);
    let channels = [("Fz", "EEG"), ("LO1", "EOG"), ("X1", "MISC"), ("Cz", "")];
    let channels = channels.map(|(name, kind)| vec![Value::Text(name), Value::Text(kind)]).to_vec();
    let fields = [
        ("nbchan", scalar(4.0)),
        ("pnts", scalar(2.0)),
        ("srate", scalar(2.0)),
        ("data", Value::Singles(&[4, 2], vec![0.0; 8])),
        ("chanlocs", Value::Struct(&["labels", "type"], channels)),
    ];
    let folder = Folder::new();
    let file = open_signals(&folder.file("a.set", writers::mat::file(&fields, false, false))).unwrap();
    let kinds: Vec<Option<&str>> = file.channels.iter().map(|channel| channel.kind.map(|kind| kind.name())).collect();
    assert_eq!(kinds, [Some("EEG"), Some("EOG"), Some("MISC"), None]);
}

/// A link whose file was left behind is no reason to refuse the array that is there.
#[test]
fn links_that_lead_nowhere_are_left_out() {
    let folder = Folder::new();
    let path = folder.0.path().join("a.h5");
    {
        let file = hdf5::File::create(&path).unwrap();
        file.new_dataset_builder().with_data(&[1.0, 2.0]).create("x").unwrap();
        file.link_soft("/nowhere", "gone").unwrap();
    }
    let series = read_series(&path).unwrap();
    assert_eq!(
        (series.values, series.warnings),
        (vec![1.0, 2.0], vec!["gone leads nowhere and was left out.".to_owned()])
    );
    let message = read_series(path.with_file_name("a.h5:/gone")).unwrap_err().to_string();
    assert!(message.contains("need a dataset /gone"), "{message}");
}

/// An array that is not there: which ones are.
#[test]
fn arrays_of_a_mat_file_are_listed() {
    let folder = Folder::new();
    let variables = [("X", Value::Doubles(&[2, 1], vec![1.0, 2.0])), ("Z", Value::Doubles(&[1, 1], vec![0.0]))];
    let path = folder.file("a.mat", writers::mat::file(&variables, false, false));
    let inside = |name: &str| read_series(path.with_file_name(format!("a.mat:{name}")));
    assert_eq!(inside("/X").unwrap().values, [1.0, 2.0]);
    let message = inside("/Y").unwrap_err().to_string();
    assert!(message.starts_with("need an array Y, found X, Z in "), "{message}");
}
