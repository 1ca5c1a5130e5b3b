//! The simulated cohort on disk: a BIDS data set like any other, read back by the same readers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use nullcline_datasets::readers::{edf_write, nwb_write};
use nullcline_datasets::{SampleRate, SpikeTrains, Support};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

use super::circuit::{Activity, Circuit};

/// What the circuit is seen through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum View {
    Spikes,
    Eeg,
    Bold,
}

#[derive(Clone, Copy, Debug)]
pub struct CohortPlan {
    pub view: View,
    pub subjects_per_group: usize,
    pub secs: f64,
    pub seed: u64,
}

/// Sampling of the circuit, seconds; spikes are written at their times, BOLD every `TR`.
const DT_SECS: f64 = 0.1;
const EEG_RATE_HZ: f64 = 20.0;
const TR_SECS: f64 = 2.0;

const N_UNITS: usize = 20;
const N_ELECTRODES: usize = 12;
const N_REGIONS: usize = 12;

/// By which a later demo recognises the folder as its own.
pub const DATASET_NAME: &str = "Simulated two-population circuit: working memory in controls, none in patients";

/// Writes the cohort into `root`, which must not hold one yet.
pub fn write_cohort(root: &Path, plan: &CohortPlan) -> Result<()> {
    fs::create_dir_all(root)?;
    let description = serde_json::json!({ "Name": DATASET_NAME, "BIDSVersion": "1.10.0", "DatasetType": "raw" });
    fs::write(root.join("dataset_description.json"), format!("{description:#}\n"))?;
    let mut participants = String::from("participant_id\tgroup\tage\tsex\n");
    for number in 0..2 * plan.subjects_per_group {
        let control = number < plan.subjects_per_group;
        let name = match control {
            true => format!("control{:02}", number + 1),
            false => format!("patient{:02}", number + 1 - plan.subjects_per_group),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        rng.set_stream(number as u64 + 1);
        let (age, sex) = (rng.random_range(20..55), ["F", "M"][rng.random_range(0..2usize)]);
        let group = if control { "control" } else { "patient" };
        writeln!(participants, "sub-{name}\t{group}\t{age}\t{sex}")?;
        write_subject(root, &name, control, plan, &mut rng)?;
    }
    fs::write(root.join("participants.tsv"), participants)?;
    Ok(())
}

fn write_subject(root: &Path, name: &str, control: bool, plan: &CohortPlan, rng: &mut impl Rng) -> Result<()> {
    // People differ: recurrent excitation varies by a few percent within a group.
    let spread = 1.0 + 0.05 * rng.sample::<f64, _>(StandardNormal);
    let circuit =
        Circuit { w_self: if control { 4.4 } else { 0.8 } * spread, w_cross: 2.0, tau_secs: 0.2, noise: 0.03 };
    let prefix = format!("sub-{name}_task-memory");
    let folder = root.join(format!("sub-{name}")).join(match plan.view {
        View::Spikes => "ecephys",
        View::Eeg => "eeg",
        View::Bold => "func",
    });
    fs::create_dir_all(&folder)?;
    let cues = match plan.view {
        View::Spikes => {
            let activity = circuit.run(rng, plan.secs, DT_SECS, 0.5, 3.0);
            let trains = spikes(rng, &activity, plan.secs);
            let file = nwb_write::NwbToWrite {
                identifier: &prefix,
                session_description: "simulated two-population circuit",
                trains: &trains,
                storage: nwb_write::Storage::Plain,
            };
            nwb_write::write(&folder.join(format!("{prefix}_ecephys.nwb")), &file)?;
            activity.cues
        }
        View::Eeg => {
            let activity = circuit.run(rng, plan.secs, 1.0 / EEG_RATE_HZ, 0.5, 3.0);
            let names: Vec<String> = (1..=N_ELECTRODES).map(|n| format!("E{n}")).collect();
            let volts = mixtures(rng, &activity.rates, N_ELECTRODES, 0.2).into_iter().map(|x| (x * 20e-6) as f32);
            let samples: Vec<f32> = volts.collect();
            let file = edf_write::EdfToWrite {
                channel_names: &names,
                sample_rate: SampleRate::from_hz(EEG_RATE_HZ)?,
                samples: &samples,
            };
            edf_write::write(&folder.join(format!("{prefix}_eeg.edf")), &file)?;
            activity.cues
        }
        View::Bold => {
            // Slow cues: a volume every two seconds sees nothing of a half-second delay.
            let activity = circuit.run(rng, plan.secs, DT_SECS, 4.0, 30.0);
            write_bold(&folder, &prefix, &mixtures(rng, &bold(&activity.rates), N_REGIONS, 0.2))?;
            activity.cues
        }
    };
    let mut events = String::from("onset\tduration\ttrial_type\n");
    for (onset, duration, population) in cues {
        writeln!(events, "{onset:.3}\t{duration:.3}\tcue{}", population + 1)?;
    }
    fs::write(folder.join(format!("{prefix}_events.tsv")), events)?;
    Ok(())
}

/// Units prefer one population or the other; 2 to 20 spikes a second.
fn spikes(rng: &mut impl Rng, activity: &Activity, secs: f64) -> SpikeTrains {
    let units: Vec<(String, Vec<f64>)> = (0..N_UNITS)
        .map(|unit| {
            let population = unit % 2;
            let (base, gain) = (rng.random_range(2.0..4.0), rng.random_range(6.0..16.0));
            let mut spike_secs = Vec::new();
            for (t, rates) in activity.rates.iter().enumerate() {
                let expected = (base + gain * rates[population].max(0.0)) * DT_SECS;
                let n = Poisson::new(expected).map_or(0.0, |poisson| rng.sample(poisson)) as usize;
                let mut within: Vec<f64> = (0..n).map(|_| (t as f64 + rng.random_range(0.0..1.0)) * DT_SECS).collect();
                within.sort_by(f64::total_cmp);
                spike_secs.extend(within);
            }
            (format!("unit{:02}", unit + 1), spike_secs)
        })
        .collect();
    SpikeTrains::of_units(units, Support::between(0.0, secs))
}

/// Random linear mixtures `[time, n]` of the two sources, with white sensor noise.
fn mixtures(rng: &mut impl Rng, sources: &[[f64; 2]], n: usize, noise: f64) -> Vec<f64> {
    let weights: Vec<[f64; 2]> = (0..n).map(|_| [rng.sample(StandardNormal), rng.sample(StandardNormal)]).collect();
    let mut mixed = Vec::with_capacity(sources.len() * n);
    for source in sources {
        for weight in &weights {
            let clean = weight[0] * (source[0] - 0.5) + weight[1] * (source[1] - 0.5);
            mixed.push(clean + noise * rng.sample::<f64, _>(StandardNormal));
        }
    }
    mixed
}

/// Rates convolved with a haemodynamic response, one sample each TR.
///
/// `h(t) = t⁵ e^{−t} / 5! − t¹⁵ e^{−t} / (6 · 15!)`, t in seconds (Glover 1999, NeuroImage 9, 416–429).
fn bold(rates: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let response: Vec<f64> = (0..(32.0 / DT_SECS) as usize)
        .map(|k| {
            let t = k as f64 * DT_SECS;
            (t.powi(5) / factorial(5) - t.powi(15) / (6.0 * factorial(15))) * (-t).exp() * DT_SECS
        })
        .collect();
    let total: f64 = response.iter().sum();
    let every = (TR_SECS / DT_SECS).round() as usize;
    (0..rates.len())
        .step_by(every)
        .map(|t| {
            std::array::from_fn(|i| {
                let past = response.iter().enumerate().map(|(k, weight)| {
                    // Before the recording the circuit was at rest.
                    let rate = t.checked_sub(k).map_or(0.5, |t| rates[t][i]);
                    weight * rate
                });
                past.sum::<f64>() / total
            })
        })
        .collect()
}

fn write_bold(folder: &Path, prefix: &str, values: &[f64]) -> Result<()> {
    let stem = format!("{prefix}_atlas-Simulated_stat-mean_timeseries");
    let mut text = (1..=N_REGIONS).map(|n| format!("roi{n:02}")).collect::<Vec<_>>().join("\t");
    text.push('\n');
    for row in values.chunks_exact(N_REGIONS) {
        text.push_str(&row.iter().map(|value| format!("{:.5}", 1000.0 + 10.0 * value)).collect::<Vec<_>>().join("\t"));
        text.push('\n');
    }
    fs::write(folder.join(format!("{stem}.tsv")), text)?;
    fs::write(
        folder.join(format!("{stem}.json")),
        format!("{{\n  \"TaskName\": \"memory\",\n  \"RepetitionTime\": {TR_SECS:.1}\n}}\n"),
    )?;
    Ok(())
}
