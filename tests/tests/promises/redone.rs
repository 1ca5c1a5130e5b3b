//! What has not changed is not done again; what has changed is.

use nullcline_tests::{Files, Lab, TINY, View, changed};

const PARTICIPANTS: &str = "run study out participant --config tiny.toml";
const GROUP: &str = "run study out group --config tiny.toml";

#[test]
fn a_second_call_does_nothing_and_says_so() {
    let lab = finished();
    let before = Files::in_folder(&lab.path("out"));
    lab.nullcline(PARTICIPANTS).succeeds().says(&["nothing to do"]);
    lab.nullcline(GROUP).succeeds().says(&["nothing to do"]);
    let after = Files::in_folder(&lab.path("out"));
    assert_eq!(after.written_since(&before), [""; 0]);
}

#[test]
fn a_finished_folder_may_be_moved() {
    let lab = finished();
    std::fs::rename(lab.path("out"), lab.path("elsewhere")).unwrap();
    lab.nullcline("run study elsewhere participant --config tiny.toml").succeeds().says(&["nothing to do"]);
    lab.nullcline("run study elsewhere group --config tiny.toml").succeeds().says(&["nothing to do"]);
}

#[test]
fn settings_of_the_comparison_leave_the_models_alone() {
    let change = |lab: &Lab| lab.write("tiny.toml", changed(TINY, "permutations = 99", "permutations = 199"));
    check_redone(
        change,
        &["group/group_desc-comparison"],
        &["_model.", "_training.", "_metrics.", "_dynamics.", "_arrays.", "desc-clean_"],
    );
}

#[test]
fn settings_of_the_analysis_leave_the_models_alone() {
    let change = |lab: &Lab| lab.write("tiny.toml", changed(TINY, "starts = 10", "starts = 20"));
    check_redone(
        change,
        &["_dynamics.", "group/group_desc-features"],
        &["_model.", "_training.", "_metrics.", "desc-clean_"],
    );
}

#[test]
fn settings_of_the_training_leave_the_recordings_alone() {
    let change = |lab: &Lab| lab.write("tiny.toml", changed(TINY, "epochs = 4", "epochs = 5"));
    check_redone(change, &["_model.", "_training.", "_metrics.", "_dynamics."], &["desc-clean_", "desc-ingest_"]);
}

#[test]
fn one_changed_recording_leaves_the_other_subjects_alone() {
    let change = |lab: &Lab| {
        let file = "study/sub-patient01/func/sub-patient01_task-memory_atlas-Simulated_stat-mean_timeseries.tsv";
        // The last volume again: the recording goes on a little longer.
        lab.edit(file, |table| format!("{table}{}\n", table.lines().last().unwrap()));
    };
    check_redone(
        change,
        &["sub-patient01/func", "group/group_desc-features"],
        &["sub-control01/", "sub-control02/", "sub-patient02/"],
    );
}

#[test]
fn a_file_that_went_missing_comes_back_as_it_was() {
    let lab = finished();
    let before = Files::in_folder(&lab.path("out"));
    let model = before.paths().find(|path| path.ends_with("desc-refit02_model.safetensors")).unwrap();
    std::fs::remove_file(lab.path("out").join(model)).unwrap();
    lab.nullcline(PARTICIPANTS).succeeds().says(&["1 of 4 subjects worked on"]);
    lab.nullcline(GROUP).succeeds();
    let after = Files::in_folder(&lab.path("out"));
    assert_eq!(after.different_from(&before), [""; 0]);
}

#[test]
fn refits_can_be_added() {
    let lab = finished();
    let before = Files::in_folder(&lab.path("out"));
    lab.nullcline(&format!("{PARTICIPANTS} --refits 3")).succeeds();
    let after = Files::in_folder(&lab.path("out"));
    let models: Vec<&str> =
        after.written_since(&before).into_iter().filter(|path| path.ends_with("_model.safetensors")).collect();
    assert_eq!(models.len(), 4, "one new model for each subject: {models:?}");
    assert!(models.iter().all(|path| path.contains("refit03")), "{models:?}");
}

/// A diagnosis is corrected in the data set; only the group level is run again.
#[test]
fn a_corrected_diagnosis_reaches_the_comparison() {
    let lab = Lab::with_cohort(View::Bold, 3);
    lab.nullcline(PARTICIPANTS).succeeds();
    lab.nullcline(GROUP).succeeds();
    let table = lab.path("study/participants.tsv");
    let corrected =
        std::fs::read_to_string(&table).unwrap().replacen("sub-patient01\tpatient", "sub-patient01\tcontrol", 1);
    std::fs::write(&table, corrected).unwrap();
    lab.nullcline(GROUP).succeeds();
    let statistics = std::fs::read_to_string(lab.path("out/group/group_desc-comparison_statistics.json")).unwrap();
    let statistics: serde_json::Value = serde_json::from_str(&statistics).unwrap();
    assert_eq!(statistics["comparison"]["n_control"], 4);
}

/// One subject is run again with other settings: the comparison goes on, and says so.
#[test]
fn a_subject_modelled_with_other_settings_is_named() {
    let lab = finished();
    lab.nullcline(&format!("{PARTICIPANTS} --participant-label control02 --random-seed 7")).succeeds();
    lab.nullcline(GROUP).succeeds();
    let statistics = std::fs::read_to_string(lab.path("out/group/group_desc-comparison_statistics.json")).unwrap();
    assert!(statistics.contains("sub-control02 were modelled with other settings"), "{statistics}");
}

fn finished() -> Lab {
    let lab = Lab::with_cohort(View::Bold, 2);
    lab.nullcline(PARTICIPANTS).succeeds();
    lab.nullcline(GROUP).succeeds();
    lab
}

/// After `change`, both levels write every file again whose path has a part in `redone`, none with one in `kept`.
#[track_caller]
fn check_redone(change: impl Fn(&Lab), redone: &[&str], kept: &[&str]) {
    let lab = finished();
    let before = Files::in_folder(&lab.path("out"));
    change(&lab);
    lab.nullcline(PARTICIPANTS).succeeds();
    lab.nullcline(GROUP).succeeds();
    let after = Files::in_folder(&lab.path("out"));
    let written = after.written_since(&before);
    for path in after.paths().filter(|path| !path.starts_with("logs/")) {
        if redone.iter().any(|part| path.contains(part)) {
            assert!(written.contains(&path), "{path} was not made again");
        }
        // Pages show the settings, so they may change with any of them.
        if kept.iter().any(|part| path.contains(part)) && !path.ends_with(".html") {
            assert!(!written.contains(&path), "{path} was made again");
        }
    }
    for part in redone.iter().chain(kept) {
        assert!(after.paths().any(|path| path.contains(part)), "no file has {part:?} in its path");
    }
}
