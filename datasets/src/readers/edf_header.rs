//! The header of an EDF or BDF file: fixed-width ASCII fields.
//!
//! Source: Kemp et al. (1992), Electroenceph. clin. Neurophysiol. 82, 391–393; Kemp & Olivan (2003),
//! Clin. Neurophysiol. 114, 1755–1761 (EDF+); BioSemi, "Which file format does BioSemi use" (BDF, 24 bits), and
//! Teuniz, "BDF+", <https://www.teuniz.net/edfbrowser/bdfplus%20format%20description.html>.

use std::path::Path;

use super::error::{ReadError, one_line};
use super::sample_store::SampleType;
use super::table::latin1;

/// Bytes of the fixed part, and of what each signal adds to it.
pub(super) const BLOCK_BYTES: usize = 256;

/// The fixed part.
#[derive(Debug, Clone, PartialEq)]
pub struct EdfHeader {
    pub family: Family,
    pub continuity: Continuity,
    /// `None` where the writer was interrupted and left −1.
    pub n_records: Option<u64>,
    pub record_secs: f64,
    pub signals: Vec<EdfSignal>,
}

/// 16 or 24 bits a sample; otherwise the two are one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Edf,
    Bdf,
}

impl Family {
    pub fn name(self) -> &'static str {
        match self {
            Self::Edf => "EDF",
            Self::Bdf => "BDF",
        }
    }

    pub(super) fn sample_type(self) -> SampleType {
        match self {
            Self::Edf => SampleType::I16,
            Self::Bdf => SampleType::I24,
        }
    }

    fn of(version: &[u8]) -> Option<Self> {
        match version {
            b"\xFFBIOSEMI" => Some(Self::Bdf),
            _ => (text(version) == "0").then_some(Self::Edf),
        }
    }
}

/// Whether data records follow each other without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    Contiguous,
    /// EDF+D, BDF+D: each record says when it starts.
    Discontinuous,
}

/// One signal's part.
#[derive(Debug, Clone, PartialEq)]
pub struct EdfSignal {
    pub label: String,
    /// "physical dimension", as written.
    pub dimension: String,
    pub physical: [f64; 2],
    pub digital: [f64; 2],
    pub samples_per_record: usize,
}

impl EdfSignal {
    pub fn is_annotations(&self) -> bool {
        is_annotations(&self.label)
    }
}

/// How many signals the fixed part announces, so that a caller knows how much more to read.
pub(super) fn n_signals(fixed: &[u8; BLOCK_BYTES], path: &Path) -> Result<usize, ReadError> {
    if Family::of(&fixed[..8]).is_none() {
        return Err(ReadError::field(
            "an EDF or BDF file, which starts with \"0\" or \"\\xFFBIOSEMI\"",
            format!("{:?}", one_line(&text(&fixed[..8]))),
            path,
        ));
    }
    let n = whole("number of signals", &fixed[252..256], path)?;
    let announced = whole("header size", &fixed[184..192], path)?;
    let needed = BLOCK_BYTES as u64 * (n + 1);
    if announced != needed {
        return Err(ReadError::field(
            format!("a header of {needed} bytes for {n} signals"),
            format!("{announced} announced"),
            path,
        ));
    }
    // Four digits at most, so this fits everywhere.
    Ok(n as usize)
}

impl EdfHeader {
    /// `signals`: the bytes after the fixed part, `256 × n_signals` of them.
    pub(super) fn parse(fixed: &[u8; BLOCK_BYTES], signals: &[u8], path: &Path) -> Result<Self, ReadError> {
        let n = signals.len() / BLOCK_BYTES;
        let reserved = text(&fixed[192..236]);
        let n_records = match number("number of data records", &fixed[236..244], path)? {
            n if n < 0.0 => None,
            n => Some(n as u64),
        };
        let record_secs = number("duration of a data record", &fixed[244..252], path)?;
        // Damage can make exponents of digits.
        if record_secs != 0.0 && !(1e-9..1e9).contains(&record_secs) {
            let needed = "a record duration of 0 s, or between 1 ns and 30 years";
            return Err(ReadError::field(needed, format!("\"{}\"", text(&fixed[244..252])), path));
        }
        let mut fields = Fields { bytes: signals, n };
        let labels = fields.next(16);
        fields.next(80); // transducer
        let dimensions = fields.next(8);
        let [physical_min, physical_max, digital_min, digital_max] = [(); 4].map(|()| fields.next(8));
        fields.next(80); // prefiltering
        let samples_per_record = fields.next(8);
        let signals = (0..n).map(|i| {
            let label = text(labels[i]);
            let of = |what: &str| format!("{what} of {}", one_line(&label));
            // An annotation signal carries text: its limits scale nothing and some writers leave them blank.
            let limits = |min: &[u8], max: &[u8], what: &str| match is_annotations(&label) {
                true => Ok([0.0, 1.0]),
                false => Ok([number(&of(what), min, path)?, number(&of(what), max, path)?]),
            };
            Ok(EdfSignal {
                physical: limits(physical_min[i], physical_max[i], "physical limit")?,
                digital: limits(digital_min[i], digital_max[i], "digital limit")?,
                samples_per_record: whole(&of("samples per record"), samples_per_record[i], path)? as usize,
                dimension: text(dimensions[i]),
                label,
            })
        });
        let is_discontinuous = reserved.starts_with("EDF+D") || reserved.starts_with("BDF+D");
        Ok(Self {
            family: Family::of(&fixed[..8]).unwrap_or(Family::Edf),
            continuity: if is_discontinuous { Continuity::Discontinuous } else { Continuity::Contiguous },
            n_records,
            record_secs,
            signals: signals.collect::<Result<_, ReadError>>()?,
        })
    }

    /// Bytes of one data record.
    pub fn record_bytes(&self) -> u64 {
        let sample_bytes = self.family.sample_type().bytes() as u64;
        self.signals.iter().map(|signal| sample_bytes * signal.samples_per_record as u64).sum()
    }
}

/// The signal part lists one field for all signals, then the next.
struct Fields<'b> {
    bytes: &'b [u8],
    n: usize,
}

impl<'b> Fields<'b> {
    fn next(&mut self, width: usize) -> Vec<&'b [u8]> {
        let (field, rest) = self.bytes.split_at(width * self.n);
        self.bytes = rest;
        field.chunks_exact(width).collect()
    }
}

fn is_annotations(label: &str) -> bool {
    matches!(label, "EDF Annotations" | "BDF Annotations")
}

/// ASCII by the standard; in the wild also UTF-8 and Latin-1 ("µV").
fn text(field: &[u8]) -> String {
    let text = std::str::from_utf8(field).map_or_else(|_| latin1(field), str::to_owned);
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
}

fn number(what: &str, field: &[u8], path: &Path) -> Result<f64, ReadError> {
    let text = text(field);
    // Some writers follow their locale.
    let value = text.replace(',', ".").parse().ok().filter(|value: &f64| value.is_finite());
    value.ok_or_else(|| ReadError::field(format!("a number as {what}"), format!("{:?}", one_line(&text)), path))
}

fn whole(what: &str, field: &[u8], path: &Path) -> Result<u64, ReadError> {
    let text = text(field);
    let value = text.parse().ok();
    value.ok_or_else(|| ReadError::field(format!("a whole number as {what}"), format!("{:?}", one_line(&text)), path))
}
