//! From the quadratic map to a piecewise-linear one that does the same.

use candle_core::{Result, Tensor, Var};
use nalgebra::DMatrix;
use nullcline_dynamics::Map;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::lessons::{Lessons, Mixture};
use crate::latent::{Forcing, LatentFamily, LatentParameters, Strength, Workspace, rollout};
use crate::training::{Optimiser, OptimiserKind};
use crate::vae::ModelError;

#[derive(Clone, Copy, Debug)]
pub(super) struct DistilPlan {
    pub iterations: usize,
    pub batch_size: usize,
    pub learning_rate: [f64; 2],
    /// How often the student is looked for where it came to rest, and taught to go on from there,
    pub rounds: usize,
    /// in so many iterations each.
    pub more: usize,
}

impl DistilPlan {
    pub const THOROUGH: Self =
        Self { iterations: 6000, batch_size: 192, learning_rate: [1e-2, 3e-5], rounds: 6, more: 300 };
}

/// What has been learned, and how well.
#[derive(Clone, Debug)]
pub(super) struct Distilled {
    /// Root mean square of one step's error along the attractor, coordinate by coordinate.
    pub off: Vec<f64>,
    /// Of the starts around the attractor, those that came to rest or left.
    pub lost: f64,
}

/// A pupil that loses more of its starts than this is not the last.
const FEW: f64 = 0.02;
const PUPILS: usize = 3;

/// The best of up to three pupils, which begin with other hidden units: where a piecewise-linear map comes to rest is
/// a matter of where it bends. `student` ends as the one that loses the fewest starts, and the first of them.
pub(super) fn distil_best(
    rng: &mut impl Rng,
    workspace: &Workspace,
    student: &LatentParameters,
    lessons: &mut Lessons,
    plan: &DistilPlan,
) -> std::result::Result<Distilled, ModelError> {
    let mut best: Option<(Distilled, Vec<Tensor>)> = None;
    for _ in 0..PUPILS {
        let found = distil(rng, workspace, student, lessons, plan)?;
        if best.as_ref().is_none_or(|(best, _)| found.lost < best.lost) {
            let values = student.named().into_iter().map(|(_, var)| var.as_tensor().copy()).collect::<Result<_>>()?;
            best = Some((found, values));
        }
        if best.as_ref().is_some_and(|(best, _)| best.lost <= FEW) {
            break;
        }
        lessons.forget_lost();
    }
    let (found, values) = best.expect("one pupil at least");
    for ((_, var), value) in student.named().into_iter().zip(&values) {
        var.set(value)?;
    }
    Ok(found)
}

/// Teaches `student` what `lessons` hold: least squares for its next states, then gradients through eight steps of its own.
///
/// Minimises `⟨w |F_student^t(z₀) − z_t|²⟩` over t = 1 … 8. Where the student then comes to rest, as a piecewise-linear map easily does
/// beside a point that hardly repels, more lessons lead it on (as in Ross, Gordon & Bagnell 2011, AISTATS: lessons where the
/// student goes, not only where the teacher does).
pub(super) fn distil(
    rng: &mut impl Rng,
    workspace: &Workspace,
    student: &LatentParameters,
    lessons: &mut Lessons,
    plan: &DistilPlan,
) -> std::result::Result<Distilled, ModelError> {
    begin(rng, student, lessons)?;
    let variables: Vec<Var> = student.named().into_iter().map(|(_, var)| var.clone()).collect();
    let mut optimiser = Optimiser::new(OptimiserKind::Radam, 0.0, &variables);
    let mut study = |rng: &mut _, lessons: &Lessons, iterations: usize, [first, last]: [f64; 2]| -> Result<()> {
        let n = plan.batch_size;
        let lost = if lessons.has_lost() { n / 16 } else { 0 };
        let mixture = Mixture { on: n - n / 8 - lost, off: n / 8, lost };
        for iteration in 0..iterations {
            let rate = first * (last / first).powf(iteration as f64 / iterations as f64);
            let (start, target, weights) = lessons.draw(rng, mixture)?;
            let off = (follow(workspace, student, &start)? - target)?.sqr()?;
            let loss = off.broadcast_mul(&weights)?.mean_all()?;
            optimiser.update(&variables, &loss.backward()?, rate, 1.0)?;
        }
        Ok(())
    };
    study(rng, lessons, plan.iterations, plan.learning_rate)?;
    let [first, last] = plan.learning_rate;
    let mut lost = where_lost(rng, student, lessons)?;
    for _ in 0..plan.rounds {
        if lost.is_empty() {
            break;
        }
        lost.iter().for_each(|place| lessons.lead_on(rng, place));
        study(rng, lessons, plan.more, [(first * last).sqrt(), last])?;
        lost = where_lost(rng, student, lessons)?;
    }
    let (start, target, _) = lessons.draw(rng, Mixture { on: 4096, off: 0, lost: 0 })?;
    let off = (follow(workspace, student, &start)? - target)?.narrow(1, 0, 1)?.squeeze(1)?;
    let squares = off.sqr()?.mean(0)?.to_vec1::<f32>()?;
    let off = squares.into_iter().map(|square| f64::from(square).sqrt()).collect();
    Ok(Distilled { off, lost: lost.len() as f64 / TRIED as f64 })
}

