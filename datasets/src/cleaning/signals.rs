//! Cleaning of continuous signals: EEG and BOLD.

use super::Cleaned;
use super::channels::usable;
use super::context::CleaningContext;
use super::detrend::subtract_line;
use super::error::CleaningError;
use super::filter::{Band, Section, butterworth, filter_zero_phase, notch};
use super::plan::{BoldPlan, CleaningPlan, EegPlan, NotchChoice};
use super::reference::subtract_average;
use super::standardise::{n_training, standardise};
use crate::recording::{Channel, Inputs, Modality, Recording, SampleRate, Signals};
use crate::simple_statistics::simple_statistics;

/// Poles of the low-pass prototype; the band-pass has twice as many.
const BUTTERWORTH_ORDER: usize = 4;
/// A notch at 50 Hz is 50 / 30 Hz wide.
const NOTCH_QUALITY: f64 = 30.0;

pub(super) fn clean(raw: Signals, context: &CleaningContext, plan: &CleaningPlan) -> Result<Cleaned, CleaningError> {
    let modality = raw.modality;
    let (good, excluded_channels) = usable(modality, raw.channels, context);
    let too_few =
        |found| CleaningError::TooFewChannels { needed: plan.min_channels.max(1), found, path: context.path.clone() };
    let Some(sample_rate) = good.first().map(|channel| channel.sample_rate) else {
        return Err(too_few(0));
    };
    if good.len() < plan.min_channels {
        return Err(too_few(good.len()));
    }
    let n_times = good[0].samples.len();
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

    let (channels, mut data): (Vec<Channel>, Vec<Vec<f64>>) = good
        .into_iter()
        .map(|channel| {
            let samples = channel.samples.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
            (Channel { name: channel.name, unit: channel.unit }, samples)
        })
        .unzip();
    let mut steps = match modality {
        Modality::Bold => clean_bold(&mut data, sample_rate, context, &plan.bold)?,
        Modality::Eeg | Modality::Spikes => clean_eeg(&mut data, sample_rate, context, &plan.eeg)?,
    };
    let in_own_unit = recording(modality, sample_rate, channels, &data);
    let simple = simple_statistics(&in_own_unit);
    let recording = if plan.standardise {
        let n_training = n_training(n_times, context.train_fraction);
        for (x, channel) in data.iter_mut().zip(&in_own_unit.channels) {
            standardise(x, n_training).ok_or_else(|| CleaningError::NoVariance {
                channel: channel.name.clone(),
                path: context.path.clone(),
            })?;
        }
        steps.push(format!("Each channel standardised by the mean and sd of its first {n_training} samples"));
        recording(modality, sample_rate, in_own_unit.channels, &data)
    } else {
        in_own_unit
    };
    Ok(Cleaned { recording, excluded_channels, steps, warnings: raw.warnings, simple })
}

fn clean_eeg(
    data: &mut [Vec<f64>],
    rate: SampleRate,
    context: &CleaningContext,
    plan: &EegPlan,
) -> Result<Vec<String>, CleaningError> {
    let band = plan.band_hz.map(Band::between);
    let mut steps = Vec::new();
    let line_hz = match plan.notch_hz {
        NotchChoice::FromSidecar => context.power_line_hz,
        NotchChoice::Hz(hz) => Some(hz),
        NotchChoice::Off => None,
    };
    if let Some(hz) = line_hz {
        // What the band-pass removes needs no notch, and what the rate cannot hold is not there.
        if band.is_none_or(|band| band.contains(hz)) && hz < rate.hz() / 2.0 {
            let sections = notch(hz, NOTCH_QUALITY, rate).map_err(|source| filter_error(source, context))?;
            filter_all(data, &sections, context)?;
            steps.push(format!("Notch at {hz} Hz, quality {NOTCH_QUALITY}, zero phase"));
        } else {
            steps.push(format!("No notch: {hz} Hz lies outside the pass band"));
        }
    }
    steps.extend(pass_band(data, plan.band_hz, rate, context)?);
    if plan.average_reference {
        subtract_average(data);
        steps.push(format!("Average reference over {} channels", data.len()));
    }
    Ok(steps)
}

fn clean_bold(
    data: &mut [Vec<f64>],
    rate: SampleRate,
    context: &CleaningContext,
    plan: &BoldPlan,
) -> Result<Vec<String>, CleaningError> {
    let mut steps = Vec::new();
    if plan.detrend {
        data.iter_mut().for_each(|x| subtract_line(x));
        steps.push("Straight line subtracted from each region".to_owned());
    }
    steps.extend(pass_band(data, plan.band_hz, rate, context)?);
    Ok(steps)
}

fn pass_band(
    data: &mut [Vec<f64>],
    band_hz: Option<[f64; 2]>,
    rate: SampleRate,
    context: &CleaningContext,
) -> Result<Option<String>, CleaningError> {
    let Some(band_hz) = band_hz else {
        return Ok(None);
    };
    let band = Band::between(band_hz);
    let sections = butterworth(BUTTERWORTH_ORDER, band, rate).map_err(|source| filter_error(source, context))?;
    filter_all(data, &sections, context)?;
    let name = match band {
        Band::LowPass { hz } => format!("Low-pass {hz} Hz"),
        Band::HighPass { hz } => format!("High-pass {hz} Hz"),
        Band::BandPass { low_hz, high_hz } => format!("Band-pass {low_hz}–{high_hz} Hz"),
    };
    Ok(Some(format!("{name}, Butterworth order {BUTTERWORTH_ORDER}, zero phase")))
}

fn filter_all(data: &mut [Vec<f64>], sections: &[Section], context: &CleaningContext) -> Result<(), CleaningError> {
    for x in data {
        *x = filter_zero_phase(sections, x).map_err(|source| filter_error(source, context))?;
    }
    Ok(())
}

fn filter_error(source: super::filter::FilterError, context: &CleaningContext) -> CleaningError {
    CleaningError::Filter { source, path: context.path.clone() }
}

/// `data: [channel][time]` to `[time, channel]` in single precision.
fn recording(modality: Modality, sample_rate: SampleRate, channels: Vec<Channel>, data: &[Vec<f64>]) -> Recording {
    let n_times = data.first().map_or(0, Vec::len);
    let samples = (0..n_times).flat_map(|t| data.iter().map(move |x| x[t] as f32)).collect();
    Recording { modality, sample_rate, channels, samples, inputs: Inputs::none() }
}
