//! What can be told of a recording without any model: the rivals that a dynamical feature has to beat.

use std::collections::BTreeMap;

use crate::recording::{Modality, Recording, Runs};
use crate::spectrum::welch;

/// Simple statistics by name; those that cannot be computed (too few channels, no variance) are left out.
///
/// - EEG and MEG: `delta_power` (1–4 Hz), `theta_power` (4–8), `alpha_power` (8–13), `beta_power` (13–30), each relative to
///   1–40 Hz and averaged over channels (Welch, 2 s); `spectral_entropy` of 1–40 Hz in [0, 1];
///   `log_sd`, the mean over channels of ln sd in the channel's unit; `mean_abs_correlation` over channel pairs.
/// - BOLD: `mean_abs_correlation`, `mean_correlation`, `lag1_autocorrelation` averaged over regions,
///   `global_sd` of the mean over regions, `log_sd`.
/// - Spikes, at 1 s: `mean_rate_hz`, `population_cv` of the summed count, `mean_correlation` over unit pairs,
///   `fano_factor` averaged over units.
///
/// Missing values have no say, and nothing is computed across a gap. Costs `O(channels² · time)` for the correlations.
pub fn simple_statistics(recording: &Recording) -> BTreeMap<String, f64> {
    let named = match recording.modality {
        Modality::Eeg | Modality::Meg => of_eeg(recording),
        Modality::Bold => of_bold(recording),
        Modality::Spikes => of_spikes(recording),
    };
    let known = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.filter(|(_, value)| value.is_finite()).collect()
}

type Named = Vec<(&'static str, Option<f64>)>;

fn of_eeg(recording: &Recording) -> Named {
    const PIECE_SECS: f64 = 2.0;
    const WHOLE_HZ: [f64; 2] = [1.0, 40.0];
    const BANDS_HZ: [(&str, f64, f64); 4] =
        [("delta_power", 1.0, 4.0), ("theta_power", 4.0, 8.0), ("alpha_power", 8.0, 13.0), ("beta_power", 13.0, 30.0)];
    let channels = columns(recording);
    let rate_hz = recording.sample_rate.hz();
    let piece = (PIECE_SECS * rate_hz).round() as usize;
    let spectrum = |x: &Vec<f64>| {
        let stretches = recording.runs.stretches_of(x);
        welch(&stretches.into_iter().map(|stretch| &x[stretch]).collect::<Vec<_>>(), rate_hz, piece)
    };
    let spectra: Vec<_> = channels.iter().map(spectrum).collect();
    let [low_hz, high_hz] = WHOLE_HZ;

    let mut named: Named = BANDS_HZ
        .iter()
        .map(|&(name, from, to)| {
            (name, mean(spectra.iter().map(|spectrum| spectrum.between(from, to) / spectrum.between(low_hz, high_hz))))
        })
        .collect();
    let entropies = spectra.iter().map(|spectrum| {
        let powers = spectrum.iter().filter(|&(hz, _)| low_hz <= hz && hz < high_hz).map(|(_, density)| density);
        normalised_entropy(&powers.collect::<Vec<_>>())
    });
    named.push(("spectral_entropy", mean(entropies)));
    named.push(("log_sd", mean(channels.iter().map(|x| sd(x).ln()))));
    named.push(("mean_abs_correlation", mean(correlations(&channels).into_iter().map(f64::abs))));
    named
}

fn of_bold(recording: &Recording) -> Named {
    let regions = columns(recording);
    let pairs = correlations(&regions);
    let global: Vec<f64> = (0..recording.n_times()).filter_map(|t| mean(regions.iter().map(|x| x[t]))).collect();
    vec![
        ("mean_abs_correlation", mean(pairs.iter().map(|r| r.abs()))),
        ("mean_correlation", mean(pairs.iter().copied())),
        ("lag1_autocorrelation", mean(regions.iter().map(|x| lag1_autocorrelation(x, &recording.runs)))),
        ("global_sd", (!global.is_empty()).then(|| sd(&global))),
        ("log_sd", mean(regions.iter().map(|x| sd(x).ln()))),
    ]
}

fn of_spikes(recording: &Recording) -> Named {
    const BIN_SECS: f64 = 1.0;
    let per_bin = (BIN_SECS * recording.sample_rate.hz()).round().max(1.0) as usize;
    let seconds = |x: &Vec<f64>| -> Vec<f64> {
        let runs = recording.runs.iter().map(|run| &x[run.samples.clone()]);
        runs.flat_map(|x| x.chunks_exact(per_bin).map(|bins| bins.iter().sum())).collect()
    };
    let units: Vec<Vec<f64>> = columns(recording).iter().map(seconds).collect();
    let n_bins = units.first().map_or(0, Vec::len);
    let population: Vec<f64> =
        (0..n_bins).map(|t| units.iter().map(|x| x[t]).sum()).filter(|sum: &f64| sum.is_finite()).collect();
    let rate_of = |counts: &[f64]| average(counts) * recording.sample_rate.hz() / per_bin as f64;
    vec![
        ("mean_rate_hz", mean(units.iter().map(|x| rate_of(x)))),
        ("population_cv", (!population.is_empty()).then(|| sd(&population) / average(&population))),
        ("mean_correlation", mean(correlations(&units).into_iter())),
        ("fano_factor", mean(units.iter().map(|x| sd(x).powi(2) / average(x)))),
    ]
}

/// `[channel][time]`
fn columns(recording: &Recording) -> Vec<Vec<f64>> {
    (0..recording.n_channels()).map(|i| recording.channel(i).map(f64::from).collect()).collect()
}

/// Mean over the finite values; `None` where there is none.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.filter(|value| value.is_finite()).fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    (n > 0.0).then(|| sum / n)
}

