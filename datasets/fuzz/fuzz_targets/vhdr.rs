//! A BrainVision header beside samples and markers that are sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets_fuzz::{beside, inspect_as};

const MARKERS: &str = "Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\n\
    Mk1=New Segment,,1,1,0,20240101120000000000\nMk2=Stimulus,S 1,2,1,0\nMk3=New Segment,,4,1,0\n";

fuzz_target!(|bytes: &[u8]| {
    beside("a.eeg", &[7; 96]);
    beside("a.vmrk", MARKERS.as_bytes());
    inspect_as("a.vhdr", bytes);
});
