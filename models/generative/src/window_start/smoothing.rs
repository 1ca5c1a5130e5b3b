//! States of a recording that is already over, from all of a window at once.

use std::ops::Range;

use nalgebra::DMatrix;
use nullcline_dynamics::Map;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::counts::Counts;
use super::likelihood::{Likelihood, alike};
use super::search::WINDOW;
use crate::Series;
use crate::observation::ObservationKind;
use crate::times_matrix::{Order, multiply};
use crate::vae::{ModelError, SequenceVae};

/// Trajectories that a window may have come from.
const CHAINS: usize = 3008;
/// Steps after which they have forgotten where they began.
const BURN_IN: usize = 300;

impl SequenceVae {
    /// `E[z_t | all counts of the window]: [range.len(), M]`, for windows of 60 bins that follow each other through the runs of
    /// `range`; NaN in what is left over, and in windows that lack a sample.
    ///
    /// The posterior over 3,008 trajectories of the model's own attractor. Where a sample hardly tells a state this sees about
    /// twice as much as [`encode`](Self::encode), which looks back only; so it must not be asked to foretell anything. For
    /// Poisson counts of a model that no inputs drive.
    pub fn window_states(&self, seed: u64, series: &Series, range: Range<usize>) -> Result<DMatrix<f64>, ModelError> {
        if self.plan.observation != ObservationKind::Poisson {
            return Err(ModelError::NoWindowStart(self.plan.observation));
        }
        let frozen = self.freeze()?;
        let m = self.plan.latent_dim;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut log_rates, mut states) =
            (vec![0.0f32; WINDOW * series.n_channels * CHAINS], vec![0.0f32; CHAINS * WINDOW * m]);
        let mut next = vec![0.0; m];
        for chain in 0..CHAINS {
            let mut z: Vec<f64> = (0..m).map(|_| rng.sample(StandardNormal)).collect();
            for step in 0..BURN_IN + WINDOW {
                if let Some(time) = step.checked_sub(BURN_IN) {
                    for (d, rate) in frozen.observation.predictor(&[&z], &[]).into_iter().enumerate() {
                        log_rates[(time * series.n_channels + d) * CHAINS + chain] = rate.clamp(-16.0, 8.0) as f32;
                    }
                    let to = &mut states[(chain * WINDOW + time) * m..][..m];
                    to.iter_mut().zip(&z).for_each(|(to, &z)| *to = z as f32);
                }
                frozen.map.step(&z, &mut next);
                std::mem::swap(&mut z, &mut next);
            }
        }
        let counts = Counts::new(series, range.clone());
        let windows = counts.windows(WINDOW, 0.0, usize::MAX, &counts.mean);
        let weights = alike(CHAINS);
        let mut means = Vec::with_capacity(windows.len() * WINDOW * m);
        Likelihood { windows: &windows, log_rates: &log_rates, weights: &weights }.each_posterior(&mut |posterior| {
            let n = posterior.len() / CHAINS;
            let from = means.len();
            means.resize(from + n * WINDOW * m, 0.0f32);
            let shape = [n, CHAINS, WINDOW * m];
            multiply(&mut means[from..], posterior, Order::Rows, &states, Order::Rows, shape, false);
        });
        let mut found = DMatrix::from_element(range.len(), m, f64::NAN);
        for (&start, mean) in windows.starts.iter().zip(means.chunks_exact(WINDOW * m)) {
            let rows = DMatrix::from_row_iterator(WINDOW, m, mean.iter().map(|&z| f64::from(z)));
            found.rows_mut(start - range.start, WINDOW).copy_from(&rows);
        }
        Ok(found)
    }
}
