//! `nullcline fit`: one array, one model, one judgement.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use nullcline_models::judging::{Scores, judge};
use nullcline_models::latent::LatentFamily;
use nullcline_models::training::{Checkpoint, EpochRecord, Start, Task, TrainPlan, train};
use nullcline_models::{EncoderPlan, ModelPlan, WindowStart};
use serde::Serialize;

use super::fit_series::{ArrayArguments, Loaded};
use super::say;
use crate::cores;
use crate::outputs::{WeightsFile, write_model};
use crate::plan::{EncoderChoice, RunPlan};
use crate::presets::preset;
use crate::report::words::number::{counted, fixed};
use crate::run::Outcome;
use crate::seed::{RunSeed, Stage};

/// Train one model on one array and judge it
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline fit series.npy --json
  nullcline fit train.npy --test test.npy --latent-dim 3 --hidden-dim 50 --save model.safetensors
  nullcline fit train.npy --test test.npy --preset ecg --json
  nullcline fit eeg.npy --encoder delays --encoder-kernel 8 --start linear
  nullcline fit counts.tsv --observation negative-binomial --trials lengths.tsv
  nullcline fit regions.tsv --observation bold --tr-secs 2 --nuisance movement.tsv
  nullcline fit recording.h5:/samples

SERIES is [time, channel] in .npy, .npz, .mat, .tsv, .csv, .parquet or .h5:/dataset. Without --test, the end of SERIES is
held out. Signals are standardised by their training part. A value that is NaN (empty or n/a in a table) was not
measured: it has no part in the fit.")]
pub struct FitArguments {
    #[command(flatten)]
    arrays: ArrayArguments,
    /// Named settings: ecg, lorenz63, lorenz63-counts, eeg (many channels, 20 steps ahead), fmri (regions, one step)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    preset: Option<String>,
    /// shPLRNN (default), clippedShPLRNN, ALRNN or PLRNN
    #[arg(long, value_name = "FAMILY", value_parser = by_name::<LatentFamily>)]
    model: Option<LatentFamily>,
    /// Latent dimensions; no more than the encoder can tell from the channels are used
    #[arg(long, value_name = "M")]
    latent_dim: Option<usize>,
    /// Hidden units of a shPLRNN or clippedShPLRNN, relu units of an ALRNN
    #[arg(long, value_name = "H")]
    hidden_dim: Option<usize>,
    /// How the latent state is read from SERIES
    #[arg(long, value_enum)]
    encoder: Option<EncoderChoice>,
    /// Samples that delays, or each layer of a convolutional encoder, look back on, the present one included
    #[arg(long, value_name = "N")]
    encoder_kernel: Option<usize>,
    /// Where training begins: random (default); linear, at the best linear map; windows, at what whole windows of weak
    /// Poisson counts tell of the dynamics (both for shPLRNN and clippedShPLRNN)
    #[arg(long, value_name = "START", value_parser = by_name::<Start>)]
    start: Option<Start>,
    /// Training ends after so many, if not earlier
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Everything random follows from it
    #[arg(long, value_name = "N")]
    random_seed: Option<u64>,
    /// Threads for a model that is large enough to be worth them (default: all cores)
    #[arg(long, value_name = "N")]
    n_cpus: Option<usize>,
    /// Run file (TOML): its model, train, judge and split settings are used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Save the model here (.safetensors)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// A value by the name that it has in run files.
fn by_name<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(name)).map_err(|error| error.to_string())
}

/// The answer of `fit --json`.
#[derive(Serialize)]
struct Answer {
    model: String,
    /// As many as the encoder can tell from the channels, where that is less than what was asked for.
    latent_dim: usize,
    parameters: usize,
    seconds: f64,
    /// Processor time of training, over all threads; absent where the system does not tell.
    processor_seconds: Option<f64>,
    epochs: usize,
    chosen_epoch: usize,
    validation: f64,
    /// Of a start from windows of counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<FoundInWindows>,
    verdict: String,
    reason: String,
    d_stsp: Option<f64>,
    d_h: Option<f64>,
    pe: PredictionError,
    bits_per_spike: Option<f64>,
    baselines: BTreeMap<String, Scores>,
    n_train: usize,
    n_test: usize,
    seed: u64,
    saved: Option<PathBuf>,
}

