//! What annotations say of the recording itself, in the words of MNE and of BrainVision Analyzer.
//!
//! Source: MNE-Python, "Annotating continuous data", <https://mne.tools/stable/auto_tutorials/raw/30_annotate_raw.html>:
//! descriptions that begin with "bad" mark stretches to be left out; "EDGE boundary" and "BAD boundary" stand where recordings
//! were joined, "BAD_ACQ_SKIP" where nothing was recorded.

/// That samples of two recordings meet here.
pub(crate) fn is_join(text: &str) -> bool {
    let bare = bare(text);
    bare.eq_ignore_ascii_case("EDGE boundary") || bare.eq_ignore_ascii_case("BAD boundary")
}

/// That nothing was recorded for a while, and what stands there is filling.
pub(crate) fn is_skip(text: &str) -> bool {
    bare(text).eq_ignore_ascii_case("BAD_ACQ_SKIP")
}

/// That a stretch is not to be used, whatever the reason.
pub(crate) fn is_bad(text: &str) -> bool {
    bare(text).get(..3).is_some_and(|start| start.eq_ignore_ascii_case("bad")) && !is_join(text)
}

/// As [`is_bad`], of a kind of event in a table: an experiment may have a condition called `bad`, so only capitals count, as
/// tools copy them from annotations.
pub(crate) fn is_bad_kind(kind: &str) -> bool {
    let rest = bare(kind).strip_prefix("BAD");
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric())) && !is_join(kind)
}

/// BrainVision puts remarks under a heading.
fn bare(text: &str) -> &str {
    text.strip_prefix("Comment/").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_told_from_events() {
        for text in ["BAD_muscle", "bad blink", "Bad", "Comment/BAD_x", "Bad Interval/Bad Min-Max", "BAD_ACQ_SKIP"] {
            assert!(is_bad(text) && !is_join(text), "{text}");
        }
        for text in ["EDGE boundary", "BAD boundary", "Comment/EDGE boundary"] {
            assert!(is_join(text) && !is_bad(text) && !is_bad_kind(text), "{text}");
        }
        assert!(!is_bad("boundary") && !is_bad("ba") && !is_bad("é") && is_skip("BAD_ACQ_SKIP"));
        assert!(is_bad_kind("BAD_blink") && is_bad_kind("BAD") && !is_bad_kind("bad") && !is_bad_kind("BADGE"));
    }
}
