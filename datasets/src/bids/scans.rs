//! Preprocessed scans in a derivative folder, and what lies beside them.
//!
//! Source: <https://fmriprep.org/en/stable/outputs.html>; XCP-D, <https://xcp-d.readthedocs.io/en/latest/outputs.html>.

use std::path::{Path, PathBuf};

use super::dataset::RecordingFile;
use super::entities::BidsName;
use super::inheritance::files_beside;
use crate::recording::Modality;

const IMAGES: [&str; 2] = [".nii", ".nii.gz"];
const DENSE: &str = ".dtseries.nii";
const PARCELS: &str = ".ptseries.nii";

/// Volumes or CIFTI series that somebody has preprocessed; raw scans have no atlas's space.
pub(super) fn is_scan(name: &BidsName) -> bool {
    let preprocessed = matches!(name.entities.get("desc"), Some("preproc" | "denoised"));
    match (name.suffix.as_str(), name.extension.as_str()) {
        ("bold", image) if IMAGES.contains(&image) => preprocessed,
        // CIFTI series only come from preprocessing.
        ("bold", DENSE) | ("bold" | "timeseries", PARCELS) => true,
        _ => false,
    }
}

/// Those of one subject's recordings that can be used with `atlas`, where there is a choice.
///
/// ROI series are preferred to scans, and tables to CIFTI parcels. Of scans, a `dlabel` atlas takes the dense CIFTI
/// series, another atlas the images, and of several spaces the one that the atlas's name has. Where nothing is suited
/// all are returned, so that the error can name them.
pub fn suited(files: Vec<RecordingFile>, atlas: Option<&Path>) -> Vec<RecordingFile> {
    let is_dlabel = atlas.is_some_and(|atlas| atlas.to_string_lossy().ends_with(".dlabel.nii"));
    let space_of_atlas = atlas.and_then(BidsName::of).and_then(|name| space_of(&name));
    let in_space = |file: &RecordingFile| {
        let space = BidsName::of(&file.path).and_then(|name| space_of(&name));
        space_of_atlas.is_none() || space == space_of_atlas
    };
    let preferences: [&dyn Fn(&RecordingFile) -> bool; 4] = [
        &|file| !file.is_scan(),
        &|file| ends_with(file, PARCELS),
        &|file| ends_with(file, DENSE) == is_dlabel,
        &in_space,
    ];
    let mut left = files;
    for (i, preferred) in preferences.into_iter().enumerate() {
        let of_bold = |file: &RecordingFile| file.modality != Modality::Bold || preferred(file);
        if left.iter().any(|file| file.modality == Modality::Bold && preferred(file)) {
            left.retain(of_bold);
            // Series of regions need no atlas, so its space says nothing about them.
            if i < 2 {
                break;
            }
        }
    }
    left
}

fn space_of(name: &BidsName) -> Option<String> {
    name.entities.get("space").or_else(|| name.entities.get("tpl")).map(str::to_owned)
}

fn ends_with(file: &RecordingFile, extension: &str) -> bool {
    file.path.to_string_lossy().ends_with(extension)
}

impl RecordingFile {
    /// Whether it is an image or a CIFTI series, not a table.
    pub fn is_scan(&self) -> bool {
        self.modality == Modality::Bold && BidsName::of(&self.path).is_some_and(|name| is_scan(&name))
    }

    /// fMRIPrep's table of confounds for this run: the same subject, session, task, run and so on, whatever the space.
    pub fn confounds_path(&self) -> Option<PathBuf> {
        let suffixes = ["timeseries", "regressors"];
        self.beside(|name| {
            name.extension == ".tsv"
                && suffixes.contains(&name.suffix.as_str())
                && name.entities.get("desc") == Some("confounds")
        })
    }

    /// The brain mask on the grid of this image.
    pub fn brain_mask_path(&self) -> Option<PathBuf> {
        self.beside(|name| {
            IMAGES.contains(&name.extension.as_str())
                && name.suffix == "mask"
                && name.entities.get("desc") == Some("brain")
        })
        .filter(|path| {
            let [mask, scan] = [path, &self.path].map(|path| BidsName::of(path).and_then(|name| space_of(&name)));
            mask == scan
        })
    }

