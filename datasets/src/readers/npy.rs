//! NumPy's array format, versions 1 to 3: little-endian numbers in one or two dimensions.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs;
use std::path::Path;

use super::error::{ReadError, one_line};

/// An array as `[row, column]`, row-major; one dimension becomes one column.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    pub n_rows: usize,
    pub n_columns: usize,
    pub values: Vec<f64>,
}

impl NpyArray {
    /// Fails at other types than `f4 f8 i1 i2 i4 i8 u1 u2 u4 u8`, other byte orders, more dimensions, and a file that
    /// is shorter than its shape.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = fs::read(path).map_err(|source| ReadError::unreadable(path, source))?;
        let (header, data) = split(&bytes, path)?;
        let Header { element, is_fortran, n_rows, n_columns } = Header::parse(&header, path)?;
        let needed = n_rows.checked_mul(n_columns).and_then(|n| n.checked_mul(element.bytes()));
        let data = needed.and_then(|n| data.get(..n)).ok_or_else(|| ReadError::Truncated {
            needed_bytes: needed.map_or(u64::MAX, |n| (bytes.len() - data.len() + n) as u64),
            found_bytes: bytes.len() as u64,
            path: path.to_owned(),
        })?;
        let stored = element.decode(data);
        let values = if is_fortran { from_columns(&stored, n_rows, n_columns) } else { stored };
        Ok(Self { n_rows, n_columns, values })
    }
}

struct Header {
    element: Element,
    is_fortran: bool,
    n_rows: usize,
    n_columns: usize,
}

impl Header {
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`
    fn parse(header: &str, path: &Path) -> Result<Self, ReadError> {
        let odd = |needed: &str| ReadError::field(needed, format!("{:?}", one_line(header)), path);
        let entry = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches(['\'', '"', ':', ' ']));
        let descr = entry("descr").ok_or_else(|| odd("an array header with descr"))?;
        let descr: String = descr.chars().take_while(|&c| c != '\'' && c != '"').collect();
        let element = Element::of(&descr).ok_or_else(|| {
            ReadError::field("little-endian integers or floats", format!("{:?}", one_line(&descr)), path)
        })?;
        let is_fortran =
            entry("fortran_order").ok_or_else(|| odd("an array header with fortran_order"))?.starts_with("True");
        let shape = entry("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
        let (shape, _) = shape.ok_or_else(|| odd("an array header with shape"))?;
        let extents = shape.split(',').map(str::trim).filter(|extent| !extent.is_empty()).map(str::parse);
        match extents.collect::<Result<Vec<usize>, _>>().as_deref() {
            Ok(&[n_rows]) => Ok(Self { element, is_fortran: false, n_rows, n_columns: 1 }),
            Ok(&[n_rows, n_columns]) => Ok(Self { element, is_fortran, n_rows, n_columns }),
            _ => Err(ReadError::field(
                "an array [time] or [time, channel]",
                format!("shape ({})", one_line(shape)),
                path,
            )),
        }
    }
}

#[derive(Clone, Copy)]
enum Element {
    F4,
    F8,
    I1,
    I2,
    I4,
    I8,
    U1,
    U2,
    U4,
    U8,
}

impl Element {
    fn of(descr: &str) -> Option<Self> {
        Some(match descr {
            "<f4" => Self::F4,
            "<f8" => Self::F8,
            "|i1" | "<i1" => Self::I1,
            "<i2" => Self::I2,
            "<i4" => Self::I4,
            "<i8" => Self::I8,
            "|u1" | "<u1" => Self::U1,
            "<u2" => Self::U2,
            "<u4" => Self::U4,
            "<u8" => Self::U8,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::I1 | Self::U1 => 1,
            Self::I2 | Self::U2 => 2,
            Self::F4 | Self::I4 | Self::U4 => 4,
            Self::F8 | Self::I8 | Self::U8 => 8,
        }
    }

    fn decode(self, data: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(data: &[u8], decode: fn([u8; N]) -> f64) -> Vec<f64> {
            data.as_chunks::<N>().0.iter().map(|&chunk| decode(chunk)).collect()
        }
        match self {
            Self::F4 => each(data, |b| f64::from(f32::from_le_bytes(b))),
            Self::F8 => each(data, f64::from_le_bytes),
            Self::I1 => each(data, |b| f64::from(i8::from_le_bytes(b))),
            Self::I2 => each(data, |b| f64::from(i16::from_le_bytes(b))),
            Self::I4 => each(data, |b| f64::from(i32::from_le_bytes(b))),
            Self::I8 => each(data, |b| i64::from_le_bytes(b) as f64),
            Self::U1 => each(data, |b| f64::from(u8::from_le_bytes(b))),
            Self::U2 => each(data, |b| f64::from(u16::from_le_bytes(b))),
            Self::U4 => each(data, |b| f64::from(u32::from_le_bytes(b))),
            Self::U8 => each(data, |b| u64::from_le_bytes(b) as f64),
        }
    }
}

/// Header text and data bytes.
fn split<'b>(bytes: &'b [u8], path: &Path) -> Result<(String, &'b [u8]), ReadError> {
    let not_npy = || ReadError::field("a NumPy array file", "no \\x93NUMPY at its start", path);
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(not_npy)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(not_npy)?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk::<2>().map(|(n, rest)| (u32::from(u16::from_le_bytes(*n)), rest)),
        _ => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n), rest)),
    }
    .ok_or_else(not_npy)?;
    let (header, data) = rest.split_at_checked(length as usize).ok_or_else(|| ReadError::Truncated {
        needed_bytes: (bytes.len() - rest.len()) as u64 + u64::from(length),
        found_bytes: bytes.len() as u64,
        path: path.to_owned(),
    })?;
    Ok((String::from_utf8_lossy(header).into_owned(), data))
}

fn from_columns(stored: &[f64], n_rows: usize, n_columns: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(stored.len());
    for row in 0..n_rows {
        values.extend((0..n_columns).map(|column| stored[column * n_rows + row]));
    }
    values
}
