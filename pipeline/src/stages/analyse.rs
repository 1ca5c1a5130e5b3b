//! Dynamics of each trained refit.

use std::ops::Range;

use anyhow::Result;
use nalgebra::DMatrix;
use nullcline_datasets::Modality;
use nullcline_dynamics::{DelayPlan, Map, Portrait, basin_slice, delay_operator, multipliers, portrait};
use nullcline_models::judging;
use nullcline_models::{FrozenModel, SequenceVae, Simulation};
use rand::Rng;
use rand::seq::index;

use super::{Ingested, Judged, Staged, Trained, dynamics_features, principal_plane};
use crate::outputs::{
    DynamicsSummary, Fingerprint, OutDir, PortraitJson, RefitDynamics, SCHEMA, SimulationArrays, SliceJson, Stamp,
    Table, read_json, write_json, write_simulation,
};
use crate::plan::{AnalysePlan, RunPlan};
use crate::seed::{RunSeed, Stage};

pub struct Analysed {
    pub summary: DynamicsSummary,
}

/// Finds fixed points, attractors and basins of every refit that was trained. Those that are not faithful
/// are analysed for the subject's page, and marked; the group never sees them.
pub fn analyse(
    ingested: &Staged<Ingested>,
    refits: &[Staged<Trained>],
    judged: &Staged<Judged>,
    plan: &RunPlan,
    out: &OutDir,
) -> Result<Staged<Analysed>> {
    let Ingested { subject, modality, summary, series, split, .. } = &ingested.value;
    let dir = out.subject(subject);
    let file = |name: &str| dir.recording_file(*modality, &summary.prefix, name);
    let (json, table, arrays) =
        (file("desc-portrait_dynamics.json"), file("desc-features_dynamics"), file("desc-simulation_arrays.h5"));
    let key = Fingerprint::of("analyse").upstream(&judged.key).settings(&(&plan.analyse, plan.seed))?.key();
    let stamp = dir.stamp("analyse");
    if Stamp::is_current(&stamp, &key)? {
        return Ok(Staged { value: Analysed { summary: read_json(&json)? }, key, worked: false });
    }
    let rate = summary.sampling_rate_hz;
    let mut found = Vec::new();
    for trained in refits {
        let Some(model) = &trained.value.model else { continue };
        let refit = trained.value.refit;
        let faithful = judged.value.summary.refits.iter().any(|row| row.refit == refit && row.is_faithful());
        let mut rng = RunSeed(plan.seed).rng_for(Stage::Analyse, &subject.to_string(), refit);
        let encoded = known_rows(&model.encode(series, split.training())?);
        let frozen = model.freeze()?;
        let (portrait, starts) = analyse_model(&mut rng, &frozen, &encoded, &plan.analyse);
        let features = dynamics_features(&portrait, &frozen.map, &starts, rate);
        // The page shows the best refit; for the others nobody would look at a picture.
        let pictured = judged.value.summary.best_refit == Some(refit);
        let plane = principal_plane(&encoded, plan.analyse.picture_cells).filter(|_| pictured);
        let slice = plane.and_then(|plane| {
            let (known, plan) = (&portrait.attractors.attractors, plan.analyse.portrait_plan(frozen.latent_dim()));
            basin_slice(&mut rng, &frozen.map, known, &plane, &plan.attractors).ok()
        });
        let operator_spectrum = operator_spectrum(&frozen.map, &starts);
        let drawn = "states encoded from the recording".to_string();
        let mut portrait = PortraitJson::of(&portrait, &frozen.map, Some(rate), &starts, drawn, Some(plan.seed));
        portrait.slice = slice.map(|slice| SliceJson::of(&slice, Some(rate)));
        found.push(RefitDynamics { refit, faithful, portrait, features, operator_spectrum });
    }
    let summary = DynamicsSummary { schema: SCHEMA, sampling_rate_hz: rate, refits: found };
    write_json(&json, &summary)?;
    let mut written = vec![json];
    written.extend(features_table(&summary).write(&table)?);
    let best = judged.value.summary.best_refit.and_then(|best| refits.iter().find(|refit| refit.value.refit == best));
    if let Some((trained, model)) = best.and_then(|best| Some((best, best.value.model.as_ref()?))) {
        let dynamics = summary.refits.iter().find(|refit| refit.refit == trained.value.refit);
        write_arrays(&arrays, &ingested.value, model, dynamics, RunSeed(plan.seed))?;
        written.push(arrays);
    }
    Stamp::write(&stamp, &key, &written)?;
    Ok(Staged { value: Analysed { summary }, key, worked: true })
}

/// The states that are known, in order.
pub fn known_rows(encoded: &DMatrix<f64>) -> DMatrix<f64> {
    let known: Vec<usize> = (0..encoded.nrows()).filter(|&t| !encoded[(t, 0)].is_nan()).collect();
    encoded.select_rows(&known)
}

/// The portrait of one frozen model, from starts among `encoded: [T, M]`; also returns the starts.
pub fn analyse_model(
    rng: &mut impl Rng,
    frozen: &FrozenModel,
    encoded: &DMatrix<f64>,
    plan: &AnalysePlan,
) -> (Portrait, Vec<Vec<f64>>) {
    let n = encoded.nrows();
    let mut chosen = index::sample(rng, n, plan.starts.min(n)).into_vec();
    chosen.sort_unstable();
    let starts: Vec<Vec<f64>> = chosen.into_iter().map(|t| encoded.row(t).iter().copied().collect()).collect();
    let portrait = portrait(rng, &frozen.map, &starts, &plan.portrait_plan(frozen.latent_dim()));
    (portrait, starts)
}

