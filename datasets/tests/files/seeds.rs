//! What the fuzz targets start from, and what they once stumbled over: each file is a value or one line.

use std::fs;
use std::path::{Path, PathBuf};

use nullcline_datasets::readers::read_spikes;
use nullcline_datasets::{inspect, read_series};

/// The folder of a target; its name is the extension under which the target reads, but for those of `OTHERS`.
fn seeds() -> impl Iterator<Item = (String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files(&root).into_iter().flat_map(move |folder| {
        let target = folder.file_name().unwrap().to_string_lossy().into_owned();
        files(&folder).into_iter().map(move |file| (target.clone(), file))
    })
}

const OTHERS: [(&str, &str); 6] = [
    ("table", "tsv"),
    ("spike_text", "txt"),
    ("confounds", "tsv"),
    ("roi_series", "nii"),
    ("bids", "tsv"),
    ("phy", "npy"),
];

#[test]
fn every_seed_is_a_value_or_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut n_values = 0;
    for (target, seed) in seeds() {
        let extension = OTHERS.iter().find(|(other, _)| *other == target).map_or(target.as_str(), |(_, ext)| ext);
        let path = folder.path().join(format!("a.{extension}"));
        fs::copy(&seed, &path).unwrap();
        n_values += usize::from(inspect(&path).is_ok());
        for result in [inspect(&path).map(drop), read_series(&path).map(drop), read_spikes(&path).map(drop)] {
            if let Err(error) = result {
                let message = error.to_string();
                assert!(!message.contains('\n') && message.contains(&*path.to_string_lossy()), "{message:?}");
            }
        }
    }
    assert!(n_values > 30, "only {n_values} seeds hold something");
}

#[test]
fn compression_that_is_not_known_is_told_by_name() {
    let lzf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/lzf.nwb");
    let message = inspect(&lzf).unwrap_err().to_string();
    assert!(message.starts_with("need values of /units/spike_times without compression or by gzip, found LZF"));
}

/// `hdf5` has room for 32 of them and panics at more.
#[test]
fn a_filter_of_many_parameters_is_told() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/many_filter_parameters.nwb");
    let message = inspect(&seed).unwrap_err().to_string();
    let needed = "need values of /units/spike_times without compression or by gzip";
    assert!(message.starts_with(&format!("{needed}, found a filter with 40 parameters in ")), "{message}");
}

#[test]
fn trials_that_never_end_are_left_out() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/trials.nwb");
    let trains = read_spikes(&file).unwrap();
    assert_eq!(trains.trials.intervals_secs, [[0.0, 0.5]]);
    assert_eq!(trains.trials.columns["stim"], ["a"]);
    assert_eq!(trains.warnings, ["Left out without a start or an end: 1 trial."]);
}

/// The library would allocate, and clear, whatever a spoilt length says.
#[test]
fn texts_longer_than_their_file_are_refused() {
    let spoilt = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/long_texts.nwb");
    let message = inspect(&spoilt).unwrap_err().to_string();
    assert!(message.starts_with("need texts of /") && message.contains("in a file of 12816"), "{message}");
}

/// The library goes round for ever in a heap whose free room has a length of 0. Its texts come before that room.
#[test]
fn texts_in_a_damaged_heap_end() {
    let damaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/endless_heap.nwb");
    let trains = read_spikes(&damaged).unwrap();
    assert_eq!(trains.units().iter().map(|unit| unit.n_spikes()).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(trains.trials.columns["correct"], ["true"]);
}

/// As above, where besides the number of texts does not fit the bytes that are kept for them.
#[test]
fn texts_whose_number_does_not_fit_are_refused() {
    let spoilt = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/texts_of_wrong_size.nwb");
    let message = inspect(&spoilt).unwrap_err().to_string();
    assert!(message.starts_with("need ") && message.contains(" texts of 16 bytes each in /"), "{message}");
}

/// The library reads beyond the end of memory in a chunk that is shorter than its checksum.
#[test]
fn chunks_shorter_than_their_checksum_are_refused() {
    let damaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/nwb/short_checksum.nwb");
    let message = inspect(&damaged).unwrap_err().to_string();
    let expected = "need chunks of /units/spike_times with a checksum at the end, found a chunk of 0 bytes in ";
    assert!(message.starts_with(expected), "{message}");
}

/// No row, and columns beyond number.
#[test]
fn arrays_without_values_are_refused_whatever_their_other_extent() {
    let damaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/npy/no_rows_many_columns.npy");
    let message = read_series(&damaged).unwrap_err().to_string();
    assert!(message.starts_with("need at least one sample of one channel, found shape (0, 5555552777777777)"));
}
