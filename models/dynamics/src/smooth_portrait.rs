use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::attractors::find_attractors;
use crate::certified::{BoxPlan, BoxSearch, certified_fixed_points, certify};
use crate::continuum::part_continua;
use crate::cycle_search::CycleSearch;
use crate::fixed_points::{FixedPoint, FixedPointSearch, SearchMethod};
use crate::geometry::{coincide, lexicographic, norm};
use crate::map::Map;
use crate::newton::{NewtonPlan, find_fixed_points_smooth};
use crate::portrait::{Portrait, PortraitPlan};
use crate::smooth::{Interval, SmoothSystem};
use crate::stability::Stability;
use crate::units::{InUnits, Units};

/// Beyond this many dimensions a box is not searched: the number of parts grows like its power.
const MOST_SEARCHED: usize = 4;
/// Beyond this many dimensions points are not certified: a tenth of a second each at most.
const MOST_CERTIFIED: usize = 64;
/// Boxes examined at most; some seconds for small networks.
const MAX_BOXES: usize = 200_000;
/// Random starts of Newton's method beside those given.
const RANDOM_STARTS: usize = 300;

/// Fixed points, cycles, attractors and basins of a smooth map or of a flow in steps: the same for the same state of `rng`.
///
/// Fixed points are found by Newton's method from `starts`, from points on their orbits and from random points; up to four dimensions a box is
/// searched with proof as well, and what Newton's method found where the box is proven to hold nothing is dropped. Where the formula bounds its
/// points of rest, that is the box and the answer is `complete` for all of
/// space; elsewhere the box holds the starts and what Newton found with as much again around it, and the answer never claims to be complete. Cycles are those
/// that orbits were seen to reach. Distances are relative to how far the starts reach, with a unit for each axis where they reach more than ten
/// thousand times further along one than along another. Points of rest that lie on one line, ring or sheet of them are one continuum. In the answer, `solves` counts the starts of Newton's method; `degenerate_regions` are the places of the box that stayed undecided.
///
/// Costs and misleads as its parts do, where the sources stand too: [`find_fixed_points_smooth`], [`certified_fixed_points`] (up to
/// 200,000 boxes), [`find_attractors`], whose orbits are most of the time for a flow.
pub fn portrait_smooth(
    rng: &mut impl Rng,
    map: &dyn SmoothSystem,
    starts: &[Vec<f64>],
    plan: &PortraitPlan,
) -> Portrait {
    let fixed_points = match Units::apart(map, starts, &[]) {
        None => search(rng, map, starts, plan),
        Some(units) => {
            let search = search(rng, &InUnits::of(map, &units), &units.states_to_here(starts), plan);
            units.fixed_points_from_here(search)
        }
    };
    let attractors = find_attractors(rng, map as &dyn Map, &fixed_points.found, starts, &plan.attractors);
    let cycles = CycleSearch {
        found: attractors.attractors.iter().filter_map(|attractor| attractor.cycle.clone()).collect(),
        families: Vec::new(),
        complete_up_to: 0,
        polygons: 0,
        steps: 0,
        unseen: None,
    };
    Portrait { dim: map.dim(), fixed_points, cycles, attractors }
}

