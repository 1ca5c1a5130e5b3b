//! The EEG structure in a MAT-file of version 7.3, which is HDF5: fields are datasets, and structure arrays are
//! groups whose fields refer to one dataset for each element.

use std::path::Path;

use hdf5::types::{FixedAscii, FloatSize, TypeDescriptor};
use hdf5::{Dataset, Group, ObjectReference1, ReferencedObject};

use super::eeglab::{EegData, EegEvent, EegStructure};
use super::error::ReadError;
use super::hdf5_guard::{open, values};
use super::sample_store::{ByteOrder, SampleType};

pub(super) fn read(path: &Path) -> Result<EegStructure, ReadError> {
    let file = open(path)?;
    let needed = |found: &str| ReadError::field("an EEGLAB structure EEG, or its fields", found, path);
    let eeg = match file.link_exists("EEG") {
        true => file.group("EEG").map_err(|_| needed("EEG that is no structure"))?,
        false => file.group("/").map_err(|_| needed("no groups"))?,
    };
    let number = |name: &str| match dataset(&eeg, name) {
        Some(dataset) => Ok(cell(&dataset, path)?.number()),
        None => Ok(None),
    };
    let (Some(n_channels), Some(n_points), Some(rate_hz)) = (number("nbchan")?, number("pnts")?, number("srate")?)
    else {
        return Err(needed("no nbchan, pnts or srate"));
    };
    let data = dataset(&eeg, "data").ok_or_else(|| needed("no EEG.data"))?;
    let data = match cell(&data, path)? {
        Cell::Text(name) => EegData::Named(name),
        _ => inside(&data, path)?,
    };
    let structure = |name: &str| eeg.link_exists(name).then(|| eeg.group(name).ok()).flatten();
    let of_channels = |field: &str| -> Result<Vec<String>, ReadError> {
        let cells = structure("chanlocs").map(|group| cells(&group, field, path)).transpose()?;
        Ok(cells.unwrap_or_default().into_iter().map(Cell::into_text).collect())
    };
    let (labels, kinds) = (of_channels("labels")?, of_channels("type")?);
    let events = structure("event").map(|group| events(&group, path)).transpose()?.unwrap_or_default();
    let n_epochs = number("trials")?.unwrap_or(1.0);
    Ok(EegStructure { n_channels, n_points, n_epochs, rate_hz, data, labels, kinds, events })
}

/// One element of a field.
enum Cell {
    Text(String),
    Number(f64),
    /// Empty, or an array.
    Other,
}

impl Cell {
    fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Other => String::new(),
        }
    }
}

fn dataset(group: &Group, name: &str) -> Option<Dataset> {
    group.link_exists(name).then(|| group.dataset(name).ok()).flatten()
}

/// Texts are arrays of UTF-16 that say they are; an empty array is stored as its dimensions.
fn cell(dataset: &Dataset, path: &Path) -> Result<Cell, ReadError> {
    let is_empty = dataset.attr("MATLAB_empty").is_ok();
    let class = dataset.attr("MATLAB_class").and_then(|attr| attr.read_scalar::<FixedAscii<16>>());
    let is_text = class.is_ok_and(|class| class.as_str() == "char");
    Ok(match (is_text, is_empty) {
        (true, true) => Cell::Text(String::new()),
        (true, false) => Cell::Text(String::from_utf16_lossy(&values::<u16>(dataset, path)?)),
        (false, false) if dataset.size() == 1 => {
            values::<f64>(dataset, path)?.first().map_or(Cell::Other, |&number| Cell::Number(number))
        }
        _ => Cell::Other,
    })
}

/// The field `name` of every element of a structure array.
fn cells(group: &Group, name: &str, path: &Path) -> Result<Vec<Cell>, ReadError> {
    let Some(field) = dataset(group, name) else {
        return Ok(Vec::new());
    };
    let descriptor = field.dtype().and_then(|dtype| dtype.to_descriptor());
    let Ok(TypeDescriptor::Reference(_)) = descriptor else {
        // A structure of one element has its values in place.
        return Ok(vec![cell(&field, path)?]);
    };
    let references: Vec<ObjectReference1> = values(&field, path)?;
    let cells = references.iter().map(|reference| match field.dereference(reference) {
        Ok(ReferencedObject::Dataset(dataset)) => cell(&dataset, path),
        _ => Ok(Cell::Other),
    });
    cells.collect()
}

fn events(group: &Group, path: &Path) -> Result<Vec<EegEvent>, ReadError> {
    let kinds = cells(group, "type", path)?;
    let (latencies, durations) = (cells(group, "latency", path)?, cells(group, "duration", path)?);
    let number = |cells: &[Cell], i: usize| cells.get(i).and_then(Cell::number).unwrap_or(f64::NAN);
    let event = |(i, kind): (usize, Cell)| EegEvent {
        kind: kind.into_text(),
        latency: number(&latencies, i),
        duration: number(&durations, i),
    };
    Ok(kinds.into_iter().enumerate().map(event).collect())
}

/// HDF5 has the last index vary fastest and MATLAB the first, so the numbers lie as in a MAT-file of version 5.
fn inside(data: &Dataset, path: &Path) -> Result<EegData, ReadError> {
    let is_single =
        matches!(data.dtype().and_then(|dtype| dtype.to_descriptor()), Ok(TypeDescriptor::Float(FloatSize::U4)));
    let (sample_type, bytes): (_, Vec<u8>) = match is_single {
        true => (SampleType::F32, values::<f32>(data, path)?.into_iter().flat_map(f32::to_le_bytes).collect()),
        false => (SampleType::F64, values::<f64>(data, path)?.into_iter().flat_map(f64::to_le_bytes).collect()),
    };
    Ok(EegData::Inside { n_values: bytes.len() / sample_type.bytes(), sample_type, order: ByteOrder::Little, bytes })
}
