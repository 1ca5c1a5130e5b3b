//! What is learned from windows: a quadratic map, and log rates that are linear in its state.

use std::f64::consts::TAU;
use std::ops::Range;

use nalgebra::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::number::{LANES, Lane, Number, add_product, add_scaled};

/// M latent dimensions, N channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub latent_dim: usize,
    pub n_channels: usize,
}

impl Shape {
    /// Products `z_i z_j` with `i ≤ j`.
    pub fn n_products(self) -> usize {
        self.latent_dim * (self.latent_dim + 1) / 2
    }

    /// Where `A: [M, M]`, `Q: [M, M (M + 1) / 2]`, `b: [M]`, `c: [N]` and `D: [N, M]` lie, row-major.
    pub fn parts(self) -> [Range<usize>; 5] {
        let Shape { latent_dim: m, n_channels: n } = self;
        let mut end = 0;
        [m * m, m * self.n_products(), m, n, n * m].map(|length| {
            end += length;
            end - length..end
        })
    }

    pub fn n_parameters(self) -> usize {
        self.parts()[4].end
    }
}

/// `z ← clip(z + v(z + v(z)/2))`, one midpoint step of the flow `v(z) = A z + Q (z_i z_j)_{i≤j} + b`, and log rates
/// `η = c + D z`. The clip keeps `|z|² ≤ 25 M / 3`.
#[derive(Clone, Debug)]
pub(super) struct QuadraticModel<R> {
    pub shape: Shape,
    pub values: Vec<R>,
}

/// Farther out nothing is learned: coordinates of a model that fits have about unit variance.
fn largest_squared_length(latent_dim: usize) -> f64 {
    25.0 / 3.0 * latent_dim as f64
}

impl QuadraticModel<f32> {
    /// A slowly decaying rotation of about `period` steps in a random plane, hardly any quadratic part, loadings of a
    /// tenth, and every channel at its mean rate.
    pub fn init(rng: &mut impl Rng, shape: Shape, period: f64, mean: &[f64]) -> Self {
        const DECAY: [f64; 2] = [0.97, 0.95];
        const LOADING: f64 = 0.1;
        const QUADRATIC: f64 = 0.05;
        let Shape { latent_dim: m, n_channels: n } = shape;
        let axes = orthogonal(rng, m);
        let mut flow = DMatrix::from_diagonal_element(m, m, DECAY[1].ln());
        if m > 1 {
            let angle = TAU / (period * rng.random_range(0.8..1.3));
            flow.view_mut((0, 0), (2, 2)).copy_from_slice(&[DECAY[0].ln(), angle, -angle, DECAY[0].ln()]);
        }
        let linear = &axes * flow * axes.transpose();
        let wide = n.max(m);
        let quadratic = QUADRATIC / (shape.n_products() as f64).sqrt();
        let loadings = orthogonal(rng, wide) * (LOADING * (wide as f64 / m as f64).sqrt());
        let mut values: Vec<f64> = linear.transpose().iter().copied().collect();
        values.extend((0..m * shape.n_products()).map(|_| quadratic * rng.sample::<f64, _>(StandardNormal)));
        values.extend(std::iter::repeat_n(0.0, m));
        values.extend(mean.iter().map(|mean| mean.ln()));
        values.extend((0..n).flat_map(|d| (0..m).map(move |i| (d, i))).map(|at| loadings[at]));
        Self { shape, values: values.into_iter().map(|value| value as f32).collect() }
    }
}

impl<R: Number> QuadraticModel<R> {
    pub fn part(&self, part: usize) -> &[R] {
        &self.values[self.shape.parts()[part].clone()]
    }

    /// One step of `z: [M]` lanes.
    #[inline(always)]
    pub fn step(&self, z: &[Lane<R>], scratch: &mut Scratch<R>, next: &mut [Lane<R>]) {
        self.unclipped(z, scratch);
        let shrink = shrink(&scratch.reached);
        for (next, reached) in next.iter_mut().zip(&scratch.reached) {
            *next = std::array::from_fn(|l| reached[l] * shrink[l]);
        }
    }

    /// Leaves `z + v(z)/2` and the state before the clip in `scratch`.
    #[inline(always)]
    fn unclipped(&self, z: &[Lane<R>], scratch: &mut Scratch<R>) {
        let Scratch { middle, reached, products, .. } = scratch;
        self.velocity(z, products, reached);
        for ((middle, z), v) in middle.iter_mut().zip(z).zip(reached.iter()) {
            *middle = *z;
            add_scaled(middle, R::of(0.5), v);
        }
        self.velocity(middle, products, reached);
        for (reached, z) in reached.iter_mut().zip(z) {
            add_scaled(reached, R::of(1.0), z);
        }
    }

