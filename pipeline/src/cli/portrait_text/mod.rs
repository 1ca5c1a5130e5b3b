//! A portrait as a person reads it.

mod completeness;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::say;
use crate::outputs::{AttractorJson, CycleJson, FixedPointJson, PortraitJson, SliceJson, StepsAndSeconds};
use crate::report::words::number::{count, counted, fixed, number, percent, significant};

/// Coordinates shown of a point; the JSON has all.
const SHOWN_COORDINATES: usize = 6;
/// Decimals of a coordinate, where they tell all points apart, and at most.
const DECIMALS: usize = 4;
const MOST_DECIMALS: usize = 15;
/// Fixed points shown; the JSON has all.
const SHOWN_POINTS: usize = 24;

pub fn print(found: &PortraitJson) -> Result<()> {
    let n = found.fixed_points.len();
    say!("{}; {}", counted(found.dim, "dimension"), completeness::of_fixed_points(found))?;
    let decimals = telling_apart(found.fixed_points.iter().take(SHOWN_POINTS).map(|point| point.z.as_slice()));
    for (n, point) in (1..).zip(&found.fixed_points).take(SHOWN_POINTS) {
        say!("  P{n:<3} {}", fixed_point(point, decimals))?;
    }
    if n > SHOWN_POINTS {
        say!("  … and {} more: --json lists them", count(n - SHOWN_POINTS))?;
    }
    for line in &found.continua {
        let extends = counted(line.directions.len(), "direction");
        say!("  a continuum of fixed points in {extends} through z = {}", coordinates(&line.z, DECIMALS))?;
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
fn fixed_point(point: &FixedPointJson, decimals: usize) -> String {
    let moduli: Vec<f64> = point.multipliers.iter().map(|[re, im]| re.hypot(*im)).collect();
    let mut facts = vec![match (point.stability.as_str(), point.unstable_dims) {
        // Whatever side of one its multipliers are on, it is not known to grow.
        ("marginal", _) if point.on_border => "marginal, on a border between linear regions".to_string(),
        ("marginal", _) => "marginal, a direction neither clearly grows nor decays".to_string(),
        (stability, 0) => stability.to_string(),
        (stability, n) => format!("{stability}, {}", counted(n, "growing direction")),
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
    facts.push(format!("z = {}", coordinates(&point.z, decimals)));
    facts.join("; ")
}

fn print_cycles(found: &PortraitJson) -> Result<()> {
    say!("{}", completeness::of_cycles(found))?;
    let first = |cycle: &CycleJson| cycle.points.first().cloned().unwrap_or_default();
    let firsts: Vec<Vec<f64>> = found.cycles.iter().take(SHOWN_POINTS).map(first).collect();
    let decimals = telling_apart(firsts.iter().map(Vec::as_slice));
    for (cycle, first) in found.cycles.iter().zip(&firsts) {
        let radius = cycle.multipliers.first().map_or(f64::NAN, |[re, im]| re.hypot(*im));
        say!(
            "  period {:<4} {}; largest |λ| of one turn {}; from z = {}",
            cycle.period,
            cycle.stability,
            fixed(radius, 4),
            coordinates(first, decimals)
        )?;
    }
    if found.cycles.len() > SHOWN_POINTS {
        say!("  … and {} more: --json lists them", count(found.cycles.len() - SHOWN_POINTS))?;
    }
    for family in found.cycle_families.iter().take(SHOWN_POINTS) {
        let extends = counted(family.directions.len(), "direction");
        let through = coordinates(&family.z, DECIMALS);
        say!("  period {:<4} a family of neutral cycles in {extends}, one through z = {through}", family.period)?;
    }
    if found.cycle_families.len() > SHOWN_POINTS {
        say!("  … and {} families more: --json lists them", count(found.cycle_families.len() - SHOWN_POINTS))?;
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
    if let Some(largest) = attractor.floquet_multipliers.iter().map(|[re, im]| re.hypot(*im)).reduce(f64::max) {
        facts.push(match largest {
            0.0 => "a deviation across it is gone within a turn".to_string(),
            _ => format!("a deviation across it keeps {} of itself each turn", number(largest)),
        });
    }
    if attractor.certified_radius > 0.0 {
        facts.push(format!("all states within {} end here, up to rounding", number(attractor.certified_radius)));
    }
    say!("       {}", facts.join("; "))
}

fn kind(attractor: &AttractorJson, portrait: &PortraitJson) -> String {
    let turn = attractor.turn.as_ref().map_or(String::new(), |turn| format!(", one turn {}", time(turn)));
    match (attractor.kind.as_str(), attractor.period) {
        _ if attractor.continuum => "continuum of fixed points".to_string(),
        ("fixed point", _) => match fixed_point_at(attractor, &portrait.fixed_points) {
            Some(index) => format!("fixed point P{}", index + 1),
            None => format!("fixed point at z = {}", coordinates(&attractor.center, DECIMALS)),
        },
        ("cycle", Some(period)) => match attractor.turn.and_then(|turn| turn.seconds) {
            Some(seconds) => format!("cycle of {period} steps ({} s)", number(seconds)),
            None => format!("cycle of {period} steps"),
        },
        (kind, _) => format!("{kind}{turn}"),
    }
}

/// Which fixed point of the list the attractor is: the nearest, if that is near.
fn fixed_point_at(attractor: &AttractorJson, points: &[FixedPointJson]) -> Option<usize> {
    let gap =
        |point: &FixedPointJson| attractor.center.iter().zip(&point.z).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let (index, nearest) = points.iter().enumerate().min_by(|(_, a), (_, b)| gap(a).total_cmp(&gap(b)))?;
    let size = nearest.z.iter().fold(1e-3_f64, |size, z| size.max(z.abs()));
    (gap(nearest) <= 1e-6 * size).then_some(index)
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

fn coordinates(z: &[f64], decimals: usize) -> String {
    let shown: Vec<String> = z.iter().take(SHOWN_COORDINATES).map(|&x| coordinate(x, decimals)).collect();
    let rest = if z.len() > SHOWN_COORDINATES { ", …" } else { "" };
    format!("({}{rest})", shown.join(", "))
}

fn coordinate(x: f64, decimals: usize) -> String {
    if x.abs() < 1e5 { fixed(x, decimals) } else { significant(x, decimals + 1) }
}

/// Decimals with which different points are printed differently, if as many as doubles have can do that.
fn telling_apart<'a>(points: impl Iterator<Item = &'a [f64]>) -> usize {
    let points: Vec<&[f64]> = points.collect();
    let n_told = |decimals: usize| points.iter().map(|z| coordinates(z, decimals)).collect::<BTreeSet<_>>().len();
    let most = n_told(MOST_DECIMALS);
    (DECIMALS..MOST_DECIMALS).find(|&decimals| n_told(decimals) == most).unwrap_or(MOST_DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_sign() {
        let ends = ["A1", "A9", "A10", "A35", "A36", "diverged", "undecided"];
        assert_eq!(ends.map(symbol), ['1', '9', 'a', 'z', '#', '×', '·']);
    }

    #[test]
    fn different_points_are_printed_differently() {
        let told = |points: &[&[f64]]| {
            let decimals = telling_apart(points.iter().copied());
            points.iter().map(|z| coordinates(z, decimals)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[&[0.25], &[0.5]]), ["(0.2500)", "(0.5000)"]);
        assert_eq!(told(&[&[0.25], &[0.250001]]), ["(0.250000)", "(0.250001)"]);
        assert_eq!(told(&[&[123_456.0], &[123_457.0]]), ["(1.23456 × 10⁵)", "(1.23457 × 10⁵)"]);
        // No decimals help.
        assert_eq!(told(&[&[0.25], &[0.25]]), ["(0.2500)", "(0.2500)"]);
    }

    #[test]
    fn a_marginal_point_is_not_said_to_grow() {
        let point = |on_border: bool| FixedPointJson {
            z: vec![1.0],
            multipliers: vec![[1.000_000_1, 0.0]],
            time_constants: vec![None],
            turns: vec![None],
            stability: "marginal".into(),
            unstable_dims: 1,
            on_border,
            certified: false,
            residual: 0.0,
            henrici_departure: None,
            reactivity: None,
            peak_amplification: None,
        };
        assert!(fixed_point(&point(true), 4).starts_with("marginal, on a border between linear regions; |λ| 1.0000"));
        assert!(fixed_point(&point(false), 4).starts_with("marginal, a direction neither clearly grows nor decays;"));
    }
}
