//! A portrait as a person reads it.

use std::collections::BTreeMap;

use anyhow::Result;

use super::say;
use crate::outputs::{AttractorJson, FixedPointJson, PortraitJson, SliceJson, StepsAndSeconds};
use crate::report::words::number::{count, counted, fixed, number, percent};

/// Coordinates shown of a point; the JSON has all.
const SHOWN_COORDINATES: usize = 6;
/// Fixed points shown; the JSON has all.
const SHOWN_POINTS: usize = 24;

pub fn print(found: &PortraitJson) -> Result<()> {
    let effort = match found.effort.method.as_str() {
        "branch and bound" => {
            format!("{} boxes, {}", count(found.effort.boxes), counted(found.effort.regions_visited, "linear region"))
        }
        "interval arithmetic" => format!("{} boxes with interval arithmetic", count(found.effort.boxes)),
        "Newton" => format!("Newton's method from {}", counted(found.effort.linear_solves, "start")),
        "enumeration" => format!("all {} solved", counted(found.effort.regions_visited, "linear region")),
        _ => format!(
            "searched: {}, {}",
            counted(found.effort.regions_visited, "linear region"),
            counted(found.effort.linear_solves, "equation")
        ),
    };
    let n = found.fixed_points.len();
    let how = match (n, found.fixed_points_complete) {
        (0, true) => format!("no fixed point exists ({effort})"),
        (0, false) => format!("no fixed point was found, but one may exist ({effort})"),
        (_, true) => format!("{}, which is proven to be all ({effort})", counted(n, "fixed point")),
        (_, false) => format!("{} found; there may be more ({effort})", counted(n, "fixed point")),
    };
    say!("{}; {how}", counted(found.dim, "dimension"))?;
    for (n, point) in (1..).zip(&found.fixed_points).take(SHOWN_POINTS) {
        say!("  P{n:<3} {}", fixed_point(point))?;
    }
    if n > SHOWN_POINTS {
        say!("  … and {} more: --json lists them", count(n - SHOWN_POINTS))?;
    }
    for line in &found.continua {
        let extends = counted(line.directions.len(), "direction");
        say!("  a continuum of fixed points in {extends} through z = {}", coordinates(&line.z))?;
    }
    print_cycles(found)?;
    say!("")?;
    say!("{}", attractors_heading(found))?;
    for (n, attractor) in (1..).zip(&found.attractors) {
        print_attractor(&format!("A{n}"), attractor, found)?;
    }
    if found.diverged > 0.0 || found.undecided > 0.0 {
        say!("  {} of the starts diverged, {} stayed undecided", percent(found.diverged), percent(found.undecided))?;
    }
    match &found.slice {
        Some(slice) => print_slice(slice, found),
        None => Ok(()),
    }
}

/// `saddle, 1 growing direction; |λ| 1.204 … 0.31; decay 12.3 steps; one turn 8.1 steps; z = (…)`
fn fixed_point(point: &FixedPointJson) -> String {
    let moduli: Vec<f64> = point.multipliers.iter().map(|[re, im]| re.hypot(*im)).collect();
    let mut facts = vec![match point.unstable_dims {
        0 => point.stability.clone(),
        n => format!("{}, {}", point.stability, counted(n, "growing direction")),
    }];
    facts.push(match moduli.as_slice() {
        [] => "multipliers unknown".to_string(),
        [only] => format!("|λ| {}", fixed(*only, 4)),
        [first, .., last] => format!("|λ| {} to {}", fixed(*first, 4), fixed(*last, 4)),
    });
    if let Some(slowest) = point.time_constants.iter().flatten().next() {
        facts.push(format!("slowest decay {}", time(slowest)));
    }
    if let Some(turn) = point.turns.iter().flatten().next() {
        facts.push(format!("one turn {}", time(turn)));
    }
    if let Some(peak) = point.peak_amplification.filter(|&peak| peak > 1.005) {
        facts.push(format!("amplifies up to {} times before it decays", number(peak)));
    }
    facts.push(format!("z = {}", coordinates(&point.z)));
    facts.join("; ")
}

fn print_cycles(found: &PortraitJson) -> Result<()> {
    let complete = found.cycles_complete_up_to;
    let searched = match found.cycles_unseen {
        Some(unseen) => format!(
            "longer ones searched in {}, perhaps {} not met",
            counted(found.effort.cycle_steps, "step"),
            number(unseen.estimate.round())
        ),
        None => String::new(),
    };
    let proof = match complete {
        0 => String::new(),
        period => format!("proven to be all up to period {period}"),
    };
    let how: Vec<&str> = [proof.as_str(), searched.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join("; ")) };
    say!("{}{how}", if found.cycles.is_empty() { "no cycle".into() } else { counted(found.cycles.len(), "cycle") })?;
    for cycle in found.cycles.iter().take(SHOWN_POINTS) {
        let radius = cycle.multipliers.first().map_or(f64::NAN, |[re, im]| re.hypot(*im));
        let first = cycle.points.first().map_or(String::new(), |z| coordinates(z));
        say!(
            "  period {:<4} {}; largest |λ| of one turn {}; from z = {first}",
            cycle.period,
            cycle.stability,
            fixed(radius, 4)
        )?;
    }
    if found.cycles.len() > SHOWN_POINTS {
        say!("  … and {} more: --json lists them", count(found.cycles.len() - SHOWN_POINTS))?;
    }
    Ok(())
}

fn attractors_heading(found: &PortraitJson) -> String {
    let seed = found.starts.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    let from = format!("from {} ({}{seed})", counted(found.n_starts, "start"), found.starts.drawn);
    match found.attractors.len() {
        0 => format!("no attractor was reached {from}"),
        n => format!("{} reached {from}", counted(n, "attractor")),
    }
}

