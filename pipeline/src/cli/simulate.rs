//! `nullcline simulate`: a saved model left to itself.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use nalgebra::DMatrix;
use nullcline_models::Surroundings;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde_json::json;

use super::say;
use super::weights::{is_foreign, read_weights};
use crate::outputs::{Table, WeightsFile, read_model};
use crate::report::words::number::counted;
use crate::run::Outcome;
use crate::seed::{RunSeed, Stage};

/// Run a saved model, or weights made elsewhere, freely
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline simulate model.safetensors --steps 1000 > series.tsv
  nullcline simulate model.safetensors --start 0.1,-0.4,2 --json

Prints the expected observation at each step as TSV, one column a channel, without input; EEG, fMRI and Gaussian
series in standard deviations of their training part. Process noise is drawn where the model was found to need it,
unless --no-noise. Of weights made elsewhere (portrait --help says which are read) it prints the states z1, z2, …, under
the constant input of the file.")]
pub struct SimulateArguments {
    model: PathBuf,
    #[arg(long, value_name = "N", default_value_t = 1000)]
    steps: usize,
    /// First latent state; drawn from a standard Gaussian when absent
    #[arg(long, value_name = "Z,Z,…", value_delimiter = ',', allow_hyphen_values = true)]
    start: Option<Vec<f64>>,
    #[arg(long, value_name = "N", default_value_t = 1)]
    random_seed: u64,
    /// Write <STEM>.tsv and <STEM>.parquet instead of printing
    #[arg(long, value_name = "STEM")]
    output: Option<PathBuf>,
    /// The deterministic skeleton alone
    #[arg(long)]
    no_noise: bool,
    #[arg(long)]
    json: bool,
}

/// What is printed: a row for each step.
struct FreeRun {
    columns: Vec<String>,
    sampling_rate_hz: Option<f64>,
    /// Absent for weights made elsewhere, which say nothing of an observation.
    observed: Option<DMatrix<f64>>,
    latent: DMatrix<f64>,
}

pub fn simulate(arguments: &SimulateArguments) -> Result<Outcome> {
    let run = match is_foreign(&arguments.model)? {
        true => run_of_weights(arguments)?,
        false => run_of_model(arguments)?,
    };
    let rows = |matrix: &DMatrix<f64>| -> Vec<Vec<f64>> {
        matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
    };
    let printed = run.observed.as_ref().unwrap_or(&run.latent);
    if let Some(stem) = &arguments.output {
        let mut table = Table::default();
        for (column, name) in run.columns.iter().enumerate() {
            table = table.number(name, printed.column(column).iter().map(|&value| Some(value)));
        }
        for path in table.write(stem)? {
            say!("{}", path.display())?;
        }
    } else if arguments.json {
        super::print_json(&json!({
            "channels": run.columns,
            "sampling_rate_hz": run.sampling_rate_hz,
            "observed": run.observed.as_ref().map(rows),
            "latent": rows(&run.latent),
        }))?;
    } else {
        let mut text = run.columns.join("\t");
        for row in rows(printed) {
            text.push('\n');
            text.push_str(&row.iter().map(f64::to_string).collect::<Vec<_>>().join("\t"));
        }
        say!("{text}")?;
    }
    Ok(Outcome::Complete)
}

fn run_of_model(arguments: &SimulateArguments) -> Result<FreeRun> {
    let (header, model) = read_model(&arguments.model)?;
    let mut frozen = model.freeze()?;
    frozen.noise.used &= !arguments.no_noise;
    let mut rng = RunSeed(arguments.random_seed).rng_for(Stage::Simulate, "simulate", 0);
    let start = start(arguments, &mut rng, frozen.latent_dim())?;
    let Some(run) = frozen.simulate(&mut rng, &[&start], arguments.steps, Surroundings::Silent) else {
        return Err(diverged(&start, arguments.steps));
    };
    let observed = match model.plan.observation.is_counts() {
        true => run.observed,
        false => model.projection.reconstruct(&run.observed),
    };
    let WeightsFile { channel_names: columns, sampling_rate_hz, .. } = header;
    Ok(FreeRun { columns, sampling_rate_hz, observed: Some(observed), latent: run.latent })
}

fn run_of_weights(arguments: &SimulateArguments) -> Result<FreeRun> {
    let foreign = read_weights(&arguments.model, None)?;
    let map = foreign.map();
    let mut rng = RunSeed(arguments.random_seed).rng_for(Stage::Simulate, "simulate", 0);
    let start = start(arguments, &mut rng, map.dim())?;
    let states = match arguments.steps {
        0 => Vec::new(),
        steps => map.orbit(&start, steps - 1),
    };
    if states.iter().flatten().any(|z| !z.is_finite()) {
        return Err(diverged(&start, arguments.steps));
    }
    Ok(FreeRun {
        columns: (1..=map.dim()).map(|i| format!("z{i}")).collect(),
        sampling_rate_hz: None,
        observed: None,
        latent: DMatrix::from_row_slice(states.len(), map.dim(), &states.concat()),
    })
}

fn start(arguments: &SimulateArguments, rng: &mut impl Rng, dim: usize) -> Result<Vec<f64>> {
    match &arguments.start {
        None => Ok((0..dim).map(|_| rng.sample(StandardNormal)).collect()),
        Some(start) if start.len() == dim && start.iter().all(|z| z.is_finite()) => Ok(start.clone()),
        Some(start) => bail!("need {} in --start, found {}", counted(dim, "finite number"), listed(start)),
    }
}

fn diverged(start: &[f64], steps: usize) -> anyhow::Error {
    anyhow!("the simulation from {} diverged within {steps} steps", listed(start))
}

fn listed(state: &[f64]) -> String {
    state.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
}
