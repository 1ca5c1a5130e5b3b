//! General Data Format for biomedical signals, versions 1 and 2.
//!
//! Source: Schlögl, "GDF: a general dataformat for biosignals", arXiv:cs/0608052. Physical units are codes of
//! ISO/IEEE 11073-10101: a base unit plus a decimal prefix in the lowest five bits.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::edf::{linear_scaling, repeated_names};
use super::error::{ReadError, one_line};
use super::sample_store::{ByteOrder, Bytes, Extent, Run, SampleStore, SampleType};
use super::signal_file::{SignalFile, StoredChannel};
use super::table::latin1;
use crate::recording::{Annotation, SampleRate, Support};

/// Bytes of the fixed header, and of what each channel adds to it.
const BLOCK_BYTES: u64 = 256;
/// More channels than any amplifier has, and little enough to hold.
const MOST_CHANNELS: u64 = 65_535;

/// Reads the headers and the event table; the samples stay in the file.
///
/// Events become annotations whose text is their code (decimal). A record count of −1 is derived from the file's
/// size. Channels without samples of their own ("sparse" channels, whose values are in the event table) are left
/// out with a warning. Fails at an unknown sample type or at a file that is shorter than its header promises.
pub fn open(path: &Path) -> Result<SignalFile, ReadError> {
    let mut file = Input::open(path)?;
    let fixed = file.read(0, BLOCK_BYTES)?;
    let is_v2 = match &fixed[..7] {
        // Drafts of version 2 are numbered from 1.90 on.
        b"GDF 1.9" => true,
        start if start.starts_with(b"GDF 1") => false,
        start if start.starts_with(b"GDF 2") => true,
        other => {
            let found = format!("{:?}", one_line(&latin1(&other[..5])));
            return Err(ReadError::field("\"GDF 1\" or \"GDF 2\"", found, path));
        }
    };
    let n_channels = if is_v2 { u64::from(u16_at(&fixed, 252)) } else { u64::from(u32_at(&fixed, 252)) };
    let header_bytes = if is_v2 { BLOCK_BYTES * u64::from(u16_at(&fixed, 184)) } else { u64_at(&fixed, 184) };
    if n_channels > MOST_CHANNELS || header_bytes < BLOCK_BYTES * (n_channels + 1) {
        return Err(ReadError::field(
            format!("a header of {} bytes or more for {n_channels} channels", BLOCK_BYTES * (n_channels + 1)),
            format!("{header_bytes} announced at byte 184"),
            path,
        ));
    }
    let block = file.read(BLOCK_BYTES, BLOCK_BYTES * n_channels)?;
    let headers = channel_headers(&block, n_channels as usize, is_v2, path)?;
    let record_secs = record_secs(&fixed);
    if !(record_secs > 0.0 && record_secs.is_finite()) && n_channels > 0 {
        let [numerator, denominator] = [244, 248].map(|at| u32_at(&fixed, at));
        return Err(ReadError::field(
            "a record duration above 0 s at byte 244",
            format!("{numerator}/{denominator} s"),
            path,
        ));
    }

    let mut warnings = Vec::new();
    let record_bytes: u64 =
        headers.iter().map(|header| header.n_samples as u64 * header.sample_type.bytes() as u64).sum();
    let data_bytes = file.n_bytes.saturating_sub(header_bytes);
    let announced = u64_at(&fixed, 236) as i64;
    let n_records = match u64::try_from(announced) {
        Ok(_) if record_bytes == 0 => 0,
        Ok(n) => n,
        Err(_) => {
            let derived = data_bytes.checked_div(record_bytes).unwrap_or(0);
            warnings
                .push(format!("The header does not say how many data records there are; the file holds {derived}."));
            derived
        }
    };
    let events_at = header_bytes.saturating_add(n_records.saturating_mul(record_bytes));
    if events_at > file.n_bytes {
        return Err(ReadError::Truncated { needed_bytes: events_at, found_bytes: file.n_bytes, path: path.to_owned() });
    }

    let n_records = n_records as usize;
    let mut channels = Vec::new();
    let mut runs = Vec::new();
    let mut offset_bytes = 0;
    for header in headers {
        let ChannelHeader { name, n_samples, sample_type, .. } = &header;
        match SampleRate::from_hz(*n_samples as f64 / record_secs) {
            Ok(sample_rate) => {
                let (unit, scaling, warning) = linear_scaling(header.digital, header.physical, &header.dimension);
                warnings.extend(warning.map(|reason| format!("{name} {reason}")));
                runs.push(Run {
                    channel: channels.len(),
                    offset_bytes,
                    n_samples: *n_samples,
                    sample_type: *sample_type,
                });
                let name = name.clone();
                channels.push(StoredChannel {
                    name,
                    kind: None,
                    marked_bad: false,
                    unit,
                    sample_rate,
                    n_samples: n_samples * n_records,
                    scaling,
                });
            }
            Err(_) => warnings.push(format!("{name} has no samples and was left out.")),
        }
        offset_bytes += n_samples * sample_type.bytes();
    }
    warnings.extend(repeated_names(&channels));
    let rate_hz = channels.iter().map(|channel| channel.sample_rate.hz()).fold(0.0, f64::max);
    let annotations = match file.n_bytes - events_at {
        0..8 => Vec::new(),
        _ => events(&mut file, events_at, is_v2, rate_hz)?,
    };
    let extent = Extent { start_byte: header_bytes, n_records, record_bytes: record_bytes as usize, runs: runs.into() };
    Ok(SignalFile {
        path: path.to_owned(),
        format: "GDF",
        channels,
        annotations,
        recorded: Support::between(0.0, n_records as f64 * record_secs),
        warnings,
        samples: vec![SampleStore {
            bytes: Bytes::File(path.to_owned()),
            order: ByteOrder::Little,
            extents: vec![extent],
        }],
    })
}

