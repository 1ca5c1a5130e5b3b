use nalgebra::Complex;
use rand::Rng;

use crate::arrangement::{self, Hyperplane};
use crate::balance::Balanced;
use crate::branch_and_bound::{Coverage, Side, enclose_everywhere};
use crate::hinge_system::Reduced;
use crate::map::Map;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::region_search::search_regions;
use crate::region_solver::RegionSolver;
use crate::sign_tree::every_pattern;
use crate::stability::Stability;
use crate::unseen::Unseen;

/// A point that the map leaves where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPoint {
    /// `z: [M]` with `F(z) = z`.
    pub location: Vec<f64>,
    /// Eigenvalues of the Jacobian there, largest modulus first; empty if they could not be computed.
    pub multipliers: Vec<Complex<f64>>,
    /// Marginal also where the point lies on a border between linear regions, where no single Jacobian decides.
    pub stability: Stability,
    /// `|F(z) − z|`, relative to `|z|` and the terms that add up to it.
    pub residual: f64,
}

impl FixedPoint {
    /// Directions that clearly expand.
    pub fn unstable_dims(&self) -> usize {
        self.stability.unstable_dims(self.location.len())
    }
}

/// How to look for the fixed points of a piecewise-linear map.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPointPlan {
    /// Decide every pattern of the hinges when there are no more than this; `2²⁰`, about a second.
    pub max_patterns: usize,
    /// Otherwise divide space into at most this many boxes; `50 000`, about two seconds. A box of more than about eight
    /// unknowns and fifty hinges counts for as many as it costs.
    pub max_boxes: usize,
    /// Otherwise list every linear region when there are no more than this, counted as if the folds were in general
    /// position; `4096`. Only this list takes memory.
    pub max_regions: usize,
    /// Otherwise stop the search after this many linear solves.
    pub max_solves: usize,
    /// Largest relative residual of a point that is reported; `1e-10` is within reach of `f64`.
    pub residual_tolerance: f64,
    /// Points of different regions closer than this, relative to their distance from the origin, are one; `1e-9`.
    pub merge_distance: f64,
    /// Multipliers with `| |λ| − 1 |` below this count as neutral; `1e-9`.
    pub marginal_tolerance: f64,
}

/// How the fixed points were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchMethod {
    /// Every linear region was solved.
    Enumeration,
    /// Space was divided until every part was one linear region or held no fixed point.
    BranchAndBound,
    /// From region to region, until the effort was spent.
    RegionSearch,
    /// A box that holds every fixed point of a smooth map was divided, by interval arithmetic.
    Intervals,
    /// By Newton's method from many starts, of smooth maps.
    Newton,
}

/// Fixed points that form a line, a plane, …, within a linear region or along a curve of a smooth map: a continuous attractor or repeller in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuum {
    /// One of its points.
    pub location: Vec<f64>,
    /// Orthonormal directions along which it extends there, each `[M]`.
    pub directions: Vec<Vec<f64>>,
}

/// What was found, and how far the finding can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPointSearch {
    /// Isolated fixed points, ordered by their coordinates.
    pub found: Vec<FixedPoint>,
    /// Lines, planes, … of fixed points, one entry per linear region that they cross; of smooth maps one per connected piece.
    pub continua: Vec<Continuum>,
    /// `found` is all there is: every linear region was visited and each answered.
    pub complete: bool,
    pub method: SearchMethod,
    /// Linear regions whose equation was solved.
    pub regions_visited: usize,
    /// Boxes that were looked at, where space was divided.
    pub boxes: usize,
    /// Linear systems solved, polishing included.
    pub solves: usize,
    /// Regions in which `I − J` is singular.
    pub degenerate_regions: usize,
    /// Which of `found` lie on a border between linear regions, where more than one Jacobian holds.
    pub on_borders: Vec<usize>,
    /// Which of `found` are proven, by interval arithmetic, to be a fixed point of the map with these weights and the only one near; of smooth maps
    /// in no more than 64 dimensions. Others are what Newton's method ended at.
    pub certified: Vec<usize>,
    /// How many fixed points the search from region to region may have missed; `None` where that was not the method.
    pub unseen: Option<Unseen>,
}