/// Orbits of this length make the operator whose spectrum tells two subjects apart.
const OPERATOR_STEPS: usize = 200;
const OPERATOR: DelayPlan = DelayPlan { delays: 4, rank: 10 };

/// The multipliers of the delay operator of the orbits from `starts`, of those that stay finite.
fn operator_spectrum(map: &dyn Map, starts: &[Vec<f64>]) -> Vec<[f64; 2]> {
    let orbit = |start: &Vec<f64>| {
        let points = map.orbit(start, OPERATOR_STEPS);
        DMatrix::from_fn(points.len(), map.dim(), |t, j| points[t][j])
    };
    let orbits: Vec<DMatrix<f64>> =
        starts.iter().map(orbit).filter(|orbit| orbit.iter().all(|x| x.abs() < BEYOND_USE)).collect();
    let spectrum = delay_operator(&orbits, &OPERATOR).ok().and_then(|operator| multipliers(&operator).ok());
    spectrum.unwrap_or_default().iter().map(|multiplier| [multiplier.re, multiplier.im]).collect()
}

/// An orbit with a coordinate beyond this has left the recording for good.
const BEYOND_USE: f64 = 1e6;

/// Long format: one row for every refit and feature.
fn features_table(summary: &DynamicsSummary) -> Table {
    let rows: Vec<(usize, bool, &String, f64)> = summary
        .refits
        .iter()
        .flat_map(|refit| refit.features.iter().map(|(name, &value)| (refit.refit, refit.faithful, name, value)))
        .collect();
    Table::default()
        .count("refit", rows.iter().map(|row| row.0))
        .text("faithful", rows.iter().map(|row| if row.1 { "yes" } else { "no" }))
        .text("feature", rows.iter().map(|row| row.2.clone()))
        .number("value", rows.iter().map(|row| Some(row.3)))
}

/// A free run from the first held-out state that can be encoded, and the data it stands beside; in a recording of
/// trials, of the first trial that has such a state.
pub struct FreeRun {
    /// First held-out sample of the run.
    pub first: usize,
    /// `[time, channel]` in the recording's channels; NaN where a sample is missing.
    pub data: DMatrix<f64>,
    pub simulated: DMatrix<f64>,
    /// `[time, M]`; NaN where the data do not say enough for a state.
    pub encoded: DMatrix<f64>,
    pub latent: DMatrix<f64>,
}

pub fn free_run(ingested: &Ingested, model: &SequenceVae, seed: RunSeed) -> Result<Option<FreeRun>> {
    let Ingested { subject, series, split, modality, .. } = ingested;
    let mut rng = seed.rng_for(Stage::Simulate, &subject.to_string(), 0);
    let held_out = split.held_out.clone();
    let encoded = model.encode(series, held_out.clone())?;
    let Ok(Simulation { latent, observed }) = judging::free_run(&mut rng, model, series, held_out.clone())? else {
        return Ok(None);
    };
    let known = |run: &Range<usize>| run.clone().find(|t| !latent[(t - held_out.start, 0)].is_nan());
    let runs = series.runs(held_out.clone());
    let Some((first, end)) = runs.iter().find_map(|run| Some((known(run)?, run.end))) else { return Ok(None) };
    let part = |rows: &DMatrix<f64>| rows.rows(first - held_out.start, end - first).into_owned();
    let simulated = match modality {
        // Counts beside counts: an expected rate would look smoother than any recording.
        Modality::Spikes => model.freeze()?.observation.draw(&mut rng, &part(&observed)),
        Modality::Eeg | Modality::Meg | Modality::Bold => model.projection.reconstruct(&part(&observed)),
    };
    let rows = series.rows(first..end).iter().map(|&value| f64::from(value));
    let data = DMatrix::from_row_iterator(end - first, series.n_channels, rows);
    Ok(Some(FreeRun { first, data, simulated, encoded: part(&encoded), latent: part(&latent) }))
}

fn write_arrays(
    path: &std::path::Path,
    ingested: &Ingested,
    model: &SequenceVae,
    dynamics: Option<&RefitDynamics>,
    seed: RunSeed,
) -> Result<()> {
    let m = model.plan.latent_dim;
    let points: Vec<f64> = dynamics
        .iter()
        .flat_map(|refit| refit.portrait.fixed_points.iter().flat_map(|point| point.z.iter().copied()))
        .collect();
    let fixed_points = DMatrix::from_row_slice(points.len() / m, m, &points);
    let run = free_run(ingested, model, seed)?;
    let empty = DMatrix::zeros(0, 0);
    let [data, simulated, encoded, latent] = match &run {
        Some(run) => [&run.data, &run.simulated, &run.encoded, &run.latent],
        None => [&empty; 4],
    };
    write_simulation(
        path,
        &SimulationArrays {
            sampling_rate_hz: ingested.summary.sampling_rate_hz,
            channel_names: ingested.recording.channels.iter().map(|channel| channel.name.as_str()).collect(),
            data,
            simulated,
            encoded,
            latent,
            fixed_points: &fixed_points,
        },
    )
}
