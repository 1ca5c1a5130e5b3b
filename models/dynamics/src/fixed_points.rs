use std::collections::{HashSet, VecDeque};

use nalgebra::{Complex, DMatrix, DVector, SVD};
use rand::{Rng, RngExt};

use crate::arrangement::{self, Hyperplane};
use crate::geometry::{coincide, dot, is_finite, norm};
use crate::homotopy::{self, Direction};
use crate::map::Map;
use crate::multipliers::multipliers;
use crate::pattern::ActivationPattern;
use crate::piecewise_linear::PiecewiseLinearMap;
use crate::stability::Stability;

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
    /// Directions that expand, `|λ| > 1`.
    pub fn unstable_dims(&self) -> usize {
        self.multipliers
            .iter()
            .filter(|multiplier| multiplier.norm() > 1.0)
            .count()
    }
}

/// How to look for the fixed points of a piecewise-linear map.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPointPlan {
    /// Enumerate every linear region when there are no more than this, counted as if the folds were in general
    /// position. 200 000 regions of three dimensions take about a second.
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

/// A linear region whose fixed points form a line, a plane, …: a continuous attractor or repeller in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuum {
    /// One of its points.
    pub location: Vec<f64>,
    /// Orthonormal directions along which it extends, each `[M]`.
    pub directions: Vec<Vec<f64>>,
}

/// What was found, and how far the finding can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPointSearch {
    /// Isolated fixed points, ordered by their coordinates.
    pub found: Vec<FixedPoint>,
    /// Lines, planes, … of fixed points, one entry per linear region that they cross.
    pub continua: Vec<Continuum>,
    /// `found` is all there is: every linear region was visited and each answered.
    pub complete: bool,
    pub regions_visited: usize,
    pub solves: usize,
    /// Regions in which `I − J` is singular.
    pub degenerate_regions: usize,
}

/// Fixed points of a piecewise-linear map, exactly.
///
/// In each linear region `F(z) = J z + c`, so a fixed point solves `(I − J) z = c` and counts if it lies in its
/// region. Where the regions can be enumerated all of them are solved, and the answer is complete. Elsewhere the
/// search goes from region to region: it solves, jumps to the region in which the candidate lies, and starts again
/// from the orbits of `starts`, points around them, neighbours of what was found and random patterns, until
/// `max_solves` is spent; what it returns are fixed points, but perhaps not all.
///
/// Completeness is up to rounding: regions thinner than about `1e-12` of their distance are seen through their
/// neighbours. Points in a region whose `I − J` is singular are not isolated and are listed as `continua`, in which
/// case `complete` is false.
///
/// Costs one `O(M³)` solve per region; `H` folds in `M` dimensions have up to `Σ_{i ≤ M} C(H, i)` regions.
///
/// Sources: the search, Eisenmann et al. (2023), NeurIPS; the enumeration, see `arrangement`.
pub fn find_fixed_points(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
) -> FixedPointSearch {
    let mut ledger = Ledger::new(map, plan);
    let folds: Vec<Hyperplane> = map
        .hinges()
        .iter()
        .map(|hinge| Hyperplane {
            normal: hinge.normal.clone(),
            offset: hinge.bias,
        })
        .collect();
    match arrangement::cells(map.dim(), &folds, plan.max_regions) {
        Some(regions) => {
            for region in &regions {
                ledger.solve_in(region);
            }
            ledger.report(regions.len(), true)
        }
        None => {
            let visited = search_regions(rng, map, starts, plan, &mut ledger);
            ledger.report(visited, false)
        }
    }
}

