//! Long vectors of numbers in HDF5, read beside the library.
//!
//! The library inflates one chunk after the other, under a lock. It is asked where the bytes are; they are read and
//! inflated here, by all threads.
//!
//! Source: HDF5 File Format Specification 3.0, "Data Layout", "Filter Pipeline"; filter registry: 1 deflate, 2 shuffle.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use hdf5::filters::Filter;
use hdf5::types::{FloatSize, TypeDescriptor};
use libdeflater::Decompressor;
use rayon::prelude::*;

use super::error::ReadError;
use super::hdf5_filters::filters;
use super::hdf5_guard::{check_size, values};
use super::large_buffer;

/// What a thread reads at a time of a vector that lies in one piece.
const PIECE_BYTES: usize = 1 << 18;
const WIDTH: usize = size_of::<f64>();

/// All numbers of a one-dimensional dataset.
///
/// Double precision that lies in one piece, or in chunks that are shuffled, deflated or neither, takes the fast way;
/// everything else is read by the library. Needs memory for the numbers and three chunks for each thread.
pub(super) fn vector(dataset: &hdf5::Dataset, path: &Path) -> Result<Vec<f64>, ReadError> {
    check_size(dataset, WIDTH as u64, path)?;
    let Some(layout) = Layout::of_doubles(dataset) else {
        return values(dataset, path);
    };
    let mut numbers = large_buffer::zeroed::<f64>(dataset.size());
    layout.fill(dataset, bytemuck::cast_slice_mut(&mut numbers), path)?;
    Ok(numbers)
}

/// Where the elements of a dataset are.
pub(super) enum Layout {
    /// From this byte on.
    OnePiece(u64),
    Chunks {
        /// In order of the numbers.
        chunks: Vec<Chunk>,
        bytes_each: usize,
        filters: Vec<Filter>,
    },
}

pub(super) struct Chunk {
    start_byte: u64,
    n_bytes: usize,
    /// Bit `i` says that filter `i` was left out.
    filters_left_out: u32,
}

impl Layout {
    /// `None` where the library has to read.
    fn of_doubles(dataset: &hdf5::Dataset) -> Option<Self> {
        let dtype = dataset.dtype().ok()?;
        let is_double = dtype.to_descriptor().ok()? == TypeDescriptor::Float(FloatSize::U8);
        let is_native = cfg!(target_endian = "little") && dtype.byte_order() == hdf5::datatype::ByteOrder::LittleEndian;
        if is_double && is_native { Self::of_elements(dataset, WIDTH) } else { None }
    }

    /// Of a dataset of at most one dimension whose elements have `width` bytes in the file, and whose file counts in numbers of
    /// 8 bytes from its start.
    pub(super) fn of_elements(dataset: &hdf5::Dataset, width: usize) -> Option<Self> {
        let settings = dataset.file().ok()?.create_plist().ok()?;
        // After a user block, addresses count from its end.
        let sizes = settings.sizes();
        let are_long = usize::from(sizes.sizeof_addr) == WIDTH && usize::from(sizes.sizeof_size) == WIDTH;
        if settings.userblock() != 0 || !are_long {
            return None;
        }
        let n_numbers = match dataset.shape()[..] {
            [] => 1,
            [n] => n,
            _ => return None,
        };
        if let Some(start_byte) = dataset.offset() {
            let is_whole = dataset.storage_size() == (n_numbers * width) as u64;
            return is_whole.then_some(Self::OnePiece(start_byte));
        }
        let filters = filters(dataset).ok()?;
        let &[numbers_each] = &dataset.chunk()?[..] else { return None };
        let are_known = filters.iter().all(|filter| match filter {
            Filter::Shuffle => width == WIDTH,
            Filter::Deflate(_) => true,
            _ => false,
        });
        let mut found = Vec::new();
        let visited = dataset.chunks_visit(|chunk| {
            let chunk_bytes = usize::try_from(chunk.size).unwrap_or(usize::MAX);
            found.push((
                chunk.offset.first().copied().unwrap_or(u64::MAX),
                Chunk { start_byte: chunk.addr, n_bytes: chunk_bytes, filters_left_out: chunk.filter_mask },
            ));
            0
        });
        found.sort_by_key(|&(first, _)| first);
        // A chunk that was never written holds the fill value.
        let are_all = found.len() == n_numbers.div_ceil(numbers_each)
            && found.iter().zip(0u64..).all(|(&(first, _), i)| first == i * numbers_each as u64);
        let chunks = found.into_iter().map(|(_, chunk)| chunk).collect();
        let bytes_each = numbers_each * width;
        (are_known && visited.is_ok() && are_all).then_some(Self::Chunks { chunks, bytes_each, filters })
    }

