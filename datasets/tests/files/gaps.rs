//! Recordings with gaps on their whole way: what is missing has no say in what is there.

use std::ops::Range;

use nullcline_datasets::bids::events::Event;
use nullcline_datasets::cleaning::{ArtefactPlan, EpochPlan, NotchChoice};
use nullcline_datasets::{
    Cleaned, CleaningContext, CleaningPlan, Modality, Raw, Recording, SampleRate, SignalChannel, Signals, Support,
    clean,
};
use proptest::prelude::*;

const RATE_HZ: f64 = 50.0;
const TRAIN_FRACTION: f64 = 0.6;
/// Three stretches; samples of the first two come from 0 on, those of the last from 2000 on.
const STRETCHES_SECS: [[f64; 2]; 3] = [[0.0, 18.0], [25.0, 47.0], [50.0, 61.0]];
const N_TIMES: usize = 2550;

/// In [−1, 1), the same for the same seed.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    }
}

/// Drifting noise with a common rhythm, `[channel][time]`.
fn potentials(n_channels: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut noise = noise(seed);
    let mut channel = |i: usize| {
        let value = |t: usize| (t as f64 * 0.11).sin() + 0.4 * noise() + (i as f64 - 1.5) * t as f64 / 500.0;
        (0..N_TIMES).map(value).map(|value| value as f32).collect()
    };
    (0..n_channels).map(&mut channel).collect()
}

fn signals(channels: &[Vec<f32>]) -> Signals {
    let channel = |(i, samples): (usize, &Vec<f32>)| SignalChannel {
        name: format!("E{i}"),
        kind: None,
        marked_bad: false,
        unit: "V".to_owned(),
        sample_rate: SampleRate::from_hz(RATE_HZ).unwrap(),
        samples: samples.clone(),
    };
    Signals {
        recorded: Support::new(STRETCHES_SECS),
        ..Signals::unbroken(Modality::Eeg, channels.iter().enumerate().map(channel).collect())
    }
}

const WINDOW_SECS: [f64; 2] = [-0.5, 1.0];
/// The third and the seventh lie too near to an end of their stretch.
const ONSETS_SECS: [f64; 9] = [1.0, 7.3, 17.9, 26.0, 33.0, 44.0, 46.2, 51.0, 58.0];

fn context() -> CleaningContext {
    let event = |onset_secs: f64| Event { onset_secs, duration_secs: 0.0, kind: "go".to_owned() };
    CleaningContext {
        events: Some(ONSETS_SECS.map(event).to_vec()),
        train_fraction: TRAIN_FRACTION,
        ..CleaningContext::default()
    }
}

/// Straight line, average reference, epochs, standardised; filtered or not.
fn plan(band_hz: Option<[f64; 2]>) -> CleaningPlan {
    let mut plan = CleaningPlan { max_missing: 0.5, min_secs: 1.0, ..CleaningPlan::default() };
    plan.eeg.detrend = true;
    plan.eeg.band_hz = band_hz;
    plan.eeg.notch_hz = NotchChoice::Off;
    plan.epochs = Some(EpochPlan { window_secs: WINDOW_SECS, ..EpochPlan::default() });
    plan
}

fn cleaned(channels: &[Vec<f32>], plan: &CleaningPlan) -> Cleaned {
    clean(Raw::Signals(signals(channels)), &context(), plan).unwrap()
}

fn bits(recording: &Recording) -> Vec<u32> {
    recording.samples.iter().map(|value| value.to_bits()).collect()
}

/// The samples of each stretch.
fn stretches() -> Vec<Range<usize>> {
    let mut start = 0;
    let stretch = |[from, to]: [f64; 2]| {
        let samples = start..start + ((to - from) * RATE_HZ) as usize;
        start = samples.end;
        samples
    };
    STRETCHES_SECS.map(stretch).to_vec()
}