    /// A file in the same folder whose entities, apart from `desc`, all hold for this one; of several, the one that
    /// says most.
    fn beside(&self, wanted: impl Fn(&BidsName) -> bool) -> Option<PathBuf> {
        let found = files_beside(&self.path).filter_map(|path| {
            let name = BidsName::of(&path)?;
            let applies =
                name.entities.iter().all(|(key, value)| key == "desc" || self.entities.get(key) == Some(value));
            (wanted(&name) && applies).then_some((name.entities.len(), path))
        });
        found.max().map(|(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn recordings(names: &[&str], atlas: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let files = names.iter().filter_map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            RecordingFile::from_path(path)
        });
        let suited = suited(files.collect(), atlas.map(Path::new));
        suited.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    const MNI: &str = "sub-1_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz";
    const T1W: &str = "sub-1_task-rest_space-T1w_desc-preproc_bold.nii.gz";
    const DENSE: &str = "sub-1_task-rest_space-fsLR_den-91k_bold.dtseries.nii";
    const TABLE: &str = "sub-1_task-rest_space-MNI152NLin6Asym_atlas-4S156Parcels_stat-mean_timeseries.tsv";
    const RAW: &str = "sub-1_task-rest_bold.nii.gz";
    const CONFOUNDS: &str = "sub-1_task-rest_desc-confounds_timeseries.tsv";

    #[test]
    fn series_come_before_scans_and_scans_fit_the_atlas() {
        let all = [MNI, T1W, DENSE, TABLE, RAW, CONFOUNDS];
        assert_eq!(recordings(&all, None), [TABLE]);
        let scans = [MNI, T1W, DENSE, RAW, CONFOUNDS];
        assert_eq!(recordings(&scans, Some("tpl-fsLR_atlas-X_den-91k_dseg.dlabel.nii")), [DENSE]);
        assert_eq!(recordings(&scans, Some("tpl-MNI152NLin6Asym_atlas-X_dseg.nii.gz")), [MNI]);
        assert_eq!(recordings(&scans, Some("aal.nii")), [MNI, T1W]);
        assert_eq!(recordings(&[RAW, CONFOUNDS], None), [""; 0]);
    }

    /// Names as XCP-D 0.10 writes them for one run with three atlases.
    #[test]
    fn of_xcpd_the_series_and_the_denoised_scans_are_recordings() {
        let mni = |rest: &str| format!("sub-1_task-rest_run-01_space-MNI152NLin2009cAsym_{rest}");
        let surface = |rest: &str| format!("sub-1_task-rest_run-01_space-fsLR_{rest}");
        let gordon = mni("seg-Gordon_stat-mean_timeseries.tsv");
        let schaefer = mni("seg-4S156Parcels_stat-mean_timeseries.tsv");
        let tables = [gordon.clone(), schaefer.clone()];
        let parcels = surface("seg-Glasser_den-91k_stat-mean_timeseries.ptseries.nii");
        let scans = [mni("res-2_desc-denoised_bold.nii.gz"), surface("den-91k_desc-denoised_bold.dtseries.nii")];
        let others = [
            mni("seg-Gordon_stat-pearsoncorrelation_relmat.tsv"),
            mni("seg-Gordon_stat-coverage_bold.tsv"),
            mni("seg-Gordon_stat-alff_bold.tsv"),
            mni("seg-Gordon_stat-reho_bold.tsv"),
            mni("res-2_stat-alff_boldmap.nii.gz"),
            mni("stat-reho_boldmap.nii.gz"),
            surface("seg-Glasser_den-91k_stat-pearsoncorrelation_boldmap.pconn.nii"),
            surface("den-91k_stat-alff_boldmap.dscalar.nii"),
            "sub-1_task-rest_run-01_desc-filtered_motion.tsv".to_owned(),
            "sub-1_task-rest_run-01_outliers.tsv".to_owned(),
            "sub-1_task-rest_run-01_desc-preproc_design.tsv".to_owned(),
            mni("desc-linc_qc.tsv"),
        ];
        let found = |names: &[&[String]], atlas: Option<&str>| {
            let names = names.concat();
            let mut found = recordings(&names.iter().map(String::as_str).collect::<Vec<_>>(), atlas);
            found.sort();
            found
        };
        let parcels = [parcels];
        let mut expected = tables.to_vec();
        expected.sort();
        assert_eq!(found(&[&tables, &parcels, &scans, &others], None), expected);
        assert_eq!(found(&[&parcels, &scans, &others], None), parcels);
        let dlabel = Some("tpl-fsLR_atlas-Glasser_den-32k_dseg.dlabel.nii");
        assert_eq!(found(&[&scans, &others], dlabel), scans[1..]);
        let volumes = Some("tpl-MNI152NLin2009cAsym_atlas-Gordon_res-01_dseg.nii.gz");
        assert_eq!(found(&[&scans, &others], volumes), scans[..1]);
        assert_eq!(found(&[&others], None), [""; 0]);
    }

    #[test]
    fn confounds_and_mask_are_those_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let scan = folder.path().join("sub-1_task-rest_run-2_space-T1w_desc-preproc_bold.nii.gz");
        for name in [
            scan.file_name().unwrap().to_str().unwrap(),
            "sub-1_task-rest_run-1_desc-confounds_timeseries.tsv",
            "sub-1_task-rest_run-2_desc-confounds_regressors.tsv",
            "sub-1_task-rest_run-2_space-MNI152_desc-brain_mask.nii.gz",
            "sub-1_task-rest_run-2_space-T1w_desc-brain_mask.nii.gz",
            "sub-1_task-rest_run-2_desc-brain_mask.nii.gz",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let file = RecordingFile::from_path(scan).unwrap();
        let name = |path: Option<PathBuf>| path.unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name(file.confounds_path()), "sub-1_task-rest_run-2_desc-confounds_regressors.tsv");
        assert_eq!(name(file.brain_mask_path()), "sub-1_task-rest_run-2_space-T1w_desc-brain_mask.nii.gz");
    }
}
