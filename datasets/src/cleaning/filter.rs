//! Second-order sections run forwards and backwards, for zero phase, between gaps.

pub use super::filter_design::{Band, FilterError, Section, butterworth, notch};
use crate::recording::Runs;

/// Filters forwards, then backwards: no phase shift, twice the attenuation.
///
/// Both ends are extended by odd reflection over `3(2n + 1)` samples for `n` sections (fewer where all sections are
/// of first order on one side), and each pass starts in the steady state of its first sample, which keeps a constant
/// offset from ringing. Equals scipy's `sosfiltfilt` with its defaults. Fails where `x` is not longer than the extension.
pub fn filter_zero_phase(sections: &[Section], x: &[f64]) -> Result<Vec<f64>, FilterError> {
    let pad = padding(sections);
    if x.len() <= pad {
        return Err(FilterError::TooFewSamples { needed: pad, found: x.len() });
    }
    let (first, last) = (x[0], x[x.len() - 1]);
    let mut extended = Vec::with_capacity(x.len() + 2 * pad);
    extended.extend(x[1..=pad].iter().rev().map(|value| 2.0 * first - value));
    extended.extend_from_slice(x);
    extended.extend(x[x.len() - 1 - pad..x.len() - 1].iter().rev().map(|value| 2.0 * last - value));

    run(sections, &mut extended);
    extended.reverse();
    run(sections, &mut extended);
    extended.reverse();
    Ok(extended[pad..pad + x.len()].to_vec())
}

/// Filters every stretch of `x` without a break or a missing value by itself, in place, and says how many samples
/// were lost: those of stretches too short to filter, which become missing.
///
/// Fails where no stretch is long enough.
pub fn filter_stretches(sections: &[Section], x: &mut [f64], runs: &Runs) -> Result<usize, FilterError> {
    let stretches = runs.stretches_of(x);
    let needed = padding(sections);
    let longest = stretches.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    if longest <= needed {
        return Err(FilterError::TooFewSamples { needed, found: longest });
    }
    let mut n_lost = 0;
    for stretch in stretches {
        match filter_zero_phase(sections, &x[stretch.clone()]) {
            Ok(filtered) => x[stretch].copy_from_slice(&filtered),
            Err(_) => {
                n_lost += stretch.len();
                x[stretch].fill(f64::NAN);
            }
        }
    }
    Ok(n_lost)
}

fn padding(sections: &[Section]) -> usize {
    let without_b2 = sections.iter().filter(|section| section.b[2] == 0.0).count();
    let without_a2 = sections.iter().filter(|section| section.a[1] == 0.0).count();
    3 * (2 * sections.len() + 1 - without_b2.min(without_a2))
}

