//! Writes an array as NumPy does, for those who look at results with Python.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `values: [row, column]`, row-major, as little-endian doubles in version 1 of the format.
///
/// Fails where the file cannot be written. Panics where `values` has no whole rows.
pub fn write(path: &Path, n_columns: usize, values: &[f64]) -> io::Result<()> {
    let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
    assert_eq!(n_rows * n_columns, values.len(), "whole rows");
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}");
    const BEFORE: usize = 10;
    // The data starts at a multiple of 64 bytes, after a line break.
    let padding = 63 - (BEFORE + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding).chain(['\n']));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in values {
        file.write_all(&value.to_le_bytes())?;
    }
    file.flush()
}
