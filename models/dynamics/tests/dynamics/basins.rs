use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorKind, Complex, EdgePlan, End, Map, PiecewiseLinearMap, SlicePlan, basin_entropy, basin_slice,
    distance_to_edge, find_attractors, find_fixed_points, tipping_probabilities, uncertain_shares,
    uncertainty_exponent,
};
use proptest::prelude::*;

use crate::systems::*;

/// Sixteen ±1 units, updated one after the other; three stored patterns, rows of a Hadamard matrix.
struct Hopfield {
    weights: DMatrix<f64>,
}

impl Hopfield {
    fn patterns() -> Vec<Vec<f64>> {
        let sign = |row: u32, column: u32| if (row & column).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        [1, 2, 4].iter().map(|&row| (0..16).map(|column| sign(row, column)).collect()).collect()
    }
    fn new() -> Self {
        let patterns = Self::patterns();
        let weight = |i: usize, j: usize| patterns.iter().map(|p| p[i] * p[j]).sum::<f64>() / 16.0;
        Self { weights: DMatrix::from_fn(16, 16, |i, j| if i == j { 0.0 } else { weight(i, j) }) }
    }
}

impl Map for Hopfield {
    fn dim(&self) -> usize {
        16
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        next.copy_from_slice(z);
        for i in 0..16 {
            let field: f64 = (0..16).map(|j| self.weights[(i, j)] * next[j]).sum();
            if field != 0.0 {
                next[i] = field.signum();
            }
        }
    }
    fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
        DMatrix::zeros(16, 16)
    }
}

/// All 65 536 states end at six stored patterns and eight mixtures, in basins that are counted exactly.
#[test]
fn a_hopfield_network_has_its_exact_basins() {
    let states: Vec<Vec<f64>> =
        (0..1_u32 << 16).map(|bits| (0..16).map(|i| if bits >> i & 1 == 1 { 1.0 } else { -1.0 }).collect()).collect();
    let search = find_attractors(&mut rng(1), &Hopfield::new(), &[], &states, &following());
    let mut basins: Vec<usize> = search.attractors.iter().map(|a| a.basin.count).collect();
    basins.sort_unstable();
    let expected = [1172, 1172, 1310, 1310, 1414, 1414, 1548, 1548, 9078, 9078, 9092, 9092, 9154, 9154];
    assert_eq!(basins, expected);
    assert_eq!(search.ends.len(), 65_536);
    for (attractor, index) in search.attractors.iter().zip(0..) {
        assert_eq!(search.ends.iter().filter(|&&end| end == End::Attractor(index)).count(), attractor.basin.count);
    }
}

/// `x ↦ ±(1, 1)` by the sign of `x`: the edge is at `x = 0`, one away.
struct Switch;

impl Map for Switch {
    fn dim(&self) -> usize {
        2
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        next.fill(if z[0] >= 0.0 { 1.0 } else { -1.0 });
    }
    fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
        DMatrix::zeros(2, 2)
    }
}

fn edge_plan(largest: f64) -> EdgePlan {
    EdgePlan { largest, directions: 64, refinements: 300, tolerance: 1e-3 }
}

#[test]
fn a_switch_has_its_edge_where_it_switches() {
    let search = find_attractors(&mut rng(1), &Switch, &[], &uniform_starts(&mut rng(2), 400, 2, 2.0), &following());
    assert_eq!(search.attractors.len(), 2);
    let (low, high) = search.attractors[0].basin.wilson_interval();
    assert!(low < 0.5 && 0.5 < high);
    let edge = distance_to_edge(&mut rng(1), &Switch, &search.attractors, &[1.0, 1.0], &edge_plan(4.0), &following());
    let escape = edge.escape.unwrap();
    assert!(escape.distance >= 1.0 && escape.distance < 1.01, "{escape:?}");
    assert!(escape.displacement[0] < -1.0 && edge.end != escape.end);
    // A map that does not say where it is affine proves nothing.
    assert_eq!(edge.safe_distance, 0.0);
}

struct CubeRoot;

impl Map for CubeRoot {
    fn dim(&self) -> usize {
        2
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        let z = Complex::new(z[0], z[1]);
        let image = z - (z * z * z - 1.0) / (z * z * 3.0);
        (next[0], next[1]) = (image.re, image.im);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let z = Complex::new(z[0], z[1]);
        let slope = (z * z * z - 1.0) * 2.0 / (z * z * z * 3.0);
        DMatrix::from_row_slice(2, 2, &[slope.re, -slope.im, slope.im, slope.re])
    }
}

