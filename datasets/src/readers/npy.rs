//! NumPy's array format, versions 1 to 3: real numbers in one or two dimensions, either byte order.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{BufReader, Read};
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
    /// Fails at other types than `f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1`, more dimensions, and a file that is shorter than
    /// its shape. Needs memory for the values and one block.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        Self::read_from(&mut BufReader::new(file), n_bytes, path)
    }

    /// As [`Self::read`], from the `n_bytes` that `source` is known to hold; `path` is for messages.
    pub(super) fn read_from(source: &mut impl Read, n_bytes: u64, path: &Path) -> Result<Self, ReadError> {
        let (header, header_bytes) = header_text(source, n_bytes, path)?;
        let Header { element, is_big_endian, is_fortran, n_rows, n_columns } = Header::parse(&header, path)?;
        let n_values = n_rows.checked_mul(n_columns);
        let data_bytes = n_values.and_then(|n| n.checked_mul(element.bytes())).map(|n| n as u64);
        let needed_bytes = data_bytes.and_then(|n| n.checked_add(header_bytes)).unwrap_or(u64::MAX);
        // From here on the file is known to be as long as its header says: it is safe to allocate.
        let n_values = n_values.filter(|_| needed_bytes <= n_bytes).ok_or_else(|| ReadError::Truncated {
            needed_bytes,
            found_bytes: n_bytes,
            path: path.to_owned(),
        })?;
        let mut values = vec![0.0; n_values];
        let mut block = vec![0; BLOCK_VALUES.min(n_values) * element.bytes()];
        for first in (0..n_values).step_by(BLOCK_VALUES) {
            let n = BLOCK_VALUES.min(n_values - first);
            let bytes = &mut block[..n * element.bytes()];
            source.read_exact(bytes).map_err(|source| ReadError::unreadable(path, source))?;
            if is_big_endian {
                bytes.chunks_exact_mut(element.bytes()).for_each(<[u8]>::reverse);
            }
            if is_fortran {
                // Column after column in the file.
                let place = |at: usize| (at % n_rows) * n_columns + at / n_rows;
                element.decode(bytes, |i, value| values[place(first + i)] = value);
            } else {
                element.decode(bytes, |i, value| values[first + i] = value);
            }
        }
        Ok(Self { n_rows, n_columns, values })
    }
}

/// Values decoded together.
const BLOCK_VALUES: usize = 1 << 16;

struct Header {
    element: Element,
    is_big_endian: bool,
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
            ReadError::field(
                "real numbers: f4 or f8, i1 to i8, u1 to u8, or bool",
                format!("{:?}", one_line(&descr)),
                path,
            )
        })?;
        let is_big_endian = descr.starts_with('>');
        let is_fortran =
            entry("fortran_order").ok_or_else(|| odd("an array header with fortran_order"))?.starts_with("True");
        let shape = entry("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
        let (shape, _) = shape.ok_or_else(|| odd("an array header with shape"))?;
        let extents = shape.split(',').map(str::trim).filter(|extent| !extent.is_empty()).map(str::parse);
        match extents.collect::<Result<Vec<usize>, _>>().as_deref() {
            Ok(&[n_rows]) => Ok(Self { element, is_big_endian, is_fortran: false, n_rows, n_columns: 1 }),
            Ok(&[n_rows, n_columns]) => Ok(Self { element, is_big_endian, is_fortran, n_rows, n_columns }),
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
        Some(match descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr) {
            "f4" => Self::F4,
            "f8" => Self::F8,
            "i1" => Self::I1,
            "i2" => Self::I2,
            "i4" => Self::I4,
            "i8" => Self::I8,
            "u1" | "b1" => Self::U1,
            "u2" => Self::U2,
            "u4" => Self::U4,
            "u8" => Self::U8,
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

    /// Calls `take` with the place and the value of each element; `data` is little-endian.
    fn decode(self, data: &[u8], take: impl FnMut(usize, f64)) {
        fn each<const N: usize>(data: &[u8], decode: fn([u8; N]) -> f64, mut take: impl FnMut(usize, f64)) {
            data.as_chunks::<N>().0.iter().enumerate().for_each(|(i, &chunk)| take(i, decode(chunk)));
        }
        match self {
            Self::F4 => each(data, |b| f64::from(f32::from_le_bytes(b)), take),
            Self::F8 => each(data, f64::from_le_bytes, take),
            Self::I1 => each(data, |b| f64::from(i8::from_le_bytes(b)), take),
            Self::I2 => each(data, |b| f64::from(i16::from_le_bytes(b)), take),
            Self::I4 => each(data, |b| f64::from(i32::from_le_bytes(b)), take),
            Self::I8 => each(data, |b| i64::from_le_bytes(b) as f64, take),
            Self::U1 => each(data, |b| f64::from(u8::from_le_bytes(b)), take),
            Self::U2 => each(data, |b| f64::from(u16::from_le_bytes(b)), take),
            Self::U4 => each(data, |b| f64::from(u32::from_le_bytes(b)), take),
            Self::U8 => each(data, |b| u64::from_le_bytes(b) as f64, take),
        }
    }
}

/// The header's text, and how many bytes lie before the data.
fn header_text(source: &mut impl Read, n_bytes: u64, path: &Path) -> Result<(String, u64), ReadError> {
    let not_npy = |_| ReadError::field("a NumPy array file", "no \\x93NUMPY at its start", path);
    let mut start = [0; 8];
    source.read_exact(&mut start).map_err(not_npy)?;
    let version = start.strip_prefix(b"\x93NUMPY").and_then(|rest| rest.first());
    let length_bytes = match version {
        None => return Err(not_npy(std::io::ErrorKind::InvalidData.into())),
        Some(1) => 2,
        Some(_) => 4,
    };
    let mut length = [0; 4];
    source.read_exact(&mut length[..length_bytes]).map_err(not_npy)?;
    let length = u64::from(u32::from_le_bytes(length));
    let before_data = (start.len() + length_bytes) as u64 + length;
    if before_data > n_bytes {
        return Err(ReadError::Truncated { needed_bytes: before_data, found_bytes: n_bytes, path: path.to_owned() });
    }
    let mut header = vec![0; length as usize];
    source.read_exact(&mut header).map_err(|source| ReadError::unreadable(path, source))?;
    Ok((String::from_utf8_lossy(&header).into_owned(), before_data))
}
