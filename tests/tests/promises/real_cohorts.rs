//! Real recordings through both levels: two subjects of each group, models that learn for a moment.

use std::fs;
use std::path::Path;

use nullcline::plan::RunPlan;
use nullcline_datasets::{Dataset, SubjectId};
use nullcline_tests::{Lab, real_data};

#[test]
fn eeg_of_schizophrenia() {
    check_cohort("eeg-schizophrenia");
}

#[test]
fn fmri_of_autism() {
    check_cohort("fmri-autism");
}

#[test]
fn spikes_of_developing_retina() {
    check_cohort("spikes-retina");
}

fn check_cohort(name: &str) {
    let Some(data) = real_data() else { return };
    let study = data.join("cohorts").join(name).canonicalize().unwrap();
    let lab = Lab::new();
    lab.write("run.toml", shrunk(name).to_toml());
    let labels: Vec<String> = two_of_each_group(&study).iter().map(SubjectId::to_string).collect();
    let study = study.display();
    let participants =
        format!("run {study} out participant --config run.toml --participant-label {}", labels.join(" "));
    lab.nullcline(&participants).succeeds();
    // The others of the cohort were not asked for, so the page lists them as missing.
    let answer = lab.nullcline(&format!("run {study} out group")).exits(3);
    let findings: Vec<&str> = answer.stdout.lines().collect();
    assert!(findings.len() > 1 && findings.last() == Some(&"report: out/group/report.html"), "{}", answer.told());
    for label in &labels {
        let page = lab.read(&format!("out/{label}/{label}_report.html"));
        assert!(page.contains(label) && page.contains("</html>"));
    }
    let page = lab.read("out/group/report.html");
    assert!(labels.iter().all(|label| page.contains(label.as_str())));
}

/// The run file that the lab is offered, with as little training as it can have.
fn shrunk(name: &str) -> RunPlan {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../workflows/{name}.toml"));
    let mut plan = RunPlan::read(&file).unwrap();
    plan.refits = 1;
    // Bounded, so that a model that has hardly learned anything does not run away.
    plan.model.family = serde_json::from_value("clippedShPLRNN".into()).unwrap();
    plan.judge.faithful_share = 1e6;
    plan.train.epochs = 4;
    plan.train.batches_per_epoch = 5;
    plan.train.validate_every = 1;
    plan.analyse.starts = 10;
    plan.analyse.transient = 100;
    plan.analyse.steps = 100;
    plan.analyse.max_solves = 500;
    // Models that have hardly learned anything still have to come through.
    plan.compare.permutations = 99;
    plan.compare.min_per_group = 2;
    plan.compare.covariates = Some(Vec::new());
    plan
}

/// The smallest recordings of each group, so that reading them takes no time.
fn two_of_each_group(study: &Path) -> Vec<SubjectId> {
    let dataset = Dataset::open(study).unwrap();
    let bytes = |subject: &SubjectId| {
        let files = dataset.recordings_of(subject, &Default::default()).unwrap();
        files.iter().map(|file| fs::metadata(&file.path).unwrap().len()).sum::<u64>()
    };
    let chosen = dataset.participants.levels("group").into_keys().flat_map(|level| {
        let in_group = |subject: &&SubjectId| dataset.participants.get(subject, "group") == Some(level.as_str());
        let mut subjects: Vec<SubjectId> = dataset.subjects.iter().filter(in_group).cloned().collect();
        subjects.sort_by_key(bytes);
        subjects.truncate(2);
        subjects
    });
    chosen.collect()
}
