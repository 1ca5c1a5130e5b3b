//! Sorted spikes in the folder that Phy and KiloSort share.
//!
//! `spike_times.npy` counts samples, `spike_clusters.npy` says whose spike it was (before curation,
//! `spike_templates.npy`), `cluster_*.tsv` describe the clusters, `params.py` has the sampling rate.
//!
//! Source: <https://phy.readthedocs.io/en/latest/sorting_user_guide/#datasets>.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{ReadError, one_line};
use super::npy::NpyArray;
use super::table::{Table, is_missing, text_in};
use crate::recording::{SampleRate, SpikeTrains, Support, Unit};

/// Whether `path` is such a folder.
pub fn is_folder(path: &Path) -> bool {
    path.join("spike_times.npy").is_file() && path.join("params.py").is_file()
}

/// The files that [`read`] reads, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let names = ["params.py", "spike_clusters.npy", "spike_templates.npy", "spike_times.npy"];
    let mut files: Vec<PathBuf> =
        names.map(|name| folder.join(name)).into_iter().filter(|path| path.is_file()).collect();
    files.extend(cluster_tables(folder).unwrap_or_default());
    files.sort();
    files
}

/// Reads the folder; clusters are units in the order of their numbers, and what the tables say are their properties.
///
/// The session ends with the raw recording where `params.py` names one that is there, else with the last spike.
pub fn read(folder: &Path) -> Result<SpikeTrains, ReadError> {
    let params = Params::read(&folder.join("params.py"))?;
    let times = whole_numbers(&folder.join("spike_times.npy"))?;
    let clusters_path = ["spike_clusters.npy", "spike_templates.npy"].map(|name| folder.join(name));
    let clusters_path = clusters_path.iter().find(|path| path.is_file()).unwrap_or(&clusters_path[0]);
    let clusters = whole_numbers(clusters_path)?;
    if clusters.len() != times.len() {
        let needed = format!("a cluster for each of {} spikes", times.len());
        return Err(ReadError::field(needed, format!("{}", clusters.len()), clusters_path));
    }

    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    clusters.iter().for_each(|&cluster| *counts.entry(cluster).or_default() += 1);
    let mut next: BTreeMap<u64, usize> = BTreeMap::new();
    let mut start = 0;
    for (&cluster, n) in &counts {
        next.insert(cluster, start);
        start += n;
    }
    let mut spike_secs = vec![0.0; times.len()];
    for (&time, cluster) in times.iter().zip(&clusters) {
        if let Some(at) = next.get_mut(cluster) {
            spike_secs[*at] = time as f64 / params.rate.hz();
            *at += 1;
        }
    }

    let mut properties = cluster_properties(folder)?;
    let unit = |(cluster, n): (&u64, &usize)| {
        let mut unit = Unit::named(cluster.to_string());
        unit.properties = properties.remove(cluster).unwrap_or_default();
        (unit, *n)
    };
    let units = counts.iter().map(unit).collect();
    let observed = params.duration_secs(folder).map(|secs| Support::between(0.0, secs));
    let is_known = observed.is_some();
    let mut trains = SpikeTrains::new(units, spike_secs, observed);
    if !is_known {
        trains
            .warnings
            .push("The raw recording is not here, so the session is taken to end with its last spike.".into());
    }
    if !folder.join("spike_clusters.npy").is_file() {
        trains.warnings.push("No spike_clusters.npy: units are the templates, before curation.".into());
    }
    let n_outside = trains.n_unobserved();
    if n_outside > 0 {
        trains.warnings.push(format!("{n_outside} spikes lie after the end of the raw recording."));
    }
    Ok(trains)
}

fn whole_numbers(path: &Path) -> Result<Vec<u64>, ReadError> {
    let array = NpyArray::read(path)?;
    if array.n_columns != 1 && array.n_rows != 1 {
        return Err(ReadError::field("one number for each spike", format!("{} columns", array.n_columns), path));
    }
    let whole = |(at, &value): (usize, &f64)| {
        let is_whole = value >= 0.0 && value.fract() == 0.0 && value < 2f64.powi(53);
        is_whole.then_some(value as u64).ok_or_else(|| {
            ReadError::field("whole numbers that are not negative", format!("{value} as entry {at}"), path)
        })
    };
    array.values.iter().enumerate().map(whole).collect()
}

/// All `cluster_*.tsv`; a later file adds to an earlier one.
fn cluster_properties(folder: &Path) -> Result<BTreeMap<u64, BTreeMap<String, String>>, ReadError> {
    let mut properties: BTreeMap<u64, BTreeMap<String, String>> = BTreeMap::new();
    for path in cluster_tables(folder)? {
        // Phy before version 2 wrote tabs into files called .csv.
        let table = Table::read_with_tabs(&path)?;
        let Some(id) = table.column("cluster_id").or_else(|| table.column("id")) else { continue };
        for row in &table.rows {
            let cluster = row.cells[id].parse().map_err(|_| ReadError::NotANumber {
                found: one_line(&row.cells[id]),
                line: row.line,
                column: id + 1,
                name: one_line(&table.columns[id]),
                path: path.clone(),
            })?;
            let cells = table.columns.iter().zip(&row.cells).enumerate();
            let said = cells.filter(|&(column, (_, cell))| column != id && !is_missing(cell));
            let of_cluster = properties.entry(cluster).or_default();
            of_cluster.extend(said.map(|(_, (name, cell))| (name.clone(), cell.clone())));
        }
    }
    Ok(properties)
}

/// All `cluster_*.tsv`, sorted.
fn cluster_tables(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let entries = fs::read_dir(folder).map_err(|source| ReadError::unreadable(folder, source))?;
    let is_table = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("cluster_") && (name.ends_with(".tsv") || name.ends_with(".csv"))
    };
    let mut tables: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_table).collect();
    tables.sort();
    Ok(tables)
}

