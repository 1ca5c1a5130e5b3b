//! Scans and atlases that are small enough to average by hand.

use std::fs;
use std::path::{Path, PathBuf};

use nullcline_datasets::readers::nifti::{ByteOrder, Datatype};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use nullcline_datasets::volumes::{Atlas, RoiSeries, roi_series};

const TWO_MM: [[f64; 4]; 3] = [[2.0, 0.0, 0.0, -3.0], [0.0, 2.0, 0.0, -3.0], [0.0, 0.0, 2.0, -3.0]];

fn write_image(path: &Path, shape: &[usize], affine: [[f64; 4]; 3], values: &[f64]) {
    let nifti = NiftiToWrite {
        version: 1,
        order: ByteOrder::Little,
        datatype: Datatype::Float32,
        shape,
        affine,
        space_code: 1,
        repetition_time_secs: (shape.len() == 4).then_some(1.5),
        scaling: [0.0, 0.0],
        intent_code: 0,
        extensions: &[],
    };
    write(path, &nifti, values.iter().copied()).unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn image(&self, name: &str, shape: &[usize], affine: [[f64; 4]; 3], values: &[f64]) -> PathBuf {
        let path = self.folder.path().join(name);
        write_image(&path, shape, affine, values);
        path
    }

    /// A scan of 4 × 4 × 4 voxels: voxel `v` has `100 + v + 10 t`, edited.
    fn scan(&self, n_times: usize, edit: impl Fn(usize, usize, f64) -> f64) -> PathBuf {
        let value = |t: usize, v: usize| edit(t, v, 100.0 + v as f64 + 10.0 * t as f64);
        let values: Vec<f64> =
            (0..n_times).flat_map(|t| (0..64).map(move |v| (t, v))).map(|(t, v)| value(t, v)).collect();
        self.image("scan.nii.gz", &[4, 4, 4, n_times], TWO_MM, &values)
    }

    /// On the grid of the scan: `labels` at the first voxels, 0 elsewhere.
    fn atlas(&self, labels: &[f64]) -> Atlas {
        let mut values = labels.to_vec();
        values.resize(64, 0.0);
        Atlas::read(&self.image("atlas.nii.gz", &[4, 4, 4], TWO_MM, &values)).unwrap()
    }
}

fn summary(series: &RoiSeries) -> Vec<(i64, usize, f64)> {
    series.regions.iter().map(|region| (region.label, region.n_used, region.coverage)).collect()
}

#[test]
fn labels_become_means_with_names_and_coverage() {
    let bench = Bench::new();
    let table = "index\tname\n5\tcaudate\n7\tputamen\n9\tpallidum\n";
    fs::write(bench.folder.path().join("atlas.tsv"), table).unwrap();
    // Voxel 4 is silent throughout; voxel 7 is NaN from the third volume on, so it must not count in the first two.
    let scan = bench.scan(4, |t, v, value| match v {
        4 => 0.0,
        7 if t >= 2 => f64::NAN,
        _ => value,
    });
    let series = roi_series(&scan, &bench.atlas(&[5.0, 5.0, 7.0, 7.0, 7.0, 9.0, 9.0, 9.0]), None).unwrap();
    assert_eq!(series.repetition_time_secs, Some(1.5));
    assert_eq!(summary(&series), [(5, 2, 1.0), (7, 2, 2.0 / 3.0), (9, 2, 2.0 / 3.0)]);
    let names: Vec<&str> = series.regions.iter().map(|region| region.name.as_str()).collect();
    assert_eq!(names, ["caudate", "putamen", "pallidum"]);
    assert_eq!(series.regions[0].samples, [100.5, 110.5, 120.5, 130.5]);
    assert_eq!(series.regions[1].samples, [102.5, 112.5, 122.5, 132.5]);
    assert_eq!(series.regions[2].samples, [105.5, 115.5, 125.5, 135.5]);
    let signals = series.into_signals(None, 0.7).unwrap();
    assert_eq!(signals.channels.len(), 1);
    assert_eq!(signals.warnings[0], "putamen (label 7) left out: 67 % of it measured, need 70 %");
}

