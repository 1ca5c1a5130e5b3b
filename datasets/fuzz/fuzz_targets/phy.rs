#![no_main]

use libfuzzer_sys::fuzz_target;
use nullcline_datasets::readers::phy;
use nullcline_datasets_fuzz::{beside, read_as};

const SOUND: [(&str, &[u8]); 4] = [
    ("spike_times.npy", include_bytes!("../seeds/phy/times.npy")),
    ("spike_clusters.npy", include_bytes!("../seeds/phy/clusters.npy")),
    ("params.py", b"sample_rate = 30000.\ndat_path = r'raw.bin'\nn_channels_dat = 4\n"),
    ("cluster_info.tsv", b"cluster_id\tgroup\tamp\n0\tgood\t12.5\n3\tmua\t7\n"),
];

// The first byte says which of the files the others are.
fuzz_target!(|bytes: &[u8]| {
    let (chosen, bytes) =
        bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first) % SOUND.len(), rest));
    for (i, (name, sound)) in SOUND.iter().enumerate() {
        beside(&format!("sorted/{name}"), if i == chosen { bytes } else { sound });
    }
    read_as("README", b"", |readme| phy::read(&readme.with_file_name("sorted")));
});
