//! A recording that has been opened: what its channels are, when it ran, and where its samples lie.

use std::path::PathBuf;

use super::error::ReadError;
use super::large_buffer;
use super::sample_store::{SampleSink, SampleStore, Scaling};
use crate::recording::majority::most_common;
use crate::recording::{
    Annotation, ChannelKind, Modality, SampleRate, SignalChannel, Signals, Support, electric_or_magnetic, remarks,
};

/// Everything but the samples, which are read on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalFile {
    pub path: PathBuf,
    /// "EDF", "BDF", "GDF", "BrainVision", "EEGLAB" or "FIF".
    pub format: &'static str,
    pub channels: Vec<StoredChannel>,
    pub annotations: Vec<Annotation>,
    /// When there was a recording, from its first sample; the samples of its stretches lie end to end.
    pub recorded: Support,
    pub warnings: Vec<String>,
    /// One after the other; a recording may go on in another file.
    pub(super) samples: Vec<SampleStore>,
}

/// One channel, its samples still in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredChannel {
    pub name: String,
    /// `None` where the file does not say.
    pub kind: Option<ChannelKind>,
    /// By whoever wrote the file; its samples are read all the same.
    pub marked_bad: bool,
    /// SI unit, or as the file has it where that is none, or "a.u.".
    pub unit: String,
    pub sample_rate: SampleRate,
    pub n_samples: usize,
    pub(super) scaling: Scaling,
}

impl StoredChannel {
    /// How far two neighbouring stored integers lie apart, in `unit`.
    pub fn step(&self) -> f64 {
        self.scaling.gain.abs()
    }
}

impl SignalFile {
    /// EEG or MEG, by what most of its channels measure.
    pub fn modality(&self) -> Modality {
        electric_or_magnetic(self.channels.iter().map(|channel| channel.kind))
    }

    /// Ends a stretch where an annotation says that two recordings were joined there (see [`remarks`]).
    ///
    /// The file counts on through a join, and so do onsets; the stretch before it therefore ends a thousandth of a sample early, which
    /// moves nothing and leaves the two sides no neighbours.
    pub(super) fn end_stretches_at_joins(&mut self) {
        const GAP_SAMPLES: f64 = 1e-3;
        let rates = self.channels.iter().map(|channel| channel.sample_rate.hz().to_bits());
        let Some(hz) = most_common(rates).map(f64::from_bits) else { return };
        let joins = self.annotations.iter().filter(|annotation| remarks::is_join(&annotation.text));
        let on_grid = |onset: f64| {
            let inside = |&&[start, stop]: &&[f64; 2]| start < onset && onset < stop;
            let [start, stop] = *self.recorded.intervals_secs().iter().find(inside)?;
            let n = ((onset - start) * hz).round();
            (n >= 1.0 && n < ((stop - start) * hz).round()).then_some(start + n / hz)
        };
        let mut joins: Vec<f64> = joins.filter_map(|annotation| on_grid(annotation.onset_secs)).collect();
        joins.sort_by(f64::total_cmp);
        joins.dedup();
        if joins.is_empty() {
            return;
        }
        let gaps = Support::new(joins.iter().map(|&join| [join - GAP_SAMPLES / hz, join]));
        self.recorded = self.recorded.without(&gaps);
        const SHOWN: usize = 6;
        let shown: Vec<String> = joins.iter().take(SHOWN).map(|secs| format!("{secs:.3}")).collect();
        let more = if joins.len() > SHOWN { format!(" and {} more", joins.len() - SHOWN) } else { String::new() };
        self.warnings.push(format!("Recordings were joined at {} s{more}; stretches end there.", shown.join(", ")));
    }

    /// Hands every sample, in the unit of its channel, to the sink of that channel.
    ///
    /// Reads each file once, in blocks, so that a channel need never be held as a whole. `sinks` has one entry for
    /// each channel. Fails only where the file has changed since it was opened.
    pub fn stream<S: SampleSink>(&self, sinks: &mut [S]) -> Result<(), ReadError> {
        assert_eq!(sinks.len(), self.channels.len(), "one sink for each channel");
        let scalings: Vec<Scaling> = self.channels.iter().map(|channel| channel.scaling).collect();
        self.samples.iter().try_for_each(|samples| samples.stream(&self.path, &scalings, sinks))
    }

    /// All samples in double precision, `[channel][time]`.
    pub fn values(&self) -> Result<Vec<Vec<f64>>, ReadError> {
        let mut values: Vec<Vec<f64>> =
            self.channels.iter().map(|channel| large_buffer::with_capacity(channel.n_samples)).collect();
        self.stream(&mut values)?;
        Ok(values)
    }

    /// All samples in single precision.
    ///
    /// Needs memory for the samples and one block. Single precision has 24 bits: a channel with an offset of 100 mV
    /// is known to 8 nV.
    pub fn into_signals(self) -> Result<Signals, ReadError> {
        let modality = self.modality();
        let mut samples: Vec<Vec<f32>> =
            self.channels.iter().map(|channel| large_buffer::with_capacity(channel.n_samples)).collect();
        self.stream(&mut samples)?;
        let channels = self.channels.into_iter().zip(samples).map(|(channel, samples)| SignalChannel {
            name: channel.name,
            kind: channel.kind,
            marked_bad: channel.marked_bad,
            unit: channel.unit,
            sample_rate: channel.sample_rate,
            samples,
        });
        Ok(Signals {
            modality,
            channels: channels.collect(),
            recorded: self.recorded,
            annotations: self.annotations,
            warnings: self.warnings,
        })
    }
}
