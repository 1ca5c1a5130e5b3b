//! Lines and planes of cycles: words of regions after which nothing, or only a turn, has happened.
//!
//! Where `Fᵗ z = A z + c` has an eigenvalue of exactly one along a line of solutions of `z = A z + c`, all of the line returns after `t`
//! steps. Where `A` turns about its fixed point by the `q`-th part of a circle (or turns a line over, `q = 2`), all around it returns
//! after `q t` steps.

use super::affine::{Affine, fixed_point_of};
use super::polygon::Polygon;

/// Numbers closer than this, relative to the terms they are made of, are equal.
const EQUAL: f64 = 1e-12;
/// Halvings of the distance at which points around a fixed point are looked for.
const MOST_HALVINGS: usize = 100;

/// A point of a family of cycles that repeat `reached` inside `polygon`, and after how many repetitions, at most `max_turns`, they return.
pub(super) fn family_of(reached: &Affine, polygon: &Polygon, max_turns: usize) -> Option<([f64; 2], usize)> {
    if let Some(point) = resting_point(reached, polygon) {
        return Some((point, 1));
    }
    let center = fixed_point_of(reached)?;
    let (direction, turns) = turning(reached, max_turns)?;
    let mut reach = 1.0 + center[0].hypot(center[1]);
    for _ in 0..MOST_HALVINGS {
        let start = [center[0] + reach * direction[0], center[1] + reach * direction[1]];
        let mut z = start;
        let stays = (0..turns).all(|_| {
            let is_inside = polygon.holds(z, 0.0);
            z = image(reached, z);
            is_inside
        });
        if stays {
            return Some((start, turns));
        }
        reach /= 2.0;
    }
    None
}

/// A point of a line or plane of solutions of `z = A z + c` inside `polygon`.
fn resting_point([first, second]: &Affine, polygon: &Polygon) -> Option<[f64; 2]> {
    let [p, q, e] = [1.0 - first[0], -first[1], -first[2]];
    let [r, s, f] = [-second[0], 1.0 - second[1], -second[2]];
    let terms = [first, second].map(|row| 1.0 + row[0].abs() + row[1].abs());
    let sizes = [p.hypot(q), r.hypot(s)];
    let is_zero = [0, 1].map(|i| sizes[i] <= EQUAL * terms[i]);
    if is_zero == [true, true] {
        // Every point returns, or every point is shifted.
        return (e == 0.0 && f == 0.0).then(|| polygon.some_point())?;
    }
    let line = if sizes[0] >= sizes[1] { [p, q, e] } else { [r, s, f] };
    let (size, other) = if sizes[0] >= sizes[1] { (sizes[0], [r, s, f]) } else { (sizes[1], [p, q, e]) };
    // The second equation is a multiple of the first, right-hand side included.
    let is_same_slope = (p * s - q * r).abs() <= EQUAL * terms[0] * terms[1];
    let share = (other[0] * line[0] + other[1] * line[1]) / (size * size);
    let is_same_line = (other[2] - share * line[2]).abs() <= EQUAL * (other[2].abs() + (share * line[2]).abs());
    (is_same_slope && is_same_line).then(|| polygon.middle_of(&line))?
}

/// A direction in which `A` turns by a whole part of a circle, and how often it does until it is back.
fn turning([[a, b, _], [c, d, _]]: &Affine, max_turns: usize) -> Option<([f64; 2], usize)> {
    let (trace, determinant) = (a + d, a * d - b * c);
    let terms = 1.0 + a.abs() + d.abs() + (a * d).abs() + (b * c).abs();
    if (1.0 + trace + determinant).abs() <= EQUAL * terms {
        // (A + I) v = 0.
        let rows = [[a + 1.0, *b], [*c, d + 1.0]];
        let [x, y] = if rows[0][0].hypot(rows[0][1]) >= rows[1][0].hypot(rows[1][1]) { rows[0] } else { rows[1] };
        let size = x.hypot(y);
        let direction = if size > EQUAL * terms { [-y / size, x / size] } else { [1.0, 0.0] };
        return (max_turns >= 2).then_some((direction, 2));
    }
    let is_rotation = trace.abs() < 2.0 && (determinant - 1.0).abs() <= EQUAL * terms;
    if !is_rotation {
        return None;
    }
    let share = (trace / 2.0).acos() / std::f64::consts::TAU;
    let turns = (3..=max_turns).find(|&q| {
        let turned = share * q as f64;
        (turned - turned.round()).abs() <= EQUAL * q as f64
    })?;
    Some(([1.0, 0.0], turns))
}

fn image([first, second]: &Affine, [x, y]: [f64; 2]) -> [f64; 2] {
    [first, second].map(|row| row[0] * x + row[1] * y + row[2])
}