/// A fraction of whole numbers; from version 2.21 on one number of double precision, which read as such a fraction would be
/// far from any duration, and the other way round.
fn record_secs(fixed: &[u8]) -> f64 {
    let as_double = f64_at(&fixed[244..]);
    let is_double = fixed[4..8] >= b"2.21"[..] && (1e-9..1e9).contains(&as_double);
    if is_double { as_double } else { f64::from(u32_at(fixed, 244)) / f64::from(u32_at(fixed, 248)) }
}

struct ChannelHeader {
    name: String,
    dimension: String,
    digital: [f64; 2],
    physical: [f64; 2],
    /// In one record.
    n_samples: usize,
    sample_type: SampleType,
}

/// `block` lists one field for all channels, then the next.
fn channel_headers(block: &[u8], n: usize, is_v2: bool, path: &Path) -> Result<Vec<ChannelHeader>, ReadError> {
    let mut at = 0;
    let mut column = |width: usize| {
        let start = at;
        at += width * n;
        move |i: usize| &block[start + width * i..start + width * (i + 1)]
    };
    let names = column(16);
    let _transducers = column(80);
    // Version 2 has six obsolete bytes of text for each channel, and then the code of each.
    let unit_texts = column(if is_v2 { 6 } else { 8 });
    let unit_codes = column(if is_v2 { 2 } else { 0 });
    let limits = [(); 4].map(|()| column(8));
    let _filters = column(80);
    let samples_per_record = column(4);
    let types = column(4);
    (0..n)
        .map(|i| {
            let name = text(names(i));
            let code = u32_at(types(i), 0);
            let sample_type = sample_type(code).ok_or_else(|| {
                ReadError::field(format!("a known sample type for {}", one_line(&name)), code.to_string(), path)
            })?;
            // Version 1 has the digital limits as integers.
            let digital = |limit: usize| match is_v2 {
                true => f64_at(limits[limit](i)),
                false => u64_at(limits[limit](i), 0) as i64 as f64,
            };
            Ok(ChannelHeader {
                dimension: if is_v2 { dimension(unit_texts(i), u16_at(unit_codes(i), 0)) } else { text(unit_texts(i)) },
                physical: [f64_at(limits[0](i)), f64_at(limits[1](i))],
                digital: [digital(2), digital(3)],
                n_samples: u32_at(samples_per_record(i), 0) as usize,
                sample_type,
                name,
            })
        })
        .collect()
}

