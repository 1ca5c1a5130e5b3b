//! Many trajectories of a quadratic model side by side, forward and back.

use super::model::{QuadraticModel, Scratch, Shape};
use super::number::{LANES, Lane, Number, sum};

/// States of K chains, `[T, M, K]`: the chains of a coordinate lie side by side. K is a multiple of 16.
#[derive(Clone, Debug)]
pub(super) struct Chains<R> {
    pub values: Vec<R>,
    pub latent_dim: usize,
    pub n_chains: usize,
}

impl<R: Number> Chains<R> {
    pub fn new(values: Vec<R>, latent_dim: usize, n_chains: usize) -> Self {
        assert!(n_chains.is_multiple_of(LANES) && values.len().is_multiple_of(latent_dim * n_chains));
        Self { values, latent_dim, n_chains }
    }

    pub fn n_times(&self) -> usize {
        self.values.len() / (self.latent_dim * self.n_chains)
    }

    /// `[M, K]`.
    pub fn at(&self, time: usize) -> &[R] {
        let width = self.latent_dim * self.n_chains;
        &self.values[time * width..(time + 1) * width]
    }

    /// `z: [M]` of one chain.
    pub fn state(&self, time: usize, chain: usize) -> Vec<f64> {
        self.at(time).iter().skip(chain).step_by(self.n_chains).map(|&z| z.double()).collect()
    }
}

/// How an adjoint is kept from growing on its way back through a chaotic orbit; gradients are then no longer exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rein {
    /// At every step no chain's adjoint is longer than so many times the median of all; `inf` for none.
    pub longest: f64,
    /// By which it is multiplied at every step.
    pub keep: f64,
}

impl<R: Number> QuadraticModel<R> {
    /// `n_times` states from `start: [M, K]` on, itself the first, and those after the last.
    pub fn run(&self, start: &[R], n_times: usize) -> (Chains<R>, Vec<R>) {
        let Shape { latent_dim: m, .. } = self.shape;
        let (width, n_chains) = (start.len(), start.len() / m);
        let mut values = vec![R::default(); (n_times + 1) * width];
        values[..width].copy_from_slice(start);
        for time in 0..n_times {
            let (from, to) = values[time * width..].split_at_mut(width);
            self.step_all(from, &mut to[..width]);
        }
        let end = values.split_off(n_times * width);
        (Chains::new(values, m, n_chains), end)
    }

    /// The states that `start: [M, K]` reaches in `n_steps`.
    pub fn run_to(&self, start: &[R], n_steps: usize) -> Vec<R> {
        let (mut from, mut to) = (start.to_vec(), start.to_vec());
        for _ in 0..n_steps {
            self.step_all(&from, &mut to);
            std::mem::swap(&mut from, &mut to);
        }
        from
    }

    fn step_all(&self, from: &[R], to: &mut [R]) {
        let m = self.shape.latent_dim;
        let n_chains = from.len() / m;
        let mut scratch = Scratch::new(self.shape);
        let (mut z, mut next) = (vec![[R::default(); LANES]; m], vec![[R::default(); LANES]; m]);
        for first in (0..n_chains).step_by(LANES) {
            load(from, n_chains, first, &mut z);
            self.step(&z, &mut scratch, &mut next);
            store(&next, n_chains, first, to);
        }
    }

    /// `log rates η = c + D z: [T · N, K]`, the channels of a time after each other.
    pub fn log_rates(&self, states: &Chains<R>) -> Vec<R> {
        let Shape { latent_dim: m, n_channels } = self.shape;
        let (bias, weight) = (self.part(3), self.part(4));
        let n_chains = states.n_chains;
        let mut rates = Vec::with_capacity(states.n_times() * n_channels * n_chains);
        for time in 0..states.n_times() {
            let z = states.at(time);
            for d in 0..n_channels {
                let from = rates.len();
                rates.resize(from + n_chains, bias[d]);
                for i in 0..m {
                    let weight = weight[d * m + i];
                    let z = &z[i * n_chains..(i + 1) * n_chains];
                    rates[from..].iter_mut().zip(z).for_each(|(rate, &z)| *rate += weight * z);
                }
            }
        }
        rates
    }

