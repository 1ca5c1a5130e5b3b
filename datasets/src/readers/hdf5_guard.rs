//! HDF5 files, opened so that a bad one is an error line and nothing else.
//!
//! The library allocates what a header promises and, unless told not to, prints its error stack. Both stop here.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::error::{ReadError, one_line};
use super::hdf5_filters::check_filters;
use super::hdf5_texts::variable_length_texts;

/// Deflate, the strongest filter in common use, shrinks data at most 1032 times.
const STRONGEST_COMPRESSION: u64 = 1032;

/// Whether the file begins as HDF5 does, at its start or after the header that MATLAB puts before it.
pub(super) fn is_hdf5(path: &Path) -> bool {
    let mut start = [0; 520];
    let n = fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let signature = b"\x89HDF\r\n\x1a\n";
    start[..n].starts_with(signature) || start[..n].ends_with(signature)
}

/// Opens for reading.
pub(super) fn open(path: &Path) -> Result<hdf5::File, ReadError> {
    hdf5::silence_errors(true);
    fs::metadata(path).map_err(|source| ReadError::unreadable(path, source))?;
    hdf5::File::open(path).map_err(|error| broken(path, &error))
}

/// Opens a dataset that has to be there.
pub(super) fn dataset(group: &hdf5::Group, name: &str, path: &Path) -> Result<hdf5::Dataset, ReadError> {
    let missing = || ReadError::field(format!("a dataset {}/{name}", group.name()), "none", path);
    if group.link_exists(name) { group.dataset(name).map_err(|_| missing()) } else { Err(missing()) }
}

/// All values, in row-major order, converted from whatever numeric type the file has.
pub(super) fn values<T: hdf5::H5Type>(dataset: &hdf5::Dataset, path: &Path) -> Result<Vec<T>, ReadError> {
    check_size(dataset, size_of::<T>() as u64, path)?;
    check_filters(dataset, path)?;
    dataset.read_raw::<T>().map_err(|error| broken(path, &error))
}

/// Texts of a one-dimensional string dataset; `None` where it holds something else, or texts of a fixed length above
/// 256 bytes.
pub(super) fn texts(dataset: &hdf5::Dataset, path: &Path) -> Result<Option<Vec<String>>, ReadError> {
    use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
    const LONGEST: usize = 256;
    if dataset.ndim() > 1 {
        return Ok(None);
    }
    check_size(dataset, 16, path)?;
    check_filters(dataset, path)?;
    let descriptor = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
    if matches!(descriptor, Ok(TypeDescriptor::VarLenUnicode | TypeDescriptor::VarLenAscii))
        && let Some(texts) = variable_length_texts(dataset, path)?
    {
        return Ok(Some(texts));
    }
    Ok(match descriptor {
        Ok(TypeDescriptor::VarLenUnicode) => {
            dataset.read_raw::<VarLenUnicode>().ok().map(|texts| texts.iter().map(|t| t.as_str().to_owned()).collect())
        }
        Ok(TypeDescriptor::VarLenAscii) => {
            dataset.read_raw::<VarLenAscii>().ok().map(|texts| texts.iter().map(|t| t.as_str().to_owned()).collect())
        }
        Ok(TypeDescriptor::FixedUnicode(n)) if n <= LONGEST => {
            let texts = dataset.read_raw::<FixedUnicode<LONGEST>>().ok();
            texts.map(|texts| texts.iter().map(|t| t.as_str().to_owned()).collect())
        }
        Ok(TypeDescriptor::FixedAscii(n)) if n <= LONGEST => {
            let texts = dataset.read_raw::<FixedAscii<LONGEST>>().ok();
            texts.map(|texts| texts.iter().map(|t| t.as_str().to_owned()).collect())
        }
        _ => None,
    })
}

pub(super) fn broken(path: &Path, error: &hdf5::Error) -> ReadError {
    ReadError::field("a sound HDF5 file", format!("\"{}\"", one_line(&error.to_string())), path)
}

/// A dataset's shape is a promise; what is stored for it bounds what it can be.
pub(super) fn check_size(dataset: &hdf5::Dataset, element_bytes: u64, path: &Path) -> Result<(), ReadError> {
    let file_bytes = fs::metadata(path).map_err(|source| ReadError::unreadable(path, source))?.len();
    let stored_bytes = dataset.storage_size().min(file_bytes);
    // Narrow integers widen when read, at most eightfold.
    let growth = if dataset.is_chunked() { 8 * STRONGEST_COMPRESSION } else { 8 };
    let element_count = dataset.shape().iter().try_fold(1u64, |n, &extent| n.checked_mul(extent as u64));
    let wanted_bytes = element_count.and_then(|n| n.checked_mul(element_bytes)).unwrap_or(u64::MAX);
    if wanted_bytes > stored_bytes.saturating_mul(growth) {
        return Err(ReadError::field(
            format!("{wanted_bytes} bytes of values for {}", dataset.name()),
            format!("{stored_bytes} bytes stored"),
            path,
        ));
    }
    Ok(())
}
