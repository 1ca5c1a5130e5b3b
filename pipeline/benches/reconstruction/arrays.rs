//! Benchmark series as matrices and cubes.

use std::path::Path;

use nalgebra::DMatrix;
use nullcline_datasets::read_series;

pub fn matrix(path: &Path) -> DMatrix<f64> {
    let series = read_series(path).expect("a benchmark series");
    DMatrix::from_row_slice(series.n_times, series.names.len(), &series.values)
}

/// A C-ordered f32 array of three dimensions.
pub fn read_cube(path: &Path) -> (usize, usize, usize, Vec<f32>) {
    let bytes = std::fs::read(path).expect("the n-back array");
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]).into_owned();
    assert!(text.contains("'<f4'") && text.contains("False"), "{text}");
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
    let sizes: Vec<usize> = inside.split(',').map(|n| n.trim().parse().expect("a size")).collect();
    let values = bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (sizes[0], sizes[1], sizes[2], values)
}
