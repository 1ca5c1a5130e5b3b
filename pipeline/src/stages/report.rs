//! From what the stages left on disk to the pages a person reads.

use std::path::PathBuf;

use anyhow::Result;
use nalgebra::DMatrix;
use nullcline_datasets::{Modality, Participants, SubjectId};
use nullcline_dynamics::{Complex, frequency_per_step, time_constant_steps};
use nullcline_models::judging::power_spectrum;
use nullcline_models::{Projection, SequenceVae};

use super::{Compared, FEATURES, FreeRun, Groups, Ingested, SIMPLE_STATISTICS, Staged, free_run, reopen};
use crate::outputs::{
    DynamicsSummary, Fingerprint, FixedPointJson, JudgeSummary, OutDir, PortraitJson, RefitDynamics, RefitSummary,
    Stamp, SubjectStatus, read_json, read_model, write_text,
};
use crate::plan::RunPlan;
use crate::report::{
    AttractorRow, BestModel, Colophon, FixedPointRow, GroupPage, LossCurve, PhasePoint, PhasePortrait, RecordingFacts,
    ScoreRow, SpectrumPair, SubjectPage, SubjectRow, TracePair, render_group, render_subject,
};
use crate::seed::RunSeed;

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
/// Samples drawn in a trace and points in a cloud: what an eye can tell apart.
const SHOWN_TIMES: usize = 600;
const SHOWN_POINTS: usize = 1500;

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
    let axes = PhaseAxes::of(&ingested_states(ingested, model)?);
    let portrait = &dynamics.portrait;
    let labels: Vec<String> = (1..=portrait.fixed_points.len()).map(|n| format!("P{n}")).collect();
    Ok(Some(BestModel {
        name: format!("refit {}", dynamics.refit),
        summary: summary.model.clone(),
        traces: channels.iter().map(|&channel| trace(ingested, &run, channel, rate)).collect(),
        spectra: channels.iter().map(|&channel| spectrum(ingested, &run, channel, rate)).collect(),
        phase: axes.portrait(&run, portrait, &labels),
        fixed_points: portrait
            .fixed_points
            .iter()
            .zip(&labels)
            .map(|(point, label)| fixed_point_row(point, label, rate, &axes))
            .collect(),
        fixed_points_complete: portrait.fixed_points_complete,
        attractors: attractor_rows(portrait, rate),
        diverged_fraction: portrait.diverged,
        undecided_fraction: portrait.undecided,
        loss,
    }))
}

fn ingested_states(ingested: &Ingested, model: &SequenceVae) -> Result<DMatrix<f64>> {
    Ok(model.encode(ingested.series.rows(0..ingested.series.n_times()))?)
}

/// The channels that vary most, in recording order.
fn shown_channels(data: &DMatrix<f64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.ncols()).collect();
    order.sort_by(|&i, &j| data.column(j).variance().total_cmp(&data.column(i).variance()));
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

fn spectrum(ingested: &Ingested, run: &FreeRun, channel: usize, rate: f64) -> SpectrumPair {
    let of = |matrix: &DMatrix<f64>| power_spectrum(&matrix.column(channel).iter().copied().collect::<Vec<_>>());
    let (data, simulated) = (of(&run.data), of(&run.simulated));
    let n_times = run.data.nrows() as f64;
    SpectrumPair {
        channel: ingested.recording.channels[channel].name.clone(),
        hz: (0..data.len()).map(|k| k as f64 * rate / n_times).collect(),
        data,
        simulated,
    }
}

/// Principal axes of the encoded states, for drawing.
struct PhaseAxes {
    projection: Projection,
    encoded: DMatrix<f64>,
    spread: f64,
}

impl PhaseAxes {
    fn of(encoded: &DMatrix<f64>) -> Self {
        let rows: Vec<f32> = encoded.transpose().iter().map(|&value| value as f32).collect();
        let projection = Projection { scale: 1.0, ..Projection::principal(&rows, encoded.ncols(), encoded.ncols()) };
        Self { projection, encoded: encoded.clone(), spread: encoded.row_variance().sum().sqrt() }
    }

    fn project(&self, states: &DMatrix<f64>) -> Vec<[f64; 3]> {
        let rows: Vec<f32> = states.transpose().iter().map(|&value| value as f32).collect();
        let placed = self.projection.apply(&rows);
        placed.row_iter().map(|row| std::array::from_fn(|i| if i < row.len() { row[i] } else { 0.0 })).collect()
    }