/// Goes from region to region until the effort is spent; returns how many regions were visited.
fn search_regions(
    rng: &mut impl Rng,
    map: &PiecewiseLinearMap,
    starts: &[Vec<f64>],
    plan: &FixedPointPlan,
    ledger: &mut Ledger<'_>,
) -> usize {
    let mut visited: HashSet<ActivationPattern> = HashSet::new();
    let mut seeds = Seeds::new(map, starts);
    // Every region is solved once; where few are left to discover, most seeds lead nowhere.
    let max_seeds = plan.max_solves.saturating_mul(8);
    for _ in 0..max_seeds {
        jump_between_regions(
            seeds.next(rng),
            plan.max_solves,
            &mut visited,
            &mut seeds,
            ledger,
        );
        // Jumps are quick where they work, paths are sure where jumps go in circles: equal shares.
        if ledger.path_regions < ledger.solves / 2 {
            let start = seeds.distant_point(rng);
            for direction in [Direction::Falling, Direction::Rising] {
                ledger.follow_path(&start, direction, &mut visited);
            }
        }
        if ledger.solves >= plan.max_solves {
            break;
        }
    }
    visited.len()
}

/// Solves a region, jumps to the one in which the candidate lies, and so on until one was visited before.
fn jump_between_regions(
    mut pattern: ActivationPattern,
    max_solves: usize,
    visited: &mut HashSet<ActivationPattern>,
    seeds: &mut Seeds<'_>,
    ledger: &mut Ledger<'_>,
) {
    while ledger.solves < max_solves && visited.insert(pattern.clone()) {
        match ledger.solve_in(&pattern) {
            Candidate::Accepted => return seeds.push_neighbours(&pattern),
            Candidate::Elsewhere(point) => pattern = ledger.map.pattern_at(&point),
            Candidate::None => return,
        }
    }
}

/// Regions from which to start, the likeliest first.
struct Seeds<'a> {
    map: &'a PiecewiseLinearMap,
    queue: VecDeque<ActivationPattern>,
    center: Vec<f64>,
    spread: f64,
}

/// How far along its orbit a start is followed for regions to look into.
const SEED_ORBIT_STEPS: usize = 20;

impl<'a> Seeds<'a> {
    fn new(map: &'a PiecewiseLinearMap, starts: &[Vec<f64>]) -> Self {
        let usable: Vec<&Vec<f64>> = starts
            .iter()
            .filter(|z| z.len() == map.dim() && is_finite(z))
            .collect();
        let mut center = vec![0.0; map.dim()];
        for start in &usable {
            center
                .iter_mut()
                .zip(start.iter())
                .for_each(|(c, x)| *c += x / usable.len() as f64);
        }
        let widest = |widest: f64, start: &&Vec<f64>| {
            start
                .iter()
                .zip(&center)
                .fold(widest, |widest, (x, c)| widest.max((x - c).abs()))
        };
        let spread = usable.iter().fold(0.0, widest);
        let mut queue = VecDeque::new();
        let mut known = HashSet::new();
        for start in &usable {
            for point in map
                .orbit(start, SEED_ORBIT_STEPS)
                .iter()
                .take_while(|z| is_finite(z))
            {
                let pattern = map.pattern_at(point);
                if known.insert(pattern.clone()) {
                    queue.push_back(pattern);
                }
            }
        }
        let spread = if spread > 0.0 {
            spread
        } else {
            norm(&center).max(1.0)
        };
        Self {
            map,
            queue,
            center,
            spread,
        }
    }

    fn push_neighbours(&mut self, pattern: &ActivationPattern) {
        self.queue
            .extend((0..pattern.len()).map(|k| pattern.with_flipped(k)));
    }

    /// A point well outside the starts, from which a path comes in to them.
    fn distant_point(&self, rng: &mut impl Rng) -> Vec<f64> {
        let reach = 100.0 * self.spread;
        self.center
            .iter()
            .map(|c| c + reach * rng.random_range(-1.0..1.0))
            .collect()
    }

    fn next(&mut self, rng: &mut impl Rng) -> ActivationPattern {
        if let Some(pattern) = self.queue.pop_front() {
            return pattern;
        }
        if rng.random_bool(0.5) {
            // Regions that exist, near the starts and up to thirty times further out.
            let reach = self.spread * 30.0_f64.powf(rng.random_range(-0.3..1.0));
            let point: Vec<f64> = self
                .center
                .iter()
                .map(|c| c + reach * rng.random_range(-1.0..1.0))
                .collect();
            return self.map.pattern_at(&point);
        }
        // Any pattern, though its region may be empty: its solution points somewhere new.
        let mut pattern = ActivationPattern::inactive(self.map.n_hinges());
        (0..pattern.len()).for_each(|k| pattern.set(k, rng.random_bool(0.5)));
        pattern
    }
}

