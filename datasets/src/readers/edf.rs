//! European Data Format: EDF, EDF+C and EDF+D.
//!
//! Every signal keeps the rate and the 16-bit samples of the file; physical values are made on demand.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::edf_annotations;
use super::edf_header::{BLOCK_BYTES, Continuity, EdfHeader, EdfSignal, n_signals};
use super::error::ReadError;
use crate::recording::{Annotation, Modality, SampleRate, SignalChannel, Signals};

/// A whole EDF file, as digital samples with their scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct EdfRecording {
    pub channels: Vec<EdfChannel>,
    pub annotations: Vec<Annotation>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EdfChannel {
    pub label: String,
    /// "V" where the file gives a voltage, else as written, "a.u." where blank.
    pub unit: String,
    pub sample_rate: SampleRate,
    pub digital: Vec<i16>,
    scaling: Scaling,
}

/// `physical = (digital − digital_min) · gain + physical_min`, all times `to_si`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scaling {
    digital_min: f64,
    physical_min: f64,
    gain: f64,
    to_si: f64,
}

impl EdfChannel {
    /// Samples in `unit`.
    pub fn physical(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        let Scaling { digital_min, physical_min, gain, to_si } = self.scaling;
        self.digital.iter().map(move |&digital| ((f64::from(digital) - digital_min) * gain + physical_min) * to_si)
    }

    /// How far two neighbouring digital values lie apart, in `unit`.
    pub fn digital_step(&self) -> f64 {
        (self.scaling.gain * self.scaling.to_si).abs()
    }
}

impl EdfRecording {
    /// Reads all signals and annotations.
    ///
    /// A record count of −1 is derived from the file's size. A file that is shorter than its header promises is an
    /// error; one that is longer, or has gaps (EDF+D), gives a warning. Needs memory for the samples only.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        let file_bytes = file.metadata().map_err(unreadable)?.len();
        let mut file = BufReader::new(file);
        let mut fill = |bytes: &mut [u8], needed_bytes: u64| match file.read_exact(bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ReadError::Truncated { needed_bytes, found_bytes: file_bytes, path: path.to_owned() })
            }
            Err(source) => Err(ReadError::unreadable(path, source)),
        };

        let mut fixed = [0; BLOCK_BYTES];
        fill(&mut fixed, BLOCK_BYTES as u64)?;
        let mut signal_block = vec![0; BLOCK_BYTES * n_signals(&fixed, path)?];
        let header_bytes = (BLOCK_BYTES + signal_block.len()) as u64;
        fill(&mut signal_block, header_bytes)?;
        let header = EdfHeader::parse(&fixed, &signal_block, path)?;

        let mut warnings = Vec::new();
        let n_records = n_records(&header, header_bytes, file_bytes, path, &mut warnings)?;
        // From here on the file is known to be as long as the header says: it is safe to allocate.
        let n_records = n_records as usize;
        let mut digital: Vec<Vec<i16>> = header
            .signals
            .iter()
            .map(|s| Vec::with_capacity(if s.is_annotations() { 0 } else { s.samples_per_record * n_records }))
            .collect();
        let mut record = vec![0; header.record_bytes() as usize];
        let mut timeline = Timeline::default();
        for _ in 0..n_records {
            fill(&mut record, header_bytes + n_records as u64 * header.record_bytes())?;
            let mut rest = record.as_slice();
            let mut is_time_keeper = true;
            for (signal, digital) in header.signals.iter().zip(&mut digital) {
                let (bytes, after) = rest.split_at(2 * signal.samples_per_record);
                rest = after;
                if signal.is_annotations() {
                    timeline.add(bytes, is_time_keeper);
                    is_time_keeper = false;
                } else {
                    digital.extend(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
                }
            }
        }
        warnings.extend(timeline.warnings(&header));
        let channels = header.signals.iter().zip(digital).filter(|(signal, _)| !signal.is_annotations());
        let channels = channels
            .map(|(signal, digital)| channel(signal, digital, header.record_secs, path, &mut warnings))
            .collect::<Result<Vec<_>, _>>()?;
        warnings.extend(repeated_labels(&channels));
        Ok(Self { channels, annotations: timeline.into_annotations(), warnings })
    }

    /// In SI units, single precision.
    pub fn into_signals(self) -> Signals {
        let channels = self.channels.into_iter().map(|channel| SignalChannel {
            samples: channel.physical().map(|value| value as f32).collect(),
            name: channel.label,
            unit: channel.unit,
            sample_rate: channel.sample_rate,
        });
        Signals {
            annotations: self.annotations,
            warnings: self.warnings,
            ..Signals::unbroken(Modality::Eeg, channels.collect())
        }
    }
}