    fn portrait(&self, run: &FreeRun, portrait: &PortraitJson, labels: &[String]) -> PhasePortrait {
        let variance = self.project_variance();
        let total: f64 = variance.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        PhasePortrait {
            explained: std::array::from_fn(|i| variance.get(i).copied().unwrap_or(0.0) / total),
            // Neighbours in time, so that a path is a path: the held-out stretch beside the free run.
            data: self.project(&run.encoded.rows(0, run.encoded.nrows().min(SHOWN_POINTS)).into_owned()),
            simulated: self.project(&run.latent.rows(0, run.latent.nrows().min(SHOWN_POINTS)).into_owned()),
            fixed_points: portrait
                .fixed_points
                .iter()
                .zip(labels)
                // A point far outside the data would shrink everything else to a dot; the table has it.
                .filter(|(point, _)| self.distance(point) <= 6.0)
                .map(|(point, label)| PhasePoint {
                    label: label.clone(),
                    at: self.project(&DMatrix::from_row_slice(1, point.z.len(), &point.z))[0],
                    stability: point.stability.clone(),
                })
                .collect(),
        }
    }

    fn project_variance(&self) -> Vec<f64> {
        let rows: Vec<f32> = self.encoded.transpose().iter().map(|&value| value as f32).collect();
        self.projection.apply(&rows).row_variance().iter().copied().collect()
    }

    /// From the centre of the encoded states, in their root mean square distance from it.
    fn distance(&self, point: &FixedPointJson) -> f64 {
        let centre = self.encoded.row_mean();
        let squared: f64 = point.z.iter().zip(centre.iter()).map(|(z, c)| (z - c).powi(2)).sum();
        squared.sqrt() / self.spread.max(f64::MIN_POSITIVE)
    }
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
            kind: attractor.kind.clone(),
            period_secs: attractor.period.filter(|&period| period > 1).map(|period| period as f64 / rate),
            largest_lyapunov_per_sec: attractor
                .lyapunov
                .first()
                .copied()
                .flatten()
                .map_or(f64::NEG_INFINITY, |l| l * rate),
            basin_fraction: attractor.basin_fraction,
            basin_low: attractor.basin_ci[0],
            basin_high: attractor.basin_ci[1],
        })
        .collect()
}

/// Who was to be compared, and how.
pub struct Cohort<'a> {
    pub dataset: &'a str,
    pub participants: &'a Participants,
    pub subjects: &'a [SubjectId],
    pub groups: &'a Groups,
}

/// Writes the page of the cohort; says where, whether it had to, and what was found.
pub fn report_group(
    out: &OutDir,
    cohort: &Cohort<'_>,
    compared: &Staged<Compared>,
    plan: &RunPlan,
) -> Result<(PathBuf, bool, Vec<String>)> {
    let Cohort { dataset, participants, subjects, groups } = *cohort;
    let Staged { value: compared, key: compare_key, .. } = compared;
    let path = out.group_file("report.html");
    let mut rows = Vec::new();
    for subject in subjects {
        rows.push(subject_row(out, subject, participants, groups)?);
    }
    let findings = findings(compared, &rows, plan);
    let key = Fingerprint::of("report-group").upstream(compare_key).settings(&(plan, dataset, &rows))?.key();
    let stamp = out.log("group/report.json");
    if Stamp::is_current(&stamp, &key)? {
        return Ok((path, false, findings));
    }
    let page = GroupPage {
        dataset: dataset.to_string(),
        group_column: groups.column.clone(),
        alpha: plan.compare.alpha,
        findings: findings.clone(),
        subjects: rows,
        comparison: compared.comparison.clone(),
        not_compared: compared.not_compared.clone(),
        feature_help: feature_help(),
        colophon: colophon(plan),
    };
    write_text(&path, &render_group(&page)?)?;
    Stamp::write(&stamp, &key, std::slice::from_ref(&path))?;
    Ok((path, true, findings))
}

