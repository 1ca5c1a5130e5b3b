//! Orbits of the quadratic map, for another map to learn from.

use candle_core::{Device, Result, Tensor};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::chains::Chains;
use super::descent::burnt_in;
use super::model::QuadraticModel;

/// Steps that the student runs on its own in a lesson.
pub(super) const LESSON: usize = 8;

/// Stretches of nine states, in units of the attractor: mean zero, variance one in each coordinate.
pub(super) struct Lessons {
    pub scale: Scale,
    /// Of the starts off the attractor, those that the teacher itself brought back to it.
    pub came_back: f64,
    /// Root mean square of a step on the attractor.
    pub speed: f64,
    /// The largest distance from the mean there.
    pub reach: f64,
    /// Paths of 65 states on the attractor.
    guides: Vec<Path>,
    /// `[n, 9, M]` each: on the attractor, off it, and where a student was lost.
    on: Vec<f32>,
    off: Vec<f32>,
    lost: Vec<f32>,
}

type Path = Vec<Vec<f64>>;

/// How many lessons of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mixture {
    pub on: usize,
    pub off: usize,
    pub lost: usize,
}

/// Where the attractor lies, coordinate by coordinate.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
}

const CHAINS: usize = 2048;
/// Steps after which an orbit counts as on its attractor.
const TRANSIENT: usize = 1000;
/// Steps of each orbit that lessons are cut from.
const TAUGHT: usize = 8 * LESSON;
/// Standard deviations of the starts around the attractor: from none to so many.
const FARTHEST: f64 = 1.0;
/// By which a deviation from its guide shrinks in each step.
const PULL: f64 = 0.7;
/// Of the usual speed: what moves less has come to rest.
pub(super) const RESTING: f64 = 0.05;

impl Lessons {
    /// Orbits on the attractor, and orbits that start around it or between its states.
    ///
    /// A start that the teacher loses (to the clip, or to rest) is taught to come back all the same: it is led by the orbit of
    /// the nearest state of the attractor.
    pub fn of(rng: &mut impl Rng, teacher: &QuadraticModel<f32>) -> Self {
        let (on, _) = teacher.run(&burnt_in(rng, teacher, CHAINS, TRANSIENT), TAUGHT + 1);
        let scale = Scale::of(&on);
        let guides: Vec<Path> = (0..CHAINS).map(|chain| scale.path(&on, chain)).collect();
        let speed = guides.iter().map(|path| speed(path)).sum::<f64>() / CHAINS as f64;
        let reach = guides.iter().map(|path| length(&path[0])).fold(0.0, f64::max);
        let mut lessons = Self { scale, came_back: 0.0, speed, reach, guides, on: vec![], off: vec![], lost: vec![] };
        lessons.guides.iter().for_each(|path| cut(path, &mut lessons.on));
        let starts: Vec<Vec<f64>> = (0..CHAINS).map(|_| lessons.start_around(rng)).collect();
        let (off, end) = teacher.run(&lessons.scale.outside(&starts), TAUGHT + 1);
        let (later, _) = teacher.run(&teacher.run_to(&end, TRANSIENT), TAUGHT + 1);
        for (chain, start) in starts.iter().enumerate() {
            let path = match lessons.is_under_way(&lessons.scale.path(&later, chain)) {
                true => {
                    lessons.came_back += 1.0 / CHAINS as f64;
                    lessons.scale.path(&off, chain)
                }
                false => lessons.led(start),
            };
            cut(&path, &mut lessons.off);
        }
        lessons
    }

    /// On the attractor, where it moves if it moves anywhere.
    pub fn a_state(&self) -> &[f64] {
        &self.guides.iter().find(|path| self.is_under_way(path)).unwrap_or(&self.guides[0])[0]
    }

    /// Whether a path moves, and keeps to where the attractor is.
    pub fn is_under_way(&self, path: &[Vec<f64>]) -> bool {
        path.iter().all(|z| length(z) <= 1.3 * self.reach) && speed(path) > RESTING * self.speed
    }

    /// Half of them up to one standard deviation from a state of the attractor, half between two of them.
    pub fn start_around(&self, rng: &mut impl Rng) -> Vec<f64> {
        let mut any = || &self.guides[rng.random_range(0..self.guides.len())][0];
        let (one, other) = (any(), any());
        let share: f64 = rng.random();
        if rng.random() {
            return one.iter().zip(other).map(|(a, b)| a + share * (b - a)).collect();
        }
        one.iter().map(|z| z + FARTHEST * share * rng.sample::<f64, _>(StandardNormal)).collect()
    }

    /// Where a student came to rest, lessons how to go on: around `place` every state is led by the attractor.
    pub fn lead_on(&mut self, rng: &mut impl Rng, place: &[f64]) {
        const AROUND: f64 = 0.15;
        const N: usize = 32;
        for _ in 0..N {
            let start: Vec<f64> = place.iter().map(|z| z + AROUND * rng.sample::<f64, _>(StandardNormal)).collect();
            // The way there is enough: later it is on the attractor.
            cut(&self.led(&start)[..=LESSON], &mut self.lost);
        }
    }

