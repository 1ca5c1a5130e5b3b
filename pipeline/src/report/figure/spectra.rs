//! Power spectra of recording and simulation, on top of each other: here they should agree.

use super::axis::{Axis, finite_range};
use super::frame::{Area, Names};
use super::svg::{Anchor, Svg};
use super::thin::thin_curve;
use crate::report::SpectrumPair;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 210.0;

/// Power on a logarithmic scale; frequency too where it spans more than a factor of ten.
/// `None` without any positive power.
pub fn spectrum(pair: &SpectrumPair) -> Option<String> {
    let bins = || pair.hz.iter().zip(pair.data.iter().zip(&pair.simulated));
    let powers = bins().flat_map(|(_, (&data, &simulated))| [data, simulated]);
    finite_range(powers.clone().filter(|&power| power > 0.0))?;

    let label = format!("power spectra of {}: recording and simulation", pair.channel);
    let mut svg = Svg::new("figure", WIDTH, HEIGHT, &label);
    let area = Area { left: 56.0, right: WIDTH - 8.0, top: 22.0, bottom: HEIGHT - 40.0 };
    let x = area.x(frequency_axis(&pair.hz));
    let y = area.y(Axis::log_around(powers, 0.05));
    svg.text_within("channel", (area.left, 12.0), Anchor::Start, &pair.channel, 36);
    area.draw_y(&mut svg, &y, 4, "power");
    area.draw_x(&mut svg, &x, 5, "frequency (Hz)");
    area.open_panel(&mut svg, &x, &y, Names { x: "Hz", y: "" });
    for (class, name, power) in
        [("curve data", "recording", &pair.data), ("curve model", "simulation", &pair.simulated)]
    {
        let pixels = pair.hz.iter().zip(power).map(|(&hz, &power)| {
            if hz > 0.0 && power > 0.0 { (x.px_clamped(hz), y.px_clamped(power)) } else { (f64::NAN, f64::NAN) }
        });
        svg.curve(class, name, thin_curve(pixels));
    }
    area.close_panel(&mut svg);
    Some(svg.finish())
}

fn frequency_axis(hz: &[f64]) -> Axis {
    let positive = || hz.iter().copied().filter(|&hz| hz > 0.0);
    match finite_range(positive()) {
        Some((low, high)) if high > 10.0 * low => Axis::log_around(positive(), 0.0),
        _ => Axis::around(hz.iter().copied(), 0.0),
    }
}
