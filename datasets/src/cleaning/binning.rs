//! Spike trains to counts per bin.

use super::Cleaned;
use super::context::CleaningContext;
use super::error::CleaningError;
use super::plan::{CleaningPlan, SpikesPlan, TrialUse};
use super::units::usable_units;
use crate::bids::events::{Event, boxcars};
use crate::recording::{Channel, Inputs, Modality, Recording, Run, Runs, SampleRate, SpikeTrains, Support, Trials};
use crate::simple_statistics::simple_statistics;

/// Counts that fit in 1 GiB; more are a mistake in the file's times or in the bin width.
const MOST_COUNTS: usize = 1 << 28;

/// Counts spikes in the whole bins `[start + k·bin, start + (k + 1)·bin)` of each observed stretch, or of each trial.
///
/// A remainder shorter than a bin is left out. A bin that a unit was not observed through is missing for that unit,
/// not silent. Rates are over the time in which the unit was observed.
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
    let needed_secs = plan.min_secs.max(bin_secs);
    let pieces = pieces(&trains, plan.spikes.trials, bin_secs);
    let runs = bins(&pieces, bin_secs);
    let found_secs = trains.observed.total_secs();
    if found_secs < needed_secs || runs.is_empty() {
        return Err(CleaningError::TooShort { needed_secs, found_secs, path: path() });
    }
    let (units, excluded_channels) = usable_units(&trains, plan, context)?;
    let needed = plan.min_channels.max(1);
    if units.len() < needed {
        return Err(CleaningError::TooFewChannels {
            needed,
            found: units.len(),
            excluded: excluded_channels,
            path: path(),
        });
    }
    // Before any of it is allocated.
    let n_bins = runs.iter().map(|run| run.n).sum::<f64>();
    if n_bins * units.len() as f64 > MOST_COUNTS as f64 {
        let n_units = units.len();
        return Err(CleaningError::TooManyBins { most: MOST_COUNTS, n_bins, bin_secs, n_units, path: path() });
    }
    let runs = Runs::from_lengths(runs.into_iter().map(|run| (run.n as usize, run.start_secs)));
    let mut samples = vec![0.0; runs.n_times() * units.len()];
    for (i, unit) in units.iter().enumerate() {
        for run in runs.iter() {
            count(trains.spikes_of(unit), run, bin_secs, |bin| samples[bin * units.len() + i] += 1.0);
            if let Some(observed) = &unit.observed {
                unobserved(observed, run, bin_secs, |bin| samples[bin * units.len() + i] = f32::NAN);
            }
        }
    }
    let channels = units.iter().map(|unit| Channel { name: unit.name.clone(), unit: "count".to_owned() }).collect();
    let mut steps = vec![
        format!("Spikes counted in bins of {bin_secs} s"),
        format!("Units below {} Hz left out", plan.spikes.min_rate_hz),
    ];
    if runs.len() > 1 {
        steps.push(format!("{} stretches of time, nothing carried from one into the next", runs.len()));
    }
    let inputs = trial_inputs(&trains.trials, &plan.spikes, sample_rate, &runs, context)?;
    let mut warnings = trains.warnings;
    let n_overlapping = n_overlapping(&trains.trials);
    if n_overlapping > 0 && inputs.n_inputs() > 0 {
        let of = trains.trials.len();
        warnings.push(format!("{n_overlapping} of {of} trials begin before the one before has ended; inputs of one kind run into each other there."));
    }
    if inputs.n_inputs() > 0 {
        steps.push(format!("Trials as inputs: {}", inputs.names.join(", ")));
    }
    let recording = Recording { modality: Modality::Spikes, sample_rate, channels, samples, runs, inputs };
    let n_missing = recording.n_missing();
    if n_missing > 0 {
        let of = recording.samples.len();
        steps.push(format!("{n_missing} of {of} counts missing, as their unit was not observed"));
    }
    let simple = simple_statistics(&recording);
    Ok(Cleaned { simple, recording, excluded_channels, steps, warnings })
}

/// Trials, in the order of their starts, that begin before an earlier one has ended, by more than times are rounded.
fn n_overlapping(trials: &Trials) -> usize {
    const ROUNDING_SECS: f64 = 1e-6;
    let mut sorted = trials.intervals_secs.clone();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let (mut latest, mut n) = (f64::NEG_INFINITY, 0);
    for [start, stop] in sorted {
        n += usize::from(start < latest - ROUNDING_SECS);
        latest = latest.max(stop);
    }
    n
}

