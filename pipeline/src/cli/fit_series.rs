//! What `fit` is given: a series, and the arrays whose rows stand beside it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use nullcline_models::{ObservationKind, Series, SeriesError, Split};

use super::arrays::read_array;
use crate::plan::{ObservationChoice, RunPlan};

#[derive(Args)]
pub struct ArrayArguments {
    pub series: PathBuf,
    /// Judge on this series instead of the end of SERIES
    #[arg(long, value_name = "SERIES")]
    pub test: Option<PathBuf>,
    /// How states show in the series: that of the run file when absent, gaussian when it does not say
    #[arg(long, value_enum)]
    pub observation: Option<ObservationChoice>,
    /// Time from volume to volume, for bold
    #[arg(long, value_name = "SECS")]
    pub tr_secs: Option<f64>,
    /// What acts on the latent state: [time, input], rows as SERIES has them, then those of --test
    #[arg(long, value_name = "SERIES")]
    pub inputs: Option<PathBuf>,
    /// What acts on the observation alone, such as head movement: [time, regressor], rows as for --inputs
    #[arg(long, value_name = "SERIES")]
    pub nuisance: Option<PathBuf>,
    /// Model SERIES in its own units, and tell errors in them, instead of standardising it
    #[arg(long)]
    pub own_units: bool,
    /// Number of samples in each trial, a column: trials follow each other in SERIES, then in --test
    #[arg(long, value_name = "SERIES")]
    pub trials: Option<PathBuf>,
}

/// A plain array ready to be modelled.
pub struct Loaded {
    pub series: Series,
    pub split: Split,
    pub observation: ObservationKind,
    pub channel_names: Vec<String>,
    pub input_names: Vec<String>,
}

impl ArrayArguments {
    /// Signals are standardised by their training part, unless they are asked for in their own units, and so are
    /// nuisance regressors.
    pub fn load(&self, plan: &RunPlan) -> Result<Loaded> {
        let observation = self.observation.unwrap_or(plan.model.observation).at(self.tr_secs)?;
        let array = without_infinities(&self.series)?;
        let n_channels = array.names.len();
        let mut values = array.values;
        let mut split = Split::new(array.n_times, &plan.split).with_context(|| format!("{}", self.series.display()))?;
        if let Some(path) = &self.test {
            let test = without_infinities(path)?;
            if test.names.len() != n_channels {
                bail!(
                    "need {n_channels} channels as in {}, found {} in {}",
                    self.series.display(),
                    test.names.len(),
                    path.display()
                );
            }
            if test.n_times < Split::MIN_PART {
                bail!(
                    "need at least {} time steps to judge on, found {} in {}",
                    Split::MIN_PART,
                    test.n_times,
                    path.display()
                );
            }
            let n_fit = ((1.0 - plan.split.validation_fraction) * array.n_times as f64).round() as usize;
            split = Split {
                fit: 0..n_fit,
                validation: n_fit..array.n_times,
                held_out: array.n_times..array.n_times + test.n_times,
            };
            values.extend(test.values);
        }
        let n_times = split.held_out.end;
        if !observation.is_counts() && !self.own_units {
            standardise(&mut values, n_channels, split.training().end);
        }
        let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let inputs = beside(self.inputs.as_deref(), n_times)?;
        let mut nuisance = beside(self.nuisance.as_deref(), n_times)?;
        standardise(&mut nuisance.values, nuisance.names.len(), split.training().end);
        let mut series = Series::new(single(values), n_channels, single(inputs.values), inputs.names.len())
            .and_then(|series| series.with_nuisance(single(nuisance.values), nuisance.names.len()))
            .with_context(|| format!("{}", self.series.display()))?;
        if observation.is_counts() {
            series.check_counts().with_context(|| format!("{}", self.series.display()))?;
        }
        if let Some(path) = &self.trials {
            let lengths = trial_lengths(path)?;
            series = series.with_trials(&lengths).with_context(|| format!("{}", path.display()))?;
        }
        Ok(Loaded { series, split, observation, channel_names: array.names, input_names: inputs.names })
    }
}

/// Values may be missing, not infinite: told before they are standardised, while their places are those of the file.
fn without_infinities(path: &Path) -> Result<nullcline_datasets::Series> {
    let array = read_array(path)?;
    let n_channels = array.names.len().max(1);
    match array.values.iter().position(|value| value.is_infinite()) {
        None => Ok(array),
        Some(at) => Err(SeriesError::Infinite { time: at / n_channels, channel: at % n_channels })
            .with_context(|| format!("{}", path.display())),
    }
}

/// An array whose rows stand beside those of the series; no columns without a file.
fn beside(path: Option<&Path>, n_times: usize) -> Result<nullcline_datasets::Series> {
    let Some(path) = path else {
        return Ok(nullcline_datasets::Series { names: Vec::new(), n_times, values: Vec::new() });
    };
    let array = read_array(path)?;
    if array.n_times != n_times {
        bail!("need {n_times} rows, one for each sample, found {} in {}", array.n_times, path.display());
    }
    Ok(array)
}

fn trial_lengths(path: &Path) -> Result<Vec<usize>> {
    let array = read_array(path)?;
    let whole = |&length: &f64| length >= 1.0 && length.fract() == 0.0;
    match array.values.iter().find(|length| !whole(length)) {
        Some(bad) => bail!("need whole numbers of samples from 1 on, found {bad} in {}", path.display()),
        None if array.names.len() != 1 => {
            bail!("need one column of trial lengths, found {} in {}", array.names.len(), path.display())
        }
        None => Ok(array.values.iter().map(|&length| length as usize).collect()),
    }
}

/// To mean 0 and standard deviation 1 over the first `n_train` rows, of the samples that are there; a flat channel
/// stays at 0.
fn standardise(values: &mut [f64], n_channels: usize, n_train: usize) {
    for channel in 0..n_channels {
        let training = || values.iter().skip(channel).step_by(n_channels).take(n_train).filter(|x| !x.is_nan());
        let n = training().count().max(1) as f64;
        let mean = training().sum::<f64>() / n;
        let variance = training().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let largest = training().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        // Rounding leaves a constant with a deviation of a few units in the last place.
        let scale = if variance.sqrt() > 1e-12 * largest { variance.sqrt().recip() } else { 0.0 };
        for value in values.iter_mut().skip(channel).step_by(n_channels) {
            *value = (*value - mean) * scale;
        }
    }
}
