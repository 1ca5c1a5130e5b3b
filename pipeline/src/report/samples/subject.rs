//! Pages of one subject.

use super::{Noise, colophon};
use crate::report::*;

/// A subject whose recording is the Lorenz system in five channels, well reproduced.
pub fn subject() -> SubjectPage {
    SubjectPage {
        subject: "sub-017".into(),
        group: Some("patient".into()),
        participant: vec![
            ("age".into(), "34".into()),
            ("sex".into(), "F".into()),
            ("handedness".into(), "right".into()),
        ],
        recording: Some(recording()),
        excluded: None,
        scores: scores(),
        best: Some(best_model()),
        colophon: colophon(),
    }
}

/// A file that could not be read.
pub fn unread_subject() -> SubjectPage {
    SubjectPage {
        subject: "sub-003".into(),
        group: None,
        participant: vec![],
        recording: None,
        excluded: Some("need 60 s of clean signal, found 12.4 s in sub-003/eeg/sub-003_task-rest_eeg.edf".into()),
        scores: vec![],
        best: None,
        colophon: Colophon { command: String::new(), settings: String::new(), references: vec![], ..colophon() },
    }
}

fn recording() -> RecordingFacts {
    RecordingFacts {
        files: vec![
            "sub-017/eeg/sub-017_task-rest_eeg.edf".into(),
            "sub-017/eeg/sub-017_task-rest_channels.tsv".into(),
        ],
        modality: "EEG".into(),
        sampling_rate_hz: 125.0,
        n_times: 37_500,
        n_fit: 26_250,
        n_validation: 3_750,
        channels_kept: ["Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2"].map(String::from).to_vec(),
        channels_excluded: vec![
            ("T7".into(), "flat for 42 % of the recording".into()),
            ("ECG".into(), "not EEG".into()),
        ],
        steps: vec![
            "Band-pass filtered from 0.5 to 45 Hz.".into(),
            "Resampled from 500 to 125 Hz.".into(),
            "Standardised per channel on the fitted part.".into(),
        ],
        warnings: vec!["2 gaps of together 1.4 s were bridged by interpolation.".into()],
    }
}

fn scores() -> Vec<ScoreRow> {
    let row = |name: &str, verdict: &str, reason: &str, d_stsp, d_h, pe| ScoreRow {
        name: name.into(),
        is_rival: verdict.is_empty(),
        verdict: verdict.into(),
        reason: reason.into(),
        d_stsp,
        d_h,
        pe,
        pe_steps: 20,
        bits_per_spike: None,
    };
    vec![
        row("refit 1", "faithful", "", Some(1.412_345), Some(0.0923), Some(0.312)),
        row("refit 2", "faithful", "", Some(0.871), Some(0.0841), Some(0.288)),
        row("refit 3", "not faithful", "D_stsp 9.1 is above the limit of 3", Some(9.1), Some(0.412), Some(0.87)),
        row("same recording, earlier", "", "", Some(0.053), Some(0.0412), None),
        row("phase surrogate", "", "", Some(2.28), Some(0.003), None),
        row("VAR(5)", "", "", Some(2.31), Some(0.0512), Some(0.455)),
        row("constant", "", "", Some(16.4), Some(0.88), Some(1.0)),
    ]
}

