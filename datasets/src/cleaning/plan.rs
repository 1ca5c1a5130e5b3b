//! What is done to a recording: every scientific choice of the cleaning, with its default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::artefacts::ArtefactPlan;
use super::confounds::ConfoundPlan;
use super::epochs::EpochPlan;

/// How recordings are cleaned. Fields left out of a run file take their defaults; unknown fields are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleaningPlan {
    /// Of MEG as well.
    pub eeg: EegPlan,
    pub bold: BoldPlan,
    pub spikes: SpikesPlan,
    /// Only stretches around events, each a run of its own; not for spikes, whose trials do the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<EpochPlan>,
    /// Each channel to mean 0 and sd 1 over the training part. Never applied to counts.
    pub standardise: bool,
    /// A channel that lacks a larger share of the samples that others have is excluded; what a channel that stays
    /// lacks is missing, not filled in.
    pub max_missing: f64,
    /// A recording with fewer good channels is excluded.
    pub min_channels: usize,
    /// A shorter recording is excluded.
    pub min_secs: f64,
}

impl Default for CleaningPlan {
    /// Standardised, at least 2 channels and 20 s, up to a tenth of a channel missing.
    fn default() -> Self {
        Self {
            eeg: EegPlan::default(),
            bold: BoldPlan::default(),
            spikes: SpikesPlan::default(),
            epochs: None,
            standardise: true,
            max_missing: 0.1,
            min_channels: 2,
            min_secs: 20.0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EegPlan {
    /// Pass band `[low, high]` in Hz, or "off". A low of 0 is a low-pass, a high of `inf` a high-pass.
    #[serde(with = "or_off")]
    pub band_hz: Option<[f64; 2]>,
    pub notch_hz: NotchChoice,
    /// Subtract each channel's straight line before anything else.
    pub detrend: bool,
    /// Leave out channels, and seconds, that are too unlike the others; nothing of the kind where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artefacts: Option<ArtefactPlan>,
    /// Channels that are not left out as bad: neither as marked, in channels.tsv or in the file, nor by `artefacts`.
    pub keep_channels: Vec<String>,
    /// Learn from stretches that annotations or the events table mark bad ("BAD_muscle") too; otherwise they are missing.
    pub keep_bad_stretches: bool,
    /// Subtract the mean over the good channels from each; not done to MEG, which has no reference.
    pub average_reference: bool,
    /// Subtract the mean over these instead, such as `["A1", "A2"]`, and leave them out.
    pub reference_channels: Vec<String>,
    /// Change the sampling rate, after the filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resample_hz: Option<f64>,
}

impl Default for EegPlan {
    /// 1–40 Hz, the power line where it falls inside the band, average reference.
    fn default() -> Self {
        Self {
            band_hz: Some([1.0, 40.0]),
            notch_hz: NotchChoice::FromSidecar,
            detrend: false,
            artefacts: None,
            keep_channels: Vec::new(),
            keep_bad_stretches: false,
            average_reference: true,
            reference_channels: Vec::new(),
            resample_hz: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoldPlan {
    /// Label image, probabilistic atlas or `dlabel` file, for scans that do not come as ROI series.
    pub atlas: Option<PathBuf>,
    /// A region of which a smaller share was measured is left out.
    pub min_coverage: f64,
    /// Subtract each region's straight line.
    pub detrend: bool,
    /// Pass band `[low, high]` in Hz, or "off".
    #[serde(with = "or_off")]
    pub band_hz: Option<[f64; 2]>,
    pub confounds: ConfoundPlan,
}

impl Default for BoldPlan {
    /// Half of a region covered, detrended, not filtered, the default confounds of scans.
    fn default() -> Self {
        Self { atlas: None, min_coverage: 0.5, detrend: true, band_hz: None, confounds: ConfoundPlan::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpikesPlan {
    pub bin_secs: f64,
    /// A unit that fires less often is excluded.
    pub min_rate_hz: f64,
    /// What becomes of the session's trials.
    pub trials: TrialUse,
    /// Column of the trials table that says what kind of trial it was, each kind an input of its own.
    pub condition: Option<String>,
    /// Only units whose property (a column of the units' table) has one of these values, such as
    /// `quality = ["good"]`. Units that the sorter calls noise are excluded unless this asks for them.
    pub keep: BTreeMap<String, Vec<String>>,
    /// Only units whose property is at least this, such as `snr = 3`.
    pub at_least: BTreeMap<String, f64>,
    /// Only units whose property is at most this, such as `isi_violations = 0.5`.
    pub at_most: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialUse {
    /// One boxcar for each condition, where the session has trials and no events table.
    #[default]
    Inputs,
    /// The recording is the trials, each a run by itself; the conditions are inputs.
    Cut,
    Off,
}

impl Default for SpikesPlan {
    /// 0.1 s bins, units from 0.05 Hz whatever their quality, trials as inputs.
    fn default() -> Self {
        Self {
            bin_secs: 0.1,
            min_rate_hz: 0.05,
            trials: TrialUse::Inputs,
            condition: None,
            keep: BTreeMap::new(),
            at_least: BTreeMap::new(),
            at_most: BTreeMap::new(),
        }
    }
}

/// Which frequency is notched out. One outside the pass band is not applied: the band-pass has removed it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "NotchText", into = "NotchText")]
pub enum NotchChoice {
    /// `"sidecar"`: the recording's PowerLineFrequency; none where it has none.
    #[default]
    FromSidecar,
    /// A number.
    Hz(f64),
    /// `"off"`.
    Off,
}

/// How a run file spells [`NotchChoice`].
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "need a frequency in Hz, \"sidecar\" or \"off\"")]
enum NotchText {
    Hz(f64),
    Word(NotchWord),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NotchWord {
    Sidecar,
    Off,
}

impl From<NotchText> for NotchChoice {
    fn from(text: NotchText) -> Self {
        match text {
            NotchText::Hz(hz) => Self::Hz(hz),
            NotchText::Word(NotchWord::Sidecar) => Self::FromSidecar,
            NotchText::Word(NotchWord::Off) => Self::Off,
        }
    }
}

impl From<NotchChoice> for NotchText {
    fn from(choice: NotchChoice) -> Self {
        match choice {
            NotchChoice::Hz(hz) => Self::Hz(hz),
            NotchChoice::FromSidecar => Self::Word(NotchWord::Sidecar),
            NotchChoice::Off => Self::Word(NotchWord::Off),
        }
    }
}

/// TOML has no null, so an absent band is written `"off"`.
mod or_off {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "need [low_hz, high_hz] or \"off\"")]
    enum BandText {
        Band([f64; 2]),
        Word(Off),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Off {
        Off,
    }

    pub fn serialize<S: Serializer>(band: &Option<[f64; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
        band.map_or(BandText::Word(Off::Off), BandText::Band).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 2]>, D::Error> {
        Ok(match BandText::deserialize(deserializer)? {
            BandText::Band(band) => Some(band),
            BandText::Word(Off::Off) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<CleaningPlan, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(parse("{}").unwrap(), CleaningPlan::default());
        let plan = parse(r#"{"eeg": {"band_hz": "off", "notch_hz": 60}, "bold": {"band_hz": [0.01, 0.1]}}"#).unwrap();
        assert_eq!(plan.eeg.band_hz, None);
        assert_eq!(plan.eeg.notch_hz, NotchChoice::Hz(60.0));
        assert!(plan.eeg.average_reference);
        assert_eq!(plan.bold.band_hz, Some([0.01, 0.1]));
    }

    #[test]
    fn a_plan_comes_back_as_written() {
        let mut plan = CleaningPlan::default();
        plan.eeg.band_hz = None;
        plan.eeg.notch_hz = NotchChoice::Off;
        plan.eeg.artefacts = Some(ArtefactPlan::default());
        plan.eeg.resample_hz = Some(128.0);
        plan.epochs = Some(EpochPlan { window_secs: [-0.2, 0.8], ..Default::default() });
        plan.spikes.keep.insert("quality".into(), vec!["good".into()]);
        assert_eq!(parse(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
    }

    #[test]
    fn slips_are_told() {
        assert!(parse(r#"{"eeg": {"bandpass": [1, 40]}}"#).unwrap_err().to_string().contains("bandpass"));
        assert!(parse(r#"{"eeg": {"band_hz": "of"}}"#).unwrap_err().to_string().contains("or \"off\""));
    }
}
