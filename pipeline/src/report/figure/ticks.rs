//! Where an axis is labelled, and with what.

use crate::report::words::number::{fixed, superscript, trimmed};

/// Multiples of 1, 2 or 5 times a power of ten inside `[low, high]`, about `wanted` of them.
///
/// Ascending, evenly spaced, never more than twice `wanted`. Empty when the range is.
pub fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) || wanted == 0 {
        return Vec::new();
    }
    let step = nice_step(span / wanted as f64);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    if !first.is_finite() || !last.is_finite() || last - first > 2.0 * wanted as f64 {
        return Vec::new();
    }
    let n_ticks = (last - first).max(-1.0) as i64 + 1;
    (0..n_ticks).map(|index| (first + index as f64) * step).collect()
}

/// Ticks of a logarithmic axis: whole decades where there are enough, else 1–2–5, else linear.
pub fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    if !(low > 0.0 && high > low && high.is_finite()) || wanted == 0 {
        return Vec::new();
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = |tick: &f64| *tick >= low * (1.0 - 1e-9) && *tick <= high * (1.0 + 1e-9);
    let decades: Vec<f64> = (first..=last).map(|k| 10f64.powi(k)).filter(inside).collect();
    if decades.len() > 3 {
        let every = decades.len().div_ceil(wanted.max(2));
        return decades.into_iter().step_by(every).collect();
    }
    let fine: Vec<f64> =
        (first..=last).flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k))).filter(inside).collect();
    match (decades.len(), fine.len()) {
        (2.., n) if n > 2 * wanted => decades,
        (_, 2..) => fine,
        _ => linear_ticks(low, high, wanted),
    }
}

/// Labels with as many decimals as the ticks need to be told apart, and no more.
pub fn linear_labels(ticks: &[f64]) -> Vec<String> {
    let step = match ticks {
        [first, second, ..] => second - first,
        _ => return ticks.iter().map(|&tick| trimmed(tick)).collect(),
    };
    let largest = ticks.iter().fold(0.0_f64, |most, tick| most.max(tick.abs()));
    if largest >= 1e5 || step < 1e-4 {
        return ticks.iter().map(|&tick| trimmed(tick)).collect();
    }
    let decimals = (-(step * 1.0001).log10().floor()).max(0.0) as usize;
    ticks.iter().map(|&tick| fixed(tick, decimals)).collect()
}

/// `0.1`, `1`, `10` near one; `10⁻⁴` far from it.
pub fn log_labels(ticks: &[f64]) -> Vec<String> {
    ticks.iter().map(|&tick| log_label(tick)).collect()
}

fn log_label(tick: f64) -> String {
    let exponent = tick.log10().floor();
    if (-3.0..4.0).contains(&exponent) {
        return fixed(tick, (-exponent).max(0.0) as usize);
    }
    let power = format!("10{}", superscript(exponent as i32));
    match (tick / 10f64.powf(exponent)).round() as i64 {
        1 => power,
        mantissa => format!("{mantissa} × {power}"),
    }
}

fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    match raw / power {
        x if x <= 1.0 => power,
        x if x <= 2.0 => 2.0 * power,
        x if x <= 5.0 => 5.0 * power,
        _ => 10.0 * power,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges of every size and offset: ticks stay inside, ascend, are even and about as many as asked for.
    #[test]
    fn linear_ticks_are_inside_even_and_few() {
        for exponent in -12..12 {
            for (low, span) in [(0.0, 1.0), (-3.7, 9.1), (12.0, 0.3), (-1.0, 0.013)] {
                let scale = 10f64.powi(exponent);
                let (low, high) = (low * scale, (low + span) * scale);
                let ticks = linear_ticks(low, high, 5);
                assert!((2..=10).contains(&ticks.len()), "{low:e} {high:e} {ticks:?}");
                let slack = 1e-6 * (high - low);
                assert!(ticks.iter().all(|t| *t >= low - slack && *t <= high + slack));
                let step = ticks[1] - ticks[0];
                assert!(ticks.windows(2).all(|w| (w[1] - w[0] - step).abs() < 1e-6 * step));
            }
        }
    }

    #[test]
    fn linear_labels_tell_ticks_apart() {
        for high in [1.0, 0.3, 7.0, 250.0, 0.02] {
            let labels = linear_labels(&linear_ticks(0.0, high, 5));
            let mut unique = labels.clone();
            unique.dedup();
            assert_eq!(labels, unique);
        }
        assert_eq!(linear_labels(&[-0.5, 0.0, 0.5]), ["−0.5", "0.0", "0.5"]);
    }

    #[test]
    fn log_ticks_are_inside_and_ascend() {
        for (low, high) in [(1e-9, 1e3), (0.5, 45.0), (1.1, 1.9), (3e-4, 5e-4), (0.01, 0.25)] {
            let ticks = log_ticks(low, high, 5);
            assert!(!ticks.is_empty(), "{low} {high}");
            assert!(ticks.iter().all(|t| *t >= low * 0.999 && *t <= high * 1.001));
            assert!(ticks.windows(2).all(|w| w[0] < w[1]));
        }
        assert_eq!(log_labels(&[0.01, 1.0, 20.0, 1e5]), ["0.01", "1", "20", "10⁵"]);
    }

    #[test]
    fn ranges_without_room_have_no_ticks() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(linear_ticks(low, high, 5).is_empty());
            assert!(log_ticks(low, high, 5).is_empty());
        }
    }
}
