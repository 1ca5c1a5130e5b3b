//! BrainVision Core Data Format, versions 1 and 2: a header, a file of samples, a file of markers.
//!
//! Source: Brain Products, "BrainVision Core Data Format 1.0", 2019,
//! <https://www.brainproducts.com/support-resources/brainvision-core-data-format-1-0/>.

use std::fs;
use std::path::{Path, PathBuf};

use super::brainvision_ascii::{AsciiLayout, samples_in_text};
use super::brainvision_ini::Ini;
use super::brainvision_markers::{Markers, Time, read_markers};
use super::edf::repeated_names;
use super::error::{ReadError, one_line};
use super::sample_store::{ByteOrder, Bytes, Extent, SampleStore, SampleType, Scaling};
use super::si_unit::si_unit;
use super::signal_file::{SignalFile, StoredChannel};
use crate::recording::SampleRate;

/// Reads the header (`.vhdr` or `.ahdr`) and the markers; the samples stay in their file.
///
/// Files are looked for beside the header, under the name it gives or, where the three were renamed together and the
/// header was not edited, under the header's own; that is a warning. A channel without a unit is in microvolts, as
/// the format says. The first "New Segment" marker says when the recording began; later ones end a stretch, and the
/// gap before them is that of their dates, or one sample where there are none. Text is UTF-8 or else Latin-1.
pub fn open(path: &Path) -> Result<SignalFile, ReadError> {
    let header = Header::read(path)?;
    let mut warnings = Vec::new();
    let data_path = beside(path, &header.data_file, &["eeg", "dat", "avg", "seg"], &mut warnings).ok_or_else(|| {
        ReadError::field(
            format!("the samples in {}, which the header names", one_line(&header.data_file)),
            "no such file beside it",
            path,
        )
    })?;
    let (samples, n_times) = header.samples(&data_path, &mut warnings)?;
    if header.n_stored > header.channels.len() {
        warnings.push("The last channel in the file of samples has no name (V-Amp); it was left out.".to_owned());
    }
    let time = Time { n_times, step_secs: header.sample_rate.step_secs(), per_segment: header.per_segment };
    let markers = match &header.marker_file {
        None => Markers::none(&time, &mut warnings),
        Some(name) => match beside(path, name, &["vmrk", "amrk"], &mut warnings) {
            Some(path) => read_markers(&path, &time, &mut warnings)?,
            None => {
                warnings.push(format!("The markers in {} were not found.", one_line(name)));
                Markers::none(&time, &mut warnings)
            }
        },
    };
    let channels = header.channels.into_iter().map(|channel| {
        let (unit, to_si) = match si_unit(&channel.unit) {
            Some((unit, to_si)) => (unit.to_owned(), to_si),
            None => {
                warnings.push(format!(
                    "{} is in {}, which is no SI unit known here; its values are as written.",
                    one_line(&channel.name),
                    one_line(&channel.unit)
                ));
                (channel.unit, 1.0)
            }
        };
        StoredChannel {
            name: channel.name,
            kind: None,
            marked_bad: false,
            unit,
            sample_rate: header.sample_rate,
            n_samples: n_times,
            scaling: Scaling::by(channel.resolution * to_si),
        }
    });
    let channels: Vec<StoredChannel> = channels.collect();
    warnings.extend(repeated_names(&channels));
    Ok(SignalFile {
        path: path.to_owned(),
        format: "BrainVision",
        channels,
        annotations: markers.annotations,
        recorded: markers.recorded,
        warnings,
        samples: vec![samples],
    })
}

/// What the header says, checked.
struct Header {
    data_file: String,
    marker_file: Option<String>,
    format: Format,
    orientation: Orientation,
    sample_rate: SampleRate,
    /// Where the header says how many there are for each channel.
    n_points: Option<u64>,
    /// Samples of each segment, where the samples are segments put end to end.
    per_segment: Option<usize>,
    channels: Vec<HeaderChannel>,
    /// In the file of samples; a V-Amp stores one more than its header lists.
    n_stored: usize,
}

struct HeaderChannel {
    name: String,
    unit: String,
    resolution: f64,
}

