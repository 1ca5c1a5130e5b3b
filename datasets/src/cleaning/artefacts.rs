//! Bad channels and bad stretches of EEG, by robust statistics.
//!
//! Source: Bigdely-Shamlo et al. (2015), The PREP pipeline, Front. Neuroinform. 9:16: deviation and correlation
//! criteria, with their thresholds.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::robust::{median, robust_sd};
use crate::recording::{Runs, SampleRate};

/// When a channel, or a second of the recording, is too unlike the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArtefactPlan {
    /// Robust standard deviations that the log amplitude of a channel may lie from the median over channels.
    pub max_channel_deviation: f64,
    /// A channel must correlate this well with some other channel, in the median over seconds.
    pub min_correlation: f64,
    /// Robust standard deviations that the log range within a second may lie above the channel's median second.
    pub max_segment_deviation: f64,
    /// A second is bad where more than this share of the channels says so.
    pub max_bad_share: f64,
    /// A channel is bad that stays at its largest or its smallest recorded value for more than this share of its samples.
    pub max_clipped_share: f64,
}

impl Default for ArtefactPlan {
    /// 5 standard deviations, a correlation of 0.4, a tenth of the channels, a twentieth of the samples.
    fn default() -> Self {
        Self {
            max_channel_deviation: 5.0,
            min_correlation: 0.4,
            max_segment_deviation: 5.0,
            max_bad_share: 0.1,
            max_clipped_share: 0.05,
        }
    }
}

/// Windows in which correlations and ranges are taken.
const WINDOW_SECS: f64 = 1.0;
/// With fewer, there is no telling which channel is the odd one.
const FEWEST_CHANNELS: usize = 4;

/// Channels that are too unlike the others, with the reason; `data: [channel][time]`, filtered, not average-referenced.
///
/// Misleads where most channels are bad, or where electrodes lie so far apart that good ones do not correlate.
pub fn bad_channels(data: &[Vec<f64>], runs: &Runs, rate: SampleRate, plan: &ArtefactPlan) -> Vec<(usize, String)> {
    if data.len() < FEWEST_CHANNELS {
        return Vec::new();
    }
    let log_amplitudes: Vec<f64> = data.iter().map(|x| robust_sd(x).ln()).collect();
    let (centre, spread) = (median(log_amplitudes.iter().copied()), robust_sd(&log_amplitudes));
    let windows = windows(runs, rate);
    let reason = |(i, log_amplitude): (usize, &f64)| {
        let deviation = (log_amplitude - centre) / spread;
        if deviation.abs() > plan.max_channel_deviation {
            let side = if deviation > 0.0 { "above" } else { "below" };
            return Some((i, format!("amplitude {:.1} robust sd {side} the median channel", deviation.abs())));
        }
        let whole = windows.iter().filter(|window| data[i][(*window).clone()].iter().all(|value| value.is_finite()));
        let best = median(whole.map(|window| best_correlation(data, i, window)));
        (best < plan.min_correlation)
            .then(|| (i, format!("correlates with no other channel by more than {best:.2} in its median second")))
    };
    log_amplitudes.iter().enumerate().filter_map(reason).collect()
}

/// Channels that stay at an end of their range, with the reason; `data: [channel][time]` as recorded, since filters hide it.
pub fn clipped_channels(data: &[Vec<f64>], plan: &ArtefactPlan) -> Vec<(usize, String)> {
    let reason = |(i, x): (usize, &Vec<f64>)| {
        let finite = || x.iter().filter(|value| value.is_finite());
        let (low, high) =
            finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
        // A value that is met only for a moment is an extreme, not a limit.
        let stays = |end: f64| x.windows(2).filter(|pair| pair[0] == end && pair[1] == end).count();
        let share = (stays(low) + stays(high)) as f64 / finite().count() as f64;
        (share > plan.max_clipped_share)
            .then(|| (i, format!("clipped: {:.0} % of its samples at the largest or smallest value", 100.0 * share)))
    };
    data.iter().enumerate().filter_map(reason).collect()
}

/// Windows of a second in which many channels range too widely, judged by the windows of the first `n_training` samples.
pub fn bad_segments(
    data: &[Vec<f64>],
    runs: &Runs,
    rate: SampleRate,
    n_training: usize,
    plan: &ArtefactPlan,
) -> Vec<Range<usize>> {
    let windows = windows(runs, rate);
    let n_reference = windows.iter().filter(|window| window.end <= n_training).count();
    let mut n_bad = vec![0; windows.len()];
    for x in data {
        let log_ranges: Vec<f64> = windows.iter().map(|window| range(&x[window.clone()]).ln()).collect();
        let reference = &log_ranges[..n_reference];
        let (centre, spread) = (median(reference.iter().copied()), robust_sd(reference));
        for (n_bad, log_range) in n_bad.iter_mut().zip(&log_ranges) {
            *n_bad += usize::from((log_range - centre) / spread > plan.max_segment_deviation);
        }
    }
    let most = plan.max_bad_share * data.len() as f64;
    windows.into_iter().zip(n_bad).filter(|&(_, n)| n as f64 > most).map(|(window, _)| window).collect()
}

