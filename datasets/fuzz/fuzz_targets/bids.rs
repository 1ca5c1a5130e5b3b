#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets::{CleaningPlan, Dataset, RecordingFilter, prepare};
use nullcline_datasets_fuzz::{beside, read_as};

/// What stands around a recording; the bytes are cut at each 0 and shared out.
const FILES: [&str; 6] = [
    "participants.tsv",
    "dataset_description.json",
    ".bidsignore",
    "sub-01/func/sub-01_task-go_atlas-A_timeseries.json",
    "sub-01/func/sub-01_task-go_events.tsv",
    "sub-01/func/sub-01_task-go_channels.tsv",
];

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|&byte| byte == 0);
    for name in FILES {
        beside(name, parts.next().unwrap_or_default());
    }
    let series = (0..40).map(|t| format!("{}\t{}\n", t * t % 7, t * 3 % 11)).collect::<String>();
    beside("sub-01/func/sub-01_task-go_atlas-A_timeseries.tsv", format!("a\tb\n{series}").as_bytes());
    read_as("README", b"", |readme| {
        let dataset = Dataset::open(readme.with_file_name("")).map_err(|error| error.to_string())?;
        for subject in dataset.subjects.iter().take(3) {
            let found = dataset.recordings_of(subject, &RecordingFilter::default());
            for file in found.map_err(|error| error.to_string())? {
                let plan = CleaningPlan { min_secs: 0.0, ..CleaningPlan::default() };
                prepare(&file, 0.8, &plan).map_err(|error| error.to_string())?;
            }
        }
        Ok::<(), String>(())
    });
});
