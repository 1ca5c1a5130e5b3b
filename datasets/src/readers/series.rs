//! One plain array of numbers over time, from whatever file a lab keeps it in.

use std::path::{Path, PathBuf};

use super::error::{ReadError, one_line};
use super::hdf5_guard::{self, broken, open, values};
use super::mat5::{MatFile, MatValue};
use super::misnamed::explained;
use super::npy::NpyArray;
use super::number_lines::NumberLines;
use super::numeric_table::{Header, NumericTable, numbered_names};
use super::{extension_of, npz};

/// Several channels over time, in the units of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub names: Vec<String>,
    pub n_times: usize,
    /// `[time, channel]`, row-major.
    pub values: Vec<f64>,
    /// What the reader had to assume, one sentence each.
    pub warnings: Vec<String>,
}

impl Series {
    pub fn n_channels(&self) -> usize {
        self.names.len()
    }
}

/// What [`read_series`] takes.
pub const KNOWN: &str = ".npy, .npz, .mat, .tsv, .csv, .txt, .h5";

/// Reads `.npy`, `.npz`, `.mat`, `.tsv`, `.csv`, `.txt` or `.h5`; time runs along the first axis, one dimension is one channel.
///
/// Tables may lack a header row; in `.txt`, blanks part the columns as well. In a file of several arrays one is named after a colon, as in `file.h5:/path/to/dataset`
/// or `file.npz:name`; the name may be left out where the top of the file has one array only. Axes are those that the
/// writer saw: MATLAB's `x(time, channel)` is read as such, and a row of numbers is one channel.
pub fn read_series(location: impl AsRef<Path>) -> Result<Series, ReadError> {
    let location = location.as_ref();
    let (path, inside) = split_location(location);
    let inside = inside.as_deref();
    let series = match extension_of(&path).as_str() {
        "npy" => of_array(NpyArray::read(&path)?, &path),
        "npz" => of_array(npz::read(&path, inside)?, &path),
        "txt" => NumberLines::read(&path)?.into_series(&path),
        "tsv" | "csv" => {
            let table = NumericTable::read(&path, Header::Detected)?;
            Ok(Series {
                names: table.column_names(),
                n_times: table.n_rows,
                values: table.values,
                warnings: table.warnings,
            })
        }
        "h5" | "hdf5" => read_hdf5(&path, inside, Axes::AsStored),
        "mat" if hdf5_guard::is_hdf5(&path) => read_hdf5(&path, inside, Axes::Reversed),
        "mat" => read_mat5(&path, inside),
        other => Err(ReadError::UnknownFormat {
            known: KNOWN,
            found: if other.is_empty() { "no extension".to_owned() } else { format!(".{other}") },
            path: path.clone(),
        }),
    };
    series.map_err(|error| explained(&path, error))
}

fn of_array(array: NpyArray, path: &Path) -> Result<Series, ReadError> {
    numbered(array.n_rows, array.n_columns, path, || array.values)
}

/// Channels without names. An array without a row may claim any number of columns, so it is refused before anything is made
/// for each of them.
fn numbered(
    n_times: usize,
    n_channels: usize,
    path: &Path,
    values: impl FnOnce() -> Vec<f64>,
) -> Result<Series, ReadError> {
    if n_times == 0 || n_channels == 0 {
        let found = format!("shape ({n_times}, {n_channels})");
        return Err(ReadError::field("at least one sample of one channel", found, path));
    }
    Ok(Series { names: numbered_names(n_channels), n_times, values: values(), warnings: Vec::new() })
}

/// `file.h5:/dataset` → the file and the array in it. A path that exists as it stands is left alone.
pub(crate) fn split_location(location: &Path) -> (PathBuf, Option<String>) {
    let whole = || (location.to_owned(), None);
    let Some(text) = location.to_str().filter(|_| !location.exists()) else {
        return whole();
    };
    match text.rsplit_once(':') {
        Some((file, inside)) if matches!(extension_of(Path::new(file)).as_str(), "h5" | "hdf5" | "mat" | "npz") => {
            (PathBuf::from(file), Some(inside.to_owned()))
        }
        _ => whole(),
    }
}

