//! Bits per spike: is a rate prediction better than the unit's mean rate?

use nalgebra::DMatrix;

/// `(ln L(rates) − ln L(mean rates)) / (n_spikes ln 2)`, Poisson likelihoods of `counts: [T, N]`.
///
/// `mean_counts: [N]` are expected counts per bin from the training part; 0 means no better than they
/// are. All in counts per bin: rates in Hz would have to be multiplied by the bin width first. Bins that are NaN, in
/// the counts or the rates, are left out. `None` without spikes.
///
/// Source: Pei et al. (2021), NeurIPS Datasets (Neural Latents Benchmark).
pub fn bits_per_spike(counts: &DMatrix<f64>, expected: &DMatrix<f64>, mean_counts: &[f64]) -> Option<f64> {
    if counts.shape() != expected.shape() {
        return None;
    }
    let (mut gain, mut n_spikes) = (0.0, 0.0);
    for (unit, &mean) in mean_counts.iter().enumerate() {
        let mean = mean.max(MIN_EXPECTED);
        let (counts, expected) = (counts.column(unit), expected.column(unit));
        let bins = counts.iter().zip(expected.iter());
        for (&count, &rate) in bins.filter(|(count, rate)| !count.is_nan() && !rate.is_nan()) {
            let rate = rate.max(MIN_EXPECTED);
            gain += count * (rate / mean).ln() - (rate - mean);
            n_spikes += count;
        }
    }
    (n_spikes > 0.0).then(|| gain / (n_spikes * std::f64::consts::LN_2))
}

/// A rate of exactly zero makes a single spike infinitely unlikely.
const MIN_EXPECTED: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    /// `nlb_tools.evaluation.bits_per_spike` on the same numbers, worked out term by term:
    /// Σ x ln(λ/λ̄) − (λ − λ̄) = 2 ln 2 − 1 − (−0.5)  over 2 spikes.
    #[test]
    fn two_bins_agree_with_the_formula() {
        let counts = DMatrix::from_column_slice(2, 1, &[2.0, 0.0]);
        let rates = DMatrix::from_column_slice(2, 1, &[2.0, 0.5]);
        let expected = (2.0 * 2f64.ln() - 1.0 + 0.5) / (2.0 * 2f64.ln());
        assert!((bits_per_spike(&counts, &rates, &[1.0]).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn bins_that_are_missing_or_not_predicted_do_not_count() {
        let counts = DMatrix::from_column_slice(4, 1, &[2.0, f64::NAN, 0.0, 5.0]);
        let rates = DMatrix::from_column_slice(4, 1, &[2.0, 3.0, 0.5, f64::NAN]);
        let kept = |values: &DMatrix<f64>| DMatrix::from_column_slice(2, 1, &[values[0], values[2]]);
        assert_eq!(bits_per_spike(&counts, &rates, &[1.0]), bits_per_spike(&kept(&counts), &kept(&rates), &[1.0]));
    }

    #[test]
    fn the_mean_rate_itself_scores_zero() {
        let counts = DMatrix::from_column_slice(3, 1, &[1.0, 0.0, 2.0]);
        let rates = DMatrix::from_element(3, 1, 1.0);
        assert_eq!(bits_per_spike(&counts, &rates, &[1.0]), Some(0.0));
    }

    #[test]
    fn silence_cannot_be_scored() {
        assert_eq!(bits_per_spike(&DMatrix::zeros(3, 1), &DMatrix::zeros(3, 1), &[1.0]), None);
    }
}
