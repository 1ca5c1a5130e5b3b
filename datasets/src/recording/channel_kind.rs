//! What a channel measures.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Modality;

/// What a channel measures, where its file says so; written as the channel types of BIDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChannelKind {
    Eeg,
    Ecog,
    Seeg,
    /// Of an electrode for deep brain stimulation.
    Dbs,
    Magnetometer,
    PlanarGradiometer,
    AxialGradiometer,
    /// Far from the head, to measure what comes from elsewhere.
    ReferenceMagnetometer,
    ReferenceGradiometer,
    Eog,
    Ecg,
    Emg,
    Respiration,
    SkinConductance,
    Temperature,
    Gaze,
    NearInfrared,
    /// Blood volume by light.
    PulseWave,
    Acceleration,
    /// Codes of events.
    Trigger,
    /// Where the head was.
    HeadPosition,
    /// How well a fit, such as that of the head's position, agrees with the data.
    FitError,
    /// Said by the file to be none of these.
    Misc,
}

impl ChannelKind {
    /// As what a recording of such channels is modelled; `None` where no brain signal is measured.
    pub fn modality(self) -> Option<Modality> {
        match self {
            Self::Eeg | Self::Ecog | Self::Seeg | Self::Dbs => Some(Modality::Eeg),
            Self::Magnetometer | Self::PlanarGradiometer | Self::AxialGradiometer => Some(Modality::Meg),
            _ => None,
        }
    }

    /// From the type that a file gives a channel, in the words of BIDS, EEGLAB and their users; `None` for other words.
    pub fn of_type(written: &str) -> Option<Self> {
        Some(match written.trim().to_ascii_uppercase().as_str() {
            "EEG" => Self::Eeg,
            "ECOG" => Self::Ecog,
            "SEEG" => Self::Seeg,
            "DBS" => Self::Dbs,
            "MEGMAG" => Self::Magnetometer,
            "MEGGRADPLANAR" => Self::PlanarGradiometer,
            "MEGGRADAXIAL" => Self::AxialGradiometer,
            "EOG" | "HEOG" | "VEOG" => Self::Eog,
            "ECG" | "EKG" => Self::Ecg,
            "EMG" => Self::Emg,
            "RESP" | "RESPIRATION" => Self::Respiration,
            "GSR" | "EDA" => Self::SkinConductance,
            "TEMP" | "TEMPERATURE" => Self::Temperature,
            "EYEGAZE" | "EYE" | "GAZE" | "PUPIL" => Self::Gaze,
            "PPG" | "PLETH" => Self::PulseWave,
            "ACC" | "ACCEL" => Self::Acceleration,
            "TRIG" | "TRIGGER" | "STIM" | "STI" => Self::Trigger,
            "MISC" | "AUX" | "OTHER" | "AUDIO" | "SYSCLOCK" => Self::Misc,
            _ => return None,
        })
    }