    /// The bytes of all elements of `dataset`, as they were before they were filtered.
    pub(super) fn fill(&self, dataset: &hdf5::Dataset, bytes: &mut [u8], path: &Path) -> Result<(), ReadError> {
        let file = File::open(path).map_err(|source| ReadError::unreadable(path, source))?;
        self.read(&file, bytes).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                ReadError::field(format!("sound chunks of {}", dataset.name()), format!("\"{error}\""), path)
            }
            _ => ReadError::unreadable(path, error),
        })
    }

    fn read(&self, file: &File, wanted: &mut [u8]) -> io::Result<()> {
        match self {
            Self::OnePiece(start_byte) => {
                let pieces = wanted.par_chunks_mut(PIECE_BYTES).enumerate();
                pieces.try_for_each(|(i, piece)| file.read_exact_at(piece, start_byte + (i * PIECE_BYTES) as u64))
            }
            Self::Chunks { chunks, bytes_each, filters } => {
                let file_bytes = file.metadata()?.len();
                let chunks = wanted.par_chunks_mut(*bytes_each).zip(chunks);
                chunks.try_for_each_init(Scratch::new, |scratch, (wanted, chunk)| {
                    let end = chunk.start_byte.checked_add(chunk.n_bytes as u64);
                    if end.is_none_or(|end| end > file_bytes) {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk beyond the end of the file"));
                    }
                    scratch.read(file, chunk, filters, *bytes_each, wanted)
                })
            }
        }
    }
}

/// What a thread needs for a chunk, used again for the next.
struct Scratch {
    bytes: Vec<u8>,
    other: Vec<u8>,
    decompressor: Decompressor,
}

impl Scratch {
    fn new() -> Self {
        Self { bytes: Vec::new(), other: Vec::new(), decompressor: Decompressor::new() }
    }

    /// The first bytes of a chunk of `n_bytes`, as they were before they were filtered.
    ///
    /// What is undone last writes where the bytes are wanted; only a last chunk, which may hold more than there are
    /// elements, is undone beside them.
    fn read(
        &mut self,
        file: &File,
        chunk: &Chunk,
        filters: &[Filter],
        n_bytes: usize,
        wanted: &mut [u8],
    ) -> io::Result<()> {
        // Undone from the last to the first.
        let was_used = |&(i, _): &(usize, &Filter)| chunk.filters_left_out & (1 << i) == 0;
        let mut undo = filters.iter().enumerate().rev().filter(was_used).map(|(_, filter)| filter).peekable();
        if undo.peek().is_none() {
            return match chunk.n_bytes == n_bytes {
                true => file.read_exact_at(wanted, chunk.start_byte),
                false => Err(wrong_length(chunk.n_bytes, n_bytes)),
            };
        }
        self.bytes.resize(chunk.n_bytes, 0);
        file.read_exact_at(&mut self.bytes, chunk.start_byte)?;
        while let Some(filter) = undo.next() {
            if undo.peek().is_none() && wanted.len() == n_bytes {
                return self.undo(filter, Some(wanted), n_bytes);
            }
            self.undo(filter, None, n_bytes)?;
            std::mem::swap(&mut self.bytes, &mut self.other);
        }
        wanted.copy_from_slice(&self.bytes[..wanted.len()]);
        Ok(())
    }

    /// From `bytes` into `wanted`, else into `other`; either is filled with `n_bytes`.
    fn undo(&mut self, filter: &Filter, wanted: Option<&mut [u8]>, n_bytes: usize) -> io::Result<()> {
        let to = match wanted {
            Some(wanted) => wanted,
            None => {
                self.other.resize(n_bytes, 0);
                &mut self.other
            }
        };
        match filter {
            Filter::Deflate(_) => match self.decompressor.zlib_decompress(&self.bytes, to) {
                Ok(n) if n == n_bytes => Ok(()),
                Ok(n) => Err(wrong_length(n, n_bytes)),
                Err(error) => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, format!("a chunk that does not inflate ({error})")))
                }
            },
            _ if self.bytes.len() == n_bytes => {
                unshuffle(&self.bytes, to);
                Ok(())
            }
            _ => Err(wrong_length(self.bytes.len(), n_bytes)),
        }
    }
}

