//! From a BIDS folder to a comparison: every file that DESIGN promises, whatever the instrument.

use nullcline_tests::{Files, Lab, View};
use serde_json::Value;

#[test]
fn spikes_come_through() {
    check_chain(View::Spikes, "ecephys", "task-memory", "counts");
}

#[test]
fn eeg_comes_through() {
    check_chain(View::Eeg, "eeg", "task-memory", "eeg");
}

#[test]
fn fmri_comes_through() {
    check_chain(View::Bold, "func", "task-memory_atlas-Simulated_stat-mean", "timeseries");
}

fn check_chain(view: View, folder: &str, entities: &str, suffix: &str) {
    let lab = Lab::with_cohort(view, 3);
    let study = Files::in_folder(&lab.path("study"));
    lab.nullcline("run study out participant --config tiny.toml").succeeds().says(&["6 of 6 subjects worked on"]);
    let answer = lab.nullcline("run study out group").succeeds();
    assert!(answer.stdout.contains("report: out/group/report.html"), "{}", answer.told());
    assert!(answer.stdout.lines().count() > 1, "no finding: {}", answer.told());

    let files = Files::in_folder(&lab.path("out"));
    check_cohort_files(&lab, &files);
    for subject in
        ["sub-control01", "sub-control02", "sub-control03", "sub-patient01", "sub-patient02", "sub-patient03"]
    {
        check_subject(&lab, &files, subject, &format!("{subject}/{folder}/{subject}_{entities}"), suffix);
    }
    assert_eq!(Files::in_folder(&lab.path("study")).written_since(&study), [""; 0], "raw data is read, never written");
    let leftovers: Vec<&str> = files.paths().filter(|path| path.ends_with(".part")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

fn check_cohort_files(lab: &Lab, files: &Files) {
    let description = lab.json("out/dataset_description.json");
    assert_eq!(description["DatasetType"], "derivative");
    assert_eq!(description["GeneratedBy"][0]["Name"], "nullcline");
    assert_eq!(lab.read("out/participants.tsv"), lab.read("study/participants.tsv"));
    for table in ["features", "comparison", "classification"] {
        check_table(lab, files, &format!("group/group_desc-{table}_table"));
    }
    check_fields(
        lab,
        "group/group_desc-comparison_statistics.json",
        &["group_column", "comparison", "comparison.features", "comparison.simple", "comparison.classifiers"],
    );
    check_page(lab, "group/report.html", &["sub-control01", "sub-patient03"]);
}

fn check_subject(lab: &Lab, files: &Files, subject: &str, prefix: &str, suffix: &str) {
    files.has(&format!("{prefix}_desc-clean_{suffix}.h5"));
    files.has(&format!("{prefix}_desc-simulation_arrays.h5"));
    check_fields(
        lab,
        &format!("{prefix}_desc-ingest_summary.json"),
        &[
            "files.0",
            "modality",
            "sampling_rate_hz",
            "n_times",
            "channels_kept.0",
            "channels_excluded",
            "steps",
            "warnings",
            "simple",
        ],
    );
    for refit in ["refit01", "refit02"] {
        files.has(&format!("{prefix}_desc-{refit}_model.safetensors"));
        check_table(lab, files, &format!("{prefix}_desc-{refit}_training"));
        check_fields(
            lab,
            &format!("{prefix}_desc-{refit}_training.json"),
            &["refit", "chosen_epoch", "validation", "n_parameters"],
        );
    }
    check_table(lab, files, &format!("{prefix}_desc-judge_metrics"));
    check_fields(
        lab,
        &format!("{prefix}_desc-judge_metrics.json"),
        &[
            "best_refit",
            "refits.1.verdict",
            "refits.1.scores.d_stsp",
            "refits.1.scores.d_h",
            "refits.1.scores.pe",
            "rivals.0",
        ],
    );
    check_table(lab, files, &format!("{prefix}_desc-features_dynamics"));
    check_fields(
        lab,
        &format!("{prefix}_desc-portrait_dynamics.json"),
        &[
            "sampling_rate_hz",
            "refits.1.portrait.fixed_points",
            "refits.1.portrait.attractors",
            "refits.1.features.attractors",
        ],
    );
    check_fields(
        lab,
        &format!("{subject}/{subject}_desc-status_summary.json"),
        &["subject", "recording", "n_refits", "n_faithful"],
    );
    check_page(lab, &format!("{subject}/{subject}_report.html"), &[subject]);
}

/// Rows of equal width under a header, and the same table for programs.
fn check_table(lab: &Lab, files: &Files, stem: &str) {
    files.has(&format!("{stem}.parquet"));
    let text = lab.read(&format!("out/{stem}.tsv"));
    let widths: Vec<usize> = text.lines().map(|line| line.split('\t').count()).collect();
    assert!(widths.len() > 1 && widths.iter().all(|&width| width == widths[0]), "{stem}:\n{text}");
}

/// A summary of version 1 with a value at each path of `fields`, such as `refits.1.verdict`.
fn check_fields(lab: &Lab, name: &str, fields: &[&str]) {
    let summary = lab.json(&format!("out/{name}"));
    assert_eq!(summary["schema"], 1, "{name}");
    for field in fields {
        let pointer = format!("/{}", field.replace('.', "/"));
        let value = summary.pointer(&pointer).unwrap_or(&Value::Null);
        assert!(!value.is_null(), "no {field} in {name}: {summary:#}");
    }
}

/// A page that can be mailed: nothing in it is fetched from elsewhere.
fn check_page(lab: &Lab, name: &str, words: &[&str]) {
    let page = lab.read(&format!("out/{name}"));
    for word in words {
        assert!(page.contains(word), "no {word:?} in {name}");
    }
    for reference in
        ["<link", "src=\"http", "src='http", "src=\"//", "@import", "url(http", "url(//", "fetch(", "<iframe"]
    {
        assert!(!page.contains(reference), "{reference:?} in {name}");
    }
}