/// The chain without the filter, written out once more: a line through what is there of each stretch, the mean over the
/// channels that are there, the epochs that lie within a stretch, and the scale of the first of their samples.
fn by_hand(channels: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let mut data: Vec<Vec<f64>> = channels.iter().map(|x| x.iter().map(|&v| f64::from(v)).collect()).collect();
    for x in &mut data {
        x.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = f64::NAN);
        for stretch in stretches() {
            let there: Vec<usize> = stretch.clone().filter(|&t| x[t].is_finite()).collect();
            // Normal equations of `a + b t`.
            let sums = there.iter().fold([0.0; 5], |s, &t| {
                let (time, v) = ((t - stretch.start) as f64, x[t]);
                [s[0] + 1.0, s[1] + time, s[2] + time * time, s[3] + v, s[4] + time * v]
            });
            let determinant = sums[0] * sums[2] - sums[1] * sums[1];
            let a = (sums[2] * sums[3] - sums[1] * sums[4]) / determinant;
            let b = (sums[0] * sums[4] - sums[1] * sums[3]) / determinant;
            there.iter().for_each(|&t| x[t] -= a + b * (t - stretch.start) as f64);
        }
    }
    for t in 0..N_TIMES {
        let there: Vec<f64> = data.iter().map(|x| x[t]).filter(|v| v.is_finite()).collect();
        let mean = there.iter().sum::<f64>() / there.len() as f64;
        data.iter_mut().for_each(|x| x[t] -= mean);
    }
    let mut kept = Vec::new();
    for onset in ONSETS_SECS {
        for (samples, [start, stop]) in stretches().into_iter().zip(STRETCHES_SECS) {
            if start <= onset + WINDOW_SECS[0] && onset + WINDOW_SECS[1] <= stop {
                let first = samples.start + ((onset + WINDOW_SECS[0] - start) * RATE_HZ).round() as usize;
                kept.extend(first..first + ((WINDOW_SECS[1] - WINDOW_SECS[0]) * RATE_HZ) as usize);
            }
        }
    }
    let n_training = (kept.len() as f64 * TRAIN_FRACTION).round() as usize;
    let standardised = |x: Vec<f64>| {
        let training: Vec<f64> = kept[..n_training].iter().map(|&t| x[t]).filter(|v| v.is_finite()).collect();
        let n = training.len() as f64;
        let mean = training.iter().sum::<f64>() / n;
        let sd = (training.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
        kept.iter().map(|&t| (x[t] - mean) / sd).collect::<Vec<f64>>()
    };
    data.into_iter().map(standardised).collect()
}

/// What a file may hold where nothing was measured: any NaN, or an infinity.
fn garbage() -> impl Strategy<Value = f32> {
    prop_oneof![
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(f32::NEG_INFINITY),
        (1u32..0x7F_FFFF).prop_map(|payload| f32::from_bits(0xFF80_0000 | payload)),
    ]
}

/// Stretches without values, of one channel or of all.
fn holes() -> impl Strategy<Value = Vec<(Option<usize>, Range<usize>)>> {
    let hole = (prop::option::of(0usize..4), 0..N_TIMES, 1usize..120)
        .prop_map(|(channel, start, n)| (channel, start..(start + n).min(N_TIMES)));
    prop::collection::vec(hole, 1..6)
}

