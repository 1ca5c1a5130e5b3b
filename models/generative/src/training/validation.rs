use rand::Rng;

use crate::judging::{JudgePlan, JudgingSpace, prediction_error, spectral_distance, state_space_divergence};
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Split};

const VALIDATION_SAMPLES: usize = 200;

/// How far the model is from the training end of the recording; lower is better, 3 is the worst.
///
/// Three bounded parts of equal weight: free simulation against the whole training part
/// (`D_stsp / (1 + D_stsp)` and `D_H`), and n-step prediction on the validation part, which no
/// gradient has seen (`PE / (1 + PE)`). One part alone can be had cheaply: a shuffle has the right
/// states, a phase surrogate the right spectrum, a fixed point often the smallest error.
/// `None` when the simulation diverges.
pub fn validation_score(
    rng: &mut impl Rng,
    model: &SequenceVae,
    series: &Series,
    split: &Split,
    plan: &JudgePlan,
) -> Result<Option<f64>, ModelError> {
    // A few percent of noise do not change which checkpoint is chosen; the draws cost more than a step.
    let plan = &JudgePlan { mixture_samples: plan.mixture_samples.min(VALIDATION_SAMPLES), ..plan.clone() };
    let space = JudgingSpace::of(model, series, split, plan);
    let Some(simulated) = space.simulate(rng, model, series, split.training())? else {
        return Ok(None);
    };
    let truth = space.data(series, split.training());
    let errors = prediction_error(&space, model, series, split.validation.clone(), plan.prediction_steps)?;
    let (Some(d_stsp), Some(d_h), Some(pe)) = (
        state_space_divergence(rng, &truth, &simulated, plan),
        spectral_distance(&truth, &simulated),
        errors,
    ) else {
        return Ok(None);
    };
    let bounded = |value: f64| value / (1.0 + value);
    Ok(Some(bounded(d_stsp.max(0.0)) + d_h + bounded(pe)))
}
