//! `nullcline inspect`: what a file holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use nullcline_datasets::inspect::{ChannelInspection, Outline, UnitsInspection};
use nullcline_datasets::volumes::ImageInspection;
use nullcline_datasets::{ChannelKind, Inspection};

use super::arrays::{is_parquet, read_array};
use super::say;
use crate::run::Outcome;

/// Say what a recording holds, channel by channel
#[derive(Args)]
#[command(after_help = "Examples:
  nullcline inspect sub-01_task-rest_eeg.edf --json
  nullcline inspect sorted/                     a folder of Phy or KiloSort
  nullcline inspect session.h5:/lfp             one array of several

The small curve beside a channel is its range (largest less smallest value) in equal parts of the recording, or, of
short series, the values themselves; beside a unit, its spikes in equal parts of the session.")]
pub struct InspectArguments {
    /// EEG, MEG, an image, spikes, a table or an array; a folder of Phy or KiloSort
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn inspect(arguments: &InspectArguments) -> Result<Outcome> {
    let found = match is_parquet(&arguments.file) {
        true => Inspection::of_series("Parquet", &read_array(&arguments.file)?),
        false => nullcline_datasets::inspect(&arguments.file)?,
    };
    match arguments.json {
        true => super::print_json(&found)?,
        false => print(&found)?,
    }
    Ok(Outcome::Complete)
}

/// Cells of a curve.
const CURVE_WIDTH: usize = 20;

fn print(found: &Inspection) -> Result<()> {
    say!("{}", headline(found))?;
    print_times(found)?;
    print_annotations(found)?;
    if let Some(units) = &found.units {
        print_units(units)?;
    }
    if let Some(image) = &found.image {
        print_image(image, found.format)?;
    }
    if !found.channels.is_empty() {
        print_channels(&found.channels)?;
    }
    for warning in &found.warnings {
        say!("warning: {warning}")?;
    }
    Ok(())
}

/// `EDF · EEG · 19 channels · 128 Hz · 3840 samples (30 s)`
fn headline(found: &Inspection) -> String {
    let mut parts = vec![found.format.to_owned()];
    parts.extend(found.modality.map(|modality| match found.image {
        Some(_) => "fMRI".to_owned(),
        None => modality.to_string(),
    }));
    match &found.units {
        Some(units) => parts.push(format!("{}, {}", counted(units.n, "unit"), counted(units.trials, "trial"))),
        None if found.channels.is_empty() => {}
        None => parts.push(counted(found.channels.len(), "channel")),
    }
    parts.extend(found.sampling_rate_hz.map(|hz| format!("{} Hz", shortest(hz))));
    if let Some(n) = found.n_times {
        let secs = found.sampling_rate_hz.map(|hz| format!(" ({} s)", shortest(n as f64 / hz)));
        let noun = if found.image.is_some() { "volume" } else { "sample" };
        parts.push(format!("{}{}", counted(n, noun), secs.unwrap_or_default()));
    }
    parts.join(" · ")
}

/// When there was a recording, where it is not one stretch from 0 s on.
fn print_times(found: &Inspection) -> Result<()> {
    const SHOWN: usize = 6;
    let Some(recorded) = &found.recorded else { return Ok(()) };
    let stretches = recorded.intervals_secs();
    if found.units.is_none() && (stretches.len() < 2 && recorded.span_secs().is_none_or(|[start, _]| start == 0.0)) {
        return Ok(());
    }
    let shown: Vec<String> =
        stretches.iter().take(SHOWN).map(|&[start, stop]| format!("{}–{}", shortest(start), shortest(stop))).collect();
    let more = match stretches.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more stretches"),
    };
    say!("recorded: {} s{more}, together {} s", shown.join(", "), shortest(recorded.total_secs()))
}

/// Which annotations there are, the most frequent first.
fn print_annotations(found: &Inspection) -> Result<()> {
    const SHOWN: usize = 8;
    if found.annotations == 0 {
        return Ok(());
    }
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    found.all_annotations.iter().for_each(|annotation| *counts.entry(&annotation.text).or_default() += 1);
    let mut kinds: Vec<(&String, usize)> = counts.into_iter().collect();
    kinds.sort_by_key(|&(text, n)| (std::cmp::Reverse(n), text));
    let shown = kinds.iter().take(SHOWN).map(|(text, n)| format!("{} ×{n}", short(text, 30)));
    let more = match kinds.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} other texts"),
    };
    say!("{}: {}{more}", counted(found.annotations, "annotation"), shown.collect::<Vec<_>>().join(", "))
}

