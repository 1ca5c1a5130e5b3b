//! The comparison from end to end.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

pub(super) fn assert_close(found: f64, expected: f64, tolerance: f64) {
    let close = (found - expected).abs() <= tolerance;
    assert!(close, "found {found}, expected {expected} ± {tolerance}");
}

fn plan(covariates: &[&str]) -> ComparisonPlan {
    ComparisonPlan {
        control: "control".to_string(),
        covariates: covariates.iter().map(|name| name.to_string()).collect(),
        n_permutations: 199,
        alpha: 0.05,
        min_per_group: 3,
    }
}

/// Standard normal, by the sum of twelve uniforms: close enough, and free of tails.
pub(super) fn noise(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

fn named(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
    values.iter().map(|&(name, value)| (name.to_string(), value)).collect()
}

/// Sixty subjects, half of them patients; `exponent` differs by `shift` standard deviations.
fn cohort(seed: u64, shift: f64) -> Vec<SubjectFeatures> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..60)
        .map(|i| {
            let patient = i % 2 == 1;
            let trait_ = noise(&mut rng) + if patient { shift } else { 0.0 };
            let others: Vec<f64> = (0..19).map(|_| noise(&mut rng)).collect();
            let refits = (0..5).map(|_| {
                let mut features: BTreeMap<String, f64> =
                    (0..19).map(|j| (format!("f{j:02}"), others[j] + 0.3 * noise(&mut rng))).collect();
                features.insert("exponent".to_string(), trait_ + 0.3 * noise(&mut rng));
                features
            });
            SubjectFeatures {
                subject: format!("sub-{i:02}"),
                group: if patient { "patient" } else { "control" }.to_string(),
                refits: refits.collect(),
                // Two refits; patients turn faster by `shift`.
                spectra: (0..2)
                    .map(|refit| {
                        let angle = 0.3 + 0.1 * trait_ + 0.01 * f64::from(refit);
                        let (sin, cos) = angle.sin_cos();
                        vec![[cos, sin], [cos, -sin], [0.4, 0.0]]
                    })
                    .collect(),
                covariates: named(&[("age", 40.0 + 10.0 * noise(&mut rng)), ("sex", f64::from(i / 2 % 2))]),
                simple: named(&[("variance", noise(&mut rng)), ("correlation", noise(&mut rng))]),
            }
        })
        .collect()
}

fn bytes(comparison: &Comparison) -> String {
    serde_json::to_string(comparison).unwrap()
}

fn has_note(comparison: &Comparison, start: &str) -> bool {
    comparison.notes.iter().any(|note| note.starts_with(start))
}

fn feature<'a>(comparison: &'a Comparison, name: &str) -> &'a FeatureDifference {
    comparison.features.iter().find(|feature| feature.feature == name).unwrap()
}

#[test]
fn a_true_difference_is_found_among_twenty_features() {
    let found = compare(1, &cohort(1, 1.5), &plan(&["age", "sex"])).unwrap();
    let exponent = feature(&found, "exponent");
    assert!(exponent.hedges_g > 1.0 && exponent.g_low > 0.5);
    assert!(exponent.p_permutation == 0.005 && exponent.q_fdr < 0.11);
    // Variance 1 between subjects of a group, 0.09 between refits: about 0.92.
    assert_close(exponent.icc.unwrap(), 0.92, 0.06);
    // No other feature comes near, and none is called a difference.
    assert!(found.features.iter().all(|other| other.feature == "exponent" || other.q_fdr > 0.2));
    assert!(found.distance.unwrap().p_permutation <= 0.05);
    assert!(found.dynamics_distance.unwrap().p_permutation <= 0.005);
    let dynamics = &found.classifiers[0];
    assert!(dynamics.predictors == "dynamics" && dynamics.balanced_accuracy > 0.6);
    assert!(found.classifiers[1..].iter().all(|rival| rival.p_permutation > 0.05));
    assert!(found.simple.iter().all(|simple| simple.icc.is_none() && simple.q_fdr > 0.05));
}

#[test]
fn a_cohort_without_a_difference_gives_a_null_result() {
    let found = compare(1, &cohort(2, 0.0), &plan(&["age", "sex"])).unwrap();
    assert!(found.features.iter().all(|feature| feature.q_fdr > 0.05));
    assert!(found.distance.unwrap().p_permutation > 0.05);
    assert!(found.dynamics_distance.unwrap().p_permutation > 0.05);
}