/// How the equation of one region ended.
enum Candidate {
    /// A fixed point in this region, now in the ledger.
    Accepted,
    /// The solution lies in another region.
    Elsewhere(Vec<f64>),
    /// No single solution.
    None,
}

/// The fixed points so far and the work done for them.
struct Ledger<'a> {
    map: &'a PiecewiseLinearMap,
    plan: &'a FixedPointPlan,
    found: Vec<FixedPoint>,
    continua: Vec<Continuum>,
    solves: usize,
    /// Those of the solves that went into paths.
    path_regions: usize,
    degenerate_regions: usize,
    /// Regions that hold, or may hold, fixed points that are not in `found`.
    unanswered: usize,
}

/// A hinge counts as undecided within this of its fold, relative to the terms it adds up. Candidates of thin or
/// ill-conditioned regions may miss by so much; they are then solved again where they landed.
const BORDER_SLACK: f64 = 1e-7;

/// Hinges closer to their fold than this cannot be told from being on it.
const ON_BORDER: f64 = 1e-11;

impl<'a> Ledger<'a> {
    fn new(map: &'a PiecewiseLinearMap, plan: &'a FixedPointPlan) -> Self {
        Self {
            map,
            plan,
            found: Vec::new(),
            continua: Vec::new(),
            solves: 0,
            path_regions: 0,
            degenerate_regions: 0,
            unanswered: 0,
        }
    }

    fn solve_in(&mut self, region: &ActivationPattern) -> Candidate {
        self.solves += 1;
        let (jacobian, offset) = self.map.affine_in(region);
        let dim = self.map.dim();
        let balance = DMatrix::identity(dim, dim) - jacobian;
        match solve_regular(&balance, &offset) {
            Some(point) => {
                let point = point.as_slice().to_vec();
                if !is_finite(&point) {
                    self.unanswered += 1;
                    return Candidate::None;
                }
                match self.worst_violation(region, &point) {
                    violation if violation > BORDER_SLACK => Candidate::Elsewhere(point),
                    _ => self.polish_and_keep(point),
                }
            }
            None => {
                self.degenerate_regions += 1;
                self.examine_degenerate(region, &balance, &offset);
                Candidate::None
            }
        }
    }

    /// Follows one path and records the fixed points in the regions that it passes.
    fn follow_path(
        &mut self,
        start: &[f64],
        direction: Direction,
        visited: &mut HashSet<ActivationPattern>,
    ) {
        let effort = self
            .plan
            .max_solves
            .saturating_sub(self.solves)
            .min(LONGEST_PATH);
        let map = self.map;
        homotopy::follow(map, start, direction, effort, |pattern, point| {
            self.solves += 1;
            self.path_regions += 1;
            visited.insert(pattern.clone());
            if self.worst_violation(pattern, point) <= BORDER_SLACK {
                self.polish_and_keep(point.to_vec());
            }
        });
    }

    /// How far `point` lies outside `region`, in units of the terms that each hinge adds up.
    fn worst_violation(&self, region: &ActivationPattern, point: &[f64]) -> f64 {
        let length = norm(point);
        let mut worst: f64 = 0.0;
        for (k, hinge) in self.map.hinges().iter().enumerate() {
            let activation = hinge.activation(point);
            if (activation > 0.0) != region.is_active(k) {
                let terms = norm(&hinge.normal) * length + hinge.bias.abs();
                // Zero over zero is a point on its fold.
                worst = worst.max(if activation == 0.0 {
                    0.0
                } else {
                    activation.abs() / terms
                });
            }
        }
        worst
    }