    /// From the name of a channel, where that is one of what is recorded beside EEG: "EOG left", "HEOGL", "ECG1", "ACC_X".
    ///
    /// Electrodes inside the head have names of their own (ACC1 lies in the anterior cingulate cortex), so only words count that no
    /// site has.
    pub fn of_name(name: &str) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        let upper = upper.strip_prefix("EEG ").unwrap_or(&upper);
        let word = upper.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty())?;
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        // With the side or the site before or after, as in HEOGL, LVEOG, ECGII and EMGCHIN.
        for (part, kind) in [("EOG", Self::Eog), ("ECG", Self::Ecg), ("EKG", Self::Ecg), ("EMG", Self::Emg)] {
            if word.contains(part) {
                return Some(kind);
            }
        }
        let rest = &upper[upper.find(word)? + word.len()..];
        let is_axis = |text: &str| matches!(text.trim_matches(['_', '-', ' ', '.']), "X" | "Y" | "Z");
        if (word == "ACC" && is_axis(rest)) || word.strip_prefix("ACC").is_some_and(is_axis) {
            return Some(Self::Acceleration);
        }
        Some(match bare {
            "RESP" | "RESPIRATION" => Self::Respiration,
            "GSR" | "EDA" => Self::SkinConductance,
            "TEMP" | "TEMPERATURE" => Self::Temperature,
            "PPG" | "PLETH" => Self::PulseWave,
            "ACCEL" | "ACCELEROMETER" => Self::Acceleration,
            "STATUS" | "TRIG" | "TRIGGER" | "TRIGGERS" | "STIM" | "STI" | "DIG" => Self::Trigger,
            "MARKER" | "MARKERS" => Self::Trigger,
            "PHOTO" | "PHOTODIODE" | "HR" => Self::Misc,
            "SAO" | "SPO" if word.ends_with('2') => Self::Misc,
            _ => return None,
        })
    }

    /// The type in a BIDS `channels.tsv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eeg => "EEG",
            Self::Ecog => "ECOG",
            Self::Seeg => "SEEG",
            Self::Dbs => "DBS",
            Self::Magnetometer => "MEGMAG",
            Self::PlanarGradiometer => "MEGGRADPLANAR",
            Self::AxialGradiometer => "MEGGRADAXIAL",
            Self::ReferenceMagnetometer => "MEGREFMAG",
            Self::ReferenceGradiometer => "MEGREFGRADAXIAL",
            Self::Eog => "EOG",
            Self::Ecg => "ECG",
            Self::Emg => "EMG",
            Self::Respiration => "RESP",
            Self::SkinConductance => "GSR",
            Self::Temperature => "TEMP",
            Self::Gaze => "EYEGAZE",
            Self::NearInfrared => "NIRS",
            Self::PulseWave => "PPG",
            Self::Acceleration => "ACCEL",
            Self::Trigger => "TRIG",
            Self::HeadPosition => "HLU",
            Self::FitError => "FITERR",
            Self::Misc => "MISC",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ChannelKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// MEG where more channels measure fields than potentials, else EEG: channels of which nothing is known count as
/// electrodes.
pub fn electric_or_magnetic(kinds: impl Iterator<Item = Option<ChannelKind>>) -> Modality {
    let modalities = kinds.filter_map(|kind| kind.map_or(Some(Modality::Eeg), ChannelKind::modality));
    let n_magnetic_more = modalities.fold(0, |n, modality| n + if modality == Modality::Meg { 1 } else { -1 });
    if n_magnetic_more > 0 { Modality::Meg } else { Modality::Eeg }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_no_electrode() {
        use ChannelKind::{
            Acceleration, Ecg, Emg, Eog, Misc, PulseWave, Respiration, SkinConductance, Temperature, Trigger,
        };
        for (kind, names) in [
            (Eog, &["VEOG", "HEOGL", "EOG left", "LVEOG", "EEG VEOG", "EOG-1"][..]),
            (Ecg, &["ECG1", "EKG", "ECG II"]),
            (Emg, &["EMG", "EMGchin", "emg_l"]),
            (Respiration, &["Resp", "RESP1"]),
            (SkinConductance, &["GSR", "EDA"]),
            (Temperature, &["TEMP"]),
            (PulseWave, &["PPG"]),
            (Acceleration, &["ACC_X", "AccY", "acc z", "Accel"]),
            (Trigger, &["STATUS", "TRIG", "STI 014", "Trigger1", "Marker"]),
            (Misc, &["SaO2", "SpO2", "Photo", "HR"]),
        ] {
            for name in names {
                assert_eq!(ChannelKind::of_name(name), Some(kind), "{name}");
            }
        }
        for name in ["Fz", "EEG Fp1", "ACC1", "ECoG 3", "TP9", "T3", "Temporal", "A1", "E12", "EEG 001", "", "--"] {
            assert_eq!(ChannelKind::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_instrument_of_most_channels_of_the_brain_names_the_recording() {
        use ChannelKind::{Eeg, Magnetometer, Trigger};
        let of = |kinds: &[Option<ChannelKind>]| electric_or_magnetic(kinds.iter().copied());
        assert_eq!(of(&[Some(Magnetometer), Some(Magnetometer), Some(Eeg), Some(Trigger)]), Modality::Meg);
        assert_eq!(of(&[Some(Magnetometer), Some(Eeg), Some(Eeg)]), Modality::Eeg);
        assert_eq!(of(&[Some(Magnetometer), None]), Modality::Eeg);
        assert_eq!(of(&[Some(Trigger)]), Modality::Eeg);
    }
}
