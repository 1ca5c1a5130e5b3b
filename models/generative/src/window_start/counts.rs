//! Counts cut into windows.

use std::ops::Range;

use super::number::Number;
use crate::Series;

/// `[n, W · N]`: the bins of a window after each other.
pub(super) struct Windows<R> {
    pub values: Vec<R>,
    pub length: usize,
    /// First sample of each window.
    pub starts: Vec<usize>,
    /// Log-likelihood of each window under constant rates, but for the factorials.
    pub baseline: Vec<f64>,
}

impl<R> Windows<R> {
    pub fn len(&self) -> usize {
        self.baseline.len()
    }
}

/// The stretches of a recording that windows may be cut from: its runs in a range.
pub(super) struct Counts<'a> {
    series: &'a Series,
    runs: Vec<Range<usize>>,
    /// Of every channel, over the range.
    pub mean: Vec<f64>,
}

/// Of rates: a channel without a count still has a logarithm.
const LOWEST_MEAN: f64 = 1e-4;

impl<'a> Counts<'a> {
    pub fn new(series: &'a Series, range: Range<usize>) -> Self {
        let n = series.n_channels;
        let mean = (0..n).map(|channel| {
            let seen = series.rows(range.clone()).iter().skip(channel).step_by(n).filter(|x| !x.is_nan());
            let (sum, length) = seen.fold((0.0, 0), |(sum, length), &x| (sum + f64::from(x), length + 1));
            (sum / f64::from(length.max(1))).max(LOWEST_MEAN)
        });
        Self { series, mean: mean.collect(), runs: series.runs(range) }
    }

    /// All windows of `length` bins that follow each other without overlap from `shift` (a share of what fits, in [0, 1))
    /// into each run, but for those that lack a sample; of more than `most` every second, third, … one, the first of them at
    /// a share `phase` of what is left out.
    ///
    /// `constant`: the rates of the baseline.
    pub fn windows<R: Number>(
        &self,
        length: usize,
        [shift, phase]: [f64; 2],
        most: usize,
        constant: &[f64],
    ) -> Windows<R> {
        let n = self.series.n_channels;
        let fits = self.runs.iter().filter(|run| run.len() >= length);
        let starts = fits.flat_map(|run| {
            let offsets = (run.len() - length + 1).min(length);
            let first = run.start + (shift * offsets as f64) as usize;
            (first..=run.end - length).step_by(length)
        });
        let whole = |start: &usize| !self.series.rows(*start..start + length).iter().any(|x| x.is_nan());
        let starts: Vec<usize> = starts.filter(whole).collect();
        let stride = starts.len().div_ceil(most).max(1);
        let starts = starts.into_iter().skip((phase * stride as f64) as usize).step_by(stride).collect();
        let mut windows = Windows { values: Vec::new(), length, starts, baseline: Vec::new() };
        let log: Vec<f64> = constant.iter().map(|rate| rate.ln()).collect();
        for &start in &windows.starts {
            let window = self.series.rows(start..start + length);
            windows.values.extend(window.iter().map(|&x| R::from(x)));
            let terms = window.iter().enumerate().map(|(at, &x)| f64::from(x) * log[at % n] - constant[at % n]);
            windows.baseline.push(terms.sum());
        }
        windows
    }

    /// The period, in bins, at which the counts vary most beyond what Poisson counts of constant rates do, among those of
    /// which `window` bins hold one and a half. Half of the window where no stretch is long enough to tell.
    ///
    /// Periodograms of stretches of four windows, half overlapping, under a Hann taper, divided by the mean count: flat for
    /// Poisson counts of constant rates (Bartlett 1963, J. R. Stat. Soc. B 25, 264).
    pub fn period(&self, window: usize) -> f64 {
        let (n, length) = (self.series.n_channels, 4 * window);
        let mut spectrum = Spectrum::new(length);
        for run in self.runs.iter().filter(|run| run.len() >= length) {
            for start in (run.start..=run.end - length).step_by(length / 2) {
                let rows = self.series.rows(start..start + length);
                for (channel, mean) in self.mean.iter().enumerate() {
                    let values = rows.iter().skip(channel).step_by(n);
                    spectrum.add(values.map(|&x| (f64::from(x) - mean) / mean.sqrt()));
                }
            }
        }
        let lowest = length.div_ceil(window * 2 / 3).max(1);
        let strongest = (lowest..length / 4).max_by(|&i, &j| spectrum.power[i].total_cmp(&spectrum.power[j]));
        match strongest.filter(|_| spectrum.n > 0) {
            Some(cycles) => length as f64 / cycles as f64,
            None => window as f64 / 2.0,
        }
    }
}

/// A sum of periodograms.
struct Spectrum {
    transform: std::sync::Arc<dyn realfft::RealToComplex<f64>>,
    taper: Vec<f64>,
    power: Vec<f64>,
    n: usize,
}

impl Spectrum {
    fn new(length: usize) -> Self {
        let transform = realfft::RealFftPlanner::new().plan_fft_forward(length);
        let taper = (0..length).map(|t| (std::f64::consts::PI * (t as f64 + 0.5) / length as f64).sin().powi(2));
        Self { transform, taper: taper.collect(), power: vec![0.0; length / 2 + 1], n: 0 }
    }

    /// A stretch that lacks a sample is left out.
    fn add(&mut self, values: impl Iterator<Item = f64>) {
        let mut tapered: Vec<f64> = values.zip(&self.taper).map(|(value, taper)| value * taper).collect();
        let mut spectrum = self.transform.make_output_vec();
        let whole = !tapered.iter().any(|value| value.is_nan());
        if whole && self.transform.process(&mut tapered, &mut spectrum).is_ok() {
            self.power.iter_mut().zip(&spectrum).for_each(|(power, value)| *power += value.norm_sqr());
            self.n += 1;
        }
    }
}
