//! What a person at a terminal sees; every other test reads through a pipe.

use std::process::Command;

use nullcline_tests::{Lab, View};

/// `script` (util-linux) gives the program a terminal of its own.
#[test]
fn a_bar_names_subject_epoch_loss_and_time_left() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: need util-linux's `script` to make a terminal");
        return;
    }
    let lab = Lab::with_cohort(View::Bold, 1);
    let run = lab.command("run study out participant --config tiny.toml");
    let line: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let ended = Command::new("script")
        .args(["-qec", &line.join(" "), "seen.txt"])
        .current_dir(lab.path("."))
        .output()
        .expect("script was here a moment ago");
    let seen = String::from_utf8_lossy(&std::fs::read(lab.path("seen.txt")).unwrap()).into_owned();
    assert!(ended.status.success(), "{seen}");
    for word in ["sub-", "refit 1", "epoch", "loss", "time left"] {
        assert!(seen.contains(word), "{word:?} is not in:\n{seen}");
    }
}