/// How many records there are, checked against the size of the file.
fn n_records(
    header: &EdfHeader,
    header_bytes: u64,
    file_bytes: u64,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<u64, ReadError> {
    let data_bytes = file_bytes - header_bytes;
    let record_bytes = header.record_bytes();
    if record_bytes == 0 {
        return Ok(0);
    }
    let Some(promised) = header.n_records else {
        let derived = data_bytes / record_bytes;
        warnings.push(format!("The header does not say how many data records there are; the file holds {derived}."));
        return Ok(derived);
    };
    let needed_bytes = header_bytes.saturating_add(promised.saturating_mul(record_bytes));
    if needed_bytes > file_bytes {
        return Err(ReadError::Truncated { needed_bytes, found_bytes: file_bytes, path: path.to_owned() });
    }
    if needed_bytes < file_bytes {
        warnings.push(format!("{} bytes after the last data record were left unread.", file_bytes - needed_bytes));
    }
    Ok(promised)
}

fn channel(
    signal: &EdfSignal,
    digital: Vec<i16>,
    record_secs: f64,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<EdfChannel, ReadError> {
    let label = &signal.label;
    let sample_rate = SampleRate::from_hz(signal.samples_per_record as f64 / record_secs).map_err(|_| {
        ReadError::field(
            format!("a record duration above 0 s and samples for {label}"),
            format!("{} samples in {record_secs} s", signal.samples_per_record),
            path,
        )
    })?;
    let (unit, scaling, warning) = scaling(signal);
    warnings.extend(warning.map(|reason| format!("{label} {reason}")));
    Ok(EdfChannel { label: label.clone(), unit, sample_rate, digital, scaling })
}

/// A signal's unit, how to get there, and what is odd about it.
fn scaling(signal: &EdfSignal) -> (String, Scaling, Option<String>) {
    let [digital_min, digital_max] = signal.digital;
    let [physical_min, physical_max] = signal.physical;
    let gain = (physical_max - physical_min) / (digital_max - digital_min);
    if !gain.is_finite() || gain == 0.0 {
        let unscaled = Scaling { digital_min: 0.0, physical_min: 0.0, gain: 1.0, to_si: 1.0 };
        let reason = "has equal limits, so it cannot be scaled; its values are digital.";
        return ("a.u.".to_owned(), unscaled, Some(reason.to_owned()));
    }
    let scaled = |to_si| Scaling { digital_min, physical_min, gain, to_si };
    match (volts_per(&signal.dimension), signal.dimension.as_str()) {
        (Some(volts), _) => ("V".to_owned(), scaled(volts), None),
        (None, "") => ("a.u.".to_owned(), scaled(1.0), Some("has no unit; its values are as written.".to_owned())),
        (None, unit) => {
            (unit.to_owned(), scaled(1.0), Some(format!("is in {unit}, not a voltage; its values are as written.")))
        }
    }
}

/// Volts in one of `dimension`; `None` where that is no voltage.
fn volts_per(dimension: &str) -> Option<f64> {
    match dimension {
        "V" | "v" | "Volt" | "volt" => Some(1.0),
        "mV" | "mv" | "millivolt" => Some(1e-3),
        // Micro sign, Greek mu, and both as plain ASCII.
        "uV" | "UV" | "uv" | "µV" | "μV" | "microV" | "muV" | "microvolt" => Some(1e-6),
        "nV" | "nv" => Some(1e-9),
        _ => None,
    }
}

fn repeated_labels(channels: &[EdfChannel]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for channel in channels {
        *counts.entry(&channel.label).or_default() += 1;
    }
    let repeated = counts.into_iter().filter(|&(_, n)| n > 1);
    repeated.map(|(label, n)| format!("{n} channels are named {label}.")).collect()
}

/// Start times of the records and the annotations in them.
#[derive(Debug, Default)]
struct Timeline {
    starts_secs: Vec<f64>,
    annotations: Vec<Annotation>,
    n_malformed: usize,
}

impl Timeline {
    /// The first annotation signal of a record says when the record starts.
    fn add(&mut self, bytes: &[u8], is_time_keeper: bool) {
        let found = edf_annotations::parse(bytes);
        if is_time_keeper {
            self.starts_secs.extend(found.start_secs);
        }
        self.annotations.extend(found.annotations);
        self.n_malformed += found.n_malformed;
    }

    fn warnings(&self, header: &EdfHeader) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.n_malformed > 0 {
            warnings.push(format!("{} annotations could not be read.", self.n_malformed));
        }
        if header.continuity == Continuity::Discontinuous {
            let n_gaps =
                self.starts_secs.windows(2).filter(|pair| is_gap(pair[1] - pair[0], header.record_secs)).count();
            if n_gaps > 0 {
                warnings.push(format!(
                    "The recording was interrupted {n_gaps} times; the pieces are joined without their gaps."
                ));
            }
        }
        warnings
    }

    /// Onsets in the file count from a whole second; the first record may start up to a second later.
    fn into_annotations(mut self) -> Vec<Annotation> {
        let first_secs = self.starts_secs.first().copied().unwrap_or(0.0);
        for annotation in &mut self.annotations {
            annotation.onset_secs -= first_secs;
        }
        self.annotations.sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
        self.annotations
    }
}

fn is_gap(between_starts_secs: f64, record_secs: f64) -> bool {
    (between_starts_secs - record_secs).abs() > 1e-3 * record_secs.max(1e-3)
}
