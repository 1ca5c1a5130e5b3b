//! `nullcline portrait`: the dynamics of saved weights.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use nalgebra::DVector;
use nullcline_dynamics::{AttractorPlan, Map, Portrait, SlicePlan, basin_slice, portrait as draw, portrait_smooth};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::portrait_text::print;
use super::weights::{ForeignMap, is_foreign, read_weights, remarks};
use crate::outputs::{PortraitJson, SliceJson, read_model};
use crate::plan::AnalysePlan;
use crate::run::Outcome;
use crate::seed::{RunSeed, Stage};

/// Find fixed points, cycles, attractors and basins of a saved model or of weights made elsewhere
#[derive(Args)]
#[command(after_help = after_help())]
pub struct PortraitArguments {
    model: PathBuf,
    /// Orbits started
    #[arg(long, value_name = "N", default_value_t = 200)]
    starts: usize,
    /// Standard deviation of the Gaussian from which starts are drawn; one for each coordinate where their units differ
    #[arg(long, value_name = "R,…", default_value = "2", value_delimiter = ',', allow_hyphen_values = true)]
    spread: Vec<f64>,
    /// Steps per second: times are then given in seconds too
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    sampling_rate: Option<f64>,
    /// Picture of the basins over these two coordinates, the others at zero
    #[arg(long, value_name = "I,J", value_parser = two_coordinates)]
    slice: Option<[usize; 2]>,
    /// Columns and rows of the picture
    #[arg(long, value_name = "N", default_value_t = 48)]
    slice_cells: usize,
    /// Constant input under which the map is looked at
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', allow_hyphen_values = true)]
    input: Option<Vec<f64>>,
    #[arg(long, value_name = "N", default_value_t = 1)]
    random_seed: u64,
    #[arg(long)]
    json: bool,
}

