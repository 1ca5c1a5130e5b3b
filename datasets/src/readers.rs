//! File formats, each read by its own module into SI units.

use std::path::Path;

use crate::bids::{RecordingFile, Sidecar, sidecar};
use crate::recording::{Modality, Raw, SampleRate, SpikeTrains};

mod bdf_triggers;
pub mod brainvision;
mod brainvision_ascii;
mod brainvision_ini;
mod brainvision_markers;
pub mod cifti;
pub mod confounds;
mod delimited;
pub mod edf;
pub mod edf_annotations;
pub mod edf_header;
pub mod edf_write;
pub mod eeglab;
mod eeglab_hdf5;
mod eeglab_mat5;
pub mod error;
pub mod fif;
mod fif_channel;
mod fif_content;
mod fif_tags;
pub mod gdf;
mod hdf5_filters;
mod hdf5_guard;
mod hdf5_numbers;
mod hdf5_texts;
mod large_buffer;
pub mod mat5;
mod mat5_elements;
pub(crate) mod misnamed;
pub mod nifti;
mod nifti_datatype;
pub mod nifti_header;
mod nifti_orientation;
mod nifti_values;
pub mod nifti_write;
pub mod npy;
pub mod npy_write;
pub mod npz;
pub mod number_lines;
pub mod numeric_table;
pub mod nwb;
mod nwb_contents;
mod nwb_table;
pub mod nwb_write;
pub mod outline;
pub mod phy;
pub mod roi_table;
pub mod sample_store;
pub mod sample_summary;
mod sample_type;
mod segments;
pub mod series;
mod si_unit;
pub mod signal_file;
pub mod spike_text;
pub mod table;

use misnamed::explained;

pub use error::ReadError;
pub use series::{Series, read_series};
pub use signal_file::SignalFile;

/// Reads one recording. ROI series take their rate from the sidecar, which the other formats do not need.
pub fn read(file: &RecordingFile, sidecar: &Sidecar) -> Result<Raw, ReadError> {
    match file.modality {
        Modality::Eeg | Modality::Meg => Ok(Raw::Signals(open_signals(&file.path)?.into_signals()?)),
        Modality::Bold => {
            let rate = scan_rate(sidecar).ok_or_else(|| ReadError::NoScanRate { path: file.path.clone() })?;
            Ok(Raw::Signals(roi_table::read(&file.path, rate)?))
        }
        Modality::Spikes => Ok(Raw::Spikes(read_spikes(&file.path)?)),
    }
}

/// Opens a recording of EEG or MEG, whose format its extension tells; the samples are read on demand.
pub fn open_signals(path: &Path) -> Result<SignalFile, ReadError> {
    let mut file = open_by_extension(path).map_err(|error| explained(path, error))?;
    file.end_stretches_at_joins();
    Ok(file)
}

fn open_by_extension(path: &Path) -> Result<SignalFile, ReadError> {
    match extension_of(path).as_str() {
        "edf" | "bdf" | "rec" => edf::open(path),
        "gdf" => gdf::open(path),
        "vhdr" | "ahdr" => brainvision::open(path),
        "set" => eeglab::open(path),
        "fif" => fif::open(path),
        "gz" if path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|ext| ext == "fif")) => {
            fif::open(path)
        }
        other => Err(ReadError::UnknownFormat {
            known: "EDF (.edf), BDF (.bdf), GDF (.gdf), BrainVision (.vhdr, .ahdr), EEGLAB (.set), FIF (.fif)",
            found: if other.is_empty() { "no extension".to_owned() } else { format!(".{other}") },
            path: path.to_owned(),
        }),
    }
}

/// Reads sorted units: NWB, a folder of Phy or KiloSort, plain text, or a table of units and times.
pub fn read_spikes(path: &Path) -> Result<SpikeTrains, ReadError> {
    if path.is_dir() {
        return phy::read(path);
    }
    let trains = match extension_of(path).as_str() {
        "nwb" => nwb::read(path),
        "tsv" | "csv" => spike_text::read_table(path, time_unit(path)?.as_deref()),
        "txt" => spike_text::read_lines(path),
        other => Err(ReadError::UnknownFormat {
            known: "NWB units (.nwb), a Phy folder, spike times (.txt, .tsv, .csv)",
            found: if other.is_empty() { "no extension".to_owned() } else { format!(".{other}") },
            path: path.to_owned(),
        }),
    };
    trains.map_err(|error| explained(path, error))
}

/// The `Units` that a sidecar gives for the column of spike times.
fn time_unit(path: &Path) -> Result<Option<String>, ReadError> {
    let sidecar = sidecar(path)?;
    let mut columns = sidecar.fields.iter().filter(|(name, _)| name.to_ascii_lowercase().contains("time"));
    Ok(columns.find_map(|(_, column)| column.get("Units")?.as_str().map(str::to_owned)))
}

/// In lower case; empty where there is none.
pub(crate) fn extension_of(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// One volume per repetition time; `SamplingFrequency` is the same said the other way round.
pub(crate) fn scan_rate(sidecar: &Sidecar) -> Option<SampleRate> {
    let hz = sidecar.repetition_time_secs.map(|secs| 1.0 / secs).or(sidecar.sampling_frequency_hz)?;
    SampleRate::from_hz(hz).ok()
}
