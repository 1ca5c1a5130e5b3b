//! One bad subject is excluded with its reason, a bad channel likewise; the others go on.

use nullcline_tests::{Lab, TINY, View, changed, check_one_line};

const PARTICIPANTS: &str = "run study out participant --config tiny.toml --refits 1";

const BOLD: &str = "study/sub-patient01/func/sub-patient01_task-memory_atlas-Simulated_stat-mean_timeseries.tsv";
const EEG: &str = "study/sub-patient01/eeg/sub-patient01_task-memory_eeg.edf";
const SPIKES: &str = "study/sub-patient01/ecephys/sub-patient01_task-memory_ecephys.nwb";

#[test]
fn a_subject_without_data() {
    let empty = |lab: &Lab| std::fs::remove_dir_all(lab.path("study/sub-patient01")).unwrap();
    check_excluded(View::Bold, empty, &["need a recording", "sub-patient01"]);
    let emptied = |lab: &Lab| std::fs::remove_dir_all(lab.path("study/sub-patient01/func")).unwrap();
    check_excluded(View::Bold, emptied, &["need a recording", "sub-patient01"]);
}

#[test]
fn a_subject_with_two_recordings_of_which_neither_is_chosen() {
    let second = |lab: &Lab| lab.write(&BOLD.replace("task-memory", "task-rest"), lab.read(BOLD));
    check_excluded(View::Bold, second, &["need one recording, found 2", "task-memory", "task-rest"]);
}

#[test]
fn a_truncated_edf() {
    check_excluded(View::Eeg, |lab| truncate(lab, EEG, 0.6), &["bytes, as the header says", "_eeg.edf"]);
    check_excluded(View::Eeg, |lab| truncate(lab, EEG, 0.0), &["something in it", "_eeg.edf"]);
}

#[test]
fn a_pass_band_that_the_rate_cannot_hold() {
    let lab = Lab::with_cohort(View::Eeg, 1);
    lab.write("tiny.toml", changed(TINY, "band_hz = \"off\"", "band_hz = [1.0, 40.0]"));
    let answer = lab.nullcline(PARTICIPANTS).exits(1).says(&["filter edges", "1–40 Hz", "_eeg.edf"]);
    answer.stderr.lines().for_each(check_one_line);
}

#[test]
fn an_edf_that_is_none() {
    check_excluded(View::Eeg, |lab| lab.write(EEG, "PK\u{3}\u{4}".repeat(1000)), &["EDF", "_eeg.edf"]);
}

#[test]
fn a_ragged_table() {
    let ragged =
        |lab: &Lab| lab.edit(BOLD, |table| with_line(table, 7, |line| line.rsplit_once('\t').unwrap().0.to_string()));
    check_excluded(View::Bold, ragged, &["need 12 cells", "found 11", "line 7", "timeseries.tsv"]);
}

#[test]
fn a_word_among_the_numbers() {
    let word = |lab: &Lab| lab.edit(BOLD, |table| with_line(table, 9, |line| format!("high{line}")));
    check_excluded(View::Bold, word, &["need a number", "high", "line 9", "column 1", "timeseries.tsv"]);
}

#[test]
fn a_table_without_a_rate() {
    let without = |lab: &Lab| std::fs::remove_file(lab.path(&BOLD.replace(".tsv", ".json"))).unwrap();
    check_excluded(View::Bold, without, &["RepetitionTime", "timeseries.tsv"]);
}

#[test]
fn a_recording_too_short_to_judge() {
    let short = |lab: &Lab| lab.edit(BOLD, |table| table.lines().take(6).map(|line| format!("{line}\n")).collect());
    check_excluded(View::Bold, short, &["need 20 s", "found 10", "timeseries.tsv"]);
}

#[test]
fn nwb_without_units() {
    let without = |lab: &Lab| {
        let file = hdf5::File::create(lab.path(SPIKES)).unwrap();
        file.create_group("acquisition").unwrap();
    };
    check_excluded(View::Spikes, without, &["/units", "_ecephys.nwb"]);
}

#[test]
fn a_truncated_nwb() {
    check_excluded(View::Spikes, |lab| truncate(lab, SPIKES, 0.5), &["_ecephys.nwb"]);
}

#[test]
fn channels_that_cannot_be_used() {
    // More than a tenth; a few missing samples are modelled around.
    check_channel_excluded("roi03", |line, cell| if line % 3 == 0 { "n/a" } else { cell }, "missing");
    check_channel_excluded("roi03", |_, _| "1000", "flat");
}

#[test]
fn a_missing_volume_costs_no_channel() {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.edit(BOLD, |table| with_line(table, 20, |line| vec!["n/a"; line.split('\t').count()].join("\t")));
    lab.nullcline(PARTICIPANTS).succeeds().says(&["2 of 2 subjects worked on", "0 excluded"]);
    assert!(lab.json("out/sub-patient01/sub-patient01_desc-status_summary.json")["excluded"].is_null());
}

#[test]
fn when_everyone_is_excluded_nothing_was_done() {
    let lab = Lab::with_cohort(View::Bold, 1);
    for subject in ["control01", "patient01"] {
        lab.write(&BOLD.replace("patient01", subject), "roi01\n");
    }
    let answer = lab.nullcline(PARTICIPANTS).exits(1);
    assert_eq!(answer.stderr.matches("is excluded at ingest").count(), 2, "{}", answer.told());
    lab.nullcline("run study out group --config tiny.toml").exits(1);
    assert!(lab.read("out/group/report.html").contains("sub-control01"), "the page lists whom it misses");
}

