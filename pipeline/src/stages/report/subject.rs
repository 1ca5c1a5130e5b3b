//! A subject's page.

use anyhow::Result;
use nalgebra::{DMatrix, DVector};
use nullcline_datasets::{Modality, Participants, SubjectId};
use nullcline_dynamics::{Complex, frequency_per_step, time_constant_steps};
use nullcline_models::SequenceVae;
use nullcline_models::judging::{power_spectrum, through_the_same_gaps};

use super::colophon;
use super::phase_axes::PhaseAxes;
use crate::outputs::{
    DynamicsSummary, Fingerprint, FixedPointJson, JudgeSummary, OutDir, PortraitJson, RefitDynamics, RefitSummary,
    SliceJson, Stamp, SubjectStatus, read_json, read_model, write_text,
};
use crate::plan::RunPlan;
use crate::report::{
    AttractorRow, BasinPicture, BestModel, FixedPointRow, LossCurve, RecordingFacts, ScoreRow, SpectrumPair,
    SubjectPage, TracePair, render_subject,
};
use crate::seed::RunSeed;
use crate::stages::{FreeRun, Ingested, free_run, known_rows, reopen};

/// Writes the page of one subject; `true` when it had to.
pub fn report_subject(
    out: &OutDir,
    subject: &SubjectId,
    participants: &Participants,
    group_column: Option<&str>,
    plan: &RunPlan,
) -> Result<bool> {
    let dir = out.subject(subject);
    let status: SubjectStatus = read_json(&dir.status())?;
    let row: Vec<(String, String)> = participants
        .columns()
        .iter()
        .filter(|column| *column != "participant_id" && Some(column.as_str()) != group_column)
        .map(|column| (column.clone(), participants.get(subject, column).unwrap_or("n/a").to_string()))
        .collect();
    let mut fingerprint =
        Fingerprint::of("report-subject").settings(&(plan, &row, group_column))?.file(&dir.status())?;
    for stage in ["ingest", "judge", "analyse"] {
        fingerprint = fingerprint.file(&dir.stamp(stage))?;
    }
    let key = fingerprint.key();
    let stamp = dir.stamp("report");
    if Stamp::is_current(&stamp, &key)? {
        return Ok(false);
    }
    let mut page = SubjectPage {
        subject: subject.to_string(),
        group: group_column.and_then(|column| participants.get(subject, column)).map(str::to_string),
        participant: row,
        recording: None,
        excluded: status.excluded.as_ref().map(|exclusion| format!("{}: {}", exclusion.stage, exclusion.reason)),
        scores: Vec::new(),
        best: None,
        colophon: colophon(plan),
    };
    let stopped_early = status.excluded.as_ref().is_some_and(|exclusion| exclusion.stage == "ingest");
    if let (Some((modality, prefix)), false) = (&status.recording, stopped_early) {
        let ingested = reopen(out, subject, *modality, prefix)?;
        page.recording = Some(recording_facts(&ingested));
        let file = |name: &str| dir.recording_file(*modality, prefix, name);
        let judged = read_json::<JudgeSummary>(&file("desc-judge_metrics.json"));
        if let (Ok(judged), true) = (judged, status.is_judged()) {
            page.scores = score_rows(&judged);
            let dynamics = read_json::<DynamicsSummary>(&file("desc-portrait_dynamics.json")).ok();
            let best = judged
                .best_refit
                .zip(dynamics)
                .and_then(|(best, dynamics)| dynamics.refits.into_iter().find(|refit| refit.refit == best));
            if let Some(dynamics) = best {
                let refit = |name: &str| file(&format!("desc-refit{:02}_{name}", dynamics.refit));
                let (_, model) = read_model(&refit("model.safetensors"))?;
                let summary: RefitSummary = read_json(&refit("training.json"))?;
                let loss = loss_curve(&refit("training.parquet"), &summary)?;
                page.best = best_model(&ingested, &model, &dynamics, &summary, loss, RunSeed(plan.seed))?;
            }
        }
    }
    write_text(&dir.report(), &render_subject(&page)?)?;
    Stamp::write(&stamp, &key, &[dir.report()])?;
    Ok(true)
}