/// The stretches that are binned: the observed ones, or of these each trial by itself.
fn pieces(trains: &SpikeTrains, trials: TrialUse, bin_secs: f64) -> Vec<[f64; 2]> {
    let observed = trains.observed.closed(1e-6 * bin_secs);
    if trials != TrialUse::Cut || trains.trials.is_empty() {
        return observed.intervals_secs().to_vec();
    }
    let of_trial =
        |&[start, stop]: &[f64; 2]| observed.intersection(&Support::between(start, stop)).intervals_secs().to_vec();
    trains.trials.intervals_secs.iter().flat_map(of_trial).collect()
}

fn trial_inputs(
    trials: &Trials,
    plan: &SpikesPlan,
    rate: SampleRate,
    runs: &Runs,
    context: &CleaningContext,
) -> Result<Inputs, CleaningError> {
    if trials.is_empty() || plan.trials == TrialUse::Off {
        return Ok(Inputs::none());
    }
    let kinds = match &plan.condition {
        None => None,
        Some(column) => Some(trials.columns.get(column).ok_or_else(|| CleaningError::NoColumn {
            setting: "spikes.condition",
            column: column.clone(),
            found: trials.columns.keys().cloned().collect::<Vec<_>>().join(", "),
            path: context.path.clone(),
        })?),
    };
    let events = trials.intervals_secs.iter().enumerate().map(|(i, &[start, stop])| Event {
        onset_secs: start,
        duration_secs: stop - start,
        kind: kinds.map_or_else(|| "trial".to_owned(), |kinds| kinds[i].clone()),
    });
    Ok(boxcars(&events.collect::<Vec<_>>(), rate, runs))
}

struct Bins {
    /// A whole number, which may be too large for memory.
    n: f64,
    start_secs: f64,
}

fn bins(pieces: &[[f64; 2]], bin_secs: f64) -> Vec<Bins> {
    // The last bin of a stretch of k bins must not be lost to rounding.
    let n = |[start, stop]: [f64; 2]| ((stop - start) / bin_secs + 1e-9).floor();
    let bins = |&[start, stop]: &[f64; 2]| Bins { n: n([start, stop]), start_secs: start };
    pieces.iter().map(bins).filter(|bins| bins.n >= 1.0).collect()
}

/// Calls `add` with the bin of each spike within `run`.
fn count(spike_secs: &[f64], run: &Run, bin_secs: f64, mut add: impl FnMut(usize)) {
    let edge = |bin: usize| run.start_secs + bin as f64 * bin_secs;
    let first = spike_secs.partition_point(|&t| t < run.start_secs);
    let last = spike_secs.partition_point(|&t| t < edge(run.samples.len()));
    for &spike in &spike_secs[first..last] {
        add(run.samples.start + bin_of(spike, run.start_secs, bin_secs).min(run.samples.len() - 1));
    }
}

/// Calls `miss` with each bin of `run` that `observed` does not cover whole.
fn unobserved(observed: &Support, run: &Run, bin_secs: f64, mut miss: impl FnMut(usize)) {
    let closed = observed.closed(1e-6 * bin_secs);
    for bin in 0..run.samples.len() {
        let start = run.start_secs + bin as f64 * bin_secs;
        // Intervals are written with the rounding of whoever wrote them.
        if !closed.covers([start + 1e-6 * bin_secs, start + (1.0 - 1e-6) * bin_secs]) {
            miss(run.samples.start + bin);
        }
    }
}

