//! Sorted spikes in Neurodata Without Borders: the ragged columns of `/units`, and the unit times of version 1.
//!
//! Source: NWB schema 2, <https://nwb-schema.readthedocs.io>, `Units`, `TimeIntervals` and `DynamicTable`; version 1.0,
//! `UnitTimes`.

use std::path::Path;

use super::error::{ReadError, one_line};
use super::hdf5_guard::{broken, dataset, open, values};
use super::hdf5_numbers::vector;
use super::nwb_contents::no_units;
use super::nwb_table::{column_texts, ragged, row_names};
use crate::recording::{SpikeTrains, Support, Trials, Unit};

/// Reads every unit's spike times, the flat vector in one go.
///
/// A unit is observed in its `obs_intervals`, and never in `/intervals/invalid_times`; without either, from 0 s (or
/// the first spike, where that is earlier) to the last spike of the session. Every plain column of the table becomes
/// a property of its units, and the location of a unit's electrodes too. Fails where there are no units, or where an
/// index does not fit its vector. Needs memory for the spikes once.
pub fn read(path: &Path) -> Result<SpikeTrains, ReadError> {
    let file = open(path)?;
    let mut trains = if file.link_exists("units") {
        let units = file.group("units").map_err(|_| no_units(&file, path))?;
        if !units.link_exists("spike_times") {
            return Err(ReadError::field("spike_times in /units", "none", path));
        }
        of_units(&file, &units, path)?
    } else {
        of_unit_times(&file, path)?.ok_or_else(|| no_units(&file, path))?
    };
    if let Some((unit, time)) = trains.not_finite() {
        let found = format!("{time} as a spike of unit {}", one_line(&unit.name));
        return Err(ReadError::field("finite spike times", found, path));
    }
    if let Some(invalid) = interval_table(&file, "invalid_times", path)? {
        let invalid = Support::new(invalid.intervals_secs);
        trains.warnings.push(format!("{:.3} s are marked invalid and left out.", invalid.total_secs()));
        trains.observed = trains.observed.without(&invalid);
    }
    let n_outside = trains.n_unobserved();
    if n_outside > 0 {
        trains.warnings.push(format!("{n_outside} spikes lie outside the observed time of their unit."));
    }
    let mut trials = interval_table(&file, "trials", path)?.unwrap_or_default();
    let n_open = trials.retain_whole();
    if n_open > 0 {
        let trials = if n_open == 1 { "1 trial".to_owned() } else { format!("{n_open} trials") };
        trains.warnings.push(format!("Left out without a start or an end: {trials}."));
    }
    trains.trials = trials;
    Ok(trains)
}

fn of_units(file: &hdf5::File, units: &hdf5::Group, path: &Path) -> Result<SpikeTrains, ReadError> {
    let mut spike_secs = vector(&dataset(units, "spike_times", path)?, path)?;
    // A table of one unit may do without an index.
    let ends: Vec<u64> = match units.link_exists("spike_times_index") {
        true => values(&dataset(units, "spike_times_index", path)?, path)?,
        false => vec![spike_secs.len() as u64],
    };
    let ranges = ragged(&ends, spike_secs.len(), "spike_times_index", path)?;
    let n_units = ranges.len();
    let observed = observed(units, n_units, path)?;
    let names = row_names(units, n_units, &["unit_name", "name", "label"], path)?;
    let mut list: Vec<(Unit, usize)> = names.into_iter().map(Unit::named).zip(ranges.iter().map(|r| r.len())).collect();
    if let Some(observed) = &observed {
        list.iter_mut().zip(observed).for_each(|((unit, _), support)| unit.observed = Some(support.clone()));
    }
    let properties = column_texts(units, n_units, path)?;
    for (column, texts) in properties.into_iter().filter(|(column, _)| column != "unit_name" && column != "name") {
        for ((unit, _), text) in list.iter_mut().zip(texts) {
            unit.properties.insert(column.clone(), text);
        }
    }
    for ((unit, _), locations) in list.iter_mut().zip(electrode_locations(file, units, n_units, path)?) {
        unit.properties.insert("electrode_location".to_owned(), locations);
    }
    // Spikes that no unit claims are nobody's.
    let n_claimed = ranges.last().map_or(0, |range| range.end);
    let n_unclaimed = spike_secs.len() - n_claimed;
    spike_secs.truncate(n_claimed);
    let session =
        observed.map(|supports| Support::new(supports.iter().flat_map(|s| s.intervals_secs().iter().copied())));
    let mut trains = SpikeTrains::new(list, spike_secs, session.filter(|session| !session.is_empty()));
    // What every unit shares need not be said of each.
    let whole = trains.observed.clone();
    trains.share_observed(&whole);
    if n_unclaimed > 0 {
        trains.warnings.push(format!("{n_unclaimed} spikes after those of the last unit belong to no unit."));
    }
    Ok(trains)
}

