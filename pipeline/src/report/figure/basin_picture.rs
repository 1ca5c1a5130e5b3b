//! The basins on a plane through state space, with the recording on top.

use super::axis::Axis;
use super::frame::Area;
use super::svg::{Anchor, Svg};
use crate::report::BasinPicture;

const WIDTH: f64 = 480.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 8.0;
const BELOW: f64 = 40.0;
/// Attractors with a colour of their own; the rest share one.
const COLOURS: usize = 6;
/// More points than these do not look any different.
const MOST_POINTS: usize = 1500;

pub struct BasinFigure {
    pub svg: String,
    /// Class and name of everything that is drawn, in order.
    pub legend: Vec<(String, String)>,
}

/// `None` without a cell to draw.
pub fn basin_picture(picture: &BasinPicture) -> Option<BasinFigure> {
    let columns = picture.ends.iter().map(Vec::len).max().filter(|&columns| columns > 0)?;
    let rows = picture.ends.len();
    let [across, along] = picture.reach;
    // Beyond this, differences of coordinates leave the range of numbers.
    if ![across, along].iter().all(|reach| (1e-150..1e150).contains(reach)) {
        return None;
    }
    let width = WIDTH - LEFT - 8.0;
    let height = (width * along / across).clamp(0.35 * width, width);
    let label = "basins of attraction on the plane of the first two principal axes";
    let mut svg = Svg::new("figure basins", WIDTH, TOP + height + BELOW, label);
    let area = Area { left: LEFT, right: LEFT + width, top: TOP, bottom: TOP + height };
    let (x, y) = (area.x(Axis::linear(-across, across)), area.y(Axis::linear(-along, along)));
    let edge = |axis: &Axis, reach: f64, i: usize, n: usize| axis.px(reach * (2.0 * i as f64 / n as f64 - 1.0));
    let mut drawn: Vec<(usize, &str, String)> = Vec::new();
    for (row, ends) in picture.ends.iter().enumerate() {
        let (bottom, top) = (edge(&y, along, row, rows), edge(&y, along, row + 1, rows));
        let mut from = 0;
        // Neighbours with one end are one rectangle.
        for run in ends.chunk_by(|a, b| a == b) {
            let (class, rank, name) = cell(&run[0]);
            let (left, right) = (edge(&x, across, from, columns), edge(&x, across, from + run.len(), columns));
            svg.rect(&format!("cell {class}"), (left, top), (right - left, bottom - top));
            if !drawn.iter().any(|(_, known, _)| *known == class) {
                drawn.push((rank, class, name));
            }
            from += run.len();
        }
    }
    let step = picture.data.len().div_ceil(MOST_POINTS).max(1);
    let inside = |&[u, v]: &[f64; 2]| x.contains(u) && y.contains(v);
    let shown = picture.data.iter().step_by(step).filter(|point| inside(point));
    svg.scatter("states", "recording", shown.map(|&[u, v]| (x.px(u), y.px(v))));
    for (name, at) in picture.attractors.iter().filter(|(_, at)| inside(at)) {
        svg.text_within("where", (x.px(at[0]), y.px(at[1]) + 4.0), Anchor::Middle, name, 4);
    }
    area.draw_x(&mut svg, &x, 5, "first principal axis");
    for tick in y.ticks(5) {
        svg.text("tick", (area.left - 6.0, tick.px + 3.5), Anchor::End, &tick.label);
    }
    svg.text_up("name", (12.0, 0.5 * (area.top + area.bottom)), "second principal axis");
    drawn.sort();
    let legend = drawn.into_iter().map(|(_, class, name)| (class.to_string(), name)).collect();
    Some(BasinFigure { svg: svg.finish(), legend })
}

/// The class, the place in the legend and the name there of a cell that ends so.
fn cell(end: &str) -> (&'static str, usize, String) {
    const CLASSES: [&str; COLOURS] = ["a1", "a2", "a3", "a4", "a5", "a6"];
    let number = end.strip_prefix('A').and_then(|digits| digits.parse::<usize>().ok()).filter(|&n| n > 0);
    match number {
        Some(n) if n <= COLOURS => (CLASSES[n - 1], n, format!("to A{n}")),
        Some(_) => ("more", COLOURS + 1, "to other attractors".into()),
        None if end == "diverged" => ("diverged", COLOURS + 2, "diverged".into()),
        None => ("undecided", COLOURS + 3, "undecided".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[&str]) -> BasinPicture {
        let name = |c: char| match c {
            'd' => "diverged".to_string(),
            '?' => "undecided".to_string(),
            digit => format!("A{digit}"),
        };
        BasinPicture {
            reach: [2.0, 1.0],
            ends: rows.iter().map(|row| row.chars().map(name).collect()).collect(),
            data: vec![[0.0, 0.0], [1.9, 0.9], [9.0, 0.0], [f64::NAN, 0.0]],
            attractors: vec![("A1".into(), [0.5, 0.5]), ("A2".into(), [50.0, 0.0])],
        }
    }

    /// Sum of width times height over the rectangles of one class.
    fn area_of(svg: &str, class: &str) -> f64 {
        let number = |text: &str, name: &str| -> f64 {
            text.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let start = format!("<rect class=\"cell {class}\"");
        svg.split(&start).skip(1).map(|rect| number(rect, "width") * number(rect, "height")).sum()
    }

    #[test]
    fn every_cell_is_drawn_once_and_named() {
        let figure = basin_picture(&picture(&["1122", "11d?", "1222"])).unwrap();
        let total: f64 = ["a1", "a2", "diverged", "undecided"].iter().map(|class| area_of(&figure.svg, class)).sum();
        for (class, cells) in [("a1", 5.0), ("a2", 5.0), ("diverged", 1.0), ("undecided", 1.0)] {
            assert!((area_of(&figure.svg, class) / total - cells / 12.0).abs() < 1e-2, "{class}");
        }
        let names: Vec<&str> = figure.legend.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["to A1", "to A2", "diverged", "undecided"]);
        // Only what lies in the picture is drawn on it.
        assert_eq!(figure.svg.matches("h0").count(), 2);
        assert!(figure.svg.contains(">A1<") && !figure.svg.contains(">A2<"));
    }

    #[test]
    fn the_first_row_lies_at_the_bottom() {
        let figure = basin_picture(&picture(&["1", "2"])).unwrap();
        let top = |class: &str| -> f64 {
            let rest = figure.svg.split(&format!("<rect class=\"cell {class}\"")).nth(1).unwrap();
            rest.split(" y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        assert!(top("a1") > top("a2"));
    }

    #[test]
    fn nothing_to_draw_is_no_figure() {
        assert!(basin_picture(&picture(&[])).is_none());
        assert!(basin_picture(&BasinPicture { reach: [f64::NAN, 1.0], ..picture(&["1"]) }).is_none());
    }
}