/// The smallest shock that leaves the basin of 1 under Newton's method is 0.6225 (published: 0.622); the boundary has an
/// uncertainty exponent of 0.55 … 0.65 and dimension 1.42.
#[test]
fn newtons_basins_have_their_published_edge_and_roughness() {
    let search = find_attractors(&mut rng(1), &CubeRoot, &[], &uniform_starts(&mut rng(7), 200, 2, 1.5), &following());
    let edge = distance_to_edge(&mut rng(3), &CubeRoot, &search.attractors, &[1.0, 0.0], &edge_plan(1.5), &following());
    assert_close(edge.escape.unwrap().distance, 0.6225, 6e-3);
    let picture = SlicePlan {
        origin: vec![0.0; 2],
        right: vec![1.0, 0.0],
        up: vec![0.0, 1.0],
        reach: [1.0, 1.0],
        cells: [300, 300],
    };
    let slice = basin_slice(&mut rng(1), &CubeRoot, &search.attractors, &picture, &following()).unwrap();
    assert!(slice.found.is_empty());
    let distances = [1, 2, 3, 4, 6, 8, 11, 15];
    let shares = uncertain_shares(&slice.ends, [300, 300], &distances).unwrap();
    let exponent = uncertainty_exponent(&distances, &shares).unwrap();
    assert!((0.5..0.7).contains(&exponent), "{exponent}");
    assert!(basin_entropy(&slice.ends, [300, 300], 5).unwrap().boundary > 0.0);
}

/// Twenty by twenty states: a quarter escapes before; after, the right half moves to another attractor.
#[test]
fn tipping_probabilities_are_shares_of_what_was() {
    let cell = |i: usize| (i / 20, i % 20);
    let before: Vec<i32> = (0..400).map(cell).map(|(r, c)| if r < 10 && c < 10 { -1 } else { 1 }).collect();
    let after: Vec<i32> = (0..400).map(|i| if cell(i).1 >= 10 { 2 } else { 1 }).collect();
    let tipping = tipping_probabilities(&before, &after).unwrap();
    assert_close(tipping[&(1, 1)], 1.0 / 3.0, 1e-12);
    assert_close(tipping[&(1, 2)], 2.0 / 3.0, 1e-12);
    assert_close(tipping[&(-1, 1)], 1.0, 1e-12);
    assert!(tipping_probabilities(&before, &after[1..]).is_err());
}

/// A straight boundary: uncertain cells grow in proportion, and a box on it holds `ln 2` at most.
#[test]
fn a_straight_boundary_is_smooth() {
    let labels: Vec<bool> = (0..10_000).map(|i| i % 100 < 50).collect();
    let distances = [1, 2, 4, 8];
    let shares = uncertain_shares(&labels, [100, 100], &distances).unwrap();
    assert_close(uncertainty_exponent(&distances, &shares).unwrap(), 1.0, 0.1);
    let entropy = basin_entropy(&labels, [100, 100], 4).unwrap();
    assert_close(entropy.boundary, std::f64::consts::LN_2, 1e-12);
    assert!(basin_entropy(&labels, [100, 99], 4).is_err() && basin_entropy(&labels, [100, 100], 0).is_err());
    assert_eq!(uncertainty_exponent(&[1], &[0.5]), None);
}

/// `x′ = x/2 + clip(x)` rests at ±2, and 0 parts them: the proven and the found distance meet.
#[test]
fn a_bistable_unit_is_bracketed_from_both_sides() {
    let w1 = DMatrix::from_row_slice(1, 2, &[1.0, -1.0]);
    let w2 = DMatrix::from_element(2, 1, 1.0);
    let map = PiecewiseLinearMap::shallow(&[0.5], &w1, &w2, &[-1.0], &[1.0, -1.0]).unwrap();
    let fixed = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
    let search =
        find_attractors(&mut rng(1), &map, &fixed.found, &uniform_starts(&mut rng(2), 50, 1, 4.0), &following());
    assert_eq!(search.attractors.len(), 2);
    // The fold next to the rest is at 1.
    assert_close(search.attractors[0].certified_radius, 1.0, 1e-5);
    let here = search.attractors[0].center.clone();
    let edge = distance_to_edge(&mut rng(1), &map, &search.attractors, &here, &edge_plan(8.0), &following());
    assert_close(edge.safe_distance, 1.0, 1e-5);
    assert_close(edge.escape.unwrap().distance, 2.0, 4e-3);
}

