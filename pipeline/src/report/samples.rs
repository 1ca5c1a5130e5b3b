//! Pages to test with: what a lab would see, and what it should never have to.

use crate::compare::{ClassifierScore, Comparison, DistanceTest, FeatureDifference, SubjectValue};
use crate::report::*;

/// A name that would run as a script, end a script element or leave an attribute.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script>\" onload='alert(2)' <img src=x> &amp; javascript:alert(3)";

/// Repeatable noise, roughly normal.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

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
        excluded: Some(
            "need 60 s of clean signal, found 12.4 s in sub-003/eeg/sub-003_task-rest_eeg.edf"
                .into(),
        ),
        scores: vec![],
        best: None,
        colophon: Colophon {
            command: String::new(),
            settings: String::new(),
            references: vec![],
            ..colophon()
        },
    }
}

/// Hostile names wherever a name can stand, and numbers that are none.
pub fn nasty_subject() -> SubjectPage {
    let name = || HOSTILE.to_string();
    let mut page = subject();
    page.subject = name();
    page.group = Some(name());
    page.participant = vec![(name(), name())];
    page.excluded = Some(name());
    page.recording = Some(RecordingFacts {
        files: vec![name()],
        modality: name(),
        sampling_rate_hz: f64::NAN,
        n_times: 0,
        n_fit: 10,
        n_validation: 10,
        channels_kept: vec![name()],
        channels_excluded: vec![(name(), name())],
        steps: vec![name()],
        warnings: vec![name()],
    });
    for row in &mut page.scores {
        (row.name, row.verdict, row.reason) = (name(), name(), name());
        (row.d_stsp, row.d_h, row.pe, row.bits_per_spike) = (
            Some(f64::NAN),
            Some(f64::INFINITY),
            None,
            Some(f64::NEG_INFINITY),
        );
    }
    let bad = [f64::NAN, f64::INFINITY, -1e308, 1e308, 0.0];
    page.best = Some(BestModel {
        name: name(),
        summary: name(),
        traces: vec![TracePair {
            channel: name(),
            unit: name(),
            secs: bad.to_vec(),
            data: bad.to_vec(),
            simulated: vec![],
        }],
        spectra: vec![SpectrumPair {
            channel: name(),
            hz: bad.to_vec(),
            data: bad.to_vec(),
            simulated: bad.to_vec(),
        }],
        phase: PhasePortrait {
            explained: [f64::NAN; 3],
            data: vec![[f64::NAN, 1.0, 2.0], [1.0, 1.0, 1.0]],
            simulated: vec![[f64::INFINITY; 3]],
            fixed_points: vec![
                PhasePoint {
                    label: name(),
                    at: [1.0; 3],
                    stability: name(),
                },
                PhasePoint {
                    label: name(),
                    at: [f64::NAN; 3],
                    stability: "stable".into(),
                },
            ],
        },
        fixed_points: vec![FixedPointRow {
            label: name(),
            stability: name(),
            unstable_dims: 0,
            spectral_radius: f64::NAN,
            time_constant_secs: None,
            frequency_hz: None,
            residual: f64::INFINITY,
            distance_from_data: f64::NAN,
        }],
        fixed_points_complete: false,
        attractors: vec![AttractorRow {
            label: name(),
            kind: name(),
            period_secs: None,
            largest_lyapunov_per_sec: f64::NAN,
            basin_fraction: f64::NAN,
            basin_low: f64::NAN,
            basin_high: f64::NAN,
        }],
        diverged_fraction: f64::NAN,
        undecided_fraction: f64::NAN,
        loss: LossCurve {
            epoch: vec![f64::NAN, 1.0],
            loss: vec![f64::INFINITY, f64::NAN],
            validation: vec![],
            chosen_epoch: f64::NAN,
        },
    });
    page.colophon = nasty_colophon();
    page
}