#[test]
fn a_mended_subject_is_no_longer_excluded() {
    let lab = Lab::with_cohort(View::Bold, 1);
    let whole = lab.read(BOLD);
    lab.write(BOLD, "roi01\n");
    lab.nullcline(PARTICIPANTS).exits(3);
    lab.write(BOLD, whole);
    lab.nullcline(PARTICIPANTS).succeeds().says(&["1 of 2 subjects worked on", "0 excluded"]);
    assert!(lab.json("out/sub-patient01/sub-patient01_desc-status_summary.json")["excluded"].is_null());
}

#[test]
fn a_subject_missing_from_the_table_is_in_no_group() {
    let lab = Lab::with_cohort(View::Bold, 3);
    lab.edit("study/participants.tsv", |table| {
        table.lines().filter(|line| !line.contains("patient03")).map(|line| format!("{line}\n")).collect()
    });
    lab.nullcline(PARTICIPANTS).succeeds().says(&["6 of 6 subjects"]);
    lab.nullcline("run study out group --config tiny.toml --covariates").succeeds();
    let compared = &lab.json("out/group/group_desc-comparison_statistics.json")["comparison"];
    assert_eq!((&compared["n_control"], &compared["n_other"]), (&3.into(), &2.into()));
    assert!(lab.read("out/group/report.html").contains("sub-patient03"), "the page shows whom it could not place");
}

#[test]
fn what_a_lab_writes_into_its_tables_is_text_on_the_page() {
    let lab = Lab::with_cohort(View::Bold, 2);
    let evil = "<script>alert(1)</script>";
    lab.edit("study/participants.tsv", |table| {
        table.replace("\tpatient\t", &format!("\t{evil}\t")).replace("\tsex", "\t<b>sex")
    });
    lab.edit(BOLD, |table| table.replacen("roi01", "<img src=x onerror=alert(2)>", 1));
    lab.edit("study/dataset_description.json", |json| json.replace("Simulated", "</title><script>alert(3)</script>"));
    lab.nullcline(PARTICIPANTS).succeeds();
    lab.nullcline("run study out group --config tiny.toml").succeeds();
    for page in ["out/group/report.html", "out/sub-patient01/sub-patient01_report.html"] {
        let page = lab.read(page);
        assert!(page.contains("&lt;script&gt;alert(1)"), "the name itself is shown");
        for markup in ["<script>alert", "<img src=x", "<b>sex"] {
            assert!(!page.contains(markup), "{markup}");
        }
    }
}

/// After `spoil`, `sub-patient01` is excluded at ingest for a reason with all of `words`, and the others are not.
#[track_caller]
fn check_excluded(view: View, spoil: impl Fn(&Lab), words: &[&str]) {
    let lab = Lab::with_cohort(view, 3);
    spoil(&lab);
    lab.nullcline(PARTICIPANTS).exits(3).says(&["sub-patient01 is excluded at ingest"]);
    let summary = |subject: &str| lab.json(&format!("out/{subject}/{subject}_desc-status_summary.json"));
    let excluded = &summary("sub-patient01")["excluded"];
    assert_eq!(excluded["stage"], "ingest");
    let reason = excluded["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "no {word:?} in {reason:?}");
    }
    check_one_line(reason);
    for subject in ["sub-control01", "sub-control02", "sub-control03", "sub-patient02", "sub-patient03"] {
        assert!(summary(subject)["excluded"].is_null(), "{subject}");
    }
    lab.nullcline("run study out group --config tiny.toml --covariates").exits(3);
    for page in ["out/sub-patient01/sub-patient01_report.html", "out/group/report.html"] {
        assert!(lab.read(page).contains(words[0]), "the reason is in {page}");
    }
}

/// With every cell of one region replaced by `edit(line, cell)`, that region is left out for a reason with `word`.
#[track_caller]
fn check_channel_excluded(name: &str, edit: impl Fn(usize, &str) -> &str, word: &str) {
    let lab = Lab::with_cohort(View::Bold, 1);
    lab.edit(BOLD, |table| {
        let column = table.lines().next().unwrap().split('\t').position(|cell| cell == name).unwrap();
        let edited = |(line, row): (usize, &str)| {
            let mut cells: Vec<&str> = row.split('\t').collect();
            if line > 0 {
                cells[column] = edit(line + 1, cells[column]);
            }
            cells.join("\t") + "\n"
        };
        table.lines().enumerate().map(edited).collect()
    });
    lab.nullcline(PARTICIPANTS).succeeds();
    let summary = lab.json(&BOLD.replace("study/", "out/").replace("_timeseries.tsv", "_desc-ingest_summary.json"));
    let excluded = summary["channels_excluded"].as_array().unwrap();
    assert_eq!(excluded.len(), 1, "{excluded:?}");
    assert_eq!(excluded[0][0], name);
    assert!(excluded[0][1].as_str().unwrap().contains(word), "{excluded:?}");
    assert_eq!(summary["channels_kept"].as_array().unwrap().len(), 11);
    assert!(lab.read("out/sub-patient01/sub-patient01_report.html").contains(name));
}

/// Line `number`, counted from 1, changed by `edit`.
fn with_line(table: &str, number: usize, edit: impl Fn(&str) -> String) -> String {
    let edited = |(i, line): (usize, &str)| if i + 1 == number { edit(line) } else { line.to_string() } + "\n";
    table.lines().enumerate().map(edited).collect()
}

fn truncate(lab: &Lab, name: &str, share: f64) {
    let bytes = std::fs::read(lab.path(name)).unwrap();
    lab.write(name, &bytes[..(share * bytes.len() as f64) as usize]);
}
