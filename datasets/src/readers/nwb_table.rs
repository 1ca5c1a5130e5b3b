//! Tables of NWB: columns of equal length, ragged ones with an index of ends.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::error::ReadError;
use super::hdf5_guard::{broken, dataset, texts, values};

/// Cumulative ends, as NWB stores them, to ranges; they must not decrease or leave the vector.
pub(super) fn ragged(ends: &[u64], n_values: usize, name: &str, path: &Path) -> Result<Vec<Range<usize>>, ReadError> {
    let mut start = 0;
    let range = |(row, &end): (usize, &u64)| {
        let sound = usize::try_from(end).ok().filter(|&end| start <= end && end <= n_values);
        let end = sound.ok_or_else(|| {
            let needed = format!("{name} to rise from {start} to at most {n_values}");
            ReadError::field(needed, format!("{end} in row {row}"), path)
        })?;
        let range = start..end;
        start = end;
        Ok(range)
    };
    ends.iter().enumerate().map(range).collect()
}

/// The first of `columns` that holds a text for each row, else the table's ids, else row numbers.
pub(super) fn row_names(
    table: &hdf5::Group,
    n_rows: usize,
    columns: &[&str],
    path: &Path,
) -> Result<Vec<String>, ReadError> {
    for column in columns {
        if table.link_exists(column)
            && let Some(names) = texts(&dataset(table, column, path)?, path)?
            && names.len() == n_rows
        {
            return Ok(names);
        }
    }
    let ids: Vec<i64> = match table.link_exists("id") {
        true => values(&dataset(table, "id", path)?, path)?,
        false => Vec::new(),
    };
    Ok((0..n_rows).map(|i| ids.get(i).map_or_else(|| i.to_string(), i64::to_string)).collect())
}

/// Every column with one text, number or truth value for each row, as text. Ragged columns, references and arrays
/// are left out.
pub(super) fn column_texts(
    table: &hdf5::Group,
    n_rows: usize,
    path: &Path,
) -> Result<BTreeMap<String, Vec<String>>, ReadError> {
    let mut columns = BTreeMap::new();
    for name in table.member_names().map_err(|error| broken(path, &error))? {
        let is_ragged = table.link_exists(&format!("{name}_index"));
        if is_ragged || name.ends_with("_index") || name == "id" {
            continue;
        }
        let Ok(column) = table.dataset(&name) else { continue };
        if column.shape() != [n_rows] {
            continue;
        }
        if let Some(texts) = cells(&column, path)? {
            columns.insert(name, texts);
        }
    }
    Ok(columns)
}

fn cells(column: &hdf5::Dataset, path: &Path) -> Result<Option<Vec<String>>, ReadError> {
    use hdf5::types::TypeDescriptor;
    Ok(match column.dtype().and_then(|dtype| dtype.to_descriptor()) {
        Ok(TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_)) => {
            Some(values::<i64>(column, path)?.iter().map(i64::to_string).collect())
        }
        Ok(TypeDescriptor::Float(_)) => Some(values::<f64>(column, path)?.iter().map(f64::to_string).collect()),
        Ok(TypeDescriptor::Boolean) => Some(values::<bool>(column, path)?.iter().map(bool::to_string).collect()),
        _ => texts(column, path)?,
    })
}
