use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use nullcline_datasets::Inspection;

use super::say;
use crate::run::Outcome;

/// Say what a recording holds, channel by channel
#[derive(Args)]
#[command(after_help = "Example:
  nullcline inspect sub-01_task-rest_eeg.edf --json")]
pub struct InspectArguments {
    file: PathBuf,
    #[arg(long)]
    json: bool,
}

pub fn inspect(arguments: &InspectArguments) -> Result<Outcome> {
    let found = nullcline_datasets::inspect(&arguments.file)?;
    match arguments.json {
        true => super::print_json(&found)?,
        false => print(&found)?,
    }
    Ok(Outcome::Complete)
}

fn print(found: &Inspection) -> Result<()> {
    let modality = found.modality.map_or("plain array".to_string(), |modality| modality.to_string());
    let rate = found.sampling_rate_hz.map_or("no one rate".to_string(), |hz| format!("{hz} Hz"));
    let times = found.n_times.map_or("–".to_string(), |n| n.to_string());
    say!("{} · {modality} · {rate} · {times} samples · {} annotations", found.format, found.annotations)?;
    if let Some(units) = &found.units {
        say!("{} units, {} trials", units.n, units.trials)?;
        for (unit, (n, first)) in units.n_spikes.iter().zip(&units.first_spike_s).enumerate() {
            say!("  unit {:<4}{n:>8} spikes, first at {}", unit + 1, number(*first))?;
        }
    }
    if !found.channels.is_empty() {
        say!("  {:<20}{:<10}{:>12}{:>12}{:>12}{:>12}", "channel", "unit", "mean", "std", "min", "max")?;
    }
    for channel in &found.channels {
        let [mean, std, min, max] = [channel.mean, channel.std, channel.min, channel.max].map(number);
        say!("  {:<20}{:<10}{mean:>12}{std:>12}{min:>12}{max:>12}", channel.name, channel.unit)?;
    }
    for warning in &found.warnings {
        say!("warning: {warning}")?;
    }
    Ok(())
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_string(),
        Some(value) if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) => format!("{value:.3e}"),
        Some(value) => format!("{value:.4}"),
    }
}
