#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets::cleaning::confounds::{ConfoundPlan, Nuisance};
use nullcline_datasets::readers::confounds::Confounds;
use nullcline_datasets_fuzz::read_as;

fuzz_target!(|bytes: &[u8]| {
    read_as("a_desc-confounds_timeseries.tsv", bytes, |path| {
        let confounds = Confounds::read(path)?;
        Nuisance::of(&confounds, confounds.n_times, &ConfoundPlan::default())
    });
});
