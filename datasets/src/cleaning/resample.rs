//! Another sampling rate, with what the new one cannot hold filtered out before.

use std::f64::consts::PI;

use crate::recording::{Runs, SampleRate};

/// Change of rate by the ratio `up / down` of small whole numbers.
///
/// `y[m] = Σₖ h[m·down − k·up] x[k]`: as if zeros were put between the samples, a low-pass `h` run over them at the
/// higher rate and every `down`-th value kept. `h` is a sinc with its edge at the lower of both Nyquist frequencies,
/// ten of its zeros long on either side, in a Kaiser window with β = 5, so that what would fold back is at least
/// 50 dB down from 1.1 times that edge on. Zero phase: sample `m` stands for the time `m · down / up`.
///
/// Source: Crochiere & Rabiner (1983), Multirate Digital Signal Processing, ch. 3; the filter is that of scipy's
/// `resample_poly`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampler {
    up: usize,
    down: usize,
    half: usize,
    /// `h[-half ..= half]`
    h: Vec<f64>,
}

impl Resampler {
    /// `None` where the rates are in no ratio of whole numbers up to 1000.
    pub fn between(from: SampleRate, to: SampleRate) -> Option<Self> {
        let (up, down) = ratio(to.hz() / from.hz())?;
        let widest = up.max(down);
        let half = 10 * widest;
        let tap = |n: usize| {
            let m = n as f64 - half as f64;
            let share = m / half as f64;
            sinc(m / widest as f64) * bessel_i0(5.0 * (1.0 - share * share).max(0.0).sqrt())
        };
        let mut h: Vec<f64> = (0..=2 * half).map(tap).collect();
        let scale = up as f64 / h.iter().sum::<f64>();
        h.iter_mut().for_each(|value| *value *= scale);
        Some(Self { up, down, half, h })
    }

    /// How many samples `n` become.
    pub fn length_of(&self, n: usize) -> usize {
        (n * self.up).div_ceil(self.down)
    }

    /// The time axis afterwards.
    pub fn runs(&self, runs: &Runs) -> Runs {
        Runs::from_lengths(runs.iter().map(|run| (self.length_of(run.samples.len()), run.start_secs)))
    }

    /// The samples of all runs at the new rate. Each stretch without a break or a missing value is resampled by itself,
    /// after the straight line between its ends is taken away, which keeps an offset from ringing at them; what lies
    /// between two stretches is missing.
    pub fn apply(&self, x: &[f64], runs: &Runs) -> Vec<f64> {
        let mut resampled = Vec::with_capacity(self.length_of(x.len()) + runs.len());
        for run in runs.iter() {
            let first = resampled.len();
            resampled.resize(first + self.length_of(run.samples.len()), f64::NAN);
            self.apply_to_run(&x[run.samples.clone()], &mut resampled[first..]);
        }
        resampled
    }

    fn apply_to_run(&self, x: &[f64], y: &mut [f64]) {
        for stretch in Runs::unbroken(x.len()).stretches_of(x) {
            let values = &x[stretch.clone()];
            let (start, slope) = line_between_ends(values);
            // The output samples whose time lies in the stretch, or after the last sample of the run.
            let from = self.length_of(stretch.start);
            let to = if stretch.end == x.len() { y.len() } else { (stretch.end - 1) * self.up / self.down + 1 };
            for (m, y) in y.iter_mut().enumerate().take(to).skip(from) {
                let at = m * self.down;
                let line = start + slope * (at as f64 / self.up as f64 - stretch.start as f64);
                let earliest = at.saturating_sub(self.half).div_ceil(self.up).max(stretch.start);
                let latest = ((at + self.half) / self.up).min(stretch.end - 1);
                let sum: f64 = (earliest..=latest)
                    .map(|k| {
                        let deviation = x[k] - (start + slope * (k - stretch.start) as f64);
                        self.h[self.half + at - k * self.up] * deviation
                    })
                    .sum();
                *y = line + sum;
            }
        }
    }
}

/// `(up, down)` by continued fractions.
fn ratio(of: f64) -> Option<(usize, usize)> {
    const LARGEST: f64 = 1000.0;
    let (mut before, mut now) = ((0.0, 1.0), (1.0, 0.0));
    let mut rest = of;
    while rest.is_finite() {
        let whole = rest.floor();
        (before, now) = (now, (whole * now.0 + before.0, whole * now.1 + before.1));
        if now.0 > LARGEST || now.1 > LARGEST {
            return None;
        }
        if now.0 > 0.0 && (now.0 / now.1 / of - 1.0).abs() < 1e-9 {
            return Some((now.0 as usize, now.1 as usize));
        }
        rest = 1.0 / (rest - whole);
    }
    None
}

