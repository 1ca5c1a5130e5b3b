//! The forest plot, one image per row, so that long names wrap in the table around it.

use super::axis::{Axis, finite_range};
use super::svg::{Anchor, Svg, escape, title};
use crate::compare::FeatureDifference;
use crate::report::words::number::{fixed, probability};
use crate::report::words::setting::feature_name;

const WIDTH: f64 = 300.0;
const ROW: f64 = 24.0;
/// Effects beyond this many pooled standard deviations are drawn as arrows.
const FURTHEST: f64 = 4.0;

/// One axis of Hedges' g for every row of the page, symmetric around zero.
pub struct Forest {
    axis: Axis,
    alpha: f64,
}

impl Forest {
    pub fn over<'a>(differences: impl IntoIterator<Item = &'a FeatureDifference>, alpha: f64) -> Forest {
        let ends = differences.into_iter().flat_map(|row| [row.g_low, row.g_high, row.hedges_g]).map(f64::abs);
        let (_, furthest) = finite_range(ends).unwrap_or((0.0, 1.0));
        let reach = (1.05 * furthest).clamp(1.0, FURTHEST);
        let axis = Axis::linear(-reach, reach).on_pixels(10.0, WIDTH - 10.0);
        Forest { axis, alpha }
    }

    /// The axis, for the head of the table.
    pub fn scale(&self, control: &str, other: &str) -> String {
        let mut svg = Svg::new("forest", WIDTH, 40.0, "scale of Hedges' g");
        let middle = self.axis.px(0.0);
        svg.text_within("name", (middle - 8.0, 12.0), Anchor::End, &format!("← higher in {control}"), 24);
        svg.text_within("name", (middle + 8.0, 12.0), Anchor::Start, &format!("higher in {other} →"), 24);
        for tick in self.axis.ticks(5) {
            svg.text("tick", (tick.px, 28.0), Anchor::Middle, &tick.label);
            svg.line("axis", (tick.px, 33.0), (tick.px, 40.0));
        }
        svg.finish()
    }

    /// Interval and marker of one feature; filled when it survives the false discovery rate.
    pub fn row(&self, row: &FeatureDifference) -> String {
        let text = describe(row);
        let mut svg = Svg::new("forest", WIDTH, ROW, &text);
        for tick in self.axis.ticks(5) {
            svg.line("guide", (tick.px, -ROW), (tick.px, 2.0 * ROW));
        }
        let middle = 0.5 * ROW;
        svg.line("zero", (self.axis.px(0.0), -ROW), (self.axis.px(0.0), 2.0 * ROW));
        if !row.hedges_g.is_finite() {
            return svg.finish();
        }
        let found = if row.q_fdr < self.alpha { "found" } else { "not-found" };
        let end = |value: f64| self.axis.px_clamped(if value.is_nan() { row.hedges_g } else { value });
        let (low, high) = (end(row.g_low), end(row.g_high));
        svg.line(&format!("interval {found}"), (low, middle), (high, middle));
        if row.g_low < -FURTHEST {
            svg.raw(&arrow(low, middle, -1.0));
        }
        if row.g_high > FURTHEST {
            svg.raw(&arrow(high, middle, 1.0));
        }
        svg.raw(&format!(
            "<circle class=\"effect {found}\" cx=\"{:.1}\" cy=\"{middle}\" r=\"5\">{}</circle>",
            end(row.hedges_g),
            title(&text)
        ));
        svg.finish()
    }
}

fn describe(row: &FeatureDifference) -> String {
    format!(
        "{}: g = {} [{}, {}], q = {}",
        feature_name(&row.feature),
        fixed(row.hedges_g, 2),
        fixed(row.g_low, 2),
        fixed(row.g_high, 2),
        probability(row.q_fdr)
    )
}

fn arrow(x: f64, y: f64, direction: f64) -> String {
    let back = x - 6.0 * direction;
    format!(
        "<path class=\"arrow\" d=\"{}\"/>",
        escape(&format!("M{back:.1} {:.1}L{x:.1} {y:.1}L{back:.1} {:.1}", y - 4.0, y + 4.0))
    )
}