    /// They were where one student came to rest; another may do so elsewhere.
    pub fn forget_lost(&mut self) {
        self.lost.clear();
    }

    pub fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// From `start` along the orbit of the nearest state of the attractor; what lies between them shrinks by .7 a step.
    fn led(&self, start: &[f64]) -> Path {
        let distance = |guide: &&Path| guide[0].iter().zip(start).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let Some(guide) = self.guides.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))) else { return vec![] };
        let apart: Vec<f64> = start.iter().zip(&guide[0]).map(|(z, guide)| z - guide).collect();
        let led = guide.iter().enumerate().map(|(t, guide)| {
            let left = PULL.powi(t as i32);
            guide.iter().zip(&apart).map(|(guide, apart)| guide + left * apart).collect()
        });
        led.collect()
    }

    /// Starts `[n, 8, M]`, of which the first state counts, the eight states after each, `[n, 8, M]`, and how much each lesson
    /// weighs, `[n, 1, 1]`: less where states move faster than on the attractor, since large errors there would hide small ones.
    pub fn draw(&self, rng: &mut impl Rng, mixture: Mixture) -> Result<(Tensor, Tensor, Tensor)> {
        let m = self.scale.mean.len();
        let width = (LESSON + 1) * m;
        let (mut from, mut to, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (lessons, n) in [(&self.on, mixture.on), (&self.off, mixture.off), (&self.lost, mixture.lost)] {
            for _ in 0..n {
                let at = rng.random_range(0..lessons.len() / width) * width;
                let lesson = &lessons[at..at + width];
                from.extend_from_slice(&lesson[..width - m]);
                to.extend_from_slice(&lesson[m..]);
                let steps = lesson[m..].iter().zip(lesson).map(|(next, z)| f64::from(next - z).powi(2)).sum::<f64>();
                weights.push((self.speed.powi(2) * LESSON as f64 / steps.max(1e-12)).min(1.0) as f32);
            }
        }
        let tensor =
            |values: Vec<f32>| Tensor::from_vec(values.clone(), (values.len() / (LESSON * m), LESSON, m), &Device::Cpu);
        let n = weights.len();
        Ok((tensor(from)?, tensor(to)?, Tensor::from_vec(weights, (n, 1, 1), &Device::Cpu)?))
    }
}

impl Scale {
    fn of(chains: &Chains<f32>) -> Self {
        let (m, k) = (chains.latent_dim, chains.n_chains);
        let n = (chains.n_times() * k) as f64;
        let moment = |i: usize, f: &dyn Fn(f64) -> f64| {
            let rows = (0..chains.n_times()).flat_map(|t| &chains.at(t)[i * k..(i + 1) * k]);
            rows.map(|&z| f(f64::from(z))).sum::<f64>() / n
        };
        let mean: Vec<f64> = (0..m).map(|i| moment(i, &|z| z)).collect();
        let variance = |i: usize| moment(i, &|z| (z - mean[i]).powi(2));
        // A teacher at rest has no scale.
        let std = (0..m).map(|i| variance(i).sqrt().max(1e-3)).collect();
        Self { mean, std }
    }

    /// One chain, in units of the attractor.
    fn path(&self, chains: &Chains<f32>, chain: usize) -> Path {
        let within = |z: Vec<f64>| {
            let scaled = z.iter().zip(self.mean.iter().zip(&self.std)).map(|(z, (mean, std))| (z - mean) / std);
            scaled.collect()
        };
        (0..chains.n_times()).map(|t| within(chains.state(t, chain))).collect()
    }

    /// States as the teacher has them: `[M, K]`.
    fn outside(&self, states: &[Vec<f64>]) -> Vec<f32> {
        let row = |i: usize| states.iter().map(move |z| (self.mean[i] + self.std[i] * z[i]) as f32);
        (0..self.mean.len()).flat_map(row).collect()
    }
}

fn length(z: &[f64]) -> f64 {
    z.iter().map(|z| z * z).sum::<f64>().sqrt()
}

/// Root mean square of the steps of a path.
fn speed(path: &[Vec<f64>]) -> f64 {
    let steps = path.windows(2).flat_map(|two| two[0].iter().zip(&two[1]).map(|(a, b)| (a - b).powi(2)));
    (steps.sum::<f64>() / (path.len() - 1) as f64).sqrt()
}

/// Lessons that follow each other along a path.
fn cut(path: &[Vec<f64>], to: &mut Vec<f32>) {
    for lesson in (0..path.len() - 1).step_by(LESSON) {
        to.extend(path[lesson..=lesson + LESSON].iter().flatten().map(|&z| z as f32));
    }
}