enum Format {
    Binary(SampleType, ByteOrder),
    Ascii(AsciiLayout),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    /// All channels of the first sample, then of the second.
    Multiplexed,
    /// All samples of the first channel, then of the second.
    Vectorized,
}

impl Header {
    fn read(path: &Path) -> Result<Self, ReadError> {
        let ini = Ini::read(path)?;
        let is_header = ["Brain Vision Data Exchange Header File", "Brain Vision V-Amp Data Header File"];
        if !is_header.iter().any(|start| ini.first_line.starts_with(start)) {
            return Err(ReadError::field(
                format!("a BrainVision header, which starts with \"{}\"", is_header[0]),
                format!("{:?}", one_line(&ini.first_line)),
                path,
            ));
        }
        let common = |key: &str| ini.get("Common Infos", key);
        let needed = |key: &str| {
            common(key).ok_or_else(|| ReadError::field(format!("{key} under [Common Infos]"), "none", path))
        };
        if let Some(other) = common("DataType").filter(|kind| !kind.eq_ignore_ascii_case("TIMEDOMAIN")) {
            return Err(ReadError::field("DataType=TIMEDOMAIN", one_line(other), path));
        }
        let orientation = match needed("DataOrientation")?.to_ascii_uppercase().as_str() {
            "MULTIPLEXED" => Orientation::Multiplexed,
            "VECTORIZED" => Orientation::Vectorized,
            other => {
                return Err(ReadError::field("DataOrientation=MULTIPLEXED or VECTORIZED", one_line(other), path));
            }
        };
        let format = match common("DataFormat").unwrap_or("BINARY").to_ascii_uppercase().as_str() {
            "BINARY" => binary_format(&ini, path)?,
            "ASCII" => Format::Ascii(AsciiLayout::of(&ini, orientation, path)?),
            other => return Err(ReadError::field("DataFormat=BINARY or ASCII", one_line(other), path)),
        };
        let interval = needed("SamplingInterval")?;
        let sample_rate = interval.parse::<f64>().ok().and_then(|micros| SampleRate::from_hz(1e6 / micros).ok());
        let sample_rate = sample_rate
            .ok_or_else(|| ReadError::field("SamplingInterval in microseconds, above 0", one_line(interval), path))?;
        let n_channels: u64 = whole(needed("NumberOfChannels")?, "NumberOfChannels", path)?;
        let n_points = common("DataPoints").map(|n| whole(n, "DataPoints", path)).transpose()?;
        let is_segmented = common("SegmentationType").is_some_and(|kind| !kind.eq_ignore_ascii_case("NOTSEGMENTED"));
        let per_segment = common("SegmentDataPoints").filter(|_| is_segmented);
        let per_segment = per_segment.map(|n| whole(n, "SegmentDataPoints", path)).transpose()?;
        let channels = (1..=n_channels).map(|i| header_channel(&ini, i, path)).collect::<Result<Vec<_>, _>>()?;
        if channels.is_empty() {
            return Err(ReadError::field("at least one channel", "NumberOfChannels=0", path));
        }
        let is_v_amp = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("ahdr"));
        Ok(Self {
            data_file: needed("DataFile")?.to_owned(),
            marker_file: common("MarkerFile").filter(|name| !name.is_empty()).map(str::to_owned),
            format,
            orientation,
            sample_rate,
            n_points,
            per_segment: per_segment.filter(|&n| n > 0).map(|n| n as usize),
            n_stored: channels.len() + usize::from(is_v_amp),
            channels,
        })
    }

    /// Where the samples lie, and how many there are of each channel.
    fn samples(&self, path: &Path, warnings: &mut Vec<String>) -> Result<(SampleStore, usize), ReadError> {
        let (sample_type, order) = match &self.format {
            Format::Binary(sample_type, order) => (*sample_type, *order),
            Format::Ascii(layout) => return samples_in_text(path, layout, self.n_stored),
        };
        let file_bytes = fs::metadata(path).map_err(|source| ReadError::unreadable(path, source))?.len();
        let frame_bytes = (self.n_stored * sample_type.bytes()) as u64;
        let n_points = self.n_points.unwrap_or(file_bytes / frame_bytes);
        let needed_bytes = n_points.saturating_mul(frame_bytes);
        if needed_bytes > file_bytes || n_points == 0 {
            let needed_bytes = needed_bytes.max(frame_bytes);
            return Err(ReadError::Truncated { needed_bytes, found_bytes: file_bytes, path: path.to_owned() });
        }
        if needed_bytes < file_bytes {
            warnings.push(format!("{} bytes after the last sample were left unread.", file_bytes - needed_bytes));
        }
        let n_times = n_points as usize;
        let extent = match self.orientation {
            Orientation::Multiplexed => Extent::multiplexed(0, n_times, self.n_stored, sample_type),
            Orientation::Vectorized => Extent::vectorized(0, n_times, self.n_stored, sample_type),
        };
        Ok((SampleStore { bytes: Bytes::File(path.to_owned()), order, extents: vec![extent] }, n_times))
    }
}