/// A cohort of `n` subjects; `effect` is the true difference of every fourth feature.
pub fn group(n: usize, n_features: usize, effect: f64) -> GroupPage {
    let subjects: Vec<SubjectRow> = (0..n).map(|index| subject_row(index, n)).collect();
    let analysed: Vec<(String, bool)> = subjects
        .iter()
        .filter(|row| row.excluded.is_none())
        .map(|row| (row.subject.clone(), row.group == "patient"))
        .collect();
    let features: Vec<FeatureDifference> = (0..n_features)
        .map(|index| {
            let name = FEATURES
                .get(index)
                .map_or(format!("feature {index:02}"), |(name, _, _)| {
                    name.to_string()
                });
            let shift = if index % 4 == 1 { effect } else { 0.0 };
            difference(
                &name,
                index as u64,
                shift,
                &analysed,
                Some(0.25 + 0.07 * (index % 10) as f64),
            )
        })
        .collect();
    let simple = [
        "theta power",
        "alpha power",
        "mean |correlation|",
        "log sd",
        "1/f slope",
    ]
    .iter()
    .enumerate()
    .map(|(index, name)| {
        difference(
            name,
            100 + index as u64,
            if index == 0 { effect } else { 0.0 },
            &analysed,
            None,
        )
    })
    .collect();
    let n_other = analysed.iter().filter(|(_, is_other)| *is_other).count();
    let classifier =
        |predictors: &str, n_predictors, balanced_accuracy, auc, p_permutation| ClassifierScore {
            predictors: predictors.into(),
            n_predictors,
            n_subjects: analysed.len(),
            balanced_accuracy,
            auc,
            p_permutation,
        };
    GroupPage {
        dataset: "Resting EEG in schizophrenia".into(),
        group_column: "diagnosis".into(),
        alpha: 0.05,
        findings: vec![
            "In 19 of 28 subjects the model reproduces the held-out recording better than a linear model.".into(),
            "Three features of the dynamics differ between the groups after correction (q < 0.05); the largest is the time constant (g = 1.3).".into(),
            "Theta power alone tells the groups apart as well as all features of the dynamics together.".into(),
        ],
        comparison: Some(Comparison {
            control: "control".into(),
            other: "patient".into(),
            n_control: analysed.len() - n_other,
            n_other,
            covariates: vec!["age".into(), "sex".into()],
            n_permutations: 9999,
            features,
            simple,
            distance: Some(DistanceTest { pseudo_f: 1.83, r_squared: 0.064, p_permutation: 0.081, n_features: 9 }),
            classifiers: vec![
                classifier("dynamics", 12, 0.61, 0.66, 0.084),
                classifier("covariates", 2, 0.51, 0.49, 0.47),
                classifier("simple statistics", 5, 0.68, 0.71, 0.012),
            ],
            notes: vec!["period of the slowest cycle: only 7 subjects have one; not tested".into()],
        }),
        not_compared: None,
        feature_help: FEATURES.iter().map(|(name, unit, help)| (name.to_string(), unit.to_string(), help.to_string())).collect(),
        subjects,
        colophon: colophon(),
    }
}

/// Nobody's model was faithful.
pub fn uncompared_group() -> GroupPage {
    let mut page = group(6, 0, 0.0);
    page.comparison = None;
    page.not_compared =
        Some("need 5 subjects with a faithful model in each group, found 0 in `control`".into());
    page.findings = vec![];
    page.feature_help = vec![];
    for row in &mut page.subjects {
        row.excluded = Some("no refit reproduces the held-out recording".into());
        (row.link, row.d_stsp, row.d_h, row.var_d_stsp, row.var_d_h) =
            (None, None, None, None, None);
        (row.beats_linear, row.n_faithful, row.attractors) = (None, 0, String::new());
    }
    page
}

/// Hostile and very long names, sixty subjects, forty features, numbers that are none.
pub fn nasty_group() -> GroupPage {
    let mut page = group(60, 40, 0.0);
    page.dataset = HOSTILE.repeat(3);
    page.group_column = HOSTILE.into();
    page.findings = vec![HOSTILE.into()];
    page.feature_help = vec![("feature 30".into(), HOSTILE.into(), HOSTILE.into())];
    page.subjects[1].link = Some("javascript:alert(1)".into());
    page.subjects[2].subject = HOSTILE.into();
    page.subjects[2].excluded = Some(HOSTILE.into());
    page.subjects[3].group = HOSTILE.into();
    if let Some(comparison) = &mut page.comparison {
        (comparison.control, comparison.other) = ("control".into(), HOSTILE.into());
        comparison.notes = vec![HOSTILE.into()];
        comparison.covariates = vec![HOSTILE.into()];
        comparison.distance = Some(DistanceTest {
            pseudo_f: f64::INFINITY,
            r_squared: f64::NAN,
            p_permutation: f64::NAN,
            n_features: 0,
        });
        comparison.classifiers[1].predictors = HOSTILE.into();
        comparison.classifiers[2].balanced_accuracy = f64::NAN;
        for row in &mut comparison.features {
            for value in &mut row.values {
                if value.group == "patient" {
                    value.group = HOSTILE.into();
                }
            }
        }
        let row = &mut comparison.features[0];
        row.feature = HOSTILE.into();
        (row.hedges_g, row.g_low, row.g_high, row.q_fdr, row.icc) =
            (f64::NAN, f64::NAN, f64::NAN, f64::NAN, Some(f64::NAN));
        row.values[0].value = f64::NAN;
        row.values[1].subject = HOSTILE.into();
        let row = &mut comparison.features[1];
        (row.hedges_g, row.g_low, row.g_high) = (9.0, f64::NEG_INFINITY, 31.0);
    }
    page.colophon = nasty_colophon();
    page
}

