//! Raw data in FIF, the format of MEGIN (Elekta Neuromag) and of MNE.
//!
//! Source: Elekta Neuromag, "Functional Image File Format Description", and the dictionary of tags at
//! <https://github.com/mne-tools/fiff-constants>. A file is a list of tags, each with a kind, a type, a size and the
//! place of the next; block tags make it a tree. All numbers are big-endian.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::edf::repeated_names;
use super::error::{ReadError, one_line};
use super::fif_tags::{Tag, Tags};
use super::sample_store::{ByteOrder, Bytes, Extent, Run, SampleStore, SampleType, Scaling};
use super::segments::{Break, Segments};
use super::signal_file::{SignalFile, StoredChannel};
use super::table::latin1;
use crate::recording::{Annotation, SampleRate};

/// Reads the channels, the annotations and where the data buffers lie; the samples stay in the file.
///
/// Values are the stored ones times `range · cal` of their channel, in the unit that the file names, as MNE has them.
/// Buffers that were skipped while recording are a gap between two stretches (MNE fills it with zeros). Channels
/// marked bad are named in a warning and kept. A recording that was split because no file may be longer than 2 GB is
/// read to its end; where a part is missing, up to there, with a warning. `.fif.gz` is decompressed into memory. Fails
/// where there are no raw data, and where the parts have not the same channels.
pub fn open(path: &Path) -> Result<SignalFile, ReadError> {
    let first = Part::open(path)?;
    let mut following: Vec<Part> = Vec::new();
    let mut warnings = Vec::new();
    while let Some(next) = following.last().unwrap_or(&first).next_path() {
        let is_known = next == first.path || following.iter().any(|part| part.path == next);
        if is_known || !next.is_file() {
            let name = next.file_name().unwrap_or_default().to_string_lossy().into_owned();
            warnings.push(format!("The recording goes on in {}, which was not read.", one_line(&name)));
            break;
        }
        following.push(Part::open(&next)?);
    }
    joined(first, following, warnings)
}

/// One file of a recording.
struct Part {
    path: PathBuf,
    content: Content,
    bytes: Bytes,
}

