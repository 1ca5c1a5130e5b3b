//! The run files are valid, and the Snakemake workflow ends where the two commands end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nullcline_tests::{Files, Lab, TINY, View, changed, real_data};

#[test]
fn every_setting_in_the_run_files_exists() {
    let lab = Lab::new();
    let entries = fs::read_dir(workspace().join("workflows")).unwrap().map(|entry| entry.unwrap().path());
    let run_files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert_eq!(run_files.len(), 3, "{run_files:?}");
    for path in run_files {
        // The run file is read first: what is refused is the folder.
        lab.write("run.toml", fs::read(&path).unwrap());
        lab.nullcline("run nowhere out participant --config run.toml").refuses(&["need a BIDS folder"]);
    }
}

#[test]
fn the_workflow_writes_what_two_commands_write() {
    let Some(snakemake) = snakemake() else { return };
    let lab = Lab::with_cohort(View::Bold, 2);
    lab.nullcline("run study by_hand participant --config tiny.toml").succeeds();
    lab.nullcline("run study by_hand group --config tiny.toml").succeeds();
    check_succeeds(&run(&snakemake, &lab, "study", &[]));

    for part in ["_table.", "_metrics.", "_summary.json", "_dynamics.", "_model.safetensors"] {
        let files = |out: &str| Files::in_folder(&lab.path(out)).only(part);
        assert_eq!(files("out").different_from(&files("by_hand")), [""; 0]);
    }
    Files::in_folder(&lab.path("out")).has("group/report.html");

    let again = run(&snakemake, &lab, "study", &[]);
    check_succeeds(&again);
    assert!(said(&again).contains("Nothing to be done"), "{}", said(&again));
}

#[test]
fn an_excluded_subject_does_not_stop_the_cohort() {
    let Some(snakemake) = snakemake() else { return };
    let lab = Lab::with_cohort(View::Spikes, 3);
    lab.write("study/sub-patient02/ecephys/sub-patient02_task-memory_ecephys.nwb", "not a recording");
    // In the table, but never recorded.
    lab.edit("study/participants.tsv", |table| format!("{table}sub-absent\tcontrol\t30\tF\n"));
    let output = run(&snakemake, &lab, "study", &[]);
    check_succeeds(&output);
    for subject in ["sub-patient02", "sub-absent"] {
        let status = lab.json(&format!("out/{subject}/{subject}_desc-status_summary.json"));
        assert_eq!(status["excluded"]["stage"], "ingest", "{status}");
        assert!(said(&output).contains(&format!("{subject} is excluded")), "{}", said(&output));
    }
    let statistics = lab.json("out/group/group_desc-comparison_statistics.json");
    assert_eq!(statistics["comparison"]["n_control"], 3);
    assert_eq!(statistics["comparison"]["n_other"], 2);
}

#[test]
fn a_job_that_cannot_run_is_a_failure() {
    let Some(snakemake) = snakemake() else { return };
    let lab = Lab::with_cohort(View::Bold, 2);
    lab.write("tiny.toml", changed(TINY, "refits", "refit"));
    let output = run(&snakemake, &lab, "study", &[]);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("unknown field `refit`"), "{}", said(&output));
    assert!(!lab.path("out/group/report.html").exists());
}

#[test]
fn every_subject_of_a_real_cohort_is_a_job() {
    let (Some(snakemake), Some(data)) = (snakemake(), real_data()) else { return };
    let lab = Lab::new();
    let cohort = data.join("cohorts/eeg-schizophrenia").canonicalize().unwrap();
    let output = run(&snakemake, &lab, &cohort.display().to_string(), &["--dry-run"]);
    check_succeeds(&output);
    let jobs = said(&output);
    let participants = jobs.lines().find_map(|line| line.strip_prefix("participant ")).map(str::trim);
    assert_eq!(participants, Some("32"), "{jobs}");
}

/// Snakemake on the cohort in `bids` with `tiny.toml`, into `out`.
fn run(snakemake: &Path, lab: &Lab, bids: &str, options: &[&str]) -> Output {
    let nullcline = lab.command("");
    Command::new(snakemake)
        .current_dir(lab.path(""))
        .args(["--cores", "2", "--snakefile"])
        .arg(workspace().join("workflows/Snakefile"))
        .args(options)
        .args(["--config", "out=out", "run_file=tiny.toml"])
        .arg(format!("bids={bids}"))
        .arg(format!("nullcline={}", nullcline.get_program().display()))
        .output()
        .expect("Snakemake starts")
}

#[track_caller]
fn check_succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn snakemake() -> Option<PathBuf> {
    let snakemake = workspace().join(".tools/notebook/bin/snakemake");
    if !snakemake.exists() {
        println!("skipped: need Python packages in .tools/notebook (`make tools-python`), found none");
        return None;
    }
    Some(snakemake)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
