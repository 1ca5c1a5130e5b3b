//! Training: the loss above, the score that chose the checkpoint below, one axis of epochs.

use super::axis::{Axis, finite_range};
use super::frame::{Area, Names};
use super::svg::{Anchor, Svg};
use super::thin::thin_curve;
use crate::report::LossCurve;

const WIDTH: f64 = 620.0;
const PANEL: f64 = 130.0;

/// `None` when nothing was written down during training.
pub fn loss_curve(curve: &LossCurve) -> Option<String> {
    let (validation_epoch, validation): (Vec<f64>, Vec<f64>) =
        curve.validation.iter().map(|&[epoch, score]| (epoch, score)).unzip();
    let epochs = curve.epoch.iter().chain(&validation_epoch).copied();
    finite_range(epochs.clone())?;

    let panels = [
        ("curve model", "loss (nats per step)", &curve.epoch, &curve.loss),
        ("curve data dotted", "validation score", &validation_epoch, &validation),
    ];
    let panels: Vec<_> = panels.into_iter().filter(|(_, _, x, _)| !x.is_empty()).collect();
    let bottom = 12.0 + (PANEL + 14.0) * panels.len() as f64 - 14.0;
    let mut svg = Svg::new("figure", WIDTH, bottom + 40.0, "loss and validation score over epochs");
    let whole = Area { left: 72.0, right: WIDTH - 10.0, top: 12.0, bottom };
    let x = whole.x(Axis::around(epochs, 0.0));
    for (row, (class, name, epoch, values)) in panels.into_iter().enumerate() {
        let top = whole.top + (PANEL + 14.0) * row as f64;
        let area = Area { top, bottom: top + PANEL, ..whole };
        let y = area.y(value_axis(values));
        area.draw_y(&mut svg, &y, 4, name);
        area.open_panel(&mut svg, &x, &y, Names { x: "epoch", y: "" });
        let steps = epoch.iter().zip(values);
        let pixels = steps.map(|(&epoch, &value)| (x.px(epoch), y.px_clamped(value)));
        svg.curve(class, name, thin_curve(pixels));
        area.close_panel(&mut svg);
    }
    if x.contains(curve.chosen_epoch) {
        let chosen = x.px(curve.chosen_epoch);
        svg.line("chosen", (chosen, whole.top), (chosen, whole.bottom));
        let (anchor, shift) = match chosen > 0.5 * WIDTH {
            true => (Anchor::End, -5.0),
            false => (Anchor::Start, 5.0),
        };
        svg.text("note", (chosen + shift, whole.top + 9.0), anchor, "chosen checkpoint");
    }
    whole.draw_x(&mut svg, &x, 6, "epoch");
    Some(svg.finish())
}

/// Logarithmic where all values are positive and span more than a factor of thirty.
fn value_axis(values: &[f64]) -> Axis {
    match finite_range(values.iter().copied()) {
        Some((low, high)) if low > 0.0 && high > 30.0 * low => Axis::log_around(values.iter().copied(), 0.06),
        _ => Axis::around(values.iter().copied(), 0.06),
    }
}
