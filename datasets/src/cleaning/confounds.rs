//! Which nuisance signals are taken out of a scan, and which volumes count as missing.

use serde::{Deserialize, Serialize};

use crate::bids::RecordingFile;
use crate::readers::ReadError;
use crate::readers::confounds::Confounds;
use crate::recording::{Modality, Signals};

/// What of fMRIPrep's confounds is regressed out. Fields left out of a run file take their defaults.
///
/// Names and sets as in nilearn's `load_confounds`. For a comparison of such strategies see Parkes et al. (2018),
/// NeuroImage 171, 415–436, and Ciric et al. (2017), NeuroImage 154, 174–187.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfoundPlan {
    /// Which recordings it is for.
    pub apply_to: ConfoundTarget,
    /// Translations and rotations of the head.
    pub motion: SignalTerms,
    /// Mean signals of white matter and cerebrospinal fluid.
    pub tissue: SignalTerms,
    /// Mean signal of the whole brain. Removes what patients and controls may differ in; off by default.
    pub global_signal: SignalTerms,
    /// So many leading components of anatomical CompCor (Behzadi et al. 2007, NeuroImage 37, 90–101).
    pub acompcor: usize,
    /// Further columns by name; `cosine*` takes all that begin so.
    pub columns: Vec<String>,
    /// A volume before which the head moved by more, in mm (Power et al. 2012, NeuroImage 59, 2142–2154), counts as
    /// missing. Absent: none does.
    pub max_framewise_displacement_mm: Option<f64>,
    pub dummy_scans: DummyScans,
}

impl Default for ConfoundPlan {
    /// 24 motion parameters, white matter and CSF, for scans that come as volumes; dummy scans as fMRIPrep marks
    /// them; no scrubbing.
    fn default() -> Self {
        Self {
            apply_to: ConfoundTarget::Scans,
            motion: SignalTerms::Full,
            tissue: SignalTerms::Basic,
            global_signal: SignalTerms::Off,
            acompcor: 0,
            columns: Vec::new(),
            max_framewise_displacement_mm: None,
            dummy_scans: DummyScans::Marked,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfoundTarget {
    /// Images and CIFTI series of fMRIPrep, which nobody has denoised yet.
    #[default]
    Scans,
    /// ROI series too, where a table of confounds lies beside them.
    All,
    Off,
}

/// A signal, its backward difference, and the squares of both: for motion 6, 12 or 24 parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalTerms {
    Off,
    Basic,
    /// With differences.
    Derivatives,
    /// With squares.
    Power2,
    /// With differences and the squares of all (Friston et al. 1996; Satterthwaite et al. 2013).
    Full,
}

/// Volumes at the start that were taken before the magnetisation was steady.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DummyText", into = "DummyText")]
pub enum DummyScans {
    /// `"marked"`: those with a column `non_steady_state_outlierXX`.
    #[default]
    Marked,
    /// A number.
    First(usize),
}

/// How a run file spells [`DummyScans`].
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "need a number of volumes or \"marked\"")]
enum DummyText {
    First(usize),
    Word(DummyWord),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DummyWord {
    Marked,
}

impl From<DummyText> for DummyScans {
    fn from(text: DummyText) -> Self {
        match text {
            DummyText::First(n) => Self::First(n),
            DummyText::Word(DummyWord::Marked) => Self::Marked,
        }
    }
}

impl From<DummyScans> for DummyText {
    fn from(dummies: DummyScans) -> Self {
        match dummies {
            DummyScans::First(n) => Self::First(n),
            DummyScans::Marked => Self::Word(DummyWord::Marked),
        }
    }
}

impl SignalTerms {
    /// The columns of each of `signals`.
    fn columns(self, signals: &[&str]) -> Vec<String> {
        let endings: &[&str] = match self {
            Self::Off => &[],
            Self::Basic => &[""],
            Self::Derivatives => &["", "_derivative1"],
            Self::Power2 => &["", "_power2"],
            Self::Full => &["", "_derivative1", "_power2", "_derivative1_power2"],
        };
        signals.iter().flat_map(|signal| endings.iter().map(move |ending| format!("{signal}{ending}"))).collect()
    }
}

/// The nuisance signals of one recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nuisance {
    pub names: Vec<String>,
    /// `[regressor][time]`, finite.
    pub regressors: Vec<Vec<f64>>,
    /// Of each volume, whether it counts as missing.
    pub missing: Vec<bool>,
    pub n_dummy_scans: usize,
    pub n_scrubbed: usize,
}

/// Reads the table of confounds beside a recording, where the plan is for such recordings; `None` where it is not.
///
/// Fails where the plan wants confounds and there is no table.
pub fn nuisance_of(
    file: &RecordingFile,
    signals: &Signals,
    plan: &ConfoundPlan,
) -> Result<Option<Nuisance>, ReadError> {
    let wanted = match plan.apply_to {
        ConfoundTarget::Scans => file.is_scan(),
        ConfoundTarget::All => file.modality == Modality::Bold,
        ConfoundTarget::Off => false,
    };
    if !wanted {
        return Ok(None);
    }
    let Some(path) = file.confounds_path() else {
        let needed = "a desc-confounds_timeseries.tsv beside it (or cleaning.bold.confounds.apply_to = \"off\")";
        return Err(ReadError::field(needed, "none", &file.path));
    };
    let n_times = signals.channels.first().map_or(0, |channel| channel.samples.len());
    Nuisance::of(&Confounds::read(&path)?, n_times, plan).map(Some)
}

const MOTION: [&str; 6] = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"];
const DUMMY_COLUMNS: &str = "non_steady_state_outlier*";

