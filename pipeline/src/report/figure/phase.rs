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
const OBLIQUE: f64 = 440.0;
const FLAT: f64 = 260.0;
/// A cube turned corner-on reaches √3 from its centre.
const OBLIQUE_REACH: f64 = 1.5;
const FIRST_VIEW: View = View {
    azimuth: 0.6,
    elevation: 0.35,
};

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
    fixed_points: Vec<[f64; 3]>,
    #[serde(skip)]
    fixed: Vec<PhasePoint>,
    #[serde(skip)]
    names: [String; 3],
    view: [f64; 2],
    reach: f64,
}

/// `Ok(None)` when there is no trajectory to draw.
pub fn phase_figure(portrait: &PhasePortrait) -> Result<Option<PhaseFigure>, serde_json::Error> {
    if portrait.data.is_empty() && portrait.simulated.is_empty() {
        return Ok(None);
    }
    let cube = Cube::around(portrait);
    let (inside, outside): (Vec<&PhasePoint>, Vec<&PhasePoint>) = portrait
        .fixed_points
        .iter()
        .partition(|point| cube.holds(&cube.place(&point.at)));
    let placed = Placed {
        data: trajectory(&cube, &portrait.data),
        simulated: trajectory(&cube, &portrait.simulated),
        fixed_points: inside
            .iter()
            .map(|point| cube.place(&point.at).map(rounded))
            .collect(),
        fixed: inside.into_iter().cloned().collect(),
        names: [0, 1, 2].map(|axis| axis_name(axis, portrait.explained[axis])),
        view: [FIRST_VIEW.azimuth, FIRST_VIEW.elevation],
        reach: OBLIQUE_REACH,
    };
    Ok(Some(PhaseFigure {
        oblique: oblique(&placed),
        projections: [(0, 1), (0, 2), (1, 2)]
            .map(|(right, up)| projection(&placed, right, up))
            .to_vec(),
        points_json: script_safe(&serde_json::to_string(&placed)?),
        outside: outside
            .into_iter()
            .map(|point| point.label.clone())
            .collect(),
        leaves_range: portrait
            .simulated
            .iter()
            .any(|point| !cube.holds(&cube.place(point))),
    }))
}

fn oblique(placed: &Placed) -> String {
    let label = "phase portrait in three dimensions: recording, simulation and fixed points";
    let mut svg = Svg::new("figure phase oblique", OBLIQUE, OBLIQUE, label);
    let half = 0.5 * OBLIQUE;
    let pixel = |point: [f64; 3]| {
        let (right, up) = FIRST_VIEW.project(point);
        (
            half + half / OBLIQUE_REACH * right,
            half - half / OBLIQUE_REACH * up,
        )
    };
    for axis in 0..3 {
        let corner = [-1.0; 3];
        let mut end = corner;
        end[axis] = 1.0;
        svg.line("axis edge", pixel(corner), pixel(end));
        end[axis] = 1.12;
        svg.text("name edge", pixel(end), Anchor::Middle, &placed.names[axis]);
    }
    draw(&mut svg, placed, pixel);
    svg.finish()
}

fn projection(placed: &Placed, right: usize, up: usize) -> String {
    let label = format!(
        "phase portrait, {} against {}",
        placed.names[up], placed.names[right]
    );
    let mut svg = Svg::new("figure phase", FLAT, FLAT, &label);
    let (left, size) = (22.0, FLAT - 30.0);
    let pixel = |point: [f64; 3]| {
        (
            left + 0.5 * size * (1.0 + point[right]),
            6.0 + 0.5 * size * (1.0 - point[up]),
        )
    };
    svg.rect("box", (left, 6.0), (size, size));
    svg.text(
        "name",
        (left + 0.5 * size, FLAT - 8.0),
        Anchor::Middle,
        &placed.names[right],
    );
    svg.text_up("name", (14.0, 6.0 + 0.5 * size), &placed.names[up]);
    draw(&mut svg, placed, pixel);
    svg.finish()
}

fn draw(svg: &mut Svg, placed: &Placed, pixel: impl Fn([f64; 3]) -> (f64, f64)) {
    let at = |points: &[[f64; 3]]| points.iter().map(|&point| pixel(point)).collect::<Vec<_>>();
    svg.curve("curve data", "data", at(&placed.data));
    svg.curve("curve model", "simulated", at(&placed.simulated));
    for (point, place) in placed.fixed.iter().zip(&placed.fixed_points) {
        let text = format!("{}: {} fixed point", point.label, point.stability);
        svg.raw(&marker(&point.stability, pixel(*place), &text));
    }
}

/// A trajectory in the cube; it is broken where it leaves the view.
fn trajectory(cube: &Cube, points: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let place = |point: [f64; 3]| {
        let placed = cube.place(&point);
        if cube.holds(&placed) {
            placed.map(rounded)
        } else {
            [f64::NAN; 3]
        }
    };
    thin_points(points, MOST_POINTS)
        .into_iter()
        .map(place)
        .collect()
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
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