/// Starts from which a student is tried.
const TRIED: usize = 256;

/// Where orbits from around the attractor no longer move after 2,000 steps; of one that left, where it began.
fn where_lost(
    rng: &mut impl Rng,
    student: &LatentParameters,
    lessons: &Lessons,
) -> std::result::Result<Vec<Vec<f64>>, ModelError> {
    const STEPS: usize = 2000;
    let map = student.freeze()??;
    let mut lost = Vec::new();
    for _ in 0..TRIED {
        let start = lessons.start_around(rng);
        let (mut z, mut path) = (start.clone(), Vec::new());
        for step in 0..STEPS {
            let mut next = vec![0.0; z.len()];
            map.step(&z, &mut next);
            z = next;
            if step + 64 >= STEPS {
                path.push(z.clone());
            }
        }
        if !lessons.is_under_way(&path) {
            let is_near = z.iter().map(|z| z * z).sum::<f64>().sqrt() <= 1.3 * lessons.reach;
            lost.push(if is_near { z } else { start });
        }
    }
    Ok(lost)
}

/// `z₁ … z₈: [batch, 8, M]` from `z₀`, which is the first row of `start: [batch, 8, M]`.
fn follow(workspace: &Workspace, student: &LatentParameters, start: &Tensor) -> Result<Tensor> {
    rollout(workspace, student, Forcing { states: start, strength: Strength::Constant(0.0) }, None)
}

/// `A = 1/2`, hidden units that bend at states of the lessons along random directions, and for what they add up to the
/// ridge regression of the next state.
fn begin(rng: &mut impl Rng, student: &LatentParameters, lessons: &Lessons) -> Result<()> {
    const DECAY: f64 = 0.5;
    const N_STEPS: usize = 8192;
    const RIDGE: f64 = 1e-5;
    let (m, h) = (student.shape.latent_dim, student.shape.hidden_dim);
    let (start, target, _) = lessons.draw(rng, Mixture { on: N_STEPS / 2, off: N_STEPS / 2, lost: 0 })?;
    let first = |tensor: &Tensor| -> Result<DMatrix<f64>> {
        let rows = tensor.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?;
        Ok(DMatrix::from_row_iterator(rows.len() / m, m, rows.into_iter().map(f64::from)))
    };
    let (from, to) = (first(&start)?, first(&target)?);
    let mut directions = DMatrix::from_fn(h, m, |_, _| rng.sample::<f64, _>(StandardNormal));
    directions.row_iter_mut().for_each(|mut row| {
        let length = row.norm().max(f64::MIN_POSITIVE);
        row /= length;
    });
    let bends: Vec<f64> =
        (0..h).map(|j| -directions.row(j).dot(&from.row(rng.random_range(0..from.nrows())))).collect();
    let drive = &from * directions.transpose();
    let clipped = student.family == LatentFamily::ClippedShallow;
    let unit = |drive: f64, bend: f64| (drive + bend).max(0.0) - if clipped { drive.max(0.0) } else { 0.0 };
    let design = DMatrix::from_fn(from.nrows(), h + 1, |t, j| if j == h { 1.0 } else { unit(drive[(t, j)], bends[j]) });
    let ridge = RIDGE * from.nrows() as f64;
    let gram = design.tr_mul(&design) + DMatrix::from_diagonal_element(h + 1, h + 1, ridge);
    let Some(factors) = gram.cholesky() else { return Ok(()) };
    let solved = factors.solve(&design.tr_mul(&(to - from * DECAY)));
    let weights = solved.rows(0, h).into_owned();
    student.set("A", &[DECAY].repeat(m))?;
    student.set("h1", &solved.row(h).iter().copied().collect::<Vec<_>>())?;
    // nalgebra stores columns: [H, M] by columns is [M, H] by rows, and the other way round.
    student.set("W1", weights.as_slice())?;
    student.set("W2", directions.transpose().as_slice())?;
    student.set("h2", &bends)
}