    /// The gradient in all parameters, in their order, from those in the log rates, `[T · N, K]`, and directly in the
    /// states, `[T, M, K]`, along `states`. The first states count as given.
    pub fn gradient(&self, states: &Chains<R>, by_rates: &[R], mut by_states: Vec<R>, rein: Rein) -> Vec<f64> {
        let Shape { latent_dim: m, n_channels } = self.shape;
        let (n_chains, width) = (states.n_chains, m * states.n_chains);
        let [.., offset, bias, weight] = self.shape.parts();
        let mut gradient = vec![0.0; self.shape.n_parameters()];
        let loadings = &self.values[weight.clone()];
        for time in 0..states.n_times() {
            let z = states.at(time);
            for d in 0..n_channels {
                let by_rate = &by_rates[(time * n_channels + d) * n_chains..][..n_chains];
                gradient[bias.start + d] += sum(by_rate).double();
                for i in 0..m {
                    let z = &z[i * n_chains..(i + 1) * n_chains];
                    gradient[weight.start + d * m + i] += dot(by_rate, z);
                    let to = &mut by_states[time * width + i * n_chains..][..n_chains];
                    let loading = loadings[d * m + i];
                    to.iter_mut().zip(by_rate).for_each(|(to, &by)| *to += loading * by);
                }
            }
        }
        let mut lanes = vec![[R::default(); LANES]; offset.end];
        let mut scratch = Scratch::new(self.shape);
        let (mut z, mut g) = (vec![[R::default(); LANES]; m], vec![[R::default(); LANES]; m]);
        let mut lengths = vec![R::default(); n_chains];
        for time in (1..states.n_times()).rev() {
            let (before, after) = by_states.split_at_mut(time * width);
            let (before, after) = (&mut before[(time - 1) * width..], &mut after[..width]);
            rein.hold(after, &mut lengths);
            for first in (0..n_chains).step_by(LANES) {
                load(states.at(time - 1), n_chains, first, &mut z);
                load(after, n_chains, first, &mut g);
                self.pull_back(&z, &mut scratch, &mut g, &mut lanes);
                for (i, g) in g.iter().enumerate() {
                    let to = &mut before[i * n_chains + first..][..LANES];
                    to.iter_mut().zip(g).for_each(|(to, &g)| *to += g);
                }
            }
        }
        for (gradient, lanes) in gradient.iter_mut().zip(&lanes) {
            *gradient = lanes.iter().map(|lane| lane.double()).sum();
        }
        gradient
    }
}

impl Rein {
    /// On `adjoint: [M, K]`; `lengths: [K]` is room to work in.
    pub(super) fn hold<R: Number>(self, adjoint: &mut [R], lengths: &mut [R]) {
        let n_chains = lengths.len();
        if self.longest.is_infinite() && self.keep == 1.0 {
            return;
        }
        lengths.fill(R::default());
        for row in adjoint.chunks_exact(n_chains) {
            lengths.iter_mut().zip(row).for_each(|(length, &g)| *length += g * g);
        }
        lengths.iter_mut().for_each(|length| *length = length.sqrt());
        let lengths_there = lengths.to_vec();
        let (_, median, _) = lengths.select_nth_unstable_by(n_chains / 2, |a, b| a.double().total_cmp(&b.double()));
        let limit = median.double() * self.longest + 1e-12;
        for row in adjoint.chunks_exact_mut(n_chains) {
            for (g, &length) in row.iter_mut().zip(&lengths_there) {
                let length = length.double();
                let keep = if length > limit { self.keep * limit / length } else { self.keep };
                *g = if length.is_finite() { *g * R::of(keep) } else { R::default() };
            }
        }
    }
}

fn load<R: Number>(rows: &[R], n_chains: usize, first: usize, lanes: &mut [Lane<R>]) {
    for (i, lane) in lanes.iter_mut().enumerate() {
        lane.copy_from_slice(&rows[i * n_chains + first..][..LANES]);
    }
}

fn store<R: Number>(lanes: &[Lane<R>], n_chains: usize, first: usize, rows: &mut [R]) {
    for (i, lane) in lanes.iter().enumerate() {
        rows[i * n_chains + first..][..LANES].copy_from_slice(lane);
    }
}

fn dot<R: Number>(x: &[R], y: &[R]) -> f64 {
    let mut lanes = [R::default(); LANES];
    for (x, y) in x.chunks_exact(LANES).zip(y.chunks_exact(LANES)) {
        lanes.iter_mut().zip(x.iter().zip(y)).for_each(|(lane, (&x, &y))| *lane += x * y);
    }
    lanes.iter().map(|lane| lane.double()).sum()
}
