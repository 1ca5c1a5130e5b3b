//! Markers of BrainVision beside a header and samples that are sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets_fuzz::{beside, inspect_as};

const HEADER: &str = "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=a.eeg\n\
    MarkerFile=a.vmrk\nDataOrientation=MULTIPLEXED\nNumberOfChannels=1\nSamplingInterval=1000\n\
    [Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=Fz,,0.5,uV\n";

fuzz_target!(|bytes: &[u8]| {
    beside("a.eeg", &[7; 96]);
    beside("a.vmrk", bytes);
    inspect_as("a.vhdr", HEADER.as_bytes());
});
