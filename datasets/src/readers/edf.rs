//! European Data Format and its 24-bit sibling of BioSemi: EDF, EDF+C, EDF+D, BDF, BDF+C, BDF+D.
//!
//! Every signal keeps its own rate. Sources: see [`super::edf_header`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::bdf_triggers::{Trigger, TriggerChannel};
use super::edf_annotations;
use super::edf_header::{BLOCK_BYTES, Continuity, EdfHeader, EdfSignal, n_signals};
use super::error::ReadError;
use super::sample_store::{ByteOrder, Bytes, Extent, Run, SampleStore, Scaling};
use super::segments::interruptions;
use super::si_unit::si_unit;
use super::signal_file::{SignalFile, StoredChannel};
use crate::recording::{Annotation, SampleRate, Support};

/// Reads the header and all annotations; the samples stay in the file.
///
/// A record count of −1 is derived from the file's size. A file that is shorter than its header promises is an
/// error; one that is longer, or has gaps (EDF+D, BDF+D), gives a warning. Onsets of annotations count from the
/// first sample, gaps included. The codes in BioSemi's "Status" are annotations as well, and stay a channel.
pub fn open(path: &Path) -> Result<SignalFile, ReadError> {
    let unreadable = |source| ReadError::unreadable(path, source);
    let mut file = File::open(path).map_err(unreadable)?;
    let file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut fill = |at: u64, bytes: &mut [u8], needed_bytes: u64| {
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes)).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ReadError::Truncated { needed_bytes, found_bytes: file_bytes, path: path.to_owned() }
            }
            _ => ReadError::unreadable(path, error),
        })
    };

    let mut fixed = [0; BLOCK_BYTES];
    fill(0, &mut fixed, BLOCK_BYTES as u64)?;
    let mut signal_block = vec![0; BLOCK_BYTES * n_signals(&fixed, path)?];
    let header_bytes = (BLOCK_BYTES + signal_block.len()) as u64;
    fill(BLOCK_BYTES as u64, &mut signal_block, header_bytes)?;
    let header = EdfHeader::parse(&fixed, &signal_block, path)?;

    let mut warnings = Vec::new();
    // From here on the file is known to be as long as the header says: it is safe to allocate.
    let n_records = n_records(&header, header_bytes, file_bytes, path, &mut warnings)? as usize;
    let record_bytes = header.record_bytes() as usize;
    let layout = Layout::of(&header);
    let mut timeline = Timeline::default();
    let mut trigger_channel = TriggerChannel::of(&header);
    for record in 0..n_records {
        let start = header_bytes + (record * record_bytes) as u64;
        for (i, &(offset, n_bytes)) in layout.annotations.iter().enumerate() {
            let mut bytes = vec![0; n_bytes];
            fill(start + offset as u64, &mut bytes, file_bytes)?;
            timeline.add(&bytes, i == 0);
        }
        if let Some(channel) = &mut trigger_channel {
            let mut bytes = vec![0; channel.n_bytes];
            fill(start + channel.offset as u64, &mut bytes, file_bytes)?;
            let step_secs = header.record_secs / channel.samples_per_record as f64;
            let at = |trigger: &Trigger| (record, trigger.sample as f64 * step_secs, trigger.code);
            timeline.triggers.extend(channel.next(&bytes).iter().map(at));
        }
    }
    timeline.annotate_triggers(header.record_secs, n_records);
    let channels = header.signals.iter().filter(|signal| !signal.is_annotations());
    let channels = channels
        .map(|signal| channel(signal, n_records, header.record_secs, path, &mut warnings))
        .collect::<Result<Vec<_>, _>>()?;
    warnings.extend(repeated_names(&channels));
    let recorded = timeline.recorded(&header, n_records, &mut warnings);
    warnings.extend(timeline.warnings(&recorded));
    let extent = Extent { start_byte: header_bytes, n_records, record_bytes, runs: layout.runs.into() };
    Ok(SignalFile {
        path: path.to_owned(),
        format: header.family.name(),
        channels,
        annotations: timeline.into_annotations(),
        recorded,
        warnings,
        samples: vec![SampleStore {
            bytes: Bytes::File(path.to_owned()),
            order: ByteOrder::Little,
            extents: vec![extent],
        }],
    })
}