fn wrong_length(found: usize, needed: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a chunk of {found} bytes in place of {needed}"))
}

/// From all first bytes, all second bytes … to numbers.
fn unshuffle(planes: &[u8], bytes: &mut [u8]) {
    let n = planes.len() / WIDTH;
    let (a, rest) = planes.split_at(n);
    let (b, rest) = rest.split_at(n);
    let (c, rest) = rest.split_at(n);
    let (d, rest) = rest.split_at(n);
    let (e, rest) = rest.split_at(n);
    let (f, rest) = rest.split_at(n);
    let (g, h) = rest.split_at(n);
    for (i, number) in bytes.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        *number = [a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every layout gives what the library reads, bit by bit.
    #[test]
    fn layouts_agree_with_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let stored: Vec<f64> = (0..100_003).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let file = hdf5::File::create(&path).unwrap();
        let new = || file.new_dataset::<f64>().shape(stored.len());
        new().create("one_piece").unwrap().write_raw(&stored).unwrap();
        new().chunk(4096).create("chunks").unwrap().write_raw(&stored).unwrap();
        new().chunk(1000).deflate(4).create("deflated").unwrap().write_raw(&stored).unwrap();
        new().chunk(70_000).shuffle().deflate(9).create("shuffled").unwrap().write_raw(&stored).unwrap();
        file.new_dataset::<f64>()
            .shape(stored.len()..)
            .chunk(200_000)
            .shuffle()
            .create("longer")
            .unwrap()
            .write_raw(&stored)
            .unwrap();
        new().chunk(1000).deflate(1).fletcher32().create("checked").unwrap().write_raw(&stored).unwrap();
        drop(file);
        let file = hdf5::File::open(&path).unwrap();
        let check = |name: &str, is_fast: bool| {
            let dataset = file.dataset(name).unwrap();
            assert_eq!(Layout::of_doubles(&dataset).is_some(), is_fast, "{name}");
            assert_eq!(vector(&dataset, &path).unwrap(), stored, "{name}");
        };
        for name in ["one_piece", "chunks", "deflated", "shuffled", "longer"] {
            check(name, true);
        }
        check("checked", false);
    }

    /// Chunks that were never written hold the fill value; only the library knows it.
    #[test]
    fn missing_chunks_and_other_numbers_are_left_to_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let file = hdf5::File::create(&path).unwrap();
        let sparse = file.new_dataset::<f64>().shape(30).chunk(10).fill_value(7.0).create("sparse").unwrap();
        sparse.write_slice(&[1.0; 10], 10..20).unwrap();
        file.new_dataset::<f32>().shape(3).create("single").unwrap().write_raw(&[1.5f32, 2.5, 3.5]).unwrap();
        drop((sparse, file));
        let file = hdf5::File::open(&path).unwrap();
        let read = |name: &str| vector(&file.dataset(name).unwrap(), &path).unwrap();
        assert_eq!(read("sparse"), [[7.0; 10], [1.0; 10], [7.0; 10]].concat());
        assert_eq!(read("single"), [1.5, 2.5, 3.5]);
    }

    #[test]
    fn spoilt_chunks_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let stored: Vec<f64> = (0..5000).map(|i| f64::from(i) * 0.37).collect();
        let file = hdf5::File::create(&path).unwrap();
        let dataset = file.new_dataset::<f64>().shape(5000).chunk(5000).deflate(4).create("a").unwrap();
        dataset.write_raw(&stored).unwrap();
        let mut at = 0;
        dataset.chunks_visit(|chunk| (at = chunk.addr, 0).1).unwrap();
        drop((dataset, file));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at as usize + 2..at as usize + 40].fill(0xFF);
        std::fs::write(&path, bytes).unwrap();
        let file = hdf5::File::open(&path).unwrap();
        let error = vector(&file.dataset("a").unwrap(), &path).unwrap_err().to_string();
        assert!(error.starts_with("need sound chunks of /a") && error.contains("a.h5"), "{error}");
    }
}
