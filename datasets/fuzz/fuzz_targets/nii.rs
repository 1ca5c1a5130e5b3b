#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets_fuzz::inspect_as;

// Headers, extensions and values of NIfTI, and CIFTI's XML where there is some.
fuzz_target!(|bytes: &[u8]| inspect_as("a.nii", bytes));
