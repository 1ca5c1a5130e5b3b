//! Arrays, tables and spikes come back as they were written, whatever their values.

use nullcline_datasets::readers::nwb_write::{NwbToWrite, Storage};
use nullcline_datasets::readers::{npy_write, nwb, nwb_write, phy};
use nullcline_datasets::{ReadError, SpikeTrains, Support, Unit, inspect, read_series};
use proptest::prelude::*;

/// Whole rows of any doubles, NaN and infinity among them.
fn rows() -> impl Strategy<Value = (usize, Vec<f64>)> {
    (1usize..5, 1usize..20)
        .prop_flat_map(|(columns, rows)| (Just(columns), prop::collection::vec(any::<f64>(), columns * rows)))
}

/// Units with spikes within the stretches in which they were observed.
fn units() -> impl Strategy<Value = Vec<(String, Vec<f64>, Support)>> {
    let stretches = prop::collection::vec((0.0..100.0f64, 0.5..20.0f64), 1..4)
        .prop_map(|pairs| Support::new(pairs.into_iter().map(|(start, length)| [start, start + length])));
    let unit = (stretches, prop::collection::vec((0usize..4, 0.0..1.0f64), 0..30)).prop_map(|(observed, draws)| {
        let intervals = observed.intervals_secs();
        let place = |(interval, share): (usize, f64)| {
            let [start, stop] = intervals[interval % intervals.len()];
            start + share * (stop - start)
        };
        let mut spikes: Vec<f64> = draws.into_iter().map(place).collect();
        spikes.sort_by(f64::total_cmp);
        (spikes, observed)
    });
    prop::collection::vec(unit, 1..6).prop_map(|units| {
        let named = |(i, (spikes, observed)): (usize, (Vec<f64>, Support))| (format!("unit {i}"), spikes, observed);
        units.into_iter().enumerate().map(named).collect()
    })
}

proptest! {
    #[test]
    fn numpy_arrays((n_columns, values) in rows()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        npy_write::write(&path, n_columns, &values).unwrap();
        let found = read_series(&path).unwrap();
        prop_assert_eq!((found.n_channels(), found.n_times), (n_columns, values.len() / n_columns));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found.values), bits(&values));
    }

    #[test]
    fn tables((n_columns, values) in rows(), names in prop::collection::vec("[A-Za-z][A-Za-z0-9 .-]{0,6}[a-z]", 5)) {
        let folder = tempfile::tempdir().unwrap();
        for (file, delimiter) in [("a.tsv", b'\t'), ("a.csv", b',')] {
            let path = folder.path().join(file);
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_path(&path).unwrap();
            writer.write_record(&names[..n_columns]).unwrap();
            for row in values.chunks(n_columns) {
                writer.write_record(row.iter().map(f64::to_string)).unwrap();
            }
            writer.flush().unwrap();
            let found = read_series(&path).unwrap();
            prop_assert_eq!(&found.names, &names[..n_columns]);
            prop_assert_eq!(found.values.len(), values.len());
            for (found, written) in found.values.iter().zip(&values) {
                prop_assert!(found == written || (found.is_nan() && written.is_nan()), "{} {}", found, written);
            }
        }
    }

    #[test]
    fn spikes_with_their_observed_stretches(units in units(), is_deflated in any::<bool>()) {
        let session = Support::new(units.iter().flat_map(|(_, _, observed)| observed.intervals_secs().to_vec()));
        let all: Vec<f64> = units.iter().flat_map(|(_, spikes, _)| spikes.clone()).collect();
        let of_unit = |(name, spikes, observed): &(String, Vec<f64>, Support)| {
            let mut unit = Unit::named(name);
            unit.observed = (*observed != session).then(|| observed.clone());
            (unit, spikes.len())
        };
        let trains = SpikeTrains::new(units.iter().map(of_unit).collect(), all, Some(session.clone()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nwb");
        let storage = if is_deflated { Storage::Deflated } else { Storage::Plain };
        let file = NwbToWrite { identifier: "x", session_description: "made by a test", trains: &trains, storage };
        nwb_write::write(&path, &file).unwrap();
        prop_assert_eq!(nwb::read(&path).unwrap(), trains);
    }

    /// A folder of Phy with noise in one of its files never panics, and its errors are one line.
    #[test]
    fn noise_in_a_phy_folder_is_an_error_or_a_value(
        file in 0usize..4,
        at in 0usize..300,
        noise in prop::collection::vec(any::<u8>(), 1..24),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let names = ["spike_times.npy", "spike_clusters.npy", "params.py", "cluster_group.tsv"].map(|name| folder.path().join(name));
        npy_write::write(&names[0], 1, &[1.0, 5.0, 9.0]).unwrap();
        npy_write::write(&names[1], 1, &[0.0, 3.0, 0.0]).unwrap();
        std::fs::write(&names[2], "sample_rate = 30000.\ndtype = 'int16'\n").unwrap();
        std::fs::write(&names[3], "cluster_id\tgroup\n0\tgood\n3\tmua\n").unwrap();
        prop_assert_eq!(phy::read(folder.path()).unwrap().n_spikes(), 3);
        let mut bytes = std::fs::read(&names[file]).unwrap();
        let at = at % bytes.len();
        let end = (at + noise.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        std::fs::write(&names[file], bytes).unwrap();
        let results: [Result<(), ReadError>; 2] = [phy::read(folder.path()).map(drop), inspect(folder.path()).map(drop)];
        for error in results.into_iter().filter_map(Result::err) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
