//! MATLAB files of version 5 to 7: arrays, text, structures and cells, compressed or not.
//!
//! Source: MathWorks, "MAT-File Format", R2019b, chapter "MAT-File Level 5 Format". Version 7.3 is HDF5.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::error::{ReadError, one_line};
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
const MI_INT8: u32 = 1;
const MI_MATRIX: u32 = 14;
const MI_COMPRESSED: u32 = 15;
/// Deeper nesting than any tool writes, and shallow enough for the stack.
const DEEPEST: usize = 32;
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

/// Where in the file a variable starts, for messages.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p Path,
    start: usize,
}

impl Place<'_> {
    fn error(&self, needed: impl Into<String>, found: impl Into<String>) -> ReadError {
        let needed = format!("{} in the variable at byte {}", needed.into(), self.start);
        ReadError::field(needed, found, self.path)
    }
}

/// What is still unread of a list of elements.
#[derive(Clone, Copy)]
struct Cursor<'b> {
    bytes: &'b [u8],
    order: ByteOrder,
    place: Place<'b>,
}

struct Element<'b> {
    kind: u32,
    bytes: &'b [u8],
}

/// What every matrix starts with.
struct Head {
    class: u8,
    is_complex: bool,
    dims: Vec<usize>,
    name: String,
}

impl<'b> Cursor<'b> {
    /// The next element, past its padding to eight bytes.
    fn next(&mut self) -> Result<Element<'b>, ReadError> {
        let too_short = |needed: usize| {
            self.place.error(format!("an element of {needed} bytes"), format!("{} bytes left", self.bytes.len()))
        };
        let Some((tag, data)) = self.bytes.split_at_checked(8) else {
            return Err(too_short(8));
        };
        let word = self.order.u32(&tag[..4]);
        // Up to four bytes of data sit in the tag itself, their number in its upper half.
        let (kind, bytes, used) = match (word >> 16) as usize {
            0 => {
                let n_bytes = self.order.u32(&tag[4..]) as usize;
                let bytes = data.get(..n_bytes).ok_or_else(|| too_short(n_bytes.saturating_add(8)))?;
                let is_padded = word != MI_COMPRESSED;
                let padded = if is_padded { n_bytes.next_multiple_of(8) } else { n_bytes };
                (word, bytes, padded.saturating_add(8))
            }
            n_bytes => {
                let bytes = tag[4..].get(..n_bytes).ok_or_else(|| too_short(n_bytes))?;
                (word & 0xFFFF, bytes, 8)
            }
        };
        self.bytes = &self.bytes[used.min(self.bytes.len())..];
        Ok(Element { kind, bytes })
    }

    /// `None` for a matrix of no bytes, which stands for an empty one.
    fn head(&mut self) -> Result<Option<Head>, ReadError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let flags = self.next()?;
        let flags = flags.bytes.get(..4).map(|bytes| self.order.u32(bytes));
        let flags = flags.ok_or_else(|| self.place.error("array flags of 8 bytes", "fewer"))?;
        let class = (flags & 0xFF) as u8;
        if class == MX_OPAQUE {
            // Its parts are laid out otherwise: the name comes next.
            let name = latin1_text(self.next()?.bytes);
            return Ok(Some(Head { class, is_complex: false, dims: Vec::new(), name }));
        }
        let dims = self.next()?;
        let dims = dims.bytes.chunks_exact(4).map(|bytes| self.order.u32(bytes) as usize).collect();
        let name = latin1_text(self.next()?.bytes);
        Ok(Some(Head { class, is_complex: flags & 0x0800 != 0, dims, name }))
    }

    fn nested(&mut self, depth: usize) -> Result<MatValue, ReadError> {
        if depth > DEEPEST {
            return Err(self.place.error(format!("structures nested up to {DEEPEST} deep"), "deeper ones"));
        }
        let element = self.next()?;
        if element.kind != MI_MATRIX {
            return Err(self.place.error("a matrix (type 14)", format!("type {}", element.kind)));
        }
        let mut parts = Cursor { bytes: element.bytes, ..*self };
        match parts.head()? {
            Some(head) => parts.value(head, depth),
            None => Ok(MatValue::Array(MatArray {
                dims: vec![0, 0],
                sample_type: SampleType::F64,
                order: self.order,
                bytes: Vec::new(),
            })),
        }
    }

    fn value(&mut self, head: Head, depth: usize) -> Result<MatValue, ReadError> {
        let n = head.dims.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
        let n = n.ok_or_else(|| self.place.error("dimensions that can be multiplied", format!("{:?}", head.dims)))?;
        match head.class {
            MX_CELL => {
                self.check_room(n)?;
                Ok(MatValue::Cell((0..n).map(|_| self.nested(depth + 1)).collect::<Result<_, _>>()?))
            }
            MX_STRUCT => self.structure(n, depth),
            MX_CHAR => self.characters(n),
            MX_DOUBLE..=MX_UINT64 if head.is_complex => Ok(MatValue::Unread("complex")),
            MX_DOUBLE..=MX_UINT64 => {
                let part = self.next()?;
                let sample_type = numeric_type(part.kind)
                    .ok_or_else(|| self.place.error("a numeric type", format!("type {}", part.kind)))?;
                let n_bytes = n.saturating_mul(sample_type.bytes());
                let bytes = part.bytes.get(..n_bytes).ok_or_else(|| {
                    self.place.error(
                        format!("{n} numbers of {:?} for {}", head.dims, one_line(&head.name)),
                        format!("{} bytes", part.bytes.len()),
                    )
                })?;
                let bytes = bytes.to_vec();
                Ok(MatValue::Array(MatArray { dims: head.dims, sample_type, order: self.order, bytes }))
            }
            MX_SPARSE => Ok(MatValue::Unread("sparse")),
            MX_OBJECT => Ok(MatValue::Unread("object")),
            MX_FUNCTION => Ok(MatValue::Unread("function")),
            MX_OPAQUE => Ok(MatValue::Unread("opaque")),
            other => Err(self.place.error("an array class from 1 to 17", format!("class {other}"))),
        }
    }

    fn structure(&mut self, n: usize, depth: usize) -> Result<MatValue, ReadError> {
        let width = self.next()?.bytes.get(..4).map_or(0, |bytes| self.order.u32(bytes) as usize);
        let names = self.next()?;
        if width == 0 || names.kind != MI_INT8 {
            return Err(self.place.error("names of fields", format!("a width of {width}")));
        }
        let fields: Vec<String> = names.bytes.chunks_exact(width).map(latin1_text).collect();
        self.check_room(n.saturating_mul(fields.len()))?;
        // Without fields an element takes no room, so that their number is only a word.
        let n = if fields.is_empty() { 0 } else { n };
        let mut elements = Vec::new();
        for _ in 0..n {
            let element = (0..fields.len()).map(|_| self.nested(depth + 1)).collect::<Result<_, _>>()?;
            elements.push(element);
        }
        Ok(MatValue::Struct { fields, elements })
    }

    fn characters(&mut self, n: usize) -> Result<MatValue, ReadError> {
        if self.bytes.is_empty() {
            return Ok(MatValue::Text(String::new()));
        }
        let part = self.next()?;
        let text = match part.kind {
            MI_UTF8 => String::from_utf8_lossy(part.bytes).into_owned(),
            MI_UINT16 | MI_UTF16 => {
                let units = part.bytes.chunks_exact(2).map(|pair| self.order.u16(pair));
                char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
            _ => super::table::latin1(part.bytes),
        };
        Ok(MatValue::Text(text.chars().take(n).collect()))
    }

    /// Every matrix takes eight bytes at least.
    fn check_room(&self, n: usize) -> Result<(), ReadError> {
        if n > self.bytes.len() / 8 {
            return Err(self.place.error(format!("{n} matrices"), format!("{} bytes left", self.bytes.len())));
        }
        Ok(())
    }
}

const MX_CELL: u8 = 1;
const MX_STRUCT: u8 = 2;
const MX_OBJECT: u8 = 3;
const MX_CHAR: u8 = 4;
const MX_SPARSE: u8 = 5;
const MX_DOUBLE: u8 = 6;
const MX_UINT64: u8 = 15;
const MX_FUNCTION: u8 = 16;
const MX_OPAQUE: u8 = 17;
const MI_UINT16: u32 = 4;
const MI_UTF8: u32 = 16;
const MI_UTF16: u32 = 17;

fn numeric_type(kind: u32) -> Option<SampleType> {
    Some(match kind {
        1 => SampleType::I8,
        2 => SampleType::U8,
        3 => SampleType::I16,
        4 => SampleType::U16,
        5 => SampleType::I32,
        6 => SampleType::U32,
        7 => SampleType::F32,
        9 => SampleType::F64,
        12 => SampleType::I64,
        13 => SampleType::U64,
        _ => return None,
    })
}

fn latin1_text(bytes: &[u8]) -> String {
    super::table::latin1(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
}
