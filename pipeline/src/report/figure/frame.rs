//! A plot area: two axes, their ticks, and a panel whose curves can be read off with the pointer.

use super::axis::Axis;
use super::svg::{Anchor, Svg, escape};

/// Where the plot area lies in its image, in pixels.
#[derive(Clone, Copy)]
pub struct Area {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// The names of the two directions, as they stand beside the axes and in the hover text.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    pub x: &'a str,
    pub y: &'a str,
}

impl Area {
    pub fn x(&self, axis: Axis) -> Axis {
        axis.on_pixels(self.left, self.right)
    }

    pub fn y(&self, axis: Axis) -> Axis {
        axis.on_pixels(self.bottom, self.top)
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Ticks and labels below the area.
    pub fn draw_x(&self, svg: &mut Svg, axis: &Axis, wanted: usize, name: &str) {
        svg.line("axis", (self.left, self.bottom), (self.right, self.bottom));
        for tick in axis.ticks(wanted) {
            svg.line("axis", (tick.px, self.bottom), (tick.px, self.bottom + 4.0));
            svg.text("tick", (tick.px, self.bottom + 16.0), Anchor::Middle, &tick.label);
        }
        let middle = 0.5 * (self.left + self.right);
        svg.text("name", (middle, self.bottom + 32.0), Anchor::Middle, name);
    }

    /// Ticks, labels and faint guides left of and across the area.
    pub fn draw_y(&self, svg: &mut Svg, axis: &Axis, wanted: usize, name: &str) {
        for tick in axis.ticks(wanted) {
            svg.line("guide", (self.left, tick.px), (self.right, tick.px));
            svg.text("tick", (self.left - 6.0, tick.px + 3.5), Anchor::End, &tick.label);
        }
        if !name.is_empty() {
            svg.text_up("name", (12.0, 0.5 * (self.top + self.bottom)), name);
        }
    }

    /// Opens a panel: scripts read its curves back into values along `x` and `y`.
    pub fn open_panel(&self, svg: &mut Svg, x: &Axis, y: &Axis, names: Names) {
        svg.raw(&format!(
            "<g class=\"panel\" data-x=\"{}\" data-y=\"{}\" data-x-name=\"{}\" data-y-name=\"{}\">",
            x.describe(),
            y.describe(),
            escape(names.x),
            escape(names.y)
        ));
        let size = (self.right - self.left, self.bottom - self.top);
        svg.rect("surface", (self.left, self.top), size);
    }

    pub fn close_panel(&self, svg: &mut Svg) {
        svg.line("cursor", (self.left, self.top), (self.left, self.bottom));
        svg.raw("</g>");
    }
}
