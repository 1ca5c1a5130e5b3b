//! Plain arrays for `fit`: whatever `datasets` reads, and Parquet.

use std::path::Path;

use anyhow::Result;
use nullcline_datasets::{ReadError, Series, read_series};

use crate::outputs::read_parquet;

/// Tables of polars live in this crate only, so `datasets` cannot read them.
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

const ARRAYS: &str = ".npy, .npz, .mat, .tsv, .csv, .txt, .h5, .parquet";

pub fn read_array(path: &Path) -> Result<Series> {
    if is_parquet(path) {
        let (names, values) = read_parquet(path)?;
        let n_times = values.len() / names.len().max(1);
        return Ok(Series { names, n_times, values, warnings: Vec::new() });
    }
    // Parquet is read here, where polars is: the readers do not name it.
    Ok(read_series(path).map_err(|error| match error {
        ReadError::UnknownFormat { found, path, .. } => ReadError::UnknownFormat { known: ARRAYS, found, path },
        other => other,
    })?)
}
