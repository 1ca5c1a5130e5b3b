//! The few shapes our figures are made of. Colours and strokes come from the style sheet, by class.

use std::fmt::Write;

use crate::report::words::setting::with_indices_svg;

/// An SVG image under construction. Text is escaped here and nowhere else.
pub struct Svg {
    width: f64,
    height: f64,
    label: String,
    class: &'static str,
    body: String,
}

#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// `label` is what a screen reader says.
    pub fn new(class: &'static str, width: f64, height: f64, label: &str) -> Svg {
        Svg { width, height, label: label.to_string(), class, body: String::new() }
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (px(x1), px(y1), px(x2), px(y2));
        self.push(format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
    }

    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, width, height) = (px(x), px(y), px(width.max(0.0)), px(height.max(0.0)));
        self.push(format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"));
    }

    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.text_within(class, (x, y), anchor, text, usize::MAX);
    }

    /// Text of at most `room` characters; what was cut stays readable on hover.
    pub fn text_within(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str, room: usize) {
        let shown = shortened(text, room);
        let title = if shown == text { String::new() } else { title(text) };
        let (x, y, anchor) = (px(x), px(y), anchor.name());
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}{title}</text>",
            escape(&shown)
        ));
    }

    /// Text that reads upwards, beside a vertical axis.
    pub fn text_up(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let (x, y) = (px(x), px(y));
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" transform=\"rotate(-90 {x} {y})\">{}</text>",
            with_indices_svg(&escape(text))
        ));
    }

    /// A line through `points`; it is broken where a point is not finite.
    pub fn curve(&mut self, class: &str, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let path = path(points);
        self.push(format_args!("<path class=\"{class}\" data-name=\"{}\" d=\"{path}\"/>", escape(name)));
    }

    /// A dot for each finite point, as one path of lines without length.
    pub fn scatter(&mut self, class: &str, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let dots: String = points
            .into_iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .map(|(x, y)| format!("M{} {}h0", px(x), px(y)))
            .collect();
        self.push(format_args!("<path class=\"{class}\" data-name=\"{}\" d=\"{dots}\"/>", escape(name)));
    }

    /// Markup of this module's own making, such as a marker.
    pub fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    pub fn finish(self) -> String {
        let (width, height) = (px(self.width), px(self.height));
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            self.class,
            escape(&self.label),
            self.body
        )
    }

    fn push(&mut self, markup: std::fmt::Arguments) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(markup);
    }
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// What a shape says when pointed at.
pub fn title(text: &str) -> String {
    format!("<title>{}</title>", escape(text))
}

/// Safe inside HTML text and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A pixel with one decimal.
pub fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_string(),
        Some(whole) => whole.to_string(),
        None => text,
    }
}

/// `text`, or its beginning and an ellipsis.
pub fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_string();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn path(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for (x, y) in points {
        if !(x.is_finite() && y.is_finite()) {
            pen_down = false;
            continue;
        }
        let command = if pen_down { 'L' } else { 'M' };
        let _ = write!(path, "{command}{} {}", px(x), px(y));
        pen_down = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_labels_are_escaped() {
        let mut svg = Svg::new("x", 10.0, 10.0, "\"><script>");
        svg.text_within("t", (0.0, 0.0), Anchor::Start, "<b>&'long name", 4);
        let out = svg.finish();
        assert!(!out.contains("<script>") && !out.contains("<b>"), "{out}");
        assert!(out.contains("&lt;b&gt;…"), "{out}");
    }

    #[test]
    fn curves_break_at_what_is_not_finite() {
        let points = [(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 3.0)];
        assert_eq!(path(points), "M0 0L1 1M3 3");
        assert_eq!(px(-0.01), "0");
    }
}
