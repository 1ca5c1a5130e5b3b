use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use nullcline_dynamics::{Map, PiecewiseLinearMap, portrait as draw};
use rand::RngExt;
use rand_distr::StandardNormal;

use super::say;
use super::weights_json::read_weights;
use crate::outputs::{PortraitJson, read_model};
use crate::plan::AnalysePlan;
use crate::run::Outcome;
use crate::seed::{RunSeed, Stage};
use crate::stages::describe_attractors;

/// Find fixed points, cycles, attractors and basins of a saved model or of weights in JSON
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline portrait out/sub-01/eeg/sub-01_task-rest_desc-refit01_model.safetensors
  nullcline portrait weights.json --json

Weights in JSON: {\"type\": \"shPLRNN\", \"A\": [..], \"W1\": [[..]], \"W2\": [[..]], \"h1\": [..], \"h2\": [..]};
types shPLRNN, clippedShPLRNN, ALRNN (A, W, h, P) and PLRNN (A, W, h). Basins are shares of random starts.")]
pub struct PortraitArguments {
    model: PathBuf,
    /// Orbits started
    #[arg(long, value_name = "N", default_value_t = 200)]
    starts: usize,
    /// Standard deviation of the Gaussian from which starts are drawn
    #[arg(long, value_name = "R", default_value_t = 2.0)]
    spread: f64,
    #[arg(long, value_name = "N", default_value_t = 1)]
    random_seed: u64,
    #[arg(long)]
    json: bool,
}

pub fn portrait(arguments: &PortraitArguments) -> Result<Outcome> {
    if !(arguments.spread > 0.0 && arguments.spread.is_finite()) {
        bail!("need a positive --spread, found {}", arguments.spread);
    }
    let map = read_map(&arguments.model)?;
    let mut rng = RunSeed(arguments.random_seed).rng_for(Stage::Analyse, "portrait", 0);
    let starts: Vec<Vec<f64>> = (0..arguments.starts)
        .map(|_| (0..map.dim()).map(|_| arguments.spread * rng.sample::<f64, _>(StandardNormal)).collect())
        .collect();
    let found = PortraitJson::of(&draw(&mut rng, &map, &starts, &AnalysePlan::default().portrait_plan(map.dim())));
    match arguments.json {
        true => super::print_json(&found)?,
        false => print(&found)?,
    }
    Ok(Outcome::Complete)
}

fn read_map(path: &std::path::Path) -> Result<PiecewiseLinearMap> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => Ok(read_model(path)?.1.freeze()?.map),
        Some("json") => read_weights(path),
        _ => bail!("need a model in .safetensors or weights in .json, found {}", path.display()),
    }
}

fn print(found: &PortraitJson) -> Result<()> {
    let how = if found.fixed_points_complete { "all of them" } else { "those a search found" };
    say!(
        "{} dimensions, {} fixed points ({how}; {} linear regions visited)",
        found.dim,
        found.fixed_points.len(),
        found.regions_visited
    )?;
    for (n, point) in (1..).zip(&found.fixed_points) {
        let radius = point.multipliers.first().map_or(f64::NAN, |[re, im]| re.hypot(*im));
        let z: Vec<String> = point.z.iter().map(|z| format!("{z:.4}")).collect();
        say!("  P{n}  {:<9} largest multiplier {radius:.4}  z = [{}]", point.stability, z.join(", "))?;
    }
    say!("{}", describe_attractors(found))?;
    for (n, attractor) in (1..).zip(&found.attractors) {
        let exponent =
            attractor.lyapunov.first().copied().flatten().map_or("−∞".to_string(), |l| format!("{l:.5}"));
        let [low, high] = attractor.basin_ci;
        say!(
            "  A{n}  {:<14} exponent {exponent} nats/step  basin {:.1} % ({:.1}–{:.1} %)",
            attractor.kind,
            100.0 * attractor.basin_fraction,
            100.0 * low,
            100.0 * high
        )?;
    }
    say!(
        "{:.1} % diverged, {:.1} % undecided of {} starts",
        100.0 * found.diverged,
        100.0 * found.undecided,
        found.n_starts
    )
}
