//! File formats, each read by its own module into SI units.

use crate::bids::{RecordingFile, Sidecar};
use crate::recording::{Modality, Raw, SampleRate};

pub mod edf;
pub mod edf_annotations;
pub mod edf_header;
pub mod edf_write;
pub mod error;
mod hdf5_guard;
pub mod npy;
pub mod numeric_table;
pub mod nwb;
pub mod nwb_write;
pub mod roi_table;
pub mod series;
pub mod table;

pub use error::ReadError;
pub use series::{Series, read_series};

/// Reads one recording. ROI series take their rate from the sidecar, which the other formats do not need.
pub fn read(file: &RecordingFile, sidecar: &Sidecar) -> Result<Raw, ReadError> {
    match file.modality {
        Modality::Eeg => Ok(Raw::Signals(edf::EdfRecording::read(&file.path)?.into_signals())),
        Modality::Bold => {
            let rate = scan_rate(sidecar).ok_or_else(|| ReadError::NoScanRate { path: file.path.clone() })?;
            Ok(Raw::Signals(roi_table::read(&file.path, rate)?))
        }
        Modality::Spikes => Ok(Raw::Spikes(nwb::NwbUnits::read(&file.path)?.trains)),
    }
}

/// One volume per repetition time; `SamplingFrequency` is the same said the other way round.
pub(crate) fn scan_rate(sidecar: &Sidecar) -> Option<SampleRate> {
    let hz = sidecar.repetition_time_secs.map(|secs| 1.0 / secs).or(sidecar.sampling_frequency_hz)?;
    SampleRate::from_hz(hz).ok()
}