fn after_help() -> String {
    format!(
        "Examples:
  nullcline portrait out/sub-01/eeg/sub-01_task-rest_desc-refit01_model.safetensors --sampling-rate 250
  nullcline portrait weights.json --json
  nullcline portrait weights.json --slice 1,2 --starts 1000

Weights in JSON, matrices row after row:
  {{\"type\": \"shPLRNN\", \"A\": [..], \"W1\": [[..]], \"W2\": [[..]], \"h1\": [..], \"h2\": [..]}}
or under the same names in safetensors, with words and single numbers in its header. Types, and what
they understand:
  shPLRNN, clippedShPLRNN  A, W1, W2, h1, h2, C
  ALRNN, PLRNN             A, W, h, C; ALRNN also P
  lowRank                  a, V, U, b, h, activation (relu or tanh), w_inp or C
  tanhRNN                  W, b, weight_ih, form (rates or currents); alpha, or dt and tau; or
                           scheme (flow or euler), time_step and tau
  GRU                      weight_ih, weight_hh, bias_ih, bias_hh of PyTorch, one layer
  neuralODE                layers, activation (tanh, sigmoid or relu), a, C,
                           scheme (flow, euler or map), time_step
  polynomial               terms, scheme, time_step
All but polynomial take an \"input\" held constant, which --input replaces. Sizes (dim, hidden_dim)
must be those of the weights. Anything else in the file is refused, since it might be a misspelt
weight or a setting that is not honoured. Remarks may stand there:
{}.

Basins are shares of random starts.",
        remarks()
    )
}

/// Exponents reported of an attractor: all of a latent model, the leading ones of a large network.
const MOST_EXPONENTS: usize = 20;

pub fn portrait(arguments: &PortraitArguments) -> Result<Outcome> {
    if let Some(spread) = arguments.spread.iter().find(|&&spread| !(spread > 0.0 && spread.is_finite())) {
        bail!("need a positive --spread, found {spread}");
    }
    if let Some(rate) = arguments.sampling_rate.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
        bail!("need a positive --sampling-rate, found {rate}");
    }
    if let Some((at, value)) = arguments.input.iter().flatten().enumerate().find(|(_, value)| !value.is_finite()) {
        bail!("need finite numbers in --input, found {value} in place {}", at + 1);
    }
    let foreign = read_map(&arguments.model, arguments.input.as_deref())?;
    let map = foreign.map();
    let dim = map.dim();
    let spread = spread_along(&arguments.spread, dim)?;
    let axes = arguments.slice.map(|axes| slice_plan(arguments, &spread, axes)).transpose()?;
    let mut rng = RunSeed(arguments.random_seed).rng_for(Stage::Analyse, "portrait", 0);
    let starts: Vec<Vec<f64>> = (0..arguments.starts)
        .map(|_| spread.iter().map(|spread| spread * rng.sample::<f64, _>(StandardNormal)).collect())
        .collect();
    let plan = AnalysePlan::default().portrait_plan(dim.min(MOST_EXPONENTS));
    let portrait = match &foreign {
        ForeignMap::PiecewiseLinear(map) => draw(&mut rng, map, &starts, &plan),
        ForeignMap::Smooth(map) => portrait_smooth(&mut rng, map.as_ref(), &starts, &plan),
    };
    let told: Vec<String> = arguments.spread.iter().map(f64::to_string).collect();
    let drawn = format!("Gaussian, standard deviation {}", told.join(", "));
    let rate = arguments.sampling_rate;
    let mut found = PortraitJson::of(&portrait, map, rate, &starts, drawn, Some(arguments.random_seed));
    found.slice = axes.map(|axes| picture(&mut rng, map, &portrait, &axes, &plan.attractors, rate)).transpose()?;
    match arguments.json {
        true => super::print_json(&found)?,
        false => print(&found)?,
    }
    Ok(Outcome::Complete)
}

fn read_map(path: &std::path::Path, input: Option<&[f64]>) -> Result<ForeignMap> {
    if is_foreign(path)? {
        return read_weights(path, input);
    }
    let frozen = read_model(path)?.1.freeze()?;
    let Some(input) = input else { return Ok(ForeignMap::PiecewiseLinear(frozen.map)) };
    let weights = &frozen.input_weights;
    if input.len() != weights.ncols() {
        bail!("need an input of {} for {}, found {}", weights.ncols(), path.display(), input.len());
    }
    let drive = weights * DVector::from_column_slice(input);
    Ok(ForeignMap::PiecewiseLinear(frozen.map.with_constant_input(drive.as_slice())?))
}

/// Two coordinates, counted from one.
fn two_coordinates(text: &str) -> Result<[usize; 2], String> {
    let parsed: Vec<usize> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match parsed.as_slice() {
        &[i, j] if i > 0 && j > 0 && i != j && text.split(',').count() == 2 => Ok([i - 1, j - 1]),
        _ => Err(format!("need two different coordinates counted from 1, such as 1,2, found {text:?}")),
    }
}

/// One standard deviation for each coordinate; a single one is that of all.
fn spread_along(given: &[f64], dim: usize) -> Result<Vec<f64>> {
    match given {
        &[spread] => Ok(vec![spread; dim]),
        given if given.len() == dim => Ok(given.to_vec()),
        given => bail!("need one --spread or {dim}, one for each coordinate, found {}", given.len()),
    }
}

/// Three standard deviations of the starts to each side.
fn slice_plan(arguments: &PortraitArguments, spread: &[f64], axes: [usize; 2]) -> Result<SlicePlan> {
    let dim = spread.len();
    if let Some(axis) = axes.iter().find(|&&axis| axis >= dim) {
        bail!("need coordinates up to {dim} in --slice, found {}", axis + 1);
    }
    let [right, up] = axes.map(|axis| (0..dim).map(|i| f64::from(u8::from(i == axis))).collect());
    let reach = axes.map(|axis| 3.0 * spread[axis]);
    Ok(SlicePlan { origin: vec![0.0; dim], right, up, reach, cells: [arguments.slice_cells; 2] })
}

fn picture(
    rng: &mut impl Rng,
    map: &dyn Map,
    portrait: &Portrait,
    axes: &SlicePlan,
    plan: &AttractorPlan,
    sampling_rate_hz: Option<f64>,
) -> Result<SliceJson> {
    let slice = basin_slice(rng, map, &portrait.attractors.attractors, axes, plan).context("the --slice")?;
    Ok(SliceJson::of(&slice, sampling_rate_hz))
}
