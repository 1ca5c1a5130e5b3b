//! Scans as fMRIPrep leaves them: volumes, masks and confounds, with an atlas from the command line.

use std::fmt::Write as _;
use std::path::Path;

use nullcline_datasets::readers::nifti::{ByteOrder, Datatype};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use nullcline_tests::{Files, Lab, TINY};

const SUBJECTS: [(&str, &str); 2] = [("sub-c1", "control"), ("sub-p1", "patient")];
const PARTICIPANTS: &str = "run study out participant --config fmri.toml --refits 1";
const N_TIMES: usize = 160;
const SIDE: usize = 4;
const TR_SECS: f64 = 2.0;
/// Voxels of the atlas: a slab each for the regions 1 to 3, and 4 for what no mask has.
const SLAB: usize = SIDE * SIDE;

#[test]
fn volumes_with_an_atlas_become_models_of_regions() {
    let lab = study();
    let line = format!("{PARTICIPANTS} --atlas atlas.nii.gz");
    lab.nullcline(&line).succeeds().says(&["2 of 2 subjects worked on"]);
    for (subject, _) in SUBJECTS {
        let name = format!("{subject}_task-rest_space-MNI152NLin2009cAsym_res-2");
        let summary = lab.json(&format!("out/{subject}/func/{name}_desc-ingest_summary.json"));
        assert_eq!(summary["channels_kept"], serde_json::json!(["caudate", "putamen", "thalamus"]));
        assert_eq!((&summary["n_times"], &summary["sampling_rate_hz"]), (&N_TIMES.into(), &0.5.into()));
        let said = |field: &str, words: &str| {
            let lines = summary[field].as_array().unwrap();
            assert!(lines.iter().any(|line| line.as_str().unwrap().contains(words)), "no {words:?} in {summary:#}");
        };
        for file in
            ["desc-preproc_bold.nii.gz", "desc-brain_mask.nii.gz", "desc-confounds_timeseries.tsv", "atlas.nii.gz"]
        {
            said("files", file);
        }
        said("warnings", "pons (label 4) vanishes");
        said("steps", "2 dummy scans are missing");
        said("steps", "3 volumes after a movement of more than 0.5 mm are missing");
        said("steps", "Regressed from each region together");
        said("steps", "Confounds: trans_x");
        said("steps", "15 of 480 samples missing");
        let page = lab.read(&format!("out/{subject}/{subject}_report.html"));
        assert!(page.contains("pons (label 4) vanishes") && page.contains("putamen"));
    }
    lab.nullcline(&line).succeeds().says(&["nothing to do"]);
}

#[test]
fn another_atlas_is_another_recording() {
    let lab = study();
    lab.nullcline(&format!("{PARTICIPANTS} --atlas atlas.nii.gz")).succeeds();
    let before = Files::in_folder(&lab.path("out")).only("desc-clean_");
    write_atlas(&lab, |slab| 1 + slab % 2);
    lab.nullcline(&format!("{PARTICIPANTS} --atlas atlas.nii.gz")).succeeds().says(&["2 of 2 subjects worked on"]);
    let after = Files::in_folder(&lab.path("out")).only("desc-clean_");
    assert_eq!(after.different_from(&before).len(), 2);
}

#[test]
fn scans_need_an_atlas_that_lies_on_them() {
    let lab = study();
    lab.nullcline(PARTICIPANTS).exits(1).says(&["need an atlas (--atlas)", "desc-preproc_bold.nii.gz"]);
    lab.nullcline(&format!("{PARTICIPANTS} --atlas absent.nii.gz")).exits(1).says(&["absent.nii.gz"]);
    let values = (0..SLAB * SIDE).map(|_| 1.0);
    image(&lab.path("far.nii.gz"), &[SIDE; 3], 500.0, None, values);
    lab.nullcline(&format!("{PARTICIPANTS} --atlas far.nii.gz")).exits(1).says(&["overlaps", "far.nii.gz"]);
}

