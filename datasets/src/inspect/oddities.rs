//! What is odd about a recording, in sentences.

use super::ChannelInspection;
use crate::readers::error::one_line;
use crate::recording::{Annotation, ChannelKind, Support, remarks};

/// What is odd about the values and names of channels, one sentence each.
pub(super) fn remarks_on(channels: &[ChannelInspection]) -> Vec<String> {
    const SHOWN: usize = 10;
    let named = |odd: &[&ChannelInspection]| {
        let more = if odd.len() > SHOWN { format!(" and {} more", odd.len() - SHOWN) } else { String::new() };
        let names: Vec<String> = odd.iter().take(SHOWN).map(|channel| one_line(&channel.name)).collect();
        format!("{}{more}", names.join(", "))
    };
    let of = |is_odd: fn(&ChannelInspection) -> bool| channels.iter().filter(|c| is_odd(c)).collect::<Vec<_>>();
    let mut remarks = Vec::new();
    let missing = of(|channel| channel.n_missing > 0);
    if !missing.is_empty() {
        let n: usize = missing.iter().map(|channel| channel.n_missing).sum();
        let values = if n == 1 { "1 value is".to_owned() } else { format!("{n} values are") };
        remarks.push(format!("{values} missing or not finite, in {}.", named(&missing)));
    }
    let constant = of(|channel| channel.n_samples > 1 && channel.min.is_some() && channel.min == channel.max);
    if !constant.is_empty() {
        remarks.push(format!("One value throughout: {}.", named(&constant)));
    }
    match of(|channel| channel.name.trim().is_empty()).len() {
        0 => {}
        1 => remarks.push("1 channel has no name.".to_owned()),
        n => remarks.push(format!("{n} channels have no name.")),
    }
    remarks
}

/// Channels that the file calls EEG, or nothing, and whose names say otherwise.
pub(super) fn named_otherwise(channels: &[ChannelInspection]) -> Option<String> {
    let told = |channel: &ChannelInspection| {
        let is_unsure = channel.kind.is_none_or(|kind| kind == ChannelKind::Eeg);
        let kind = ChannelKind::of_name(&channel.name).filter(|kind| is_unsure && kind.modality().is_none())?;
        Some(format!("{} ({kind})", one_line(&channel.name)))
    };
    let told: Vec<String> = channels.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| format!("No EEG by their names, and left out of a run: {}.", told.join(", ")))
}

/// What a run leaves out because annotations say so.
pub(super) fn bad_stretches(annotations: &[Annotation]) -> Option<String> {
    let bad = annotations.iter().filter(|a| remarks::is_bad(&a.text) && a.duration_secs > 0.0);
    let stretches = Support::new(bad.clone().map(|a| [a.onset_secs, a.onset_secs + a.duration_secs]));
    let (n, secs) = (bad.count(), stretches.total_secs());
    (n > 0).then(|| format!("{n} of the annotations mark {secs:.3} s as bad, which a run leaves out."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_channels_are_named() {
        let channel = |name: &str, samples: &[f64]| ChannelInspection::of_samples(name, "V", samples);
        let channels = [
            channel("Fz", &[1.0, 3.0, f64::NAN, f64::INFINITY]),
            channel("Cz", &[2.0, 2.0]),
            channel("", &[1.0, 2.0]),
            channel("Pz", &[3.0, 1.0]),
        ];
        assert_eq!(
            remarks_on(&channels),
            ["2 values are missing or not finite, in Fz.", "One value throughout: Cz.", "1 channel has no name."]
        );
        assert!(remarks_on(&channels[3..]).is_empty());
        assert_eq!(named_otherwise(&channels), None);
        let others = [channel("HEOGL", &[]), channel("Fz", &[]), channel("STI", &[])];
        let found = named_otherwise(&others).unwrap();
        assert_eq!(found, "No EEG by their names, and left out of a run: HEOGL (EOG), STI (TRIG).");
    }

    #[test]
    fn bad_seconds_are_counted_once() {
        let annotation = |onset_secs: f64, duration_secs: f64, text: &str| Annotation {
            onset_secs,
            duration_secs,
            text: text.into(),
        };
        let annotations = [
            annotation(0.0, 2.0, "BAD_a"),
            annotation(1.0, 2.0, "bad b"),
            annotation(5.0, 0.0, "BAD"),
            annotation(6.0, 1.0, "go"),
        ];
        let found = bad_stretches(&annotations).unwrap();
        assert_eq!(found, "2 of the annotations mark 3.000 s as bad, which a run leaves out.");
        assert_eq!(bad_stretches(&annotations[2..]), None);
    }
}