fn subject_row(out: &OutDir, subject: &SubjectId, participants: &Participants, groups: &Groups) -> Result<SubjectRow> {
    let dir = out.subject(subject);
    let mut row = SubjectRow {
        subject: subject.to_string(),
        group: participants.get(subject, &groups.column).unwrap_or("n/a").to_string(),
        link: dir.report().exists().then(|| format!("../{subject}/{subject}_report.html")),
        excluded: None,
        n_refits: 0,
        n_faithful: 0,
        d_stsp: None,
        d_h: None,
        var_d_stsp: None,
        var_d_h: None,
        beats_linear: None,
        attractors: String::new(),
    };
    let Ok(status) = read_json::<SubjectStatus>(&dir.status()) else {
        row.excluded = Some("participant level has not been run".to_string());
        return Ok(row);
    };
    row.excluded = status.excluded.as_ref().map(|exclusion| format!("{}: {}", exclusion.stage, exclusion.reason));
    row.n_refits = status.n_refits;
    row.n_faithful = status.n_faithful;
    row.attractors = status.attractors.clone();
    let judged = match &status.recording {
        Some((modality, prefix)) if status.is_judged() => {
            read_json::<JudgeSummary>(&dir.recording_file(*modality, prefix, "desc-judge_metrics.json")).ok()
        }
        _ => None,
    };
    if let Some(judged) = judged {
        let best = judged.best_refit.and_then(|best| judged.refits.iter().find(|refit| refit.refit == best));
        let linear = judged.rivals.iter().find(|(name, _)| name.starts_with("VAR")).map(|(_, scores)| *scores);
        row.d_stsp = best.and_then(|best| best.scores.d_stsp);
        row.d_h = best.and_then(|best| best.scores.d_h);
        row.var_d_stsp = linear.and_then(|scores| scores.d_stsp);
        row.var_d_h = linear.and_then(|scores| scores.d_h);
        row.beats_linear = best.zip(linear).and_then(|(best, linear)| {
            let (a, b) = (best.scores, linear);
            Some(a.d_stsp? < b.d_stsp? && a.d_h? < b.d_h? && a.pe? < b.pe?)
        });
    }
    Ok(row)
}

/// What a reader should take away, most important first.
fn findings(compared: &Compared, rows: &[SubjectRow], plan: &RunPlan) -> Vec<String> {
    let analysed = rows.iter().filter(|row| row.excluded.is_none()).count();
    let beating = rows.iter().filter(|row| row.excluded.is_none() && row.beats_linear == Some(true)).count();
    let reproduced = format!(
        "{analysed} of {} subjects have at least one model that reproduces the held-out end of the recording; \
         in {beating} of them it is better than a linear model in every score.",
        rows.len()
    );
    // Why there is no comparison stands on the page already.
    let Some(comparison) = &compared.comparison else { return vec![reproduced] };
    let mut findings = Vec::new();
    let alpha = plan.compare.alpha;
    let (control, other) = (&comparison.control, &comparison.other);
    let mut found: Vec<_> = comparison.features.iter().filter(|row| row.q_fdr < alpha).collect();
    found.sort_by(|a, b| {
        a.q_fdr
            .total_cmp(&b.q_fdr)
            .then(a.p_permutation.total_cmp(&b.p_permutation))
            .then(b.hedges_g.abs().total_cmp(&a.hedges_g.abs()))
    });
    match found.as_slice() {
        [] => findings.push(format!(
            "None of {} features of the dynamics differs between {other} and {control} after correction for multiple tests (q < {alpha}).",
            comparison.features.len()
        )),
        found => {
            let listed: Vec<String> = found
                .iter()
                .take(3)
                .map(|row| {
                    let direction = if row.mean_other > row.mean_control { "higher" } else { "lower" };
                    let size = match row.hedges_g.is_finite() {
                        true => format!(
                            "g = {:.2}, {:.0} % interval {:.2} to {:.2}",
                            row.hedges_g, 100.0 * (1.0 - alpha), row.g_low, row.g_high
                        ),
                        // No variance within the groups: a standardised difference is not defined.
                        false => format!("{:.2} against {:.2} in every subject", row.mean_other, row.mean_control),
                    };
                    format!("{}: {direction} in {other} ({size}, q = {:.3})", row.feature.replace('_', " "), row.q_fdr)
                })
                .collect();
            let more = if found.len() > 3 { format!("; and {} more", found.len() - 3) } else { String::new() };
            findings.push(format!(
                "{} of {} features of the dynamics differ: {}{more}.",
                found.len(), comparison.features.len(), listed.join("; ")
            ));
        }
    }
    let simple: Vec<String> =
        comparison.simple.iter().filter(|row| row.q_fdr < alpha).map(|row| row.feature.replace('_', " ")).collect();
    let either = if found.is_empty() { " either" } else { "" };
    findings.push(match simple.as_slice() {
        [] => format!("None of {} simple statistics of the raw signal differs{either}.", comparison.simple.len()),
        simple => format!(
            "{} of {} simple statistics of the raw signal differ: {}.",
            simple.len(),
            comparison.simple.len(),
            simple.join(", ")
        ),
    });
    if let Some(dynamics) = comparison.classifiers.iter().find(|row| row.predictors == "dynamics") {
        let rivals: Vec<String> = comparison
            .classifiers
            .iter()
            .filter(|row| row.predictors != "dynamics")
            .map(|row| format!("{} {:.2}", row.predictors, row.balanced_accuracy))
            .collect();
        findings.push(format!(
            "Told apart by cross-validation: balanced accuracy {:.2} from the dynamics (p = {:.3}){}{}; chance is 0.50.",
            dynamics.balanced_accuracy,
            dynamics.p_permutation,
            if rivals.is_empty() { "" } else { ", beside " },
            rivals.join(", ")
        ));
    }
    findings.push(reproduced);
    findings
}