fn with_holes(
    channels: &[Vec<f32>],
    holes: &[(Option<usize>, Range<usize>)],
    mut value: impl FnMut() -> f32,
) -> Vec<Vec<f32>> {
    let mut spoilt = channels.to_vec();
    for (channel, samples) in holes {
        for (_, x) in spoilt.iter_mut().enumerate().filter(|(i, _)| channel.is_none_or(|channel| channel == *i)) {
            x[samples.clone()].iter_mut().for_each(|v| *v = value());
        }
    }
    spoilt
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever stands in a gap, every byte of the result is the same; what is there is as the steps by hand give it, and
    /// what is missing stays missing in its place.
    #[test]
    fn what_is_missing_has_no_say_in_what_is_there(
        seed in any::<u64>(),
        holes in holes(),
        values in prop::collection::vec(garbage(), 16),
    ) {
        let whole = potentials(4, seed);
        let plain = with_holes(&whole, &holes, || f32::NAN);
        let mut values = values.into_iter().cycle();
        let spoilt = with_holes(&whole, &holes, || values.next().unwrap());
        for band_hz in [None, Some([2.0, 15.0])] {
            let [found, other] = [&plain, &spoilt].map(|channels| cleaned(channels, &plan(band_hz)).recording);
            prop_assert_eq!(bits(&found), bits(&other));
            prop_assert_eq!(&found.runs, &other.runs);
        }

        let found = cleaned(&plain, &plan(None)).recording;
        let expected = by_hand(&plain);
        prop_assert_eq!(found.n_times(), expected[0].len());
        for (i, expected) in expected.iter().enumerate() {
            for (found, &expected) in found.channel(i).zip(expected) {
                let agree = (f64::from(found) - expected).abs() < 1e-5 || (found.is_nan() && expected.is_nan());
                prop_assert!(agree, "{} {}", found, expected);
            }
        }
        // One run for each event whose window was recorded, at its own time.
        let starts: Vec<f64> = found.runs.iter().map(|run| run.start_secs).collect();
        prop_assert_eq!(starts, [0.5, 6.8, 25.5, 32.5, 43.5, 50.5, 57.5]);
        prop_assert!(found.runs.iter().all(|run| run.samples.len() == 75));
    }

    /// Other values before a break change nothing after it.
    #[test]
    fn a_stretch_knows_nothing_of_the_others(seed in any::<u64>(), other in any::<u64>()) {
        let mut plan = plan(Some([2.0, 15.0]));
        plan.epochs = None;
        plan.standardise = false;
        let channels = potentials(4, seed);
        let mut changed = potentials(4, other);
        let last = stretches()[2].clone();
        changed.iter_mut().zip(&channels).for_each(|(x, y)| x[last.clone()].copy_from_slice(&y[last.clone()]));
        let [found, other] = [&channels, &changed].map(|channels| cleaned(channels, &plan).recording);
        prop_assert_eq!(&bits(&found)[4 * last.start..], &bits(&other)[4 * last.start..]);
        prop_assert!(bits(&found)[..4 * last.start] != bits(&other)[..4 * last.start]);
    }
}

/// With every channel that robust statistics would leave out named in `keep_channels`, nothing was done.
#[test]
fn channels_that_are_kept_come_back_as_if_nothing_had_been_left_out() {
    let mut channels = potentials(8, 3);
    channels[2].iter_mut().for_each(|v| *v *= 40.0);
    let mut alone = noise(99);
    channels[5].iter_mut().for_each(|v| *v = alone() as f32);
    for band_hz in [None, Some([1.0, 20.0])] {
        let mut without = plan(band_hz);
        without.epochs = None;
        let mut strict = without.clone();
        // Bad seconds are another matter.
        strict.eeg.artefacts = Some(ArtefactPlan { max_segment_deviation: f64::INFINITY, ..ArtefactPlan::default() });
        let found = cleaned(&channels, &strict);
        let left_out: Vec<String> = found.excluded_channels.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(left_out, ["E2", "E5"], "{:?}", found.excluded_channels);
        assert_eq!(found.recording.n_channels(), 6);

        let mut kept = strict;
        kept.eeg.keep_channels = left_out;
        let [expected, found] = [&without, &kept].map(|plan| cleaned(&channels, plan));
        assert_eq!(bits(&found.recording), bits(&expected.recording));
        assert_eq!((&found.recording, &found.simple), (&expected.recording, &expected.simple));
        assert_eq!(found.excluded_channels, []);
        assert_eq!(found.steps.len(), expected.steps.len() + 2);
    }
}
