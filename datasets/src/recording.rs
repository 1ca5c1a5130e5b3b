//! What was measured: sampled signals, spike trains, and the cleaned recording that a model sees.

mod channel_kind;
pub(crate) mod majority;
pub(crate) mod remarks;
mod runs;
mod spikes;
mod support;

use std::fmt;

pub use channel_kind::{ChannelKind, electric_or_magnetic};
pub use runs::{Run, Runs};
pub use spikes::{SpikeTrains, Trials, Unit};
pub use support::Support;

use serde::{Deserialize, Serialize};

/// Samples per second. Invariant: finite and positive.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct SampleRate {
    hz: f64,
}

impl SampleRate {
    /// Fails unless `hz` is finite and positive.
    pub fn from_hz(hz: f64) -> Result<Self, NotASampleRate> {
        if hz.is_finite() && hz > 0.0 { Ok(Self { hz }) } else { Err(NotASampleRate { hz }) }
    }

    /// Samples per second.
    pub fn hz(self) -> f64 {
        self.hz
    }

    /// Time from one sample to the next, in seconds.
    pub fn step_secs(self) -> f64 {
        1.0 / self.hz
    }
}

impl TryFrom<f64> for SampleRate {
    type Error = NotASampleRate;

    fn try_from(hz: f64) -> Result<Self, NotASampleRate> {
        Self::from_hz(hz)
    }
}

impl From<SampleRate> for f64 {
    fn from(rate: SampleRate) -> f64 {
        rate.hz
    }
}

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("need a sampling rate that is finite and above 0 Hz, found {hz}")]
pub struct NotASampleRate {
    pub hz: f64,
}

/// Which instrument a recording comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Potentials between electrodes, on the head or inside.
    Eeg,
    Meg,
    Bold,
    Spikes,
}

impl Modality {
    /// The BIDS folder of this modality inside a subject's folder.
    pub fn folder(self) -> &'static str {
        match self {
            Modality::Eeg => "eeg",
            Modality::Meg => "meg",
            Modality::Bold => "func",
            Modality::Spikes => "ecephys",
        }
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Modality::Eeg => "EEG",
            Modality::Meg => "MEG",
            Modality::Bold => "fMRI (ROI series)",
            Modality::Spikes => "spike counts",
        })
    }
}

/// One row of a recording: an electrode, a region of interest or a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    pub name: String,
    /// SI unit, or "a.u." or "count".
    pub unit: String,
}

/// A cleaned recording at one rate: what a model is fitted to.
///
/// Its support has two grains. Where the recording was interrupted, one run ends and the next begins; where a channel
/// lacks values within a run (scrubbed volumes, bad segments, units not yet found), its samples are NaN and keep
/// their place in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    pub modality: Modality,
    pub sample_rate: SampleRate,
    pub channels: Vec<Channel>,
    /// `[time, channel]`, row-major; NaN is missing.
    pub samples: Vec<f32>,
    pub runs: Runs,
    pub inputs: Inputs,
}

impl Recording {
    pub fn n_channels(&self) -> usize {
        self.channels.len()
    }

    pub fn n_times(&self) -> usize {
        self.samples.len().checked_div(self.n_channels()).unwrap_or(0)
    }

    /// Time in the runs, without the gaps between them.
    pub fn duration_secs(&self) -> f64 {
        self.n_times() as f64 / self.sample_rate.hz()
    }

    /// Samples, over all channels, that are missing.
    pub fn n_missing(&self) -> usize {
        self.samples.iter().filter(|value| !value.is_finite()).count()
    }

    /// The samples of channel `i`, in order of time.
    pub fn channel(&self, i: usize) -> impl Iterator<Item = f32> + '_ {
        self.samples.iter().skip(i).step_by(self.n_channels().max(1)).copied()
    }
}

/// What the experimenter did meanwhile, on the time axis of a recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    pub names: Vec<String>,
    /// `[time, K]`, row-major; empty when there are no inputs.
    pub values: Vec<f32>,
}

impl Inputs {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn n_inputs(&self) -> usize {
        self.names.len()
    }
}

/// What a reader returns: nothing filtered, nothing resampled, SI units.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    Signals(Signals),
    Spikes(SpikeTrains),
}

/// Continuous signals, each channel at the rate it was recorded with.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    pub modality: Modality,
    pub channels: Vec<SignalChannel>,
    /// When there was a recording, from its first sample. Each channel has the samples of these stretches end to
    /// end, whole ones; a gap takes no memory. Values missing within a stretch are NaN.
    pub recorded: Support,
    pub annotations: Vec<Annotation>,
    /// What the reader had to assume or leave out, one sentence each.
    pub warnings: Vec<String>,
}

impl Signals {
    /// A recording without a break: as long as its longest channel.
    pub fn unbroken(modality: Modality, channels: Vec<SignalChannel>) -> Self {
        let secs = |channel: &SignalChannel| channel.samples.len() as f64 / channel.sample_rate.hz();
        let recorded = Support::between(0.0, channels.iter().map(secs).fold(0.0, f64::max));
        Self { modality, channels, recorded, annotations: Vec::new(), warnings: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct SignalChannel {
    pub name: String,
    /// `None` where the file does not say.
    pub kind: Option<ChannelKind>,
    /// By whoever wrote the file.
    pub marked_bad: bool,
    /// SI unit ("V"), or "a.u.", or whatever the file says when that has no SI counterpart here.
    pub unit: String,
    pub sample_rate: SampleRate,
    pub samples: Vec<f32>,
}

/// A remark in the recording. Onset counts from the first sample, gaps included.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    pub onset_secs: f64,
    /// 0 for a moment.
    pub duration_secs: f64,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_rate_is_finite_and_positive() {
        assert_eq!(SampleRate::from_hz(128.0).map(SampleRate::hz), Ok(128.0));
        for hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(SampleRate::from_hz(hz).is_err(), "{hz}");
        }
    }

    #[test]
    fn a_channel_is_a_column_of_the_samples() {
        let channel = |name: &str| Channel { name: name.into(), unit: "V".into() };
        let recording = Recording {
            modality: Modality::Eeg,
            sample_rate: SampleRate { hz: 2.0 },
            channels: vec![channel("Fz"), channel("Cz")],
            samples: vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0],
            runs: Runs::unbroken(3),
            inputs: Inputs::none(),
        };
        assert_eq!(recording.n_times(), 3);
        assert_eq!(recording.duration_secs(), 1.5);
        assert_eq!(recording.channel(1).collect::<Vec<_>>(), [10.0, 20.0, 30.0]);
    }
}
