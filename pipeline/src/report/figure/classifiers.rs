//! How well subjects are told apart, against the line of chance.

use super::axis::Axis;
use super::svg::{Anchor, Svg, title};
use crate::compare::ClassifierScore;
use crate::report::words::number::fixed;

const WIDTH: f64 = 280.0;
const ROW: f64 = 28.0;

/// The axis from 0 to 1, for the head of the table.
pub fn chance_scale() -> String {
    let mut svg = Svg::new("forest", WIDTH, 40.0, "scale from 0 to 1, chance at 0.5");
    let axis = axis();
    svg.text("name", (axis.px(0.5), 12.0), Anchor::Middle, "chance");
    for tick in axis.ticks(5) {
        svg.text("tick", (tick.px, 28.0), Anchor::Middle, &tick.label);
        svg.line("axis", (tick.px, 33.0), (tick.px, 40.0));
    }
    svg.finish()
}

/// Balanced accuracy as a filled dot, area under the curve as an open one.
pub fn classifier_row(score: &ClassifierScore) -> String {
    let text = format!(
        "{}: balanced accuracy {}, AUC {}",
        score.predictors,
        fixed(score.balanced_accuracy, 2),
        fixed(score.auc, 2)
    );
    let mut svg = Svg::new("forest", WIDTH, ROW, &text);
    let (axis, middle) = (axis(), 0.5 * ROW);
    for tick in axis.ticks(5) {
        svg.line("guide", (tick.px, -ROW), (tick.px, 2.0 * ROW));
    }
    svg.line("zero", (axis.px(0.5), -ROW), (axis.px(0.5), 2.0 * ROW));
    for (class, value) in [("auc", score.auc), ("accuracy", score.balanced_accuracy)] {
        if !value.is_finite() {
            continue;
        }
        if class == "accuracy" {
            svg.line("stem", (axis.px(0.5), middle), (axis.px_clamped(value), middle));
        }
        svg.raw(&format!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{middle}\" r=\"5\">{}</circle>",
            axis.px_clamped(value),
            title(&text)
        ));
    }
    svg.finish()
}

fn axis() -> Axis {
    Axis::linear(0.0, 1.0).on_pixels(12.0, WIDTH - 12.0)
}
