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
    /// Of the linear map from encoded to true states, on the training file.
    pub r_squared: f64,
}

impl Decoded {
    pub fn of(model: &Path, counts: &DMatrix<f64>, train: &DMatrix<f64>, test: &DMatrix<f64>) -> Option<Self> {
        let model: SequenceVae = read_model(model).ok()?.1;
        let rows: Vec<f32> = counts.transpose().iter().map(|&x| x as f32).collect();
        let series = Series::new(rows, counts.ncols(), Vec::new(), 0).ok()?;
        let encoded = model.encode(&series, 0..counts.nrows()).ok()?;
        // Before the first state the encoder has not seen enough.
        let first = (0..encoded.nrows()).find(|&t| !encoded[(t, 0)].is_nan())?;
        let encoded = encoded.rows(first, encoded.nrows() - first).into_owned();
        let truth = train.rows(train.nrows() - encoded.nrows(), encoded.nrows()).into_owned();
        let with_one = |z: &DMatrix<f64>| z.clone().insert_column(z.ncols(), 1.0);
        let design = with_one(&encoded);
        let readout = (design.tr_mul(&design)).cholesky()?.solve(&design.tr_mul(&truth));
        let residual = &truth - &design * &readout;
        let centred = DMatrix::from_fn(truth.nrows(), truth.ncols(), |t, i| truth[(t, i)] - truth.column(i).mean());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let start: Vec<f64> = encoded.row(encoded.nrows() - 1).iter().copied().collect();
        let run = model.freeze().ok()?.simulate(&mut rng, &[&start], test.nrows(), Surroundings::Silent)?;
        let states = with_one(&run.latent) * readout;
        Some(Self {
            d_stsp: state_space_divergence(&mut rng, test, &states, &JudgePlan::default())?,
            r_squared: 1.0 - residual.norm_squared() / centred.norm_squared(),
        })
    }
}

/// Of the latent map without noise, per time unit.
pub fn largest_exponent(model: &Path, time_step: f64) -> Option<f64> {
    let model: SequenceVae = read_model(model).ok()?.1;
    let map = model.freeze().ok()?.map;
    let start = vec![0.1; model.plan.latent_dim];
    let plan = LyapunovPlan { transient: 10_000, steps: 200_000, n_exponents: 1, renormalise_every: 1 };
    lyapunov_exponents(&map, &start, &plan).ok()?.first().map(|l| l / time_step)
}
