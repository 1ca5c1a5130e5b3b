//! Training of one refit, continued where it was interrupted.

use std::ops::ControlFlow;

use anyhow::Result;
use nullcline_models::training::{self, EpochRecord, TrainError, TrainPlan};
use nullcline_models::{ModelPlan, SequenceVae};

use super::{Ingested, Staged};
use crate::outputs::{
    Fingerprint, OutDir, RefitSummary, SCHEMA, Stamp, Table, WeightsFile, read_checkpoint, read_json, read_model,
    write_checkpoint, write_json, write_model,
};
use crate::plan::RunPlan;
use crate::seed::{RunSeed, Stage};

/// One refit: a model, or the reason why there is none.
pub struct Trained {
    pub refit: usize,
    pub model: Option<SequenceVae>,
    pub summary: RefitSummary,
}

/// What training tells whoever watches.
pub enum TrainingEvent<'a> {
    Started { epochs: usize, done: usize },
    Epoch(&'a EpochRecord),
    Retrying { reason: &'a str },
    Finished,
}

/// Trains refit number `refit` (counted from 1), continuing from its last checkpoint if it has one.
///
/// A loss that is not finite is retried once with a smaller learning rate; then the refit is excluded
/// with the reason, and the others go on.
pub fn train(
    ingested: &Staged<Ingested>,
    refit: usize,
    plan: &RunPlan,
    out: &OutDir,
    watch: &(dyn Fn(TrainingEvent<'_>) + Sync),
) -> Result<Staged<Trained>> {
    let subject = &ingested.value.subject;
    let Ingested { recording, summary, modality, .. } = &ingested.value;
    let model_plan = plan.model.for_recording(*modality, recording.n_channels(), recording.sample_rate.step_secs())?;
    let seed = RunSeed(plan.seed).derive(Stage::Train, &subject.to_string(), refit);
    let stage = format!("train-refit{refit:02}");
    let key =
        Fingerprint::of(&stage).upstream(&ingested.key).settings(&(&model_plan, &plan.train, &plan.judge, seed))?.key();
    let dir = out.subject(subject);
    let path = |name: &str| dir.recording_file(*modality, &summary.prefix, &format!("desc-refit{refit:02}_{name}"));
    let (model_path, summary_path) = (path("model.safetensors"), path("training.json"));
    let stamp = dir.stamp(&stage);
    let header = WeightsFile {
        plan: model_plan.clone(),
        sampling_rate_hz: Some(summary.sampling_rate_hz),
        input_names: summary.inputs.clone(),
        channel_names: summary.channels_kept.clone(),
    };
    if Stamp::is_current(&stamp, &key)? {
        let summary: RefitSummary = read_json(&summary_path)?;
        let model = match summary.excluded {
            None => Some(read_model(&model_path)?.1),
            Some(_) => None,
        };
        watch(TrainingEvent::Finished);
        return Ok(Staged { value: Trained { refit, model, summary }, key, worked: false });
    }
    let checkpoint = dir.checkpoint(refit);
    let mut notes = Vec::new();
    let run = Run { ingested: &ingested.value, model_plan: &model_plan, plan, seed, watch };
    let mut outcome = run.attempt(&plan.train, &checkpoint, &key);
    if let Err(TrainError::NotFinite { .. }) = &outcome {
        let reason = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        watch(TrainingEvent::Retrying { reason: &reason });
        notes.push(format!("{reason}; tried once more with a tenth of the learning rate"));
        let gentler =
            TrainPlan { learning_rate: plan.train.learning_rate.map(|rate| 0.1 * rate), ..plan.train.clone() };
        outcome = run.attempt(&gentler, &checkpoint, &format!("{key}-retry"));
    }
    watch(TrainingEvent::Finished);
    let mut written = vec![summary_path.clone()];
    let (model, summary) = match outcome {
        Ok(trained) => {
            write_model(&model_path, &header, &trained.model)?;
            written.push(model_path.clone());
            written.extend(curve(&trained.history).write(&path("training"))?);
            notes.extend(trained.window_start.and_then(|start| start.doubt()));
            let summary = RefitSummary {
                schema: SCHEMA,
                refit,
                chosen_epoch: Some(trained.chosen_epoch),
                validation: Some(trained.validation),
                excluded: None,
                notes,
                model: describe(&model_plan, Some(trained.model.n_parameters())),
                n_parameters: Some(trained.model.n_parameters()),
            };
            (Some(trained.model), summary)
        }
        Err(error @ (TrainError::NotFinite { .. } | TrainError::NeverValid(_) | TrainError::NoState { .. })) => {
            tracing::warn!("{subject} refit {refit} is excluded: {error}");
            // Of an earlier run with other settings.
            for stale in [model_path.clone(), path("training.tsv"), path("training.parquet")] {
                let _ = std::fs::remove_file(stale);
            }
            let summary = RefitSummary {
                schema: SCHEMA,
                refit,
                chosen_epoch: None,
                validation: None,
                excluded: Some(error.to_string()),
                notes,
                model: describe(&model_plan, None),
                n_parameters: None,
            };
            (None, summary)
        }
        Err(error) => return Err(error.into()),
    };
    write_json(&summary_path, &summary)?;
    Stamp::write(&stamp, &key, &written)?;
    // Only now: until the stamp is there, the checkpoint is what an interrupted run continues from.
    let _ = std::fs::remove_file(&checkpoint);
    Ok(Staged { value: Trained { refit, model, summary }, key, worked: true })
}

struct Run<'a> {
    ingested: &'a Ingested,
    model_plan: &'a ModelPlan,
    plan: &'a RunPlan,
    seed: u64,
    watch: &'a (dyn Fn(TrainingEvent<'_>) + Sync),
}

