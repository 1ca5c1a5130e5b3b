//! One channel record of a FIF file: what is measured, in which unit.
//!
//! Source: the dictionary of kinds, coils and units at <https://github.com/mne-tools/fiff-constants>.

use super::fif_content::{int, text};
use crate::recording::ChannelKind;

#[derive(Debug, PartialEq)]
pub(super) struct ChannelInfo {
    pub name: String,
    pub kind: ChannelKind,
    pub unit: String,
    /// From stored numbers to `unit`.
    pub gain: f64,
}

impl ChannelInfo {
    pub const RECORD_BYTES: usize = 96;

    /// Two numbers of the channel, its kind, range and calibration, the coil with its place, the unit with its power of
    /// ten, and a name of 16 bytes.
    pub fn of(record: &[u8; Self::RECORD_BYTES]) -> Self {
        let float = |at: usize| f64::from(f32::from_bits(int(&record[at..]) as u32));
        let unit = int(&record[72..]);
        Self {
            name: text(&record[80..]),
            kind: kind(int(&record[8..]), int(&record[20..]), unit),
            unit: unit_name(unit).to_owned(),
            gain: float(12) * float(16) * power_of_ten(int(&record[76..])),
        }
    }
}

const TESLA: i32 = 112;
const TESLA_PER_METRE: i32 = 201;

fn kind(kind: i32, coil: i32, unit: i32) -> ChannelKind {
    match kind {
        1 if unit == TESLA_PER_METRE => ChannelKind::PlanarGradiometer,
        // The difference along the axis of two coils is given as the field in one.
        1 if is_axial_gradiometer(coil) => ChannelKind::AxialGradiometer,
        1 => ChannelKind::Magnetometer,
        301 if is_reference_gradiometer(coil) => ChannelKind::ReferenceGradiometer,
        301 => ChannelKind::ReferenceMagnetometer,
        2 => ChannelKind::Eeg,
        802 => ChannelKind::Seeg,
        803 => ChannelKind::Dbs,
        902 => ChannelKind::Ecog,
        3 => ChannelKind::Trigger,
        202 => ChannelKind::Eog,
        302 => ChannelKind::Emg,
        402 => ChannelKind::Ecg,
        602 => ChannelKind::Respiration,
        700..=706 => ChannelKind::HeadPosition,
        707..=709 | 1001 => ChannelKind::FitError,
        1100 => ChannelKind::NearInfrared,
        1200 => ChannelKind::Temperature,
        1300 => ChannelKind::SkinConductance,
        1400 => ChannelKind::Gaze,
        // The heart's field (201) and other organs among them.
        _ => ChannelKind::Misc,
    }
}

/// Of 4D, CTF, KIT, BabySQUID, Artemis, KRISS and Compumedics.
fn is_axial_gradiometer(coil: i32) -> bool {
    matches!(coil, 2001 | 4002 | 5001 | 6001 | 7001 | 7501 | 9001 | 9101 | 9102)
}

/// Of 4D, CTF and Artemis.
fn is_reference_gradiometer(coil: i32) -> bool {
    matches!(coil, 4004 | 4005 | 5003 | 5004 | 7503)
}

fn unit_name(unit: i32) -> &'static str {
    match unit {
        3 => "s",
        4 => "A",
        5 => "K",
        6 => "M",
        101 => "Hz",
        107 => "V",
        109 => "Ω",
        110 => "S",
        TESLA => "T",
        114 => "°C",
        TESLA_PER_METRE => "T/m",
        202 => "Am",
        _ => "a.u.",
    }
}

/// As files give it, from femto to exa; nothing else is one.
fn power_of_ten(exponent: i32) -> f64 {
    if (-18..=18).contains(&exponent) { 10f64.powi(exponent) } else { 1.0 }
}