#[test]
fn slices_that_are_no_picture_are_refused() {
    let good =
        SlicePlan { origin: vec![0.0; 2], right: vec![1.0, 0.0], up: vec![0.0, 1.0], reach: [1.0; 2], cells: [4, 3] };
    let ask = |plan: &SlicePlan| basin_slice(&mut rng(1), &Switch, &[], plan, &following());
    let slice = ask(&good).unwrap();
    assert_eq!((slice.ends.len(), slice.found.len()), (12, 2));
    for bad in [
        SlicePlan { up: vec![2.0, 0.0], ..good.clone() },
        SlicePlan { up: vec![2.0], ..good.clone() },
        SlicePlan { cells: [0, 3], ..good.clone() },
        SlicePlan { cells: [usize::MAX, 3], ..good.clone() },
        SlicePlan { reach: [f64::NAN, 1.0], ..good.clone() },
    ] {
        assert!(ask(&bad).is_err(), "{bad:?}");
    }
}

/// Chaotic and resting orbits, some nudged off saddles: who follows them must not matter.
#[test]
fn any_number_of_threads_finds_the_same_basins() {
    let maps: [Box<dyn Map>; 3] =
        [Box::new(random_clipped(2, 6, 20)), Box::new(random_clipped(5, 3, 12)), Box::new(random_shallow(3, 2, 10))];
    for map in &maps {
        let starts = uniform_starts(&mut rng(4), 150, map.dim(), 3.0);
        let with_threads = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| find_attractors(&mut rng(1), map.as_ref(), &[], &starts, &following()))
        };
        let alone = with_threads(1);
        assert_eq!(alone, with_threads(3));
        let total: usize = alone.attractors.iter().map(|a| a.basin.count).sum();
        assert_eq!(total + alone.diverged.count + alone.undecided.count, starts.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever enters a neighbourhood that is called trapping ends where it should; shares sum to one; every point is one.
    #[test]
    fn portraits_of_random_maps_hold_together(seed in any::<u64>(), dim in 1..5_usize, hidden in 1..10_usize, clipped in any::<bool>()) {
        let map = if clipped { random_clipped(seed, dim, hidden) } else { random_shallow(seed, dim, hidden) };
        let fixed = find_fixed_points(&mut rng(1), &map, &[], &enumerating());
        let starts = uniform_starts(&mut rng(seed), 30, dim, 3.0);
        let search = find_attractors(&mut rng(1), &map, &fixed.found, &starts, &following());
        let shares: f64 = search.attractors.iter().map(|a| a.basin.share()).sum();
        prop_assert!((shares + search.diverged.share() + search.undecided.share() - 1.0).abs() < 1e-12);
        for attractor in &search.attractors {
            if let Some(cycle) = &attractor.cycle {
                prop_assert!(cycle.residual <= 1e-9 && cycle.period > 1);
                let back = map.iterate(&cycle.points[0], cycle.period);
                prop_assert!(distance(&back, &cycle.points[0]) <= 1e-7 * (1.0 + distance(&back, &vec![0.0; dim])));
            } else if attractor.kind == AttractorKind::FixedPoint && !attractor.is_continuum() {
                let image = map.iterate(&attractor.center, 1);
                prop_assert!(distance(&image, &attractor.center) <= 1e-9 * (1.0 + distance(&image, &vec![0.0; dim])));
            }
            if attractor.certified_radius > 0.0 {
                let points = attractor.cycle.as_ref().map_or(vec![attractor.center.clone()], |cycle| cycle.points.clone());
                let gap = |z: &[f64]| points.iter().map(|p| distance(p, z)).fold(f64::INFINITY, f64::min);
                let mut draw = rng(seed ^ 1);
                for push in uniform_starts(&mut draw, 20, dim, 1.0) {
                    let length = distance(&push, &vec![0.0; dim]);
                    let z: Vec<f64> = points[0].iter().zip(&push).map(|(p, d)| p + 0.999 * attractor.certified_radius * d / length).collect();
                    let slowest = (-attractor.lyapunov[0]).max(1e-4);
                    let steps = ((40.0 / slowest) as usize + 1).div_ceil(points.len()) * points.len();
                    prop_assert!(gap(&map.iterate(&z, steps)) <= 1e-6 * attractor.certified_radius + 1e-9 * (1.0 + distance(&z, &vec![0.0; dim])));
                }
            }
        }
    }
}
