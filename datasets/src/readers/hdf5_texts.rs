//! Texts of variable length in HDF5, read beside the library: it goes round for ever in a heap that is damaged, and
//! allocates whatever length a damaged element names.
//!
//! Source: HDF5 File Format Specification 3.0, "Global Heap" and "Variable-length datatypes".

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::error::ReadError;
use super::hdf5_numbers::Layout;

/// All texts of a dataset of one or no dimension; `None` where its elements lie in a way that is unknown here. In one piece
/// there is no such way: their number and the size of the piece then do not agree.
pub(super) fn variable_length_texts(dataset: &hdf5::Dataset, path: &Path) -> Result<Option<Vec<String>>, ReadError> {
    let Some(layout) = Layout::of_elements(dataset, Element::BYTES) else {
        return match dataset.offset() {
            None => Ok(None),
            Some(_) => {
                let needed = format!("{} texts of 16 bytes each in {}", dataset.size(), dataset.name());
                Err(ReadError::field(needed, format!("{} bytes", dataset.storage_size()), path))
            }
        };
    };
    let mut bytes = vec![0; dataset.size() * Element::BYTES];
    layout.fill(dataset, &mut bytes, path)?;
    let elements: Vec<Element> = bytes.as_chunks().0.iter().map(Element::of).collect();
    let unreadable = |source| ReadError::unreadable(path, source);
    let file = File::open(path).map_err(unreadable)?;
    let file_bytes = file.metadata().map_err(unreadable)?.len();
    // Each lies in the file once.
    let promised: u64 = elements.iter().map(|element| u64::from(element.n_bytes)).sum();
    if promised > file_bytes {
        return Err(ReadError::field(
            format!("texts of {} that the file can hold", dataset.name()),
            format!("{promised} bytes of them in a file of {file_bytes}"),
            path,
        ));
    }
    texts_of(&elements, &file, file_bytes).map(Some).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            ReadError::field(format!("sound texts of {}", dataset.name()), format!("\"{error}\""), path)
        }
        _ => ReadError::unreadable(path, error),
    })
}

/// Where a text is.
struct Element {
    n_bytes: u32,
    heap_at: u64,
    object: u32,
}

impl Element {
    const BYTES: usize = 16;

    fn of(bytes: &[u8; Self::BYTES]) -> Self {
        Self { n_bytes: u32_at(bytes, 0), heap_at: u64_at(bytes, 4), object: u32_at(bytes, 12) }
    }
}

/// Heap after heap, each of them once: no two lie over each other.
fn texts_of(elements: &[Element], file: &File, file_bytes: u64) -> io::Result<Vec<String>> {
    let mut texts = vec![String::new(); elements.len()];
    let mut order: Vec<usize> = (0..elements.len()).filter(|&i| elements[i].n_bytes > 0).collect();
    order.sort_by_key(|&i| elements[i].heap_at);
    let mut free_from = 0;
    for of_heap in order.chunk_by(|&i, &j| elements[i].heap_at == elements[j].heap_at) {
        let at = elements[of_heap[0]].heap_at;
        if at < free_from {
            return Err(spoilt("heaps that overlap"));
        }
        let heap = Heap::read(file, at, file_bytes)?;
        free_from = at + heap.bytes.len() as u64;
        for &i in of_heap {
            let Element { n_bytes, object, .. } = elements[i];
            let text = heap.object(object).and_then(|object| object.get(..n_bytes as usize));
            let text = text.ok_or_else(|| spoilt("a text that is not in its heap"))?;
            let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
            texts[i] = String::from_utf8_lossy(text).into_owned();
        }
    }
    Ok(texts)
}

/// A collection of objects.
struct Heap {
    bytes: Vec<u8>,
    /// Number and place, by ascending number.
    objects: Vec<(u32, Range<usize>)>,
}

impl Heap {
    const HEADER_BYTES: usize = 16;

