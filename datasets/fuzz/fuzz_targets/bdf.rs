#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets_fuzz::inspect_as;

fuzz_target!(|bytes: &[u8]| inspect_as("a.bdf", bytes));