/// Over the values that are there.
fn average(x: &[f64]) -> f64 {
    let (n, sum) =
        x.iter().filter(|value| value.is_finite()).fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    sum / n
}

/// Population standard deviation of the values that are there.
fn sd(x: &[f64]) -> f64 {
    let mean = average(x);
    average(&x.iter().map(|value| (value - mean).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// Pearson's r of every pair of channels that both vary, over the times at which no channel is missing.
fn correlations(channels: &[Vec<f64>]) -> Vec<f64> {
    let n_times = channels.first().map_or(0, Vec::len);
    let complete: Vec<usize> = (0..n_times).filter(|&t| channels.iter().all(|x| x[t].is_finite())).collect();
    let unit_length = |x: &Vec<f64>| {
        let x: Vec<f64> = complete.iter().map(|&t| x[t]).collect();
        let mean = average(&x);
        let length = x.iter().map(|value| (value - mean).powi(2)).sum::<f64>().sqrt();
        (length > 0.0).then(|| x.iter().map(|value| (value - mean) / length).collect::<Vec<_>>())
    };
    let directions: Vec<Vec<f64>> = channels.iter().filter_map(unit_length).collect();
    let mut pairs = Vec::with_capacity(directions.len() * directions.len().saturating_sub(1) / 2);
    for (i, a) in directions.iter().enumerate() {
        pairs.extend(directions[..i].iter().map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()));
    }
    pairs
}

fn lag1_autocorrelation(x: &[f64], runs: &Runs) -> f64 {
    let mean = average(x);
    let stretches = runs.stretches_of(x);
    let neighbours = stretches.iter().flat_map(|stretch| x[stretch.clone()].windows(2));
    let covariance: f64 = neighbours.map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let squares = x.iter().filter(|value| value.is_finite()).map(|value| (value - mean).powi(2));
    covariance / squares.sum::<f64>()
}

/// Shannon entropy of the powers as shares, over its largest possible value; NaN for fewer than two powers.
fn normalised_entropy(powers: &[f64]) -> f64 {
    if powers.len() < 2 {
        return f64::NAN;
    }
    let total: f64 = powers.iter().sum();
    let shares = powers.iter().map(|power| power / total).filter(|&share| share > 0.0);
    shares.map(|share| -share * share.ln()).sum::<f64>() / (powers.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Channel, Inputs, SampleRate};

    /// `channels: [channel][time]`
    fn statistics(modality: Modality, hz: f64, channels: &[Vec<f32>]) -> BTreeMap<String, f64> {
        let channel = |i: usize| Channel { name: i.to_string(), unit: "a.u.".into() };
        simple_statistics(&Recording {
            modality,
            sample_rate: SampleRate::from_hz(hz).unwrap(),
            channels: (0..channels.len()).map(channel).collect(),
            samples: (0..channels[0].len()).flat_map(|t| channels.iter().map(move |x| x[t])).collect(),
            runs: Runs::unbroken(channels[0].len()),
            inputs: Inputs::none(),
        })
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} instead of {expected}");
    }

    /// A 10 Hz sine of amplitude 2 is all alpha, with sd √2; its copy upside down correlates by −1.
    #[test]
    fn a_sine_is_one_band() {
        let sine: Vec<f32> = (0..1280).map(|t| 2.0 * (t as f32 * std::f32::consts::TAU * 10.0 / 128.0).sin()).collect();
        let found = statistics(Modality::Eeg, 128.0, &[sine.clone(), sine.iter().map(|x| -x).collect()]);
        assert_close(found["alpha_power"], 1.0, 1e-6);
        assert_close(found["theta_power"], 0.0, 1e-6);
        assert_close(found["log_sd"], 2f64.sqrt().ln(), 1e-6);
        assert_close(found["mean_abs_correlation"], 1.0, 1e-6);
        // A Hann window spreads a sine at a bin's centre over three bins, with powers 1 : 4 : 1.
        let entropy = -(2.0 / 6.0 * (1.0f64 / 6.0).ln() + 4.0 / 6.0 * (4.0f64 / 6.0).ln()) / 78f64.ln();
        assert_close(found["spectral_entropy"], entropy, 1e-5);
    }

    /// A square wave of period 4 has lag-1 covariance 0 up to its last sample; opposite regions have no global signal.
    #[test]
    fn opposite_regions_cancel() {
        let square: Vec<f32> = (0..400).map(|t| if t % 4 < 2 { 1.0 } else { -1.0 }).collect();
        let found = statistics(Modality::Bold, 0.5, &[square.clone(), square.iter().map(|x| -x).collect()]);
        assert_close(found["lag1_autocorrelation"], 0.0, 1.0 / 399.0);
        assert_close(found["global_sd"], 0.0, 1e-12);
        assert_close(found["mean_correlation"], -1.0, 1e-12);
        assert_close(found["mean_abs_correlation"], 1.0, 1e-12);
    }

    /// Counts per second 2, 0, 2, 0 in both units: rate 1 Hz, variance 1, Fano factor 1, population 4, 0: CV 1.
    #[test]
    fn counts_are_taken_per_second() {
        let train = vec![1.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0];
        let found = statistics(Modality::Spikes, 2.0, &[train.clone(), train]);
        for name in ["mean_rate_hz", "population_cv", "mean_correlation", "fano_factor"] {
            assert_close(found[name], 1.0, 1e-12);
        }
    }

    #[test]
    fn what_cannot_be_computed_is_left_out() {
        let found = statistics(Modality::Spikes, 1.0, &[vec![0.0; 5]]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("mean_rate_hz".to_owned(), 0.0)]);
        assert!(statistics(Modality::Eeg, 128.0, &[Vec::new()]).is_empty());
        assert!(!statistics(Modality::Bold, 1.0, &[vec![1.0]]).contains_key("mean_correlation"));
    }
}
