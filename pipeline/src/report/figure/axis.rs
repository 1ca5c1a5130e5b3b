//! From values to pixels along one direction.

use super::ticks::{linear_labels, linear_ticks, log_labels, log_ticks};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    Linear,
    Log,
}

/// A range of values laid on a range of pixels. Invariant: both ends finite, `low < high`; positive on a log scale.
#[derive(Clone, Debug)]
pub struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    px_low: f64,
    px_high: f64,
}

pub struct Tick {
    pub px: f64,
    pub label: String,
}

impl Axis {
    /// The finite range of `values` with a margin of `margin` of its span at either end.
    /// Without one, `[0, 1]`: an empty figure is still a figure.
    pub fn around(values: impl IntoIterator<Item = f64>, margin: f64) -> Axis {
        let (low, high) = finite_range(values).unwrap_or((0.0, 1.0));
        let span = if high > low { high - low } else { 2.0 * low.abs().max(0.5) };
        let pad = if high > low { margin * span } else { 0.5 * span };
        Axis::exact(Scale::Linear, low - pad, high + pad)
    }

    /// The range of the positive `values` on a logarithmic scale; `[0.1, 10]` without any.
    pub fn log_around(values: impl IntoIterator<Item = f64>, margin: f64) -> Axis {
        let positive = values.into_iter().filter(|&value| value > 0.0).map(f64::log10);
        let (low, high) = finite_range(positive).unwrap_or((-1.0, 1.0));
        let pad = if high > low { margin * (high - low) } else { 0.5 };
        Axis::exact(Scale::Log, 10f64.powf(low - pad), 10f64.powf(high + pad))
    }

    pub fn linear(low: f64, high: f64) -> Axis {
        Axis::exact(Scale::Linear, low, high)
    }

    /// Lays the range on pixels; `from > to` turns it upside down, as y on a screen needs.
    pub fn on_pixels(mut self, from: f64, to: f64) -> Axis {
        (self.px_low, self.px_high) = (from, to);
        self
    }

    pub fn px(&self, value: f64) -> f64 {
        let at = |x: f64| if self.scale == Scale::Log { x.ln() } else { x };
        let share = (at(value) - at(self.low)) / (at(self.high) - at(self.low));
        self.px_low + share * (self.px_high - self.px_low)
    }

    /// The pixel of `value`, or of the nearer end of the axis when it lies outside.
    pub fn px_clamped(&self, value: f64) -> f64 {
        self.px(value.clamp(self.low, self.high))
    }

    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let (at, labels) = match self.scale {
            Scale::Linear => {
                let at = linear_ticks(self.low, self.high, wanted);
                let labels = linear_labels(&at);
                (at, labels)
            }
            Scale::Log => {
                let at = log_ticks(self.low, self.high, wanted);
                let labels = log_labels(&at);
                (at, labels)
            }
        };
        at.into_iter().zip(labels).map(|(value, label)| Tick { px: self.px(value), label }).collect()
    }

    /// `scale px₀ px₁ value₀ value₁`, from which a script reads values back.
    pub fn describe(&self) -> String {
        let scale = if self.scale == Scale::Log { "log" } else { "linear" };
        format!("{scale} {:.1} {:.1} {:e} {:e}", self.px_low, self.px_high, self.low, self.high)
    }

    fn exact(scale: Scale, low: f64, high: f64) -> Axis {
        Axis { scale, low, high, px_low: 0.0, px_high: 1.0 }
    }
}

/// Least and greatest of the finite values; those beyond 10³⁰⁰ would overflow a span and count as not finite.
pub fn finite_range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.abs() < 1e300).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_values_make_an_axis_with_finite_pixels() {
        let cases: [&[f64]; 6] =
            [&[], &[3.0], &[0.0, 0.0], &[f64::NAN, f64::INFINITY], &[-1e308, 1e308], &[1.0, 2.0, f64::NAN]];
        for values in cases {
            for axis in [Axis::around(values.iter().copied(), 0.05), Axis::log_around(values.iter().copied(), 0.05)] {
                let axis = axis.on_pixels(0.0, 100.0);
                for tick in axis.ticks(5) {
                    assert!(tick.px.is_finite(), "{values:?} {axis:?}");
                }
                assert!(axis.px_clamped(1.0).is_finite());
            }
        }
    }

    #[test]
    fn ends_of_the_range_lie_on_ends_of_the_pixels() {
        let axis = Axis::linear(-2.0, 2.0).on_pixels(100.0, 0.0);
        assert_eq!((axis.px(-2.0), axis.px(0.0), axis.px(2.0)), (100.0, 50.0, 0.0));
        assert_eq!(axis.px_clamped(9.0), 0.0);
    }
}
