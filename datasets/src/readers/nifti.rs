//! NIfTI-1 and NIfTI-2 images (`.nii`, `.hdr` with `.img`, each also gzipped), read from front to back.
//!
//! Sources: as for the header; gzip is RFC 1952.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::ReadError;
use super::large_buffer;
use super::nifti_header::HEADER_BYTES;
pub use super::nifti_header::{ByteOrder, Datatype, NiftiHeader, Orientation};
use super::nifti_values::{Real, decode};

/// An open image, whose values come in storage order: the first axis fastest, one volume after the other.
///
/// Nothing but a buffer of [`BLOCK_BYTES`] is held, so the memory is the caller's.
pub struct NiftiImage {
    pub header: NiftiHeader,
    pub extensions: Vec<Extension>,
    path: PathBuf,
    source: Box<dyn Read + Send>,
    /// Values not read yet.
    remaining: usize,
    block: Vec<u8>,
}

/// What stands between header and values, such as the XML of CIFTI (code 32).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub code: i32,
    pub content: Vec<u8>,
}

/// Bytes decoded at a time: small enough for the second-level cache.
const BLOCK_BYTES: usize = 1 << 17;

/// The strongest that deflate can compress; a file that promises more values than this lies.
const STRONGEST_COMPRESSION: u64 = 1032;

impl NiftiImage {
    /// Whether the name is one of an image that this module reads.
    pub fn has_name(path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let bare = name.strip_suffix(".gz").unwrap_or(&name);
        [".nii", ".hdr", ".img"].iter().any(|extension| bare.ends_with(extension))
    }

