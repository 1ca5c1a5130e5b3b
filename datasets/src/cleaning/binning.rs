//! Spike trains to counts per bin.

use super::Cleaned;
use super::context::CleaningContext;
use super::error::CleaningError;
use super::plan::CleaningPlan;
use crate::recording::{Channel, Inputs, Modality, Recording, SampleRate, SpikeTrains, Unit};
use crate::simple_statistics::simple_statistics;

/// Counts that fit in 1 GiB; more are a mistake in the file's times or in the bin width.
const MOST_COUNTS: usize = 1 << 28;

/// Counts spikes in the whole bins `[start + k·bin, start + (k + 1)·bin)` of the observed stretch.
///
/// A remainder shorter than a bin is left out. Rates are over the observed stretch.
pub(super) fn clean(
    trains: SpikeTrains,
    context: &CleaningContext,
    plan: &CleaningPlan,
) -> Result<Cleaned, CleaningError> {
    let bin_secs = plan.spikes.bin_secs;
    let sample_rate = SampleRate::from_hz(1.0 / bin_secs).map_err(|_| CleaningError::Plan {
        setting: "spikes.bin_secs",
        needed: "a bin width above 0 s",
        found: bin_secs,
    })?;
    let path = || context.path.clone();
    let found_secs = trains.stop_secs - trains.start_secs;
    if found_secs.is_nan() || found_secs < plan.min_secs.max(bin_secs) {
        return Err(CleaningError::TooShort { needed_secs: plan.min_secs.max(bin_secs), found_secs, path: path() });
    }
    let (units, excluded_channels) =
        active_units(trains.units, trains.start_secs, trains.stop_secs, plan.spikes.min_rate_hz);
    let needed = plan.min_channels.max(1);
    if units.len() < needed {
        return Err(CleaningError::TooFewChannels { needed, found: units.len(), path: path() });
    }
    // The last bin of a stretch of k bins must not be lost to rounding.
    let n_bins = (found_secs / bin_secs + 1e-9).floor();
    if n_bins * units.len() as f64 > MOST_COUNTS as f64 {
        let n_units = units.len();
        return Err(CleaningError::TooManyBins { most: MOST_COUNTS, n_bins, bin_secs, n_units, path: path() });
    }
    let samples = counts(&units, trains.start_secs, bin_secs, n_bins as usize);
    let channels = units.into_iter().map(|unit| Channel { name: unit.name, unit: "count".to_owned() }).collect();
    let recording = Recording { modality: Modality::Spikes, sample_rate, channels, samples, inputs: Inputs::none() };
    Ok(Cleaned {
        simple: simple_statistics(&recording),
        recording,
        excluded_channels,
        steps: vec![
            format!("Spikes counted in bins of {bin_secs} s"),
            format!("Units below {} Hz left out", plan.spikes.min_rate_hz),
        ],
        warnings: Vec::new(),
    })
}

/// Units that fire often enough, and `(name, reason)` of the others.
fn active_units(
    units: Vec<Unit>,
    start_secs: f64,
    stop_secs: f64,
    min_rate_hz: f64,
) -> (Vec<Unit>, Vec<(String, String)>) {
    let observed = |unit: &Unit| unit.spike_secs.iter().filter(|&&t| start_secs <= t && t <= stop_secs).count();
    let rate_hz = |unit: &Unit| observed(unit) as f64 / (stop_secs - start_secs);
    let (active, silent): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(|unit| rate_hz(unit) >= min_rate_hz);
    let reason = |unit: &Unit| format!("fires at {:.4} Hz, below {min_rate_hz} Hz", rate_hz(unit));
    let excluded = silent.into_iter().map(|unit| (unit.name.clone(), reason(&unit))).collect();
    (active, excluded)
}

/// `[bin, unit]`, row-major.
fn counts(units: &[Unit], start_secs: f64, bin_secs: f64, n_bins: usize) -> Vec<f32> {
    let mut counts = vec![0.0; n_bins * units.len()];
    for (i, unit) in units.iter().enumerate() {
        for &spike in &unit.spike_secs {
            if let Some(bin) = bin_of(spike, start_secs, bin_secs).filter(|&bin| bin < n_bins) {
                counts[bin * units.len() + i] += 1.0;
            }
        }
    }
    counts
}

/// The bin whose edges, as computed, enclose `spike`; division alone can be one off where a spike lies on an edge.
fn bin_of(spike_secs: f64, start_secs: f64, bin_secs: f64) -> Option<usize> {
    let edge = |bin: f64| start_secs + bin * bin_secs;
    let guess = ((spike_secs - start_secs) / bin_secs).floor();
    let bin = if spike_secs < edge(guess) {
        guess - 1.0
    } else if spike_secs >= edge(guess + 1.0) {
        guess + 1.0
    } else {
        guess
    };
    (bin >= 0.0).then_some(bin as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trains(spikes: &[&[f64]], stop_secs: f64) -> SpikeTrains {
        let unit = |(i, spikes): (usize, &&[f64])| Unit { name: format!("u{i}"), spike_secs: spikes.to_vec() };
        SpikeTrains { units: spikes.iter().enumerate().map(unit).collect(), start_secs: 0.0, stop_secs, n_trials: 0 }
    }

    fn plan(bin_secs: f64, min_rate_hz: f64) -> CleaningPlan {
        let mut plan = CleaningPlan { min_channels: 1, min_secs: 0.0, ..Default::default() };
        plan.spikes.bin_secs = bin_secs;
        plan.spikes.min_rate_hz = min_rate_hz;
        plan
    }

    /// Expected counts: NumPy 2.4, spikes in `[edge, next)` for `edges = arange(11) * 0.1`. `3 * 0.1` is above `0.3`
    /// and `7 * 0.1` above `0.7` in binary, so these spikes fall before their edge.
    #[test]
    fn bins_are_closed_on_the_left() {
        let spikes = [0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999, 1.0];
        let cleaned = clean(trains(&[&spikes], 1.0), &CleaningContext::default(), &plan(0.1, 0.0)).unwrap();
        assert_eq!(cleaned.recording.samples, [1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0]);
        assert_eq!(cleaned.recording.sample_rate.hz(), 10.0);
    }

    #[test]
    fn silent_units_are_excluded_with_their_rate() {
        let cleaned =
            clean(trains(&[&[1.0, 2.0], &[3.0]], 10.0), &CleaningContext::default(), &plan(1.0, 0.15)).unwrap();
        assert_eq!(cleaned.excluded_channels, [("u1".to_owned(), "fires at 0.1000 Hz, below 0.15 Hz".to_owned())]);
        assert_eq!(cleaned.recording.channels[0].unit, "count");
    }

    #[test]
    fn what_cannot_be_binned_is_an_error() {
        let message = |trains, plan| clean(trains, &CleaningContext::default(), &plan).unwrap_err().to_string();
        assert!(message(trains(&[&[1.0]], 1e300), plan(0.1, 0.0)).contains("need at most"));
        assert!(message(trains(&[&[1.0]], 10.0), plan(0.0, 0.0)).contains("bin width"));
        assert!(message(trains(&[&[]], 10.0), plan(0.1, 1.0)).contains("at least 1 good channels, found 0"));
        assert!(message(trains(&[&[]], f64::NAN), plan(0.1, 0.0)).contains("need 0.1 s"));
        let long = CleaningPlan { min_secs: 60.0, ..plan(0.1, 0.0) };
        assert!(message(trains(&[&[1.0]], 12.0), long).contains("need 60 s of signal, found 12.000 s"));
    }
}