fn recording_facts(ingested: &Ingested) -> RecordingFacts {
    let summary = ingested.summary.clone();
    RecordingFacts {
        files: summary.files,
        modality: summary.modality,
        sampling_rate_hz: summary.sampling_rate_hz,
        n_times: summary.n_times,
        n_fit: summary.n_fit,
        n_validation: summary.n_validation,
        channels_kept: summary.channels_kept,
        channels_excluded: summary.channels_excluded,
        steps: summary.steps,
        warnings: summary.warnings,
    }
}

fn score_rows(judged: &JudgeSummary) -> Vec<ScoreRow> {
    let models = judged.refits.iter().map(|refit| {
        (format!("refit {}", refit.refit), false, refit.verdict.clone(), refit.reason.clone(), refit.scores)
    });
    let rivals = judged.rivals.iter().map(|(name, scores)| (name.clone(), true, String::new(), String::new(), *scores));
    models
        .chain(rivals)
        .map(|(name, is_rival, verdict, reason, scores)| ScoreRow {
            name,
            is_rival,
            verdict,
            reason,
            d_stsp: scores.d_stsp,
            d_h: scores.d_h,
            pe: scores.pe,
            pe_steps: judged.prediction_steps,
            bits_per_spike: scores.bits_per_spike,
        })
        .collect()
}

fn loss_curve(path: &std::path::Path, summary: &RefitSummary) -> Result<LossCurve> {
    let (names, values) = crate::outputs::read_parquet(path)?;
    let column = |name: &str| -> Vec<f64> {
        match names.iter().position(|known| known == name) {
            Some(at) => values.iter().skip(at).step_by(names.len()).copied().collect(),
            None => Vec::new(),
        }
    };
    let (epoch, validation) = (column("epoch"), column("validation"));
    Ok(LossCurve {
        validation: epoch.iter().zip(&validation).filter(|(_, v)| v.is_finite()).map(|(&e, &v)| [e, v]).collect(),
        epoch,
        loss: column("loss"),
        chosen_epoch: summary.chosen_epoch.unwrap_or(0) as f64,
    })
}

/// Channels drawn as traces and spectra.
const SHOWN_CHANNELS: usize = 6;
/// Samples drawn in a trace: what an eye can tell apart.
const SHOWN_TIMES: usize = 600;

fn best_model(
    ingested: &Ingested,
    model: &SequenceVae,
    dynamics: &RefitDynamics,
    summary: &RefitSummary,
    loss: LossCurve,
    seed: RunSeed,
) -> Result<Option<BestModel>> {
    let Some(run) = free_run(ingested, model, seed)? else { return Ok(None) };
    let rate = ingested.summary.sampling_rate_hz;
    let channels = shown_channels(&run.data);
    let states = ingested_states(ingested, model)?;
    let axes = PhaseAxes::of(&states);
    let portrait = &dynamics.portrait;
    let labels: Vec<String> = (1..=portrait.fixed_points.len()).map(|n| format!("P{n}")).collect();
    Ok(Some(BestModel {
        name: format!("refit {}", dynamics.refit),
        summary: summary.model.clone(),
        traces: channels.iter().map(|&channel| trace(ingested, &run, channel, rate)).collect(),
        spectra: channels.iter().filter_map(|&channel| spectrum(ingested, &run, channel, rate)).collect(),
        phase: axes.portrait(&run, portrait, &labels),
        fixed_points: portrait
            .fixed_points
            .iter()
            .zip(&labels)
            .map(|(point, label)| fixed_point_row(point, label, rate, &axes))
            .collect(),
        fixed_points_complete: portrait.fixed_points_complete,
        attractors: attractor_rows(portrait, rate),
        basins: portrait.slice.as_ref().map(|slice| basin_picture(slice, portrait, &states)),
        diverged_fraction: portrait.diverged,
        undecided_fraction: portrait.undecided,
        loss,
    }))
}

/// The basins on their plane, and what else can be seen on it.
fn basin_picture(slice: &SliceJson, portrait: &PortraitJson, states: &DMatrix<f64>) -> BasinPicture {
    let along = |axis: &[f64], z: &[f64]| z.iter().zip(&slice.origin).zip(axis).map(|((z, o), a)| (z - o) * a).sum();
    let place = |z: &[f64]| [along(&slice.right, z), along(&slice.up, z)];
    let centres = portrait.attractors.iter().chain(&slice.found).map(|attractor| place(&attractor.center));
    BasinPicture {
        reach: slice.reach,
        ends: slice.ends.clone(),
        data: states.row_iter().map(|row| place(&row.iter().copied().collect::<Vec<_>>())).collect(),
        attractors: (1..).map(|n| format!("A{n}")).zip(centres).collect(),
    }
}