fn binary_format(ini: &Ini, path: &Path) -> Result<Format, ReadError> {
    let sample_type = match ini.get("Binary Infos", "BinaryFormat").map(str::to_ascii_uppercase).as_deref() {
        Some("INT_16") => SampleType::I16,
        Some("UINT_16") => SampleType::U16,
        Some("INT_32") => SampleType::I32,
        Some("IEEE_FLOAT_32") => SampleType::F32,
        Some("IEEE_FLOAT_64") => SampleType::F64,
        other => {
            return Err(ReadError::field(
                "BinaryFormat=INT_16, UINT_16, INT_32, IEEE_FLOAT_32 or IEEE_FLOAT_64 under [Binary Infos]",
                one_line(other.unwrap_or("none")),
                path,
            ));
        }
    };
    let is_big = ini.get("Binary Infos", "UseBigEndianOrder").is_some_and(|answer| answer.eq_ignore_ascii_case("YES"));
    Ok(Format::Binary(sample_type, if is_big { ByteOrder::Big } else { ByteOrder::Little }))
}

/// `Ch<i>=<name>,<reference>,<resolution>,<unit>`; the last two may be missing.
fn header_channel(ini: &Ini, i: u64, path: &Path) -> Result<HeaderChannel, ReadError> {
    let key = format!("Ch{i}");
    let line = ini
        .get("Channel Infos", &key)
        .ok_or_else(|| ReadError::field(format!("{key} under [Channel Infos]"), "none", path))?;
    let mut fields = line.split(',').map(str::trim);
    let name = fields.next().unwrap_or_default().replace("\\1", ",");
    let resolution = match fields.nth(1).unwrap_or_default() {
        "" => 1.0,
        text => text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| {
            ReadError::field(format!("a number as resolution of {key}"), format!("{:?}", one_line(text)), path)
        })?,
    };
    let unit = fields.next().filter(|unit| !unit.is_empty()).unwrap_or("µV").to_owned();
    Ok(HeaderChannel { name, unit, resolution })
}

fn whole(text: &str, key: &str, path: &Path) -> Result<u64, ReadError> {
    text.parse().map_err(|_| ReadError::field(format!("a whole number as {key}"), one_line(text), path))
}

/// The file called `name` beside the header, or the header's own name with the extension of `name` or one of
/// `extensions`. Folders in `name` are those of the computer it was written on.
fn beside(header: &Path, name: &str, extensions: &[&str], warnings: &mut Vec<String>) -> Option<PathBuf> {
    let stem = header.file_stem()?.to_string_lossy();
    let name = name.replace("$b", &stem);
    let name = name.rsplit(['/', '\\']).next().unwrap_or(&name);
    let as_named = header.with_file_name(name);
    if !name.is_empty() && as_named.is_file() {
        return Some(as_named);
    }
    let own_extension = Path::new(name).extension().and_then(|ext| ext.to_str());
    let renamed = own_extension.into_iter().chain(extensions.iter().copied());
    let found = renamed.map(|ext| header.with_extension(ext)).find(|path| path.is_file())?;
    warnings.push(format!(
        "The header names {}, which is not there; {} was read in its place.",
        one_line(name),
        found.file_name().unwrap_or_default().to_string_lossy()
    ));
    Some(found)
}
