//! Every command alone: what it prints, for people and as JSON.

use nullcline_tests::{Answer, Lab, View, WAVE_FILES, write_wave};
use serde_json::Value;

const COMMANDS: [&str; 8] = ["run", "inspect", "fit", "portrait", "simulate", "compare", "report", "demo"];

#[test]
fn version_is_one_line() {
    let answer = Lab::new().nullcline("--version").succeeds();
    assert_eq!(answer.stdout, format!("nullcline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let lab = Lab::new();
    let overview = lab.nullcline("--help").succeeds().stdout;
    for command in COMMANDS {
        assert!(overview.contains(&format!("  {command} ")), "{command} is in:\n{overview}");
        let help = lab.nullcline(&format!("{command} --help")).succeeds().stdout;
        assert!(help.contains("Example") && help.contains(&format!("  nullcline {command}")), "{help}");
    }
}

#[test]
fn options_may_be_spelt_with_underscores() {
    let lab = Lab::with_cohort(View::Bold, 1);
    let line = "run study out participant --config tiny.toml --participant_label sub-patient01 --n_cpus=1 --skip_bids_validation";
    lab.nullcline(line).succeeds().says(&["1 of 1 subjects worked on"]);
}

#[test]
fn inspect_tells_what_a_recording_holds() {
    let eeg = inspected(View::Eeg, "eeg/sub-control01_task-memory_eeg.edf");
    assert_eq!((&eeg["format"], &eeg["modality"]), (&"EDF".into(), &"eeg".into()));
    assert_eq!((&eeg["sampling_rate_hz"], &eeg["n_times"]), (&20.0.into(), &1200.into()));
    assert_eq!(eeg["channels"].as_array().unwrap().len(), 12);
    check_channel(&eeg["channels"][0], "E1", "V");

    let bold = inspected(View::Bold, "func/sub-control01_task-memory_atlas-Simulated_stat-mean_timeseries.tsv");
    assert_eq!((&bold["format"], &bold["modality"]), (&"TSV".into(), &"bold".into()));
    assert_eq!((&bold["sampling_rate_hz"], &bold["n_times"]), (&0.5.into(), &200.into()));
    check_channel(&bold["channels"][11], "roi12", "a.u.");

    let spikes = inspected(View::Spikes, "ecephys/sub-control01_task-memory_ecephys.nwb");
    assert_eq!((&spikes["format"], &spikes["units"]["n"]), (&"NWB".into(), &20.into()));
    for per_unit in ["n_spikes", "first_spike_s"] {
        assert_eq!(spikes["units"][per_unit].as_array().unwrap().len(), 20);
    }
}

fn inspected(view: View, file: &str) -> Value {
    let lab = Lab::with_cohort(view, 1);
    let line = format!("inspect study/sub-control01/{file}");
    assert!(lab.nullcline(&line).succeeds().stdout.lines().count() > 12, "a line for each channel or unit");
    let found = lab.nullcline(&format!("{line} --json")).succeeds().json();
    assert!(found["annotations"].is_number() && found["warnings"].is_array(), "{found:#}");
    found
}

#[track_caller]
fn check_channel(channel: &Value, name: &str, unit: &str) {
    assert_eq!((&channel["name"], &channel["unit"]), (&name.into(), &unit.into()));
    let [min, mean, max, std] = ["min", "mean", "max", "std"].map(|field| channel[field].as_f64().unwrap());
    assert!(min < mean && mean < max && 0.0 < std && std < max - min, "{channel:#}");
    assert_eq!(channel["first"].as_array().unwrap().len(), 5);
}

#[test]
fn inspect_refuses_what_it_cannot_read() {
    let lab = Lab::new();
    lab.nullcline("inspect absent.edf").refuses(&["readable file", "absent.edf"]);
    lab.write("recording.xyz", "what no reader knows");
    lab.nullcline("inspect recording.xyz --json").refuses(&[".edf", ".xyz", "recording.xyz"]);
    lab.write("recording.edf", "");
    lab.nullcline("inspect recording.edf --json").refuses(&["something in it", "empty", "recording.edf"]);
}

/// The same numbers in any format give the same model, to the last digit.
#[test]
fn fit_reads_every_format_alike() {
    let lab = Lab::new();
    write_wave(&lab);
    let fitted = |file: &str| {
        let mut answer = lab.nullcline(&format!("fit {file} --config tiny.toml --json")).succeeds().json();
        assert!(answer["seconds"].as_f64().unwrap() > 0.0);
        answer["seconds"].take();
        answer["processor_seconds"].take();
        answer
    };
    let npy = fitted("wave.npy");
    for field in ["d_stsp", "d_h", "validation"] {
        assert!(npy[field].is_number(), "{field}: {npy:#}");
    }
    assert_eq!((&npy["model"], &npy["pe"]["n"]), (&"clippedShPLRNN".into(), &5.into()));
    assert!(
        npy["parameters"].as_u64() > Some(0) && npy["baselines"].as_object().is_some_and(|rivals| rivals.len() > 1),
        "{npy:#}"
    );
    for (file, _) in WAVE_FILES {
        assert_eq!(fitted(file), npy, "{file}");
    }
}

#[test]
fn inspect_reads_every_format_alike() {
    let lab = Lab::new();
    write_wave(&lab);
    let inspected = |file: &str| lab.nullcline(&format!("inspect {file} --json")).succeeds().json();
    let npy = inspected("wave.npy");
    assert_eq!((&npy["format"], &npy["n_times"]), (&"NPY".into(), &400.into()));
    check_channel(&npy["channels"][0], "x1", "a.u.");
    for (file, format) in WAVE_FILES {
        let found = inspected(file);
        assert_eq!(found["format"], format, "{file}");
        for field in ["n_times", "channels", "annotations"] {
            assert_eq!(found[field], npy[field], "{field} of {file}");
        }
        let table = lab.nullcline(&format!("inspect {file}")).succeeds().stdout;
        assert!(table.contains("x2") && table.contains('█'), "{table}");
    }
}

#[test]
fn fit_judges_on_a_test_series() {
    let lab = Lab::new();
    write_wave(&lab);
    let answer = lab.nullcline("fit wave.npy --test wave.tsv --config tiny.toml --json").succeeds().json();
    assert_eq!((&answer["n_train"], &answer["n_test"]), (&400.into(), &400.into()));
    lab.write("narrow.tsv", "1\n2\n3\n");
    lab.nullcline("fit wave.npy --test narrow.tsv --config tiny.toml").refuses(&[
        "need 2 channels",
        "found 1",
        "narrow.tsv",
    ]);
}

#[test]
fn fit_refuses_what_is_no_series() {
    let lab = Lab::new();
    write_wave(&lab);
    lab.write("short.tsv", "1\t2\n3\t4\n");
    lab.write("endless.tsv", "1\t2\n3\tinf\n".repeat(100));
    lab.write("silent.tsv", "1\tn/a\n3\tn/a\n".repeat(100));
    lab.write("flat.tsv", "3\t7\n".repeat(200));
    lab.write("words.tsv", "a\tb\n1\tx\n");
    lab.write("torn.npy", &std::fs::read(lab.path("wave.npy")).unwrap()[..300]);
    for (line, words) in [
        ("fit absent.npy", ["absent.npy", "need"]),
        ("fit short.tsv", ["short.tsv", "need"]),
        ("fit endless.tsv", ["endless.tsv", "infinite"]),
        ("fit silent.tsv", ["silent.tsv", "none of channel 2"]),
        ("fit flat.tsv", ["flat.tsv", "constant"]),
        ("fit flat.tsv --own-units", ["flat.tsv", "constant"]),
        ("fit wave.npy --encoder delays --encoder-kernel 600", ["wave.npy", "599 samples before its own"]),
        ("fit wave.npy --save model.npy", [".safetensors", "model.npy"]),
        ("fit wave.npy --observation bold --tr-secs -2", ["wave.npy", "-2"]),
        ("fit wave.npy --encoder-kernel 6", ["--encoder-kernel", "pseudo-inverse"]),
        ("fit wave.npy --model PLRNN --hidden-dim 9", ["--hidden-dim", "PLRNN"]),
        ("fit wave.npy --model ALRNN --start linear", ["shPLRNN or clippedShPLRNN", "found ALRNN"]),
        ("fit wave.npy --start windows", ["wave.npy", "Poisson counts to start from windows, found Gaussian"]),
        ("fit wave.npy --model ALRNN --start windows", ["shPLRNN or clippedShPLRNN", "found ALRNN"]),
        ("fit words.tsv", ["words.tsv", "line 2"]),
        ("fit torn.npy", ["torn.npy", "bytes"]),
        ("fit wave.h5:/absent", ["wave.h5", "absent"]),
        ("fit wave.npy --observation poisson", ["wave.npy", "counts"]),
        ("fit wave.npy --latent-dim 0", ["latent", "0"]),
        ("fit wave.npy --epochs 0", ["epochs", "0"]),
    ] {
        lab.nullcline(&format!("{line} --json")).refuses(&words);
    }
}

#[test]
fn a_fitted_model_can_be_portrayed_and_run() {
    let lab = Lab::new();
    write_wave(&lab);
    lab.nullcline("fit wave.npy --config tiny.toml --save model.safetensors").succeeds();
    let portrait = lab.nullcline("portrait model.safetensors --json").succeeds().json();
    assert_eq!(portrait["dim"], 2);
    assert!(!portrait["attractors"].as_array().unwrap().is_empty(), "{portrait:#}");

    let run = lab.nullcline("simulate model.safetensors --steps 30 --start 0.5,-1 --json").succeeds().json();
    assert_eq!(run["channels"], serde_json::json!(["x1", "x2"]));
    for rows in ["observed", "latent"] {
        let rows = run[rows].as_array().unwrap();
        assert_eq!((rows.len(), rows[0].as_array().unwrap().len()), (30, 2));
    }
    let printed = |seed: &str| {
        lab.nullcline(&format!("simulate model.safetensors --steps 30 --random-seed {seed}")).succeeds().stdout
    };
    assert_eq!(printed("1").lines().count(), 31, "a header and a row for each step");
    assert_eq!(printed("1"), printed("1"));
    assert_ne!(printed("1"), printed("2"));
    lab.nullcline("simulate model.safetensors --start 1,2,3").refuses(&["2 finite numbers in --start", "1,2,3"]);

    lab.nullcline("simulate model.safetensors --steps 200 --output free").succeeds();
    lab.nullcline("fit free.parquet --config tiny.toml").succeeds();
}

/// `z' = z/2 + 3` from 0: 0, 3, 4.5, …
#[test]
fn weights_made_elsewhere_can_be_run() {
    let lab = Lab::new();
    lab.write("weights.json", r#"{"type": "PLRNN", "A": [0.5], "W": [[0]], "h": [3]}"#);
    let printed = lab.nullcline("simulate weights.json --steps 3 --start 0").succeeds().stdout;
    assert_eq!(printed, "z1\n0\n3\n4.5\n");
    let run = lab.nullcline("simulate weights.json --steps 3 --start 0 --json").succeeds().json();
    assert_eq!(run["latent"], serde_json::json!([[0.0], [3.0], [4.5]]));
    assert!(run["observed"].is_null(), "{run:#}");
    lab.nullcline("simulate weights.json --start nan").refuses(&["1 finite number in --start", "NaN"]);
    lab.write("far.json", r#"{"type": "PLRNN", "A": [2], "W": [[0]], "h": [3]}"#);
    lab.nullcline("simulate far.json --steps 2000 --start 1").refuses(&["from 1 diverged within 2000 steps"]);
    lab.nullcline("simulate tiny.toml").refuses(&[".safetensors", ".json", "tiny.toml"]);
}

#[test]
fn compare_and_report_answer_as_json() {
    let lab = Lab::with_cohort(View::Bold, 2);
    lab.nullcline("run study out participant --config tiny.toml --refits 1").succeeds();
    let compared = lab.nullcline("compare out --covariates age --json").succeeds().json();
    assert_eq!((&compared["schema"], &compared["group_column"]), (&1.into(), &"group".into()));
    let row = &compared["comparison"]["features"][0];
    for field in ["feature", "n_control", "n_other", "hedges_g", "g_low", "g_high", "p_permutation", "q_fdr"] {
        assert!(!row[field].is_null(), "no {field} in {row:#}");
    }
    std::fs::remove_file(lab.path("out/sub-control01/sub-control01_report.html")).unwrap();
    let pages = lab.nullcline("report out --json").succeeds().json();
    let pages: Vec<&str> = pages["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    assert_eq!(pages.len(), 5, "{pages:?}");
    for page in pages {
        assert!(lab.read(page).contains("</html>"), "{page}");
    }
}

/// A terminal that closes, a log reader that ends: the run goes on.
#[test]
fn a_log_that_nobody_reads_ends_no_run() {
    let lab = Lab::with_cohort(View::Bold, 1);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = lab.command("run study out participant --config tiny.toml").stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    lab.nullcline("run study out participant --config tiny.toml").succeeds().says(&["nothing to do"]);
}

/// `… | head` closes the pipe early; that is no accident.
#[test]
fn a_reader_may_leave_early() {
    let lab = Lab::with_cohort(View::Eeg, 1);
    lab.write("weights.json", r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [1], "P": 0}"#);
    let edf = "study/sub-control01/eeg/sub-control01_task-memory_eeg.edf";
    for line in [
        format!("inspect {edf}"),
        format!("inspect {edf} --json"),
        "portrait weights.json".into(),
        "portrait weights.json --json".into(),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = lab.command(&line).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{line}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let lab = Lab::new();
    lab.write("weights.json", r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [1], "P": 0}"#);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let line = "portrait weights.json --json";
    let output = lab.command(line).stdout(full).output().unwrap();
    Answer::of(line, &output).refuses(&["No space left"]);
}

/// The whole chain with nothing prepared: the first thing a lab tries.
#[test]
fn the_demo_ends_in_a_report() {
    let lab = Lab::new();
    let answer = lab.nullcline("demo --view bold --subjects-per-group 3").succeeds();
    assert!(answer.stdout.ends_with("report: demo/results/group/report.html\n"), "{}", answer.told());
    assert!(lab.read("demo/results/group/report.html").contains("Simulated two-population circuit"));
    // Somebody's data in the folder that the demo would replace.
    lab.write("theirs/bids/dataset_description.json", "{\"Name\": \"Years of work\"}");
    lab.nullcline("demo --view bold --out theirs").refuses(&["need a folder of its own for the demo", "theirs/bids"]);
    assert!(lab.path("theirs/bids/dataset_description.json").exists());
    lab.nullcline("demo --subjects-per-group 1").refuses(&["need at least 2 subjects per group, found 1"]);
}
