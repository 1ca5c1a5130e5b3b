use std::ops::Range;

use nalgebra::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::Poisson;

use super::JudgePlan;
use crate::observation::ObservationKind;
use crate::vae::{ModelError, SequenceVae};
use crate::{Projection, Series, Split};

/// The real-valued space `[T, D]` in which data, models and rivals are compared.
///
/// Gaussian recordings are judged in the components the model was given. Counts are made comparable
/// first: `2 √(x + 3/8)` has about unit variance whatever the rate (Anscombe 1948), and the leading
/// principal components of the training part hold what the units share.
#[derive(Clone, Debug)]
pub struct JudgingSpace {
    kind: ObservationKind,
    projection: Projection,
}

impl JudgingSpace {
    pub fn of(model: &SequenceVae, series: &Series, split: &Split, plan: &JudgePlan) -> Self {
        let kind = model.plan.observation;
        let projection = match kind {
            ObservationKind::Gaussian => model.projection.clone(),
            ObservationKind::Poisson => {
                let stabilised = stabilise(series.rows(split.training()));
                Projection::principal(&stabilised, series.n_channels, plan.count_components)
            }
        };
        Self { kind, projection }
    }

    /// The recording itself: `[range.len(), D]`.
    pub fn data(&self, series: &Series, range: Range<usize>) -> DMatrix<f64> {
        match self.kind {
            ObservationKind::Gaussian => self.projection.apply(series.rows(range)),
            ObservationKind::Poisson => self.projection.apply(&stabilise(series.rows(range))),
        }
    }

    /// Expected observations of a model, `[T, observed]`, as points of this space.
    pub fn expected(&self, observed: &DMatrix<f64>) -> DMatrix<f64> {
        match self.kind {
            ObservationKind::Gaussian => observed.clone(),
            ObservationKind::Poisson => {
                let rows: Vec<f32> =
                    observed.transpose().iter().map(|&rate| expected_stabilised(rate) as f32).collect();
                self.projection.apply(&rows)
            }
        }
    }

    /// Counts where this space predicts `points`, by the algebraic inverse, which is too low for low rates.
    pub fn expected_counts(&self, points: &DMatrix<f64>) -> DMatrix<f64> {
        self.projection.reconstruct(points).map(|y| ((y / 2.0).powi(2) - 0.375).max(1e-3))
    }

    /// A free run of `model` to the end of `range`, from the first state of `range` that can be encoded,
    /// under the inputs recorded there. Process noise is drawn where the model uses it, and counts from their
    /// rates; no observation noise is added to Gaussian signals.
    /// `None` when the run diverges.
    pub fn simulate(
        &self,
        rng: &mut impl Rng,
        model: &SequenceVae,
        series: &Series,
        range: Range<usize>,
    ) -> Result<Option<DMatrix<f64>>, ModelError> {
        let context = model.plan.encoder.context();
        let encoded = model.encode(series.rows(range.start..range.start + context + 1))?;
        let start: Vec<f64> = encoded.row(0).iter().copied().collect();
        let first = range.start + context;
        let run = model.freeze()?.simulate(rng, &start, range.len() - context, |t| series.input_at(first + t));
        Ok(run.map(|simulation| match self.kind {
            ObservationKind::Gaussian => simulation.observed,
            ObservationKind::Poisson => self.projection.apply(&stabilise(&draw_counts(rng, &simulation.observed))),
        }))
    }
}

/// Row-major draws from Poisson rates `[T, N]`.
pub fn draw_counts(rng: &mut impl Rng, rates: &DMatrix<f64>) -> Vec<f32> {
    rates
        .transpose()
        .iter()
        .map(|&rate| match Poisson::new(rate) {
            Ok(poisson) => rng.sample(poisson) as f32,
            // A rate of zero, which the distribution does not admit.
            Err(_) => 0.0,
        })
        .collect()
}

/// `E[2 √(x + 3/8)]` for `x ~ Poisson(rate)`: below its value at the mean, most of all where rates are low.
fn expected_stabilised(rate: f64) -> f64 {
    // Beyond this the two agree to a percent, and the sum grows long.
    const SUMMED_BELOW: f64 = 20.0;
    if rate.is_nan() || rate > SUMMED_BELOW {
        return 2.0 * (rate + 0.375).sqrt();
    }
    let (mut mass, mut expected) = ((-rate).exp(), 0.0);
    for count in 0..(rate + 10.0 * rate.sqrt() + 10.0) as usize {
        expected += mass * 2.0 * (count as f64 + 0.375).sqrt();
        mass *= rate / (count as f64 + 1.0);
    }
    expected
}

fn stabilise(counts: &[f32]) -> Vec<f32> {
    counts.iter().map(|&x| 2.0 * (x + 0.375).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with SciPy 1.17: `(poisson.pmf(k, r) * 2 * sqrt(k + 3/8)).sum()`.
    #[test]
    fn the_expectation_of_stabilised_counts_is_that_of_the_distribution() {
        for (rate, expected) in [(0.0, EXPECTED[0]), (0.2, EXPECTED[1]), (3.0, EXPECTED[2]), (15.0, EXPECTED[3])] {
            assert!((expected_stabilised(rate) - expected).abs() < 1e-9, "{rate}: {}", expected_stabilised(rate));
        }
    }

    const EXPECTED: [f64; 4] = [1.224744871391589, 1.4414747876274934, 3.537928407972693, 7.778152231898053];
}
