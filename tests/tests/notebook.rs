//! The notebook opens what a run wrote and redraws its figures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nullcline_tests::{Lab, View};

#[test]
fn the_notebook_redraws_a_run_on_spikes() {
    check_redraws(View::Spikes);
}

#[test]
fn the_notebook_redraws_a_run_on_eeg() {
    check_redraws(View::Eeg);
}

#[test]
fn the_notebook_redraws_a_run_on_bold() {
    check_redraws(View::Bold);
}

/// Tables of an earlier comparison must not be drawn.
#[test]
fn the_notebook_draws_what_there_is_where_groups_were_not_compared() {
    let Some(python) = python() else { return };
    let lab = finished(View::Spikes);
    lab.write("study/sub-patient01/ecephys/sub-patient01_task-memory_ecephys.nwb", "not a recording");
    lab.nullcline("run study out participant --config tiny.toml").exits(3);
    lab.nullcline("run study out group --config tiny.toml").exits(1).says(&["could not be compared"]);
    check_figures(&execute(&python, &lab.path("out")), 3);
}

#[test]
fn the_notebook_asks_for_a_run_where_there_is_none() {
    let Some(python) = python() else { return };
    let lab = Lab::new();
    let output = execute(&python, &lab.path("nowhere"));
    assert!(!output.status.success());
    assert!(said(&output).contains("need the folder of a finished run"), "{}", said(&output));
}

fn check_redraws(view: View) {
    let Some(python) = python() else { return };
    let lab = finished(view);
    check_figures(&execute(&python, &lab.path("out")), 5);
}

#[track_caller]
fn check_figures(output: &Output, n: usize) {
    assert!(output.status.success(), "{}", said(output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{n} figures"));
}

/// Both levels over two subjects in each group.
fn finished(view: View) -> Lab {
    let lab = Lab::with_cohort(view, 2);
    lab.nullcline("run study out participant --config tiny.toml").succeeds();
    lab.nullcline("run study out group --config tiny.toml").succeeds();
    lab
}

fn execute(python: &Path, out: &Path) -> Output {
    let script = workspace().join("notebooks/execute.py");
    Command::new(python).arg(script).arg(out).output().expect("Python starts")
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn python() -> Option<PathBuf> {
    let python = workspace().join(".tools/notebook/bin/python");
    if !python.exists() {
        println!("skipped: need Python packages in .tools/notebook (`make tools-python`), found none");
        return None;
    }
    Some(python)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
