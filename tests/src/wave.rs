use std::io::Write;

use nullcline::outputs::Table;
use zip::write::SimpleFileOptions;

use crate::Lab;

/// What [`write_wave`] leaves beside `wave.npy`, each with the name of its format.
pub const WAVE_FILES: [(&str, &str); 8] = [
    ("wave.tsv", "TSV"),
    ("wave.csv", "CSV"),
    ("wave.parquet", "Parquet"),
    ("wave.npz", "NPZ"),
    ("wave.mat", "MAT"),
    ("wave-7.3.mat", "MAT"),
    ("wave.h5", "HDF5"),
    ("wave.h5:/wave", "HDF5"),
];

/// Two channels of a noisy oscillation, 400 steps, the same numbers in every file.
pub fn write_wave(lab: &Lab) {
    let wave: Vec<[f64; 2]> = (0..400)
        .map(|t| {
            let (phase, jitter) = (0.3 * f64::from(t), 0.1 * (f64::from(t * t) * 0.7).sin());
            [phase.sin() + jitter, phase.cos() - jitter]
        })
        .collect();
    let column = |i: usize| wave.iter().map(move |row| row[i]);
    let cells = |i: usize| column(i).map(Some).collect::<Vec<_>>();
    // The table writes its TSV and Parquet.
    Table::default().number("x1", cells(0)).number("x2", cells(1)).write(&lab.path("wave")).unwrap();
    lab.write("wave.csv", lab.read("wave.tsv").replace('\t', ","));
    lab.write("wave.npy", npy(&wave));
    let mut archive = zip::ZipWriter::new(std::fs::File::create(lab.path("wave.npz")).unwrap());
    archive.start_file("wave.npy", SimpleFileOptions::default()).unwrap();
    archive.write_all(&npy(&wave)).unwrap();
    archive.finish().unwrap();
    // MATLAB keeps columns together; in HDF5 its axes stand in reverse.
    let columns: Vec<f64> = column(0).chain(column(1)).collect();
    lab.write("wave.mat", mat5(&columns, [wave.len(), 2]));
    let file =
        hdf5::File::with_options().with_fcpl(|create| create.userblock(512)).create(lab.path("wave-7.3.mat")).unwrap();
    file.new_dataset::<f64>().shape([2, wave.len()]).create("wave").unwrap().write_raw(&columns).unwrap();
    let file = hdf5::File::create(lab.path("wave.h5")).unwrap();
    file.new_dataset::<f64>().shape([wave.len(), 2]).create("wave").unwrap().write_raw(wave.as_flattened()).unwrap();
}

/// NumPy's own format, version 1.0.
fn npy(rows: &[[f64; 2]]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 2), }}", rows.len());
    let padded = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes.extend(rows.as_flattened().iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// A MAT-file of version 5 with the matrix `wave`, as `save -v6` writes it.
fn mat5(columns: &[f64], dims: [usize; 2]) -> Vec<u8> {
    let [int8, int32, uint32, double, matrix] = [1, 5, 6, 9, 14];
    const DOUBLE_CLASS: u32 = 6;
    let element = |kind: u32, data: &[u8]| {
        let mut bytes = [kind, data.len() as u32].map(u32::to_le_bytes).concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let words = |words: [u32; 2]| words.map(u32::to_le_bytes).concat();
    let numbers: Vec<u8> = columns.iter().flat_map(|value| value.to_le_bytes()).collect();
    let parts = [
        element(uint32, &words([DOUBLE_CLASS, 0])),
        element(int32, &words(dims.map(|extent| extent as u32))),
        element(int8, b"wave"),
        element(double, &numbers),
    ];
    let mut bytes = format!("{:<124}", "MATLAB 5.0 MAT-file").into_bytes();
    bytes.extend([0x00, 0x01, b'I', b'M']);
    bytes.extend(element(matrix, &parts.concat()));
    bytes
}