/// The bin whose edges, as computed, enclose a spike at or after `start_secs`; division alone can be one off where a
/// spike lies on an edge.
fn bin_of(spike_secs: f64, start_secs: f64, bin_secs: f64) -> usize {
    let edge = |bin: f64| start_secs + bin * bin_secs;
    let guess = ((spike_secs - start_secs) / bin_secs).floor();
    let bin = if spike_secs < edge(guess) {
        guess - 1.0
    } else if spike_secs >= edge(guess + 1.0) {
        guess + 1.0
    } else {
        guess
    };
    bin.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Unit;

    fn trains_in(spikes: &[&[f64]], observed: Support) -> SpikeTrains {
        SpikeTrains::of_units(spikes.iter().enumerate().map(|(i, spikes)| (format!("u{i}"), spikes.to_vec())), observed)
    }

    fn trains(spikes: &[&[f64]], stop_secs: f64) -> SpikeTrains {
        trains_in(spikes, Support::between(0.0, stop_secs))
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
    fn each_stretch_of_observation_has_its_own_bins() {
        let observed = Support::new([[10.0, 12.5], [20.25, 22.25], [30.0, 30.5]]);
        let spikes = [9.0, 10.0, 11.5, 12.2, 15.0, 20.25, 21.0, 21.25, 30.1];
        let cleaned = clean(trains_in(&[&spikes], observed), &CleaningContext::default(), &plan(1.0, 0.0)).unwrap();
        assert_eq!(cleaned.recording.samples, [1.0, 1.0, 2.0, 1.0]);
        assert_eq!(cleaned.recording.runs, Runs::from_lengths([(2, 10.0), (2, 20.25)]));
    }

    #[test]
    fn a_unit_that_is_not_observed_is_missing_not_silent() {
        let unit = |name: &str, from: f64, to: f64| {
            let mut unit = Unit::named(name);
            unit.observed = Some(Support::between(from, to));
            unit
        };
        let units = vec![(unit("whole", 0.0, 4.0), 2), (unit("late", 1.5, 4.0), 1), (unit("short", 3.0, 4.0), 1)];
        let trains = SpikeTrains::new(units, vec![0.5, 3.5, 2.5, 3.0], Some(Support::between(0.0, 4.0)));
        let plan = CleaningPlan { max_missing: 0.5, ..plan(1.0, 0.0) };
        let cleaned = clean(trains, &CleaningContext::default(), &plan).unwrap();
        assert_eq!(cleaned.excluded_channels, [("short".to_owned(), "observed for 1.000 of 4.000 s".to_owned())]);
        let column = |i| cleaned.recording.channel(i).collect::<Vec<f32>>();
        assert_eq!(column(0), [1.0, 0.0, 0.0, 1.0]);
        assert!(column(1)[0].is_nan() && column(1)[1].is_nan() && column(1)[2..] == [1.0, 0.0]);
    }

    #[test]
    fn trials_are_inputs_or_runs() {
        let mut trains = trains(&[&[0.5, 2.5, 6.5]], 10.0);
        trains.trials.intervals_secs = vec![[1.0, 3.0], [3.0, 5.0], [6.0, 9.5]];
        let kinds = ["go", "stop", "go"].map(str::to_owned).to_vec();
        trains.trials.columns.insert("cue".to_owned(), kinds);
        let mut plan = plan(1.0, 0.0);
        plan.spikes.condition = Some("cue".to_owned());
        let inputs = clean(trains.clone(), &CleaningContext::default(), &plan).unwrap().recording.inputs;
        assert_eq!(inputs.names, ["go", "stop"]);
        let go: Vec<f32> = inputs.values.iter().step_by(2).copied().collect();
        assert_eq!(go, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);

        let mut overlapping = trains.clone();
        overlapping.trials.intervals_secs[1] = [2.0, 5.0];
        let warnings = clean(overlapping, &CleaningContext::default(), &plan).unwrap().warnings;
        assert!(warnings[0].starts_with("1 of 3 trials begin before the one before has ended"), "{warnings:?}");

        plan.spikes.trials = TrialUse::Cut;
        let cut = clean(trains.clone(), &CleaningContext::default(), &plan).unwrap().recording;
        assert_eq!(cut.runs, Runs::from_lengths([(2, 1.0), (2, 3.0), (3, 6.0)]));
        assert_eq!(cut.samples, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

        plan.spikes.condition = Some("cues".to_owned());
        let message = clean(trains, &CleaningContext::default(), &plan).unwrap_err().to_string();
        assert!(message.contains("need a column cues for spikes.condition, found cue"), "{message}");
    }

    #[test]
    fn silent_units_are_excluded_with_their_rate() {
        let cleaned =
            clean(trains(&[&[1.0, 2.0], &[3.0]], 10.0), &CleaningContext::default(), &plan(1.0, 0.15)).unwrap();
        assert_eq!(
            cleaned.excluded_channels,
            [("u1".to_owned(), "fires at 0.1000 Hz over 10 s, below 0.15 Hz".to_owned())]
        );
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
