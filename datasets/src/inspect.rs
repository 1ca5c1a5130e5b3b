//! What a recording holds, per channel: the answer of `nullcline inspect`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::bids::sidecar;
use crate::readers::error::ReadError;
use crate::readers::nifti::NiftiImage;
use crate::readers::npy::NpyArray;
use crate::readers::numeric_table::{Header, NumericTable};
use crate::readers::nwb;
use crate::readers::sample_summary::SampleSummary;
use crate::readers::signal_file::SignalFile;
use crate::readers::{open_signals, scan_rate};
use crate::recording::{Modality, SpikeTrains};
use crate::volumes::{ImageInspection, inspect_image};

/// SI units, native rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// "EDF", "TSV", "CSV", "NWB", "NPY", "NIfTI-1", "NIfTI-2" or "CIFTI-2".
    pub format: &'static str,
    pub modality: Option<Modality>,
    /// Of most channels; `None` where the file does not say.
    pub sampling_rate_hz: Option<f64>,
    /// At that rate; `None` for spikes.
    pub n_times: Option<usize>,
    pub channels: Vec<ChannelInspection>,
    /// How many there are.
    pub annotations: usize,
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitsInspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInspection>,
}

/// Statistics over the finite samples; `None` where there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelInspection {
    pub name: String,
    pub unit: String,
    pub mean: Option<f64>,
    /// Population standard deviation.
    pub std: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The first five samples; missing ones are null.
    pub first: Vec<Option<f64>>,
    /// Present where rates differ within the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_rate_hz: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitsInspection {
    pub n: usize,
    pub n_spikes: Vec<usize>,
    /// `None` for a unit without spikes.
    pub first_spike_s: Vec<Option<f64>>,
    pub trials: usize,
}

/// Reads the whole file, whose format its extension tells: EDF, TSV or CSV of ROI series, NWB units, NPY.
pub fn inspect(path: &Path) -> Result<Inspection, ReadError> {
    let extension = path.extension().map(|ext| ext.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "edf" | "rec" | "bdf" | "gdf" | "vhdr" | "ahdr" | "set" | "fif" => of_signals(&open_signals(path)?),
        "tsv" => of_table("TSV", path),
        "csv" => of_table("CSV", path),
        "nwb" => Ok(of_units(&nwb::read(path)?)),
        "npy" => of_array(path),
        _ if NiftiImage::has_name(path) => inspect_image(path),
        _ => Err(ReadError::UnknownFormat {
            known: "EDF (.edf), BDF (.bdf), GDF (.gdf), BrainVision (.vhdr, .ahdr), EEGLAB (.set), FIF (.fif), ROI series (.tsv, .csv), NWB units (.nwb), NumPy arrays (.npy), NIfTI and CIFTI images (.nii, .nii.gz, .hdr)",
            found: if extension.is_empty() { "no extension".to_owned() } else { format!(".{extension}") },
            path: path.to_owned(),
        }),
    }
}

fn of_signals(file: &SignalFile) -> Result<Inspection, ReadError> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for channel in &file.channels {
        *counts.entry(channel.sample_rate.hz().to_bits()).or_default() += 1;
    }
    let rates_differ = counts.len() > 1;
    let rate_hz = counts.into_iter().max_by_key(|&(_, n)| n).map(|(bits, _)| f64::from_bits(bits));
    let at_rate = file.channels.iter().find(|channel| Some(channel.sample_rate.hz()) == rate_hz);
    let mut summaries = vec![SampleSummary::default(); file.channels.len()];
    file.stream(&mut summaries)?;
    let channels = file.channels.iter().zip(summaries).map(|(channel, summary)| ChannelInspection {
        name: channel.name.clone(),
        unit: channel.unit.clone(),
        mean: summary.mean(),
        std: summary.std(),
        min: summary.min(),
        max: summary.max(),
        first: summary.first.iter().map(|&value| value.is_finite().then_some(value)).collect(),
        sampling_rate_hz: rates_differ.then(|| channel.sample_rate.hz()),
    });
    Ok(Inspection {
        format: file.format,
        modality: Some(Modality::Eeg),
        sampling_rate_hz: rate_hz,
        n_times: Some(at_rate.map_or(0, |channel| channel.n_samples)),
        channels: channels.collect(),
        annotations: file.annotations.len(),
        warnings: file.warnings.clone(),
        units: None,
        image: None,
    })
}

fn of_table(format: &'static str, path: &Path) -> Result<Inspection, ReadError> {
    let table = NumericTable::read(path, Header::Required)?;
    let rate = scan_rate(&sidecar(path)?);
    let warnings = match rate {
        Some(_) => Vec::new(),
        None => vec!["No sidecar gives RepetitionTime or SamplingFrequency.".to_owned()],
    };
    Ok(Inspection {
        format,
        modality: Some(Modality::Bold),
        sampling_rate_hz: rate.map(|rate| rate.hz()),
        n_times: Some(table.n_rows),
        channels: columns(&table.column_names(), &table.values),
        annotations: 0,
        warnings,
        units: None,
        image: None,
    })
}

fn of_array(path: &Path) -> Result<Inspection, ReadError> {
    let array = NpyArray::read(path)?;
    let names: Vec<String> = (1..=array.n_columns).map(|i| format!("x{i}")).collect();
    Ok(Inspection {
        format: "NPY",
        modality: None,
        sampling_rate_hz: None,
        n_times: Some(array.n_rows),
        channels: columns(&names, &array.values),
        annotations: 0,
        warnings: Vec::new(),
        units: None,
        image: None,
    })
}

fn of_units(trains: &SpikeTrains) -> Inspection {
    let units = trains.units();
    Inspection {
        format: "NWB",
        modality: Some(Modality::Spikes),
        sampling_rate_hz: None,
        n_times: None,
        channels: Vec::new(),
        annotations: 0,
        warnings: trains.warnings.clone(),
        units: Some(UnitsInspection {
            n: units.len(),
            n_spikes: units.iter().map(|unit| unit.n_spikes()).collect(),
            first_spike_s: units.iter().map(|unit| trains.spikes_of(unit).first().copied()).collect(),
            trials: trains.trials.len(),
        }),
        image: None,
    }
}

/// `values: [time, channel]`, row-major, in arbitrary units.
fn columns(names: &[String], values: &[f64]) -> Vec<ChannelInspection> {
    let n = names.len();
    let column = |i: usize| move || values.iter().skip(i).step_by(n).copied();
    names.iter().enumerate().map(|(i, name)| ChannelInspection::of(name, "a.u.", column(i))).collect()
}

impl ChannelInspection {
    fn of<I: Iterator<Item = f64>>(name: &str, unit: &str, samples: impl Fn() -> I) -> Self {
        let finite = || samples().filter(|value| value.is_finite());
        let n = finite().count() as f64;
        let known = |value: f64| (n > 0.0).then_some(value);
        let mean = finite().sum::<f64>() / n;
        let variance = finite().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            mean: known(mean),
            std: known(variance.sqrt()),
            min: finite().reduce(f64::min),
            max: finite().reduce(f64::max),
            first: samples().take(5).map(|value| value.is_finite().then_some(value)).collect(),
            sampling_rate_hz: None,
        }
    }
}