fn print_units(units: &UnitsInspection) -> Result<()> {
    say!("  {:<16}{:>9}{:>10}{:>12}  {:<CURVE_WIDTH$}  ", "unit", "spikes", "rate/Hz", "first/s", "spikes in time")?;
    for ((unit, n), first) in units.details.iter().zip(&units.n_spikes).zip(&units.first_spike_s) {
        let properties: Vec<String> =
            unit.properties.iter().map(|(name, value)| format!("{name} {}", short(value, 16))).collect();
        let first = first.map_or("–".to_owned(), |secs| format!("{secs:.4}"));
        let rate = number(Some(unit.rate_hz).filter(|hz| hz.is_finite()));
        let (name, curve) = (short(&unit.name, 15), curve(&unit.counts));
        let line = format!("  {name:<16}{n:>9}{rate:>10}{first:>12}  {curve}  {}", properties.join(", "));
        say!("{}", line.trim_end())?;
    }
    Ok(())
}

fn print_image(image: &ImageInspection, format: &str) -> Result<()> {
    let shape: Vec<String> = image.shape.iter().map(usize::to_string).collect();
    // The places of a CIFTI file are vertices and parcels.
    let voxel = match format.starts_with("CIFTI") {
        true => String::new(),
        false => format!(", voxels of {} mm", image.voxel_mm.map(shortest).join(" × ")),
    };
    let tr = image.tr_s.map_or(String::new(), |secs| format!(", a volume each {} s", shortest(secs)));
    say!("image: {} values{voxel}{tr}", shape.join(" × "))?;
    if image.mean.is_none() {
        return Ok(());
    }
    let [mean, std, min, max] = [image.mean, image.std, image.min, image.max].map(number);
    say!("values: mean {mean}, sd {std}, from {min} to {max}")
}

fn print_channels(channels: &[ChannelInspection]) -> Result<()> {
    let width = channels.iter().map(|channel| channel.name.chars().count()).max().unwrap_or(0).clamp(8, 28) + 2;
    let has_kind = channels.iter().any(|channel| channel.kind.is_some());
    let kind_head = if has_kind { format!("{:<16}", "kind") } else { String::new() };
    let of_other_rate = channels.iter().any(|channel| channel.sampling_rate_hz.is_some());
    let rate_head = if of_other_rate { format!("{:>10}", "Hz") } else { String::new() };
    say!(
        "  {:<width$}{kind_head}{:<8}{:>12}{:>12}{:>12}{:>12}{rate_head}  range in time",
        "channel",
        "unit",
        "mean",
        "sd",
        "min",
        "max"
    )?;
    for channel in channels {
        let [mean, std, min, max] = [channel.mean, channel.std, channel.min, channel.max].map(number);
        let rate = channel.sampling_rate_hz.map_or(String::new(), |hz| format!("{:>10}", shortest(hz)));
        let (name, unit) = (short(&channel.name, width - 2), short(&channel.unit, 7));
        let curve = curve(&channel.outline);
        let kind = match (has_kind, channel.kind) {
            (false, _) => String::new(),
            (true, kind) => format!("{:<16}", kind.map_or("–", ChannelKind::name)),
        };
        let line = format!("  {name:<width$}{kind}{unit:<8}{mean:>12}{std:>12}{min:>12}{max:>12}{rate}  {curve}");
        say!("{}", line.trim_end())?;
    }
    Ok(())
}

/// `▁▂▅█▁`, with a blank where nothing is known.
fn curve(outline: &Outline) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |share: f64| BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)];
    let drawn: String = outline.shares(CURVE_WIDTH).into_iter().map(|share| share.map_or(' ', bar)).collect();
    format!("{drawn:<CURVE_WIDTH$}")
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// At most `width` characters, none that a terminal would act on.
fn short(text: &str, width: usize) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match shown.chars().count() {
        n if n <= width => shown,
        _ => shown.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Up to four decimals, no trailing zeros.
fn shortest(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_string(),
        Some(value) if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) => format!("{value:.3e}"),
        Some(value) => format!("{value:.4}"),
    }
}