/// `params.py`, read as lines of `name = value`; nothing is run.
struct Params {
    rate: SampleRate,
    /// A value, or the elements of a list.
    fields: BTreeMap<String, Vec<String>>,
}

impl Params {
    fn read(path: &Path) -> Result<Self, ReadError> {
        let text = text_in(path)?;
        let field = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.split('#').next()?.trim().to_owned()))
        };
        let fields: BTreeMap<String, String> = text.lines().filter_map(field).collect();
        let fields: BTreeMap<String, Vec<String>> =
            fields.into_iter().map(|(name, value)| (name, elements(&value))).collect();
        let found = only(&fields, "sample_rate").unwrap_or("none");
        let rate = found.parse().ok().and_then(|hz| SampleRate::from_hz(hz).ok());
        let rate = rate.ok_or_else(|| ReadError::field("sample_rate in Hz", one_line(found), path))?;
        Ok(Self { rate, fields })
    }

    /// From the size of the raw recording, which may be several files in a row, where all of it can be found.
    fn duration_secs(&self, folder: &Path) -> Option<f64> {
        let only = |name: &str| only(&self.fields, name);
        let offset: u64 = only("offset").and_then(|text| text.parse().ok()).unwrap_or(0);
        let paths = self.fields.get("dat_path").filter(|paths| !paths.is_empty())?;
        let sizes = paths.iter().map(|path| Some(fs::metadata(folder.join(path)).ok()?.len().saturating_sub(offset)));
        let bytes = sizes.sum::<Option<u64>>()?;
        let n_channels: u64 = only("n_channels_dat")?.parse().ok()?;
        let sample_bytes = match only("dtype")?.trim_start_matches("np.") {
            "int8" | "uint8" => 1,
            "int16" | "uint16" => 2,
            "int32" | "uint32" | "float32" => 4,
            "float64" => 8,
            _ => return None,
        };
        let n_samples = bytes.checked_div(n_channels.checked_mul(sample_bytes)?)?;
        Some(n_samples as f64 / self.rate.hz())
    }
}

/// The elements of `['a', "b"]`, or the one value that stands there; quotes and what marks them (`r'…'`) are left out.
fn elements(value: &str) -> Vec<String> {
    let inside = value.trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let unquoted = |element: &str| {
        let element = element.trim();
        let marks = |c: char| matches!(c, 'r' | 'R' | 'u' | 'U' | 'b');
        let bare = element.strip_prefix(marks).filter(|rest| rest.starts_with(['\'', '"'])).unwrap_or(element);
        bare.trim_matches(['\'', '"']).to_owned()
    };
    inside.split(',').map(unquoted).filter(|element| !element.is_empty()).collect()
}

fn only<'f>(fields: &'f BTreeMap<String, Vec<String>>, name: &str) -> Option<&'f str> {
    match fields.get(name)?.as_slice() {
        [value] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(values: &[i64]) -> Vec<u8> {
        let mut header = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({},), }}", values.len());
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    fn folder(times: &[i64], clusters: &[i64]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("spike_times.npy", &npy(times));
        write("spike_clusters.npy", &npy(clusters));
        write("params.py", b"dat_path = 'raw.dat'\nn_channels_dat = 2\ndtype = 'int16'\nsample_rate = 100.  # Hz\n");
        write("cluster_group.tsv", b"cluster_id\tgroup\n3\tgood\n7\tnoise\n");
        write("cluster_KSLabel.tsv", b"cluster_id\tKSLabel\n3\tmua\n");
        folder
    }

    #[test]
    fn clusters_are_units_with_what_the_tables_say() {
        let folder = folder(&[5, 10, 20, 25], &[7, 3, 7, 3]);
        let trains = read(folder.path()).unwrap();
        let units: Vec<(&str, &[f64])> =
            trains.units().iter().map(|unit| (unit.name.as_str(), trains.spikes_of(unit))).collect();
        assert_eq!(units, [("3", &[0.1, 0.25][..]), ("7", &[0.05, 0.2][..])]);
        assert_eq!(trains.units()[0].properties["group"], "good");
        assert_eq!(trains.units()[0].properties["KSLabel"], "mua");
        assert!(trains.warnings[0].contains("not here"));

        fs::write(folder.path().join("raw.dat"), vec![0; 2 * 2 * 60]).unwrap();
        assert_eq!(read(folder.path()).unwrap().observed, Support::between(0.0, 0.6));
        fs::write(folder.path().join("more.dat"), vec![0; 2 * 2 * 40]).unwrap();
        for (written, secs) in [("['raw.dat']", 0.6), ("r\"raw.dat\"", 0.6), ("[\"raw.dat\", 'more.dat']", 1.0)] {
            let rest = "n_channels_dat = 2\ndtype = 'int16'\nsample_rate = 100.\n";
            fs::write(folder.path().join("params.py"), format!("dat_path = {written}\n{rest}")).unwrap();
            assert_eq!(read(folder.path()).unwrap().observed, Support::between(0.0, secs), "{written}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let message = |folder: &tempfile::TempDir| read(folder.path()).unwrap_err().to_string();
        assert!(message(&folder(&[1, 2], &[0])).contains("a cluster for each of 2 spikes, found 1"));
        assert!(message(&folder(&[1, -2], &[0, 0])).contains("-2 as entry 1"));
        let no_rate = folder(&[1], &[0]);
        fs::write(no_rate.path().join("params.py"), "n_channels_dat = 2\n").unwrap();
        assert!(message(&no_rate).contains("sample_rate in Hz, found none"));
    }
}
