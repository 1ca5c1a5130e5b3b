//! Maps with published or algebraic answers, and helpers shared by the tests.

use nalgebra::DMatrix;
use nullcline_dynamics::{
    AttractorPlan, FixedPointPlan, Formula, LyapunovPlan, Map, NewtonPlan, Number, PiecewiseLinearMap,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `x′ = 1 − a x² + y, y′ = b x` (Hénon 1976).
pub struct Henon {
    pub a: f64,
    pub b: f64,
}

impl Map for Henon {
    fn dim(&self) -> usize {
        2
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        next[0] = 1.0 - self.a * z[0] * z[0] + z[1];
        next[1] = self.b * z[0];
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        DMatrix::from_row_slice(2, 2, &[-2.0 * self.a * z[0], 1.0, self.b, 0.0])
    }
}

/// `x′ = r x (1 − x)`.
pub struct Logistic {
    pub r: f64,
}

impl Map for Logistic {
    fn dim(&self) -> usize {
        1
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        next[0] = self.r * z[0] * (1.0 - z[0]);
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        DMatrix::from_element(1, 1, self.r * (1.0 - 2.0 * z[0]))
    }
}

/// `z′ = J z`.
pub struct Linear(pub DMatrix<f64>);

impl Map for Linear {
    fn dim(&self) -> usize {
        self.0.nrows()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        for (i, value) in next.iter_mut().enumerate() {
            *value = (0..z.len()).map(|j| self.0[(i, j)] * z[j]).sum();
        }
    }
    fn jacobian(&self, _: &[f64]) -> DMatrix<f64> {
        self.0.clone()
    }
}

/// `h′ = tanh(hᵀ W)`.
pub struct TanhRnn(pub DMatrix<f64>);

impl Map for TanhRnn {
    fn dim(&self) -> usize {
        self.0.nrows()
    }
    fn step(&self, z: &[f64], next: &mut [f64]) {
        for (i, value) in next.iter_mut().enumerate() {
            *value = (0..z.len()).map(|j| z[j] * self.0[(j, i)]).sum::<f64>().tanh();
        }
    }
    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let mut image = vec![0.0; z.len()];
        self.step(z, &mut image);
        DMatrix::from_fn(z.len(), z.len(), |i, j| (1.0 - image[i] * image[i]) * self.0[(j, i)])
    }
}

/// The map in other coordinates, `y′ = B F(B⁻¹ y)`.
pub struct InBasis<'a> {
    pub map: &'a dyn Map,
    pub basis: DMatrix<f64>,
    pub inverse: DMatrix<f64>,
}

impl InBasis<'_> {
    pub fn moved_here(&self, z: &[f64]) -> Vec<f64> {
        (&self.basis * nalgebra::DVector::from_column_slice(z)).as_slice().to_vec()
    }
    fn original_of(&self, y: &[f64]) -> Vec<f64> {
        (&self.inverse * nalgebra::DVector::from_column_slice(y)).as_slice().to_vec()
    }
}

impl Map for InBasis<'_> {
    fn dim(&self) -> usize {
        self.map.dim()
    }
    fn step(&self, y: &[f64], next: &mut [f64]) {
        next.copy_from_slice(&self.moved_here(&self.map.iterate(&self.original_of(y), 1)));
    }
    fn jacobian(&self, y: &[f64]) -> DMatrix<f64> {
        &self.basis * self.map.jacobian(&self.original_of(y)) * &self.inverse
    }
}

pub fn rotation(angle: f64, modulus: f64) -> Linear {
    let (sin, cos) = angle.sin_cos();
    Linear(DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]) * modulus)
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn enumerating() -> FixedPointPlan {
    FixedPointPlan {
        max_regions: 200_000,
        max_patterns: 0,
        max_boxes: 0,
        max_solves: 20_000,
        residual_tolerance: 1e-10,
        merge_distance: 1e-9,
        marginal_tolerance: 1e-9,
    }
}