/// Version 1 keeps one group for each unit, in some processing module.
fn of_unit_times(file: &hdf5::File, path: &Path) -> Result<Option<SpikeTrains>, ReadError> {
    let Ok(processing) = file.group("processing") else {
        return Ok(None);
    };
    let broken = |error: hdf5::Error| broken(path, &error);
    for module in processing.groups().map_err(broken)? {
        let Ok(unit_times) = module.group("UnitTimes") else { continue };
        let mut spike_secs = Vec::new();
        let mut units = Vec::new();
        for unit in unit_times.groups().map_err(broken)? {
            let times = vector(&dataset(&unit, "times", path)?, path)?;
            let name = unit.name().rsplit('/').next().unwrap_or_default().to_owned();
            units.push((Unit::named(name), times.len()));
            spike_secs.extend(times);
        }
        return Ok(Some(SpikeTrains::new(units, spike_secs, None)));
    }
    Ok(None)
}

/// `[start, stop]` pairs of each unit; `None` where the table has no such column.
fn observed(units: &hdf5::Group, n_units: usize, path: &Path) -> Result<Option<Vec<Support>>, ReadError> {
    if !units.link_exists("obs_intervals") {
        return Ok(None);
    }
    let flat: Vec<f64> = values(&dataset(units, "obs_intervals", path)?, path)?;
    let (pairs, rest) = flat.as_chunks::<2>();
    if !rest.is_empty() || pairs.iter().any(|[start, stop]| !(start.is_finite() && stop.is_finite() && start <= stop)) {
        return Err(ReadError::field("obs_intervals of [start, stop] in seconds", "others", path));
    }
    if !units.link_exists("obs_intervals_index") {
        let all = Support::new(pairs.iter().copied());
        return Ok((!pairs.is_empty()).then(|| vec![all; n_units]));
    }
    let ends: Vec<u64> = values(&dataset(units, "obs_intervals_index", path)?, path)?;
    let ranges = ragged(&ends, pairs.len(), "obs_intervals_index", path)?;
    if ranges.len() != n_units {
        return Err(ReadError::field(format!("obs_intervals of {n_units} units"), format!("{}", ranges.len()), path));
    }
    // A table in which no unit has an interval does not say when they were observed.
    let supports = ranges.into_iter().map(|range| Support::new(pairs[range].iter().copied()));
    Ok((!pairs.is_empty()).then(|| supports.collect()))
}

/// Where each unit's electrodes are, such as `CA1`; empty where the file does not say.
///
/// The region names its table by an object reference; all tools write the one at its usual place.
fn electrode_locations(
    file: &hdf5::File,
    units: &hdf5::Group,
    n_units: usize,
    path: &Path,
) -> Result<Vec<String>, ReadError> {
    let region = units.dataset("electrodes").ok().filter(|_| units.link_exists("electrodes_index"));
    let Some(region) = region else {
        return Ok(Vec::new());
    };
    let referenced = || -> hdf5::Result<hdf5::Group> {
        let reference = region.attr("table")?.read_scalar::<hdf5::ObjectReference1>()?;
        match file.dereference(&reference)? {
            hdf5::ReferencedObject::Group(group) => Ok(group),
            _ => Err(hdf5::Error::Internal("not a table".to_owned())),
        }
    };
    let Ok(electrodes) = referenced().or_else(|_| file.group("general/extracellular_ephys/electrodes")) else {
        return Ok(Vec::new());
    };
    let rows: Vec<u64> = values(&region, path)?;
    let ends: Vec<u64> = values(&dataset(units, "electrodes_index", path)?, path)?;
    let ranges = ragged(&ends, rows.len(), "electrodes_index", path)?;
    let n_electrodes = electrodes.dataset("id").map_or(0, |id| id.size());
    let Some(locations) = column_texts(&electrodes, n_electrodes, path)?.remove("location") else {
        return Ok(Vec::new());
    };
    let of_unit = |range: std::ops::Range<usize>| {
        let mut names: Vec<&str> =
            rows[range].iter().filter_map(|&row| locations.get(row as usize).map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    Ok(if ranges.len() == n_units { ranges.into_iter().map(of_unit).collect() } else { Vec::new() })
}

/// A table of `/intervals`, such as `trials`; `None` where there is none.
fn interval_table(file: &hdf5::File, name: &str, path: &Path) -> Result<Option<Trials>, ReadError> {
    let Ok(table) = file.group(&format!("intervals/{name}")) else {
        return Ok(None);
    };
    let column = |name: &str| values::<f64>(&dataset(&table, name, path)?, path);
    let (starts, stops) = (column("start_time")?, column("stop_time")?);
    if starts.len() != stops.len() {
        let found = format!("{} and {} in {name}", starts.len(), stops.len());
        return Err(ReadError::field("as many stop_time as start_time", found, path));
    }
    let mut columns = column_texts(&table, starts.len(), path)?;
    columns.retain(|name, _| name != "start_time" && name != "stop_time");
    let intervals_secs = starts.into_iter().zip(stops).map(|(start, stop)| [start, stop]);
    Ok(Some(Trials { intervals_secs: intervals_secs.collect(), columns }))
}
