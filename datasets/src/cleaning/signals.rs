//! Cleaning of continuous signals: EEG and BOLD.

use super::Cleaned;
use super::channels::usable;
use super::context::CleaningContext;
use super::detrend::subtract_line;
use super::error::CleaningError;
use super::filter::{Band, FilterError, Section, butterworth, filter_stretches, notch};
use super::plan::{BoldPlan, CleaningPlan, EegPlan, NotchChoice};
use super::reference::subtract_average;
use super::standardise::{n_training, standardise};
use crate::recording::{Channel, Inputs, Modality, Recording, Runs, SampleRate, Signals};
use crate::simple_statistics::simple_statistics;

/// Poles of the low-pass prototype; the band-pass has twice as many.
const BUTTERWORTH_ORDER: usize = 4;
/// A notch at 50 Hz is 50 / 30 Hz wide.
const NOTCH_QUALITY: f64 = 30.0;

pub(super) fn clean(raw: Signals, context: &CleaningContext, plan: &CleaningPlan) -> Result<Cleaned, CleaningError> {
    let modality = raw.modality;
    let (good, excluded_channels) = usable(modality, raw.channels, plan.max_missing, context);
    let too_few =
        |found| CleaningError::TooFewChannels { needed: plan.min_channels.max(1), found, path: context.path.clone() };
    let Some(sample_rate) = good.first().map(|channel| channel.sample_rate) else {
        return Err(too_few(0));
    };
    if good.len() < plan.min_channels {
        return Err(too_few(good.len()));
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

    let (channels, data): (Vec<Channel>, Vec<Vec<f64>>) = good
        .into_iter()
        .map(|channel| {
            let samples = channel.samples.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
            (Channel { name: channel.name, unit: channel.unit }, samples)
        })
        .unzip();
    let mut chain = Chain { data, runs, rate: sample_rate, context, steps: Vec::new() };
    match modality {
        Modality::Bold => clean_bold(&mut chain, &plan.bold)?,
        Modality::Eeg | Modality::Spikes => clean_eeg(&mut chain, &plan.eeg)?,
    }
    let in_own_unit = chain.recording(modality, channels);
    let simple = simple_statistics(&in_own_unit);
    let recording = if plan.standardise {
        let n_training = n_training(n_times, context.train_fraction);
        for (x, channel) in chain.data.iter_mut().zip(&in_own_unit.channels) {
            standardise(x, n_training).ok_or_else(|| CleaningError::NoVariance {
                channel: channel.name.clone(),
                path: context.path.clone(),
            })?;
        }
        chain.steps.push(format!("Each channel standardised by the mean and sd of its first {n_training} samples"));
        chain.recording(modality, in_own_unit.channels)
    } else {
        in_own_unit
    };
    Ok(Cleaned { recording, excluded_channels, steps: chain.steps, warnings: raw.warnings, simple })
}

/// The signals on their way through the steps, and what was done so far.
struct Chain<'a> {
    /// `[channel][time]`; NaN is missing.
    data: Vec<Vec<f64>>,
    runs: Runs,
    rate: SampleRate,
    context: &'a CleaningContext,
    steps: Vec<String>,
}

fn clean_eeg(chain: &mut Chain, plan: &EegPlan) -> Result<(), CleaningError> {
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
    if plan.average_reference {
        subtract_average(&mut chain.data);
        chain.steps.push(format!("Average reference over {} channels", chain.data.len()));
    }
    Ok(())
}

fn clean_bold(chain: &mut Chain, plan: &BoldPlan) -> Result<(), CleaningError> {
    if plan.detrend {
        for x in &mut chain.data {
            chain.runs.iter().for_each(|run| subtract_line(&mut x[run.samples.clone()]));
        }
        chain.steps.push("Straight line subtracted from each region".to_owned());
    }
    if let Some(band_hz) = plan.band_hz {
        chain.pass_band(band_hz)?;
    }
    Ok(())
}

impl Chain<'_> {
    fn notch(&mut self, hz: f64, band: Option<Band>) -> Result<(), CleaningError> {
        // What the band-pass removes needs no notch, and what the rate cannot hold is not there.
        if band.is_some_and(|band| !band.contains(hz)) || hz >= self.rate.hz() / 2.0 {
            self.steps.push(format!("No notch: {hz} Hz lies outside the pass band"));
            return Ok(());
        }
        let sections = notch(hz, NOTCH_QUALITY, self.rate).map_err(|source| self.filter_error(source))?;
        self.filter(&sections, format!("Notch at {hz} Hz, quality {NOTCH_QUALITY}, zero phase"))
    }

    fn pass_band(&mut self, band_hz: [f64; 2]) -> Result<(), CleaningError> {
        let band = Band::between(band_hz);
        let sections = butterworth(BUTTERWORTH_ORDER, band, self.rate).map_err(|source| self.filter_error(source))?;
        let name = match band {
            Band::LowPass { hz } => format!("Low-pass {hz} Hz"),
            Band::HighPass { hz } => format!("High-pass {hz} Hz"),
            Band::BandPass { low_hz, high_hz } => format!("Band-pass {low_hz}–{high_hz} Hz"),
        };
        self.filter(&sections, format!("{name}, Butterworth order {BUTTERWORTH_ORDER}, zero phase"))
    }

    /// Each unbroken stretch by itself.
    fn filter(&mut self, sections: &[Section], mut step: String) -> Result<(), CleaningError> {
        let mut n_lost = 0;
        for i in 0..self.data.len() {
            n_lost += filter_stretches(sections, &mut self.data[i], &self.runs)
                .map_err(|source| self.filter_error(source))?;
        }
        if n_lost > 0 {
            step += &format!("; {n_lost} samples in stretches too short to filter are missing");
        }
        self.steps.push(step);
        Ok(())
    }

    fn filter_error(&self, source: FilterError) -> CleaningError {
        CleaningError::Filter { source, path: self.context.path.clone() }
    }

    /// In single precision, time first.
    fn recording(&self, modality: Modality, channels: Vec<Channel>) -> Recording {
        let samples = (0..self.runs.n_times()).flat_map(|t| self.data.iter().map(move |x| x[t] as f32)).collect();
        let runs = self.runs.clone();
        Recording { modality, sample_rate: self.rate, channels, samples, runs, inputs: Inputs::none() }
    }
}
