//! Fixed points by shape and colour: readable without colour vision and in grey print.

use super::svg::{escape, px, title};

/// A marker for a fixed point at a pixel, named on hover.
pub fn marker(stability: &str, (x, y): (f64, f64), text: &str) -> String {
    let (class, shape) = class_and_shape(stability);
    format!(
        "<g class=\"marker {class}\" data-label=\"{}\" transform=\"translate({} {})\">{shape}{}</g>",
        escape(text),
        px(x),
        px(y),
        title(text)
    )
}

/// The same marker as a small image of its own, for tables and legends.
pub fn marker_key(stability: &str) -> String {
    let (class, shape) = class_and_shape(stability);
    format!(
        "<svg class=\"key\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\"><g class=\"marker {class}\">{shape}</g></svg>"
    )
}

fn class_and_shape(stability: &str) -> (&'static str, &'static str) {
    match stability {
        "stable" => ("stable", "<circle r=\"5\"/>"),
        "saddle" => ("saddle", "<path d=\"M0 -6.5L6.5 0L0 6.5L-6.5 0Z\"/>"),
        "unstable" => ("unstable", "<path d=\"M0 -6L6 5L-6 5Z\"/>"),
        "marginal" => ("marginal", "<path d=\"M-4.5 -4.5H4.5V4.5H-4.5Z\"/>"),
        _ => ("unknown", "<circle r=\"3\"/>"),
    }
}