    /// Solves again in the region where the candidate landed, keeps the better of the two, and records it if its
    /// residual under the map itself is small enough.
    fn polish_and_keep(&mut self, candidate: Vec<f64>) -> Candidate {
        let mut best = candidate;
        let mut residual = self.relative_residual(&best);
        for _ in 0..POLISH_ROUNDS {
            let Some(next) = self.newton_step(&best) else {
                break;
            };
            let next_residual = self.relative_residual(&next);
            if next_residual >= residual {
                break;
            }
            (best, residual) = (next, next_residual);
        }
        if residual > self.plan.residual_tolerance {
            return Candidate::Elsewhere(best);
        }
        let smallest_scale = self.smallest_scale();
        let merge = self.plan.merge_distance;
        if !self
            .found
            .iter()
            .any(|other| coincide(&other.location, &best, merge, smallest_scale))
        {
            let point = self.describe(best, residual);
            self.found.push(point);
        }
        Candidate::Accepted
    }

    /// One Newton step is one solve of the region's equation, refined: `z − (I − J)⁻¹ (z − F(z))`.
    fn newton_step(&mut self, z: &[f64]) -> Option<Vec<f64>> {
        self.solves += 1;
        let dim = self.map.dim();
        let mut image = vec![0.0; dim];
        self.map.step(z, &mut image);
        let deviation = DVector::from_iterator(dim, z.iter().zip(&image).map(|(z, f)| z - f));
        let correction = solve_regular(
            &(DMatrix::identity(dim, dim) - self.map.jacobian(z)),
            &deviation,
        )?;
        Some(
            z.iter()
                .zip(correction.iter())
                .map(|(z, d)| z - d)
                .collect(),
        )
    }

    fn relative_residual(&self, z: &[f64]) -> f64 {
        let mut image = vec![0.0; z.len()];
        self.map.step(z, &mut image);
        let deviation = crate::geometry::distance(z, &image);
        let terms = norm(z).max(norm(
            self.map.affine_in(&self.map.pattern_at(z)).1.as_slice(),
        ));
        let relative = if deviation == 0.0 {
            0.0
        } else {
            deviation / terms
        };
        if relative.is_nan() {
            f64::INFINITY
        } else {
            relative
        }
    }

    fn describe(&self, location: Vec<f64>, residual: f64) -> FixedPoint {
        let multipliers = multipliers(&self.map.jacobian(&location)).unwrap_or_default();
        let stability = if multipliers.is_empty() || self.lies_on_a_border(&location) {
            Stability::Marginal
        } else {
            Stability::from_multipliers(&multipliers, self.plan.marginal_tolerance)
        };
        FixedPoint {
            location,
            multipliers,
            stability,
            residual,
        }
    }

    fn lies_on_a_border(&self, z: &[f64]) -> bool {
        let length = norm(z);
        self.map.hinges().iter().any(|hinge| {
            hinge.activation(z).abs()
                <= ON_BORDER * (norm(&hinge.normal) * length + hinge.bias.abs())
        })
    }

    /// Below this length, a coordinate of this map is rounding.
    fn smallest_scale(&self) -> f64 {
        let folds = self
            .map
            .hinges()
            .iter()
            .map(|hinge| hinge.bias.abs() / norm(&hinge.normal));
        let nearest_fold = folds
            .filter(|&distance| distance > 0.0)
            .fold(f64::INFINITY, f64::min);
        if nearest_fold.is_finite() {
            nearest_fold
        } else {
            f64::MIN_POSITIVE
        }
    }

    /// Tells a region without fixed points from one that holds a line or plane of them.
    fn examine_degenerate(
        &mut self,
        region: &ActivationPattern,
        balance: &DMatrix<f64>,
        offset: &DVector<f64>,
    ) {
        let Some(solutions) = solve_singular(balance, offset) else {
            self.unanswered += 1;
            return;
        };
        let Solutions::Flat { point, directions } = solutions else {
            return;
        };
        match self.meets(region, &point, &directions) {
            Some(inside) => {
                self.unanswered += 1;
                let directions = directions.iter().map(|d| d.as_slice().to_vec()).collect();
                self.continua.push(Continuum {
                    location: inside,
                    directions,
                });
            }
            // On a line the answer is exact; in a plane, only a point inside is proof.
            None if directions.len() > 1 => self.unanswered += 1,
            None => {}
        }
    }