pub fn searching() -> FixedPointPlan {
    FixedPointPlan { max_regions: 0, ..enumerating() }
}

/// Every pattern of the hinges.
pub fn trying_patterns() -> FixedPointPlan {
    FixedPointPlan { max_regions: 0, max_patterns: 1 << 20, ..enumerating() }
}

/// No enumeration: space divided into boxes.
pub fn dividing() -> FixedPointPlan {
    FixedPointPlan { max_regions: 0, max_boxes: 1_000_000, ..enumerating() }
}

pub fn newton() -> NewtonPlan {
    NewtonPlan { speed_tolerance: 1e-18, merge_distance: 1e-6, max_steps: 200, marginal_tolerance: 1e-6 }
}

pub fn following() -> AttractorPlan {
    AttractorPlan {
        transient: 500,
        steps: 2000,
        extra_rounds: 4,
        divergence_bound: 1e6,
        max_period: 200,
        arrival_distance: 1e-6,
        merge_distance: 0.05,
        exponent_steps: 20_000,
        neutral_growth: 5.0,
        marginal_tolerance: 1e-6,
        n_exponents: 2,
    }
}

pub fn measuring(steps: usize, n_exponents: usize) -> LyapunovPlan {
    LyapunovPlan { transient: 1000, steps, n_exponents, renormalise_every: 1 }
}

pub fn matrix(rng: &mut ChaCha8Rng, rows: usize, columns: usize, scale: f64) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| scale * rng.random_range(-1.0..1.0))
}

pub fn vector(rng: &mut ChaCha8Rng, len: usize, scale: f64) -> Vec<f64> {
    (0..len).map(|_| scale * rng.random_range(-1.0..1.0)).collect()
}

pub fn uniform_starts(rng: &mut ChaCha8Rng, n: usize, dim: usize, reach: f64) -> Vec<Vec<f64>> {
    (0..n).map(|_| vector(rng, dim, reach)).collect()
}

/// Weights as a trained model has them: contracting on the diagonal, of order one elsewhere.
pub fn random_shallow(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = rng(seed);
    let a: Vec<f64> = (0..dim).map(|_| rng.random_range(0.2..0.9)).collect();
    let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
    let (h1, h2) = (vector(&mut rng, dim, 0.5), vector(&mut rng, hidden, 1.5));
    PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2).unwrap()
}

pub fn random_clipped(seed: u64, dim: usize, hidden: usize) -> PiecewiseLinearMap {
    let mut rng = rng(seed);
    let a: Vec<f64> = (0..dim).map(|_| rng.random_range(0.2..0.9)).collect();
    let (w1, w2) = (matrix(&mut rng, dim, hidden, 1.0), matrix(&mut rng, hidden, dim, 1.0));
    let (h1, h2) = (vector(&mut rng, dim, 0.5), vector(&mut rng, hidden, 1.5));
    PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2).unwrap()
}

#[track_caller]
pub fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected} ± {tolerance}");
}

pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// Each expected point is found once, and nothing else; distances beyond one are relative.
#[track_caller]
pub fn assert_same_points(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "found {found:?}\nexpected {expected:?}");
    for point in expected {
        let reach = tolerance * point.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
        let near = found.iter().filter(|f| distance(f, point) <= reach).count();
        assert_eq!(near, 1, "{point:?} in {found:?}");
    }
}

/// `ẋ = σ (y − x), ẏ = x (ρ − z) − y, ż = x y − β z` (Lorenz 1963).
pub struct Lorenz {
    pub sigma: f64,
    pub rho: f64,
    pub beta: f64,
}

impl Formula for Lorenz {
    fn dim(&self) -> usize {
        3
    }
    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        value[0] = (z[1] - z[0]) * self.sigma;
        value[1] = z[0] * (N::from_f64(self.rho) - z[2]) - z[1];
        value[2] = z[0] * z[1] - z[2] * self.beta;
    }
}
