//! Same seed, same bytes: whatever the number of threads, the folder, and who else is in the cohort.

use nullcline_tests::{Files, Lab, View};

#[test]
fn two_threads_write_what_one_writes() {
    for view in [View::Spikes, View::Eeg, View::Bold] {
        let lab = Lab::with_cohort(view, 2);
        let one = run(&lab, "one", "--n-cpus 1");
        let two = run(&lab, "two", "--n-cpus 2");
        assert_eq!(one.different_from(&two), [""; 0], "{view:?}");
    }
}

#[test]
fn another_seed_writes_other_models() {
    let lab = Lab::with_cohort(View::Bold, 2);
    let models = |files: Files| files.only("_model.safetensors");
    let (one, two) = (models(run(&lab, "one", "--random-seed 1")), models(run(&lab, "two", "--random-seed 2")));
    assert_eq!(one.different_from(&two), one.paths().collect::<Vec<_>>());
}

#[test]
fn a_subject_alone_is_fitted_as_in_the_cohort() {
    let lab = Lab::with_cohort(View::Spikes, 2);
    lab.nullcline("run study all participant --config tiny.toml").succeeds();
    lab.nullcline("run study alone participant --config tiny.toml --participant-label patient01").succeeds();
    let subject = |out: &str| Files::in_folder(&lab.path(out)).only("sub-patient01/");
    assert_eq!(subject("all").different_from(&subject("alone")), [""; 0]);
    let others = Files::in_folder(&lab.path("alone"));
    assert!(others.paths().all(|path| !path.contains("sub-control01")), "{others:?}");
}

/// As a cluster does it: one job for each subject, all at once, into one folder.
#[test]
fn jobs_side_by_side_write_what_one_run_writes() {
    let lab = Lab::with_cohort(View::Bold, 2);
    let whole = run(&lab, "whole", "");
    let job =
        |subject| lab.start(&format!("run study jobs participant --config tiny.toml --participant-label {subject}"));
    let jobs: Vec<_> = ["control01", "control02", "patient01", "patient02"].map(job).into();
    for mut job in jobs {
        assert!(job.wait().unwrap().success());
    }
    lab.nullcline("run study jobs group --config tiny.toml").succeeds();
    assert_eq!(Files::in_folder(&lab.path("jobs")).different_from(&whole), [""; 0]);
}

/// Both levels, into `out`.
fn run(lab: &Lab, out: &str, options: &str) -> Files {
    lab.nullcline(&format!("run study {out} participant --config tiny.toml {options}")).succeeds();
    lab.nullcline(&format!("run study {out} group --config tiny.toml")).succeeds();
    Files::in_folder(&lab.path(out))
}
