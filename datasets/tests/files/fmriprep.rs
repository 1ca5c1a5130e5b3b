//! A folder as fMRIPrep leaves it, from volumes and confounds to clean series.

use std::f64::consts::PI;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use nullcline_datasets::bids::scans;
use nullcline_datasets::cleaning::confounds::{ConfoundTarget, DummyScans, SignalTerms};
use nullcline_datasets::readers::nifti::{ByteOrder, Datatype};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use nullcline_datasets::{CleaningPlan, Dataset, RecordingFile, RecordingFilter, prepare};

const N_TIMES: usize = 150;
const SIDE: usize = 6;
const N_VOXELS: usize = SIDE * SIDE * SIDE;
const STEM: &str = "sub-01_task-rest_space-MNI152NLin6Asym";

fn image(path: &Path, shape: &[usize], secs: Option<f64>, values: impl IntoIterator<Item = f64>) {
    let nifti = NiftiToWrite {
        version: 1,
        order: ByteOrder::Little,
        datatype: Datatype::Float32,
        shape,
        affine: [[3.0, 0.0, 0.0, -9.0], [0.0, 3.0, 0.0, -9.0], [0.0, 0.0, 3.0, -9.0]],
        space_code: 4,
        repetition_time_secs: secs,
        scaling: [0.0, 0.0],
        intent_code: 0,
        extensions: &[],
    };
    write(path, &nifti, values).unwrap();
}

/// Region 1 or 2 by the voxel's half, 3 in the last slab, which the mask leaves out.
fn region(v: usize) -> usize {
    match v / (SIDE * SIDE) {
        5 => 3,
        slab => 1 + slab / 3,
    }
}

fn is_spoilt(t: usize) -> bool {
    matches!(t, 0 | 1 | 40 | 41 | 90)
}

/// The head's movement: slow, and in regions 1 and 2 alike.
fn movement(t: usize) -> f64 {
    (t as f64 * 0.71).sin() + 0.3 * (t as f64 * 0.13).cos()
}

/// What region `r` does by itself: 0.02 and 0.035 Hz at a repetition time of 2 s.
fn rhythm(r: usize, t: usize) -> f64 {
    (2.0 * PI * [0.02, 0.035, 0.05][r - 1] * 2.0 * t as f64).sin()
}

struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        Self::with_spikes(5000.0)
    }

    /// `spike` is what spoilt volumes have too much.
    fn with_spikes(spike: f64) -> Self {
        let study = Self { folder: tempfile::tempdir().unwrap() };
        let func = study.func();
        fs::create_dir_all(&func).unwrap();
        fs::write(study.folder.path().join("participants.tsv"), "participant_id\tgroup\nsub-01\tpatient\n").unwrap();
        fs::write(func.join(format!("{STEM}_desc-preproc_bold.json")), r#"{"RepetitionTime": 2.0}"#).unwrap();
        let value = |t: usize, v: usize| {
            let spike = if is_spoilt(t) { spike } else { 0.0 };
            1000.0 + v as f64 + 10.0 * rhythm(region(v), t) + 40.0 * movement(t) + 0.5 * t as f64 + spike
        };
        let values = (0..N_TIMES).flat_map(|t| (0..N_VOXELS).map(move |v| value(t, v)));
        image(&study.bold(), &[SIDE, SIDE, SIDE, N_TIMES], Some(2.0), values);
        let inside = (0..N_VOXELS).map(|v| if region(v) == 3 { 0.0 } else { 1.0 });
        image(&func.join(format!("{STEM}_desc-brain_mask.nii.gz")), &[SIDE; 3], None, inside);
        image(&study.atlas(), &[SIDE; 3], None, (0..N_VOXELS).map(|v| region(v) as f64));
        fs::write(study.atlas().with_file_name("atlas.tsv"), "index\tname\n1\tcaudate\n2\tputamen\n3\tpons\n").unwrap();
        study.write_confounds();
        study
    }

    fn func(&self) -> PathBuf {
        self.folder.path().join("sub-01/func")
    }

    fn bold(&self) -> PathBuf {
        self.func().join(format!("{STEM}_desc-preproc_bold.nii.gz"))
    }

    fn atlas(&self) -> PathBuf {
        self.folder.path().join("atlas.nii.gz")
    }

    fn write_confounds(&self) {
        let mut text = "trans_x\ttrans_x_derivative1\tframewise_displacement\tnon_steady_state_outlier00\n".to_owned();
        for t in 0..N_TIMES {
            let (derivative, displacement) = match t {
                0 => ("n/a".to_owned(), "n/a".to_owned()),
                _ => ((movement(t) - movement(t - 1)).to_string(), if is_spoilt(t) { "2.5" } else { "0.1" }.to_owned()),
            };
            writeln!(text, "{}\t{derivative}\t{displacement}\t{}", movement(t), u8::from(t < 2)).unwrap();
        }
        fs::write(self.func().join("sub-01_task-rest_desc-confounds_timeseries.tsv"), text).unwrap();
    }

    fn recording(&self) -> RecordingFile {
        let dataset = Dataset::open(self.folder.path()).unwrap();
        let files = dataset.recordings_of(&dataset.subjects[0], &RecordingFilter::default()).unwrap();
        scans::suited(files, Some(&self.atlas())).remove(0)
    }

    fn plan(&self) -> CleaningPlan {
        let mut plan = CleaningPlan { standardise: false, ..CleaningPlan::default() };
        plan.bold.atlas = Some(self.atlas());
        plan.bold.band_hz = Some([0.01, 0.1]);
        let confounds = &mut plan.bold.confounds;
        (confounds.motion, confounds.tissue) = (SignalTerms::Off, SignalTerms::Off);
        confounds.columns = vec!["trans_x*".to_owned()];
        confounds.max_framewise_displacement_mm = Some(0.5);
        plan
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let centred = |x: &[f64]| x.iter().map(|value| value - x.iter().sum::<f64>() / n).collect::<Vec<f64>>();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (a, b) = (centred(a), centred(b));
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn volumes_confounds_and_filter_give_what_the_regions_did() {
    let study = Study::new();
    let cleaned = prepare(&study.recording(), 0.8, &study.plan()).unwrap();
    let recording = &cleaned.recording;
    let names: Vec<&str> = recording.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["caudate", "putamen"]);
    assert_eq!(recording.sample_rate.hz(), 0.5);
    assert!(cleaned.warnings.contains(&"pons (label 3) vanishes: nothing of it was measured".to_owned()));
    for r in [1, 2] {
        let samples: Vec<f64> = recording.channel(r - 1).map(f64::from).collect();
        for (t, value) in samples.iter().enumerate() {
            assert_eq!(value.is_nan(), is_spoilt(t), "volume {t}");
        }
        let kept: Vec<usize> = (0..N_TIMES).filter(|&t| !is_spoilt(t)).collect();
        let at_kept = |value: &dyn Fn(usize) -> f64| kept.iter().map(|&t| value(t)).collect::<Vec<f64>>();
        let cleaned = at_kept(&|t| samples[t]);
        // NumPy's lstsq of the same design: a sine has a share outside a band of cosines, which goes with the drift.
        let expected = [0.914_877_3, 0.967_406_9][r - 1];
        assert!((correlation(&cleaned, &at_kept(&|t| rhythm(r, t))) - expected).abs() < 1e-5);
        assert!(correlation(&cleaned, &at_kept(&movement)).abs() < 1e-4);
    }
    assert_eq!(cleaned.steps[0], "2 dummy scans are missing");
    assert_eq!(cleaned.steps[1], "3 volumes after a movement of more than 0.5 mm are missing");
    assert!(cleaned.steps[2].starts_with("Regressed from each region together: a straight line, frequencies outside"));
    assert_eq!(cleaned.steps[3], "Confounds: trans_x, trans_x_derivative1");
}

/// Neither through the regression nor through the filter, whatever was measured while the head moved.
#[test]
fn volumes_that_are_left_out_have_no_say_in_the_others() {
    let samples = |spike: f64| {
        let study = Study::with_spikes(spike);
        let mut plan = study.plan();
        plan.standardise = true;
        let recording = prepare(&study.recording(), 0.8, &plan).unwrap().recording;
        recording.samples.iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
    };
    let found = samples(5000.0);
    assert!(found == samples(-321.0) && found == samples(0.0));
}

/// Means over voxels and the regression commute, so averaging first is the same as regressing each voxel.
#[test]
fn without_confounds_nothing_is_regressed_and_nothing_missing() {
    let study = Study::new();
    let mut plan = study.plan();
    plan.bold.band_hz = None;
    plan.bold.detrend = false;
    plan.bold.confounds.apply_to = ConfoundTarget::Off;
    let cleaned = prepare(&study.recording(), 0.8, &plan).unwrap();
    assert!(cleaned.steps.is_empty(), "{:?}", cleaned.steps);
    let voxels = || (0..N_VOXELS).filter(|&v| region(v) == 1);
    let mean = voxels().map(|v| v as f64).sum::<f64>() / voxels().count() as f64;
    for (t, found) in cleaned.recording.channel(0).enumerate() {
        let spike = if is_spoilt(t) { 5000.0 } else { 0.0 };
        let expected = 1000.0 + mean + 10.0 * rhythm(1, t) + 40.0 * movement(t) + 0.5 * t as f64 + spike;
        assert!((f64::from(found) - expected).abs() < 1e-3, "{t}: {found} instead of {expected}");
    }
}

#[test]
fn what_is_missing_beside_a_scan_is_one_line() {
    let study = Study::new();
    let message = |plan: &CleaningPlan| {
        let message = prepare(&study.recording(), 0.8, plan).unwrap_err().to_string();
        assert!(!message.contains('\n') && message.contains("sub-01_task-rest"), "{message}");
        message
    };
    let mut plan = study.plan();
    plan.bold.atlas = None;
    assert!(message(&plan).contains("need an atlas (--atlas)"));
    let mut plan = study.plan();
    plan.bold.confounds.motion = SignalTerms::Full;
    assert!(message(&plan).contains("need a column trans_y, found none"));
    let mut plan = study.plan();
    plan.bold.band_hz = Some([0.01, 0.4]);
    assert!(message(&plan).contains("between 0 and 0.25 Hz"));
    let mut plan = study.plan();
    plan.bold.confounds.dummy_scans = DummyScans::First(148);
    plan.max_missing = 1.0;
    plan.min_secs = 0.0;
    assert!(message(&plan).contains("need more volumes than regressors"));
    fs::remove_file(study.func().join("sub-01_task-rest_desc-confounds_timeseries.tsv")).unwrap();
    assert!(message(&study.plan()).contains("need a desc-confounds_timeseries.tsv beside it"));
}
