//! The comparison from end to end.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn plan(covariates: &[&str]) -> ComparisonPlan {
    ComparisonPlan {
        control: "control".to_string(),
        covariates: covariates.iter().map(|name| name.to_string()).collect(),
        n_permutations: 999,
        alpha: 0.05,
        min_per_group: 3,
    }
}

/// Standard normal, by the sum of twelve uniforms: close enough, and free of tails.
fn noise(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

fn named(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
    values
        .iter()
        .map(|&(name, value)| (name.to_string(), value))
        .collect()
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
                let mut features: BTreeMap<String, f64> = (0..19)
                    .map(|j| (format!("f{j:02}"), others[j] + 0.3 * noise(&mut rng)))
                    .collect();
                features.insert("exponent".to_string(), trait_ + 0.3 * noise(&mut rng));
                features
            });
            SubjectFeatures {
                subject: format!("sub-{i:02}"),
                group: if patient { "patient" } else { "control" }.to_string(),
                refits: refits.collect(),
                covariates: named(&[
                    ("age", 40.0 + 10.0 * noise(&mut rng)),
                    ("sex", f64::from(i / 2 % 2)),
                ]),
                simple: named(&[
                    ("variance", noise(&mut rng)),
                    ("correlation", noise(&mut rng)),
                ]),
            }
        })
        .collect()
}

#[test]
fn smoke() {
    let started = std::time::Instant::now();
    let plan = ComparisonPlan {
        n_permutations: 5000,
        ..plan(&["age", "sex"])
    };
    let c = compare(1, &cohort(1, 1.5), &plan).unwrap();
    eprintln!("{:?}", started.elapsed());
    eprintln!("{:#?} {:#?} {:?}", c.distance, c.classifiers, c.notes);
    for f in &c.features {
        eprintln!(
            "{} g {:.2} [{:.2} {:.2}] auc {:.2} p {:.4} q {:.4} icc {:?}",
            f.feature, f.hedges_g, f.g_low, f.g_high, f.auc, f.p_permutation, f.q_fdr, f.icc
        );
    }
}