impl Run<'_> {
    fn attempt(
        &self,
        train_plan: &TrainPlan,
        checkpoint: &std::path::Path,
        key: &str,
    ) -> Result<training::Trained, TrainError> {
        let resume = read_checkpoint(checkpoint, key);
        let done = resume.as_ref().map_or(0, |checkpoint| checkpoint.history.len());
        (self.watch)(TrainingEvent::Started { epochs: train_plan.epochs, done });
        let Ingested { series, split, .. } = self.ingested;
        // Subjects and refits keep the threads busy: each model has one.
        let task = training::Task {
            series,
            split,
            model: self.model_plan,
            train: train_plan,
            judge: &self.plan.judge,
            threads: 1,
        };
        training::train(self.seed, &task, resume, &mut |record, state| {
            (self.watch)(TrainingEvent::Epoch(record));
            if let Some(Err(error)) = state.map(|state| write_checkpoint(checkpoint, key, state)) {
                // Training itself is well; only an interruption now would cost the epochs since.
                tracing::warn!("{error:#}");
            }
            ControlFlow::Continue(())
        })
    }
}

fn describe(plan: &ModelPlan, n_parameters: Option<usize>) -> String {
    let learned = n_parameters.map_or(String::new(), |n| format!(", {n} parameters"));
    format!("{}, {} latent, {} hidden{learned}", plan.family, plan.latent_dim, plan.hidden_dim)
}

fn curve(history: &[EpochRecord]) -> Table {
    let column = |value: fn(&EpochRecord) -> Option<f64>| history.iter().map(value).collect::<Vec<_>>();
    Table::default()
        .count("epoch", history.iter().map(|record| record.epoch))
        .number("loss", column(|r| Some(r.loss)))
        .number("prediction", column(|r| Some(r.prediction)))
        .number("reconstruction", column(|r| r.reconstruction))
        .number("consistency", column(|r| r.consistency))
        .number("entropy", column(|r| r.entropy))
        .number("alpha", column(|r| Some(r.alpha)))
        .number("learning_rate", column(|r| Some(r.learning_rate)))
        .number("validation", column(|r| r.validation))
}