#[derive(Serialize)]
struct FoundInWindows {
    gain_nats_per_bin: f64,
    share_of_starts_lost: f64,
    encoder_learned: bool,
}

#[derive(Serialize)]
struct PredictionError {
    n: usize,
    value: Option<f64>,
}

pub fn fit(arguments: &FitArguments) -> Result<Outcome> {
    let mut plan = match (&arguments.preset, &arguments.config) {
        (Some(name), _) => preset(name)?,
        (None, Some(path)) => RunPlan::read(path)?,
        (None, None) => RunPlan::default(),
    };
    plan.seed = arguments.random_seed.unwrap_or(plan.seed);
    plan.train.epochs = arguments.epochs.unwrap_or(plan.train.epochs);
    plan.model.hidden_dim = arguments.hidden_dim.unwrap_or(plan.model.hidden_dim);
    plan.model.family = arguments.model.unwrap_or(plan.model.family);
    plan.model.encoder = arguments.encoder.unwrap_or(plan.model.encoder);
    plan.model.encoder_kernel = arguments.encoder_kernel.unwrap_or(plan.model.encoder_kernel);
    plan.train.start = arguments.start.unwrap_or(plan.train.start);
    plan.model.latent_dim = arguments.latent_dim.unwrap_or(plan.model.latent_dim);
    plan.model.components = plan.model.components.max(arguments.latent_dim.unwrap_or(0));
    let plan = plan.checked()?;
    let Loaded { series, split, observation, channel_names, input_names, warnings } = arguments.arrays.load(&plan)?;
    let model_plan = plan.model.with_observation(observation, series.n_channels);
    check_honoured(arguments, &model_plan)?;
    if let Some(asked) = arguments.latent_dim.filter(|&asked| asked > model_plan.latent_dim) {
        let told = counted(model_plan.latent_dim, "latent dimension");
        tracing::warn!(
            "the encoder can tell {told} from these channels, not {asked}, and uses as many; delays or a convolutional one tell more"
        );
    }
    let seed = RunSeed(plan.seed);
    let (started, used) = (Instant::now(), processor_seconds());
    let bar = crate::progress::bar(plan.train.epochs);
    let starting = match plan.train.start {
        Start::Windows => crate::progress::waiting("looking for a start in windows of counts, some minutes"),
        Start::Random | Start::Linear => indicatif::ProgressBar::hidden(),
    };
    let mut watch = |record: &EpochRecord, _: Option<&Checkpoint>| {
        starting.finish_and_clear();
        bar.set_position(record.epoch as u64);
        bar.set_message(format!("epoch {}/{}  loss {:.3}", record.epoch, plan.train.epochs, record.loss));
        ControlFlow::Continue(())
    };
    let threads = threads(arguments, &model_plan, &plan.train);
    let task =
        Task { series: &series, split: &split, model: &model_plan, train: &plan.train, judge: &plan.judge, threads };
    let trained =
        cores::pool(threads)?.install(|| train(seed.derive(Stage::Train, "series", 1), &task, None, &mut watch));
    starting.finish_and_clear();
    bar.finish_and_clear();
    let trained = trained.with_context(|| format!("{}", arguments.arrays.series.display()))?;
    if let Some(doubt) = trained.window_start.and_then(|start| start.doubt()) {
        tracing::warn!("{doubt}");
    }
    let seconds = started.elapsed().as_secs_f64();
    let processor_seconds = processor_seconds().zip(used).map(|(now, before)| now - before);
    let judgement = judge(seed.derive(Stage::Judge, "series", 1), &trained.model, &series, &split, &plan.judge)?;
    if let Some(path) = &arguments.save {
        let header = WeightsFile {
            plan: model_plan.clone(),
            sampling_rate_hz: arguments.arrays.tr_secs.map(f64::recip),
            input_names,
            channel_names,
        };
        write_model(path, &header, &trained.model)?;
    }
    let verdict = serde_json::to_value(judgement.verdict)?.as_str().unwrap_or_default().to_string();
    let answer = Answer {
        model: model_plan.family.to_string(),
        latent_dim: model_plan.latent_dim,
        parameters: trained.model.n_parameters(),
        seconds,
        processor_seconds,
        epochs: trained.history.len(),
        chosen_epoch: trained.chosen_epoch,
        validation: trained.validation,
        window_start: trained.window_start.map(|WindowStart { gain, lost, encoder_learned }| FoundInWindows {
            gain_nats_per_bin: gain,
            share_of_starts_lost: lost,
            encoder_learned,
        }),
        verdict,
        reason: judgement.reason,
        d_stsp: judgement.model.d_stsp,
        d_h: judgement.model.d_h,
        pe: PredictionError { n: plan.judge.prediction_steps, value: judgement.model.pe },
        bits_per_spike: judgement.model.bits_per_spike,
        baselines: judgement.rivals.into_iter().collect(),
        n_train: split.training().len(),
        n_test: split.held_out.len(),
        seed: plan.seed,
        saved: arguments.save.clone(),
    };
    // Now that there is an answer to doubt: who is refused is told one thing.
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    match arguments.json {
        true => super::print_json(&answer)?,
        false => print(&answer)?,
    }
    Ok(Outcome::Complete)
}