    #[inline(always)]
    fn velocity(&self, z: &[Lane<R>], products: &mut [Lane<R>], v: &mut [Lane<R>]) {
        let [a, q, b, ..] = self.shape.parts();
        let (a, q, b) = (&self.values[a], &self.values[q], &self.values[b]);
        let m = z.len();
        let pairs = (0..m).flat_map(|i| (i..m).map(move |j| (i, j)));
        for (product, (i, j)) in products.iter_mut().zip(pairs) {
            *product = std::array::from_fn(|l| z[i][l] * z[j][l]);
        }
        let n_products = products.len();
        for (i, v) in v.iter_mut().enumerate() {
            *v = [b[i]; LANES];
            z.iter().zip(&a[i * m..]).for_each(|(z, &a)| add_scaled(v, a, z));
            products.iter().zip(&q[i * n_products..]).for_each(|(product, &q)| add_scaled(v, q, product));
        }
    }

    /// The adjoint of [`step`](Self::step): `g` is that of the next state on entry and that of `z` on return; what it says
    /// of A, Q and b is added to `gradient`, lane by lane.
    #[inline(always)]
    pub fn pull_back(&self, z: &[Lane<R>], scratch: &mut Scratch<R>, g: &mut [Lane<R>], gradient: &mut [Lane<R>]) {
        self.unclipped(z, scratch);
        pull_through_clip(&scratch.reached, g);
        let Scratch { middle, reached, .. } = scratch;
        // `reached` is free now: it takes the adjoint of the middle.
        reached.iter_mut().for_each(|lane| *lane = [R::default(); LANES]);
        self.pull_velocity(middle, g, reached, gradient);
        for (g, middle) in g.iter_mut().zip(reached.iter_mut()) {
            for (g, middle) in g.iter_mut().zip(middle) {
                *g += *middle;
                *middle = *middle * R::of(0.5);
            }
        }
        self.pull_velocity(z, reached, g, gradient);
    }

    /// `to += v′(z)ᵀ g`.
    #[inline(always)]
    fn pull_velocity(&self, z: &[Lane<R>], g: &[Lane<R>], to: &mut [Lane<R>], gradient: &mut [Lane<R>]) {
        let [a, q, ..] = self.shape.parts();
        let m = z.len();
        let n_products = self.shape.n_products();
        let (by_a, rest) = gradient.split_at_mut(a.len());
        let (by_q, by_b) = rest.split_at_mut(q.len());
        let (a, q) = (&self.values[a], &self.values[q]);
        for i in 0..m {
            add_scaled(&mut by_b[i], R::of(1.0), &g[i]);
            for j in 0..m {
                add_product(&mut by_a[i * m + j], &g[i], &z[j]);
                add_scaled(&mut to[j], a[i * m + j], &g[i]);
            }
        }
        let pairs = (0..m).flat_map(|i| (i..m).map(move |j| (i, j)));
        for (p, (first, second)) in pairs.enumerate() {
            let product: Lane<R> = std::array::from_fn(|l| z[first][l] * z[second][l]);
            let mut through = [R::default(); LANES];
            for i in 0..m {
                add_product(&mut by_q[i * n_products + p], &g[i], &product);
                add_scaled(&mut through, q[i * n_products + p], &g[i]);
            }
            add_product(&mut to[first], &through, &z[second]);
            add_product(&mut to[second], &through, &z[first]);
        }
    }
}

/// What a step needs beside its state.
pub(super) struct Scratch<R> {
    middle: Vec<Lane<R>>,
    reached: Vec<Lane<R>>,
    products: Vec<Lane<R>>,
}

impl<R: Number> Scratch<R> {
    pub fn new(shape: Shape) -> Self {
        let lanes = |n: usize| vec![[R::default(); LANES]; n];
        let m = shape.latent_dim;
        Self { middle: lanes(m), reached: lanes(m), products: lanes(shape.n_products()) }
    }
}

#[inline(always)]
fn squared_length<R: Number>(z: &[Lane<R>]) -> Lane<R> {
    let mut squared = [R::default(); LANES];
    z.iter().for_each(|z| add_product(&mut squared, z, z));
    squared
}

/// `min(1, √(25 M / 3) / |z|)`.
#[inline(always)]
fn shrink<R: Number>(z: &[Lane<R>]) -> Lane<R> {
    let limit = largest_squared_length(z.len());
    squared_length(z).map(|squared| {
        let squared = squared.double();
        R::of(if squared > limit { (limit / squared).sqrt() } else { 1.0 })
    })
}

/// Beyond the radius only what lies across the state passes, shrunk as the state is.
#[inline(always)]
fn pull_through_clip<R: Number>(reached: &[Lane<R>], g: &mut [Lane<R>]) {
    let limit = largest_squared_length(reached.len());
    let squared = squared_length(reached);
    let shrink = shrink(reached);
    for l in 0..LANES {
        let squared = squared[l].double();
        if squared > limit {
            let along = reached.iter().zip(g.iter()).fold(R::default(), |sum, (z, g)| sum + z[l] * g[l]);
            let along = along * R::of(squared.recip());
            for (z, g) in reached.iter().zip(g.iter_mut()) {
                g[l] = shrink[l] * (g[l] - along * z[l]);
            }
        }
    }
}

/// Rotated at random, evenly.
fn orthogonal(rng: &mut impl Rng, n: usize) -> DMatrix<f64> {
    let (q, r) = DMatrix::from_fn(n, n, |_, _| rng.sample::<f64, _>(StandardNormal)).qr().unpack();
    let signs = r.diagonal().map(f64::signum);
    q * DMatrix::from_diagonal(&signs)
}