fn print_attractor(name: &str, attractor: &AttractorJson, portrait: &PortraitJson) -> Result<()> {
    let [low, high] = attractor.basin_ci;
    let basin = match portrait.n_starts {
        0 => String::new(),
        _ => format!("basin {} ({} to {})", percent(attractor.basin_fraction), percent(low), percent(high)),
    };
    say!("  {name:<4} {}; {basin}", kind(attractor, portrait))?;
    let mut facts = Vec::new();
    if let Some(largest) = attractor.lyapunov.first() {
        let measured = attractor.lyapunov_se.first().filter(|&&se| se > 0.0);
        let error = measured.map_or(String::new(), |se| format!(" ± {}", number(*se)));
        let value = largest.map_or("−∞".to_string(), number);
        facts.push(format!("largest exponent {value}{error} nats/step"));
    }
    if let Some(time_constant) = &attractor.time_constant {
        facts.push(format!("decay towards it {}", time(time_constant)));
    }
    if attractor.kind == "chaotic" {
        facts.push(match (attractor.kaplan_yorke, attractor.kaplan_yorke_se) {
            (Some(dimension), Some(se)) => format!("Kaplan–Yorke dimension {} ± {}", fixed(dimension, 3), fixed(se, 3)),
            _ => "Kaplan–Yorke dimension beyond the exponents measured".to_string(),
        });
    }
    if attractor.certified_radius > 0.0 {
        facts.push(format!("certain for states within {}", number(attractor.certified_radius)));
    }
    say!("       {}", facts.join("; "))
}

fn kind(attractor: &AttractorJson, portrait: &PortraitJson) -> String {
    let turn = attractor.turn.as_ref().map_or(String::new(), |turn| format!(", one turn {}", time(turn)));
    match (attractor.kind.as_str(), attractor.period) {
        _ if attractor.continuum => "continuum of fixed points".to_string(),
        ("fixed point", _) => match portrait.fixed_points.iter().position(|point| is_at(attractor, point)) {
            Some(index) => format!("fixed point P{}", index + 1),
            None => format!("fixed point at z = {}", coordinates(&attractor.center)),
        },
        ("cycle", Some(period)) => match attractor.turn.and_then(|turn| turn.seconds) {
            Some(seconds) => format!("cycle of {period} steps ({} s)", number(seconds)),
            None => format!("cycle of {period} steps"),
        },
        (kind, _) => format!("{kind}{turn}"),
    }
}

/// Whether the attractor is this fixed point of the list.
fn is_at(attractor: &AttractorJson, point: &FixedPointJson) -> bool {
    let gap = attractor.center.iter().zip(&point.z).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let size = point.z.iter().fold(1e-3_f64, |size, z| size.max(z.abs()));
    gap <= 1e-6 * size
}

/// One character a cell, the largest coordinate on top.
fn print_slice(slice: &SliceJson, found: &PortraitJson) -> Result<()> {
    let axis = |direction: &[f64]| direction.iter().position(|&x| x != 0.0).map_or(0, |axis| axis + 1);
    let [across, upwards] = slice.reach;
    say!("")?;
    say!(
        "basins over z{} (across, −{across} to {across}) and z{} (upwards, −{upwards} to {upwards}), other coordinates zero",
        axis(&slice.right),
        axis(&slice.up)
    )?;
    let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
    for row in slice.ends.iter().rev() {
        say!("  {}", row.iter().map(|end| symbol(end)).collect::<String>())?;
        row.iter().for_each(|end| *shares.entry(end).or_default() += 1);
    }
    let cells = (slice.rows * slice.columns) as f64;
    let legend: Vec<String> =
        shares.iter().map(|(end, n)| format!("{} {} {}", symbol(end), what(end), percent(*n as f64 / cells))).collect();
    say!("  {}", legend.join("   "))?;
    for (n, attractor) in (found.attractors.len() + 1..).zip(&slice.found) {
        print_attractor(&format!("A{n}"), attractor, &PortraitJson { n_starts: 0, ..found.clone() })?;
    }
    Ok(())
}

fn what(end: &str) -> &str {
    if end.starts_with('A') { "" } else { end }
}

/// 1 to 9, then letters; beyond these all look alike, and the JSON tells them apart.
fn symbol(end: &str) -> char {
    match end.strip_prefix('A').and_then(|n| n.parse::<u32>().ok()) {
        Some(n @ 1..=9) => char::from_digit(n, 10).unwrap_or('#'),
        Some(n @ 10..=35) => char::from_u32(u32::from('a') + n - 10).unwrap_or('#'),
        Some(_) => '#',
        None if end == "diverged" => '×',
        None => '·',
    }
}

fn time(time: &StepsAndSeconds) -> String {
    let steps = format!("{} steps", number(time.steps));
    time.seconds.map_or(steps.clone(), |seconds| format!("{steps} ({} s)", number(seconds)))
}

fn coordinates(z: &[f64]) -> String {
    let shown: Vec<String> = z.iter().take(SHOWN_COORDINATES).map(|&x| fixed(x, 4)).collect();
    let rest = if z.len() > SHOWN_COORDINATES { ", …" } else { "" };
    format!("({}{rest})", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::symbol;

    #[test]
    fn every_end_has_a_sign() {
        let ends = ["A1", "A9", "A10", "A35", "A36", "diverged", "undecided"];
        assert_eq!(ends.map(symbol), ['1', '9', 'a', 'z', '#', '×', '·']);
    }
}
