//! Which channels can be used, and why the others cannot.

use super::context::CleaningContext;
use super::standardise::n_training;
use crate::recording::majority::most_common;
use crate::recording::{ChannelKind, Modality, SignalChannel};

/// Why a channel is left out; `Display` is the reason shown in the report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("marked bad by the lab")]
    MarkedBad,
    #[error("marked bad in the file")]
    MarkedBadInFile,
    #[error("measures {0}, not the brain")]
    NotBrain(String),
    #[error("measures {kind}, in a recording of {modality}")]
    OtherInstrument { kind: ChannelKind, modality: Modality },
    #[error("recorded at {found_hz} Hz, most channels at {needed_hz} Hz")]
    OtherRate { found_hz: f64, needed_hz: f64 },
    #[error("in {found}, most channels in {needed}")]
    OtherUnit { found: String, needed: String },
    #[error("{n} of {of} samples missing or infinite")]
    NotFinite { n: usize, of: usize },
    #[error("flat: one value throughout the training part")]
    Flat,
    #[error("no samples")]
    Empty,
}

/// Sorts channels into usable ones and `(name, reason)`, both in the order of the file.
///
/// A channel in `kept` is not left out for being marked bad. A channel may lack up to the share `max_missing` of its samples; what it lacks becomes NaN. The rate and unit kept are
/// those that most channels of the brain share; on a tie, the higher rate. Of MEG this leaves the gradiometers of MEGIN (T/m)
/// without its magnetometers (T), and no electrodes: one recording is of one kind of sensor.
pub fn usable(
    modality: Modality,
    channels: Vec<SignalChannel>,
    max_missing: f64,
    kept: &[String],
    context: &CleaningContext,
) -> (Vec<SignalChannel>, Vec<(String, String)>) {
    let not_wanted = |channel: &SignalChannel| {
        let mark = marked_bad(channel, context).filter(|_| !kept.iter().any(|kept| same_channel(kept, &channel.name)));
        mark.or_else(|| not_brain(modality, channel, context))
    };
    let candidates = || channels.iter().filter(|channel| not_wanted(channel).is_none());
    let rates = candidates().map(|channel| channel.sample_rate.hz().to_bits());
    let needed_hz = most_common(rates).map(f64::from_bits).unwrap_or_default();
    let at_rate = || candidates().filter(|channel| channel.sample_rate.hz() == needed_hz);
    let needed_unit = most_common(at_rate().map(|channel| channel.unit.clone())).unwrap_or_default();

    let (mut good, mut excluded) = (Vec::new(), Vec::new());
    for channel in channels {
        let reason = not_wanted(&channel)
            .or_else(|| unlike_most(&channel, needed_hz, &needed_unit))
            .or_else(|| unusable_samples(&channel.samples, max_missing, context.train_fraction));
        match reason {
            None => good.push(missing_as_nan(channel)),
            Some(reason) => excluded.push((channel.name, reason.to_string())),
        }
    }
    (good, excluded)
}

/// By the channels table, or else by the file.
pub fn marked_bad(channel: &SignalChannel, context: &CleaningContext) -> Option<Unusable> {
    let is_in = |list: &[String]| list.iter().any(|listed| same_channel(listed, &channel.name));
    match channel.marked_bad {
        _ if is_in(&context.bad_channels) => Some(Unusable::MarkedBad),
        true if !is_in(&context.good_channels) => Some(Unusable::MarkedBadInFile),
        _ => None,
    }
}

fn not_brain(modality: Modality, channel: &SignalChannel, context: &CleaningContext) -> Option<Unusable> {
    let name = &channel.name;
    if let Some((_, kind)) = context.other_channels.iter().find(|(other, _)| same_channel(other, name)) {
        return Some(Unusable::NotBrain(kind.clone()));
    }
    match channel.kind.map(|kind| (kind, kind.modality())) {
        Some((kind, None)) => Some(Unusable::NotBrain(kind.to_string())),
        Some((kind, Some(measured))) if measured != modality => Some(Unusable::OtherInstrument { kind, modality }),
        // Converters call every channel EEG, so its name has a say as well, but for what somebody knew to lie inside the head.
        Some((kind, _)) if kind != ChannelKind::Eeg => None,
        _ if context.intracranial_channels.iter().any(|inside| same_channel(inside, name)) => None,
        _ if modality == Modality::Eeg => ChannelKind::of_name(name)
            .filter(|kind| kind.modality().is_none())
            .map(|kind| Unusable::NotBrain(kind.to_string())),
        _ => None,
    }
}

fn unlike_most(channel: &SignalChannel, needed_hz: f64, needed_unit: &str) -> Option<Unusable> {
    let found_hz = channel.sample_rate.hz();
    if found_hz != needed_hz {
        return Some(Unusable::OtherRate { found_hz, needed_hz });
    }
    (channel.unit != needed_unit)
        .then(|| Unusable::OtherUnit { found: channel.unit.clone(), needed: needed_unit.to_owned() })
}