#[test]
fn swapping_the_groups_turns_the_sign_only() {
    let subjects = cohort(1, 1.0);
    let there = compare(4, &subjects, &plan(&[])).unwrap();
    let back = compare(4, &subjects, &ComparisonPlan { control: "patient".to_string(), ..plan(&[]) }).unwrap();
    assert_eq!((back.control.as_str(), back.other.as_str()), ("patient", "control"));
    let (there, back) = (feature(&there, "exponent"), feature(&back, "exponent"));
    assert_close(there.hedges_g, -back.hedges_g, 1e-9);
    assert_close(there.auc, 1.0 - back.auc, 1e-12);
}

#[test]
fn the_seed_decides_every_byte_and_the_order_of_subjects_none() {
    let subjects = cohort(1, 0.7);
    let mut reversed = subjects.clone();
    reversed.reverse();
    let plan = plan(&["age"]);
    let once = bytes(&compare(9, &subjects, &plan).unwrap());
    assert_eq!(once, bytes(&compare(9, &subjects, &plan).unwrap()));
    assert_eq!(once, bytes(&compare(9, &reversed, &plan).unwrap()));
    assert_ne!(once, bytes(&compare(10, &subjects, &plan).unwrap()));
}

/// A feature's p must not depend on what else was measured; its q does.
#[test]
fn other_features_leave_p_alone() {
    let subjects = cohort(1, 0.7);
    let mut alone = subjects.clone();
    for refit in alone.iter_mut().flat_map(|subject| &mut subject.refits) {
        refit.retain(|name, _| name == "f05");
    }
    let p = |subjects| feature(&compare(9, subjects, &plan(&["age"])).unwrap(), "f05").p_permutation;
    assert_eq!(p(&subjects), p(&alone));
}

#[test]
fn a_covariate_that_carries_the_difference_takes_it_away() {
    let mut subjects = cohort(3, 0.0);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for (i, subject) in subjects.iter_mut().enumerate() {
        let age = 40.0 + 8.0 * noise(&mut rng) + if i % 2 == 1 { 12.0 } else { 0.0 };
        subject.covariates.insert("age".to_string(), age);
        for refit in &mut subject.refits {
            refit.insert("exponent".to_string(), 0.1 * age + 0.3 * noise(&mut rng));
        }
    }
    let unadjusted = compare(1, &subjects, &plan(&[])).unwrap();
    let adjusted = compare(1, &subjects, &plan(&["age"])).unwrap();
    assert!(feature(&unadjusted, "exponent").p_permutation < 0.02);
    assert!(feature(&adjusted, "exponent").p_permutation > 0.1);
    // The classifier from age alone says where the difference comes from.
    assert!(adjusted.classifiers[1].balanced_accuracy > 0.6);
}

#[test]
fn a_question_that_cannot_be_asked_says_what_was_needed() {
    let check = |subjects: &[SubjectFeatures], plan: &ComparisonPlan, expected: &str| {
        assert_eq!(compare(1, subjects, plan).unwrap_err().to_string(), expected);
    };
    let subjects = cohort(1, 0.0);
    let plan = plan(&[]);

    let needed = "need the control group `control` and exactly one other, found groups: ";
    check(&[], &plan, needed);
    let controls: Vec<_> = subjects.iter().filter(|s| s.group == "control").cloned().collect();
    check(&controls, &plan, &format!("{needed}control"));
    let mut three = subjects.clone();
    three[0].group = "relative".to_string();
    check(&three, &plan, &format!("{needed}control, patient, relative"));
    let misnamed = ComparisonPlan { control: "healthy".to_string(), ..plan.clone() };
    check(
        &subjects,
        &misnamed,
        "need the control group `healthy` and exactly one other, found groups: control, patient",
    );

    let needed = "need 3 subjects with a faithful model in each group, found";
    check(&subjects[..5], &plan, &format!("{needed} 2 in `patient`"));
    let mut unfitted = subjects[..6].to_vec();
    unfitted[0].refits.clear();
    check(&unfitted, &plan, &format!("{needed} 2 in `control`"));

    let mut twice = subjects.clone();
    twice[7].subject = "sub-00".to_string();
    check(&twice, &plan, "need each subject once, found `sub-00` more than once");
    let needed = "need a level alpha between 0 and 1, found NaN";
    check(&subjects, &ComparisonPlan { alpha: f64::NAN, ..plan.clone() }, needed);
    let needed = "need at least 1 permutation, found 0";
    check(&subjects, &ComparisonPlan { n_permutations: 0, ..plan.clone() }, needed);
}

