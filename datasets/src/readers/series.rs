//! One plain array of numbers over time, from whatever file a lab keeps it in.

use std::path::{Path, PathBuf};

use super::error::ReadError;
use super::hdf5_guard::{broken, open, values};
use super::npy::NpyArray;
use super::numeric_table::{Header, NumericTable, numbered_names};

/// Several channels over time, in the units of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub names: Vec<String>,
    pub n_times: usize,
    /// `[time, channel]`, row-major.
    pub values: Vec<f64>,
}

impl Series {
    pub fn n_channels(&self) -> usize {
        self.names.len()
    }
}

/// Reads `.npy`, `.tsv`, `.csv` or `.h5`; time runs along the first axis, one dimension is one channel.
///
/// Tables may lack a header row. An HDF5 dataset is named after a colon, `file.h5:/path/to/dataset`; the name may
/// be left out where the top of the file has one dataset only.
pub fn read_series(location: impl AsRef<Path>) -> Result<Series, ReadError> {
    let location = location.as_ref();
    let (path, inside) = split_location(location);
    match extension(&path).as_str() {
        "npy" => {
            let array = NpyArray::read(&path)?;
            checked(numbered_names(array.n_columns), array.n_rows, array.values, &path)
        }
        "tsv" | "csv" => {
            let table = NumericTable::read(&path, Header::Detected)?;
            checked(table.column_names(), table.n_rows, table.values, &path)
        }
        "h5" | "hdf5" => read_hdf5(&path, inside.as_deref()),
        other => Err(ReadError::UnknownFormat {
            known: ".npy, .tsv, .csv, .h5",
            found: if other.is_empty() { "no extension".to_owned() } else { format!(".{other}") },
            path,
        }),
    }
}

fn checked(names: Vec<String>, n_times: usize, values: Vec<f64>, path: &Path) -> Result<Series, ReadError> {
    if values.is_empty() {
        return Err(ReadError::field(
            "at least one sample of one channel",
            format!("shape ({n_times}, {})", names.len()),
            path,
        ));
    }
    Ok(Series { names, n_times, values })
}

/// `file.h5:/dataset` → the file and the dataset. A path that exists as it stands is left alone.
fn split_location(location: &Path) -> (PathBuf, Option<String>) {
    let whole = || (location.to_owned(), None);
    let Some(text) = location.to_str().filter(|_| !location.exists()) else {
        return whole();
    };
    match text.rsplit_once(':') {
        Some((file, inside)) if matches!(extension(Path::new(file)).as_str(), "h5" | "hdf5") => {
            (PathBuf::from(file), Some(inside.to_owned()))
        }
        _ => whole(),
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|ext| ext.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn read_hdf5(path: &Path, inside: Option<&str>) -> Result<Series, ReadError> {
    let file = open(path)?;
    let dataset = match inside {
        Some(name) => {
            file.dataset(name).map_err(|_| ReadError::field(format!("a dataset {name}"), listing(&file), path))?
        }
        None => match file.datasets().map_err(|error| broken(path, &error))?.as_slice() {
            [only] => only.clone(),
            _ => {
                return Err(ReadError::field("the dataset's name, as in file.h5:/name", listing(&file), path));
            }
        },
    };
    let (n_times, n_channels) = match dataset.shape()[..] {
        [n_times] => (n_times, 1),
        [n_times, n_channels] => (n_times, n_channels),
        _ => {
            return Err(ReadError::field(
                "an array [time] or [time, channel]",
                format!("shape {:?}", dataset.shape()),
                path,
            ));
        }
    };
    checked(numbered_names(n_channels), n_times, values(&dataset, path)?, path)
}

fn listing(file: &hdf5::File) -> String {
    match file.member_names() {
        Ok(names) if !names.is_empty() => names.join(", "),
        _ => "nothing".to_owned(),
    }
}