fn best_model() -> BestModel {
    let (data, simulated) = (lorenz([1.0, 1.0, 20.0], 3000), lorenz([-4.0, -7.0, 18.0], 3000));
    let mixed = |orbit: &[[f64; 3]], channel: usize, noise: f64| -> Vec<f64> {
        let mut chance = Noise(channel as u64);
        let weight = |axis: usize| ((channel * 3 + axis) as f64).sin();
        orbit
            .iter()
            .take(1250)
            .map(|z| {
                let signal: f64 = (0..3).map(|axis| weight(axis) * z[axis]).sum();
                signal + noise * chance.next()
            })
            .collect()
    };
    let channels = ["Fp1", "F3", "C3", "P3", "O1", "O2"];
    BestModel {
        name: "refit 2".into(),
        summary: "shPLRNN, 8 latent, 64 hidden, 1,176 parameters".into(),
        traces: channels
            .iter()
            .enumerate()
            .map(|(index, channel)| TracePair {
                channel: channel.to_string(),
                unit: "µV".into(),
                secs: (0..1250).map(|t| 240.0 + f64::from(t) / 125.0).collect(),
                data: mixed(&data, index, 1.0),
                simulated: mixed(&simulated, index, 0.0),
            })
            .collect(),
        spectra: channels.iter().enumerate().map(|(index, channel)| spectrum(channel, index)).collect(),
        phase: PhasePortrait {
            explained: [0.62, 0.21, 0.09],
            data: data.clone(),
            simulated,
            fixed_points: vec![
                phase_point("P1", [8.485, 8.485, 27.0], "saddle"),
                phase_point("P2", [-8.485, -8.485, 27.0], "stable"),
                phase_point("P3", [0.0, 0.0, 0.0], "unstable"),
                phase_point("P4", [310.0, 0.0, 0.0], "saddle"),
            ],
        },
        fixed_points: ["saddle", "stable", "unstable", "saddle"]
            .iter()
            .enumerate()
            .map(|(index, stability)| FixedPointRow {
                label: format!("P{}", index + 1),
                stability: stability.to_string(),
                unstable_dims: [2, 0, 3, 1][index],
                spectral_radius: [1.013, 0.9871, 1.21, 1.002][index],
                time_constant_secs: [Some(0.62), Some(0.184), Some(0.0213), None][index],
                frequency_hz: [Some(1.63), Some(9.81), None, None][index],
                residual: 3.2e-14,
                distance_from_data: [0.8, 0.9, 2.4, 31.2][index],
            })
            .collect(),
        fixed_points_complete: true,
        basins: Some(BasinPicture {
            reach: [30.0, 22.0],
            ends: (0..32)
                .map(|row| {
                    let end = |column: usize| match (column as f64 - 16.0) - 4.0 * (0.4 * row as f64).sin() {
                        right if right > 9.0 => "diverged",
                        right if right > 0.0 => "A1",
                        _ => "A2",
                    };
                    (0..32).map(|column| end(column).to_string()).collect()
                })
                .collect(),
            data: data.iter().map(|z| [z[0], z[1]]).collect(),
            attractors: vec![("A1".into(), [9.0, 9.0]), ("A2".into(), [-8.5, -8.5])],
        }),
        attractors: vec![
            AttractorRow {
                label: "A1".into(),
                kind: "fixed point".into(),
                period_secs: None,
                decay_secs: Some(0.184),
                largest_lyapunov_per_sec: -5.43,
                lyapunov_error_per_sec: 0.0,
                dimension: None,
                basin_fraction: 0.634,
                basin_low: 0.603,
                basin_high: 0.664,
            },
            AttractorRow {
                label: "A2".into(),
                kind: "cycle".into(),
                period_secs: Some(0.1224),
                decay_secs: Some(0.031),
                largest_lyapunov_per_sec: 0.000_2,
                lyapunov_error_per_sec: 0.000_1,
                dimension: None,
                basin_fraction: 0.352,
                basin_low: 0.322,
                basin_high: 0.382,
            },
        ],
        diverged_fraction: 0.0,
        undecided_fraction: 0.014,
        loss: LossCurve {
            epoch: (0..400).map(|e| 5.0 * f64::from(e)).collect(),
            loss: (0..400)
                .map(|e| 3.0 + 9.0 * (-f64::from(e) / 60.0).exp() + 0.1 * (f64::from(e) * 1.7).sin())
                .collect(),
            validation: (1..40)
                .map(|k| {
                    let k = f64::from(k);
                    [50.0 * k, 1.0 + 6.0 * (-k / 7.0).exp() + 0.3 * (k * 2.1).sin().powi(2)]
                })
                .collect(),
            chosen_epoch: 1350.0,
        },
    }
}

fn phase_point(label: &str, at: [f64; 3], stability: &str) -> PhasePoint {
    PhasePoint { label: label.into(), at, stability: stability.into() }
}

fn spectrum(channel: &str, index: usize) -> SpectrumPair {
    let hz: Vec<f64> = (1..=225).map(|k| 0.2 * f64::from(k)).collect();
    let mut chance = Noise(40 + index as u64);
    let mut power = |noise: f64| -> Vec<f64> {
        hz.iter()
            .map(|f| (40.0 / (1.0 + f * f) + 3.0 * (-(f - 10.0).powi(2) / 3.0).exp()) * (noise * chance.next()).exp())
            .collect()
    };
    SpectrumPair { channel: channel.into(), data: power(0.25), simulated: power(0.05), hz }
}

/// The Lorenz system (σ 10, ρ 28, β 8⁄3) by small Euler steps, every hundredth of a second.
fn lorenz(start: [f64; 3], n_points: usize) -> Vec<[f64; 3]> {
    let mut z = start;
    let mut orbit = Vec::new();
    for _ in 0..n_points {
        for _ in 0..10 {
            let flow = [10.0 * (z[1] - z[0]), z[0] * (28.0 - z[2]) - z[1], z[0] * z[1] - 8.0 / 3.0 * z[2]];
            z = [0, 1, 2].map(|axis| z[axis] + 0.001 * flow[axis]);
        }
        orbit.push(z);
    }
    orbit
}
