//! Writes plain EDF and BDF: simulated cohorts go through the same reader as real ones.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::edf_header::Family;
use crate::recording::SampleRate;

/// Signals in volts, all at one rate.
#[derive(Debug, Clone, Copy)]
pub struct EdfToWrite<'a> {
    /// At most 16 ASCII characters each.
    pub channel_names: &'a [String],
    /// A whole number of samples per second.
    pub sample_rate: SampleRate,
    /// `[time, channel]`, row-major, in volts, finite. A whole number of seconds.
    pub samples: &'a [f32],
}

#[derive(Debug, thiserror::Error)]
pub enum EdfWriteError {
    #[error("need {needed} to write EDF, found {found} for {}", path.display())]
    Unwritable { needed: &'static str, found: String, path: PathBuf },
    #[error("need a writable file, found \"{source}\" at {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Writes one-second data records in microvolts; each channel is scaled to its own range in 16 bits.
///
/// The start date is the one that EDF+ uses for "unknown", so equal signals give equal bytes.
pub fn write(path: &Path, edf: &EdfToWrite) -> Result<(), EdfWriteError> {
    write_family(path, edf, Family::Edf)
}

/// As [`write`], in 24 bits.
pub fn write_bdf(path: &Path, bdf: &EdfToWrite) -> Result<(), EdfWriteError> {
    write_family(path, bdf, Family::Bdf)
}

fn write_family(path: &Path, edf: &EdfToWrite, family: Family) -> Result<(), EdfWriteError> {
    let layout = Layout::of(edf, path)?;
    let [digital_min, digital_max] = digital_limits(family);
    let n_bytes = family.sample_type().bytes();
    let io = |source| EdfWriteError::Io { path: path.to_owned(), source };
    let mut file = BufWriter::new(File::create(path).map_err(io)?);
    file.write_all(&header(edf, &layout, family)).map_err(io)?;
    for record in 0..layout.n_records {
        for (i, range) in layout.ranges.iter().enumerate() {
            for t in record * layout.rate..(record + 1) * layout.rate {
                let microvolts = f64::from(edf.samples[t * layout.n_channels + i]) * 1e6;
                let digital = range.digital(microvolts, digital_min, digital_max);
                file.write_all(&digital.to_le_bytes()[..n_bytes]).map_err(io)?;
            }
        }
    }
    file.flush().map_err(io)
}

fn digital_limits(family: Family) -> [i32; 2] {
    match family {
        Family::Edf => [-32_768, 32_767],
        Family::Bdf => [-8_388_608, 8_388_607],
    }
}

/// What the header needs to know, checked.
struct Layout {
    n_channels: usize,
    /// Samples per second, and per record.
    rate: usize,
    n_records: usize,
    ranges: Vec<Range>,
}

/// A channel's physical limits in microvolts, as text that fits its field and as the numbers that text means.
struct Range {
    min_text: String,
    max_text: String,
    min: f64,
    max: f64,
}

impl Layout {
    fn of(edf: &EdfToWrite, path: &Path) -> Result<Self, EdfWriteError> {
        let need = |ok: bool, needed: &'static str, found: String| {
            if ok { Ok(()) } else { Err(EdfWriteError::Unwritable { needed, found, path: path.to_owned() }) }
        };
        let n_channels = edf.channel_names.len();
        let hz = edf.sample_rate.hz();
        need((1..=9999).contains(&n_channels), "1 to 9999 channels", n_channels.to_string())?;
        need(hz.fract() == 0.0 && hz < 1e8, "a whole number of samples per second", format!("{hz} Hz"))?;
        let rate = hz as usize;
        let n_samples = edf.samples.len();
        let n_records = n_samples / (n_channels * rate);
        need(n_records * n_channels * rate == n_samples, "a whole number of seconds", format!("{n_samples} samples"))?;
        need(n_records < 100_000_000, "fewer than 10⁸ seconds", format!("{n_records}"))?;
        let odd_name = edf.channel_names.iter().find(|name| !name.is_ascii() || name.len() > 16);
        need(odd_name.is_none(), "channel names of at most 16 ASCII characters", format!("{odd_name:?}"))?;
        let ranges = (0..n_channels).map(|i| {
            let values = || edf.samples.iter().skip(i).step_by(n_channels).map(|&volts| f64::from(volts) * 1e6);
            let found = Range::around(values());
            need(found.is_some(), "finite samples within ±100 V", format!("channel {}", edf.channel_names[i]))?;
            Ok(found)
        });
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(Self { n_channels, rate, n_records, ranges })
    }
}

impl Range {
    fn around(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut min, mut max, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for value in values {
            finite &= value.is_finite();
            (min, max) = (min.min(value), max.max(value));
        }
        if min > max {
            (min, max) = (0.0, 0.0);
        }
        let min_text = eight_characters(min, f64::floor)?;
        // Equal limits cannot be scaled: a flat channel gets one unit of room, or more where that would round away.
        let max_text = eight_characters(max.max(min + min.abs().max(1.0) * 1e-5), f64::ceil)?;
        let range = Self { min: min_text.parse().ok()?, max: max_text.parse().ok()?, min_text, max_text };
        (finite && range.max > range.min).then_some(range)
    }

    fn digital(&self, microvolts: f64, digital_min: i32, digital_max: i32) -> i32 {
        let share = (microvolts - self.min) / (self.max - self.min);
        let digital = f64::from(digital_min) + share * (f64::from(digital_max) - f64::from(digital_min));
        (digital.round() as i32).clamp(digital_min, digital_max)
    }
}

/// The number with as many decimals as eight characters allow, rounded outwards so that the range still covers it.
fn eight_characters(value: f64, outwards: fn(f64) -> f64) -> Option<String> {
    (0..=6).rev().find_map(|decimals| {
        let scale = 10f64.powi(decimals);
        let text = format!("{:.*}", decimals as usize, outwards(value * scale) / scale);
        (text.len() <= 8).then_some(text)
    })
}

fn header(edf: &EdfToWrite, layout: &Layout, family: Family) -> Vec<u8> {
    let (version, reserved): (&[u8; 8], _) = match family {
        Family::Edf => (b"0       ", ""),
        Family::Bdf => (b"\xFFBIOSEMI", "24BIT"),
    };
    let [digital_min, digital_max] = digital_limits(family).map(|limit| limit.to_string());
    let mut header = String::new();
    let mut field = |width: usize, text: &str| header.push_str(&format!("{text:<width$}"));
    field(80, "X X X X");
    field(80, "Startdate X X X X");
    field(8, "01.01.85");
    field(8, "00.00.00");
    field(8, &(256 * (layout.n_channels + 1)).to_string());
    field(44, reserved);
    field(8, &layout.n_records.to_string());
    field(8, "1");
    field(4, &layout.n_channels.to_string());
    let (ranges, names) = (&layout.ranges, edf.channel_names);
    names.iter().for_each(|name| field(16, name));
    names.iter().for_each(|_| field(80, ""));
    names.iter().for_each(|_| field(8, "uV"));
    ranges.iter().for_each(|range| field(8, &range.min_text));
    ranges.iter().for_each(|range| field(8, &range.max_text));
    names.iter().for_each(|_| field(8, &digital_min));
    names.iter().for_each(|_| field(8, &digital_max));
    names.iter().for_each(|_| field(80, ""));
    names.iter().for_each(|_| field(8, &layout.rate.to_string()));
    names.iter().for_each(|_| field(32, ""));
    [version, header.as_bytes()].concat()
}
