//! The phase portrait: recording, free simulation and fixed points in the model's own space.
//!
//! One oblique view, which a script turns, and three projections that print.

use super::marker::marker;
use super::space::{Cube, View};
use super::svg::{Anchor, Svg};
use super::thin::thin_points;
use crate::report::words::number::percent;
use crate::report::{PhasePoint, PhasePortrait};

/// More points than these do not look any different.
const MOST_POINTS: usize = 2000;
const OBLIQUE: f64 = 560.0;
const FLAT: f64 = 260.0;
/// A cube turned corner-on reaches √3 from its centre, but trajectories rarely fill corners.
const OBLIQUE_REACH: f64 = 1.25;
/// Where the three axes are drawn, and how long they are, in pixels.
const TRIAD: [f64; 2] = [56.0, OBLIQUE - 56.0];
const TRIAD_LENGTH: f64 = 34.0;
/// Points further apart than this, in half-widths of the view, are not joined by lines.
const JOINED_WITHIN: f64 = 0.15;
const FIRST_VIEW: View = View { azimuth: 0.6, elevation: 0.35 };

pub struct PhaseFigure {
    pub oblique: String,
    /// Axes 1–2, 1–3 and 2–3.
    pub projections: Vec<String>,
    /// What the script turns, as JSON that is safe inside a script element.
    pub points_json: String,
    /// Fixed points outside the drawn range.
    pub outside: Vec<String>,
    /// The simulation leaves the drawn range somewhere.
    pub leaves_range: bool,
}

/// A portrait scaled to the cube `[-1, 1]³` and thinned.
#[derive(serde::Serialize)]
struct Placed {
    data: Vec<[f64; 3]>,
    simulated: Vec<[f64; 3]>,
    data_joined: bool,
    simulated_joined: bool,
    fixed_points: Vec<[f64; 3]>,
    #[serde(skip)]
    fixed: Vec<PhasePoint>,
    #[serde(skip)]
    names: [String; 3],
    view: [f64; 2],
    reach: f64,
    triad: [f64; 2],
    triad_length: f64,
}

/// `Ok(None)` when there is no trajectory to draw.
pub fn phase_figure(portrait: &PhasePortrait) -> Result<Option<PhaseFigure>, serde_json::Error> {
    if portrait.data.is_empty() && portrait.simulated.is_empty() {
        return Ok(None);
    }
    let cube = Cube::around(portrait);
    let (inside, outside): (Vec<&PhasePoint>, Vec<&PhasePoint>) =
        portrait.fixed_points.iter().partition(|point| cube.holds(&cube.place(&point.at)));
    let (data, simulated) = (trajectory(&cube, &portrait.data), trajectory(&cube, &portrait.simulated));
    let placed = Placed {
        data_joined: is_smooth(&data),
        simulated_joined: is_smooth(&simulated),
        data,
        simulated,
        fixed_points: inside.iter().map(|point| cube.place(&point.at).map(rounded)).collect(),
        fixed: inside.into_iter().cloned().collect(),
        names: [0, 1, 2].map(|axis| axis_name(axis, portrait.explained[axis])),
        view: [FIRST_VIEW.azimuth, FIRST_VIEW.elevation],
        reach: OBLIQUE_REACH,
        triad: TRIAD,
        triad_length: TRIAD_LENGTH,
    };
    Ok(Some(PhaseFigure {
        oblique: oblique(&placed),
        projections: [(0, 1), (0, 2), (1, 2)].map(|(right, up)| projection(&placed, right, up)).to_vec(),
        points_json: script_safe(&serde_json::to_string(&placed)?),
        outside: outside.into_iter().map(|point| point.label.clone()).collect(),
        leaves_range: portrait.simulated.iter().any(|point| !cube.holds(&cube.place(point))),
    }))
}