/// Fixed points of a piecewise-linear map, exactly.
///
/// In each linear region `F(z) = J z + c`, so a fixed point solves `(I − J) z = c` and counts if it lies in its
/// region. Which regions can hold one is decided by the first of these ways that the plan allows to finish:
///
/// 1. The equation is reduced to as many unknowns as its rank (`P` for an ALRNN, the rank of a low-rank network), and all
///    of that space, infinity included, is divided into boxes that are shrunk to where solutions must lie.
/// 2. All `2^K` patterns of the `K` hinges are tried, each by one pivot.
/// 3. All linear regions are listed, `Σ_{i ≤ M} C(K, i)` of them at most, and solved.
/// 4. A search goes from region to region. It spends half of `max_solves` on jumps (solve a region, go to the one in which
///    the solution lies, start again from the orbits of `starts`, points around them, neighbours of what was found and
///    random patterns) and half on continuous paths, which get through where jumps go in circles. What it returns are
///    fixed points, but perhaps not all: `unseen` says how many more to expect.
///
/// The first three are complete up to rounding: bounds are widened by their own rounding errors, regions thinner than
/// about `1e-12` of their distance are seen through their neighbours, and every point is solved and checked again on the
/// map itself. Points in a region whose `I − J` is singular are not isolated and are listed as `continua`, in which case
/// `complete` is false.
///
/// Costs `O(M³)` for a region that may hold a point, `O(K² )` for a pattern, `O(n³ + K n U)` for a box of `n` unknowns
/// with `U` undecided hinges. In up to five dimensions boxes are hundreds to ten thousands whatever `K` is; their number
/// grows exponentially with the dimension. Memory does not grow with any of these, but for the list in 3.
///
/// Sources: jumps, Eisenmann et al. (2023), NeurIPS; paths, Katzenelson (1965), Bell Syst. Tech. J. 44, 1605–1620;
/// boxes, Krawczyk (1969), Computing 4, 187–201; patterns, Cottle, Pang & Stone (1992); the list of regions by deletion and
/// restriction, Zaslavsky (1975), Mem. Am. Math. Soc. 154.
pub fn find_fixed_points(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
) -> FixedPointSearch {
    let balanced = Balanced::of(map);
    let starts: Vec<Vec<f64>> =
        starts.iter().filter(|z| z.len() == map.dim()).map(|z| balanced.units.state_to_here(z)).collect();
    let search = find_in_balanced_units(rng, &balanced.map, &starts, plan);
    balanced.units.fixed_points_from_here(search)
}

fn find_in_balanced_units(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
) -> FixedPointSearch {
    let mut solver = RegionSolver::new(map, plan);
    let reduced = Reduced::of(map);
    let n_patterns = 1_usize.checked_shl(map.n_hinges() as u32).filter(|&n| n <= plan.max_patterns);
    // Where all patterns can be tried, boxes come first for as long as they are the quicker way.
    let max_boxes =
        n_patterns.map_or(plan.max_boxes, |n| (n / PATTERNS_PER_BOX).min(plan.max_boxes)) / box_cost(&reduced);
    let (coverage, boxes) = enclose_everywhere(&reduced.system, reduced.rounding, max_boxes, |sides| {
        solver.solve_in(&reduced.region(|k| sides[k] == Side::On));
    });
    if coverage == Coverage::Whole {
        return solver.report(SearchMethod::BranchAndBound, boxes, None);
    }
    if n_patterns.is_some() {
        every_pattern(&reduced, |on| {
            solver.solve_in(&reduced.region(|k| on[k]));
        });
        return solver.report(SearchMethod::Enumeration, boxes, None);
    }
    let folds: Vec<Hyperplane> =
        map.hinges().iter().map(|hinge| Hyperplane { normal: hinge.normal.clone(), offset: hinge.bias }).collect();
    if let Some(regions) = arrangement::cells(map.dim(), &folds, plan.max_regions) {
        for region in &regions {
            solver.solve_in(region);
        }
        return solver.report(SearchMethod::Enumeration, boxes, None);
    }
    let unseen = search_regions(rng, map, starts, plan, &mut solver);
    solver.report(SearchMethod::RegionSearch, boxes, Some(unseen))
}

/// Patterns that are tried in the time of one box, about.
const PATTERNS_PER_BOX: usize = 256;

/// What one box costs, `n³ + K n²`, in units of one of eight unknowns and fifty hinges.
fn box_cost(reduced: &Reduced) -> usize {
    let (n, n_hinges) = (reduced.system.dim(), reduced.system.hinges.len());
    (n.pow(3) + n_hinges * n.pow(2)).div_ceil(4_000).max(1)
}
