//! Time-stamped annotation lists (TALs) in the annotation signals of EDF+.
//!
//! A TAL is `+onset[0x15 duration]0x14 text 0x14 [text 0x14 …]0x00`, text in UTF-8. The first of each data record
//! has an empty text and says when the record starts.

use super::table::latin1;
use crate::recording::Annotation;

/// What the annotation signal of one data record says, onsets as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordAnnotations {
    /// When the record starts, where it says so.
    pub start_secs: Option<f64>,
    pub annotations: Vec<Annotation>,
    /// Lists that could not be understood.
    pub n_malformed: usize,
}

/// Reads the TALs in `bytes`; a malformed one is counted and skipped.
pub fn parse(bytes: &[u8]) -> RecordAnnotations {
    let mut found = RecordAnnotations::default();
    for list in bytes.split(|&byte| byte == 0).filter(|list| !list.is_empty()) {
        let mut parts = list.split(|&byte| byte == 0x14);
        let Some((onset_secs, duration_secs)) = parts.next().and_then(stamp) else {
            found.n_malformed += 1;
            continue;
        };
        for text in parts.clone().filter(|text| !text.is_empty()) {
            let text = std::str::from_utf8(text).map_or_else(|_| latin1(text), str::to_owned);
            found.annotations.push(Annotation { onset_secs, duration_secs, text });
        }
        if found.start_secs.is_none() && parts.next().is_some_and(<[u8]>::is_empty) {
            found.start_secs = Some(onset_secs);
        }
    }
    found
}

fn stamp(bytes: &[u8]) -> Option<(f64, f64)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (onset, duration) = text.split_once('\u{15}').unwrap_or((text, "0"));
    if !onset.starts_with(['+', '-']) {
        return None;
    }
    let finite = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    Some((finite(onset)?, finite(if duration.is_empty() { "0" } else { duration })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_an_onset_a_duration_and_texts() {
        let found = parse(b"+0.5\x14\x14\0+1.25\x152\x14eyes closed\x14\xe4\xbb\xb0\x14\0\0\0junk\0");
        let annotation = |text: &str| Annotation { onset_secs: 1.25, duration_secs: 2.0, text: text.into() };
        assert_eq!(found.start_secs, Some(0.5));
        assert_eq!(found.annotations, [annotation("eyes closed"), annotation("仰")]);
        assert_eq!(found.n_malformed, 1);
    }
}
