//! A model left to itself, from where a recording was.

use std::ops::Range;

use nalgebra::DMatrix;
use rand::Rng;
use thiserror::Error;

use super::prediction::Encoded;
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Simulation, Surroundings};

/// Why there is no free run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoRun {
    #[error("the free simulation diverged")]
    Diverged,
    #[error("the recording tells no state to simulate from")]
    NoState,
}

/// `model` on its own through every run of `range`, from the first state there that is known; rows before it are NaN.
pub fn free_run(
    rng: &mut impl Rng,
    model: &SequenceVae,
    series: &Series,
    range: Range<usize>,
) -> Result<Result<Simulation, NoRun>, ModelError> {
    let frozen = model.freeze()?;
    let encoded = Encoded::of(model, series, range.clone())?;
    let blank = |width: usize| DMatrix::from_element(range.len(), width, f64::NAN);
    let mut whole = Simulation { latent: blank(frozen.latent_dim()), observed: blank(frozen.observation.n_channels()) };
    let mut known = false;
    for run in series.runs(range.clone()) {
        let Some((first, past)) = run.clone().find_map(|t| Some((t, encoded.past(t)?))) else { continue };
        let around = Surroundings::Recorded { series, first };
        let n_times = run.end - first;
        let Some(part) = frozen.simulate(rng, &past, n_times, around) else { return Ok(Err(NoRun::Diverged)) };
        whole.latent.rows_mut(first - range.start, n_times).copy_from(&part.latent);
        whole.observed.rows_mut(first - range.start, n_times).copy_from(&part.observed);
        known = true;
    }
    Ok(if known { Ok(whole) } else { Err(NoRun::NoState) })
}
