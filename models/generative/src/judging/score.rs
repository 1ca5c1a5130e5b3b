//! Scores of a model and its rivals, and the verdict on the model.

use std::ops::Range;

use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::prediction::{mean_squared, predict};
use super::{
    JudgePlan, JudgingSpace, NoRun, VectorAutoregression, bits_per_spike, phase_surrogate, prediction_error,
    spectral_distance, state_space_divergence,
};
use crate::missing::{is_whole, mean_of_seen};
use crate::vae::{ModelError, SequenceVae};
use crate::{Series, Split};

/// The numbers of one model or rival on the held-out end, in the [`JudgingSpace`]; an absent one could not be computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Nats; 0 where the same states are visited equally often.
    pub d_stsp: Option<f64>,
    /// From 0, the same spectra, to 1.
    pub d_h: Option<f64>,
    /// Mean squared error at [`JudgePlan::prediction_steps`], in squared units of the space: a standardised signal that
    /// is predicted by its mean has 1.
    pub pe: Option<f64>,
    /// One step ahead, above what each unit's mean rate gives (Pei et al. 2021).
    pub bits_per_spike: Option<f64>,
}

impl Scores {
    /// Of several simulations; a score that one of them lacks is absent.
    fn mean(simulations: &[Scores]) -> Self {
        let mean = |score: fn(&Scores) -> Option<f64>| {
            let values: Option<Vec<f64>> = simulations.iter().map(score).collect();
            values.filter(|values| !values.is_empty()).map(|values| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self { d_stsp: mean(|s| s.d_stsp), d_h: mean(|s| s.d_h), pe: None, bits_per_spike: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Faithful,
    NotFaithful,
    Diverged,
}

/// A model beside its rivals, on the same split.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judgement {
    pub model: Scores,
    pub verdict: Verdict,
    pub reason: String,
    /// `same recording, earlier`, `phase surrogate`, `VAR(p)`, `constant`, all from the training part.
    pub rivals: Vec<(String, Scores)>,
}

/// Judges `model` on the held-out end of `series`.
///
/// A model is faithful when its free simulation lies closer to the held-out data than to where a
/// constant would lie, in both `D_stsp` and `D_H`. The scale begins at what another stretch of the same
/// recording scores (0) and ends at the constant (1); up to `faithful_share` of it is allowed. A model
/// that has come to rest takes no part in the comparison.
pub fn judge(
    seed: u64,
    model: &SequenceVae,
    series: &Series,
    split: &Split,
    plan: &JudgePlan,
) -> Result<Judgement, ModelError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let space = JudgingSpace::of(model, series, split, plan);
    let arena = Arena {
        training: space.data(series, split.training()),
        held_out: space.data(series, split.held_out.clone()),
        training_runs: series.runs(split.training()),
        held_out_runs: series.runs(split.held_out.clone()),
        counts: model.plan.observation.is_counts().then(|| Counts::of(series, split)),
        space: &space,
        plan,
    };
    let is_random = model.noise.used || model.plan.observation.is_counts();
    let mut simulated = Vec::new();
    for _ in 0..if is_random { plan.simulations } else { 1 } {
        let run = space.simulate(&mut rng, model, series, split.held_out.clone())?;
        simulated.push(run.map(|run| arena.compare(&mut rng, &run)));
    }
    let simulated: Result<Vec<Scores>, NoRun> = simulated.into_iter().collect();
    let mut scores = Scores {
        pe: prediction_error(&space, model, series, split.held_out.clone(), plan.prediction_steps)?,
        ..Scores::mean(simulated.as_deref().unwrap_or_default())
    };
    if let Some(counts) = &arena.counts {
        let ahead = predict(model, series, split.held_out.clone(), 1)?;
        scores.bits_per_spike = ahead.and_then(|rates| bits_per_spike(&counts.held_out, &rates, &counts.mean));
    }
    let rivals = arena.rivals(&mut rng);
    let (verdict, reason) = match simulated {
        Err(reason @ NoRun::Diverged) => (Verdict::Diverged, reason.to_string()),
        Err(reason @ NoRun::NoState) => (Verdict::NotFaithful, reason.to_string()),
        Ok(_) => {
            // The first is the floor of the scale, the last its ceiling.
            let (floor, constant) = (&rivals[0].1, &rivals[rivals.len() - 1].1);
            verdict(model.noise.used, &scores, floor, constant, plan.faithful_share)
        }
    };
    Ok(Judgement { model: scores, verdict, reason, rivals })
}

fn verdict(noisy: bool, model: &Scores, floor: &Scores, constant: &Scores, share: f64) -> (Verdict, String) {
    let position = |found: Option<f64>, floor: Option<f64>, constant: Option<f64>| {
        let (found, floor, constant) = (found?, floor?, constant?);
        (constant > floor).then(|| (found - floor) / (constant - floor))
    };
    let placed = [
        ("D_stsp", position(model.d_stsp, floor.d_stsp, constant.d_stsp)),
        ("D_H", position(model.d_h, floor.d_h, constant.d_h)),
    ];
    let words: Vec<String> = placed.iter().map(|&(name, position)| place_in_words(name, position, share)).collect();
    let how = if noisy { "with" } else { "without" };
    let place = format!(
        "simulated {how} process noise; on the way from an earlier stretch of the recording (0 %) to a constant (100 %), {}",
        words.join(", ")
    );
    match placed.iter().all(|(_, position)| position.is_some_and(|position| position <= share)) {
        true => (Verdict::Faithful, place),
        false => (Verdict::NotFaithful, format!("{place}; at most {:.0} % is allowed", 100.0 * share)),
    }
}

/// Beyond the ends of the way no percentage means anything.
fn place_in_words(score: &str, position: Option<f64>, allowed: f64) -> String {
    let most = (100.0 * allowed).round();
    match position.map(|position| (100.0 * position).round()) {
        None => format!("{score} cannot tell this recording from a constant"),
        Some(percent) if percent < 0.0 => format!("{score} is better than 0 %"),
        Some(percent) if percent > 100.0 => format!("{score} is worse than 100 %"),
        // Rounded, it would look allowed.
        Some(percent) if percent == most && position > Some(allowed) => format!("{score} is just above {most:.0} %"),
        // Adding 0 turns −0 into 0.
        Some(percent) => format!("{score} is at {:.0} %", percent + 0.0),
    }
}

/// What every rival is scored against.
struct Arena<'a> {
    training: DMatrix<f64>,
    held_out: DMatrix<f64>,
    training_runs: Vec<Range<usize>>,
    held_out_runs: Vec<Range<usize>>,
    counts: Option<Counts>,
    space: &'a JudgingSpace,
    plan: &'a JudgePlan,
}

impl Arena<'_> {
    fn rivals(&self, rng: &mut ChaCha8Rng) -> Vec<(String, Scores)> {
        let mut rivals = vec![
            ("same recording, earlier".to_string(), self.same_recording(rng)),
            ("phase surrogate".to_string(), self.surrogate(rng)),
        ];
        let training = self.apart(&self.training, &self.training_runs);
        if let Some(fitted) = VectorAutoregression::fit_by_bic(&training, self.plan.max_var_order) {
            rivals.push((format!("VAR({})", fitted.order), self.autoregression(rng, &fitted)));
        }
        rivals.push(("constant".to_string(), self.constant(rng)));
        rivals
    }

