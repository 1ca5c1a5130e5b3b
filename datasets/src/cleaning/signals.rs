//! Cleaning of continuous signals: EEG, MEG and BOLD.

use super::bad_stretches::BadStretches;
use super::chain::Chain;
use super::channels::{marked_bad, usable};
use super::context::CleaningContext;
use super::error::CleaningError;
use super::filter::Band;
use super::plan::{CleaningPlan, EegPlan, NotchChoice};
use super::{Cleaned, bold};
use crate::bids::events::Event;
use crate::recording::{Annotation, Channel, Modality, Runs, Signals, remarks};
use crate::simple_statistics::simple_statistics;

pub(super) fn clean(raw: Signals, context: &CleaningContext, plan: &CleaningPlan) -> Result<Cleaned, CleaningError> {
    let modality = raw.modality;
    let kept = &plan.eeg.keep_channels;
    let (good, excluded_channels) = usable(modality, raw.channels, plan.max_missing, kept, context);
    let too_few = |found, excluded: &[(String, String)]| CleaningError::TooFewChannels {
        needed: plan.min_channels.max(1),
        found,
        excluded: excluded.to_vec(),
        path: context.path.clone(),
    };
    let Some(sample_rate) = good.first().map(|channel| channel.sample_rate) else {
        return Err(too_few(0, &excluded_channels));
    };
    if good.len() < plan.min_channels {
        return Err(too_few(good.len(), &excluded_channels));
    }
    let runs = Runs::of(&raw.recorded, sample_rate);
    let n_times = runs.n_times();
    if let Some(odd) = good.iter().find(|channel| channel.samples.len() != n_times) {
        return Err(CleaningError::UnequalLengths {
            first: n_times,
            other: odd.samples.len(),
            path: context.path.clone(),
        });
    }
    let found_secs = n_times as f64 / sample_rate.hz();
    if found_secs < plan.min_secs {
        return Err(CleaningError::TooShort { needed_secs: plan.min_secs, found_secs, path: context.path.clone() });
    }

    let marked = good.iter().filter(|channel| marked_bad(channel, context).is_some());
    let marked: Vec<&str> = marked.map(|channel| channel.name.as_str()).collect();
    let steps = match marked.is_empty() {
        true => Vec::new(),
        false => vec![format!("Kept although marked bad: {}", marked.join(", "))],
    };
    let (channels, data): (Vec<Channel>, Vec<Vec<f64>>) = good
        .into_iter()
        .map(|channel| {
            let samples = channel.samples.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
            (Channel { name: channel.name, unit: channel.unit }, samples)
        })
        .unzip();
    let mut chain = Chain { channels, data, runs, rate: sample_rate, context, steps, excluded: excluded_channels };
    match modality {
        Modality::Bold => bold::clean(&mut chain, &plan.bold)?,
        Modality::Eeg | Modality::Meg | Modality::Spikes => {
            let stretches = BadStretches::of(&raw.annotations, context);
            clean_sensors(&mut chain, modality, &plan.eeg, &stretches)?;
            let found_secs = chain.secs_with_values();
            if found_secs < plan.min_secs {
                let needed_secs = plan.min_secs;
                return Err(CleaningError::TooShort { needed_secs, found_secs, path: context.path.clone() });
            }
        }
    }
    if chain.data.len() < plan.min_channels {
        return Err(too_few(chain.data.len(), &chain.excluded));
    }
    if let Some(epochs) = &plan.epochs {
        chain.cut_epochs(&events_of(&raw.annotations, context), epochs)?;
    }
    let in_own_unit = chain.recording(modality);
    let simple = simple_statistics(&in_own_unit);
    let recording = if plan.standardise {
        chain.standardise()?;
        chain.recording(modality)
    } else {
        in_own_unit
    };
    Ok(Cleaned { recording, excluded_channels: chain.excluded, steps: chain.steps, warnings: raw.warnings, simple })
}

/// Those of the events table, or else what the file itself remarks.
fn events_of(annotations: &[Annotation], context: &CleaningContext) -> Vec<Event> {
    match &context.events {
        Some(events) => events.clone(),
        None => {
            let is_remark = |a: &&Annotation| remarks::is_bad(&a.text) || remarks::is_join(&a.text);
            annotations.iter().filter(|a| !is_remark(a)).map(Event::of).collect()
        }
    }
}

/// EEG, and MEG but for the reference: a field is not measured against another place.
fn clean_sensors(
    chain: &mut Chain,
    modality: Modality,
    plan: &EegPlan,
    stretches: &BadStretches,
) -> Result<(), CleaningError> {
    let is_magnetic = modality == Modality::Meg;
    if is_magnetic && !plan.reference_channels.is_empty() {
        let path = chain.context.path.clone();
        return Err(CleaningError::NoReference { setting: "eeg.reference_channels", modality, path });
    }
    stretches.mask_skipped(chain);
    if let Some(artefacts) = &plan.artefacts {
        chain.exclude_clipped_channels(artefacts, &plan.keep_channels);
    }
    if plan.detrend {
        chain.detrend("channel");
    }
    let line_hz = match plan.notch_hz {
        NotchChoice::FromSidecar => chain.context.power_line_hz,
        NotchChoice::Hz(hz) => Some(hz),
        NotchChoice::Off => None,
    };
    if let Some(hz) = line_hz {
        chain.notch(hz, plan.band_hz.map(Band::between))?;
    }
    if let Some(band_hz) = plan.band_hz {
        chain.pass_band(band_hz)?;
    }
    stretches.mask_bad(plan.keep_bad_stretches, chain);
    if let Some(artefacts) = &plan.artefacts {
        chain.exclude_bad_channels(artefacts, &plan.keep_channels);
    }
    if !plan.reference_channels.is_empty() {
        chain.reference_to(&plan.reference_channels)?;
    } else if plan.average_reference && is_magnetic {
        chain.steps.push("No average reference: MEG has no reference".to_owned());
    } else if plan.average_reference {
        chain.average_reference();
    }
    if let Some(artefacts) = &plan.artefacts {
        chain.mask_bad_segments(artefacts);
    }
    match plan.resample_hz {
        Some(hz) => chain.resample(hz),
        None => Ok(()),
    }
}