/// Arrays of numbers at the top of a MAT-file of version 5 to 7.
fn read_mat5(path: &Path, inside: Option<&str>) -> Result<Series, ReadError> {
    // A path as in HDF5 means the same.
    let inside = inside.map(|name| name.trim_start_matches('/'));
    let mut file = MatFile::read_where(path, |name| inside.is_none_or(|inside| inside == name))?;
    if file.variables.is_empty() && inside.is_some() {
        // To say which there are.
        file = MatFile::read(path)?;
    }
    let arrays: Vec<_> = file
        .variables
        .iter()
        .filter_map(|(name, value)| match value {
            MatValue::Array(array) => Some((name, array)),
            _ => None,
        })
        .collect();
    let (array, name) = match (arrays.as_slice(), inside) {
        (&[(name, array)], inside) if inside.is_none_or(|inside| inside == name) => (array, name),
        (arrays, inside) => {
            let needed = match inside {
                Some(name) => format!("an array {name}"),
                None => "the array's name, as in file.mat:name".to_owned(),
            };
            let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
            let found = if names.is_empty() { "no array".to_owned() } else { one_line(&names.join(", ")) };
            return Err(ReadError::field(needed, found, path));
        }
    };
    let (n_times, n_channels) = match array.dims[..] {
        [1, n] | [n, 1] => (n, 1),
        [n_times, n_channels] => (n_times, n_channels),
        _ => {
            let found = format!("{:?} for {}", array.dims, one_line(name));
            return Err(ReadError::field("an array [time] or [time, channel]", found, path));
        }
    };
    numbered(n_times, n_channels, path, || transposed(&array.values(), n_times, n_channels))
}

/// MATLAB keeps the first axis of an array fastest, HDF5 the last: in its files all axes stand in reverse.
#[derive(Clone, Copy, PartialEq)]
enum Axes {
    AsStored,
    Reversed,
}

fn read_hdf5(path: &Path, inside: Option<&str>, axes: Axes) -> Result<Series, ReadError> {
    let file = open(path)?;
    let mut warnings = Vec::new();
    let dataset = match inside {
        Some(name) => {
            file.dataset(name).map_err(|_| ReadError::field(format!("a dataset {name}"), listing(&file), path))?
        }
        None => match arrays_at_top(&file, &mut warnings, path)?.as_slice() {
            [only] => only.clone(),
            _ => {
                let needed = match axes {
                    Axes::AsStored => "the dataset's name, as in file.h5:/name",
                    Axes::Reversed => "the array's name, as in file.mat:name",
                };
                return Err(ReadError::field(needed, listing(&file), path));
            }
        },
    };
    let shape = dataset.shape();
    let (n_times, n_channels, is_transposed) = match (shape.as_slice(), axes) {
        (&[n_times], _) => (n_times, 1, false),
        (&[n, 1] | &[1, n], Axes::Reversed) => (n, 1, false),
        (&[n_times, n_channels], Axes::AsStored) => (n_times, n_channels, false),
        (&[n_channels, n_times], Axes::Reversed) => (n_times, n_channels, true),
        _ => {
            return Err(ReadError::field(
                "an array [time] or [time, channel]",
                format!("shape {shape:?} of {}", one_line(&dataset.name())),
                path,
            ));
        }
    };
    let stored: Vec<f64> = values(&dataset, path)?;
    let series = numbered(n_times, n_channels, path, || {
        if is_transposed { transposed(&stored, n_times, n_channels) } else { stored }
    })?;
    Ok(Series { warnings, ..series })
}

/// Links that lead nowhere are left out with a warning: one to another file may have been broken by moving this one.
fn arrays_at_top(file: &hdf5::File, warnings: &mut Vec<String>, path: &Path) -> Result<Vec<hdf5::Dataset>, ReadError> {
    let mut arrays = Vec::new();
    for name in file.member_names().map_err(|error| broken(path, &error))? {
        match file.dataset(&name) {
            Ok(array) => arrays.push(array),
            Err(_) if file.group(&name).is_ok() => {}
            Err(_) => warnings.push(format!("{} leads nowhere and was left out.", one_line(&name))),
        }
    }
    Ok(arrays)
}

/// `[channel, time]` to `[time, channel]`.
fn transposed(stored: &[f64], n_times: usize, n_channels: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(stored.len());
    for t in 0..n_times {
        values.extend((0..n_channels).map(|channel| stored[channel * n_times + t]));
    }
    values
}

fn listing(file: &hdf5::File) -> String {
    match file.member_names() {
        Ok(names) if !names.is_empty() => one_line(&names.join(", ")),
        _ => "nothing".to_owned(),
    }
}
