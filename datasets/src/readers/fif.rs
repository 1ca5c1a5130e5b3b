//! Raw data in FIF, the format of MEGIN (Elekta Neuromag) and of MNE.
//!
//! Source: Elekta Neuromag, "Functional Image File Format Description", and the dictionary of tags at
//! <https://github.com/mne-tools/fiff-constants>. A file is a list of tags, each with a kind, a type, a size and the
//! place of the next; block tags make it a tree. All numbers are big-endian.

use std::path::{Path, PathBuf};

use super::edf::repeated_names;
use super::error::{ReadError, one_line};
use super::fif_content::{Content, REFERENCE};
use super::fif_tags::Tags;
use super::sample_store::{ByteOrder, Bytes, SampleStore, Scaling};
use super::segments::Segments;
use super::signal_file::{SignalFile, StoredChannel};

/// Reads the channels, the annotations and where the data buffers lie; the samples stay in the file.
///
/// Values are the stored ones times `range · cal` of their channel, in the unit that the file names, as MNE has them; a
/// power of ten that the file gives the unit, which MNE passes over, is applied.
/// Buffers that were skipped while recording are a gap between two stretches (MNE fills it with zeros). Channels
/// marked bad say so. A recording that was split because no file may be longer than 2 GB is
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
    let marked_bad = content.marked_bad();
    let long_names: Vec<String> = content.long_names().cloned().collect();
    let mut long_names = long_names.into_iter();
    let channels = content.channels.into_iter().zip(marked_bad).map(|(channel, marked_bad)| StoredChannel {
        name: long_names.next().unwrap_or(channel.name),
        kind: Some(channel.kind),
        marked_bad,
        unit: channel.unit,
        sample_rate,
        n_samples: n_times,
        scaling: Scaling::by(channel.gain),
    });
    let channels: Vec<StoredChannel> = channels.collect();
    warnings.extend(repeated_names(&channels));
    Ok(SignalFile { path, format: "FIF", channels, annotations, recorded: segments.support(), warnings, samples })
}
