//! What `fit` is given: a series, and the arrays whose rows stand beside it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use nullcline_datasets::cleaning::standardise::standardise as standardise_channel;
use nullcline_models::{ObservationKind, Series, SeriesError, Split};

use super::arrays::read_array;
use crate::plan::{ObservationChoice, RunPlan};

#[derive(Args)]
pub struct ArrayArguments {
    /// Array to be modelled, [time, channel]
    pub series: PathBuf,
    /// Judge on this series instead of the end of SERIES
    #[arg(long, value_name = "SERIES")]
    pub test: Option<PathBuf>,
    /// How states show in the series: that of the run file when absent, gaussian when it does not say
    #[arg(long, value_enum)]
    pub observation: Option<ObservationChoice>,
    /// Time from volume to volume, for bold
    #[arg(long, value_name = "SECS", allow_negative_numbers = true)]
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
    /// What the readers had to assume, one sentence each.
    pub warnings: Vec<String>,
}

impl ArrayArguments {
    /// Signals are standardised by their training part, unless they are asked for in their own units, and so are
    /// nuisance regressors.
    pub fn load(&self, plan: &RunPlan) -> Result<Loaded> {
        let observation = self.observation.unwrap_or(plan.model.observation).at(self.tr_secs)?;
        let array = without_infinities(&self.series)?;
        let n_channels = array.names.len();
        let told = |path: &Path, array: &nullcline_datasets::Series| -> Vec<String> {
            array.warnings.iter().map(|warning| format!("{warning} ({})", path.display())).collect()
        };
        let mut warnings = told(&self.series, &array);
        let mut values = array.values;
        let mut split = Split::new(array.n_times, &plan.split).with_context(|| format!("{}", self.series.display()))?;
        if let Some(path) = &self.test {
            let test = without_infinities(path)?;
            warnings.extend(told(path, &test));
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
        Ok(Loaded { series, split, observation, channel_names: array.names, input_names: inputs.names, warnings })
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
        return Ok(nullcline_datasets::Series { names: Vec::new(), n_times, values: Vec::new(), warnings: Vec::new() });
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

/// Each channel over its first `n_train` samples; a flat one stays at 0.
fn standardise(values: &mut [f64], n_channels: usize, n_train: usize) {
    for channel in 0..n_channels {
        let mut column: Vec<f64> = values.iter().skip(channel).step_by(n_channels).copied().collect();
        if standardise_channel(&mut column, n_train).is_none() {
            column.iter_mut().filter(|value| !value.is_nan()).for_each(|value| *value = 0.0);
        }
        values.iter_mut().skip(channel).step_by(n_channels).zip(column).for_each(|(to, value)| *to = value);
    }
}