/// In place, from the steady state of the first value; direct form II transposed.
fn run(sections: &[Section], x: &mut [f64]) {
    let Some(&start) = x.first() else { return };
    let mut level = start;
    for &Section { b: [b0, b1, b2], a: [a1, a2] } in sections {
        let dc_gain = (b0 + b1 + b2) / (1.0 + a1 + a2);
        let mut state1 = (b2 - a2 * dc_gain) * level;
        let mut state0 = (b1 - a1 * dc_gain) * level + state1;
        level *= dc_gain;
        for value in x.iter_mut() {
            let y = b0 * *value + state0;
            state0 = b1 * *value - a1 * y + state1;
            state1 = b2 * *value - a2 * y;
            *value = y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::SampleRate;

    const ORDER: usize = 4;

    fn rate(hz: f64) -> SampleRate {
        SampleRate::from_hz(hz).unwrap()
    }

    /// `sin(0.9 t) + 0.5 cos(0.05 t² / 40) + 0.01 t + 3`: two rhythms on an offset and a drift.
    fn test_signal() -> Vec<f64> {
        let value = |t: f64| (0.9 * t).sin() + 0.5 * (0.05 * t * t / 40.0).cos() + 0.01 * t + 3.0;
        (0..400).map(|t| value(f64::from(t))).collect()
    }

    /// Expected: values of the filtered test signal at samples 0, 1, 57, 200, 398 and 399.
    fn check(sections: Result<Vec<Section>, FilterError>, expected: [f64; 6]) {
        let y = filter_zero_phase(&sections.unwrap(), &test_signal()).unwrap();
        for (t, expected) in [0, 1, 57, 200, 398, 399].into_iter().zip(expected) {
            assert!((y[t] - expected).abs() < 1e-10, "sample {t}: {} instead of {expected}", y[t]);
        }
    }

    /// Expected values: SciPy 1.17, `sosfiltfilt(butter(order, edges, kind, fs=…, output="sos"), x)`.
    #[test]
    fn butterworth_filters_agree_with_scipy() {
        let low_pass = Band::LowPass { hz: 20.0 };
        let high_pass = |hz| Band::HighPass { hz };
        let band_pass = |low_hz, high_hz| Band::BandPass { low_hz, high_hz };
        check(
            butterworth(ORDER, band_pass(1.0, 40.0), rate(128.0)),
            [
                -0.027809793291571128,
                0.77448763414711,
                0.621343323123074,
                -0.2981737423730012,
                -1.1872138004414963,
                -0.17818933595984154,
            ],
        );
        check(
            butterworth(ORDER, low_pass, rate(128.0)),
            [
                3.5012564385756275,
                4.052003091420132,
                3.8618608714086324,
                4.926875375591462,
                6.628948105168476,
                7.573582694454064,
            ],
        );
        check(
            butterworth(ORDER, high_pass(1.0), rate(128.0)),
            [
                0.27842321044835205,
                1.0605690203720999,
                0.5373731274920529,
                -0.3169084733555348,
                -0.9273173410496257,
                0.055160101975294196,
            ],
        );
        check(
            butterworth(3, low_pass, rate(128.0)),
            [
                3.501292085068576,
                4.017698395775037,
                3.823415019618438,
                4.958479706137484,
                6.674766708209786,
                7.570791379651805,
            ],
        );
        check(
            butterworth(5, high_pass(2.0), rate(128.0)),
            [
                -0.04886076527100075,
                0.7442838018310061,
                0.6953608870105848,
                -0.3180642613761203,
                -0.9762969043113171,
                -0.016605078913414673,
            ],
        );
        check(
            butterworth(3, band_pass(4.0, 30.0), rate(128.0)),
            [
                0.011522082738542133,
                0.792952446079606,
                0.757803115911939,
                -0.3166522873153794,
                -0.9385497961908531,
                0.04922219264491795,
            ],
        );
        check(
            butterworth(ORDER, band_pass(0.01, 0.1), rate(0.5)),
            [
                0.028198025874581978,
                0.7955667581079251,
                0.7036659951496482,
                -0.3074318589535704,
                -1.0600156447727644,
                -0.014527366985529921,
            ],
        );
    }

    /// Expected values: SciPy 1.17, `sosfiltfilt(tf2sos(*iirnotch(50, 30, fs=128)), x)`.
    #[test]
    fn the_notch_agrees_with_scipy() {
        check(
            notch(50.0, 30.0, rate(128.0)),
            [
                3.501901901609996,
                4.290644237322771,
                4.125955933623048,
                4.681685914988,
                6.538339968807799,
                7.57492522900414,
            ],
        );
    }

    /// At 5 kHz the poles of a 1 Hz edge lie within 1e-3 of the unit circle. Expected values: SciPy 1.17 as above.
    #[test]
    fn a_low_edge_at_a_high_rate_agrees_with_scipy() {
        let value = |t: f64| (0.011 * t).sin() + 0.5 * (0.001 * t).cos() + 2e-5 * t + 3.0;
        let x: Vec<f64> = (0..20_000).map(|t| value(f64::from(t))).collect();
        let sections = butterworth(ORDER, Band::between([1.0, 40.0]), rate(5000.0)).unwrap();
        let y = filter_zero_phase(&sections, &x).unwrap();
        let expected = [
            0.12165922523130726,
            0.1315452547995197,
            -0.06986262679881386,
            0.10887100013193737,
            -0.00494196883490635,
            -0.004219404503310861,
        ];
        for (t, expected) in [0, 1, 5_700, 12_000, 19_998, 19_999].into_iter().zip(expected) {
            assert!((y[t] - expected).abs() < 1e-10, "sample {t}: {} instead of {expected}", y[t]);
        }
    }

    #[test]
    fn no_filter_reaches_across_a_gap() {
        let sections = butterworth(ORDER, Band::between([1.0, 40.0]), rate(128.0)).unwrap();
        let x = test_signal();
        let runs = Runs::from_lengths([(150, 0.0), (250, 60.0)]);
        let mut gapped = x.clone();
        gapped[200] = f64::NAN;
        gapped[390] = f64::NAN;
        assert_eq!(filter_stretches(&sections, &mut gapped, &runs), Ok(9));
        for stretch in [0..150, 150..200, 201..390] {
            assert_eq!(gapped[stretch.clone()], filter_zero_phase(&sections, &x[stretch]).unwrap());
        }
        assert!(gapped[390..].iter().chain(&gapped[200..201]).all(|value| value.is_nan()));
        let short = Runs::from_lengths([(20, 0.0), (20, 9.0)]);
        let error = filter_stretches(&sections, &mut x[..40].to_vec(), &short).unwrap_err();
        assert_eq!(error, FilterError::TooFewSamples { needed: 27, found: 20 });
    }

    #[test]
    fn edges_and_lengths_are_checked() {
        for band in [[1.0, 70.0], [0.0, 64.0], [40.0, 1.0], [f64::NAN, 40.0], [-3.0, f64::INFINITY]] {
            assert!(butterworth(ORDER, Band::between(band), rate(128.0)).is_err(), "{band:?}");
        }
        let sections = butterworth(ORDER, Band::between([1.0, 40.0]), rate(128.0)).unwrap();
        let error = filter_zero_phase(&sections, &[1.0; 27]).unwrap_err();
        assert_eq!(error, FilterError::TooFewSamples { needed: 27, found: 27 });
        assert!(filter_zero_phase(&sections, &[1.0; 28]).is_ok());
        assert!(filter_zero_phase(&sections, &[]).is_err());
    }
}