fn ingested_states(ingested: &Ingested, model: &SequenceVae) -> Result<DMatrix<f64>> {
    Ok(known_rows(&model.encode(&ingested.series, 0..ingested.series.n_times())?))
}

/// The channels that vary most, in recording order.
fn shown_channels(data: &DMatrix<f64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.ncols()).collect();
    let variance = |channel: usize| {
        let seen: Vec<f64> = data.column(channel).iter().copied().filter(|x| !x.is_nan()).collect();
        DVector::from_vec(seen).variance()
    };
    order.sort_by(|&i, &j| variance(j).total_cmp(&variance(i)));
    order.truncate(SHOWN_CHANNELS);
    order.sort_unstable();
    order
}

fn trace(ingested: &Ingested, run: &FreeRun, channel: usize, rate: f64) -> TracePair {
    let n = run.data.nrows().min(SHOWN_TIMES);
    let described = &ingested.recording.channels[channel];
    TracePair {
        channel: described.name.clone(),
        unit: match ingested.modality {
            Modality::Spikes => "spikes per bin".to_string(),
            _ => "sd".to_string(),
        },
        secs: (0..n).map(|t| (run.first + t) as f64 / rate).collect(),
        data: run.data.column(channel).iter().take(n).copied().collect(),
        simulated: run.simulated.column(channel).iter().take(n).copied().collect(),
    }
}

fn spectrum(ingested: &Ingested, run: &FreeRun, channel: usize, rate: f64) -> Option<SpectrumPair> {
    let pairs: Vec<(f64, f64)> =
        run.data.column(channel).iter().copied().zip(run.simulated.column(channel).iter().copied()).collect();
    let (data, simulated) = through_the_same_gaps(&pairs)?;
    let n_times = data.len() as f64;
    let (data, simulated) = (power_spectrum(&data), power_spectrum(&simulated));
    Some(SpectrumPair {
        channel: ingested.recording.channels[channel].name.clone(),
        hz: (0..data.len()).map(|k| k as f64 * rate / n_times).collect(),
        data,
        simulated,
    })
}

fn fixed_point_row(point: &FixedPointJson, label: &str, rate: f64, axes: &PhaseAxes) -> FixedPointRow {
    let slowest = point
        .multipliers
        .iter()
        .map(|&[re, im]| Complex::new(re, im))
        .min_by(|a, b| (a.norm().ln().abs()).total_cmp(&b.norm().ln().abs()));
    FixedPointRow {
        label: label.to_string(),
        stability: point.stability.clone(),
        unstable_dims: point.unstable_dims,
        spectral_radius: point.multipliers.first().map_or(f64::NAN, |&[re, im]| re.hypot(im)),
        time_constant_secs: slowest.and_then(time_constant_steps).map(|steps| steps.abs() / rate),
        frequency_hz: slowest.map(|m| frequency_per_step(m) * rate).filter(|&hz| hz > 0.0),
        residual: point.residual,
        distance_from_data: axes.distance(point),
    }
}

fn attractor_rows(portrait: &PortraitJson, rate: f64) -> Vec<AttractorRow> {
    (1..)
        .zip(&portrait.attractors)
        .map(|(n, attractor)| AttractorRow {
            label: format!("A{n}"),
            kind: if attractor.continuum { "continuum of fixed points".into() } else { attractor.kind.clone() },
            period_secs: attractor.turn.map(|turn| turn.steps / rate),
            decay_secs: attractor.time_constant.map(|decay| decay.steps / rate),
            largest_lyapunov_per_sec: attractor
                .lyapunov
                .first()
                .copied()
                .flatten()
                .map_or(f64::NEG_INFINITY, |l| l * rate),
            lyapunov_error_per_sec: attractor.lyapunov_se.first().map_or(0.0, |se| se * rate),
            dimension: attractor.kaplan_yorke.filter(|_| attractor.kind == "chaotic"),
            basin_fraction: attractor.basin_fraction,
            basin_low: attractor.basin_ci[0],
            basin_high: attractor.basin_ci[1],
        })
        .collect()
}
