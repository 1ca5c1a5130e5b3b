//! Where recordings, models and rivals are compared.

use std::ops::Range;

use nalgebra::DMatrix;
use rand::Rng;

use super::JudgePlan;
use super::free_run::{NoRun, free_run};
use crate::observation::FrozenObservation;
use crate::vae::{ModelError, SequenceVae};
use crate::{Projection, Series, Split};

/// The real-valued space `[T, D]` in which data, models and rivals are compared.
///
/// Gaussian recordings are judged in the components the model was given. Counts are made comparable
/// first: `2 √(x + 3/8)` has about unit variance at every rate above some four counts a bin, and less below, where units
/// thus weigh less (Anscombe 1948, Biometrika 35, 246); the leading principal components of the training part hold what
/// the units share.
#[derive(Clone, Debug)]
pub struct JudgingSpace {
    counts: bool,
    projection: Projection,
}

impl JudgingSpace {
    pub fn of(model: &SequenceVae, series: &Series, split: &Split, plan: &JudgePlan) -> Self {
        let counts = model.plan.observation.is_counts();
        let projection = match counts {
            false => model.projection.clone(),
            true => {
                let stabilised = stabilise(series.rows(split.training()));
                Projection::principal(&stabilised, series.n_channels, plan.count_components)
            }
        };
        Self { counts, projection }
    }

    /// The recording itself: `[range.len(), D]`.
    pub fn data(&self, series: &Series, range: Range<usize>) -> DMatrix<f64> {
        match self.counts {
            false => self.projection.apply(series.rows(range)),
            true => self.projection.apply(&stabilise(series.rows(range))),
        }
    }

    /// Expected observations of a model, `[T, observed]`, as points of this space.
    pub fn expected(&self, observation: &FrozenObservation, observed: &DMatrix<f64>) -> DMatrix<f64> {
        if !self.counts {
            return observed.clone();
        }
        let mut rows = Vec::with_capacity(observed.len());
        for row in observed.row_iter() {
            let channels = row.iter().enumerate();
            rows.extend(channels.map(|(d, &mean)| observation.expectation(d, mean, stabilised) as f32));
        }
        self.projection.apply(&rows)
    }

    /// Counts where this space predicts `points`, by the algebraic inverse, which is too low for low rates.
    pub fn expected_counts(&self, points: &DMatrix<f64>) -> DMatrix<f64> {
        let count = |y: f64| if y.is_nan() { y } else { ((y / 2.0).powi(2) - 0.375).max(1e-3) };
        self.projection.reconstruct(points).map(count)
    }

    /// A free run of `model` through every run of `range`, from the first state there that is known to its end,
    /// under the inputs recorded there: `[range.len(), D]`, NaN before a first state. Process noise is drawn where
    /// the model uses it, and counts from their distribution; no observation noise is added to other signals.
    pub fn simulate(
        &self,
        rng: &mut impl Rng,
        model: &SequenceVae,
        series: &Series,
        range: Range<usize>,
    ) -> Result<Result<DMatrix<f64>, NoRun>, ModelError> {
        let run = match free_run(rng, model, series, range)? {
            Ok(run) => run,
            Err(reason) => return Ok(Err(reason)),
        };
        if !self.counts {
            return Ok(Ok(run.observed));
        }
        let counts = model.freeze()?.observation.draw(rng, &run.observed);
        let rows: Vec<f32> = counts.transpose().iter().map(|&x| stabilised(x) as f32).collect();
        Ok(Ok(self.projection.apply(&rows)))
    }
}

fn stabilised(count: f64) -> f64 {
    2.0 * (count + 0.375).sqrt()
}

fn stabilise(counts: &[f32]) -> Vec<f32> {
    counts.iter().map(|&x| stabilised(f64::from(x)) as f32).collect()
}
