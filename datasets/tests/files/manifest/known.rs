//! Differences from the reference readers that are meant, each with its reason.

/// `(end of the file's name, start of what differs, reason)`; an empty end or start stands for any.
const KNOWN: &[(&str, &str, &str)] = &[];

/// Why `what` differs for `file`, where that is known.
pub fn reason_for(file: &str, what: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(end, start, _)| file.ends_with(end) && what.starts_with(start)).map(|&(_, _, reason)| reason)
}

/// Reasons that did not occur: a list that only grows would hide the next mistake.
pub fn never_met<'r>(met: impl Iterator<Item = &'r str>) -> Vec<&'static str> {
    let met: Vec<&str> = met.collect();
    KNOWN.iter().map(|&(_, _, reason)| reason).filter(|reason| !met.contains(reason)).collect()
}