fn oblique(placed: &Placed) -> String {
    let label = "phase portrait in three dimensions: recording, simulation and fixed points";
    let mut svg = Svg::new("figure phase oblique", OBLIQUE, OBLIQUE, label);
    let half = 0.5 * OBLIQUE;
    let pixel = |point: [f64; 3]| {
        let (right, up) = FIRST_VIEW.project(point);
        (half + half / OBLIQUE_REACH * right, half - half / OBLIQUE_REACH * up)
    };
    for axis in 0..3 {
        let mut direction = [0.0; 3];
        direction[axis] = 1.0;
        let (right, up) = FIRST_VIEW.project(direction);
        let at = |length: f64| (TRIAD[0] + length * right, TRIAD[1] - length * up);
        svg.line("axis edge", at(0.0), at(TRIAD_LENGTH));
        let (x, y) = at(1.4 * TRIAD_LENGTH);
        let name = format!("PC{}", axis + 1);
        svg.text("name edge", (x, y + 4.0), Anchor::Middle, &name);
    }
    draw(&mut svg, placed, pixel);
    svg.finish()
}

fn projection(placed: &Placed, right: usize, up: usize) -> String {
    let label = format!("phase portrait, {} against {}", placed.names[up], placed.names[right]);
    let mut svg = Svg::new("figure phase", FLAT, FLAT, &label);
    let (left, size) = (22.0, FLAT - 30.0);
    let pixel = |point: [f64; 3]| (left + 0.5 * size * (1.0 + point[right]), 6.0 + 0.5 * size * (1.0 - point[up]));
    svg.rect("box", (left, 6.0), (size, size));
    svg.text("name", (left + 0.5 * size, FLAT - 8.0), Anchor::Middle, &placed.names[right]);
    svg.text_up("name", (14.0, 6.0 + 0.5 * size), &placed.names[up]);
    draw(&mut svg, placed, pixel);
    svg.finish()
}

fn draw(svg: &mut Svg, placed: &Placed, pixel: impl Fn([f64; 3]) -> (f64, f64)) {
    let at = |points: &[[f64; 3]]| points.iter().map(|&point| pixel(point)).collect::<Vec<_>>();
    let mut path = |class: &str, name: &str, points: &[[f64; 3]], is_joined: bool| {
        if is_joined {
            svg.curve(&format!("curve {class}"), name, at(points));
        } else {
            svg.scatter(&format!("curve cloud {class}"), name, at(points));
        }
    };
    path("data", "data", &placed.data, placed.data_joined);
    path("model", "simulated", &placed.simulated, placed.simulated_joined);
    for (point, place) in placed.fixed.iter().zip(&placed.fixed_points) {
        let text = format!("{}: {} fixed point", point.label, point.stability);
        svg.raw(&marker(&point.stability, pixel(*place), &text));
    }
}

/// A trajectory in the cube; it is broken where it leaves the view.
fn trajectory(cube: &Cube, points: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let place = |point: [f64; 3]| {
        let placed = cube.place(&point);
        if cube.holds(&placed) { placed.map(rounded) } else { [f64::NAN; 3] }
    };
    thin_points(points, MOST_POINTS).into_iter().map(place).collect()
}

/// Whether successive points are near enough for a line between them to mean something.
fn is_smooth(points: &[[f64; 3]]) -> bool {
    let mut steps: Vec<f64> = points
        .windows(2)
        .map(|pair| (0..3).map(|axis| (pair[1][axis] - pair[0][axis]).powi(2)).sum::<f64>())
        .filter(|step| step.is_finite())
        .map(f64::sqrt)
        .collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).is_some_and(|median| *median <= JOINED_WITHIN)
}

fn axis_name(axis: usize, explained: f64) -> String {
    if explained.is_finite() {
        return format!("PC{} ({})", axis + 1, percent(explained));
    }
    format!("PC{}", axis + 1)
}

/// A thousandth of the cube is less than a pixel.
fn rounded(x: f64) -> f64 {
    (1000.0 * x).round() / 1000.0
}

/// JSON in which nothing can end the script element around it.
fn script_safe(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