    fn read(file: &File, at: u64, file_bytes: u64) -> io::Result<Self> {
        let mut header = [0; Self::HEADER_BYTES];
        let is_inside = |n_bytes: u64| at.checked_add(n_bytes).is_some_and(|end| end <= file_bytes);
        if !is_inside(Self::HEADER_BYTES as u64) {
            return Err(spoilt("a heap beyond the end of the file"));
        }
        file.read_exact_at(&mut header, at)?;
        let n_bytes = u64_at(&header, 8);
        if !header.starts_with(b"GCOL\x01") || n_bytes < Self::HEADER_BYTES as u64 || !is_inside(n_bytes) {
            return Err(spoilt("no heap where one should be"));
        }
        let mut bytes = vec![0; n_bytes as usize];
        file.read_exact_at(&mut bytes, at)?;
        let mut objects = Vec::new();
        let mut start = Self::HEADER_BYTES;
        // A number, how often it is used, nothing, and a length; then the object, to a multiple of 8 bytes. Number 0 is
        // room that is left, to the end.
        while let Some(head) = bytes.get(start..start + 16) {
            let number = u32::from(u16::from_le_bytes([head[0], head[1]]));
            if number == 0 {
                break;
            }
            let first = start + 16;
            let end = usize::try_from(u64_at(head, 8)).ok().and_then(|n| first.checked_add(n));
            let end = end.filter(|&end| end <= bytes.len()).ok_or_else(|| spoilt("an object that leaves its heap"))?;
            objects.push((number, first..end));
            start = end.next_multiple_of(8);
        }
        objects.sort_by_key(|&(number, _)| number);
        Ok(Self { bytes, objects })
    }

    fn object(&self, number: u32) -> Option<&[u8]> {
        let at = self.objects.binary_search_by_key(&number, |&(number, _)| number).ok()?;
        Some(&self.bytes[self.objects[at].1.clone()])
    }
}

fn spoilt(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The caller has the bytes.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use hdf5::types::VarLenUnicode;

    use super::*;

    fn unicode(text: &str) -> VarLenUnicode {
        VarLenUnicode::from_str(text).unwrap()
    }

    /// In one piece, in chunks, deflated; longer than one heap; empty ones among them.
    #[test]
    fn texts_agree_with_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let texts: Vec<String> = (0..3000).map(|i| "µ".repeat(i % 40) + &i.to_string().repeat(i % 3)).collect();
        let stored: Vec<VarLenUnicode> = texts.iter().map(|text| unicode(text)).collect();
        let file = hdf5::File::create(&path).unwrap();
        let new = || file.new_dataset::<VarLenUnicode>().shape(stored.len());
        new().create("one_piece").unwrap().write_raw(&stored).unwrap();
        new().chunk(700).create("chunks").unwrap().write_raw(&stored).unwrap();
        new().chunk(1000).deflate(4).create("deflated").unwrap().write_raw(&stored).unwrap();
        file.new_dataset::<VarLenUnicode>().create("one").unwrap().write_scalar(&unicode(&"x".repeat(9000))).unwrap();
        drop(file);
        let file = hdf5::File::open(&path).unwrap();
        for name in ["one_piece", "chunks", "deflated"] {
            let dataset = file.dataset(name).unwrap();
            let of_library: Vec<VarLenUnicode> = dataset.read_raw().unwrap();
            let found = variable_length_texts(&dataset, &path).unwrap().unwrap();
            assert!(found == texts && of_library.iter().zip(&texts).all(|(a, b)| a.as_str() == b), "{name}");
        }
        let one = variable_length_texts(&file.dataset("one").unwrap(), &path).unwrap();
        assert_eq!(one, Some(vec!["x".repeat(9000)]));
    }

    /// Whatever one byte of a heap or of the elements becomes, there is an answer, and soon.
    #[test]
    fn damaged_heaps_are_an_error_or_other_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let stored: Vec<VarLenUnicode> = ["motor", "", "visual cortex"].map(unicode).to_vec();
        let file = hdf5::File::create(&path).unwrap();
        let dataset = file.new_dataset::<VarLenUnicode>().shape(3).create("a").unwrap();
        dataset.write_raw(&stored).unwrap();
        let elements_at = dataset.offset().unwrap() as usize;
        drop((dataset, file));
        let sound = std::fs::read(&path).unwrap();
        let heap_at = sound.windows(4).position(|bytes| bytes == b"GCOL").unwrap();
        let (mut n_errors, mut n_texts) = (0, 0);
        for at in (elements_at..elements_at + 48).chain(heap_at..heap_at + 96) {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = sound.clone();
                bytes[at] = value;
                std::fs::write(&path, bytes).unwrap();
                let file = hdf5::File::open(&path).unwrap();
                match variable_length_texts(&file.dataset("a").unwrap(), &path) {
                    Ok(found) => n_texts += found.unwrap().len(),
                    Err(error) => {
                        let message = error.to_string();
                        assert!(message.starts_with("need ") && message.contains("texts of /a"), "{message}");
                        n_errors += 1;
                    }
                }
            }
        }
        assert!(n_errors > 100 && n_texts > 300, "{n_errors} {n_texts}");
    }
}