    /// `states: [held out, D]` beside the held-out part.
    fn compare(&self, rng: &mut ChaCha8Rng, states: &DMatrix<f64>) -> Scores {
        Scores {
            d_stsp: state_space_divergence(rng, &self.held_out, states, self.plan),
            d_h: spectral_distance(&self.held_out, states),
            ..Scores::default()
        }
    }

    /// The floor: no model can be expected to be closer than the recording is to itself.
    fn same_recording(&self, rng: &mut ChaCha8Rng) -> Scores {
        self.compare(rng, &self.stretch_before())
    }

    /// Trials are taken as one series, jumps between them and all, as they are in the spectra that are compared.
    fn surrogate(&self, rng: &mut ChaCha8Rng) -> Scores {
        let before = self.stretch_before();
        let draws = (0..self.plan.simulations).map(|_| {
            let states = phase_surrogate(rng, &before);
            self.compare(rng, &states)
        });
        Scores::mean(&draws.collect::<Vec<_>>())
    }

    /// The end of the training part, as long as the held-out part where there is enough.
    fn stretch_before(&self) -> DMatrix<f64> {
        let length = self.held_out.nrows().min(self.training.nrows());
        self.training.rows(self.training.nrows() - length, length).into_owned()
    }

    fn autoregression(&self, rng: &mut ChaCha8Rng, fitted: &VectorAutoregression) -> Scores {
        let training = self.apart(&self.training, &self.training_runs);
        let held_out = self.apart(&self.held_out, &self.held_out_runs);
        let draws = (0..self.plan.simulations).map(|_| {
            let states = self.simulated(rng, fitted);
            self.compare(rng, &states)
        });
        let draws: Vec<Scores> = draws.collect();
        let error = fitted
            .predict(&held_out, self.plan.prediction_steps)
            .and_then(|predicted| mean_squared(&last(&held_out, predicted.nrows()), &predicted));
        let bits = self.counts.as_ref().and_then(|counts| {
            let ahead = |part| Some(self.space.expected_counts(&fitted.predict(part, 1)?));
            let expected = counts.calibrated(ahead(&held_out)?, &ahead(&training)?);
            let found = last(&self.apart(&counts.held_out, &self.held_out_runs), expected.nrows());
            bits_per_spike(&found, &expected, &counts.mean)
        });
        Scores { pe: error, bits_per_spike: bits, ..Scores::mean(&draws) }
    }

