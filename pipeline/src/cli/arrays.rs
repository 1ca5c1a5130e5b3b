//! Plain arrays for `fit`: whatever `datasets` reads, and Parquet.

use std::path::Path;

use anyhow::Result;
use nullcline_datasets::{Series, read_series};

use crate::outputs::read_parquet;

/// Tables of polars live in this crate only, so `datasets` cannot read them.
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

pub fn read_array(path: &Path) -> Result<Series> {
    if is_parquet(path) {
        let (names, values) = read_parquet(path)?;
        let n_times = values.len() / names.len().max(1);
        return Ok(Series { names, n_times, values });
    }
    Ok(read_series(path)?)
}
