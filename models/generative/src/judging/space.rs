use std::ops::Range;

use nalgebra::DMatrix;
use rand::Rng;

use super::JudgePlan;
use super::prediction::Encoded;
use crate::observation::FrozenObservation;
use crate::vae::{ModelError, SequenceVae};
use crate::{Projection, Series, Simulation, Split, Surroundings};

/// The real-valued space `[T, D]` in which data, models and rivals are compared.
///
/// Gaussian recordings are judged in the components the model was given. Counts are made comparable
/// first: `2 √(x + 3/8)` has about unit variance whatever the rate (Anscombe 1948), and the leading
/// principal components of the training part hold what the units share.
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
    /// `None` when the run diverges, or when no state is known.
    pub fn simulate(
        &self,
        rng: &mut impl Rng,
        model: &SequenceVae,
        series: &Series,
        range: Range<usize>,
    ) -> Result<Option<DMatrix<f64>>, ModelError> {
        let Some(run) = free_run(rng, model, series, range)? else { return Ok(None) };
        if !self.counts {
            return Ok(Some(run.observed));
        }
        let counts = model.freeze()?.observation.draw(rng, &run.observed);
        let rows: Vec<f32> = counts.transpose().iter().map(|&x| stabilised(x) as f32).collect();
        Ok(Some(self.projection.apply(&rows)))
    }
}

/// `model` on its own through every run of `range`, from the first state there that is known; rows before it are NaN.
/// `None` when it diverges, or when no state is known.
pub fn free_run(
    rng: &mut impl Rng,
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
) -> Result<Option<Simulation>, ModelError> {
    let frozen = model.freeze()?;
    let encoded = Encoded::of(model, series, range.clone())?;
    let blank = |width: usize| DMatrix::from_element(range.len(), width, f64::NAN);
    let mut whole = Simulation { latent: blank(frozen.latent_dim()), observed: blank(frozen.observation.n_channels()) };
    let mut known = false;
    for run in series.runs(range.clone()) {
        let Some((first, past)) = run.clone().find_map(|t| Some((t, encoded.past(t)?))) else { continue };
        let around = Surroundings::Recorded { series, first };
        let n_times = run.end - first;
        let Some(part) = frozen.simulate(rng, &past, n_times, around) else { return Ok(None) };
        whole.latent.rows_mut(first - range.start, n_times).copy_from(&part.latent);
        whole.observed.rows_mut(first - range.start, n_times).copy_from(&part.observed);
        known = true;
    }
    Ok(known.then_some(whole))
}

fn stabilised(count: f64) -> f64 {
    2.0 * (count + 0.375).sqrt()
}

fn stabilise(counts: &[f32]) -> Vec<f32> {
    counts.iter().map(|&x| stabilised(f64::from(x)) as f32).collect()
}