fn search(rng: &mut impl Rng, map: &dyn SmoothSystem, starts: &[Vec<f64>], plan: &PortraitPlan) -> FixedPointSearch {
    let marginal_tolerance = plan.fixed_points.marginal_tolerance;
    let newton = NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 200, marginal_tolerance };
    // Random points can be drawn, and parts examined, only between bounds of finite distance.
    let bounds = map.bounds().filter(|sides| sides.iter().all(|side| side.is_finite() && side.width().is_finite()));
    let home = bounds.clone().unwrap_or_else(|| hull(map.dim(), starts.iter()));
    let mut from = starts.to_vec();
    from.extend(starts.iter().map(|start| map.iterate(start, 50)).filter(|z| z.iter().all(|x| x.is_finite())));
    from.extend((0..RANDOM_STARTS).map(|_| home.iter().map(|side| rng.random_range(side.lo()..=side.hi())).collect()));
    let searched = find_fixed_points_smooth(map as &dyn Map, &from, &newton);
    let (found, continua) = part_continua(map, searched.found);
    let mut answer = FixedPointSearch {
        found,
        continua,
        complete: false,
        method: SearchMethod::Newton,
        regions_visited: 0,
        boxes: 0,
        solves: from.len(),
        degenerate_regions: 0,
        on_borders: Vec::new(),
        certified: Vec::new(),
        unseen: None,
    };
    if map.dim() <= MOST_SEARCHED {
        let region = bounds.clone().unwrap_or_else(|| {
            let held = answer.found.iter().map(|point| &point.location).chain(starts);
            hull(map.dim(), held).iter().map(|side| Interval::around(side.mid(), side.width())).collect()
        });
        let boxes = BoxPlan { max_boxes: MAX_BOXES, marginal_tolerance, ..BoxPlan::default() };
        let proven = certified_fixed_points(map, &region, &boxes);
        answer.complete = proven.complete && bounds.is_some();
        if answer.complete {
            answer.method = SearchMethod::Intervals;
        }
        answer.boxes = proven.boxes_examined;
        answer.degenerate_regions = proven.undecided.len();
        answer.found.retain(|point| may_be_beside(&point.location, &proven, newton.merge_distance));
        one_in_each_part(map, &mut answer.found, &proven.undecided, &newton);
        answer.found.extend(proven.found.into_iter().map(|certified| certified.point));
    }
    answer.found.sort_by(|a, b| lexicographic(&a.location, &b.location));
    if map.dim() <= MOST_CERTIFIED {
        let is_certified: Vec<bool> =
            answer.found.par_iter().map(|point| certify(map, &point.location).is_some()).collect();
        answer.certified = (0..answer.found.len()).filter(|&index| is_certified[index]).collect();
    }
    answer
}

/// Whether the search of the box leaves room for a point of rest here that it has not certified: outside the box, or next to a part that stayed
/// undecided. Elsewhere a small residual is a slow passage, however small.
fn may_be_beside(z: &[f64], search: &BoxSearch<FixedPoint>, merge_distance: f64) -> bool {
    let reach = merge_distance * norm(z).max(1.0);
    let lies_in = |sides: &[Interval], reach: f64| {
        sides.iter().zip(z).all(|(side, &x)| side.lo() - reach <= x && x <= side.hi() + reach)
    };
    let is_certified = search.found.iter().any(|known| coincide(&known.point.location, z, merge_distance, 1.0));
    let is_open = !lies_in(&search.region, 0.0) || search.undecided.iter().any(|part| lies_in(part, reach));
    is_open && !is_certified
}

/// Of neutral points in one part that stayed undecided, only the best: where the map is so flat that its residual is lost in rounding, Newton's
/// method stops wherever it comes from. The middle of the part is tried too.
fn one_in_each_part(
    map: &dyn SmoothSystem,
    found: &mut Vec<FixedPoint>,
    undecided: &[Vec<Interval>],
    newton: &NewtonPlan,
) {
    let lies_in = |part: &[Interval], z: &[f64]| part.iter().zip(z).all(|(side, &x)| side.contains(x));
    for part in undecided.iter().take(MOST_PARTS) {
        let is_flat = |point: &FixedPoint| point.stability == Stability::Marginal && lies_in(part, &point.location);
        if found.iter().filter(|point| is_flat(point)).count() < 2 {
            continue;
        }
        let middle: Vec<f64> = part.iter().map(|side| side.mid()).collect();
        found.extend(find_fixed_points_smooth(map as &dyn Map, &[middle], newton).found);
        let best =
            found.iter().filter(|point| is_flat(point)).min_by(|a, b| a.residual.total_cmp(&b.residual)).cloned();
        found.retain(|point| !is_flat(point));
        found.extend(best);
    }
}

/// Undecided parts in which flat points are looked for.
const MOST_PARTS: usize = 1000;

/// The smallest box around all points and the origin.
fn hull<'a>(dim: usize, points: impl Iterator<Item = &'a Vec<f64>>) -> Vec<Interval> {
    let mut sides = vec![Interval::new(-1.0, 1.0); dim];
    for point in points.filter(|point| point.len() == dim && point.iter().all(|x| x.is_finite())) {
        sides.iter_mut().zip(point).for_each(|(side, &x)| *side = side.hull(Interval::point(x)));
    }
    sides
}
