//! States of a recording that is already over, from all of a window at once.

use std::ops::Range;

use nalgebra::DMatrix;
use nullcline_dynamics::Map;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::counts::Counts;
use super::descent::BURN_IN;
use super::likelihood::{Likelihood, alike};
use super::search::WINDOW;
use crate::Series;
use crate::observation::{LOG_RATE_RANGE, ObservationKind};
use crate::times_matrix::{Order, multiply};
use crate::vae::{ModelError, SequenceVae};

/// Trajectories that a window may have come from.
const CHAINS: usize = 3008;

impl SequenceVae {
    /// `E[z_t | all counts of the window]: [range.len(), M]`, for windows of 60 bins that follow each other through the runs of
    /// `range`; NaN in what is left over, and in windows that lack a sample.
    ///
    /// The posterior over 3,008 trajectories of the model's own attractors, from standard normal starts: for models whose states
    /// have about unit variance, as those that start from windows do. Sees what follows, too, unlike [`encode`](Self::encode);
    /// so it must not be asked to foretell anything. For Poisson counts of a model that no inputs drive.
    pub fn window_states(&self, seed: u64, series: &Series, range: Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        if self.plan.observation != ObservationKind::Poisson {
            return Err(ModelError::NoWindowStart(self.plan.observation));
        }
        if series.n_inputs > 0 {
            return Err(ModelError::WindowInputs { found: series.n_inputs });
        }
        let frozen = self.freeze()?;
        let n_channels = frozen.observation.predictor(&[&vec![0.0; self.plan.latent_dim]], &[]).len();
        if n_channels != series.n_channels {
            return Err(ModelError::WindowChannels { needed: n_channels, found: series.n_channels });
        }
        let m = self.plan.latent_dim;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let orbits = orbits(&mut rng, &frozen.map, m)?;
        let (low, high) = LOG_RATE_RANGE;
        let mut log_rates = vec![0.0f32; WINDOW * n_channels * CHAINS];
        for (chain, orbit) in orbits.chunks_exact(WINDOW * m).enumerate() {
            for (time, z) in orbit.chunks_exact(m).enumerate() {
                let z: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
                for (d, log_rate) in frozen.observation.predictor(&[&z], &[]).into_iter().enumerate() {
                    log_rates[(time * n_channels + d) * CHAINS + chain] = (log_rate as f32).clamp(low, high);
                }
            }
        }
        let counts = Counts::new(series, range.clone());
        let windows = counts.windows(WINDOW, [0.0; 2], usize::MAX, &counts.mean);
        let weights = alike(CHAINS);
        let mut means = Vec::with_capacity(windows.len() * WINDOW * m);
        Likelihood { windows: &windows, log_rates: &log_rates, weights: &weights }.each_posterior(&mut |posterior| {
            let n = posterior.len() / CHAINS;
            let from = means.len();
            means.resize(from + n * WINDOW * m, 0.0f32);
            let shape = [n, CHAINS, WINDOW * m];
            multiply(&mut means[from..], posterior, Order::Rows, &orbits, Order::Rows, shape, false);
        });
        let mut found = DMatrix::from_element(range.len(), m, f64::NAN);
        for (&start, mean) in windows.starts.iter().zip(means.chunks_exact(WINDOW * m)) {
            let rows = DMatrix::from_row_iterator(WINDOW, m, mean.iter().map(|&z| f64::from(z)));
            found.rows_mut(start - range.start, WINDOW).copy_from(&rows);
        }
        Ok(found)
    }
}

/// `[K, W, M]`: orbits of `map` that have forgotten where they began. A start that leaves is replaced by another.
fn orbits(rng: &mut impl Rng, map: &impl Map, latent_dim: usize) -> Result<Vec<f32>, ModelError> {
    /// Of all starts, so many times as many as are needed may leave.
    const TRIES: usize = 10;
    let mut states = Vec::with_capacity(CHAINS * WINDOW * latent_dim);
    let mut next = vec![0.0; latent_dim];
    for _ in 0..TRIES * CHAINS {
        let from = states.len();
        let mut z: Vec<f64> = (0..latent_dim).map(|_| rng.sample(StandardNormal)).collect();
        for step in 0..BURN_IN + WINDOW {
            if step >= BURN_IN {
                states.extend(z.iter().map(|&z| z as f32));
            }
            map.step(&z, &mut next);
            std::mem::swap(&mut z, &mut next);
        }
        if states[from..].iter().any(|z| !z.is_finite()) {
            states.truncate(from);
        }
        if states.len() == CHAINS * WINDOW * latent_dim {
            return Ok(states);
        }
    }
    Err(ModelError::WindowOrbits)
}
