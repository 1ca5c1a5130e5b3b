//! Held-out recording and free simulation, side by side on the same scale.
//!
//! Side by side and not on top of each other: a free simulation of a chaotic or noisy system cannot
//! stay in step with the recording, and must not be read as if it should.

use super::axis::{Axis, finite_range};
use super::frame::{Area, Names};
use super::svg::{Anchor, Svg};
use super::thin::thin_curve;
use crate::report::TracePair;

/// Channels beyond these are not drawn; the caption says so.
const MOST_CHANNELS: usize = 10;
const WIDTH: f64 = 480.0;
const ROW: f64 = 62.0;

pub struct TraceFigure {
    pub data: String,
    pub simulated: String,
    pub n_drawn: usize,
    /// The simulation leaves the drawn range somewhere.
    pub leaves_range: bool,
}

/// `None` when there is nothing to draw.
pub fn traces(pairs: &[TracePair]) -> Option<TraceFigure> {
    let drawn: Vec<&TracePair> = pairs.iter().filter(|pair| !pair.secs.is_empty()).take(MOST_CHANNELS).collect();
    if drawn.is_empty() {
        return None;
    }
    let ranges: Vec<Axis> = drawn.iter().map(|pair| shared_range(pair)).collect();
    let leaves_range =
        drawn.iter().zip(&ranges).any(|(pair, range)| pair.simulated.iter().any(|&value| !range.contains(value)));
    Some(TraceFigure {
        data: column("data", "held-out recording", &drawn, &ranges, |pair| &pair.data),
        simulated: column("model", "free simulation", &drawn, &ranges, |pair| &pair.simulated),
        n_drawn: drawn.len(),
        leaves_range,
    })
}

/// The range of both signals; a simulation that explodes may widen it to three times the recording's.
fn shared_range(pair: &TracePair) -> Axis {
    let Some((low, high)) = finite_range(pair.data.iter().copied()) else {
        return Axis::around(pair.simulated.iter().copied(), 0.08);
    };
    let room = (high - low).max(1e-12);
    let simulated = pair.simulated.iter().map(|value| value.clamp(low - room, high + room));
    Axis::around(pair.data.iter().copied().chain(simulated), 0.08)
}

fn column(
    class: &str,
    name: &str,
    pairs: &[&TracePair],
    ranges: &[Axis],
    signal: impl Fn(&TracePair) -> &[f64],
) -> String {
    let plot_bottom = 6.0 + ROW * pairs.len() as f64;
    let label = format!("{name}, {} channels over time", pairs.len());
    let mut svg = Svg::new("figure", WIDTH, plot_bottom + 40.0, &label);
    let whole = Area { left: 58.0, right: WIDTH - 8.0, top: 6.0, bottom: plot_bottom };
    let x = whole.x(Axis::around(pairs.iter().flat_map(|pair| pair.secs.iter().copied()), 0.0));
    for (row, (pair, range)) in pairs.iter().zip(ranges).enumerate() {
        let top = 6.0 + ROW * row as f64;
        let area = Area { top: top + 14.0, bottom: top + ROW - 6.0, ..whole };
        let y = area.y(range.clone());
        area.draw_y(&mut svg, &y, 2, "");
        let y_name = named(&pair.channel, &pair.unit);
        svg.text_within("channel", (area.left, top + 9.0), Anchor::Start, &y_name, 52);
        area.open_panel(&mut svg, &x, &y, Names { x: "s", y: &pair.unit });
        let times = pair.secs.iter().zip(signal(pair));
        let pixels = times.map(|(&secs, &value)| (x.px(secs), y.px_clamped(value)));
        svg.curve(&format!("curve {class}"), &pair.channel, thin_curve(pixels));
        area.close_panel(&mut svg);
    }
    whole.draw_x(&mut svg, &x, 5, "time (s)");
    svg.finish()
}

fn named(channel: &str, unit: &str) -> String {
    if unit.is_empty() {
        return channel.to_string();
    }
    format!("{channel} ({unit})")
}
