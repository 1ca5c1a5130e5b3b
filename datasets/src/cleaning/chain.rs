//! The signals on their way through the steps of cleaning, each of which writes down what it did.

use super::artefacts::{ArtefactPlan, bad_channels, bad_segments, clipped_channels};
use super::context::CleaningContext;
use super::detrend::subtract_line;
use super::epochs::{self, EpochPlan};
use super::error::CleaningError;
use super::filter::{Band, FilterError, Section, butterworth, filter_stretches, notch};
use super::reference::{subtract_average, subtract_channels};
use super::resample::Resampler;
use super::standardise::{n_training, standardise};
use crate::bids::events::Event;
use crate::recording::{Channel, Inputs, Modality, Recording, Runs, SampleRate};

/// Poles of the low-pass prototype; the band-pass has twice as many.
const BUTTERWORTH_ORDER: usize = 4;
/// A notch at 50 Hz is 50 / 30 Hz wide.
const NOTCH_QUALITY: f64 = 30.0;

/// Signals with the story of how they came about. No step reaches across a break between runs, or fills in a missing
/// value.
pub(super) struct Chain<'a> {
    /// One for each row of `data`.
    pub channels: Vec<Channel>,
    /// `[channel][time]`; NaN is missing.
    pub data: Vec<Vec<f64>>,
    pub runs: Runs,
    pub rate: SampleRate,
    pub context: &'a CleaningContext,
    pub steps: Vec<String>,
    /// Name and reason.
    pub excluded: Vec<(String, String)>,
}

