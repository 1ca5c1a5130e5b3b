//! Markers of BrainVision: events with a position in samples, and where the recording was interrupted.

use std::path::Path;

use super::error::ReadError;
use super::segments::{Break, Segments};
use super::table::text_in;
use crate::recording::{Annotation, Support};

pub(super) struct Markers {
    /// Text is `type/description`; onsets count from the first sample, gaps included.
    pub annotations: Vec<Annotation>,
    pub recorded: Support,
}

impl Markers {
    /// Nothing but what the header says of `time`.
    pub fn none(time: &Time, warnings: &mut Vec<String>) -> Self {
        let segments = Segments::new(time.n_times, time.step_secs, time.cuts().collect());
        warnings.extend(segments.warning());
        Self { annotations: Vec::new(), recorded: segments.support() }
    }
}

/// What the header says of the samples.
pub(super) struct Time {
    pub n_times: usize,
    pub step_secs: f64,
    /// Samples of each segment, where segments were cut out of the recording and put end to end.
    pub per_segment: Option<usize>,
}

impl Time {
    /// Where segments meet.
    fn cuts(&self) -> impl Iterator<Item = Break> {
        let starts = self.per_segment.map(|n| (n..self.n_times).step_by(n.max(1)));
        starts.into_iter().flatten().map(|first| Break { first, gap_secs: None })
    }
}

/// `Mk<i>=<type>,<description>,<position>,<size>,<channel>[,<date>]`, positions from 1.
struct Marker<'t> {
    kind: &'t str,
    description: &'t str,
    /// From 0.
    position: i64,
    n_points: u64,
    /// Microseconds on the recorder's clock.
    date_micros: Option<i64>,
}

const NEW_SEGMENT: &str = "New Segment";

/// Reads the markers of a recording.
pub(super) fn read_markers(path: &Path, time: &Time, warnings: &mut Vec<String>) -> Result<Markers, ReadError> {
    let Time { n_times, step_secs, .. } = *time;
    let text = text_in(path)?;
    let mut markers = Vec::new();
    let mut n_malformed = 0;
    for line in lines_of_section(&text, "[Marker Infos]") {
        match marker(line) {
            Some(marker) => markers.push(marker),
            None => n_malformed += 1,
        }
    }
    if n_malformed > 0 {
        warnings.push(format!("{n_malformed} markers could not be read."));
    }
    let n_before = markers.len();
    markers.retain(|marker| (0..n_times as i64).contains(&marker.position));
    if markers.len() < n_before {
        warnings.push(format!("{} markers lie outside the recording and were left out.", n_before - markers.len()));
    }
    // Of breaks at one place the first counts, which is the marker's: it may have a date.
    let breaks = breaks(&markers, step_secs).into_iter().chain(time.cuts()).collect();
    let segments = Segments::new(n_times, step_secs, breaks);
    warnings.extend(segments.warning());
    // The first says when the recording began; later ones are events of their own.
    let is_start = markers.first().is_some_and(|marker| marker.kind == NEW_SEGMENT);
    let annotations = markers.iter().skip(usize::from(is_start)).map(|marker| Annotation {
        onset_secs: segments.secs(marker.position as f64),
        duration_secs: marker.n_points as f64 * step_secs,
        text: format!("{}/{}", marker.kind, marker.description).replace("\\1", ","),
    });
    Ok(Markers { annotations: annotations.collect(), recorded: segments.support() })
}

/// A new segment was recorded as long after the one before as their dates say.
fn breaks(markers: &[Marker], step_secs: f64) -> Vec<Break> {
    let starts = || markers.iter().filter(|marker| marker.kind == NEW_SEGMENT);
    let first = starts().next().map(|marker| Break { first: marker.position as usize, gap_secs: None });
    let pairs = starts().zip(starts().skip(1));
    let later = pairs.map(|(before, now)| {
        let dates = before.date_micros.zip(now.date_micros);
        let between_secs = dates.and_then(|(before, now)| now.checked_sub(before)).map(|micros| micros as f64 * 1e-6);
        let recorded_secs = (now.position - before.position) as f64 * step_secs;
        Break { first: now.position as usize, gap_secs: between_secs.map(|secs| secs - recorded_secs) }
    });
    first.into_iter().chain(later).collect()
}

fn lines_of_section<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let mut inside = false;
    text.split(['\n', '\r']).map(str::trim).filter(move |line| {
        // A description may contain brackets, so a section is a line that starts with one.
        if line.starts_with('[') {
            inside = line.eq_ignore_ascii_case(name);
            return false;
        }
        inside && line.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("Mk"))
    })
}

fn marker(line: &str) -> Option<Marker<'_>> {
    let mut fields = line.split_once('=')?.1.split(',').map(str::trim);
    let (kind, description) = (fields.next()?, fields.next()?);
    let position = fields.next()?.parse::<i64>().ok()?.checked_sub(1)?;
    let n_points = fields.next()?.parse().unwrap_or(0);
    let date_micros = fields.nth(1).and_then(micros);
    Some(Marker { kind, description, position, n_points, date_micros })
}

/// `YYYYMMDDhhmmssuuuuuu` to microseconds from a fixed day.
fn micros(date: &str) -> Option<i64> {
    if date.len() != 20 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| date[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // Days since 1 March of year 0 in the Gregorian calendar, with months counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + number(14, 20)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_differ_by_what_the_calendar_says() {
        let between = |a: &str, b: &str| micros(b).unwrap() - micros(a).unwrap();
        assert_eq!(between("20131113161403794232", "20131113161404794233"), 1_000_001);
        assert_eq!(between("20240228235959000000", "20240301000000000000"), (86_400 + 1) * 1_000_000);
        assert_eq!(between("20231231235959000000", "20240101000000000000"), 1_000_000);
        assert_eq!(micros("00000000000000000000"), None);
        assert_eq!(micros("2024"), None);
    }
}
