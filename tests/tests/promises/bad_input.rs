//! Where nothing can be done, one line says what was needed, what was found, and where.

use nullcline_tests::{Lab, TINY, View, changed};

const PARTICIPANTS: &str = "run study out participant --config tiny.toml";
const GROUP: &str = "run study out group --config tiny.toml";

#[test]
fn a_folder_that_is_no_data_set_is_refused() {
    let lab = Lab::new();
    lab.nullcline(PARTICIPANTS).refuses(&["need a BIDS folder", "study"]);
    std::fs::create_dir(lab.path("study")).unwrap();
    lab.nullcline(PARTICIPANTS).refuses(&["empty folder", "study"]);
    lab.write("study/sub-01/eeg/sub-01_task-rest_eeg.edf", "");
    lab.nullcline(PARTICIPANTS).refuses(&["need participants.tsv", "study"]);
    assert!(!lab.path("out").exists(), "a refused run leaves nothing behind");
}

#[test]
fn a_participants_table_that_cannot_be_read_is_refused_with_its_line() {
    for (table, words) in [
        ("", ["need a header row", "participants.tsv"]),
        ("subject\tgroup\nsub-01\tpatient\n", ["participant_id", "participants.tsv"]),
        ("participant_id\tgroup\nsub-01\n", ["line 2", "participants.tsv"]),
        ("participant_id\tgroup\nsub-01\ta\nsub-01\tb\n", ["line 3", "sub-01"]),
        ("participant_id\tgroup\nsub-0/1\ta\n", ["line 2", "sub-0/1"]),
    ] {
        let lab = Lab::new();
        lab.write("study/sub-01/eeg/sub-01_task-rest_eeg.edf", "");
        lab.write("study/participants.tsv", table);
        lab.nullcline(PARTICIPANTS).refuses(&words);
    }
}

#[test]
fn a_participants_table_from_a_spreadsheet_is_read() {
    let lab = Lab::with_cohort(View::Bold, 2);
    let plain = lab.read("study/participants.tsv");
    let marked = format!("\u{feff}{}", plain.replace('\n', "\r\n")).into_bytes();
    // One letter of Latin-1, which is no UTF-8.
    let latin: Vec<u8> =
        plain.replace("patient\t", "pati~nt\t").bytes().map(|byte| if byte == b'~' { 0xe9 } else { byte }).collect();
    for table in [marked, latin] {
        lab.write("study/participants.tsv", table);
        lab.nullcline(PARTICIPANTS).succeeds();
        lab.nullcline(GROUP).succeeds();
    }
}

#[test]
fn results_never_go_into_the_data_set_itself() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.nullcline("run study study/../study participant --config tiny.toml").refuses(&["folder of its own", "study"]);
    assert!(!lab.path("study/logs").exists());
    // Where BIDS would have them, inside the data set, they may go.
    lab.nullcline("run study study/derivatives/nullcline participant --config tiny.toml").succeeds();
}

#[test]
fn an_unknown_participant_is_refused_by_name() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.nullcline(&format!("{PARTICIPANTS} --participant-label control01 nobody7")).refuses(&["sub-nobody7", "study"]);
}

#[test]
fn a_wrong_run_file_is_refused_with_its_line() {
    let lab = Lab::with_cohort(View::Bold, 1);
    for (settings, words) in [
        (changed(TINY, "epochs = 4", "epoch = 4"), ["epoch", "line 14"]),
        (changed(TINY, "epochs = 4", "epochs = \"many\""), ["many", "line 14"]),
        (changed(TINY, "[model]", "[modell]"), ["modell", "line 6"]),
        (changed(TINY, "epochs = 4", "epochs ="), ["tiny.toml", "line 14"]),
        (changed(TINY, "epochs = 4", "epochs = 0"), ["train.epochs", "found 0"]),
        (changed(TINY, "refits = 2", "refits = 0"), ["refits", "found 0"]),
        (changed(TINY, "learning_rate = [2e-3, 1e-3]", "learning_rate = [nan, 1e-3]"), ["learning rate", "NaN"]),
    ] {
        lab.write("tiny.toml", settings);
        lab.nullcline(PARTICIPANTS).refuses(&words);
    }
    lab.nullcline("run study out participant --config absent.toml").refuses(&["run file", "absent.toml"]);
}

#[test]
fn groups_are_never_guessed_between_two_columns() {
    let lab = finished(&["control", "patient"], &["F", "M"]);
    lab.nullcline("run study out group --config free.toml").refuses(&["group, sex", "--group-column"]);
    lab.nullcline("compare out --group-column sex --config free.toml").refuses(&["F, M", "--control"]);
    lab.nullcline("compare out --group-column sex --control F --versus X").refuses(&["\"X\"", "F, M"]);
    lab.nullcline("compare out --covariates height").refuses(&["\"height\"", "participants.tsv", "group"]);
    lab.nullcline("compare out --group-column disease").refuses(&[
        "\"disease\"",
        "participants.tsv",
        "group, age, sex",
    ]);
}

#[test]
fn one_group_is_no_comparison() {
    let lab = finished(&["patient", "patient"], &["F", "F"]);
    lab.nullcline("run study out group --config free.toml").refuses(&["two values", "participants.tsv"]);
    lab.nullcline(&format!("{GROUP} --control patient")).refuses(&["two groups", "only \"patient\""]);
    let lab = finished(&["patient", "patient"], &["F", "M"]);
    lab.nullcline("run study out group --config free.toml").refuses(&["need a group column", "found only \"sex\""]);
}

#[test]
fn groups_too_small_are_said_to_be() {
    let lab = finished(&["control", "patient"], &["F", "M"]);
    let answer = lab.nullcline(GROUP).exits(1).says(&["the groups could not be compared", "need 2 subjects"]);
    assert_eq!(answer.stderr.matches("ERROR").count(), 1, "{}", answer.told());
    assert!(lab.read("out/group/report.html").contains("need 2 subjects"), "the page says so too");
}

#[test]
fn the_group_level_needs_finished_subjects() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.nullcline(GROUP).refuses(&["out"]);
    std::fs::create_dir(lab.path("out")).unwrap();
    lab.nullcline(GROUP).refuses(&["finished at participant level", "out"]);
    lab.nullcline("report out").refuses(&["out"]);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let lab = Lab::new();
    for line in [
        "",
        "fly",
        "run study",
        "run study out everyone",
        "run study out participant --n-cpus many",
        "run study out participant --participant-label sub_01",
        "run study out participant --colour red",
        "portrait",
        "fit a.npy --model LSTM",
    ] {
        let answer = lab.nullcline(line).exits(2);
        assert!(answer.stderr.contains("--help"), "{}", answer.told());
    }
}

/// Two subjects through participant level, with these groups and sexes.
fn finished(groups: &[&str; 2], sexes: &[&str; 2]) -> Lab {
    let lab = Lab::with_cohort(View::Bold, 1);
    let rows = ["sub-control01", "sub-patient01"].iter().zip(groups.iter().zip(sexes));
    let rows: String = rows.map(|(subject, (group, sex))| format!("{subject}\t{group}\t30\t{sex}\n")).collect();
    lab.write("study/participants.tsv", format!("participant_id\tgroup\tage\tsex\n{rows}"));
    lab.write("free.toml", changed(TINY, "group_column = \"group\"\n", ""));
    lab.nullcline(PARTICIPANTS).succeeds();
    lab
}