const FEATURES: [(&str, &str, &str); 12] = [
    (
        "number of attractors",
        "",
        "How many attractors the model of this subject has.",
    ),
    (
        "slowest time constant",
        "s",
        "How long the slowest direction at a stable fixed point takes to shrink by a factor of e.",
    ),
    (
        "largest Lyapunov exponent",
        "1/s",
        "How fast neighbouring states part on the attractor with the largest basin.",
    ),
    (
        "Kaplan–Yorke dimension",
        "",
        "Dimension of that attractor, from its Lyapunov exponents.",
    ),
    (
        "spectral radius",
        "",
        "Largest modulus of a multiplier over the fixed points.",
    ),
    (
        "number of fixed points",
        "",
        "How many states the model maps onto themselves.",
    ),
    (
        "largest basin",
        "share",
        "Share of starts that end on the most common attractor.",
    ),
    (
        "basin entropy",
        "nats",
        "How evenly starts are divided over attractors.",
    ),
    (
        "unstable directions",
        "",
        "Mean number of growing directions over the fixed points.",
    ),
    (
        "slowest frequency",
        "Hz",
        "Frequency of the slowest rotating direction.",
    ),
    (
        "distance of the nearest saddle",
        "sd",
        "From the centre of the data to the nearest saddle, in standard deviations.",
    ),
    (
        "share of starts that diverge",
        "share",
        "Starts from which the model's activity grows without bound.",
    ),
];

fn colophon() -> Colophon {
    Colophon {
        version: "0.1.0".into(),
        command: "nullcline run bids/ out/ participant --random-seed 20240607 --n-cpus 8".into(),
        seed: 20_240_607,
        settings: "[fit]\nmodel = \"shPLRNN\"\nlatent_dim = 8\nhidden_units = 64\nrefits = 3\n\n[analysis]\nstarts = 1000\n".into(),
        references: vec![
            ("generalised teacher forcing".into(), "Hess, Monfared, Brenner & Durstewitz (2023), ICML, 13017–13049.".into()),
            ("fixed points".into(), "Eisenmann et al. (2023), NeurIPS 36. doi:10.1234/example.17".into()),
        ],
    }
}

fn nasty_colophon() -> Colophon {
    Colophon {
        version: HOSTILE.into(),
        command: HOSTILE.into(),
        seed: u64::MAX,
        settings: HOSTILE.into(),
        references: vec![(
            HOSTILE.into(),
            format!("{HOSTILE} doi:10.1/\"><script>alert(4)</script>"),
        )],
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
        channels_kept: ["Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2"]
            .map(String::from)
            .to_vec(),
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
        row(
            "refit 1",
            "faithful",
            "",
            Some(1.412_345),
            Some(0.0923),
            Some(0.312),
        ),
        row(
            "refit 2",
            "faithful",
            "",
            Some(0.871),
            Some(0.0841),
            Some(0.288),
        ),
        row(
            "refit 3",
            "not faithful",
            "D_stsp 9.1 is above the limit of 3",
            Some(9.1),
            Some(0.412),
            Some(0.87),
        ),
        row("phase surrogate", "", "", Some(2.28), Some(0.003), None),
        row("VAR(5)", "", "", Some(2.31), Some(0.0512), Some(0.455)),
        row("constant", "", "", Some(16.4), Some(0.88), Some(1.0)),
    ]
}

fn best_model() -> BestModel {
    let (data, simulated) = (
        lorenz([1.0, 1.0, 20.0], 3000),
        lorenz([-4.0, -7.0, 18.0], 3000),
    );
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
        spectra: channels
            .iter()
            .enumerate()
            .map(|(index, channel)| spectrum(channel, index))
            .collect(),
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
        attractors: vec![
            AttractorRow {
                label: "A1".into(),
                kind: "fixed point".into(),
                period_secs: None,
                largest_lyapunov_per_sec: -5.43,
                basin_fraction: 0.634,
                basin_low: 0.603,
                basin_high: 0.664,
            },
            AttractorRow {
                label: "A2".into(),
                kind: "cycle".into(),
                period_secs: Some(0.1224),
                largest_lyapunov_per_sec: 0.000_2,
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
                .map(|e| {
                    3.0 + 9.0 * (-f64::from(e) / 60.0).exp() + 0.1 * (f64::from(e) * 1.7).sin()
                })
                .collect(),
            validation: (1..40)
                .map(|k| {
                    let k = f64::from(k);
                    [
                        50.0 * k,
                        1.0 + 6.0 * (-k / 7.0).exp() + 0.3 * (k * 2.1).sin().powi(2),
                    ]
                })
                .collect(),
            chosen_epoch: 1350.0,
        },
    }
}

