#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets::volumes::{Atlas, Parcellation, parcel_series, parcellate, roi_series};
use nullcline_datasets_fuzz::read_as;

// The first bytes are scan, atlas and mask alike: whatever fits together must not end badly.
fuzz_target!(|bytes: &[u8]| {
    read_as("a.nii.gz", bytes, |path| roi_series(path, &Atlas::read(path)?, Some(path)));
    read_as("a.dtseries.nii", bytes, |path| parcellate(path, &Parcellation::read(path)?));
    read_as("a.ptseries.nii", bytes, parcel_series);
});
