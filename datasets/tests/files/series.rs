//! Plain arrays from every kind of file that `fit` takes.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::shared_data::shared_data;
use nullcline_datasets::readers::read_series;
use nullcline_datasets::{Modality, inspect};

/// `numpy.save` of version `[major, 0]`, with the header padded as NumPy does.
fn npy(major: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let before = if major == 1 { 10 } else { 12 };
    while (before + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([major, 0]);
    match major {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn bytes_of<const N: usize>(values: &[f64], encode: fn(f64) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| encode(value)).collect()
}

/// What `numpy.savetxt` writes of samples, and of spikes: the numbers tell which, unless the name does.
#[test]
fn lines_of_numbers_are_spikes_or_columns() {
    let folder = Folder::new();
    let samples = "# Fz Cz\n1.5e0 -2.0e0\n2.5e0 1.0e0\nnan 3.0e0\n";
    let path = folder.file("a.txt", samples);
    let series = read_series(&path).unwrap();
    assert_eq!((series.n_times, series.names), (3, vec!["x1".into(), "x2".into()]));
    assert_eq!(series.values[..4], [1.5, -2.0, 2.5, 1.0]);
    let found = inspect(&path).unwrap();
    assert_eq!((found.format, found.modality, found.n_times, found.channels.len()), ("text", None, Some(3), 2));
    assert_eq!(found.channels[1].mean, Some(2.0 / 3.0));
    assert_eq!(
        found.warnings,
        [
            "1 value is missing or not finite, in x1.",
            "Taken for columns over time: spike times would not go back, as the numbers do in line 2.",
        ]
    );

    let spikes = "0.5 1.5\n0.25 3\n";
    let found = inspect(&folder.file("b.txt", spikes)).unwrap();
    assert_eq!((found.modality, found.units.unwrap().n_spikes), (Some(Modality::Spikes), vec![2, 2]));
    // A name that says spikes is believed, and what is wrong is told.
    let message = inspect(&folder.file("sub-1_task-rest_spikes.txt", samples)).unwrap_err().to_string();
    assert!(message.contains("found \"NaN\" at line 4, column 1"), "{message}");
    let unsorted = folder.file("sub-1_task-go_spikes.txt", "1.5 0.5\n0.25 3\n");
    assert_eq!(inspect(&unsorted).unwrap().modality, Some(Modality::Spikes));
}

#[test]
fn numpy_arrays_of_every_type_and_order() {
    let folder = Folder::new();
    let check = |bytes: Vec<u8>| {
        let series = read_series(folder.file("a.npy", bytes)).unwrap();
        assert_eq!((series.n_times, series.n_channels()), (3, 2));
        assert_eq!(series.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(series.names, ["x1", "x2"]);
    };
    let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let columns = [1.0, 3.0, 5.0, 2.0, 4.0, 6.0];
    check(npy(1, "<f8", "False", "(3, 2)", &bytes_of(&rows, f64::to_le_bytes)));
    check(npy(2, "<f4", "False", "(3, 2)", &bytes_of(&rows, |v| (v as f32).to_le_bytes())));
    check(npy(3, "<f8", "True", "(3, 2)", &bytes_of(&columns, f64::to_le_bytes)));
    check(npy(1, "<i2", "True", "(3, 2)", &bytes_of(&columns, |v| (v as i16).to_le_bytes())));
    check(npy(1, "<i8", "False", "(3, 2)", &bytes_of(&rows, |v| (v as i64).to_le_bytes())));
    check(npy(1, ">i2", "False", "(3, 2)", &bytes_of(&rows, |v| (v as i16).to_be_bytes())));
    check(npy(1, "|u1", "False", "(3, 2)", &bytes_of(&rows, |v| [v as u8])));

    let one =
        read_series(folder.file("a.npy", npy(1, "<f8", "True", "(2,)", &bytes_of(&[7.0, 8.0], f64::to_le_bytes))));
    assert_eq!(one.unwrap().values, [7.0, 8.0]);
}

#[test]
fn numpy_arrays_that_cannot_be_read_are_told() {
    let folder = Folder::new();
    let message = |bytes: Vec<u8>| read_series(folder.file("a.npy", bytes)).unwrap_err().to_string();
    let data = [0; 16];
    assert!(message(npy(1, "<c16", "False", "(1,)", &data)).contains("\"<c16\""));
    assert!(message(npy(1, "<f8", "False", "(2, 1, 1)", &data)).contains("shape (2, 1, 1)"));
    assert!(message(npy(1, "<f8", "False", "()", &data)).contains("shape ()"));
    assert!(message(npy(1, "<f8", "False", "(0, 3)", &data)).contains("at least one sample"));
    // 128 bytes of header, 24 of data.
    assert!(message(npy(1, "<f8", "False", "(3,)", &data)).contains("need 152 bytes"));
    assert!(
        message(npy(1, "<f8", "False", "(9999999999, 9999999999)", &data)).contains("need 18446744073709551615 bytes")
    );
}

#[test]
fn tables_with_and_without_a_header() {
    let folder = Folder::new();
    let series = read_series(folder.file("a.csv", "u,v\n1,2\n3,nan\n")).unwrap();
    assert_eq!((series.names, series.n_times), (vec!["u".to_owned(), "v".to_owned()], 2));
    assert!(series.values[3].is_nan());
    let series = read_series(folder.file("a.tsv", "1\t2e-3\n-3\t4\n")).unwrap();
    assert_eq!((series.names, series.values), (vec!["x1".to_owned(), "x2".to_owned()], vec![1.0, 2e-3, -3.0, 4.0]));
}

#[test]
fn hdf5_datasets_by_name() {
    let folder = Folder::new();
    let path = folder.0.path().join("a.h5");
    {
        let file = hdf5::File::create(&path).unwrap();
        let group = file.create_group("session").unwrap();
        group
            .new_dataset::<f32>()
            .shape((2, 3))
            .create("lfp")
            .unwrap()
            .write_raw(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0])
            .unwrap();
    }
    let inside = |name: &str| read_series(format!("{}:{name}", path.display()));
    let series = inside("/session/lfp").unwrap();
    assert_eq!((series.n_times, series.values), (2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert!(inside("/nothing").unwrap_err().to_string().contains("found session"));
    assert!(read_series(&path).unwrap_err().to_string().contains("file.h5:/name"));
}

#[test]
fn numpy_archives_by_name() {
    let folder = Folder::new();
    let array = npy(1, "<f8", "False", "(3, 2)", &bytes_of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], f64::to_le_bytes));
    let path = folder.0.path().join("a.npz");
    let write = |names: &[&str], method: zip::CompressionMethod| {
        let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for name in names {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            archive.start_file(*name, options).unwrap();
            archive.write_all(&array).unwrap();
        }
        archive.finish().unwrap();
    };
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        write(&["rates.npy"], method);
        let series = read_series(&path).unwrap();
        assert_eq!((series.n_times, series.values), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        write(&["rates.npy", "times.npy", "notes.txt"], method);
        assert_eq!(read_series(format!("{}:times", path.display())).unwrap().n_channels(), 2);
        assert!(read_series(&path).unwrap_err().to_string().contains("found rates, times"));
        let message = read_series(format!("{}:rate", path.display())).unwrap_err().to_string();
        assert!(message.contains("an array rate, found rates, times"), "{message}");
    }
    write(&[], zip::CompressionMethod::Stored);
    assert!(read_series(&path).unwrap_err().to_string().contains("no arrays"));
}

/// As MATLAB 7.3 writes `x = [1 2; 3 4; 5 6]`: its axes stand in reverse in HDF5.
#[test]
fn matlab_arrays_have_matlab_axes() {
    let folder = Folder::new();
    let path = folder.0.path().join("a.mat");
    {
        let file = hdf5::File::with_options().with_fcpl(|create| create.userblock(512)).create(&path).unwrap();
        let x = file.new_dataset::<f64>().shape((2, 3)).create("x").unwrap();
        x.write_raw(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]).unwrap();
        let row = file.new_dataset::<f64>().shape((3, 1)).create("row").unwrap();
        row.write_raw(&[7.0, 8.0, 9.0]).unwrap();
    }
    let of = |name: &str| read_series(format!("{}:{name}", path.display())).unwrap();
    assert_eq!((of("x").n_times, of("x").values), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!((of("row").n_times, of("row").n_channels()), (3, 1));
    let message = read_series(&path).unwrap_err().to_string();
    assert!(message.contains("the array's name, as in file.mat:name") && message.contains("row"), "{message}");
}

#[test]
fn published_benchmarks_have_their_shapes() {
    let Some(benchmarks) = shared_data("benchmarks") else {
        return;
    };
    for (file, n_times, n_channels) in
        [("ECG_pecuzal_5d_train.npy", 100_000, 5), ("lorenz63_test.npy", 100_000, 3), ("EEG_64ch.npy", 9_640, 64)]
    {
        let series = read_series(benchmarks.join(file)).unwrap();
        assert_eq!((series.n_times, series.n_channels()), (n_times, n_channels), "{file}");
        assert!(series.values.iter().all(|value| value.is_finite()), "{file}");
    }
}

/// A first row of numbers is data for `inspect` as for `read_series`, unless it counts columns of fractions.
#[test]
fn a_table_without_names_loses_no_row() {
    let folder = Folder::new();
    let check = |text: &str, names: &[&str], n_times: usize, remark: &str| {
        let path = folder.file("a.csv", text);
        let series = read_series(&path).unwrap();
        assert_eq!((series.names.join(" "), series.n_times), (names.join(" "), n_times), "{text:?}");
        let found = inspect(&path).unwrap();
        let found_names: Vec<String> = found.channels.iter().map(|channel| channel.name.clone()).collect();
        assert_eq!((found_names, found.n_times), (series.names, Some(n_times)), "{text:?}");
        let first: Vec<f64> = found.channels.iter().filter_map(|channel| channel.first[0]).collect();
        assert_eq!(first, series.values[..names.len()], "{text:?}");
        assert_eq!(series.warnings.is_empty(), remark.is_empty(), "{:?}", series.warnings);
        assert!(series.warnings.iter().chain(&found.warnings).all(|w| w.contains(remark) || w.contains("x1.")));
    };
    check("a,b\n1.5,2\n3,4\n", &["a", "b"], 2, "");
    check("1.5,2\n3,4\n", &["x1", "x2"], 2, "taken for data");
    check("5,6\n3,4\n1,2\n", &["x1", "x2"], 3, "taken for data");
    check("0,1\n2,3\n", &["x1", "x2"], 2, "not for one with decimal commas");
    check("0,1\nn/a,3\n", &["x1", "x2"], 2, "not for one with decimal commas");
    check("0,1\n2.5,3\n", &["0", "1"], 1, "taken for their names");
    check("# by hand\r\nFz;Cz\r\n2.5;3\r\n", &["Fz", "Cz"], 1, "");
}

/// As an editor counts them, however lines end.
#[test]
fn lines_are_named_alike_however_they_end() {
    let folder = Folder::new();
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a,b", "1,2", "", "3,x", ""].join(end);
        for name in ["a.csv", "a.txt"] {
            let message = read_series(folder.file(name, &text)).unwrap_err().to_string();
            assert!(message.contains("\"x\" at line 4"), "{end:?}: {message}");
        }
    }
}

#[test]
fn decimal_commas_are_told() {
    let folder = Folder::new();
    let message = inspect(&folder.file("a.csv", "a;b\n1,5;2,5\n")).unwrap_err().to_string();
    assert!(message.contains("found decimal commas, where points are read, in a (\"1,5\" at line 2)"), "{message}");
    let found = inspect(&folder.file("a.csv", "a;b\n1,5;2\n")).unwrap();
    assert!(found.warnings[0].contains("Decimal commas, where points are read: a (\"1,5\" at line 2)"));
}
