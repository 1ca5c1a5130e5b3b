//! Writes sorted units as minimal NWB: simulated cohorts go through the same reader as real ones.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use hdf5::types::VarLenUnicode;

use super::error::one_line;
use crate::recording::SpikeTrains;

/// What an NWB file must say besides the spikes.
#[derive(Debug, Clone, Copy)]
pub struct NwbToWrite<'a> {
    pub identifier: &'a str,
    pub session_description: &'a str,
    pub trains: &'a SpikeTrains,
    pub storage: Storage,
}

/// How the vector of all spike times is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As it is, in one piece.
    Plain,
    /// In chunks of a megabyte, deflated at level 4, as tools for archives do.
    Deflated,
}

const SPIKES_PER_CHUNK: usize = 1 << 17;

#[derive(Debug, thiserror::Error)]
#[error("need a writable NWB file, found \"{found}\" at {}", path.display())]
pub struct NwbWriteError {
    found: String,
    path: PathBuf,
}

/// Writes `/units` with names, spike times and observed intervals; the start time is a fixed date, so that equal
/// spikes give equal bytes.
pub fn write(path: &Path, nwb: &NwbToWrite) -> Result<(), NwbWriteError> {
    hdf5::silence_errors(true);
    write_hdf5(path, nwb).map_err(|error| NwbWriteError { found: one_line(&error.to_string()), path: path.to_owned() })
}

const SOME_DATE: &str = "1985-01-01T00:00:00+00:00";

fn write_hdf5(path: &Path, nwb: &NwbToWrite) -> hdf5::Result<()> {
    let file = hdf5::File::with_options().with_fcpl(|root| root.obj_track_times(false)).create(path)?;
    type_attributes(&file, "core", "NWBFile", nwb.identifier)?;
    text_attribute(&file, "nwb_version", "2.7.0")?;
    for (name, text) in [
        ("identifier", nwb.identifier),
        ("session_description", nwb.session_description),
        ("session_start_time", SOME_DATE),
        ("timestamps_reference_time", SOME_DATE),
    ] {
        let text = unicode(text)?;
        let dataset = file.new_dataset::<VarLenUnicode>().obj_track_times(false).create(name)?;
        dataset.write_scalar(&text)?;
    }
    column(&file, "file_create_date", &[unicode(SOME_DATE)?])?;
    for name in ["acquisition", "analysis", "general", "processing", "stimulus"] {
        group(&file, name)?;
    }
    for name in ["presentation", "templates"] {
        group(&file.group("stimulus")?, name)?;
    }
    write_units(&group(&file, "units")?, nwb)
}

fn write_units(units: &hdf5::Group, nwb: &NwbToWrite) -> hdf5::Result<()> {
    let trains = nwb.trains;
    let all = trains.units();
    let n = all.len();
    type_attributes(units, "core", "Units", &format!("{}/units", nwb.identifier))?;
    text_attribute(units, "description", "sorted units")?;
    let columns = ["unit_name", "spike_times", "obs_intervals"].map(unicode);
    let columns = columns.into_iter().collect::<hdf5::Result<Vec<_>>>()?;
    units.new_attr_builder().with_data(&columns).create("colnames")?;

    let names = all.iter().map(|unit| unicode(&unit.name)).collect::<hdf5::Result<Vec<_>>>()?;
    let spikes: Vec<f64> = all.iter().flat_map(|unit| trains.spikes_of(unit).iter().copied()).collect();
    let ends = cumulative(all.iter().map(|unit| unit.n_spikes()));
    let observed: Vec<&[[f64; 2]]> =
        all.iter().map(|unit| unit.observed.as_ref().unwrap_or(&trains.observed).intervals_secs()).collect();
    let observed_ends = cumulative(observed.iter().map(|intervals| intervals.len()));
    let observed = observed.concat();

    let id = column(units, "id", &(0..n as i64).collect::<Vec<_>>())?;
    type_attributes(&id, "hdmf-common", "ElementIdentifiers", "id")?;
    vector_data(&column(units, "unit_name", &names)?, "unit_name", "name of the unit")?;
    let spike_times = match nwb.storage {
        Storage::Deflated if !spikes.is_empty() => {
            let chunk = SPIKES_PER_CHUNK.min(spikes.len());
            let builder = units.new_dataset::<f64>().obj_track_times(false).shape(spikes.len()).chunk(chunk).deflate(4);
            let dataset = builder.create("spike_times")?;
            dataset.write_raw(&spikes)?;
            dataset
        }
        _ => column(units, "spike_times", &spikes)?,
    };
    vector_data(&spike_times, "spike_times", "spike times in seconds")?;
    vector_index(&column(units, "spike_times_index", &ends)?, "spike_times", &spike_times)?;
    let intervals =
        units.new_dataset::<f64>().obj_track_times(false).shape((observed.len(), 2)).create("obs_intervals")?;
    intervals.write_raw(observed.as_flattened())?;
    vector_data(&intervals, "obs_intervals", "observed [start, stop] in seconds")?;
    vector_index(&column(units, "obs_intervals_index", &observed_ends)?, "obs_intervals", &intervals)
}

/// Where each unit's share of a column ends.
fn cumulative(lengths: impl Iterator<Item = usize>) -> Vec<u64> {
    let ends = lengths.scan(0, |end, n| {
        *end += n as u64;
        Some(*end)
    });
    ends.collect()
}

fn group(parent: &hdf5::Group, name: &str) -> hdf5::Result<hdf5::Group> {
    parent.create_group_builder().obj_track_times(false).create(name)
}

fn column<T: hdf5::H5Type>(parent: &hdf5::Group, name: &str, values: &[T]) -> hdf5::Result<hdf5::Dataset> {
    let dataset = parent.new_dataset::<T>().obj_track_times(false).shape(values.len()).create(name)?;
    dataset.write_raw(values)?;
    Ok(dataset)
}

fn vector_data(column: &hdf5::Dataset, name: &str, description: &str) -> hdf5::Result<()> {
    type_attributes(column, "hdmf-common", "VectorData", name)?;
    text_attribute(column, "description", description)
}

fn vector_index(index: &hdf5::Dataset, name: &str, target: &hdf5::Dataset) -> hdf5::Result<()> {
    type_attributes(index, "hdmf-common", "VectorIndex", &format!("{name}_index"))?;
    text_attribute(index, "description", &format!("Index for VectorData '{name}'"))?;
    let reference = target.reference::<hdf5::ObjectReference1>(".")?;
    index.new_attr::<hdf5::ObjectReference1>().create("target")?.write_scalar(&reference)
}

fn type_attributes(at: &hdf5::Location, namespace: &str, neurodata_type: &str, object_id: &str) -> hdf5::Result<()> {
    text_attribute(at, "namespace", namespace)?;
    text_attribute(at, "neurodata_type", neurodata_type)?;
    text_attribute(at, "object_id", object_id)
}

fn text_attribute(at: &hdf5::Location, name: &str, text: &str) -> hdf5::Result<()> {
    at.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&unicode(text)?)
}

fn unicode(text: &str) -> hdf5::Result<VarLenUnicode> {
    VarLenUnicode::from_str(text).map_err(|error| hdf5::Error::Internal(error.to_string()))
}