fn phase_point(label: &str, at: [f64; 3], stability: &str) -> PhasePoint {
    PhasePoint {
        label: label.into(),
        at,
        stability: stability.into(),
    }
}

fn spectrum(channel: &str, index: usize) -> SpectrumPair {
    let hz: Vec<f64> = (1..=225).map(|k| 0.2 * f64::from(k)).collect();
    let mut chance = Noise(40 + index as u64);
    let mut power = |noise: f64| -> Vec<f64> {
        hz.iter()
            .map(|f| {
                (40.0 / (1.0 + f * f) + 3.0 * (-(f - 10.0).powi(2) / 3.0).exp())
                    * (noise * chance.next()).exp()
            })
            .collect()
    };
    SpectrumPair {
        channel: channel.into(),
        data: power(0.25),
        simulated: power(0.05),
        hz,
    }
}

/// The Lorenz system (σ 10, ρ 28, β 8⁄3) by small Euler steps, every hundredth of a second.
fn lorenz(start: [f64; 3], n_points: usize) -> Vec<[f64; 3]> {
    let mut z = start;
    let mut orbit = Vec::new();
    for _ in 0..n_points {
        for _ in 0..10 {
            let flow = [
                10.0 * (z[1] - z[0]),
                z[0] * (28.0 - z[2]) - z[1],
                z[0] * z[1] - 8.0 / 3.0 * z[2],
            ];
            z = [0, 1, 2].map(|axis| z[axis] + 0.001 * flow[axis]);
        }
        orbit.push(z);
    }
    orbit
}

fn subject_row(index: usize, n: usize) -> SubjectRow {
    let mut chance = Noise(7 * index as u64 + 3);
    let excluded = (index % 9 == 4).then(|| {
        "no refit reproduces the held-out recording (best D_stsp 9.8, limit 3)".to_string()
    });
    let linear = 2.3 * (0.3 * chance.next()).exp();
    let model = linear * (0.4 * chance.next() - 0.3).exp();
    let subject = format!("sub-{:03}", index + 1);
    SubjectRow {
        link: Some(format!("{subject}.html")),
        subject,
        group: if 2 * index < n { "control" } else { "patient" }.into(),
        n_refits: 3,
        n_faithful: if excluded.is_some() { 0 } else { 1 + index % 3 },
        d_stsp: Some(model),
        d_h: Some((0.09 * (0.3 * chance.next()).exp()).min(1.0)),
        var_d_stsp: Some(linear),
        var_d_h: Some((0.11 * (0.3 * chance.next()).exp()).min(1.0)),
        beats_linear: Some(model < linear),
        attractors: [
            "1 cycle",
            "2 fixed points",
            "1 chaotic",
            "1 fixed point, 1 cycle",
        ][index % 4]
            .into(),
        excluded,
    }
}

fn difference(
    name: &str,
    seed: u64,
    shift: f64,
    subjects: &[(String, bool)],
    icc: Option<f64>,
) -> FeatureDifference {
    let mut chance = Noise(seed.wrapping_mul(977) + 11);
    let values: Vec<SubjectValue> = subjects
        .iter()
        .map(|(subject, is_other)| SubjectValue {
            subject: subject.clone(),
            group: if *is_other { "patient" } else { "control" }.into(),
            value: 2.0 + 0.5 * (chance.next() + if *is_other { shift } else { 0.0 }),
        })
        .collect();
    let of = |group: &str| -> Vec<f64> {
        values
            .iter()
            .filter(|v| v.group == group)
            .map(|v| v.value)
            .collect()
    };
    let moments = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        (
            mean,
            (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (x.len() as f64 - 1.0)).sqrt(),
        )
    };
    let (control, other) = (of("control"), of("patient"));
    let ((mean_control, sd_control), (mean_other, sd_other)) = (moments(&control), moments(&other));
    let g = (mean_other - mean_control) / (0.5 * (sd_control.powi(2) + sd_other.powi(2))).sqrt();
    let half = 1.96 * (1.0 / control.len() as f64 + 1.0 / other.len() as f64).sqrt();
    let p = (-(1.8 * g.abs() / half).powi(2)).exp().clamp(1e-4, 1.0);
    FeatureDifference {
        feature: name.into(),
        n_control: control.len(),
        n_other: other.len(),
        mean_control,
        mean_other,
        sd_control,
        sd_other,
        hedges_g: g,
        g_low: g - half,
        g_high: g + half,
        auc: 0.5 + 0.25 * g.clamp(-2.0, 2.0),
        p_permutation: p,
        q_fdr: (3.0 * p).min(1.0),
        icc,
        values,
    }
}