impl Chain<'_> {
    /// Time at which any channel has a value.
    pub fn secs_with_values(&self) -> f64 {
        let has_value = |t: &usize| self.data.iter().any(|x| x[*t].is_finite());
        (0..self.runs.n_times()).filter(has_value).count() as f64 / self.rate.hz()
    }

    /// The straight line of each run.
    pub fn detrend(&mut self, of: &str) {
        for x in &mut self.data {
            self.runs.iter().for_each(|run| subtract_line(&mut x[run.samples.clone()]));
        }
        self.steps.push(format!("Straight line subtracted from each {of}"));
    }

    pub fn notch(&mut self, hz: f64, band: Option<Band>) -> Result<(), CleaningError> {
        // What the band-pass removes needs no notch, and what the rate cannot hold is not there.
        if band.is_some_and(|band| !band.contains(hz)) || hz >= self.rate.hz() / 2.0 {
            self.steps.push(format!("No notch: {hz} Hz lies outside the pass band"));
            return Ok(());
        }
        let sections = notch(hz, NOTCH_QUALITY, self.rate).map_err(|source| self.filter_error(source))?;
        self.filter(&sections, format!("Notch at {hz} Hz, quality {NOTCH_QUALITY}, zero phase"))
    }

    pub fn pass_band(&mut self, band_hz: [f64; 2]) -> Result<(), CleaningError> {
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
        let lost = self.data.iter_mut().map(|x| filter_stretches(sections, x, &self.runs));
        let n_lost: usize = lost.sum::<Result<_, _>>().map_err(|source| self.filter_error(source))?;
        if n_lost > 0 {
            step += &format!("; {n_lost} samples in stretches too short to filter are missing");
        }
        self.steps.push(step);
        Ok(())
    }

    fn filter_error(&self, source: FilterError) -> CleaningError {
        CleaningError::Filter { source, path: self.context.path.clone() }
    }

    /// Leaves out the channels that are too unlike the others, but for those in `kept`.
    pub fn exclude_bad_channels(&mut self, plan: &ArtefactPlan, kept: &[String]) {
        let bad = bad_channels(&self.data, &self.runs, self.rate, plan);
        self.exclude_unless_kept(bad, kept, "unlike the others");
    }

    /// Leaves out channels that reach the ends of what the amplifier records, but for those in `kept`.
    pub fn exclude_clipped_channels(&mut self, plan: &ArtefactPlan, kept: &[String]) {
        let clipped = clipped_channels(&self.data, plan);
        if !clipped.is_empty() {
            self.exclude_unless_kept(clipped, kept, "clipped");
        }
    }

    fn exclude_unless_kept(&mut self, mut bad: Vec<(usize, String)>, kept: &[String], why: &str) {
        bad.retain(|(i, _)| !kept.contains(&self.channels[*i].name));
        let channels = if bad.len() == 1 { "channel" } else { "channels" };
        self.steps.push(format!("{} {channels} left out as {why}", bad.len()));
        self.exclude(bad);
    }

    /// Channels by their place, in ascending order, with the reason.
    fn exclude(&mut self, channels: Vec<(usize, String)>) {
        // From the last on, so that places stay what they are.
        for (i, _) in channels.iter().rev() {
            self.data.remove(*i);
        }
        let (mut i, mut left_out) = (0, channels.into_iter().peekable());
        self.channels.retain(|channel| {
            let reason = left_out.next_if(|(at, _)| *at == i).map(|(_, reason)| (channel.name.clone(), reason));
            i += 1;
            let stays = reason.is_none();
            self.excluded.extend(reason);
            stays
        });
    }

    /// Bad seconds become missing in all channels; the step says which they were.
    pub fn mask_bad_segments(&mut self, plan: &ArtefactPlan) {
        let n_training = n_training(self.runs.n_times(), self.context.train_fraction);
        let bad = bad_segments(&self.data, &self.runs, self.rate, n_training, plan);
        let start_of = |t: usize| self.runs.secs_of(t, self.rate).map(|secs| format!("{secs:.1}"));
        let starts: Vec<String> = bad.iter().filter_map(|segment| start_of(segment.start)).collect();
        self.steps.push(match starts.as_slice() {
            [] => "No second is unlike the others".to_owned(),
            starts => format!("{} seconds unlike the others are missing, from {} s", starts.len(), starts.join(", ")),
        });
        for segment in bad {
            self.data.iter_mut().for_each(|x| x[segment.clone()].fill(f64::NAN));
        }
    }

    pub fn average_reference(&mut self) {
        subtract_average(&mut self.data);
        self.steps.push(format!("Average reference over {} channels", self.data.len()));
    }

    /// Against the mean of `names`, which are channels no more afterwards.
    pub fn reference_to(&mut self, names: &[String]) -> Result<(), CleaningError> {
        let at = |name: &String| self.channels.iter().position(|channel| &channel.name == name);
        let mut references = Vec::new();
        for name in names {
            references.push(at(name).ok_or_else(|| CleaningError::NoChannel {
                setting: "eeg.reference_channels",
                name: name.clone(),
                path: self.context.path.clone(),
            })?);
        }
        references.sort_unstable();
        references.dedup();
        subtract_channels(&mut self.data, &references);
        self.exclude(references.into_iter().map(|i| (i, "is the reference".to_owned())).collect());
        self.steps.push(format!("Reference: mean of {}", names.join(", ")));
        Ok(())
    }

    pub fn resample(&mut self, hz: f64) -> Result<(), CleaningError> {
        let odd = || CleaningError::Plan {
            setting: "eeg.resample_hz",
            needed: "a rate in a ratio of whole numbers up to 1000 to the recording's",
            found: hz,
        };
        let to = SampleRate::from_hz(hz).map_err(|_| odd())?;
        let resampler = Resampler::between(self.rate, to).ok_or_else(odd)?;
        self.data.iter_mut().for_each(|x| *x = resampler.apply(x, &self.runs));
        self.runs = resampler.runs(&self.runs);
        self.steps.push(format!("Resampled from {} to {hz} Hz, polyphase, zero phase", self.rate.hz()));
        self.rate = to;
        Ok(())
    }

    pub fn cut_epochs(&mut self, events: &[Event], plan: &EpochPlan) -> Result<(), CleaningError> {
        let cut = epochs::cut(&self.data, &self.runs, self.rate, events, plan);
        let [from, to] = plan.window_secs;
        if cut.runs.is_empty() {
            return Err(CleaningError::NoEpochs { n_events: cut.n_events, from, to, path: self.context.path.clone() });
        }
        self.steps.push(format!("{} epochs from {from} to {to} s around {} events", cut.runs.len(), cut.n_events));
        (self.data, self.runs) = (cut.data, cut.runs);
        Ok(())
    }

    /// Each channel to mean 0 and sd 1 over the training part.
    pub fn standardise(&mut self) -> Result<(), CleaningError> {
        let n_training = n_training(self.runs.n_times(), self.context.train_fraction);
        for (x, channel) in self.data.iter_mut().zip(&self.channels) {
            standardise(x, n_training).ok_or_else(|| CleaningError::NoVariance {
                channel: channel.name.clone(),
                path: self.context.path.clone(),
            })?;
        }
        self.steps.push(format!("Each channel standardised by the mean and sd of its first {n_training} samples"));
        Ok(())
    }

    /// In single precision, time first.
    pub fn recording(&self, modality: Modality) -> Recording {
        let samples = (0..self.runs.n_times()).flat_map(|t| self.data.iter().map(move |x| x[t] as f32)).collect();
        Recording {
            modality,
            sample_rate: self.rate,
            channels: self.channels.clone(),
            samples,
            runs: self.runs.clone(),
            inputs: Inputs::none(),
        }
    }
}
