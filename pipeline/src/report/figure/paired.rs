//! Model against linear model, one line per subject: a line that falls is a subject the model serves better.

use super::axis::Axis;
use super::frame::Area;
use super::svg::{Anchor, Svg, escape, title};
use crate::report::words::number::number;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 300.0;

pub struct Pair<'a> {
    pub subject: &'a str,
    /// `control`, `other` or `neither`.
    pub class: &'static str,
    /// Drawn so that it stays in the background.
    pub is_faint: bool,
    pub linear: f64,
    pub model: f64,
    pub link: Option<String>,
}

/// `None` when no subject has both numbers.
pub fn paired_dots(metric: &str, pairs: &[Pair]) -> Option<String> {
    let pairs: Vec<&Pair> = pairs.iter().filter(|pair| pair.linear.is_finite() && pair.model.is_finite()).collect();
    if pairs.is_empty() {
        return None;
    }
    let label = format!("{metric} of a linear model and of the model, for every subject");
    let mut svg = Svg::new("figure paired", WIDTH, HEIGHT, &label);
    let area = Area { left: 54.0, right: WIDTH - 8.0, top: 12.0, bottom: HEIGHT - 30.0 };
    let y = area.y(value_axis(&pairs));
    area.draw_y(&mut svg, &y, 5, metric);
    let columns = [0.25, 0.75].map(|share| area.left + share * area.width());
    for pair in &pairs {
        svg.raw(&pair_markup(pair, columns, &y));
    }
    for (x, name) in columns.into_iter().zip(["linear, VAR(p)", "nullcline model"]) {
        svg.text("name", (x, HEIGHT - 12.0), Anchor::Middle, name);
    }
    Some(svg.finish())
}

fn value_axis(pairs: &[&Pair]) -> Axis {
    let values = || pairs.iter().flat_map(|pair| [pair.linear, pair.model]);
    let (low, high) = super::axis::finite_range(values()).unwrap_or((0.0, 1.0));
    if low > 0.0 && high > 10.0 * low {
        return Axis::log_around(values(), 0.05);
    }
    Axis::around(values(), 0.05)
}

fn pair_markup(pair: &Pair, [left, right]: [f64; 2], y: &Axis) -> String {
    let (from, to) = (y.px_clamped(pair.linear), y.px_clamped(pair.model));
    let better = if pair.model < pair.linear { "better" } else { "worse" };
    let text = format!("{}: linear {}, model {}", pair.subject, number(pair.linear), number(pair.model));
    let class = pair.class;
    let faint = if pair.is_faint { " faint" } else { "" };
    let shapes = format!(
        "<line x1=\"{left:.1}\" y1=\"{from:.1}\" x2=\"{right:.1}\" y2=\"{to:.1}\"/>\
         <circle class=\"dot {class}\" cx=\"{left:.1}\" cy=\"{from:.1}\" r=\"3.6\"/>\
         <circle class=\"dot {class}\" cx=\"{right:.1}\" cy=\"{to:.1}\" r=\"3.6\"/>{}",
        title(&text)
    );
    let group = format!("<g class=\"pair {class} {better}{faint}\">{shapes}</g>");
    match &pair.link {
        Some(link) => format!("<a href=\"{}\">{group}</a>", escape(link)),
        None => group,
    }
}