    /// Reads header and extensions. Of a pair either name will do.
    ///
    /// Fails at a header that is not sound, and at a file that is too short for the values it promises: exactly
    /// where it is not compressed, by the limit of compression where it is.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let header_path = match sibling(path, ".img", ".hdr") {
            Some(header) if header.is_file() => header,
            _ => path.to_owned(),
        };
        let mut source = Source::open(&header_path)?;
        let mut bytes = source.up_to(HEADER_BYTES[0])?;
        if matches!(bytes.get(..4), Some([0x1C, 2, 0, 0] | [0, 0, 2, 0x1C])) {
            bytes.extend(source.up_to(HEADER_BYTES[1] - HEADER_BYTES[0])?);
        }
        let header = NiftiHeader::parse(&bytes, &header_path)?;
        let after_header = bytes.len() as u64;
        if header.is_pair {
            let path = sibling(&header_path, ".hdr", ".img").ok_or_else(|| {
                ReadError::field("the extension .hdr of a header whose values are in an .img", "another", &header_path)
            })?;
            let extensions = source.extensions(header.order, after_header, u64::MAX)?;
            let mut source = Source::open(&path)?;
            source.check_room(header.data_offset, header.data_bytes())?;
            source.skip(header.data_offset)?;
            return Ok(Self::new(header, extensions, path, source));
        }
        source.check_room(header.data_offset, header.data_bytes())?;
        let extensions = source.extensions(header.order, after_header, header.data_offset)?;
        Ok(Self::new(header, extensions, header_path, source))
    }

    fn new(header: NiftiHeader, extensions: Vec<Extension>, path: PathBuf, source: Source) -> Self {
        let remaining = header.n_voxels() * header.datatype.components().len().max(1);
        Self { header, extensions, path, source: source.reader, remaining, block: Vec::new() }
    }

    /// The file that holds the values.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Values of one volume: the product of the first three axes.
    pub fn n_voxels_per_volume(&self) -> usize {
        self.header.shape.iter().take(3).product()
    }

    /// How many values are left to read; a voxel of several components counts as several.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// The next `n` values, scaled, after those in `into`.
    ///
    /// Fails where the file ends first, where gzip's data are damaged, and beyond the last value.
    pub fn append<T: Real>(&mut self, n: usize, into: &mut Vec<T>) -> Result<(), ReadError> {
        let bytes_per_value = self.header.datatype.bytes() / self.header.datatype.components().len().max(1);
        if n > self.remaining {
            let found = format!("{} left to read", self.remaining);
            return Err(ReadError::field(format!("{n} more values"), found, &self.path));
        }
        let mut wanted = n;
        while wanted > 0 {
            let now = wanted.min(BLOCK_BYTES / bytes_per_value);
            self.block.resize(now * bytes_per_value, 0);
            self.source.read_exact(&mut self.block).map_err(|error| self.broken(&error))?;
            decode(&self.block, &self.header, into);
            self.remaining -= now;
            wanted -= now;
        }
        Ok(())
    }

    /// All values as one array. Fails like [`append`](Self::append), and where there is no memory for them.
    pub fn read_all<T: Real>(mut self) -> Result<Vec<T>, ReadError> {
        let mut values = Vec::new();
        // Reserved but not touched: pages become memory as values arrive.
        values.try_reserve_exact(self.remaining).map_err(|_| {
            ReadError::field("memory for the values", format!("shape {:?}", self.header.shape), &self.path)
        })?;
        large_buffer::prefer_large_pages(&values);
        self.append(self.remaining, &mut values)?;
        self.finish()?;
        Ok(values)
    }

    /// Reads past the last value, which lets gzip check its sum; says whether bytes follow.
    pub fn finish(&mut self) -> Result<bool, ReadError> {
        let mut byte = [0];
        loop {
            match self.source.read(&mut byte) {
                Ok(n) => return Ok(n > 0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    fn broken(&self, error: &io::Error) -> ReadError {
        let bytes_per_value = (self.header.datatype.bytes() / self.header.datatype.components().len().max(1)) as u64;
        let done = self.header.data_bytes() - self.remaining as u64 * bytes_per_value;
        stopped(error, self.header.data_offset + self.header.data_bytes(), self.header.data_offset + done, &self.path)
    }
}

/// One file, decompressed where its first bytes are gzip's, whatever its name.
struct Source {
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    /// Bytes that can come out at most.
    room: u64,
}

impl Source {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::unreadable(path, source);
        let file = File::open(path).map_err(unreadable)?;
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(ReadError::field("a file", "something else", path));
        }
        let file_bytes = file.metadata().map_err(unreadable)?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let is_gzip = io::BufRead::fill_buf(&mut file).map_err(unreadable)?.starts_with(&[0x1F, 0x8B]);
        let (reader, room): (Box<dyn Read + Send>, u64) = match is_gzip {
            true => (Box::new(MultiGzDecoder::new(file)), file_bytes.saturating_mul(STRONGEST_COMPRESSION)),
            false => (Box::new(file), file_bytes),
        };
        Ok(Self { reader, path: path.to_owned(), room })
    }

    /// At most `n` bytes; fewer where the file ends.
    fn up_to(&mut self, n: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(n as u64).read_to_end(&mut bytes);
        read.map_err(|error| stopped(&error, n as u64, bytes.len() as u64, &self.path))?;
        Ok(bytes)
    }

    fn skip(&mut self, n: u64) -> Result<(), ReadError> {
        let skipped = io::copy(&mut self.reader.by_ref().take(n), &mut io::sink());
        match skipped {
            Ok(found) if found == n => Ok(()),
            Ok(found) => Err(self.truncated(n, found)),
            Err(error) => Err(stopped(&error, n, 0, &self.path)),
        }
    }

    fn truncated(&self, needed_bytes: u64, found_bytes: u64) -> ReadError {
        ReadError::Truncated { needed_bytes, found_bytes, path: self.path.clone() }
    }

    fn check_room(&self, data_offset: u64, data_bytes: u64) -> Result<(), ReadError> {
        let needed = data_offset.saturating_add(data_bytes);
        if needed > self.room { Err(self.truncated(needed, self.room)) } else { Ok(()) }
    }

    /// From byte `at` to `end`: four flags, then size, code and content of each. Odd ones end the list, not the reading.
    fn extensions(&mut self, order: ByteOrder, mut at: u64, end: u64) -> Result<Vec<Extension>, ReadError> {
        let int = |bytes: &[u8]| {
            let bytes: [u8; 4] = bytes.try_into().expect("four bytes");
            if order == ByteOrder::Little { i32::from_le_bytes(bytes) } else { i32::from_be_bytes(bytes) }
        };
        let mut found = Vec::new();
        let flags = self.up_to(4.min(end.saturating_sub(at)) as usize)?;
        at += flags.len() as u64;
        if flags.first().is_some_and(|&flag| flag != 0) {
            while end.saturating_sub(at) >= 8 {
                let head = self.up_to(8)?;
                at += head.len() as u64;
                if head.len() < 8 {
                    break;
                }
                let (size, code) = (int(&head[..4]), int(&head[4..]));
                let content_bytes = i64::from(size) - 8;
                if content_bytes < 0 || content_bytes as u64 > end.saturating_sub(at) {
                    break;
                }
                let content = self.up_to(content_bytes as usize)?;
                at += content.len() as u64;
                found.push(Extension { code, content });
            }
        }
        if end != u64::MAX {
            self.skip(end - at)?;
        }
        Ok(found)
    }
}

fn stopped(error: &io::Error, needed_bytes: u64, found_bytes: u64, path: &Path) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Truncated { needed_bytes, found_bytes, path: path.to_owned() },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            ReadError::field("sound gzip data", format!("\"{error}\" after byte {found_bytes} of the image"), path)
        }
        _ => ReadError::field("readable bytes", format!("\"{error}\" after byte {found_bytes} of the image"), path),
    }
}

/// The other file of a pair: `a.hdr.gz` ↔ `a.img.gz`, or one of them not compressed.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let bare = name.strip_suffix(".gz").unwrap_or(name);
    let stem = bare.get(..bare.len().checked_sub(from.len())?)?;
    if !bare[stem.len()..].eq_ignore_ascii_case(from) {
        return None;
    }
    let names = [format!("{stem}{to}{}", &name[bare.len()..]), format!("{stem}{to}"), format!("{stem}{to}.gz")];
    let paths = names.map(|name| path.with_file_name(name));
    paths.iter().find(|path| path.is_file()).or(paths.first()).cloned()
}
