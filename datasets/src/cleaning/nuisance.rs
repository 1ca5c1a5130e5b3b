//! Nuisance signals, slow drift and frequencies outside a band, taken out in one regression.

use std::f64::consts::PI;
use std::ops::Range;

use super::filter::Band;
use crate::recording::{Runs, SampleRate};

/// What is taken out of every channel.
#[derive(Debug, Clone, Copy)]
pub struct Design<'a> {
    /// `[regressor][time]`, finite.
    pub regressors: &'a [Vec<f64>],
    /// A straight line over each run.
    pub line: bool,
    /// The frequencies that stay.
    pub band: Option<Band>,
}

/// What is left when the design has taken its share of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freedom {
    pub n_samples: usize,
    /// Independent columns of the design.
    pub rank: usize,
}

/// A column that has less than this of its length left, once the others are taken from it, is one of their sums.
const COLLINEAR: f64 = 1e-9;

/// Replaces each channel by its residual from one least-squares fit, run by run; NaN samples stay NaN and count for
/// nothing.
///
/// The design of a run of `T` samples is a constant, a line, every cosine `cos(πk(t + ½)/T)`, `k ≥ 1`, whose
/// frequency `k · rate / 2T` lies outside the band, and the regressors. All are fitted together, over the samples
/// that are there: filtering first and regressing next would put back what the filter took out, and filtering over
/// scrubbed volumes would spread what they hold (Lindquist et al. 2019, Hum. Brain Mapp. 40, 2358–2376; the same
/// remedy as Hallquist et al. 2013, NeuroImage 82, 208–225). The cosines are a basis, so without missing samples
/// this equals an ideal filter of data and regressors alike, and then the regression.
///
/// A narrow band or a low repetition time leaves few degrees of freedom, which the answer tells: the smallest over
/// runs and channels. `Err` where a run's design is as large as the run. Costs `O(T · rank²)` for each pattern of
/// missing samples and `O(T · rank)` for each channel.
pub fn regress_out(data: &mut [Vec<f64>], runs: &Runs, rate: SampleRate, design: Design) -> Result<Freedom, Freedom> {
    let mut least: Option<Freedom> = None;
    for run in runs.iter().map(|run| &run.samples) {
        // Scrubbing takes the same samples from all channels, so one basis mostly serves all.
        let mut basis: Option<(Vec<usize>, Vec<Vec<f64>>)> = None;
        for x in data.iter_mut() {
            let kept: Vec<usize> = run.clone().filter(|&t| x[t].is_finite()).collect();
            if kept.is_empty() {
                continue;
            }
            if basis.as_ref().is_none_or(|(samples, _)| *samples != kept) {
                let columns = columns(run, &kept, rate, design);
                basis = Some((kept.clone(), orthonormal(columns)));
            }
            let Some((kept, basis)) = &basis else { continue };
            let freedom = Freedom { n_samples: kept.len(), rank: basis.len() };
            if freedom.rank >= freedom.n_samples {
                return Err(freedom);
            }
            let mut residual: Vec<f64> = kept.iter().map(|&t| x[t]).collect();
            subtract_projection(&mut residual, basis);
            kept.iter().zip(residual).for_each(|(&t, value)| x[t] = value);
            let left = |freedom: Freedom| freedom.n_samples - freedom.rank;
            least = Some(least.filter(|&least| left(least) <= left(freedom)).unwrap_or(freedom));
        }
    }
    Ok(least.unwrap_or(Freedom { n_samples: 0, rank: 0 }))
}

