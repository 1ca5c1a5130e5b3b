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
    fn the_instrument_of_most_channels_of_the_brain_names_the_recording() {
        use ChannelKind::{Eeg, Magnetometer, Trigger};
        let of = |kinds: &[Option<ChannelKind>]| electric_or_magnetic(kinds.iter().copied());
        assert_eq!(of(&[Some(Magnetometer), Some(Magnetometer), Some(Eeg), Some(Trigger)]), Modality::Meg);
        assert_eq!(of(&[Some(Magnetometer), Some(Eeg), Some(Eeg)]), Modality::Eeg);
        assert_eq!(of(&[Some(Magnetometer), None]), Modality::Eeg);
        assert_eq!(of(&[Some(Trigger)]), Modality::Eeg);
    }
}