#[test]
fn whoever_and_whatever_is_left_out_is_named() {
    let mut subjects = cohort(1, 0.0);
    subjects[0].refits.clear();
    subjects[1].covariates.remove("age");
    subjects[2].covariates.insert("sex".to_string(), f64::NAN);
    for (i, subject) in subjects.iter_mut().enumerate() {
        let age_in_months = 12.0 * subject.covariates.get("age").copied().unwrap_or(40.0);
        let site = f64::from(u8::from(subject.group == "patient"));
        subject.covariates.extend(named(&[("months", age_in_months), ("site", site), ("scanner", 3.0)]));
        if i == 3 {
            subject.covariates.remove("months");
        }
        for refit in &mut subject.refits {
            refit.extend(named(&[("n_attractors", 1.0), ("diverging", f64::INFINITY)]));
            if i < 4 {
                refit.insert("period".to_string(), 20.0 + i as f64);
            }
        }
    }
    let wanted = ["age", "sex", "months", "site", "scanner", "handedness"];
    let found = compare(1, &subjects, &plan(&wanted)).unwrap();
    assert_eq!(found.covariates, ["age", "sex"]);
    assert!(!has_note(&found, "sub-03"), "left out for want of an unusable covariate");
    assert_eq!((found.n_control, found.n_other), (29, 30));
    assert_eq!(found.features.len(), 20);
    let starts = [
        "sub-00: no faithful model; not compared",
        "sub-01: no age; left out of the adjusted tests",
        "sub-02: no sex; left out of the adjusted tests",
        "covariate months is a combination",
        "covariate site determines the group",
        "covariate scanner is the same for all subjects",
        "covariate handedness: need 3 subjects per group, found 0 control and 0 patient",
        "n_attractors: no variation between subjects; not compared",
        "diverging: need 3 subjects per group, found 0 control and 0 patient",
        "diverging: values that are not finite count as missing (295)",
        "period: need 3 subjects per group, found 0 control and 1 patient",
        "distance between portraits: not every subject has diverging, period;",
    ];
    for start in starts {
        assert!(has_note(&found, start), "{start} is not among {:#?}", found.notes);
    }
}

#[test]
fn few_subjects_are_grouped_in_every_way() {
    let subjects = &cohort(1, 0.0)[..8];
    let found = compare(1, subjects, &plan(&[])).unwrap();
    assert!(has_note(&found, "8 subjects can be grouped in only 70 ways"));
    for feature in &found.features {
        let ways = feature.p_permutation * 70.0;
        assert_close(ways, ways.round(), 1e-9);
        assert!(ways.round() >= 2.0);
    }
}

/// One attractor in every control, three in every patient: certain, and without a unit.
#[test]
fn groups_without_any_spread_differ_without_an_effect_size() {
    let mut subjects = cohort(1, 0.0);
    for subject in &mut subjects {
        let n_attractors = if subject.group == "patient" { 3.0 } else { 1.0 };
        subject.refits = vec![named(&[("n_attractors", n_attractors)]); 2];
    }
    let found = compare(1, &subjects, &plan(&["age"])).unwrap();
    let difference = &found.features[0];
    assert!(difference.hedges_g.is_nan() && difference.g_low.is_nan());
    assert_eq!((difference.auc, difference.p_permutation), (1.0, 0.005));
    assert!(has_note(&found, "n_attractors: does not vary within either group"));
    assert_close(found.classifiers[0].balanced_accuracy, 1.0, 1e-12);

    let read: Comparison = serde_json::from_str(&bytes(&found)).unwrap();
    assert!(read.features[0].hedges_g.is_nan() && read.features[0].auc == 1.0);
}

#[test]
fn odd_numbers_bring_notes_and_no_panic() {
    let mut subjects = cohort(1, 0.0)[..7].to_vec();
    let odd = [0.0, f64::NAN, f64::INFINITY, 1e300, -1e300, 1e-310, 5.0];
    for (subject, value) in subjects.iter_mut().zip(odd) {
        subject.covariates = named(&[("age", value), ("sex", value)]);
        subject.simple = named(&[("variance", value)]);
        subject.refits = vec![named(&[("exponent", value)]), BTreeMap::new()];
    }
    let found = compare(1, &subjects, &plan(&["age", "sex", "age"])).unwrap();
    assert!(found.features.is_empty() && !found.notes.is_empty());

    for subject in &mut subjects {
        subject.refits = vec![BTreeMap::new()];
        subject.simple.clear();
        subject.covariates.clear();
    }
    let found = compare(1, &subjects, &plan(&["age"])).unwrap();
    assert!(found.features.is_empty() && found.distance.is_none() && found.classifiers.is_empty());
}
