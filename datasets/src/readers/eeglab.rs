//! EEGLAB data sets: `.set` as a MAT-file of version 5 or 7.3, with its samples inside or in a `.fdt` beside it.
//!
//! Source: EEGLAB, "The EEG structure", <https://eeglab.org/tutorials/ConceptsGuide/Data_Structures.html>. EEGLAB
//! keeps potentials in microvolts and counts latencies in samples from 1, over all epochs in a row.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::edf::repeated_names;
use super::error::{ReadError, one_line};
use super::sample_store::{ByteOrder, Bytes, Extent, SampleStore, SampleType, Scaling};
use super::segments::{Break, Segments};
use super::signal_file::{SignalFile, StoredChannel};
use super::{eeglab_hdf5, eeglab_mat5};
use crate::recording::{Annotation, ChannelKind, SampleRate};

/// What the EEG structure says, from either kind of MAT-file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EegStructure {
    pub n_channels: f64,
    /// In an epoch.
    pub n_points: f64,
    pub n_epochs: f64,
    pub rate_hz: f64,
    pub data: EegData,
    /// Empty where no channel has a name.
    pub labels: Vec<String>,
    /// What each channel measures, as written; empty where no channel says.
    pub kinds: Vec<String>,
    pub events: Vec<EegEvent>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum EegData {
    /// A file beside this one.
    Named(String),
    /// `[channel, time, epoch]` in column-major order.
    Inside { n_values: usize, sample_type: SampleType, order: ByteOrder, bytes: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct EegEvent {
    pub kind: String,
    /// In samples, from 1; may lie between samples.
    pub latency: f64,
    /// In samples; NaN where the file does not say.
    pub duration: f64,
}

const MICROVOLT: f64 = 1e-6;
/// What EEGLAB calls the event that it leaves where samples were cut out.
const BOUNDARY: &str = "boundary";

/// Reads the structure; samples in a file of their own stay there.
///
/// Events become annotations, with their onset in seconds and their type as text. Where samples were cut out (a
/// "boundary" event) one stretch ends, and the next begins after as many samples as the event says were cut, or one.
/// Epochs are such stretches too, one sample apart, since their times in the recording are not kept. Channels
/// without names are numbered `EEG 000`, as MNE does. Fails where the counts of the structure do not fit the samples.
pub fn open(path: &Path) -> Result<SignalFile, ReadError> {
    let structure = if is_hdf5(path)? { eeglab_hdf5::read(path)? } else { eeglab_mat5::read(path)? };
    let mut warnings = Vec::new();
    let whole = |value: f64, field: &str| match value {
        n if n >= 1.0 && n.fract() == 0.0 && n < 1e12 => Ok(n as u64),
        other => Err(ReadError::field(format!("a whole number above 0 as EEG.{field}"), other.to_string(), path)),
    };
    let n_channels = whole(structure.n_channels, "nbchan")?;
    let n_points = whole(structure.n_points, "pnts")?;
    let n_epochs = whole(structure.n_epochs, "trials")?;
    let sample_rate = SampleRate::from_hz(structure.rate_hz)
        .map_err(|_| ReadError::field("EEG.srate above 0 Hz", structure.rate_hz.to_string(), path))?;
    let n_values = n_channels.saturating_mul(n_points).saturating_mul(n_epochs);
    let samples =
        samples(structure.data, [n_channels, n_points.saturating_mul(n_epochs)], n_values, path, &mut warnings)?;
    // The samples are there, so all counts are honest now.
    let (n_points, n_epochs) = (n_points as usize, n_epochs as usize);
    let n_times = n_points * n_epochs;

    let step_secs = sample_rate.step_secs();
    let breaks = match n_epochs {
        1 => {
            structure.events.iter().filter(|event| event.kind == BOUNDARY).map(|event| cut(event, step_secs)).collect()
        }
        _ => (1..n_epochs).map(|epoch| Break { first: epoch * n_points, gap_secs: None }).collect(),
    };
    let segments = Segments::new(n_times, step_secs, breaks);
    if n_epochs > 1 {
        let millis = (n_points as f64 * step_secs * 1e3).round();
        warnings.push(format!("{n_epochs} epochs of {} s were joined.", millis / 1e3));
    } else {
        warnings.extend(segments.warning());
    }
    let annotations = structure.events.iter().filter(|event| event.latency.is_finite()).map(|event| Annotation {
        onset_secs: segments.secs(event.latency - 1.0),
        duration_secs: if event.duration > 0.0 { event.duration * step_secs } else { 0.0 },
        text: event.kind.clone(),
    });
    let annotations: Vec<Annotation> = annotations.collect();
    if annotations.len() < structure.events.len() {
        warnings.push(format!("{} events have no latency.", structure.events.len() - annotations.len()));
    }
    let names = names(structure.labels, n_channels as usize, &mut warnings);
    let kinds = structure.kinds.iter().map(|kind| ChannelKind::of_type(kind)).chain(std::iter::repeat(None));
    let channel = |(name, kind)| StoredChannel {
        name,
        kind,
        marked_bad: false,
        unit: "V".to_owned(),
        sample_rate,
        n_samples: n_times,
        scaling: Scaling::by(MICROVOLT),
    };
    let channels: Vec<StoredChannel> = names.into_iter().zip(kinds).map(channel).collect();
    warnings.extend(repeated_names(&channels));
    Ok(SignalFile {
        path: path.to_owned(),
        format: "EEGLAB",
        channels,
        annotations,
        recorded: segments.support(),
        warnings,
        samples: vec![samples],
    })
}

fn is_hdf5(path: &Path) -> Result<bool, ReadError> {
    // HDF5 in a MAT-file starts after 512 bytes of MATLAB's own.
    let mut head = Vec::new();
    let file = File::open(path).map_err(|source| ReadError::unreadable(path, source))?;
    file.take(520).read_to_end(&mut head).map_err(|source| ReadError::unreadable(path, source))?;
    let signature = b"\x89HDF\r\n\x1a\n";
    Ok(head.starts_with(signature) || head.get(512..) == Some(signature))
}

/// A boundary lies between samples: the one after it is the first of the next stretch.
fn cut(event: &EegEvent, step_secs: f64) -> Break {
    let gap_secs = (event.duration > 0.0).then_some(event.duration * step_secs);
    Break { first: (event.latency - 1.0).ceil().max(0.0) as usize, gap_secs }
}

fn names(labels: Vec<String>, n: usize, warnings: &mut Vec<String>) -> Vec<String> {
    let number = |i: usize| format!("EEG {i:03}");
    if labels.len() != n {
        warnings.push(match labels.len() {
            0 => "The channels have no names; they are numbered.".to_owned(),
            found => format!("{found} names for {n} channels; they are numbered instead."),
        });
        return (0..n).map(number).collect();
    }
    let n_nameless = labels.iter().filter(|label| label.is_empty()).count();
    if n_nameless > 0 {
        warnings.push(format!("{n_nameless} of {n} channels have no name; they are numbered."));
    }
    let named = |(i, label): (usize, String)| if label.is_empty() { number(i) } else { label };
    labels.into_iter().enumerate().map(named).collect()
}

fn samples(
    data: EegData,
    [n_channels, n_times]: [u64; 2],
    n_values: u64,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<SampleStore, ReadError> {
    match data {
        EegData::Inside { n_values: found, sample_type, order, bytes } => {
            if found as u64 != n_values {
                return Err(ReadError::field(
                    format!("{n_values} samples in EEG.data, as nbchan, pnts and trials say"),
                    found.to_string(),
                    path,
                ));
            }
            let extent = Extent::multiplexed(0, n_times as usize, n_channels as usize, sample_type);
            Ok(SampleStore { bytes: Bytes::Memory(bytes), order, extents: vec![extent] })
        }
        EegData::Named(name) => {
            let beside = beside(path, &name, warnings).ok_or_else(|| {
                let needed = format!("the samples in {}, which EEG.data names", one_line(&name));
                ReadError::field(needed, "no such file beside it", path)
            })?;
            let found_bytes = fs::metadata(&beside).map_err(|source| ReadError::unreadable(&beside, source))?.len();
            let needed_bytes = n_values.saturating_mul(SampleType::F32.bytes() as u64);
            if needed_bytes > found_bytes {
                return Err(ReadError::Truncated { needed_bytes, found_bytes, path: beside });
            }
            if needed_bytes < found_bytes {
                warnings.push(format!("{} bytes after the last sample were left unread.", found_bytes - needed_bytes));
            }
            let is_dat = beside.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("dat"));
            // The older `.dat` has one channel after the other.
            let arrangement = if is_dat { Extent::vectorized } else { Extent::multiplexed };
            let extent = arrangement(0, n_times as usize, n_channels as usize, SampleType::F32);
            Ok(SampleStore { bytes: Bytes::File(beside), order: ByteOrder::Little, extents: vec![extent] })
        }
    }
}

/// The file called `name`, or one with the name of the `.set` where both were renamed together.
fn beside(path: &Path, name: &str, warnings: &mut Vec<String>) -> Option<PathBuf> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let as_named = path.with_file_name(name);
    if !name.is_empty() && as_named.is_file() {
        return Some(as_named);
    }
    let renamed = ["fdt", "dat"].map(|ext| path.with_extension(ext)).into_iter().find(|path| path.is_file())?;
    warnings.push(format!(
        "EEG.data names {}, which is not there; {} was read in its place.",
        one_line(name),
        renamed.file_name().unwrap_or_default().to_string_lossy()
    ));
    Some(renamed)
}
