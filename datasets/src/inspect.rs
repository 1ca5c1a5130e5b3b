//! What a recording holds, per channel: the answer of `nullcline inspect`.

mod oddities;
mod units;

use std::path::Path;

use serde::Serialize;

use self::oddities::{bad_stretches, named_otherwise, remarks_on};
use crate::bids::entities::BidsName;
use crate::bids::sidecar;
use crate::readers::Series;
use crate::readers::error::{ReadError, one_line};
use crate::readers::misnamed::explained;
use crate::readers::nifti::NiftiImage;
use crate::readers::number_lines::NumberLines;
use crate::readers::numeric_table::LooseTable;
use crate::readers::sample_store::SampleSink as _;
use crate::readers::sample_summary::SampleSummary;
use crate::readers::series::split_location;
use crate::readers::signal_file::SignalFile;
use crate::readers::{extension_of, open_signals, phy, read_series, read_spikes, scan_rate, spike_text};
use crate::recording::{Annotation, ChannelKind, Modality, Support};
use crate::volumes::{ImageInspection, inspect_image};

pub use self::units::{UnitDetails, UnitsInspection};
pub use crate::readers::outline::Outline;

/// SI units, native rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Such as "EDF", "TSV", "NWB" or "NPY".
    pub format: &'static str,
    pub modality: Option<Modality>,
    /// Of the fastest channels; `None` where the file does not say.
    pub sampling_rate_hz: Option<f64>,
    /// At that rate; `None` for spikes.
    pub n_times: Option<usize>,
    pub channels: Vec<ChannelInspection>,
    /// How many there are.
    pub annotations: usize,
    /// All of them.
    #[serde(rename = "annotation_list", skip_serializing_if = "Vec::is_empty")]
    pub all_annotations: Vec<AnnotationInspection>,
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitsInspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInspection>,
    /// When there was a recording, where the file says so.
    #[serde(skip)]
    pub recorded: Option<Support>,
}

/// A remark in the recording; its onset counts from the first sample, gaps included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnnotationInspection {
    pub onset_s: f64,
    pub duration_s: f64,
    pub text: String,
}

/// Statistics over the finite samples; `None` where there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelInspection {
    pub name: String,
    /// What it measures, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChannelKind>,
    /// By whoever wrote the file; present where it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub marked_bad: bool,
    pub unit: String,
    pub mean: Option<f64>,
    /// Population standard deviation.
    pub std: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The first five samples; missing ones are null.
    pub first: Vec<Option<f64>>,
    /// How many samples are missing or not finite; present where some are.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_missing: usize,
    /// Present where rates differ within the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_rate_hz: Option<f64>,
    #[serde(skip)]
    pub n_samples: usize,
    /// How it goes over time.
    #[serde(skip)]
    pub outline: Outline,
}

/// What [`inspect`] takes.
const KNOWN: &str = "EDF (.edf), BDF (.bdf), GDF (.gdf), BrainVision (.vhdr, .ahdr), EEGLAB (.set), FIF (.fif), tables (.tsv, \
                     .csv), NWB units (.nwb), spike times or columns (.txt), a Phy folder, arrays (.npy, .npz, .mat, .h5), NIfTI \
                     and CIFTI images (.nii, .nii.gz, .hdr)";

/// Reads the whole file, whose format its name tells.
///
/// An array in a file of several is named as in [`read_series`]. Needs memory for one block of a recording, or for the
/// values of a table or an array.
pub fn inspect(path: &Path) -> Result<Inspection, ReadError> {
    by_name(path).map_err(|error| explained(path, error))
}

