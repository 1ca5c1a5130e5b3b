//! The share of starts that end on an attractor, as a bar with its interval.

use super::svg::Svg;
use crate::report::words::number::percent;

const WIDTH: f64 = 150.0;
const HEIGHT: f64 = 16.0;

pub fn basin_bar(share: f64, low: f64, high: f64) -> String {
    let label = format!("{} ({} to {})", percent(share), percent(low), percent(high));
    let mut svg = Svg::new("bar", WIDTH, HEIGHT, &label);
    let px = |share: f64| 1.0 + (WIDTH - 2.0) * share.clamp(0.0, 1.0);
    svg.rect("track", (1.0, 3.0), (WIDTH - 2.0, 10.0));
    if share.is_finite() {
        svg.rect("fill", (1.0, 3.0), (px(share) - 1.0, 10.0));
    }
    if low.is_finite() && high.is_finite() {
        svg.line("whisker", (px(low), 8.0), (px(high), 8.0));
        for end in [low, high] {
            svg.line("whisker", (px(end), 5.0), (px(end), 11.0));
        }
    }
    svg.finish()
}