fn sample_type(code: u32) -> Option<SampleType> {
    Some(match code {
        1 => SampleType::I8,
        2 => SampleType::U8,
        3 => SampleType::I16,
        4 => SampleType::U16,
        5 => SampleType::I32,
        6 => SampleType::U32,
        7 => SampleType::I64,
        8 => SampleType::U64,
        16 => SampleType::F32,
        17 => SampleType::F64,
        // 255 and 511 plus the number of bits.
        279 => SampleType::I24,
        535 => SampleType::U24,
        _ => return None,
    })
}

/// The code counts where there is one.
fn dimension(obsolete: &[u8], code: u16) -> String {
    let prefix = match code % 32 {
        0 => "",
        3 => "k",
        4 => "M",
        18 => "m",
        19 => "u",
        20 => "n",
        21 => "p",
        22 => "f",
        _ => "?",
    };
    match code - code % 32 {
        0 => text(obsolete),
        512 => String::new(),
        544 => "%".to_owned(),
        2496 => format!("{prefix}Hz"),
        4256 => format!("{prefix}V"),
        4288 => format!("{prefix}Ω"),
        6048 => "°C".to_owned(),
        _ => format!("unit {code} of ISO 11073-10101"),
    }
}

/// The event table: how many, then all positions, all codes, and in modes 3 and 7 all channels and durations.
fn events(file: &mut Input, at: u64, is_v2: bool, rate_hz: f64) -> Result<Vec<Annotation>, ReadError> {
    let head = file.read(at, 8)?;
    let mode = head[0];
    let three_bytes = u32::from_le_bytes([head[1], head[2], head[3], 0]);
    let (n, own_rate_hz) = match is_v2 {
        true => (u64::from(three_bytes), f64::from(f32::from_le_bytes([head[4], head[5], head[6], head[7]]))),
        false => (u64::from(u32_at(&head, 4)), f64::from(three_bytes)),
    };
    let has_durations = mode & 2 != 0;
    // The table's own rate may be left at 0: positions then count at the fastest channel's.
    let rate_hz = if own_rate_hz > 0.0 && own_rate_hz.is_finite() { own_rate_hz } else { rate_hz };
    if n == 0 || mode == 0 || rate_hz <= 0.0 {
        return Ok(Vec::new());
    }
    let positions = file.read(at + 8, 4 * n)?;
    let codes = file.read(at + 8 + 4 * n, 2 * n)?;
    let durations = if has_durations { file.read(at + 8 + 8 * n, 4 * n)? } else { vec![0; 4 * n as usize] };
    let event = |i: usize| Annotation {
        onset_secs: (f64::from(u32_at(&positions, 4 * i)) - 1.0) / rate_hz,
        duration_secs: f64::from(u32_at(&durations, 4 * i)) / rate_hz,
        text: u16_at(&codes, 2 * i).to_string(),
    };
    let mut events: Vec<Annotation> = (0..n as usize).map(event).collect();
    events.sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
    Ok(events)
}

struct Input<'p> {
    file: File,
    n_bytes: u64,
    path: &'p Path,
}

impl<'p> Input<'p> {
    fn open(path: &'p Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, n_bytes, path })
    }

    fn read(&mut self, at: u64, n: u64) -> Result<Vec<u8>, ReadError> {
        let needed_bytes = at.saturating_add(n);
        if needed_bytes > self.n_bytes {
            return Err(ReadError::Truncated { needed_bytes, found_bytes: self.n_bytes, path: self.path.to_owned() });
        }
        let mut bytes = vec![0; n as usize];
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|source| ReadError::unreadable(self.path, source))?;
        Ok(bytes)
    }
}

fn text(field: &[u8]) -> String {
    let field = field.split(|&byte| byte == 0).next().unwrap_or_default();
    std::str::from_utf8(field).map_or_else(|_| latin1(field), str::to_owned).trim().to_owned()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn f64_at(bytes: &[u8]) -> f64 {
    f64::from_bits(u64_at(bytes, 0))
}
