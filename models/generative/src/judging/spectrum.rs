//! `D_H`: do free simulations have the same rhythms?

use nalgebra::DMatrix;
use realfft::RealFftPlanner;

/// Hellinger distance of smoothed power spectra, in [0, 1], averaged over dimensions.
///
/// `H(f, g) = √(1 − Σ_ω √(f_ω g_ω))` with spectra of the standardised series, smoothed by a Gaussian
/// over frequency bins and normalised to sum 1. The longer series is cut to the shorter.
/// It knows nothing of phase: a phase surrogate scores 0. `None` without finite samples.
///
/// A sample that is missing (NaN) in one of the two counts as missing in both, and stands at the mean of those that
/// are not: both are seen through the same gaps, which blur their spectra alike. Where half of the samples are gone,
/// little but that blur is left, and spectra are not compared.
///
/// Source: Mikhaeil et al. (2022), NeurIPS; Hess et al. (2023), ICML.
pub fn spectral_distance(truth: &DMatrix<f64>, generated: &DMatrix<f64>) -> Option<f64> {
    let n_times = truth.nrows().min(generated.nrows());
    if truth.ncols() != generated.ncols() || truth.ncols() == 0 {
        return None;
    }
    let mut sum = 0.0;
    for (f, g) in truth.column_iter().zip(generated.column_iter()) {
        let pairs: Vec<(f64, f64)> = f.iter().copied().zip(g.iter().copied()).take(n_times).collect();
        let (f, g) = through_the_same_gaps(&pairs)?;
        let (f, g) = (power_spectrum(&f), power_spectrum(&g));
        let overlap: f64 = f.iter().zip(&g).map(|(f, g)| (f * g).sqrt()).sum();
        sum += (1.0 - overlap).max(0.0).sqrt();
    }
    Some(sum / truth.ncols() as f64)
}

/// Least share of samples for a spectrum.
const LEAST_SEEN: f64 = 0.5;

/// Both series from the first sample that both have to the last, gaps filled with the mean of the rest; `None` where
/// too little is left for a spectrum.
pub fn through_the_same_gaps(pairs: &[(f64, f64)]) -> Option<(Vec<f64>, Vec<f64>)> {
    let both = |(f, g): &(f64, f64)| !f.is_nan() && !g.is_nan();
    let (first, last) = (pairs.iter().position(both)?, pairs.iter().rposition(both)?);
    let pairs = &pairs[first..=last];
    let seen: Vec<&(f64, f64)> = pairs.iter().filter(|pair| both(pair)).collect();
    let finite = seen.iter().all(|(f, g)| f.is_finite() && g.is_finite());
    if !finite || seen.len() < 4 || (seen.len() as f64) < LEAST_SEEN * pairs.len() as f64 {
        return None;
    }
    let n = seen.len() as f64;
    let (mean_f, mean_g) = (seen.iter().map(|p| p.0).sum::<f64>() / n, seen.iter().map(|p| p.1).sum::<f64>() / n);
    Some(pairs.iter().map(|pair| if both(pair) { *pair } else { (mean_f, mean_g) }).unzip())
}

/// Widest smoothing, in frequency bins: the value of the published tables.
const MAX_SMOOTHING: f64 = 20.0;
/// Short series have few bins; a kernel wider than this share of them would leave no shape.
const SMOOTHING_SHARE: f64 = 1.0 / 50.0;

