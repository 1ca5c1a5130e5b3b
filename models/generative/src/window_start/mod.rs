//! A start that already has the dynamics, learned from the likelihood of whole windows of counts.
//!
//! Weak counts hardly tell a state: an encoder that must say one for each bin spends more than the counts give, and
//! training comes to rest. Here nothing is encoded. A quadratic map sends many trajectories through its own attractor, each
//! explains every window of the recording as well as it can, and the map is changed so that together they explain more
//! (`objective.rs`). What it has become is taught to the latent family (`distil.rs`), and the encoder learns from counts that the
//! model draws (`sleep.rs`).

mod chains;
mod counts;
mod descent;
mod distil;
mod lessons;
mod likelihood;
mod model;
mod number;
mod objective;
mod search;
mod sleep;
mod smoothing;
#[cfg(test)]
mod tests;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::latent::Workspace;
use crate::observation::ObservationKind;
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Split};
use counts::Counts;
use distil::{DistilPlan, distil_best};
use lessons::{Lessons, Scale};
use model::QuadraticModel;
use search::{LESSONS_STREAM, Search};
use sleep::{SleepPlan, sleep};

/// Windows to learn from: with fewer, the best of several starts is the luckiest.
const FEWEST_WINDOWS: usize = 5;

/// How long each part may take.
struct Effort {
    search: Search,
    distil: DistilPlan,
    sleep: SleepPlan,
}

impl Effort {
    fn thorough() -> Self {
        Self { search: Search::thorough(), distil: DistilPlan::THOROUGH, sleep: SleepPlan::THOROUGH }
    }
}

/// How well it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowStart {
    /// Of the best quadratic map, in nats per bin above constant rates.
    pub gain: f64,
    /// Of the starts around the attractor, those from which the latent map comes to rest or leaves.
    pub lost: f64,
    /// Whether the encoder learned from the model's own counts; not where the model's simulation leaves for good.
    pub encoder_learned: bool,
}

impl WindowStart {
    /// What a user should know before trusting the model, in one line.
    pub fn doubt(&self) -> Option<String> {
        const MANY: f64 = 0.1;
        let Self { gain, lost, encoder_learned } = *self;
        if gain <= 0.0 || gain.is_nan() {
            return Some(format!(
                "the start found no dynamics: windows are no likelier than under constant rates ({gain:.4} nats a bin)"
            ));
        }
        if !encoder_learned {
            return Some("the start's encoder learned nothing: the model's simulation diverged".into());
        }
        (lost > MANY).then(|| {
            format!("of states around the attractor that the start found, {:.0} % come to rest or leave", 100.0 * lost)
        })
    }
}

impl SequenceVae {
    /// Sets all weights from windows of `series`: map, loadings, encoder and prior.
    ///
    /// For Poisson counts that no external inputs drive, and families of one hidden layer. Windows lie inside runs and lack no
    /// sample; rhythms of 4 to 40 bins can be found. Made for weak counts, of which many trajectories could be the source:
    /// where a window tells its trajectory, an encoder does better. Everything random follows from `seed`, whatever the number
    /// of `threads`. Costs some minutes for 100,000 bins of three channels, nearly all of them in matrix products.
    pub fn start_windows(
        &self,
        seed: u64,
        series: &Series,
        split: &Split,
        threads: usize,
    ) -> Result<WindowStart, ModelError> {
        self.start_windows_with(&Effort::thorough(), seed, series, split, threads)
    }

    fn start_windows_with(
        &self,
        effort: &Effort,
        seed: u64,
        series: &Series,
        split: &Split,
        threads: usize,
    ) -> Result<WindowStart, ModelError> {
        self.check_windows(series, split, effort.search.judged_window)?;
        let fit = Counts::new(series, split.fit.clone());
        let training = Counts::new(series, split.training());
        let (teacher, gain) = effort.search.run(seed, &fit, &training, self.plan.latent_dim, threads);
        let (lost, encoder_learned) = self.teach(effort, seed, &teacher)?;
        Ok(WindowStart { gain, lost, encoder_learned })
    }

    /// Sets all weights to those of `teacher`, as far as the latent family can follow it; returns the share of starts that are
    /// lost, and whether the encoder could learn.
    fn teach(&self, effort: &Effort, seed: u64, teacher: &QuadraticModel<f32>) -> Result<(f64, bool), ModelError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(LESSONS_STREAM);
        let mut lessons = Lessons::of(&mut rng, teacher);
        let workspace = Workspace::with_threads(1);
        let distilled = distil_best(&mut rng, &workspace, &self.latent, &mut lessons, &effort.distil)?;
        self.set_loadings(teacher, &lessons.scale)?;
        self.set_prior(&distilled.off)?;
        let frozen = self.freeze()?;
        let context = self.plan.encoder.context();
        let start = lessons.a_state();
        let learned = sleep(&mut rng, &frozen, &self.encoder, &self.observation, context, start, &effort.sleep)?;
        Ok((distilled.lost, learned))
    }

    /// Whether windows can be learned from at all.
    fn check_windows(&self, series: &Series, split: &Split, window: usize) -> Result<(), ModelError> {
        if self.plan.observation != ObservationKind::Poisson {
            return Err(ModelError::NoWindowStart(self.plan.observation));
        }
        if !self.plan.family.has_hidden_layer() {
            return Err(ModelError::NoWindowFamily(self.plan.family));
        }
        if series.n_inputs > 0 {
            return Err(ModelError::WindowInputs { found: series.n_inputs });
        }
        let counts = Counts::new(series, split.fit.clone());
        let found = counts.windows::<f32>(window, [0.0; 2], usize::MAX, &counts.mean).len();
        match found < FEWEST_WINDOWS {
            true => Err(ModelError::TooFewWindows { needed: FEWEST_WINDOWS, window, found }),
            false => Ok(()),
        }
    }

    /// `B = D diag(s)` and `b = c + D m`, for states in units of the attractor, `z = m + s ⊙ z̃`.
    fn set_loadings(&self, teacher: &QuadraticModel<f32>, scale: &Scale) -> candle_core::Result<()> {
        let m = teacher.shape.latent_dim;
        let (mean, weight) = (teacher.part(3), teacher.part(4));
        let loadings = weight.iter().enumerate().map(|(at, &d)| d * scale.std[at % m] as f32).collect::<Vec<_>>();
        let shift = |row: &[f32]| row.iter().zip(&scale.mean).map(|(&d, &mean)| f64::from(d) * mean).sum::<f64>();
        let rates = mean.iter().zip(weight.chunks_exact(m)).map(|(&c, row)| c + shift(row) as f32);
        self.observation.set(loadings, rates.collect())
    }

    /// The process noise is what the latent map does not have of its teacher's; never less than a hundredth.
    fn set_prior(&self, off: &[f64]) -> candle_core::Result<()> {
        const LEAST: f64 = 0.01;
        match &self.process_log_std {
            None => Ok(()),
            Some(log_std) => {
                let values = off.iter().map(|off| off.max(LEAST).ln() as f32).collect::<Vec<_>>();
                log_std.set(&candle_core::Tensor::from_vec(values, off.len(), log_std.device())?)
            }
        }
    }
}
