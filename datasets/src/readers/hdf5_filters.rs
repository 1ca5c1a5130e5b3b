//! What was done to each chunk of an HDF5 dataset when it was written, asked so that a damaged answer is an error line.

use std::path::Path;
use std::ptr::null_mut;

use hdf5::filters::Filter;

use super::error::{ReadError, one_line};

/// The room that `hdf5` has for the parameters of a filter; it panics where the file has more of them.
const MOST_PARAMETERS: usize = 32;

/// The filters of a dataset in the order of writing, else why they cannot be told. `Dataset::filters` takes what it
/// cannot read for no filters.
pub(super) fn filters(dataset: &hdf5::Dataset) -> Result<Vec<Filter>, String> {
    let unreadable = |_| "filters that cannot be read".to_owned();
    let settings = dataset.dcpl().map_err(unreadable)?;
    match most_parameters(settings.id()) {
        Some(n) if n <= MOST_PARAMETERS => settings.get_filters().map_err(unreadable),
        Some(n) => Err(format!("a filter with {n} parameters")),
        None => Err("filters that cannot be read".to_owned()),
    }
}

/// How many parameters the filter has that has most; `None` where the library cannot tell.
fn most_parameters(settings: hdf5_sys::h5i::hid_t) -> Option<usize> {
    hdf5::sync::sync(|| {
        // SAFETY: `settings` is an open property list of a dataset, which the caller holds.
        let n_filters = u32::try_from(unsafe { hdf5_sys::h5p::H5Pget_nfilters(settings) }).ok()?;
        (0..n_filters).try_fold(0, |most, index| {
            let (mut flags, mut n_parameters) = (0, 0);
            let (no_parameters, no_name, no_config) = (null_mut(), null_mut(), null_mut());
            // SAFETY: as above; nothing is written but the two numbers, as there is room for 0 parameters and a name of 0
            // characters, and null for what is not asked.
            let filter = unsafe {
                hdf5_sys::h5p::H5Pget_filter2(
                    settings,
                    index,
                    &raw mut flags,
                    &raw mut n_parameters,
                    no_parameters,
                    0,
                    no_name,
                    no_config,
                )
            };
            (filter > 0).then_some(most.max(n_parameters))
        })
    })
}

/// The library's own message names a folder of the machine that it was built on.
pub(super) fn check_filters(dataset: &hdf5::Dataset, path: &Path) -> Result<(), ReadError> {
    let needed = || format!("values of {} without compression or by gzip", one_line(&dataset.name()));
    let filters = filters(dataset).map_err(|found| ReadError::field(needed(), found, path))?;
    check_checksums(dataset, &filters, path)?;
    let Some(missing) = filters.into_iter().find(|filter| !filter.is_available()) else {
        return Ok(());
    };
    let found = match missing.id() {
        32000 => "LZF".to_owned(),
        32001 => "Blosc".to_owned(),
        32004 => "LZ4".to_owned(),
        32008 => "bitshuffle".to_owned(),
        32015 => "Zstandard".to_owned(),
        other => format!("filter {other}"),
    };
    Err(ReadError::field(needed(), found, path))
}

/// The library takes the bytes of a checksum off whatever is left of a chunk, and goes on beyond the end of memory where
/// that is less. What is stored has a known length, so checksums must be what was added last, and once.
fn check_checksums(dataset: &hdf5::Dataset, filters: &[Filter], path: &Path) -> Result<(), ReadError> {
    const CHECKSUM_BYTES: u64 = 4;
    let n_checksums = filters.iter().filter(|filter| **filter == Filter::Fletcher32).count();
    if n_checksums == 0 {
        return Ok(());
    }
    let mut shortest = u64::MAX;
    let visited = dataset.chunks_visit(|chunk| {
        shortest = shortest.min(chunk.size);
        0
    });
    let found = match filters.last() {
        _ if visited.is_err() => "chunks that cannot be listed".to_owned(),
        Some(Filter::Fletcher32) if n_checksums == 1 && shortest > CHECKSUM_BYTES => return Ok(()),
        Some(Filter::Fletcher32) if n_checksums == 1 => format!("a chunk of {shortest} bytes"),
        _ => "other filters after it".to_owned(),
    };
    Err(ReadError::field(format!("chunks of {} with a checksum at the end", dataset.name()), found, path))
}