    /// A point of `point + span(directions)` inside `region`.
    fn meets(
        &self,
        region: &ActivationPattern,
        point: &DVector<f64>,
        directions: &[DVector<f64>],
    ) -> Option<Vec<f64>> {
        let mut at = point.clone();
        // Along each direction in turn, move to the middle of the stretch that the region leaves free.
        for direction in directions {
            let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
            for (k, hinge) in self.map.hinges().iter().enumerate() {
                let side = if region.is_active(k) { 1.0 } else { -1.0 };
                let height = side * hinge.activation(at.as_slice());
                let slope = side * dot(&hinge.normal, direction.as_slice());
                let flat = norm(&hinge.normal) * 1e-12;
                if slope > flat {
                    low = low.max(-height / slope);
                } else if slope < -flat {
                    high = high.min(-height / slope);
                }
            }
            let shift = match (low.is_finite(), high.is_finite()) {
                (true, true) => (low + high) / 2.0,
                (true, false) => low.max(0.0) + if low >= 0.0 { 1.0 + low } else { 0.0 },
                (false, true) => high.min(0.0) - if high <= 0.0 { 1.0 - high } else { 0.0 },
                (false, false) => 0.0,
            };
            at += direction * shift;
        }
        let inside = at.as_slice().to_vec();
        (self.worst_violation(region, &inside) <= ON_BORDER).then_some(inside)
    }

    fn report(mut self, regions_visited: usize, every_region: bool) -> FixedPointSearch {
        self.found
            .sort_by(|a, b| lexicographic(&a.location, &b.location));
        FixedPointSearch {
            found: self.found,
            continua: self.continua,
            complete: every_region && self.unanswered == 0,
            regions_visited,
            solves: self.solves,
            degenerate_regions: self.degenerate_regions,
        }
    }
}

const POLISH_ROUNDS: usize = 4;

/// Regions that one path may pass before another is tried.
const LONGEST_PATH: usize = 5_000;

fn lexicographic(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(x, y)| x.total_cmp(y))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// Below this ratio of pivots or singular values a matrix counts as singular.
const SINGULAR: f64 = 1e-13;

/// The one solution of a regular system, or `None` where the matrix is singular up to rounding.
fn solve_regular(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    let scale = matrix.amax();
    let lu = matrix.clone().lu();
    let upper = lu.u();
    let smallest_pivot = upper
        .diagonal()
        .iter()
        .fold(f64::INFINITY, |smallest, pivot| smallest.min(pivot.abs()));
    if smallest_pivot > 1e-9 * scale {
        return lu.solve(right);
    }
    // Small pivots suggest a singular matrix; only singular values prove it.
    let svd = SVD::try_new(matrix.clone(), true, true, f64::EPSILON, 10_000)?;
    let largest = svd.singular_values.max();
    if largest == 0.0 || svd.singular_values.min() <= SINGULAR * largest {
        return None;
    }
    svd.solve(right, 0.0).ok()
}

/// What a singular system admits.
enum Solutions {
    None,
    Flat {
        point: DVector<f64>,
        directions: Vec<DVector<f64>>,
    },
}

fn solve_singular(matrix: &DMatrix<f64>, right: &DVector<f64>) -> Option<Solutions> {
    let svd = SVD::try_new(matrix.clone(), true, true, f64::EPSILON, 10_000)?;
    let floor = SINGULAR * svd.singular_values.max();
    let point = svd.solve(right, floor).ok()?;
    let misfit = (matrix * &point - right).norm();
    if misfit > 1e-9 * (right.norm() + matrix.norm() * point.norm()) {
        return Some(Solutions::None);
    }
    let axes = svd.v_t.as_ref()?;
    let directions = (0..svd.singular_values.len())
        .filter(|&i| svd.singular_values[i] <= floor)
        .map(|i| axes.row(i).transpose())
        .collect();
    Some(Solutions::Flat { point, directions })
}
