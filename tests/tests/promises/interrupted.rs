//! A run that is killed continues, and ends where it would have ended.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nullcline_tests::{Files, Lab, TINY, View, changed};

const LINE: &str = "run study out participant --config slow.toml --n-cpus 2";

#[test]
fn killed_at_random_moments_it_ends_with_the_same_files() {
    let lab = lab();
    let (whole, took) = uninterrupted(&lab);
    // No two runs are killed at the same step anyway, so the seed is a new one each time.
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    for fraction in fractions(seed).take(5) {
        let moment = took.mul_f64(fraction);
        let mut child = lab.start(LINE);
        sleep(moment);
        kill(&mut child);
        lab.nullcline(LINE).succeeds();
        let resumed = Files::in_folder(&lab.path("out"));
        assert_eq!(different_results(&resumed, &whole), [""; 0], "killed after {moment:?} of {took:?} (seed {seed})");
        std::fs::remove_dir_all(lab.path("out")).unwrap();
    }
}

#[test]
fn killed_in_training_it_continues_after_the_last_checkpoint() {
    let lab = lab();
    let (whole, _) = uninterrupted(&lab);
    let mut child = lab.start(LINE);
    let checkpoint = lab.path("out/work/sub-control01/refit01_checkpoint.safetensors");
    let patience = Instant::now() + Duration::from_secs(60);
    while !checkpoint.exists() {
        assert!(Instant::now() < patience, "no checkpoint");
        sleep(Duration::from_millis(1));
    }
    kill(&mut child);
    lab.nullcline(LINE).succeeds().says(&["sub-control01 refit 1: continuing after epoch"]);
    let resumed = Files::in_folder(&lab.path("out"));
    assert_eq!(different_results(&resumed, &whole), [""; 0]);
    assert!(!checkpoint.exists(), "a finished run has no use for checkpoints");
}

#[test]
fn torn_files_do_no_harm() {
    let lab = lab();
    let (whole, _) = uninterrupted(&lab);
    // What a power cut may leave: half a temporary file, and a checkpoint that is none.
    lab.write("out/sub-control01/func/.sub-control01_desc-refit01_model.safetensors.4711.part", "half a mod");
    lab.write("out/work/sub-control01/refit01_checkpoint.safetensors", "half a checkpo");
    lab.nullcline(LINE).succeeds();
    let resumed = Files::in_folder(&lab.path("out"));
    assert_eq!(different_results(&resumed, &whole), [""; 0]);
}

/// Training long enough to be interrupted, with a checkpoint after every epoch.
fn lab() -> Lab {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.write("slow.toml", changed(TINY, "epochs = 4", "epochs = 150"));
    lab
}

fn uninterrupted(lab: &Lab) -> (Files, Duration) {
    let started = Instant::now();
    lab.nullcline("run study whole participant --config slow.toml --n-cpus 2").succeeds();
    (Files::in_folder(&lab.path("whole")), started.elapsed())
}

/// Paths that differ. Hidden temporary files of a process that was killed are nobody's result.
fn different_results<'a>(resumed: &'a Files, whole: &'a Files) -> Vec<&'a str> {
    resumed.different_from(whole).into_iter().filter(|path| !path.ends_with(".part")).collect()
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Shares of a run after which to kill it, drawn from `seed`.
fn fractions(seed: u64) -> impl Iterator<Item = f64> {
    // Knuth's linear congruential generator: any spread of moments will do.
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).map(|state| (state >> 11) as f64 / (1u64 << 53) as f64)
}