/// Two subjects of a derivative, each with a scan in the standard space beside one in its own, which no atlas fits.
fn study() -> Lab {
    let lab = Lab::new();
    let cleaning = "[cleaning.bold]\nband_hz = [0.01, 0.1]\n[cleaning.bold.confounds]\nmotion = \"off\"\ntissue = \
                    \"off\"\ncolumns = [\"trans_x\"]\nmax_framewise_displacement_mm = 0.5\n";
    lab.write("fmri.toml", format!("{TINY}{cleaning}[recordings.entities]\nspace = \"MNI152NLin2009cAsym\"\n"));
    let about = r#"{"Name": "fMRIPrep", "BIDSVersion": "1.4.0", "DatasetType": "derivative"}"#;
    lab.write("study/dataset_description.json", about);
    let rows = SUBJECTS.map(|(subject, group)| format!("{subject}\t{group}\n"));
    lab.write("study/participants.tsv", format!("participant_id\tgroup\n{}", rows.concat()));
    // fMRIPrep leaves reports and logs beside the subjects.
    lab.write("study/sub-c1.html", "<html></html>");
    lab.write("study/logs/CITATION.md", "");
    for (i, (subject, _)) in SUBJECTS.iter().enumerate() {
        write_subject(&lab, subject, i);
    }
    write_atlas(&lab, |slab| 1 + slab);
    lab.write("atlas.tsv", "index\tname\n1\tcaudate\n2\tputamen\n3\tthalamus\n4\tpons\n");
    lab
}

fn write_subject(lab: &Lab, subject: &str, i: usize) {
    let func = format!("study/{subject}/func/{subject}_task-rest");
    let standard = format!("{func}_space-MNI152NLin2009cAsym_res-2");
    lab.write(&format!("{standard}_desc-preproc_bold.json"), format!(r#"{{"RepetitionTime": {TR_SECS}}}"#));
    let movement = |t: usize| (t as f64 * 0.71).sin();
    let rhythm =
        |slab: usize, t: usize| (std::f64::consts::TAU * [0.02, 0.031, 0.05, 0.08][slab] * TR_SECS * t as f64).sin();
    let value = |t: usize, v: usize| {
        let noise = (((t * 7919 + v * 104_729 + i * 31) % 1009) as f64 / 1009.0 - 0.5) * 4.0;
        1000.0 + v as f64 + 10.0 * rhythm(v / SLAB, t) + 20.0 * movement(t) + noise
    };
    let values = (0..N_TIMES).flat_map(|t| (0..SLAB * SIDE).map(move |v| (t, v))).map(|(t, v)| value(t, v));
    let scan = lab.path(&format!("{standard}_desc-preproc_bold.nii.gz"));
    image(&scan, &[SIDE, SIDE, SIDE, N_TIMES], 0.0, Some(TR_SECS), values);
    std::fs::copy(&scan, lab.path(&format!("{func}_desc-preproc_bold.nii.gz"))).unwrap();
    let inside = (0..SLAB * SIDE).map(|v| if v / SLAB == 3 { 0.0 } else { 1.0 });
    image(&lab.path(&format!("{standard}_desc-brain_mask.nii.gz")), &[SIDE; 3], 0.0, None, inside);
    let mut confounds =
        "trans_x\tframewise_displacement\tnon_steady_state_outlier00\tnon_steady_state_outlier01\n".to_owned();
    for t in 0..N_TIMES {
        let displacement = match t {
            0 => "n/a",
            50 | 51 | 90 => "2.5",
            _ => "0.1",
        };
        writeln!(confounds, "{}\t{displacement}\t{}\t{}", movement(t), u8::from(t == 0), u8::from(t == 1)).unwrap();
    }
    lab.write(&format!("{func}_desc-confounds_timeseries.tsv"), confounds);
}

fn write_atlas(lab: &Lab, label: impl Fn(usize) -> usize) {
    let labels = (0..SLAB * SIDE).map(|v| label(v / SLAB) as f64);
    image(&lab.path("atlas.nii.gz"), &[SIDE; 3], 0.0, None, labels);
}

fn image(path: &Path, shape: &[usize], away_mm: f64, secs: Option<f64>, values: impl IntoIterator<Item = f64>) {
    let nifti = NiftiToWrite {
        version: 1,
        order: ByteOrder::Little,
        datatype: Datatype::Float32,
        shape,
        affine: [[2.0, 0.0, 0.0, away_mm], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]],
        space_code: 4,
        repetition_time_secs: secs,
        scaling: [0.0, 0.0],
        intent_code: 0,
        extensions: &[],
    };
    write(path, &nifti, values).unwrap();
}
