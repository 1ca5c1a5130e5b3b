//! What the tags of one FIF file say of its recording.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::error::{ReadError, one_line};
use super::fif_channel::ChannelInfo;
use super::fif_tags::{Tag, Tags};
use super::sample_store::{ByteOrder, Extent, Run, SampleType};
use super::segments::{Break, Segments};
use super::table::latin1;
use crate::recording::{Annotation, SampleRate};

// Blocks.
const MEASUREMENT_INFO: i32 = 101;
const RAW_DATA: i32 = 102;
const CONTINUOUS_DATA: i32 = 112;
const CHANNEL_INFO: i32 = 113;
const ACTIVE_SHIELDING_DATA: i32 = 119;
pub(super) const REFERENCE: i32 = 118;
const BAD_CHANNELS: i32 = 359;
const EVENTS: i32 = 361;
const ANNOTATIONS: i32 = 3810;
const EPOCHS: i32 = 373;
const EVOKED: i32 = 104;

/// What the tags say, in the order they come.
#[derive(Default)]
pub(super) struct Content {
    n_channels: Option<i32>,
    rate_hz: Option<f32>,
    /// Seconds and microseconds.
    start: Option<[i32; 2]>,
    pub channels: Vec<ChannelInfo>,
    long_names: Vec<String>,
    bad_channels: Vec<String>,
    first_sample: i32,
    buffers: Vec<Buffer>,
    /// Buffers skipped since the last one.
    n_skipped: i32,
    annotations: AnnotationLists,
    n_event_values: usize,
    reference: Reference,
    pub next: Option<Reference>,
    is_actively_shielded: bool,
    /// Epochs or averages, where the file has such blocks.
    cut: Option<&'static str>,
}

/// To another file of the same recording.
#[derive(Default)]
pub(super) struct Reference {
    role: Option<i32>,
    pub name: Option<String>,
    pub number: Option<i32>,
}

#[derive(Default)]
struct AnnotationLists {
    onsets_secs: Vec<f64>,
    ends_secs: Vec<f64>,
    texts: Vec<String>,
    /// Seconds since 1970, where onsets count from.
    origin_secs: Option<f64>,
}

struct Buffer {
    at: u64,
    n_bytes: u64,
    sample_type: SampleType,
    n_skipped_before: i32,
}

impl Content {
    pub fn take(&mut self, tag: &Tag, block: i32, tags: &mut Tags) -> Result<(), ReadError> {
        match block {
            EPOCHS => self.cut = Some("epochs"),
            EVOKED => self.cut = Some("averages"),
            _ => {}
        }
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
                let names = text(&tags.bytes(tag)?);
                self.bad_channels.extend(names.split(':').filter(|name| !name.is_empty()).map(str::to_owned));
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
    pub fn end_reference(&mut self) {
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
    pub fn sample_rate(&self, path: &Path) -> Result<SampleRate, ReadError> {
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
    pub fn extents(
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
        if let Some(cut) = self.cut {
            return format!("{cut}, no continuous recording");
        }
        match (self.n_event_values, self.annotations.onsets_secs.len(), self.channels.len()) {
            (0, 0, 0) => "neither channels nor events".to_owned(),
            (0, 0, n) => format!("only the description of {n} channels"),
            (0, n, _) => format!("only {n} annotations"),
            (n, ..) => format!("only {} events", n / 3),
        }
    }

    /// One for each channel, or none.
    pub fn long_names(&self) -> impl Iterator<Item = &String> {
        let has_all = self.long_names.len() == self.channels.len();
        has_all.then_some(&self.long_names).into_iter().flatten()
    }

    /// Whether each channel is marked bad: under its name of 15 characters, as MNE writes it, or its long one.
    pub fn marked_bad(&self) -> Vec<bool> {
        let is_bad = |name: &String| self.bad_channels.contains(name);
        let long_names = self.long_names().map(Some).chain(std::iter::repeat(None));
        let channels = self.channels.iter().zip(long_names);
        channels.map(|(channel, long_name)| is_bad(&channel.name) || long_name.is_some_and(is_bad)).collect()
    }

    pub fn warnings(&self, segments: &Segments) -> Vec<String> {
        let mut warnings = Vec::new();
        warnings.extend(segments.warning());
        let names = || self.channels.iter().map(|channel| &channel.name).chain(self.long_names());
        let strangers: Vec<&str> =
            self.bad_channels.iter().filter(|bad| !names().any(|name| name == *bad)).map(String::as_str).collect();
        if !strangers.is_empty() {
            warnings.push(format!("Marked bad, but no channel: {}.", one_line(&strangers.join(", "))));
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
    pub fn annotations(&self, step_secs: f64) -> Vec<Annotation> {
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

fn channel_info(bytes: &[u8], tag: &Tag, tags: &Tags) -> Result<ChannelInfo, ReadError> {
    const NEEDED: usize = ChannelInfo::RECORD_BYTES;
    match bytes.first_chunk::<NEEDED>() {
        Some(record) => Ok(ChannelInfo::of(record)),
        None => Err(tags.error(tag, format!("a channel of {NEEDED} bytes"), format!("{} bytes", bytes.len()))),
    }
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

pub(super) fn int(bytes: &[u8]) -> i32 {
    ByteOrder::Big.u32(bytes) as i32
}

pub(super) fn text(bytes: &[u8]) -> String {
    utf8(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
}

fn utf8(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), str::to_owned)
}
