//! Every subject as a dot: what a mean, an effect size and a p-value leave out.

use super::axis::Axis;
use super::frame::Area;
use super::svg::{Anchor, Svg, escape, title};
use crate::report::words::number::number;

const WIDTH: f64 = 230.0;
const HEIGHT: f64 = 200.0;
const RADIUS: f64 = 3.6;

pub struct StripDot<'a> {
    pub subject: &'a str,
    pub value: f64,
    /// Link to the subject's page, already made relative.
    pub link: Option<String>,
}

/// Two columns of dots with mean and standard deviation beside each.
pub fn strip(feature: &str, unit: &str, groups: [(&str, Vec<StripDot>); 2]) -> String {
    let mut svg = Svg::new("figure strip", WIDTH, HEIGHT, &format!("{feature} of every subject"));
    let area = Area { left: 48.0, right: WIDTH - 6.0, top: 10.0, bottom: HEIGHT - 32.0 };
    let values = groups.iter().flat_map(|(_, dots)| dots.iter().map(|dot| dot.value));
    let y = area.y(Axis::around(values, 0.06));
    area.draw_y(&mut svg, &y, 4, unit);
    for (column, (name, dots)) in groups.iter().enumerate() {
        let class = ["control", "other"][column];
        let centre = area.left + area.width() * (0.25 + 0.5 * column as f64);
        let finite: Vec<&StripDot> = dots.iter().filter(|dot| dot.value.is_finite()).collect();
        draw_mean(&mut svg, class, centre, &finite, &y);
        let heights: Vec<f64> = finite.iter().map(|dot| y.px(dot.value)).collect();
        for (dot, (shift, height)) in finite.iter().zip(spread(&heights).iter().zip(&heights)) {
            svg.raw(&dot_markup(dot, class, centre + shift, *height));
        }
        svg.text_within("name", (centre, HEIGHT - 16.0), Anchor::Middle, name, 17);
        let n = format!("n = {}", finite.len());
        svg.text("tick", (centre, HEIGHT - 3.0), Anchor::Middle, &n);
    }
    svg.finish()
}

fn draw_mean(svg: &mut Svg, class: &str, centre: f64, dots: &[&StripDot], y: &Axis) {
    if dots.is_empty() {
        return;
    }
    let n = dots.len() as f64;
    let mean = dots.iter().map(|dot| dot.value).sum::<f64>() / n;
    let squares: f64 = dots.iter().map(|dot| (dot.value - mean).powi(2)).sum();
    let sd = (squares / (n - 1.0).max(1.0)).sqrt();
    let x = centre + 38.0;
    let whisker = format!("mean {class}");
    svg.line(&whisker, (x, y.px_clamped(mean - sd)), (x, y.px_clamped(mean + sd)));
    svg.line(&whisker, (x - 6.0, y.px_clamped(mean)), (x + 6.0, y.px_clamped(mean)));
}

fn dot_markup(dot: &StripDot, class: &str, x: f64, y: f64) -> String {
    let circle = format!(
        "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS}\">{}</circle>",
        title(&format!("{}: {}", dot.subject, number(dot.value)))
    );
    match &dot.link {
        Some(link) => format!("<a href=\"{}\">{circle}</a>", escape(link)),
        None => circle,
    }
}

/// Sideways shifts that keep dots at these heights from covering each other: the lowest free place
/// nearest the middle, within the column.
fn spread(heights: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|&a, &b| heights[a].total_cmp(&heights[b]).then(a.cmp(&b)));
    let mut shifts = vec![0.0; heights.len()];
    let mut placed: Vec<usize> = Vec::new();
    for &dot in &order {
        let is_free = |shift: f64| {
            placed.iter().rev().all(|&near| {
                let (across, along) = (shift - shifts[near], heights[dot] - heights[near]);
                across.hypot(along) >= 2.0 * RADIUS - 0.2
            })
        };
        let steps = (0..=7).flat_map(|k| [f64::from(k), -f64::from(k)]);
        shifts[dot] = steps.map(|k| 4.0 * k).find(|&shift| is_free(shift)).unwrap_or(0.0);
        placed.push(dot);
    }
    shifts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_lie_beside_each_other() {
        let shifts = spread(&[50.0; 5]);
        let mut unique = shifts.clone();
        unique.sort_by(f64::total_cmp);
        unique.dedup();
        assert_eq!(unique.len(), 5, "{shifts:?}");
    }
}
