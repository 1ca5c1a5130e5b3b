//! MAT-files made here, of either byte order, and the recordings of EEGLAB in them.

use nullcline_datasets::readers::mat5::{MatFile, MatValue};
use nullcline_datasets::readers::open_signals;
use proptest::prelude::*;

use crate::eeg_writers as writers;
use crate::eeg_writers::mat::Value;
use crate::scratch::{Folder, annotations, assert_values};

fn scalar<'a>(value: f64) -> Value<'a> {
    Value::Doubles(&[1, 1], vec![value])
}

#[test]
fn mat_files_of_either_order_compressed_or_not() {
    let folder = Folder::new();
    let variables = [
        ("x", Value::Doubles(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5])),
        ("name", Value::Text("Zoë")),
        (
            "s",
            Value::Struct(&["a", "b"], vec![vec![scalar(1.0), Value::Text("p")], vec![scalar(2.0), Value::Text("")]]),
        ),
        ("c", Value::Cell(vec![scalar(7.0), Value::Cell(vec![])])),
    ];
    for (is_big, is_compressed) in [(false, false), (false, true), (true, false), (true, true)] {
        let path = folder.file("a.mat", writers::mat::file(&variables, is_big, is_compressed));
        let file = MatFile::read(&path).unwrap();
        let Some(MatValue::Array(x)) = file.get("x") else { panic!("{file:?}") };
        assert_eq!((x.dims.as_slice(), x.values()), (&[2, 3][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5]));
        assert_eq!(file.get("name").unwrap().text(), Some("Zoë"));
        let a: Vec<Option<f64>> = file.get("s").unwrap().field("a").iter().map(|value| value.number()).collect();
        assert_eq!(a, [Some(1.0), Some(2.0)]);
        let Some(MatValue::Cell(cells)) = file.get("c") else { panic!("{file:?}") };
        assert_eq!(cells[0].number(), Some(7.0));
    }
}

/// Two channels, six samples: `EEG` as a structure, or its fields as variables; cut, or in three epochs.
#[test]
fn eeglab_with_boundaries_and_epochs() {
    let folder = Folder::new();
    let samples: Vec<f32> = (0..12).map(|v| v as f32).collect();
    let event =
        |kind: &'static str, latency: f64, duration: f64| vec![Value::Text(kind), scalar(latency), scalar(duration)];
    let fields = |n_points: f64, n_epochs: f64, dims: &'static [u32]| {
        let channels = ["Fz", "Cz"].map(|name| vec![Value::Text(name)]).to_vec();
        let events = vec![
            event("stim", 2.0, 1.0),
            event("boundary", 3.5, 20.0),
            vec![scalar(7.0), scalar(4.5), scalar(f64::NAN)],
        ];
        vec![
            ("nbchan", scalar(2.0)),
            ("pnts", scalar(n_points)),
            ("trials", scalar(n_epochs)),
            ("srate", scalar(2.0)),
            ("data", Value::Singles(dims, samples.clone())),
            ("chanlocs", Value::Struct(&["labels"], channels)),
            ("event", Value::Struct(&["type", "latency", "duration"], events)),
        ]
    };
    let as_structure = |fields: Vec<(&'static str, Value<'static>)>| {
        let (names, values): (Vec<&'static str>, Vec<Value>) = fields.into_iter().unzip();
        let names: &'static [&'static str] = names.leak();
        vec![("EEG", Value::Struct(names, vec![values]))]
    };
    let even: Vec<f64> = (0..6).map(|v| f64::from(2 * v) * 1e-6).collect();
    let odd: Vec<f64> = (0..6).map(|v| f64::from(2 * v + 1) * 1e-6).collect();

    for variables in [as_structure(fields(6.0, 1.0, &[2, 6])), fields(6.0, 1.0, &[2, 6])] {
        let file = open_signals(&folder.file("a.set", writers::mat::file(&variables, false, true))).unwrap();
        assert_values(&file, &[&even, &odd]);
        let names: Vec<&str> = file.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["Fz", "Cz"]);
        // 20 samples were cut out before the fourth.
        assert_eq!(file.recorded.intervals_secs(), [[0.0, 1.5], [11.5, 13.0]]);
        assert_eq!(annotations(&file), [(0.5, 0.5, "stim"), (1.25, 10.0, "boundary"), (11.75, 0.0, "7")]);
    }

    let epochs = as_structure(fields(2.0, 3.0, &[2, 2, 3]));
    let file = open_signals(&folder.file("a.set", writers::mat::file(&epochs, false, false))).unwrap();
    assert_values(&file, &[&even, &odd]);
    assert_eq!(file.recorded.intervals_secs(), [[0.0, 1.0], [1.5, 2.5], [3.0, 4.0]]);
    assert_eq!(file.warnings, ["3 epochs of 1 s were joined."]);
    assert_eq!(annotations(&file)[0], (0.5, 0.5, "stim"));
    assert_eq!(annotations(&file)[2], (2.25, 0.0, "7"));

    // Samples in a file of their own, which was renamed with the set.
    let mut outside = fields(6.0, 1.0, &[2, 6]);
    outside[4].1 = Value::Text("old.fdt");
    let bytes = writers::mat::file(&as_structure(outside), false, false);
    folder.file("b.fdt", samples.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let file = open_signals(&folder.file("b.set", bytes)).unwrap();
    assert_values(&file, &[&even, &odd]);
    assert!(file.warnings[0].contains("old.fdt"), "{:?}", file.warnings);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// MAT arrays come back bit for bit.
    #[test]
    fn mat_arrays_return_what_was_written(
        values in prop::collection::vec(any::<f64>(), 0..64),
        is_big in any::<bool>(),
        is_compressed in any::<bool>(),
    ) {
        let folder = Folder::new();
        let dims = [1, values.len() as u32];
        let variables = [("x", Value::Doubles(&dims, values.clone()))];
        let file = MatFile::read(&folder.file("a.mat", writers::mat::file(&variables, is_big, is_compressed))).unwrap();
        let Some(MatValue::Array(found)) = file.get("x") else { panic!("{file:?}") };
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
        prop_assert_eq!(bits(&found.values()), bits(&values));
    }
}
