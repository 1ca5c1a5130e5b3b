//! The elements that a MAT-file is made of, and what they nest to.

use std::path::Path;

use super::error::{ReadError, one_line};
use super::mat5::{MatArray, MatValue};
use super::sample_type::{ByteOrder, SampleType};

const MI_INT8: u32 = 1;
pub(super) const MI_MATRIX: u32 = 14;
pub(super) const MI_COMPRESSED: u32 = 15;
/// Deeper nesting than any tool writes, and shallow enough for the stack.
const DEEPEST: usize = 32;

/// Where in the file a variable starts, for messages.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub path: &'p Path,
    pub start: usize,
}

impl Place<'_> {
    pub fn error(&self, needed: impl Into<String>, found: impl Into<String>) -> ReadError {
        let needed = format!("{} in the variable at byte {}", needed.into(), self.start);
        ReadError::field(needed, found, self.path)
    }
}

/// What is still unread of a list of elements.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'b> {
    pub bytes: &'b [u8],
    pub order: ByteOrder,
    pub place: Place<'b>,
}

pub(super) struct Element<'b> {
    pub kind: u32,
    pub bytes: &'b [u8],
}

/// What every matrix starts with.
pub(super) struct Head {
    class: u8,
    is_complex: bool,
    dims: Vec<usize>,
    pub name: String,
}

impl<'b> Cursor<'b> {
    /// The next element, past its padding to eight bytes.
    pub fn next(&mut self) -> Result<Element<'b>, ReadError> {
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
    pub fn head(&mut self) -> Result<Option<Head>, ReadError> {
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

    pub fn value(&mut self, head: Head, depth: usize) -> Result<MatValue, ReadError> {
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