/// Where in a data record the signals are, and where the annotations.
struct Layout {
    runs: Vec<Run>,
    /// Offset and length in bytes.
    annotations: Vec<(usize, usize)>,
}

impl Layout {
    fn of(header: &EdfHeader) -> Self {
        let sample_type = header.family.sample_type();
        let mut layout = Self { runs: Vec::new(), annotations: Vec::new() };
        let mut offset_bytes = 0;
        for signal in &header.signals {
            let n_samples = signal.samples_per_record;
            let n_bytes = n_samples * sample_type.bytes();
            if signal.is_annotations() {
                layout.annotations.push((offset_bytes, n_bytes));
            } else {
                layout.runs.push(Run { channel: layout.runs.len(), offset_bytes, n_samples, sample_type });
            }
            offset_bytes += n_bytes;
        }
        layout
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
    n_records: usize,
    record_secs: f64,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<StoredChannel, ReadError> {
    let label = &signal.label;
    let sample_rate = SampleRate::from_hz(signal.samples_per_record as f64 / record_secs).map_err(|_| {
        ReadError::field(
            format!("a record duration above 0 s and samples for {label}"),
            format!("{} samples in {record_secs} s", signal.samples_per_record),
            path,
        )
    })?;
    let n_samples = signal.samples_per_record * n_records;
    let (unit, scaling, warning) = linear_scaling(signal.digital, signal.physical, &signal.dimension);
    warnings.extend(warning.map(|reason| format!("{label} {reason}")));
    Ok(StoredChannel { name: label.clone(), kind: None, marked_bad: false, unit, sample_rate, n_samples, scaling })
}

/// A signal's unit, how to get there from what is stored, and what is odd about it.
///
/// `physical = (digital − digital_min) · (physical_max − physical_min) / (digital_max − digital_min) + physical_min`
pub(super) fn linear_scaling(
    [digital_min, digital_max]: [f64; 2],
    [physical_min, physical_max]: [f64; 2],
    dimension: &str,
) -> (String, Scaling, Option<String>) {
    let gain = (physical_max - physical_min) / (digital_max - digital_min);
    if !gain.is_finite() || gain == 0.0 {
        let reason = "has equal limits, so it cannot be scaled; its values are digital.";
        return ("a.u.".to_owned(), Scaling::NONE, Some(reason.to_owned()));
    }
    let scaled = |to_si| Scaling { zero: digital_min, gain: gain * to_si, offset: physical_min * to_si };
    match (si_unit(dimension), dimension) {
        (Some((unit, to_si)), _) => (unit.to_owned(), scaled(to_si), None),
        (None, "") => ("a.u.".to_owned(), scaled(1.0), Some("has no unit; its values are as written.".to_owned())),
        (None, unit) => {
            let reason = format!("is in {unit}, which is no SI unit known here; its values are as written.");
            (unit.to_owned(), scaled(1.0), Some(reason))
        }
    }
}

/// Names that stand for more than one channel, one sentence each.
pub(super) fn repeated_names(channels: &[StoredChannel]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for channel in channels {
        *counts.entry(&channel.name).or_default() += 1;
    }
    let repeated = counts.into_iter().filter(|&(_, n)| n > 1);
    repeated.map(|(name, n)| format!("{n} channels are named {name}.")).collect()
}

/// Start times of the records and the annotations in them.
#[derive(Debug, Default)]
struct Timeline {
    starts_secs: Vec<f64>,
    annotations: Vec<Annotation>,
    n_malformed: usize,
    /// Record, seconds from its start, code.
    triggers: Vec<(usize, f64, u16)>,
}

impl Timeline {
    /// Codes are annotations too, as decimal numbers.
    fn annotate_triggers(&mut self, record_secs: f64, n_records: usize) {
        let is_timed = self.starts_secs.len() == n_records;
        for (record, secs, code) in std::mem::take(&mut self.triggers) {
            let untimed = || self.first_secs() + record as f64 * record_secs;
            let start_secs = if is_timed { self.starts_secs[record] } else { untimed() };
            let onset_secs = start_secs + secs;
            self.annotations.push(Annotation { onset_secs, duration_secs: 0.0, text: code.to_string() });
        }
    }

    /// The first annotation signal of a record says when the record starts.
    fn add(&mut self, bytes: &[u8], is_time_keeper: bool) {
        let found = edf_annotations::parse(bytes);
        if is_time_keeper {
            self.starts_secs.extend(found.start_secs);
        }
        self.annotations.extend(found.annotations);
        self.n_malformed += found.n_malformed;
    }

    /// Records in a row are one stretch; only discontinuous files have more.
    fn recorded(&self, header: &EdfHeader, n_records: usize, warnings: &mut Vec<String>) -> Support {
        let record_secs = header.record_secs;
        let unbroken = Support::between(0.0, n_records as f64 * record_secs);
        if header.continuity == Continuity::Contiguous {
            return unbroken;
        }
        let n_timed = self.starts_secs.len();
        let is_overlap = |pair: &[f64]| pair[1] - pair[0] < record_secs && !is_next(pair[0], pair[1], record_secs);
        if n_timed != n_records || self.starts_secs.windows(2).any(is_overlap) {
            warnings.push(format!(
                "The recording may have gaps, but {n_timed} of its {n_records} data records say when they start, not \
                 always one after the other; it is taken as unbroken."
            ));
            return unbroken;
        }
        let mut stretches: Vec<[f64; 2]> = Vec::new();
        for (i, start) in self.starts_secs.iter().map(|start| start - self.first_secs()).enumerate() {
            match stretches.last_mut() {
                // Counted rather than added up, so that whole samples stay whole.
                Some(stretch) if is_next(self.starts_secs[i - 1], self.starts_secs[i], record_secs) => {
                    let n = ((stretch[1] - stretch[0]) / record_secs).round() + 1.0;
                    stretch[1] = stretch[0] + n * record_secs;
                }
                _ => stretches.push([start, start + record_secs]),
            }
        }
        let recorded = Support::new(stretches);
        warnings.extend(interruptions(recorded.gaps().intervals_secs().len()));
        recorded
    }

    fn warnings(&self, recorded: &Support) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.n_malformed > 0 {
            warnings.push(format!("{} annotations could not be read.", self.n_malformed));
        }
        if let Some([start_secs, stop_secs]) = recorded.span_secs() {
            let first_secs = self.first_secs();
            let is_outside = |a: &&Annotation| !(start_secs..=stop_secs).contains(&(a.onset_secs - first_secs));
            match self.annotations.iter().filter(is_outside).count() {
                0 => {}
                n => warnings.push(format!("{n} annotations lie outside the {stop_secs} s of the recording.")),
            }
        }
        warnings
    }

    fn first_secs(&self) -> f64 {
        self.starts_secs.first().copied().unwrap_or(0.0)
    }

    /// Onsets in the file count from a whole second; the first record may start up to a second later.
    fn into_annotations(mut self) -> Vec<Annotation> {
        let first_secs = self.first_secs();
        for annotation in &mut self.annotations {
            annotation.onset_secs -= first_secs;
        }
        self.annotations.sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
        self.annotations
    }
}

fn is_next(before_secs: f64, start_secs: f64, record_secs: f64) -> bool {
    (start_secs - before_secs - record_secs).abs() <= 1e-3 * record_secs.max(1e-3)
}