impl Part {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let mut tags = Tags::open(path)?;
        let mut content = Content::default();
        let mut blocks = Vec::new();
        while let Some(tag) = tags.next()? {
            match tag.kind {
                BLOCK_START => blocks.push(tags.int(&tag)?),
                BLOCK_END => {
                    if blocks.pop() == Some(REFERENCE) {
                        content.end_reference();
                    }
                }
                _ => content.take(&tag, blocks.last().copied().unwrap_or(0), &mut tags)?,
            }
        }
        let bytes = tags.into_bytes();
        Ok(Self { path: path.to_owned(), content, bytes })
    }

    /// Beside this one, under the name that it gives; else numbered, `a.fif`, `a-1.fif`, `a-2.fif`.
    fn next_path(&self) -> Option<PathBuf> {
        let next = self.content.next.as_ref()?;
        if let Some(name) = &next.name {
            return Some(self.path.with_file_name(name.rsplit(['/', '\\']).next().unwrap_or(name)));
        }
        let number = next.number?;
        let name = self.path.file_name()?.to_str()?;
        let (stem, endings) = name.split_once('.')?;
        let unnumbered = match stem.rsplit_once('-') {
            Some((base, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => base,
            _ => stem,
        };
        Some(self.path.with_file_name(format!("{unnumbered}-{number}.{endings}")))
    }
}

const BLOCK_START: i32 = 104;
const BLOCK_END: i32 = 105;
// Blocks.
const MEASUREMENT_INFO: i32 = 101;
const RAW_DATA: i32 = 102;
const CONTINUOUS_DATA: i32 = 112;
const CHANNEL_INFO: i32 = 113;
const ACTIVE_SHIELDING_DATA: i32 = 119;
const REFERENCE: i32 = 118;
const BAD_CHANNELS: i32 = 359;
const EVENTS: i32 = 361;
const ANNOTATIONS: i32 = 3810;

/// What the tags say, in the order they come.
#[derive(Default)]
struct Content {
    n_channels: Option<i32>,
    rate_hz: Option<f32>,
    /// Seconds and microseconds.
    start: Option<[i32; 2]>,
    channels: Vec<ChannelInfo>,
    long_names: Vec<String>,
    bad_channels: Vec<String>,
    first_sample: i32,
    buffers: Vec<Buffer>,
    /// Buffers skipped since the last one.
    n_skipped: i32,
    annotations: AnnotationLists,
    n_event_values: usize,
    reference: Reference,
    next: Option<Reference>,
    is_actively_shielded: bool,
}

/// To another file of the same recording.
#[derive(Default)]
struct Reference {
    role: Option<i32>,
    name: Option<String>,
    number: Option<i32>,
}

#[derive(Default)]
struct AnnotationLists {
    onsets_secs: Vec<f64>,
    ends_secs: Vec<f64>,
    texts: Vec<String>,
    /// Seconds since 1970, where onsets count from.
    origin_secs: Option<f64>,
}

#[derive(PartialEq)]
struct ChannelInfo {
    name: String,
    unit: String,
    gain: f64,
}

struct Buffer {
    at: u64,
    n_bytes: u64,
    sample_type: SampleType,
    n_skipped_before: i32,
}

impl Content {
    fn take(&mut self, tag: &Tag, block: i32, tags: &mut Tags) -> Result<(), ReadError> {
        match (block, tag.kind) {
            (MEASUREMENT_INFO, 200) => self.n_channels = Some(tags.int(tag)?),
            (MEASUREMENT_INFO, 201) => self.rate_hz = Some(f32::from_bits(tags.int(tag)? as u32)),
            (MEASUREMENT_INFO, 203) => self.channels.push(channel_info(&tags.bytes(tag)?, tag, tags)?),
            (MEASUREMENT_INFO, 204) => {
                let bytes = tags.bytes(tag)?;
                self.start = bytes.as_chunks::<4>().0.get(..2).map(|pair| [int(&pair[0]), int(&pair[1])]);
            }
            (CHANNEL_INFO, 258) => self.long_names.push(text(&tags.bytes(tag)?)),
            (BAD_CHANNELS, 3507) => {
                self.bad_channels.extend(text(&tags.bytes(tag)?).split(':').map(str::to_owned));
            }
            (RAW_DATA | CONTINUOUS_DATA | ACTIVE_SHIELDING_DATA, kind) => {
                self.is_actively_shielded |= block == ACTIVE_SHIELDING_DATA;
                self.take_data(tag, kind, tags)?;
            }
            (ANNOTATIONS, 3568) => self.annotations.onsets_secs = floats(tag, tags)?,
            (ANNOTATIONS, 3569) => self.annotations.ends_secs = floats(tag, tags)?,
            (ANNOTATIONS, 206) => {
                // Colons separate, so MNE writes one inside a text otherwise.
                let texts = utf8(&tags.bytes(tag)?);
                self.annotations.texts = texts.split(':').map(|text| text.replace("{COLON}", ":")).collect();
            }
            (ANNOTATIONS, 204) => self.annotations.origin_secs = origin_secs(tag, tags)?,
            (EVENTS, 3561) => self.n_event_values = tag.n_bytes as usize / 4,
            (REFERENCE, 115) => self.reference.role = Some(tags.int(tag)?),
            (REFERENCE, 117) => self.reference.number = Some(tags.int(tag)?),
            (REFERENCE, 118) => self.reference.name = Some(text(&tags.bytes(tag)?)),
            _ => {}
        }
        Ok(())
    }

    /// A reference without a role is one to the next file.
    fn end_reference(&mut self) {
        const NEXT_FILE: i32 = 2;
        let reference = std::mem::take(&mut self.reference);
        if reference.role.is_none_or(|role| role == NEXT_FILE) && self.next.is_none() {
            self.next = Some(reference);
        }
    }

    fn take_data(&mut self, tag: &Tag, kind: i32, tags: &mut Tags) -> Result<(), ReadError> {
        match kind {
            208 => self.first_sample = tags.int(tag)?,
            // Before the first buffer a skip only moves the start.
            301 if !self.buffers.is_empty() => self.n_skipped = tags.int(tag)?,
            300 => {
                let sample_type = match tag.data_type {
                    2 | 16 => SampleType::I16,
                    3 => SampleType::I32,
                    4 => SampleType::F32,
                    5 => SampleType::F64,
                    other => {
                        return Err(tags.error(tag, "data of type 2, 3, 4, 5 or 16", format!("type {other}")));
                    }
                };
                let n_skipped_before = std::mem::take(&mut self.n_skipped).max(0);
                self.buffers.push(Buffer { at: tag.at, n_bytes: tag.n_bytes, sample_type, n_skipped_before });
            }
            _ => {}
        }
        Ok(())
    }

    /// Checked: a rate, and as many channels as there should be.
    fn sample_rate(&self, path: &Path) -> Result<SampleRate, ReadError> {
        let Some(sample_rate) = self.rate_hz.and_then(|hz| SampleRate::from_hz(f64::from(hz)).ok()) else {
            return Err(ReadError::field("raw data with a sampling rate (tag 201)", self.instead(), path));
        };
        if self.buffers.is_empty() {
            return Err(ReadError::field("raw data (block 102, 112 or 119)", self.instead(), path));
        }
        let n_channels = self.channels.len();
        if n_channels == 0 || self.n_channels.is_some_and(|n| n as usize != n_channels) {
            return Err(ReadError::field(
                format!("{} channels, as tag 200 says", self.n_channels.unwrap_or(1)),
                n_channels.to_string(),
                path,
            ));
        }
        Ok(sample_rate)
    }

    /// Where the samples lie, from sample `n_before` of the recording on, and how many they are.
    fn extents(
        &self,
        n_before: usize,
        step_secs: f64,
        breaks: &mut Vec<Break>,
        path: &Path,
    ) -> Result<(Vec<Extent>, usize), ReadError> {
        let n_channels = self.channels.len();
        let mut runs: HashMap<SampleType, Arc<[Run]>> = HashMap::new();
        let mut extents = Vec::with_capacity(self.buffers.len());
        let mut n_times = 0;
        for buffer in &self.buffers {
            let frame_bytes = n_channels * buffer.sample_type.bytes();
            let n = (buffer.n_bytes / frame_bytes as u64) as usize;
            if n as u64 * frame_bytes as u64 != buffer.n_bytes {
                return Err(ReadError::field(
                    format!("whole samples of {n_channels} channels in the buffer at byte {}", buffer.at),
                    format!("{} bytes", buffer.n_bytes),
                    path,
                ));
            }
            if buffer.n_skipped_before > 0 {
                let gap_secs = Some(f64::from(buffer.n_skipped_before) * n as f64 * step_secs);
                breaks.push(Break { first: n_before + n_times, gap_secs });
            }
            let extent = Extent::multiplexed(buffer.at, n, n_channels, buffer.sample_type);
            // Thousands of buffers share one list of runs.
            let runs = runs.entry(buffer.sample_type).or_insert_with(|| extent.runs.clone()).clone();
            extents.push(Extent { runs, ..extent });
            n_times += n;
        }
        Ok((extents, n_times))
    }

    /// What the file holds in place of raw data.
    fn instead(&self) -> String {
        match self.n_event_values {
            0 => format!("none, {} channels", self.channels.len()),
            n => format!("none, {} events", n / 3),
        }
    }

    fn warnings(&self, segments: &Segments) -> Vec<String> {
        let mut warnings = Vec::new();
        if segments.n_breaks() > 0 {
            warnings.push(format!("The recording was interrupted {} times.", segments.n_breaks()));
        }
        if !self.bad_channels.is_empty() {
            warnings.push(format!("Marked as bad: {}.", one_line(&self.bad_channels.join(", "))));
        }
        if self.is_actively_shielded {
            warnings.push("Recorded with active shielding (MaxShield), which has not been undone.".to_owned());
        }
        let AnnotationLists { onsets_secs, ends_secs, texts, .. } = &self.annotations;
        if onsets_secs.len() != ends_secs.len() || (texts.len() != onsets_secs.len() && !onsets_secs.is_empty()) {
            warnings.push(format!(
                "{} onsets, {} ends and {} texts of annotations do not match.",
                onsets_secs.len(),
                ends_secs.len(),
                texts.len()
            ));
        }
        warnings
    }

    /// In the file onsets count from the time the measurement began; the first sample may come later.
    fn annotations(&self, step_secs: f64) -> Vec<Annotation> {
        let AnnotationLists { onsets_secs, ends_secs, texts, origin_secs } = &self.annotations;
        let started_secs = self.start.map(|[secs, micros]| f64::from(secs) + f64::from(micros) * 1e-6);
        let origin_secs = origin_secs.zip(started_secs).map_or(0.0, |(origin, started)| origin - started);
        let first_secs = f64::from(self.first_sample) * step_secs;
        let lists = onsets_secs.iter().zip(ends_secs).zip(texts);
        lists
            .map(|((&onset, &end), text)| Annotation {
                onset_secs: onset + origin_secs - first_secs,
                duration_secs: (end - onset).max(0.0),
                text: text.clone(),
            })
            .collect()
    }
}

/// The parts of a recording in a row; what is said of it is said in the first.
fn joined(first: Part, following: Vec<Part>, mut warnings: Vec<String>) -> Result<SignalFile, ReadError> {
    let Part { path, content, bytes } = first;
    let sample_rate = content.sample_rate(&path)?;
    let step_secs = sample_rate.step_secs();
    let mut breaks = Vec::new();
    let (extents, mut n_times) = content.extents(0, step_secs, &mut breaks, &path)?;
    let mut samples = vec![SampleStore { bytes, order: ByteOrder::Big, extents }];
    for part in following {
        let Part { path, content: other, bytes } = part;
        if other.sample_rate(&path)? != sample_rate || other.channels != content.channels {
            return Err(ReadError::field("the rate and the channels of the part before", "others", &path));
        }
        let (extents, n) = other.extents(n_times, step_secs, &mut breaks, &path)?;
        samples.push(SampleStore { bytes, order: ByteOrder::Big, extents });
        n_times += n;
    }
    let segments = Segments::new(n_times, step_secs, breaks);
    warnings.extend(content.warnings(&segments));
    let annotations = content.annotations(step_secs);
    let has_long_names = content.long_names.len() == content.channels.len();
    let mut long_names = has_long_names.then_some(content.long_names).into_iter().flatten();
    let channels = content.channels.into_iter().map(|channel| StoredChannel {
        name: long_names.next().unwrap_or(channel.name),
        unit: channel.unit,
        sample_rate,
        n_samples: n_times,
        scaling: Scaling::by(channel.gain),
    });
    let channels: Vec<StoredChannel> = channels.collect();
    warnings.extend(repeated_names(&channels));
    Ok(SignalFile { path, format: "FIF", channels, annotations, recorded: segments.support(), warnings, samples })
}

/// A channel record: numbers, then a name of 16 bytes.
fn channel_info(bytes: &[u8], tag: &Tag, tags: &Tags) -> Result<ChannelInfo, ReadError> {
    const RECORD_BYTES: usize = 96;
    let Some(record) = bytes.first_chunk::<RECORD_BYTES>() else {
        return Err(tags.error(tag, format!("a channel of {RECORD_BYTES} bytes"), format!("{} bytes", bytes.len())));
    };
    let float = |at: usize| f64::from(f32::from_bits(int(&record[at..]) as u32));
    let name = text(&record[80..]);
    let unit = match int(&record[72..]) {
        3 => "s",
        4 => "A",
        5 => "K",
        6 => "M",
        101 => "Hz",
        107 => "V",
        109 => "Ω",
        110 => "S",
        112 => "T",
        114 => "°C",
        201 => "T/m",
        202 => "Am",
        _ => "a.u.",
    };
    Ok(ChannelInfo { name, unit: unit.to_owned(), gain: float(12) * float(16) })
}

fn floats(tag: &Tag, tags: &mut Tags) -> Result<Vec<f64>, ReadError> {
    let bytes = tags.bytes(tag)?;
    let doubles = || bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_be_bytes(b)).collect();
    let singles = || bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_be_bytes(b))).collect();
    match tag.data_type {
        4 => Ok(singles()),
        5 => Ok(doubles()),
        other => Err(tags.error(tag, "numbers of type 4 or 5", format!("type {other}"))),
    }
}

/// One number, or seconds and microseconds.
fn origin_secs(tag: &Tag, tags: &mut Tags) -> Result<Option<f64>, ReadError> {
    if tag.data_type == 3 {
        let bytes = tags.bytes(tag)?;
        let pair = bytes.as_chunks::<4>().0;
        return Ok(pair.get(..2).map(|pair| f64::from(int(&pair[0])) + f64::from(int(&pair[1])) * 1e-6));
    }
    let values = floats(tag, tags)?;
    Ok(values.first().map(|secs| secs + values.get(1).map_or(0.0, |micros| micros * 1e-6)))
}

fn int(bytes: &[u8]) -> i32 {
    ByteOrder::Big.u32(bytes) as i32
}

fn text(bytes: &[u8]) -> String {
    utf8(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
}

fn utf8(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), str::to_owned)
}