/// Smoothed power at frequencies `0, 1/T, … 1/2` per sample, normalised to sum 1.
///
/// A constant series has all its power at frequency 0.
pub fn power_spectrum(series: &[f64]) -> Vec<f64> {
    let n = series.len();
    let mean = series.iter().sum::<f64>() / n as f64;
    let variance = series.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
    let mut power = if variance <= f64::EPSILON * mean.powi(2).max(f64::MIN_POSITIVE) {
        let mut power = vec![0.0; n / 2 + 1];
        power[0] = 1.0;
        power
    } else {
        let mut centred: Vec<f64> = series.iter().map(|x| x - mean).collect();
        let transform = RealFftPlanner::new().plan_fft_forward(n);
        let mut spectrum = transform.make_output_vec();
        transform.process(&mut centred, &mut spectrum).expect("buffers have the lengths that the plan asked for");
        spectrum.iter().map(|c| c.norm_sqr()).collect()
    };
    let width = (power.len() as f64 * SMOOTHING_SHARE).clamp(1.0, MAX_SMOOTHING);
    normalise(&mut power);
    let mut smoothed = smooth(&power, width);
    normalise(&mut smoothed);
    smoothed
}

fn normalise(power: &mut [f64]) {
    let total: f64 = power.iter().sum();
    power.iter_mut().for_each(|p| *p /= total);
}

/// Gaussian filter of standard deviation `width` bins, cut at four of them, reflecting at the ends.
fn smooth(power: &[f64], width: f64) -> Vec<f64> {
    let n = power.len() as isize;
    let radius = (4.0 * width + 0.5) as isize;
    let kernel: Vec<f64> = (-radius..=radius).map(|k| (-0.5 * (k as f64 / width).powi(2)).exp()).collect();
    let total: f64 = kernel.iter().sum();
    let reflect = |index: isize| {
        let folded = index.rem_euclid(2 * n);
        (if folded < n { folded } else { 2 * n - 1 - folded }) as usize
    };
    (0..n)
        .map(|i| {
            let terms = kernel.iter().zip(-radius..).map(|(weight, k)| weight * power[reflect(i + k)]);
            terms.sum::<f64>() / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(period: f64, n: usize) -> DMatrix<f64> {
        DMatrix::from_fn(n, 1, |t, _| (std::f64::consts::TAU * t as f64 / period).sin())
    }

    #[test]
    fn the_same_rhythm_at_another_phase_and_size_is_at_distance_zero() {
        let shifted = DMatrix::from_fn(1000, 1, |t, _| 3.0 * (std::f64::consts::TAU * t as f64 / 20.0 + 1.0).cos());
        assert!(spectral_distance(&sine(20.0, 1000), &shifted).unwrap() < 1e-6);
    }

    #[test]
    fn rhythms_far_apart_are_at_distance_one() {
        assert!(spectral_distance(&sine(4.0, 4000), &sine(100.0, 4000)).unwrap() > 0.99);
    }

    #[test]
    fn the_same_rhythm_through_the_same_gaps_is_at_distance_zero() {
        let mut gappy = sine(20.0, 1000);
        (0..1000).filter(|t| t % 97 < 20).for_each(|t| gappy[(t, 0)] = f64::NAN);
        let shifted = DMatrix::from_fn(1000, 1, |t, _| (std::f64::consts::TAU * t as f64 / 20.0 + 1.0).cos());
        assert!(spectral_distance(&gappy, &shifted).unwrap() < 0.02);
        assert!(spectral_distance(&gappy, &sine(7.0, 1000)).unwrap() > 0.5);
        (0..1000).filter(|t| t % 97 < 60).for_each(|t| gappy[(t, 0)] = f64::NAN);
        assert_eq!(spectral_distance(&gappy, &shifted), None);
    }

    /// `scipy.ndimage.gaussian_filter1d([0, 0, 1, 0, 0, 0], 1)` (SciPy 1.x, mode reflect).
    #[test]
    fn smoothing_agrees_with_scipy() {
        let smoothed = smooth(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 1.0);
        let expected = [
            0.05842298904073567,
            0.24210527628121548,
            0.39894346935609776,
            0.24197144565660073,
            0.05399112742070441,
            0.004565692244646007,
        ];
        for (found, expected) in smoothed.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
        }
    }

    #[test]
    fn a_constant_has_its_power_at_zero() {
        let spectrum = power_spectrum(&[2.5; 64]);
        assert!(spectrum[0] > spectrum[3] && spectrum[10] < 1e-3);
    }
}
