//! The tags of a FIF file, one after the other.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::{ReadError, one_line};
use super::sample_store::{ByteOrder, Bytes};

/// A tag's head, and where its data are. Invariant: they lie within the file.
pub(super) struct Tag {
    pub kind: i32,
    pub data_type: i32,
    pub at: u64,
    pub n_bytes: u64,
}

pub(super) struct Tags<'p> {
    path: &'p Path,
    source: Source,
    n_bytes: u64,
    /// Where the next tag starts.
    next_at: Option<u64>,
    n_seen: u64,
}

enum Source {
    File(File),
    Memory(Vec<u8>),
}

const HEAD_BYTES: u64 = 16;
/// The first tag of every file.
const FILE_ID: i32 = 100;
/// Tags are read whole when they say something about the recording, which never takes this much.
const LONGEST_VALUE: u64 = 1 << 28;

/// Whether the head of a tag is that of [`FILE_ID`].
fn is_file_id(head: &[u8]) -> bool {
    head.len() as u64 == HEAD_BYTES
        && ByteOrder::Big.u32(head) as i32 == FILE_ID
        && ByteOrder::Big.u32(&head[8..]) == 20
}

fn no_file_id(path: &Path) -> ReadError {
    ReadError::field("a FIF file, which starts with tag 100 of 20 bytes", "another start", path)
}

impl<'p> Tags<'p> {
    pub fn open(path: &'p Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        let (source, n_bytes) = if path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gz")) {
            let broken = |error: std::io::Error| {
                ReadError::field("a sound gzip file", format!("\"{}\"", one_line(&error.to_string())), path)
            };
            let mut decoder = MultiGzDecoder::new(file);
            let mut bytes = Vec::new();
            decoder.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(broken)?;
            // Whatever else was compressed may be long.
            if bytes.len() as u64 == HEAD_BYTES && !is_file_id(&bytes) {
                return Err(no_file_id(path));
            }
            decoder.read_to_end(&mut bytes).map_err(broken)?;
            let n_bytes = bytes.len() as u64;
            (Source::Memory(bytes), n_bytes)
        } else {
            let n_bytes = file.metadata().map_err(unreadable)?.len();
            (Source::File(file), n_bytes)
        };
        let mut tags = Self { path, source, n_bytes, next_at: Some(0), n_seen: 0 };
        let head = tags.read(0, HEAD_BYTES.min(n_bytes))?;
        if !is_file_id(&head) {
            return Err(no_file_id(path));
        }
        tags.next()?;
        Ok(tags)
    }

    /// `None` after the last.
    pub fn next(&mut self) -> Result<Option<Tag>, ReadError> {
        let Some(at) = self.next_at.filter(|&at| at < self.n_bytes) else {
            return Ok(None);
        };
        let head = self.read(at, HEAD_BYTES)?;
        let field = |i: usize| ByteOrder::Big.u32(&head[4 * i..]) as i32;
        let (kind, data_type, n_bytes, next) = (field(0), field(1), field(2), field(3));
        let n_bytes = u64::try_from(n_bytes).map_err(|_| {
            ReadError::field(format!("a size of 0 or more for the tag at byte {at}"), n_bytes.to_string(), self.path)
        })?;
        let tag = Tag { kind, data_type, at: at + HEAD_BYTES, n_bytes };
        let end = tag.at + n_bytes;
        if end > self.n_bytes {
            return Err(ReadError::Truncated {
                needed_bytes: end,
                found_bytes: self.n_bytes,
                path: self.path.to_owned(),
            });
        }
        self.n_seen += 1;
        if self.n_seen > self.n_bytes / HEAD_BYTES {
            let needed = format!("at most {} tags", self.n_bytes / HEAD_BYTES);
            return Err(ReadError::field(needed, "a chain of tags that comes back to itself", self.path));
        }
        self.next_at = match next {
            0 => Some(end),
            next => u64::try_from(next).ok(),
        };
        Ok(Some(tag))
    }

    pub fn bytes(&mut self, tag: &Tag) -> Result<Vec<u8>, ReadError> {
        if tag.n_bytes > LONGEST_VALUE {
            return Err(self.error(tag, format!("at most {LONGEST_VALUE} bytes"), tag.n_bytes.to_string()));
        }
        self.read(tag.at, tag.n_bytes)
    }

    /// The first four bytes as an integer.
    pub fn int(&mut self, tag: &Tag) -> Result<i32, ReadError> {
        if tag.n_bytes < 4 {
            return Err(self.error(tag, "a number of 4 bytes", format!("{} bytes", tag.n_bytes)));
        }
        Ok(ByteOrder::Big.u32(&self.read(tag.at, 4)?) as i32)
    }

    pub fn error(&self, tag: &Tag, needed: impl Into<String>, found: impl Into<String>) -> ReadError {
        let needed = format!("{} in tag {} at byte {}", needed.into(), tag.kind, tag.at - HEAD_BYTES);
        ReadError::field(needed, found, self.path)
    }

    pub fn into_bytes(self) -> Bytes {
        match self.source {
            Source::File(_) => Bytes::File(self.path.to_owned()),
            Source::Memory(bytes) => Bytes::Memory(bytes),
        }
    }

    fn read(&mut self, at: u64, n: u64) -> Result<Vec<u8>, ReadError> {
        let needed_bytes = at.saturating_add(n);
        if needed_bytes > self.n_bytes {
            return Err(ReadError::Truncated { needed_bytes, found_bytes: self.n_bytes, path: self.path.to_owned() });
        }
        match &mut self.source {
            Source::Memory(bytes) => Ok(bytes[at as usize..needed_bytes as usize].to_vec()),
            Source::File(file) => {
                let mut bytes = vec![0; n as usize];
                let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
                read.map_err(|source| ReadError::unreadable(self.path, source))?;
                Ok(bytes)
            }
        }
    }
}
