//! Pages of a cohort.

use super::{HOSTILE, Noise, colophon, nasty_colophon};
use crate::compare::{ClassifierScore, Comparison, DistanceTest, FeatureDifference, SubjectValue};
use crate::report::*;

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
            let name = FEATURES.get(index).map_or(format!("feature {index:02}"), |(name, _, _)| name.to_string());
            let shift = if index % 4 == 1 { effect } else { 0.0 };
            difference(&name, index as u64, shift, &analysed, Some(0.25 + 0.07 * (index % 10) as f64))
        })
        .collect();
    let simple = ["theta_power", "alpha_power", "mean |correlation|", "log sd", "1/f slope"]
        .iter()
        .enumerate()
        .map(|(index, name)| {
            difference(name, 100 + index as u64, if index == 0 { effect } else { 0.0 }, &analysed, None)
        })
        .collect();
    let n_other = analysed.iter().filter(|(_, is_other)| *is_other).count();
    let classifier = |predictors: &str, n_predictors, balanced_accuracy, auc, p_permutation| ClassifierScore {
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
            dynamics_distance: Some(DistanceTest {
                pseudo_f: 2.94,
                r_squared: 0.098,
                p_permutation: 0.012,
                n_features: 17,
            }),
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
    page.not_compared = Some("need 5 subjects with a faithful model in each group, found 0 in `control`".into());
    page.findings = vec![];
    page.feature_help = vec![];
    for row in &mut page.subjects {
        row.excluded = Some("no refit reproduces the held-out recording".into());
        (row.link, row.d_stsp, row.d_h, row.var_d_stsp, row.var_d_h) = (None, None, None, None, None);
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
        comparison.distance =
            Some(DistanceTest { pseudo_f: f64::INFINITY, r_squared: f64::NAN, p_permutation: f64::NAN, n_features: 0 });
        comparison.dynamics_distance = comparison.distance.clone();
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
    ("number_of_attractors", "", "How many attractors the model of this subject has."),
    (
        "slowest_time_constant",
        "s",
        "How long the slowest direction at a stable fixed point takes to shrink by a factor of e.",
    ),
    ("largest_Lyapunov_exponent", "1/s", "How fast neighbouring states part on the attractor with the largest basin."),
    ("Kaplan–Yorke dimension", "", "Dimension of that attractor, from its Lyapunov exponents."),
    ("spectral radius", "", "Largest modulus of a multiplier over the fixed points."),
    ("number of fixed points", "", "How many states the model maps onto themselves."),
    ("largest basin", "share", "Share of starts that end on the most common attractor."),
    ("basin entropy", "nats", "How evenly starts are divided over attractors."),
    ("unstable directions", "", "Mean number of growing directions over the fixed points."),
    ("slowest frequency", "Hz", "Frequency of the slowest rotating direction."),
    (
        "distance of the nearest saddle",
        "sd",
        "From the centre of the data to the nearest saddle, in standard deviations.",
    ),
    ("share of starts that diverge", "share", "Starts from which the model's activity grows without bound."),
];

fn subject_row(index: usize, n: usize) -> SubjectRow {
    let mut chance = Noise(7 * index as u64 + 3);
    let excluded =
        (index % 9 == 4).then(|| "no refit reproduces the held-out recording (best D_stsp 9.8, limit 3)".to_string());
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
        attractors: ["1 cycle", "2 fixed points", "1 chaotic", "1 fixed point, 1 cycle"][index % 4].into(),
        excluded,
    }
}

fn difference(name: &str, seed: u64, shift: f64, subjects: &[(String, bool)], icc: Option<f64>) -> FeatureDifference {
    let mut chance = Noise(seed.wrapping_mul(977) + 11);
    let values: Vec<SubjectValue> = subjects
        .iter()
        .map(|(subject, is_other)| SubjectValue {
            subject: subject.clone(),
            group: if *is_other { "patient" } else { "control" }.into(),
            value: 2.0 + 0.5 * (chance.next() + if *is_other { shift } else { 0.0 }),
        })
        .collect();
    let of = |group: &str| -> Vec<f64> { values.iter().filter(|v| v.group == group).map(|v| v.value).collect() };
    let moments = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        (mean, (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (x.len() as f64 - 1.0)).sqrt())
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
