//! MATLAB files of version 5 to 7: arrays, text, structures and cells, compressed or not.
//!
//! Source: MathWorks, "MAT-File Format", R2019b, chapter "MAT-File Level 5 Format". Version 7.3 is HDF5.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::error::{ReadError, one_line};
use super::mat5_elements::{Cursor, MI_COMPRESSED, MI_MATRIX, Place};
use super::sample_type::{ByteOrder, SampleType, decode_numbers};

/// The variables of a file, in the order they were saved.
#[derive(Debug, Clone, PartialEq)]
pub struct MatFile {
    pub variables: Vec<(String, MatValue)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MatValue {
    Array(MatArray),
    /// In column-major order, as all of MATLAB; one row for most.
    Text(String),
    /// Elements of a structure array, each with a value for every field.
    Struct {
        fields: Vec<String>,
        elements: Vec<Vec<MatValue>>,
    },
    Cell(Vec<MatValue>),
    /// A kind that is not read: "sparse", "object", "function", "opaque" or "complex".
    Unread(&'static str),
}

/// Real numbers, still as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct MatArray {
    /// At least two; the first varies fastest.
    pub dims: Vec<usize>,
    pub(super) sample_type: SampleType,
    pub(super) order: ByteOrder,
    /// All elements.
    pub(super) bytes: Vec<u8>,
}

impl MatFile {
    /// Reads every variable.
    ///
    /// Needs memory for the file and for what it decompresses to. Fails at a file that is no MAT-file of version 5,
    /// and at one whose elements do not fit in it; nothing is allocated on the word of a header alone.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::read_where(path, |_| true)
    }

    /// Reads only the variables whose name passes.
    pub(super) fn read_where(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, ReadError> {
        let bytes = fs::read(path).map_err(|source| ReadError::unreadable(path, source))?;
        let order = byte_order(&bytes, path)?;
        let mut variables = Vec::new();
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let place = Place { path, start: at };
            let mut rest = Cursor { bytes: &bytes[at..], order, place };
            // MATLAB pads the end of some files.
            if rest.bytes.iter().take(8).all(|&byte| byte == 0) {
                break;
            }
            let element = rest.next()?;
            at = bytes.len() - rest.bytes.len();
            let inflated;
            let matrix = match element.kind {
                MI_MATRIX => element,
                MI_COMPRESSED => {
                    inflated = inflate(element.bytes, order, &place)?;
                    Cursor { bytes: &inflated, order, place }.next()?
                }
                other => return Err(place.error("a matrix (type 14 or 15)", format!("type {other}"))),
            };
            if matrix.kind != MI_MATRIX {
                return Err(place.error("a matrix in a compressed element", format!("type {}", matrix.kind)));
            }
            let mut parts = Cursor { bytes: matrix.bytes, order, place };
            if let Some(head) = parts.head()?
                && wanted(&head.name)
            {
                let name = head.name.clone();
                variables.push((name, parts.value(head, 0)?));
            }
        }
        Ok(Self { variables })
    }

    pub fn get(&self, name: &str) -> Option<&MatValue> {
        self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

impl MatValue {
    /// The values of `field` over the elements of a structure array; empty where there is no such field.
    pub fn field(&self, field: &str) -> Vec<&MatValue> {
        match self {
            Self::Struct { fields, elements } => match fields.iter().position(|other| other == field) {
                Some(i) => elements.iter().map(|element| &element[i]).collect(),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The only number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Array(array) if array.n_values() == 1 => array.values().first().copied(),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl MatArray {
    pub fn n_values(&self) -> usize {
        self.bytes.len() / self.sample_type.bytes()
    }

    /// In column-major order.
    pub fn values(&self) -> Vec<f64> {
        decode_numbers(&self.bytes, self.sample_type, self.order)
    }
}

const HEADER_BYTES: usize = 128;
/// Deflate cannot do better.
const STRONGEST_COMPRESSION: usize = 1032;

fn byte_order(bytes: &[u8], path: &Path) -> Result<ByteOrder, ReadError> {
    let needed = "a MAT-file of version 5, with \"IM\" or \"MI\" at byte 126";
    let found = || match bytes {
        [0x89, b'H', b'D', b'F', ..] => "an HDF5 file".to_owned(),
        _ if bytes.len() < HEADER_BYTES => format!("{} bytes", bytes.len()),
        _ => format!("{:?}", &bytes[124..128]),
    };
    match bytes.get(124..128) {
        Some([0, 1, b'I', b'M']) => Ok(ByteOrder::Little),
        Some([1, 0, b'M', b'I']) => Ok(ByteOrder::Big),
        Some([0, 2, b'I', b'M']) => Err(ReadError::field(needed, "a MAT-file of version 7.3, which is HDF5", path)),
        _ => Err(ReadError::field(needed, found(), path)),
    }
}

/// The element's own tag says how much there is; no more is inflated.
fn inflate(compressed: &[u8], order: ByteOrder, place: &Place) -> Result<Vec<u8>, ReadError> {
    let mut decoder = ZlibDecoder::new(compressed);
    let mut tag = [0; 8];
    let broken = |error: std::io::Error| {
        place.error("a sound compressed element", format!("\"{}\"", one_line(&error.to_string())))
    };
    decoder.read_exact(&mut tag).map_err(broken)?;
    let n_bytes = order.u32(&tag[4..]) as usize;
    if n_bytes > compressed.len().saturating_mul(STRONGEST_COMPRESSION) {
        return Err(place.error(
            format!("{n_bytes} bytes in a compressed element"),
            format!("{} bytes, which cannot hold them", compressed.len()),
        ));
    }
    let mut bytes = tag.to_vec();
    decoder.take(n_bytes as u64).read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}