#[test]
fn a_mask_takes_regions_away_by_label() {
    let bench = Bench::new();
    let scan = bench.scan(3, |_, _, value| value);
    let mut inside = [0.0; 64];
    inside[..3].fill(1.0);
    let mask = bench.image("mask.nii", &[4, 4, 4], TWO_MM, &inside);
    let series = roi_series(&scan, &bench.atlas(&[1.0, 1.0, 2.0, 2.0, 3.0]), Some(&mask)).unwrap();
    assert_eq!(summary(&series), [(1, 2, 1.0), (2, 1, 0.5), (3, 0, 0.0)]);
    assert!(series.regions[2].samples.is_empty());
    let signals = series.into_signals(None, 0.5).unwrap();
    assert_eq!(signals.channels.len(), 2);
    assert!(signals.warnings.contains(&"region 3 (label 3) vanishes: nothing of it was measured".to_owned()));
}

#[test]
fn an_empty_volume_is_missing_not_zero() {
    let bench = Bench::new();
    let scan = bench.scan(5, |t, _, value| match t {
        0 => f64::NAN,
        3 => 0.0,
        _ => value,
    });
    let series = roi_series(&scan, &bench.atlas(&[1.0, 1.0]), None).unwrap();
    let samples = &series.regions[0].samples;
    assert!(samples[0].is_nan() && samples[3].is_nan());
    assert_eq!((samples[1], samples[2], samples[4]), (110.5, 120.5, 140.5));
    assert!(series.warnings.contains(&"2 of 5 volumes are empty and count as missing".to_owned()));
}

/// An atlas of 1 mm whose first axis runs the other way: each scan voxel takes the label at its centre, and what of
/// the atlas reaches beyond the scan is not covered.
#[test]
fn an_atlas_on_another_grid_is_brought_to_the_scan() {
    let bench = Bench::new();
    let scan = bench.scan(2, |_, _, value| value);
    // Voxel (i, j, k) lies at (8 − i, j − 4, k − 4) mm; label 1 where x ≥ 0, else 2.
    let affine = [[-1.0, 0.0, 0.0, 8.0], [0.0, 1.0, 0.0, -4.0], [0.0, 0.0, 1.0, -4.0]];
    let label = |v: usize| if 8.0 - (v % 13) as f64 >= 0.0 { 1.0 } else { 2.0 };
    let labels: Vec<f64> = (0..13 * 9 * 9).map(label).collect();
    let atlas = Atlas::read(&bench.image("fine.nii", &[13, 9, 9], affine, &labels)).unwrap();
    let series = roi_series(&scan, &atlas, None).unwrap();
    // The scan's voxels lie at x = −3, −1, 1, 3 mm.
    let by_hand = |wanted: fn(f64) -> bool| {
        let inside: Vec<f64> =
            (0..64).filter(|v| wanted(-3.0 + 2.0 * (v % 4) as f64)).map(|v| 100.0 + v as f64).collect();
        (inside.len(), (inside.iter().sum::<f64>() / inside.len() as f64) as f32)
    };
    for (region, (n_used, mean)) in series.regions.iter().zip([by_hand(|x| x >= 0.0), by_hand(|x| x < 0.0)]) {
        assert_eq!((region.n_used, region.samples[0], region.samples[1]), (n_used, mean, mean + 10.0));
    }
    // Label 1 runs from x = 0 to 8; the scan's last voxel ends at x = 4. Voxels are inside from −4 up to, not with, 4.
    let inside = [8.0, 8.0];
    let expected = 4.0 * inside[0] * inside[1] / (9.0 * 81.0);
    assert!((series.regions[0].coverage - expected).abs() < 1e-12, "{}", series.regions[0].coverage);
    assert!(series.warnings.iter().any(|warning| warning.contains("nearest neighbour")));
}