fn by_name(path: &Path) -> Result<Inspection, ReadError> {
    if path.is_dir() && phy::is_folder(path) {
        return Ok(Inspection::of_spikes("Phy", &phy::read(path)?));
    }
    if NiftiImage::has_name(path) {
        let mut found = inspect_image(path)?;
        if let Ok(sidecar) = sidecar(path) {
            let tr_secs = found.image.as_ref().and_then(|image| image.tr_s);
            found.warnings.extend(tr_secs.and_then(|secs| sidecar.repetition_conflict(secs)));
            found.warnings.extend(sidecar.warnings);
        }
        return Ok(found);
    }
    let (file, _) = split_location(path);
    match extension_of(&file).as_str() {
        "edf" | "rec" | "bdf" | "gdf" | "vhdr" | "ahdr" | "set" | "fif" | "gz" => of_signals(&open_signals(path)?),
        "tsv" => of_table("TSV", path),
        "csv" => of_table("CSV", path),
        "nwb" => Ok(Inspection::of_spikes("NWB", &read_spikes(path)?)),
        "txt" => of_number_lines(path),
        "npy" => Ok(Inspection::of_series("NPY", &read_series(path)?)),
        "npz" => Ok(Inspection::of_series("NPZ", &read_series(path)?)),
        "mat" => Ok(Inspection::of_series("MAT", &read_series(path)?)),
        "h5" | "hdf5" => Ok(Inspection::of_series("HDF5", &read_series(path)?)),
        other => {
            let found = match other {
                "" if path.is_dir() => "a folder without spike_times.npy and params.py".to_owned(),
                "" => "no extension".to_owned(),
                other => format!(".{other}"),
            };
            Err(ReadError::UnknownFormat { known: KNOWN, found, path: path.to_owned() })
        }
    }
}

fn of_signals(file: &SignalFile) -> Result<Inspection, ReadError> {
    let rate_hz = file.channels.iter().map(|channel| channel.sample_rate.hz()).reduce(f64::max);
    let at_rate = file.channels.iter().find(|channel| Some(channel.sample_rate.hz()) == rate_hz);
    let rates_differ = file.channels.iter().any(|channel| Some(channel.sample_rate.hz()) != rate_hz);
    let mut summaries = vec![SampleSummary::default(); file.channels.len()];
    file.stream(&mut summaries)?;
    let channels = file.channels.iter().zip(&summaries).map(|(channel, summary)| ChannelInspection {
        kind: channel.kind,
        marked_bad: channel.marked_bad,
        sampling_rate_hz: rates_differ.then(|| channel.sample_rate.hz()),
        ..ChannelInspection::of(&channel.name, &channel.unit, summary)
    });
    let channels: Vec<ChannelInspection> = channels.collect();
    let mut warnings = file.warnings.clone();
    if let Ok(sidecar) = sidecar(&file.path) {
        warnings.extend(sidecar.warnings.iter().cloned());
        warnings.extend(rate_hz.and_then(|hz| sidecar.rate_conflict(hz)));
    }
    warnings.extend(remarks_on(&channels));
    warnings.extend(bad_stretches(&file.annotations));
    if file.modality() == Modality::Eeg {
        warnings.extend(named_otherwise(&channels));
    }
    let marked: Vec<String> =
        file.channels.iter().filter(|channel| channel.marked_bad).map(|channel| one_line(&channel.name)).collect();
    if !marked.is_empty() {
        warnings.push(format!("Marked bad in the file, and left out of a run: {}.", marked.join(", ")));
    }
    if file.channels.iter().all(|channel| channel.n_samples == 0) {
        warnings.push("The file holds no samples.".to_owned());
    }
    Ok(Inspection {
        modality: Some(file.modality()),
        sampling_rate_hz: rate_hz,
        n_times: Some(at_rate.map_or(0, |channel| channel.n_samples)),
        channels,
        annotations: file.annotations.len(),
        all_annotations: file.annotations.iter().map(AnnotationInspection::of).collect(),
        recorded: Some(file.recorded.clone()),
        warnings,
        ..Inspection::nothing(file.format)
    })
}