/// Whole windows, none across a break.
fn windows(runs: &Runs, rate: SampleRate) -> Vec<Range<usize>> {
    let length = ((WINDOW_SECS * rate.hz()).round() as usize).max(2);
    let of_run = |samples: &Range<usize>| {
        let starts = samples.clone().step_by(length);
        let end = samples.end;
        starts.filter(move |start| start + length <= end).map(move |start| start..start + length).collect::<Vec<_>>()
    };
    runs.iter().flat_map(|run| of_run(&run.samples)).collect()
}

fn best_correlation(data: &[Vec<f64>], channel: usize, window: &Range<usize>) -> f64 {
    let x = &data[channel][window.clone()];
    let others = data.iter().enumerate().filter(|(i, _)| *i != channel);
    others.map(|(_, y)| correlation(x, &y[window.clone()]).abs()).fold(0.0, f64::max)
}

/// NaN where a value is missing or a channel does not vary.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sums = x.iter().zip(y).fold([0.0; 3], |[xx, yy, xy], (x, y)| {
        let (dx, dy) = (x - mean_x, y - mean_y);
        [xx + dx * dx, yy + dy * dy, xy + dx * dy]
    });
    sums[2] / (sums[0] * sums[1]).sqrt()
}

/// Largest less smallest value; NaN where one is missing.
fn range(x: &[f64]) -> f64 {
    if x.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    high - low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight channels of one rhythm with some noise of their own, 30 s at 64 Hz.
    fn channels() -> (Vec<Vec<f64>>, Runs, SampleRate) {
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
        };
        let rhythm: Vec<f64> = (0..1920).map(|t| (f64::from(t) * 0.7).sin()).collect();
        let channel = |i: usize| 1.0 + 0.05 * i as f64;
        let data = (0..8).map(|i| rhythm.iter().map(|x| channel(i) * x + 0.3 * noise()).collect()).collect();
        (data, Runs::unbroken(1920), SampleRate::from_hz(64.0).unwrap())
    }

    #[test]
    fn the_odd_channels_are_found_and_no_others() {
        let (mut data, runs, rate) = channels();
        let plan = ArtefactPlan::default();
        assert_eq!(bad_channels(&data, &runs, rate, &plan), []);
        data[2].iter_mut().for_each(|x| *x *= 50.0);
        let mut state = 7u32;
        data[5].iter_mut().for_each(|x| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *x = f64::from(state >> 8) / f64::from(1u32 << 23) - 1.0;
        });
        let bad = bad_channels(&data, &runs, rate, &plan);
        assert_eq!(bad.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [2, 5]);
        assert!(bad[0].1.contains("above the median channel") && bad[1].1.contains("correlates with no other"));
        assert_eq!(bad_channels(&data[..3], &runs, rate, &plan), []);
    }

    /// A sine cut off at half its height is at an end for two thirds of the time; a whole one for moments.
    #[test]
    fn clipped_channels_are_found() {
        let (mut data, runs, rate) = channels();
        let plan = ArtefactPlan::default();
        assert_eq!(clipped_channels(&data, &plan), []);
        data[3].iter_mut().for_each(|x| *x = x.clamp(-0.5, 0.5));
        let found = clipped_channels(&data, &plan);
        assert_eq!(found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [3]);
        assert!(found[0].1.starts_with("clipped: ") && found[0].1.contains(" % of its samples"), "{}", found[0].1);
        // Seconds that are missing say nothing about a channel.
        data.iter_mut().for_each(|x| x[..1200].fill(f64::NAN));
        assert_eq!(bad_channels(&data[..3], &runs, rate, &plan), []);
        assert_eq!(bad_channels(&[&data[..3], &data[4..]].concat(), &runs, rate, &plan), []);
    }

    #[test]
    fn a_jump_in_many_channels_is_a_bad_second() {
        let (mut data, runs, rate) = channels();
        let plan = ArtefactPlan::default();
        assert_eq!(bad_segments(&data, &runs, rate, 1500, &plan), []);
        for x in &mut data[..4] {
            x[700] += 40.0;
            x[1800] -= 40.0;
        }
        let second_of = |t: usize| t / 64 * 64..(t / 64 + 1) * 64;
        assert_eq!(bad_segments(&data, &runs, rate, 1500, &plan), [second_of(700), second_of(1800)]);
        // One channel of eight is more than a tenth, and less than a fifth.
        data[7][300] += 40.0;
        assert_eq!(bad_segments(&data, &runs, rate, 1500, &plan).len(), 3);
        let lax = ArtefactPlan { max_bad_share: 0.2, ..plan };
        assert_eq!(bad_segments(&data, &runs, rate, 1500, &lax).len(), 2);
    }
}