/// Before anything is trained: fails where a setting was given that this model has no use for, or a name under which
/// no command would read it.
fn check_honoured(arguments: &FitArguments, model: &ModelPlan) -> Result<()> {
    if arguments.encoder_kernel.is_some() && model.encoder == EncoderPlan::PseudoInverse {
        bail!(
            "need --encoder delays or convolutional for --encoder-kernel, found the pseudo-inverse, which looks back on nothing"
        );
    }
    if let Some(path) = arguments.save.as_ref().filter(|path| path.extension().is_none_or(|end| end != "safetensors")) {
        bail!("need a name that ends in .safetensors for --save, found {}", path.display());
    }
    if arguments.hidden_dim.is_some() && model.family == LatentFamily::PiecewiseLinear {
        bail!("need a model with hidden units for --hidden-dim, found {}", model.family);
    }
    Ok(())
}

/// Of this process until now, from `/proc`, in ticks of a hundredth of a second.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, which may hold anything, within parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = |field: Option<&str>| field?.parse::<f64>().ok();
    Some(0.01 * (ticks(fields.next())? + ticks(fields.next())?))
}

/// One thread for a model whose steps are over before a second one could help. The search of a start from windows has
/// several candidates, each worth a thread.
fn threads(arguments: &FitArguments, model: &ModelPlan, train: &TrainPlan) -> usize {
    let step = model.latent_dim * model.hidden_dim * train.batch_size;
    match step >= WORTH_A_THREAD || train.start == Start::Windows {
        true => arguments.n_cpus.unwrap_or_else(cores::available).max(1),
        false => 1,
    }
}

/// `M · H · batch`: a step in time of this size takes a few microseconds.
const WORTH_A_THREAD: usize = 32_000;

fn print(answer: &Answer) -> Result<()> {
    let number = |value: Option<f64>| value.map_or("–".to_string(), |value| fixed(value, 4));
    let chosen = match answer.chosen_epoch {
        0 if answer.epochs == 0 => "as it started".to_string(),
        0 => format!("as it was before the first of {}", counted(answer.epochs, "epoch")),
        epoch => format!("at epoch {epoch} of {}", answer.epochs),
    };
    say!(
        "{} of {} with {} parameters, trained in {:.1} s, chosen {chosen}",
        answer.model,
        counted(answer.latent_dim, "dimension"),
        answer.parameters,
        answer.seconds,
    )?;
    if let Some(start) = &answer.window_start {
        say!(
            "its start gains {:.4} nats a bin over constant rates, in whole windows; {:.0} % of states around its attractor are lost",
            start.gain_nats_per_bin,
            100.0 * start.share_of_starts_lost,
        )?;
    }
    say!("{:<26}{:>10}{:>10}{:>10}{:>12}", "", "D_stsp", "D_H", format!("PE({})", answer.pe.n), "bits/spike")?;
    let row = |name: &str, d_stsp, d_h, pe, bits| {
        say!("{name:<26}{:>10}{:>10}{:>10}{:>12}", number(d_stsp), number(d_h), number(pe), number(bits))
    };
    row("model", answer.d_stsp, answer.d_h, answer.pe.value, answer.bits_per_spike)?;
    for (name, scores) in &answer.baselines {
        row(name, scores.d_stsp, scores.d_h, scores.pe, scores.bits_per_spike)?;
    }
    say!("{}: {}", answer.verdict, answer.reason)
}
