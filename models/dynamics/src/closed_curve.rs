//! The period of a closed curve that an orbit winds around.

use crate::geometry::{distance, dot};
use crate::orbit::Orbit;

/// Mean steps per turn of an orbit that fills a closed curve in order, with a fraction; `None` where it does not.
///
/// Turns are counted at a section through a point of the orbit, across its velocity. The orbit must pass it at least
/// `LEAST_TURNS` times, in turns that agree: quasiperiodic motion on a torus, or steps longer than a small part of a turn, has none.
pub(crate) fn turn_period(orbit: &Orbit) -> Option<f64> {
    let n = orbit.len();
    let extent = orbit.extent(0..n);
    if n < 8 || extent == 0.0 {
        return None;
    }
    // The fastest stretch makes the cleanest section.
    let speed = |t: usize| distance(orbit.state(t), orbit.state(t + 1));
    let origin = (0..n - 1).max_by(|&a, &b| speed(a).total_cmp(&speed(b)))?;
    let velocity: Vec<f64> = orbit.state(origin + 1).iter().zip(orbit.state(origin)).map(|(b, a)| b - a).collect();
    let step = speed(origin);
    let height = |t: usize| {
        let ahead: Vec<f64> = orbit.state(t).iter().zip(orbit.state(origin)).map(|(z, o)| z - o).collect();
        dot(&ahead, &velocity) / step
    };
    let mut crossings = Vec::new();
    for t in 1..n - 2 {
        let (below, above) = (height(t), height(t + 1));
        let near = distance(orbit.state(t), orbit.state(origin)) <= (2.0 * step).max(NEAR * extent);
        if near && below <= 0.0 && above > 0.0 {
            crossings.push(t as f64 + zero_between([height(t - 1), below, above, height(t + 2)]));
        }
    }
    if crossings.len() < LEAST_TURNS + 1 {
        return None;
    }
    let turns: Vec<f64> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = (crossings[turns.len()] - crossings[0]) / turns.len() as f64;
    let agree = turns.iter().all(|turn| (turn - mean).abs() <= AGREEMENT * mean + 0.05);
    (agree && mean >= LEAST_STEPS_PER_TURN).then_some(mean)
}

const LEAST_TURNS: usize = 3;
const LEAST_STEPS_PER_TURN: f64 = 5.0;
/// Crossings count within this share of the extent, so that another branch of the curve is not taken for this one.
const NEAR: f64 = 0.2;
/// Turns may differ by this share of their mean.
const AGREEMENT: f64 = 0.01;

/// Where the cubic through four heights at −1, 0, 1, 2 crosses zero between 0 and 1, by bisection.
fn zero_between(heights: [f64; 4]) -> f64 {
    let [a, b, c, d] = heights;
    let cubic = |x: f64| {
        -a * x * (x - 1.0) * (x - 2.0) / 6.0 + b * (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0
            - c * (x + 1.0) * x * (x - 2.0) / 2.0
            + d * (x + 1.0) * x * (x - 1.0) / 6.0
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if cubic(middle) <= 0.0 { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}
