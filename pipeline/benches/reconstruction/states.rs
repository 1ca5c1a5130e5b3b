//! What a saved model does in the space of the true states.

use std::path::Path;

use nalgebra::DMatrix;
use nullcline::outputs::read_model;
use nullcline_dynamics::{LyapunovPlan, lyapunov_exponents};
use nullcline_models::judging::{JudgePlan, state_space_divergence};
use nullcline_models::{SequenceVae, Series, Surroundings};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A free simulation of a model of counts, seen in the space of the true states.
pub struct Decoded {
    pub d_stsp: f64,
    /// Of the latent map without noise, from where the free simulation starts; per step.
    pub largest_exponent: f64,
    /// Of the linear map from encoded to true states, on the training file.
    pub r_squared: f64,
    /// The same of states read from whole windows, which see what follows, too.
    pub r_squared_of_windows: f64,
}

impl Decoded {
    pub fn of(model: &Path, counts: &DMatrix<f64>, train: &DMatrix<f64>, test: &DMatrix<f64>) -> Result<Self, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let model: SequenceVae = read_model(model).map_err(|e| words(&e))?.1;
        let rows: Vec<f32> = counts.transpose().iter().map(|&x| x as f32).collect();
        let series = Series::new(rows, counts.ncols(), Vec::new(), 0).map_err(|e| words(&e))?;
        let encoded = model.encode(&series, 0..counts.nrows()).map_err(|e| words(&e))?;
        // Before the first state the encoder has not seen enough.
        let first = (0..encoded.nrows()).find(|&t| !encoded[(t, 0)].is_nan()).ok_or("no state was read")?;
        let encoded = encoded.rows(first, encoded.nrows() - first).into_owned();
        let truth = train.rows(train.nrows() - encoded.nrows(), encoded.nrows()).into_owned();
        let at_rest = "its states do not vary";
        let (_, r_squared) = linear_readout(&encoded, &truth).ok_or(at_rest)?;
        let smoothed = model.window_states(1, &series, 0..counts.nrows()).map_err(|e| words(&e))?;
        let known: Vec<usize> = (0..smoothed.nrows()).filter(|&t| !smoothed[(t, 0)].is_nan()).collect();
        // Seen from both sides states are told better, and so is what they mean.
        let (readout, r_squared_of_windows) =
            linear_readout(&smoothed.select_rows(&known), &train.select_rows(&known)).ok_or(at_rest)?;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let start: Vec<f64> = encoded.row(encoded.nrows() - 1).iter().copied().collect();
        let frozen = model.freeze().map_err(|e| words(&e))?;
        let diverged = "the free simulation diverged";
        let run = frozen.simulate(&mut rng, &[&start], test.nrows(), Surroundings::Silent).ok_or(diverged)?;
        let states = with_one(&run.latent) * readout;
        Ok(Self {
            d_stsp: state_space_divergence(&mut rng, test, &states, &JudgePlan::default()).ok_or(diverged)?,
            largest_exponent: exponent_from(&frozen.map, &start).ok_or(diverged)?,
            r_squared,
            r_squared_of_windows,
        })
    }
}

/// `[M + 1, D]`: the linear map, with a constant, from `states` to `truth` by least squares, and the share it explains.
fn linear_readout(states: &DMatrix<f64>, truth: &DMatrix<f64>) -> Option<(DMatrix<f64>, f64)> {
    let design = with_one(states);
    let readout = design.tr_mul(&design).cholesky()?.solve(&design.tr_mul(truth));
    let residual = truth - design * &readout;
    let mean = truth.row_mean();
    let centred = DMatrix::from_fn(truth.nrows(), truth.ncols(), |t, i| truth[(t, i)] - mean[i]);
    Some((readout, 1.0 - residual.norm_squared() / centred.norm_squared()))
}

fn with_one(states: &DMatrix<f64>) -> DMatrix<f64> {
    states.clone().insert_column(states.ncols(), 1.0)
}

/// Of the latent map without noise, per time unit, from near the middle of its states.
pub fn largest_exponent(model: &Path, time_step: f64) -> Option<f64> {
    let model: SequenceVae = read_model(model).ok()?.1;
    let map = model.freeze().ok()?.map;
    exponent_from(&map, &vec![0.1; model.plan.latent_dim]).map(|l| l / time_step)
}

fn exponent_from(map: &impl nullcline_dynamics::Map, start: &[f64]) -> Option<f64> {
    let plan = LyapunovPlan { transient: 10_000, steps: 200_000, n_exponents: 1, renormalise_every: 1 };
    lyapunov_exponents(map, start, &plan).ok()?.first().copied()
}