fn line_between_ends(x: &[f64]) -> (f64, f64) {
    match x {
        [first, .., last] => (*first, (last - first) / (x.len() - 1) as f64),
        _ => (x.first().copied().unwrap_or(0.0), 0.0),
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// `Σ ((x/2)ᵏ / k!)²`, the modified Bessel function of order 0.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(hz: f64) -> SampleRate {
        SampleRate::from_hz(hz).unwrap()
    }

    fn resampler(up: f64, down: f64) -> Resampler {
        Resampler::between(rate(down), rate(up)).unwrap()
    }

    /// Expected: SciPy 1.17, `line + resample_poly(x - line, up, down)`, the line through both ends, at samples 0, 1, n/3, n/2,
    /// n − 2 and n − 1.
    fn check(up: f64, down: f64, expected: [f64; 6]) {
        let value = |t: f64| (0.9 * t).sin() + 0.5 * (0.05 * t * t / 40.0).cos() + 0.01 * t + 3.0;
        let x: Vec<f64> = (0..400).map(|t| value(f64::from(t))).collect();
        let y = resampler(up, down).apply(&x, &Runs::unbroken(400));
        let n = y.len();
        assert_eq!(n as f64, (400.0 * up / down).ceil());
        for (t, expected) in [0, 1, n / 3, n / 2, n - 2, n - 1].into_iter().zip(expected) {
            assert!((y[t] - expected).abs() < 1e-10, "{up}/{down}, sample {t}: {} instead of {expected}", y[t]);
        }
    }

    #[test]
    fn agrees_with_scipy() {
        check(
            1.0,
            4.0,
            [
                3.9358938328583193,
                3.4004877546035446,
                3.8256011174537843,
                5.475205221747704,
                7.042400969048392,
                6.7665882882948125,
            ],
        );
        check(
            3.0,
            2.0,
            [3.5, 4.009550175539102, 4.42778428135121, 4.680808893394135, 7.313443343798826, 7.6758518118624455],
        );
        check(
            2.0,
            5.0,
            [
                3.7605266092921834,
                4.241928976792343,
                3.6948872356034825,
                4.681282536116062,
                6.87986315225852,
                6.255132988011783,
            ],
        );
        check(
            147.0,
            160.0,
            [
                3.5201425964740483,
                4.337055175645073,
                3.9575443626569453,
                4.575151441362173,
                6.985379477295022,
                7.673912382404051,
            ],
        );
    }

    /// From 500 to 128 Hz: 10 Hz is kept at the times of the new samples, 100 Hz is gone.
    #[test]
    fn what_fits_stays_and_what_would_fold_back_goes() {
        let wave = |hz: f64, t: f64| (2.0 * PI * hz * t).sin();
        let of = |hz: f64| -> Vec<f64> {
            let x: Vec<f64> = (0..5000).map(|t| wave(hz, f64::from(t) / 500.0)).collect();
            resampler(128.0, 500.0).apply(&x, &Runs::unbroken(5000))
        };
        for (m, y) in of(10.0).iter().enumerate().take(1200).skip(80) {
            assert!((y - wave(10.0, m as f64 / 128.0)).abs() < 2e-3);
        }
        assert!(of(100.0)[80..1200].iter().all(|y| y.abs() < 3e-3));
    }

    #[test]
    fn gaps_stay_where_they_are() {
        let mut x: Vec<f64> = (0..90).map(f64::from).collect();
        x[40..60].fill(f64::NAN);
        let runs = Runs::from_lengths([(80, 0.0), (10, 7.0)]);
        let resampler = resampler(1.0, 2.0);
        let y = resampler.apply(&x, &runs);
        assert_eq!(resampler.runs(&runs), Runs::from_lengths([(40, 0.0), (5, 7.0)]));
        // A straight line stays one.
        for (m, y) in y.iter().enumerate() {
            let is_missing = (20..30).contains(&m);
            assert!(if is_missing { y.is_nan() } else { (y - 2.0 * m as f64).abs() < 1e-9 }, "{m}: {y}");
        }
    }

    #[test]
    fn ratios_are_small_or_none() {
        assert_eq!(ratio(128.0 / 512.0), Some((1, 4)));
        assert_eq!(ratio(250.0 / 1000.0), Some((1, 4)));
        assert_eq!(ratio(44100.0 / 48000.0), Some((147, 160)));
        assert_eq!(ratio(100.0 / 2.2), Some((500, 11)));
        assert_eq!(ratio(std::f64::consts::PI), None);
        assert_eq!(ratio(1e-6), None);
    }
}