fn unusable_samples(samples: &[f32], max_missing: f64, train_fraction: f64) -> Option<Unusable> {
    if samples.is_empty() {
        return Some(Unusable::Empty);
    }
    let n = samples.iter().filter(|value| !value.is_finite()).count();
    if n as f64 > max_missing * samples.len() as f64 {
        return Some(Unusable::NotFinite { n, of: samples.len() });
    }
    let mut training = samples[..n_training(samples.len(), train_fraction)].iter().filter(|value| value.is_finite());
    let first = training.next();
    training.all(|value| Some(value) == first).then_some(Unusable::Flat)
}

fn missing_as_nan(mut channel: SignalChannel) -> SignalChannel {
    channel.samples.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = f32::NAN);
    channel
}

/// EDF+ writes labels as "EEG Fz", tables as "Fz".
pub(crate) fn same_channel(listed: &str, name: &str) -> bool {
    listed == name || name.strip_prefix("EEG ").is_some_and(|bare| bare.trim() == listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::SampleRate;

    fn channel(name: &str, hz: f64, samples: &[f32]) -> SignalChannel {
        let sample_rate = SampleRate::from_hz(hz).unwrap();
        let samples = samples.to_vec();
        SignalChannel { name: name.into(), kind: None, marked_bad: false, unit: "V".into(), sample_rate, samples }
    }

    #[test]
    fn every_exclusion_has_its_reason() {
        let fine = [0.0, 1.0, 2.0, 3.0];
        let mut temperature = channel("Body", 100.0, &fine);
        temperature.unit = "degC".into();
        let channels = vec![
            channel("Fz", 100.0, &fine),
            channel("EEG Cz", 100.0, &fine),
            channel("Pz", 100.0, &fine),
            channel("C3", 100.0, &fine),
            channel("C4", 100.0, &[0.0, f32::NAN, 1.0, f32::INFINITY]),
            channel("O1", 100.0, &[5.0, 5.0, 5.0, 6.0]),
            channel("O2", 50.0, &fine[..2]),
            channel("EOG left", 100.0, &fine),
            channel("ECG1", 100.0, &fine),
            channel("Resp", 100.0, &fine),
            channel("E1", 100.0, &fine),
            channel("HEOGL", 100.0, &fine),
            channel("ACC1", 100.0, &fine),
            temperature,
        ];
        let context = CleaningContext {
            bad_channels: vec!["Cz".into()],
            other_channels: vec![("E1".into(), "HEOG".into())],
            train_fraction: 0.75,
            ..Default::default()
        };
        let (good, excluded) = usable(Modality::Eeg, channels, 0.1, &[], &context);
        assert_eq!(good.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Fz", "Pz", "C3", "ACC1"]);
        let excluded: Vec<(&str, &str)> = excluded.iter().map(|(n, r)| (n.as_str(), r.as_str())).collect();
        assert_eq!(
            excluded,
            [
                ("EEG Cz", "marked bad by the lab"),
                ("C4", "2 of 4 samples missing or infinite"),
                ("O1", "flat: one value throughout the training part"),
                ("O2", "recorded at 50 Hz, most channels at 100 Hz"),
                ("EOG left", "measures EOG, not the brain"),
                ("ECG1", "measures ECG, not the brain"),
                ("Resp", "measures RESP, not the brain"),
                ("E1", "measures HEOG, not the brain"),
                ("HEOGL", "measures EOG, not the brain"),
                ("Body", "in degC, most channels in V"),
            ]
        );
    }

    /// The table decides over the file, and the plan over both.
    #[test]
    fn marks_give_way_to_whoever_decides_later() {
        let check = |is_marked: bool, bad: &str, good: &str, kept: &str, expected: &str| {
            let marked = SignalChannel { marked_bad: is_marked, ..channel("Cz", 100.0, &[0.0, 1.0]) };
            let list = |name: &str| vec![name.to_owned()];
            let context = CleaningContext { bad_channels: list(bad), good_channels: list(good), ..Default::default() };
            let (_, excluded) = usable(Modality::Eeg, vec![marked], 0.1, &list(kept), &context);
            let reasons: Vec<&str> = excluded.iter().map(|(_, reason)| reason.as_str()).collect();
            assert_eq!(reasons.concat(), expected, "{is_marked} {bad} {good} {kept}");
        };
        check(false, "Fz", "Fz", "Fz", "");
        check(true, "Fz", "Fz", "Fz", "marked bad in the file");
        check(false, "Cz", "Fz", "Fz", "marked bad by the lab");
        check(true, "Fz", "Cz", "Fz", "");
        check(true, "Fz", "Fz", "Cz", "");
        check(false, "Cz", "Fz", "Cz", "");
    }
}
