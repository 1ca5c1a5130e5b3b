//! `nullcline simulate`: a saved model left to itself.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use nullcline_models::Surroundings;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde_json::json;

use super::say;
use crate::outputs::{Table, read_model};
use crate::run::Outcome;
use crate::seed::{RunSeed, Stage};

/// Run a saved model freely
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline simulate model.safetensors --steps 1000 > series.tsv
  nullcline simulate model.safetensors --start 0.1,-0.4,2 --json

Prints the expected observation at each step as TSV, one column a channel, without input; EEG, fMRI and Gaussian
series in standard deviations of their training part. Process noise is
drawn where the model was found to need it, unless --no-noise.")]
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

pub fn simulate(arguments: &SimulateArguments) -> Result<Outcome> {
    let (header, model) = read_model(&arguments.model)?;
    let mut frozen = model.freeze()?;
    frozen.noise.used &= !arguments.no_noise;
    let dim = frozen.latent_dim();
    let mut rng = RunSeed(arguments.random_seed).rng_for(Stage::Simulate, "simulate", 0);
    let start = match &arguments.start {
        Some(start) if start.len() == dim && start.iter().all(|z| z.is_finite()) => start.clone(),
        Some(start) => bail!("need a finite start of {dim} numbers, found {start:?}"),
        None => (0..dim).map(|_| rng.sample(StandardNormal)).collect(),
    };
    let Some(run) = frozen.simulate(&mut rng, &[&start], arguments.steps, Surroundings::Silent) else {
        bail!("the simulation from {start:?} diverged within {} steps", arguments.steps);
    };
    let observed = match model.plan.observation.is_counts() {
        true => run.observed,
        false => model.projection.reconstruct(&run.observed),
    };
    let rows = |matrix: &nalgebra::DMatrix<f64>| -> Vec<Vec<f64>> {
        matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
    };
    if let Some(stem) = &arguments.output {
        let mut table = Table::default();
        for (channel, name) in header.channel_names.iter().enumerate() {
            table = table.number(name, observed.column(channel).iter().map(|&value| Some(value)));
        }
        for path in table.write(stem)? {
            say!("{}", path.display())?;
        }
    } else if arguments.json {
        super::print_json(&json!({
            "channels": header.channel_names,
            "sampling_rate_hz": header.sampling_rate_hz,
            "observed": rows(&observed),
            "latent": rows(&run.latent),
        }))?;
    } else {
        let mut text = header.channel_names.join("\t");
        for row in rows(&observed) {
            text.push('\n');
            text.push_str(&row.iter().map(f64::to_string).collect::<Vec<_>>().join("\t"));
        }
        say!("{text}")?;
    }
    Ok(Outcome::Complete)
}