/// The design at the samples kept, the most general columns first.
fn columns(run: &Range<usize>, kept: &[usize], rate: SampleRate, design: Design) -> Vec<Vec<f64>> {
    let n = run.len() as f64;
    let at_kept = |value: &dyn Fn(f64) -> f64| kept.iter().map(|&t| value((t - run.start) as f64)).collect();
    let mut columns: Vec<Vec<f64>> = vec![at_kept(&|_| 1.0)];
    if design.line {
        columns.push(at_kept(&|t| t / n - 0.5));
    }
    if let Some(band) = design.band {
        let stopped = (1..run.len()).filter(|&k| !band.contains(k as f64 * rate.hz() / (2.0 * n)));
        columns.extend(stopped.map(|k| at_kept(&|t| (PI * k as f64 * (t + 0.5) / n).cos())));
    }
    columns.extend(design.regressors.iter().map(|column| kept.iter().map(|&t| column[t]).collect::<Vec<f64>>()));
    columns
}

/// Orthonormal vectors of the same span, by Gram–Schmidt done twice (Giraud et al. 2005, Numer. Math. 101, 87–100).
fn orthonormal(columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    for mut column in columns {
        let before = length(&column);
        subtract_projection(&mut column, &basis);
        let after = length(&column);
        if after > COLLINEAR * before && basis.len() < column.len() {
            column.iter_mut().for_each(|value| *value /= after);
            basis.push(column);
        }
    }
    basis
}

/// `x − Q Qᵀ x`, twice, which leaves `x` orthogonal to working precision.
fn subtract_projection(x: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for column in basis {
            let share: f64 = column.iter().zip(x.iter()).map(|(q, value)| q * value).sum();
            x.iter_mut().zip(column).for_each(|(value, q)| *value -= share * q);
        }
    }
}

