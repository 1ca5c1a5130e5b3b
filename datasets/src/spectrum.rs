//! Power spectral density by Welch's method.

use realfft::RealFftPlanner;
use std::f64::consts::PI;

/// One-sided power spectral density.
pub(crate) struct Spectrum {
    /// Distance between neighbouring frequencies, which start at 0.
    pub step_hz: f64,
    /// Power per Hz at each frequency.
    pub density: Vec<f64>,
}

/// Mean periodogram of half-overlapping, mean-free, Hann-windowed pieces of `piece` samples, none of which reaches from
/// one of the unbroken `stretches` into the next. Where all are shorter, the longest is the piece.
///
/// Equals scipy's `welch(x, rate, nperseg=piece)` for one stretch. Costs `O(n log piece)`.
///
/// Source: Welch (1967), IEEE Trans. Audio Electroacoust. 15, 70–73.
pub(crate) fn welch(stretches: &[&[f64]], rate_hz: f64, piece: usize) -> Spectrum {
    let longest = stretches.iter().map(|x| x.len()).max().unwrap_or(0);
    let piece = piece.min(longest).max(1);
    let window: Vec<f64> = (0..piece).map(|t| 0.5 - 0.5 * (2.0 * PI * t as f64 / piece as f64).cos()).collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(piece);
    let (mut input, mut output) = (transform.make_input_vec(), transform.make_output_vec());
    let mut density = vec![0.0; output.len()];
    let hop = piece - piece / 2;
    let mut n_pieces = 0.0;
    for part in stretches.iter().flat_map(|x| x.windows(piece).step_by(hop)) {
        let mean = part.iter().sum::<f64>() / piece as f64;
        for ((into, value), weight) in input.iter_mut().zip(part).zip(&window) {
            *into = (value - mean) * weight;
        }
        // Fails only where the buffers have other lengths than the plan made them.
        if transform.process(&mut input, &mut output).is_err() {
            break;
        }
        n_pieces += 1.0;
        for (sum, value) in density.iter_mut().zip(&output) {
            *sum += value.norm_sqr();
        }
    }
    let scale = rate_hz * window.iter().map(|weight| weight * weight).sum::<f64>() * n_pieces;
    let last = density.len() - 1;
    for (k, value) in density.iter_mut().enumerate() {
        // Every frequency but 0 and Nyquist stands for its negative twin too.
        let twins = if k == 0 || (k == last && piece.is_multiple_of(2)) { 1.0 } else { 2.0 };
        *value *= twins / scale;
    }
    Spectrum { step_hz: rate_hz / piece as f64, density }
}

impl Spectrum {
    /// Frequencies in Hz with their densities.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64)> {
        self.density.iter().enumerate().map(|(k, &density)| (k as f64 * self.step_hz, density))
    }

    /// Sum of the densities from `low_hz` up to, not including, `high_hz`.
    pub fn between(&self, low_hz: f64, high_hz: f64) -> f64 {
        self.iter().filter(|&(hz, _)| low_hz <= hz && hz < high_hz).map(|(_, density)| density).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n: usize, piece: usize, expected: &[(usize, f64)]) {
        let value = |t: f64| (0.9 * t).sin() + 0.5 * (0.05 * t * t / 40.0).cos() + 0.01 * t + 3.0;
        let x: Vec<f64> = (0..n).map(|t| value(t as f64)).collect();
        let found = welch(&[&x], 128.0, piece);
        assert_eq!(found.density.len(), piece / 2 + 1);
        for &(k, expected) in expected {
            let error = (found.density[k] - expected).abs() / expected;
            assert!(error < 1e-5, "{k}: {} instead of {expected}", found.density[k]);
        }
    }

    /// Expected values: SciPy 1.17, `scipy.signal.welch(x, 128, nperseg=piece)`.
    #[test]
    fn agrees_with_scipy() {
        let even = [
            (0, 0.0007291894966605441),
            (1, 0.010507234631930719),
            (5, 0.006979955897544213),
            (31, 4.4817344480941825e-11),
            (32, 2.1166013404583077e-11),
        ];
        check(400, 64, &even);
        let odd = [(0, 0.004464419262782969), (5, 0.07812262398221825), (16, 4.290229754878696e-09)];
        check(99, 33, &odd);
    }

    #[test]
    fn nothing_has_no_power() {
        assert!(welch(&[], 1.0, 8).density.iter().all(|density| density.is_nan() || *density == 0.0));
    }
}
