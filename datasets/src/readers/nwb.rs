//! Sorted spikes in Neurodata Without Borders 2: the ragged columns of `/units`.
//!
//! Source: NWB schema 2, <https://nwb-schema.readthedocs.io>, `Units` and `DynamicTable`.

use std::path::Path;

use super::error::ReadError;
use super::hdf5_guard::{dataset, open, texts, values};
use crate::recording::{SpikeTrains, Unit};

#[derive(Debug, Clone, PartialEq)]
pub struct NwbUnits {
    pub trains: SpikeTrains,
    pub warnings: Vec<String>,
}

impl NwbUnits {
    /// Reads every unit's spike times, the flat vector in one go.
    ///
    /// The observed stretch spans all `obs_intervals`; without them it runs from 0 s (or the first spike, where that
    /// is earlier) to the last spike. Trials are counted, not applied. Fails where there is no `/units`, or where an
    /// index does not fit its vector.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file = open(path)?;
        if !file.link_exists("units") {
            return Err(ReadError::NoUnits { path: path.to_owned() });
        }
        let units = file.group("units").map_err(|_| ReadError::NoUnits { path: path.to_owned() })?;
        let spike_times: Vec<f64> = values(&dataset(&units, "spike_times", path)?, path)?;
        let ends: Vec<u64> = values(&dataset(&units, "spike_times_index", path)?, path)?;
        let names = unit_names(&units, ends.len(), path)?;
        let mut warnings = Vec::new();
        let mut trains = Vec::with_capacity(ends.len());
        for ((start, end), name) in ragged(&ends, spike_times.len(), "spike_times_index", path)?.into_iter().zip(names)
        {
            let mut spike_secs = spike_times[start..end].to_vec();
            if let Some(odd) = spike_secs.iter().find(|time| !time.is_finite()) {
                return Err(ReadError::field("finite spike times", format!("{odd} in unit {name}"), path));
            }
            if !spike_secs.is_sorted() {
                spike_secs.sort_by(f64::total_cmp);
                warnings.push(format!("Spikes of unit {name} were out of order and have been sorted."));
            }
            trains.push(Unit { name, spike_secs });
        }
        let (start_secs, stop_secs) = match observed(&units, path)? {
            Some(observed) => {
                warnings.extend(observed.gap_warning());
                observed.span()
            }
            None => span_of_spikes(&trains),
        };
        let n_outside =
            trains.iter().flat_map(|unit| &unit.spike_secs).filter(|&&t| t < start_secs || t > stop_secs).count();
        if n_outside > 0 {
            warnings.push(format!("{n_outside} spikes lie outside the observed {start_secs}–{stop_secs} s."));
        }
        let n_trials = match file.group("intervals/trials") {
            Ok(trials) => dataset(&trials, "id", path)?.size(),
            Err(_) => 0,
        };
        Ok(Self { trains: SpikeTrains { units: trains, start_secs, stop_secs, n_trials }, warnings })
    }
}

/// Cumulative ends, as NWB stores them, to ranges; they must not decrease or leave the vector.
fn ragged(ends: &[u64], n_values: usize, name: &str, path: &Path) -> Result<Vec<(usize, usize)>, ReadError> {
    let mut start = 0;
    ends.iter()
        .map(|&end| {
            let range =
                usize::try_from(end).ok().filter(|&end| start <= end && end <= n_values).map(|end| (start, end));
            let (_, next) = range.ok_or_else(|| {
                let needed = format!("{name} to rise from {start} to at most {n_values}");
                ReadError::field(needed, format!("{end}"), path)
            })?;
            start = next;
            Ok(range.unwrap_or_default())
        })
        .collect()
}

/// A column of names where the lab gave one, else the table's ids.
fn unit_names(units: &hdf5::Group, n: usize, path: &Path) -> Result<Vec<String>, ReadError> {
    for column in ["unit_name", "name", "label"] {
        if units.link_exists(column)
            && let Some(names) = texts(&dataset(units, column, path)?, path)?
            && names.len() == n
        {
            return Ok(names);
        }
    }
    let ids: Vec<i64> = match units.link_exists("id") {
        true => values(&dataset(units, "id", path)?, path)?,
        false => Vec::new(),
    };
    Ok((0..n).map(|i| ids.get(i).map_or_else(|| i.to_string(), i64::to_string)).collect())
}

/// `[start, stop]` pairs in seconds, over all units.
struct Observed {
    intervals_secs: Vec<[f64; 2]>,
}

fn observed(units: &hdf5::Group, path: &Path) -> Result<Option<Observed>, ReadError> {
    if !units.link_exists("obs_intervals") {
        return Ok(None);
    }
    let flat: Vec<f64> = values(&dataset(units, "obs_intervals", path)?, path)?;
    let (pairs, rest) = flat.as_chunks::<2>();
    if !rest.is_empty() || pairs.iter().any(|[start, stop]| !(start.is_finite() && stop.is_finite() && start <= stop)) {
        return Err(ReadError::field("obs_intervals of [start, stop] in seconds", "others", path));
    }
    let mut intervals_secs = pairs.to_vec();
    intervals_secs.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    Ok((!intervals_secs.is_empty()).then_some(Observed { intervals_secs }))
}

impl Observed {
    fn span(&self) -> (f64, f64) {
        self.intervals_secs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), &[start, stop]| {
            (first.min(start), last.max(stop))
        })
    }

    /// Silence that nobody observed would pass for silence of the neurons.
    fn gap_warning(&self) -> Option<String> {
        let mut gap_secs = 0.0;
        let mut covered_to = f64::NEG_INFINITY;
        for &[start, stop] in &self.intervals_secs {
            if covered_to.is_finite() && start > covered_to {
                gap_secs += start - covered_to;
            }
            covered_to = covered_to.max(stop);
        }
        (gap_secs > 0.0)
            .then(|| format!("{gap_secs:.3} s within the recording were not observed; they count as silent."))
    }
}

fn span_of_spikes(units: &[Unit]) -> (f64, f64) {
    let times = || units.iter().flat_map(|unit| &unit.spike_secs);
    (times().fold(0.0, |first, &t| t.min(first)), times().fold(0.0, |last, &t| t.max(last)))
}