/// Spike times where they may be some or the name says so, else columns over time.
fn of_number_lines(path: &Path) -> Result<Inspection, ReadError> {
    let is_called_spikes = BidsName::of(path).is_some_and(|name| name.suffix == "spikes");
    match NumberLines::read(path)?.why_columns().filter(|_| !is_called_spikes) {
        None => Ok(Inspection::of_spikes("spike times", &read_spikes(path)?)),
        Some(reason) => {
            let mut found = Inspection::of_series("text", &read_series(path)?);
            found.warnings.push(format!("Taken for columns over time: {reason}."));
            Ok(found)
        }
    }
}

/// One of spikes where its columns say so, else columns over time.
fn of_table(format: &'static str, path: &Path) -> Result<Inspection, ReadError> {
    let table = LooseTable::read(path)?;
    if spike_text::spike_columns(&table.names).is_some() {
        return Ok(Inspection::of_spikes(format, &read_spikes(path)?));
    }
    let sidecar = sidecar(path)?;
    let rate = scan_rate(&sidecar);
    let mut warnings = table.warnings;
    warnings.extend(sidecar.warnings);
    // Any other table of numbers may be anything, and one with columns of text as well.
    let is_called_series = BidsName::of(path).is_some_and(|name| name.suffix == "timeseries");
    let is_series = (is_called_series || rate.is_some()) && table.columns.iter().all(Option::is_some);
    if rate.is_none() && is_series {
        warnings.push("No sidecar gives RepetitionTime or SamplingFrequency.".to_owned());
    }
    let column = |(name, values): (&String, &Option<Vec<f64>>)| match values {
        Some(values) => ChannelInspection::of_samples(name, "a.u.", values),
        None => ChannelInspection::of_samples(name, "text", &[]),
    };
    let channels: Vec<ChannelInspection> = table.names.iter().zip(&table.columns).map(column).collect();
    warnings.extend(remarks_on(&channels));
    Ok(Inspection {
        modality: is_series.then_some(Modality::Bold),
        sampling_rate_hz: rate.map(|rate| rate.hz()),
        n_times: Some(table.n_rows),
        channels,
        warnings,
        ..Inspection::nothing(format)
    })
}

impl Inspection {
    pub(crate) fn nothing(format: &'static str) -> Self {
        Self {
            format,
            modality: None,
            sampling_rate_hz: None,
            n_times: None,
            channels: Vec::new(),
            annotations: 0,
            all_annotations: Vec::new(),
            warnings: Vec::new(),
            units: None,
            image: None,
            recorded: None,
        }
    }

    /// Of an array over time, in arbitrary units.
    pub fn of_series(format: &'static str, series: &Series) -> Self {
        let n = series.n_channels();
        let channel = |(i, name): (usize, &String)| {
            let column: Vec<f64> = series.values.iter().skip(i).step_by(n).copied().collect();
            ChannelInspection::of_samples(name, "a.u.", &column)
        };
        let channels: Vec<ChannelInspection> = series.names.iter().enumerate().map(channel).collect();
        Self {
            n_times: Some(series.n_times),
            warnings: series.warnings.iter().cloned().chain(remarks_on(&channels)).collect(),
            channels,
            ..Self::nothing(format)
        }
    }
}

impl AnnotationInspection {
    fn of(annotation: &Annotation) -> Self {
        Self { onset_s: annotation.onset_secs, duration_s: annotation.duration_secs, text: annotation.text.clone() }
    }
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl ChannelInspection {
    pub(crate) fn of(name: &str, unit: &str, summary: &SampleSummary) -> Self {
        Self {
            name: name.to_owned(),
            kind: None,
            marked_bad: false,
            unit: unit.to_owned(),
            mean: summary.mean(),
            std: summary.std(),
            min: summary.min(),
            max: summary.max(),
            n_missing: summary.n_samples - summary.n_finite,
            first: summary.first.iter().map(|&value| value.is_finite().then_some(value)).collect(),
            sampling_rate_hz: None,
            n_samples: summary.n_samples,
            outline: summary.outline.clone(),
        }
    }

    fn of_samples(name: &str, unit: &str, samples: &[f64]) -> Self {
        let mut summary = SampleSummary::default();
        summary.take(samples);
        Self::of(name, unit, &summary)
    }
}