impl Nuisance {
    /// Fails where the table lacks a column that the plan wants, or has other than `n_times` rows.
    pub fn of(confounds: &Confounds, n_times: usize, plan: &ConfoundPlan) -> Result<Self, ReadError> {
        if confounds.n_times != n_times {
            let (needed, found) = (format!("{n_times} rows, one a volume"), confounds.n_times.to_string());
            return Err(ReadError::field(needed, found, &confounds.path));
        }
        let mut names = plan.motion.columns(&MOTION);
        names.extend(plan.tissue.columns(&["white_matter", "csf"]));
        names.extend(plan.global_signal.columns(&["global_signal"]));
        names.extend((0..plan.acompcor).map(|i| format!("a_comp_cor_{i:02}")));
        for pattern in &plan.columns {
            let found = confounds.matching(pattern);
            if found.is_empty() {
                return Err(ReadError::field(format!("a column {pattern}"), "none", &confounds.path));
            }
            names.extend(found.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        let regressors = names.iter().map(|name| confounds.regressor(name)).collect::<Result<_, _>>()?;
        let mut missing = vec![false; n_times];
        match plan.dummy_scans {
            DummyScans::First(n) => missing.iter_mut().take(n).for_each(|volume| *volume = true),
            DummyScans::Marked => {
                for name in confounds.matching(DUMMY_COLUMNS) {
                    let column = confounds.column(&name).unwrap_or_default();
                    missing.iter_mut().zip(column).for_each(|(volume, mark)| *volume |= mark == 1.0);
                }
            }
        }
        let n_dummy_scans = missing.iter().filter(|&&volume| volume).count();
        if let Some(most_mm) = plan.max_framewise_displacement_mm {
            let displacement = confounds.column("framewise_displacement").ok_or_else(|| {
                ReadError::field("a column framewise_displacement to scrub by", "none", &confounds.path)
            })?;
            // The first volume has no displacement, which is `n/a`.
            let moved = displacement.iter().map(|&mm| mm > most_mm);
            missing.iter_mut().zip(moved).for_each(|(volume, moved)| *volume |= moved);
        }
        let n_missing = missing.iter().filter(|&&volume| volume).count();
        Ok(Self { names, regressors, missing, n_dummy_scans, n_scrubbed: n_missing - n_dummy_scans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> (tempfile::TempDir, Confounds) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub-1_desc-confounds_timeseries.tsv");
        std::fs::write(&path, text).unwrap();
        let confounds = Confounds::read(&path).unwrap();
        (folder, confounds)
    }

    fn nothing() -> ConfoundPlan {
        ConfoundPlan { motion: SignalTerms::Off, tissue: SignalTerms::Off, ..ConfoundPlan::default() }
    }

    #[test]
    fn derivatives_and_squares_come_from_the_table_or_from_its_columns() {
        let (_folder, confounds) = table("csf\tcsf_derivative1\twhite_matter\n1\tn/a\t2\n4\t30\t3\n9\t50\t5\n");
        let plan = ConfoundPlan { tissue: SignalTerms::Full, ..nothing() };
        let found = Nuisance::of(&confounds, 3, &plan).unwrap();
        let column = |name: &str| found.regressors[found.names.iter().position(|n| n == name).unwrap()].clone();
        assert_eq!(found.names.len(), 8);
        assert_eq!(column("csf_derivative1"), [30.0, 30.0, 50.0]);
        assert_eq!(column("csf_derivative1_power2"), [900.0, 900.0, 2500.0]);
        assert_eq!(column("white_matter_derivative1"), [1.0, 1.0, 2.0]);
        assert_eq!(column("white_matter_power2"), [4.0, 9.0, 25.0]);
    }

    #[test]
    fn volumes_are_missing_for_two_reasons() {
        let text = "framewise_displacement\tnon_steady_state_outlier00\tcosine00\tcosine01\n\
            n/a\t1\t1\t1\n0.9\t0\t2\t1\n0.1\t0\t1\t3\n0.6\t0\t1\t1\n";
        let (_folder, confounds) = table(text);
        let plan =
            ConfoundPlan { max_framewise_displacement_mm: Some(0.5), columns: vec!["cosine*".to_owned()], ..nothing() };
        let found = Nuisance::of(&confounds, 4, &plan).unwrap();
        assert_eq!(found.missing, [true, true, false, true]);
        assert_eq!((found.n_dummy_scans, found.n_scrubbed), (1, 2));
        assert_eq!(found.names, ["cosine00", "cosine01"]);
        let first = ConfoundPlan { dummy_scans: DummyScans::First(3), ..nothing() };
        assert_eq!(Nuisance::of(&confounds, 4, &first).unwrap().missing, [true, true, true, false]);
    }

    #[test]
    fn what_the_table_lacks_is_told() {
        let (_folder, confounds) = table("csf\tglobal_signal\n1\t2\n2\tn/a\n3\t4\n");
        let message = |plan: ConfoundPlan, n: usize| Nuisance::of(&confounds, n, &plan).unwrap_err().to_string();
        assert!(message(nothing(), 5).contains("need 5 rows, one a volume, found 3"));
        assert!(message(ConfoundPlan::default(), 3).contains("a column trans_x"));
        assert!(message(ConfoundPlan { columns: vec!["x*".into()], ..nothing() }, 3).contains("a column x*"));
        let scrubbed = ConfoundPlan { max_framewise_displacement_mm: Some(0.5), ..nothing() };
        assert!(message(scrubbed, 3).contains("framewise_displacement"));
        let global = ConfoundPlan { global_signal: SignalTerms::Basic, ..nothing() };
        assert!(message(global, 3).contains("a number in column global_signal, line 3, found NaN"));
    }
}
