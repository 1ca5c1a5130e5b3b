//! Differences from the reference readers that are meant, each with its reason.

/// `(end of the file's name, start of what differs, reason)`; an empty end or start stands for any.
const KNOWN: &[(&str, &str, &str)] = &[
    ("edf/test_reduced.edf", "", RESAMPLED),
    ("edf/edfAnnonC.edf", "", RESAMPLED),
    ("edf/test_stim_channel.edf", "", "MNE gives trigger channels as stored, without the scaling of the header"),
    ("edf/duplicate_channel_labels.edf", "", "MNE numbers channels of the same name; a warning names them here"),
    ("edf/edfPlusC.edf", "annotations", AT_THE_END),
    ("bdf/bdfPlusC.bdf", "annotations", AT_THE_END),
    ("bdf/test.bdf", "annotations", TRIGGERS),
    ("bdf/test_bdf_stim_channel.bdf", "annotations", TRIGGERS),
    ("bdf/eeglab__test.bdf", "annotations", TRIGGERS),
    ("nifti/example4d.nii.gz", "tr", "2000 s from volume to volume are read as milliseconds, with a warning"),
    ("channels.tsv", "", BYTE_ORDER_MARK),
    ("events.tsv", "", BYTE_ORDER_MARK),
];

const RESAMPLED: &str = "MNE resamples all channels to the highest rate; native rates are kept here";
const AT_THE_END: &str = "MNE drops the annotation at the very end; pyEDFlib and edfio count it too";
const TRIGGERS: &str = "codes of BioSemi's status channel are annotations here, as many as mne.find_events finds in it";
const BYTE_ORDER_MARK: &str = "pandas takes the byte-order mark for a part of the first name";

/// Why `what` differs for `file`, where that is known.
pub fn reason_for(file: &str, what: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(end, start, _)| file.ends_with(end) && what.starts_with(start)).map(|&(_, _, reason)| reason)
}

/// Reasons that did not occur: a list that only grows would hide the next mistake.
pub fn never_met<'r>(met: impl Iterator<Item = &'r str>) -> Vec<&'static str> {
    let met: Vec<&str> = met.collect();
    KNOWN.iter().map(|&(_, _, reason)| reason).filter(|reason| !met.contains(reason)).collect()
}