    /// Through every held-out run, from the first samples there that tell a state, as a model is; NaN before them.
    fn simulated(&self, rng: &mut ChaCha8Rng, fitted: &VectorAutoregression) -> DMatrix<f64> {
        let mut states = DMatrix::from_element(self.held_out.nrows(), self.held_out.ncols(), f64::NAN);
        let first = self.held_out_runs.first().map_or(0, |run| run.start);
        for run in &self.held_out_runs {
            let rows = self.held_out.rows(run.start - first, run.len());
            let whole = |end: &usize| is_whole(rows.rows(end - fitted.order, fitted.order));
            let Some(end) = (fitted.order..=run.len()).find(whole) else { continue };
            let past = rows.rows(end - fitted.order, fitted.order).into_owned();
            let from = run.start - first + end - 1;
            states.row_mut(from).copy_from(&past.row(fitted.order - 1));
            let n_times = run.len() - end;
            states.rows_mut(from + 1, n_times).copy_from(&fitted.simulate(rng, &past, n_times));
        }
        states
    }

    /// `rows` with gaps between the runs, so wide that no past and no prediction spans one.
    fn apart(&self, rows: &DMatrix<f64>, runs: &[Range<usize>]) -> DMatrix<f64> {
        let gap = self.plan.max_var_order.max(self.plan.prediction_steps);
        let mut apart = DMatrix::from_element(rows.nrows() + gap * (runs.len() - 1), rows.ncols(), f64::NAN);
        for (index, run) in runs.iter().enumerate() {
            let from = run.start - runs[0].start;
            apart.rows_mut(from + index * gap, run.len()).copy_from(&rows.rows(from, run.len()));
        }
        apart
    }

    fn constant(&self, rng: &mut ChaCha8Rng) -> Scores {
        let mean = column_means(&self.training);
        let states = DMatrix::from_fn(self.held_out.nrows(), mean.len(), |_, i| mean[i]);
        let bits = self.counts.as_ref().map(|_| 0.0);
        Scores { pe: mean_squared(&self.held_out, &states), bits_per_spike: bits, ..self.compare(rng, &states) }
    }
}

fn last(rows: &DMatrix<f64>, n: usize) -> DMatrix<f64> {
    rows.rows(rows.nrows() - n, n).into_owned()
}

/// Of the samples that are there.
fn column_means(rows: &DMatrix<f64>) -> Vec<f64> {
    rows.column_iter().map(mean_of_seen).collect()
}

/// Held-out counts and the mean counts of the training part.
struct Counts {
    held_out: DMatrix<f64>,
    mean: Vec<f64>,
}

impl Counts {
    fn of(series: &Series, split: &Split) -> Self {
        let n = series.n_channels;
        let rows = |range: Range<usize>| {
            let values = series.rows(range.clone()).iter().map(|&x| f64::from(x));
            DMatrix::from_row_iterator(range.len(), n, values)
        };
        Self { held_out: rows(split.held_out.clone()), mean: column_means(&rows(split.training())) }
    }

    /// `expected` scaled for each unit as `on_training` must be to have the training part's mean: without it the
    /// inverse of a transform would cost the rival what its dynamics earn.
    fn calibrated(&self, mut expected: DMatrix<f64>, on_training: &DMatrix<f64>) -> DMatrix<f64> {
        for (unit, mean) in column_means(on_training).into_iter().enumerate() {
            let mut column = expected.column_mut(unit);
            if mean > 0.0 {
                column *= self.mean[unit] / mean;
            }
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(d_stsp: f64, d_h: f64) -> (Verdict, String) {
        let scores = |d_stsp, d_h| Scores { d_stsp: Some(d_stsp), d_h: Some(d_h), ..Scores::default() };
        verdict(false, &scores(d_stsp, d_h), &scores(1.0, 0.2), &scores(2.0, 0.7), 0.5)
    }

    #[test]
    fn a_verdict_names_percentages_only_between_its_ends() {
        let way = "simulated without process noise; \
                   on the way from an earlier stretch of the recording (0 %) to a constant (100 %)";
        let told = |words: &str| format!("{way}, {words}");
        assert_eq!(reason(1.25, 0.2), (Verdict::Faithful, told("D_stsp is at 25 %, D_H is at 0 %")));
        assert_eq!(reason(0.1, 0.3), (Verdict::Faithful, told("D_stsp is better than 0 %, D_H is at 20 %")));
        let above = told("D_stsp is at 50 %, D_H is just above 50 %; at most 50 % is allowed");
        assert_eq!(reason(1.5, 0.451), (Verdict::NotFaithful, above));
        let beyond = told("D_stsp is better than 0 %, D_H is worse than 100 %; at most 50 % is allowed");
        assert_eq!(reason(0.1, 0.9), (Verdict::NotFaithful, beyond));
    }
}