fn feature_help() -> Vec<(String, String, String)> {
    FEATURES
        .iter()
        .chain(SIMPLE_STATISTICS)
        .map(|&(name, unit, text)| (name.to_string(), unit.to_string(), text.to_string()))
        .collect()
}

fn colophon(plan: &RunPlan) -> Colophon {
    Colophon {
        version: env!("CARGO_PKG_VERSION").to_string(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        seed: plan.seed,
        settings: plan.to_toml(),
        references: REFERENCES.iter().map(|&(method, source)| (method.to_string(), source.to_string())).collect(),
    }
}

/// Method → source.
const REFERENCES: &[(&str, &str)] = &[
    (
        "Shallow PLRNN and generalised teacher forcing",
        "Hess, Monfared, Brenner, Durstewitz (2023). Generalized teacher forcing for learning chaotic dynamics. ICML.",
    ),
    (
        "Variational training of a latent RNN",
        "Brenner, Hess, Koppe, Durstewitz (2024). Integrating multimodal data for joint generative modeling of complex dynamics. ICML. Kingma, Welling (2014). Auto-encoding variational Bayes. ICLR.",
    ),
    ("Optimiser (RAdam)", "Liu et al. (2020). On the variance of the adaptive learning rate and beyond. ICLR."),
    (
        "State-space divergence",
        "Koppe et al. (2019). Identifying nonlinear dynamical systems via generative recurrent neural networks with applications to fMRI. PLoS Comput. Biol. 15, e1007263.",
    ),
    (
        "Hellinger distance of power spectra",
        "Mikhaeil, Monfared, Durstewitz (2022). On the difficulty of learning chaotic dynamics with RNNs. NeurIPS.",
    ),
    ("Bits per spike", "Pei et al. (2021). Neural Latents Benchmark '21. NeurIPS Datasets and Benchmarks."),
    (
        "Phase surrogates",
        "Prichard, Theiler (1994). Generating surrogate data for time series with several simultaneously measured variables. Phys. Rev. Lett. 73, 951.",
    ),
    ("Vector autoregression", "Lütkepohl (2005). New introduction to multiple time series analysis. Springer."),
    ("Lyapunov exponents", "Benettin, Galgani, Giorgilli, Strelcyn (1980). Meccanica 15, 9–30."),
    ("Interval of basin shares", "Wilson (1927). J. Am. Stat. Assoc. 22, 209–212."),
    (
        "Permutation test with covariates",
        "Freedman, Lane (1983). J. Bus. Econ. Stat. 1, 292–298. Winkler et al. (2014). NeuroImage 92, 381–397.",
    ),
    ("Hedges' g", "Hedges, Olkin (1985). Statistical methods for meta-analysis. Academic Press."),
    ("False discovery rate", "Benjamini, Hochberg (1995). J. R. Stat. Soc. B 57, 289–300."),
    ("Agreement over refits, ICC(1,1)", "Shrout, Fleiss (1979). Psychol. Bull. 86, 420–428."),
    ("PERMANOVA", "Anderson (2001). Austral Ecol. 26, 32–46."),
];