fn length(x: &[f64]) -> f64 {
    x.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 120;

    fn rate() -> SampleRate {
        SampleRate::from_hz(0.5).unwrap()
    }

    fn band() -> Band {
        Band::BandPass { low_hz: 0.0101, high_hz: 0.1 }
    }

    /// Irregular and yet the same every time.
    fn noise(seed: f64) -> Vec<f64> {
        (0..N).map(|t| ((t as f64 + seed) * 12.9898).sin() * 43758.5453).map(|x| x - x.floor() - 0.5).collect()
    }

    fn cosine(k: usize) -> Vec<f64> {
        (0..N).map(|t| (PI * k as f64 * (t as f64 + 0.5) / N as f64).cos()).collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn clean(x: &[f64], regressors: &[Vec<f64>], band: Option<Band>) -> Vec<f64> {
        let mut data = [x.to_vec()];
        regress_out(&mut data, &Runs::unbroken(N), rate(), Design { regressors, line: false, band }).unwrap();
        let [x] = data;
        x
    }

    #[test]
    fn the_residual_has_nothing_of_the_confounds_nor_of_the_stop_band() {
        let confounds = [noise(1.0), noise(2.0).iter().map(|x| 1e6 * x + 1e7).collect()];
        let x: Vec<f64> = noise(3.0).iter().zip(&confounds[0]).map(|(x, c)| 500.0 + x + 30.0 * c).collect();
        let cleaned = clean(&x, &confounds, Some(band()));
        for confound in &confounds {
            assert!(dot(&cleaned, confound).abs() < 1e-9 * length(confound) * length(&x));
        }
        for k in (0..N).filter(|&k| k == 0 || !band().contains(k as f64 * 0.5 / (2 * N) as f64)) {
            assert!(dot(&cleaned, &cosine(k)).abs() < 1e-9 * length(&x), "{k}");
        }
        assert!(length(&cleaned) > 0.1);
    }

    /// The other road: both through an ideal filter of the cosine transform, then a regression by the normal equation.
    #[test]
    fn one_step_equals_filtering_both_alike() {
        let pass = |x: &[f64]| {
            let mut y = vec![0.0; N];
            for k in (1..N).filter(|&k| band().contains(k as f64 * 0.5 / (2 * N) as f64)) {
                let share = dot(x, &cosine(k)) * 2.0 / N as f64;
                y.iter_mut().zip(cosine(k)).for_each(|(y, c)| *y += share * c);
            }
            y
        };
        let (confound, x) = (noise(1.0), noise(2.0));
        let (filtered_confound, filtered) = (pass(&confound), pass(&x));
        let slope = dot(&filtered, &filtered_confound) / dot(&filtered_confound, &filtered_confound);
        let expected: Vec<f64> = filtered.iter().zip(&filtered_confound).map(|(x, c)| x - slope * c).collect();
        let found = clean(&x, std::slice::from_ref(&confound), Some(band()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        // Filtering first and regressing with the confound as it is puts the stop band back.
        let slope = dot(&filtered, &confound) / dot(&confound, &confound);
        let one_after_the_other: Vec<f64> = filtered.iter().zip(&confound).map(|(x, c)| x - slope * c).collect();
        assert!(dot(&one_after_the_other, &cosine(100)).abs() > 1e-3);
        assert!(dot(&found, &cosine(100)).abs() < 1e-10);
    }

    /// What a scrubbed volume holds changes nothing, and the rhythm underneath is found through the holes.
    #[test]
    fn missing_samples_count_for_nothing() {
        let rhythm = cosine(10);
        let confound = noise(1.0);
        let clean_with = |spike: f64| {
            let x: Vec<f64> = (0..N).map(|t| 100.0 + rhythm[t] + 5.0 * confound[t]).collect();
            let mut confound = confound.clone();
            let mut data = [x];
            for t in [17, 18, 60, 99] {
                data[0][t] = f64::NAN;
                confound[t] = spike;
            }
            let regressors = [confound];
            let design = Design { regressors: &regressors, line: true, band: Some(band()) };
            let freedom = regress_out(&mut data, &Runs::unbroken(N), rate(), design).unwrap();
            (data, freedom)
        };
        let ([x], freedom) = clean_with(0.0);
        let ([with_spikes], _) = clean_with(1e9);
        assert_eq!(freedom.n_samples, N - 4);
        for t in 0..N {
            if [17, 18, 60, 99].contains(&t) {
                assert!(x[t].is_nan());
            } else {
                assert_eq!(x[t], with_spikes[t]);
            }
        }
        let kept: Vec<usize> = (0..N).filter(|&t| x[t].is_finite()).collect();
        let at = |y: &[f64]| kept.iter().map(|&t| y[t]).collect::<Vec<f64>>();
        let correlation = dot(&at(&x), &at(&rhythm)) / (length(&at(&x)) * length(&at(&rhythm)));
        assert!(correlation > 0.9, "{correlation}");
    }

    #[test]
    fn runs_are_fitted_each_by_itself() {
        let x: Vec<f64> = (0..N).map(|t| if t < 50 { t as f64 } else { 1000.0 - 3.0 * t as f64 }).collect();
        let mut data = [x];
        let design = Design { regressors: &[], line: true, band: None };
        let freedom =
            regress_out(&mut data, &Runs::from_lengths([(50, 0.0), (N - 50, 300.0)]), rate(), design).unwrap();
        assert!(data[0].iter().all(|value| value.abs() < 1e-9));
        assert_eq!(freedom, Freedom { n_samples: 50, rank: 2 });
    }

    #[test]
    fn a_copy_of_a_confound_costs_no_freedom_and_too_many_leave_none() {
        let confound = noise(1.0);
        let doubled: Vec<f64> = confound.iter().map(|x| 2.0 * x + 7.0).collect();
        let mut data = [noise(5.0)];
        let regressors = [confound, doubled];
        let design = Design { regressors: &regressors, line: false, band: None };
        assert_eq!(regress_out(&mut data, &Runs::unbroken(N), rate(), design).unwrap().rank, 2);
        let many: Vec<Vec<f64>> = (0..N).map(|i| noise(i as f64 * 1.7)).collect();
        let design = Design { regressors: &many, line: false, band: None };
        assert_eq!(regress_out(&mut data, &Runs::unbroken(N), rate(), design), Err(Freedom { n_samples: N, rank: N }));
    }
}