#[test]
fn maps_weigh_their_voxels() {
    let bench = Bench::new();
    let scan = bench.scan(2, |_, v, value| if v == 3 { 0.0 } else { value });
    let mut maps = vec![0.0; 128];
    maps[..3].copy_from_slice(&[1.0, 0.5, 0.5]);
    maps[64 + 2..64 + 4].copy_from_slice(&[3.0, 1.0]);
    let atlas = Atlas::read(&bench.image("maps.nii", &[4, 4, 4, 2], TWO_MM, &maps)).unwrap();
    let series = roi_series(&scan, &atlas, None).unwrap();
    assert_eq!(summary(&series), [(1, 3, 1.0), (2, 1, 0.75)]);
    assert_eq!(series.regions[0].samples, [100.75, 110.75]);
    assert_eq!(series.regions[1].samples, [102.0, 112.0]);
}

#[test]
fn what_does_not_fit_is_one_line() {
    let bench = Bench::new();
    let scan = bench.scan(2, |_, _, value| value);
    let atlas_message = |name: &str, shape: &[usize], values: &[f64]| {
        let message = Atlas::read(&bench.image(name, shape, TWO_MM, values)).unwrap_err().to_string();
        assert!(message.contains(name) && !message.contains('\n'), "{message}");
        message
    };
    assert!(
        atlas_message("half.nii", &[2, 1, 1], &[1.0, 0.5]).contains("whole numbers as labels, found 0.5 in voxel 1")
    );
    assert!(atlas_message("none.nii", &[2, 1, 1], &[0.0, 0.0]).contains("zeros only"));
    assert!(atlas_message("minus.nii", &[2, 1, 1, 2], &[1.0, 0.0, 0.0, -1.0]).contains("weights of at least 0"));
    let anatomy: Vec<f64> = (0..30_000).map(f64::from).collect();
    assert!(atlas_message("t1.nii", &[30, 100, 10], &anatomy).contains("at most 10000 labels"));

    let far = TWO_MM.map(|row| [row[0], row[1], row[2], row[3] + 500.0]);
    let atlas = Atlas::read(&bench.image("far.nii", &[2, 2, 2], far, &[1.0; 8])).unwrap();
    let message = roi_series(&scan, &atlas, None).unwrap_err().to_string();
    assert!(message.contains("overlaps") && message.contains("scan.nii.gz"), "{message}");
    let still = bench.image("still.nii", &[4, 4, 4], TWO_MM, &[1.0; 64]);
    let message = roi_series(&still, &bench.atlas(&[1.0]), None).unwrap_err().to_string();
    assert!(message.contains("a scan of several volumes"), "{message}");
    let vectors = bench.image("vectors.nii", &[4, 4, 4, 2, 3], TWO_MM, &[1.0; 384]);
    let message = roi_series(&vectors, &bench.atlas(&[1.0]), None).unwrap_err().to_string();
    assert!(message.starts_with("need a scan of four axes, the last of them time, found 5 with shape"), "{message}");
}

#[test]
fn spaces_that_differ_by_name_are_told() {
    let bench = Bench::new();
    let values = vec![1.0; 128];
    let scan = bench.image("sub-1_space-MNI152NLin2009cAsym_desc-preproc_bold.nii", &[4, 4, 4, 2], TWO_MM, &values);
    let atlas =
        Atlas::read(&bench.image("tpl-MNI152NLin6Asym_atlas-X_dseg.nii", &[4, 4, 4], TWO_MM, &[1.0; 64])).unwrap();
    let warnings = roi_series(&scan, &atlas, None).unwrap().warnings;
    assert_eq!(warnings, ["The scan is in space MNI152NLin2009cAsym, the atlas in MNI152NLin6Asym"]);
}
