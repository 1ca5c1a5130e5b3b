//! Reading ten million sorted spikes beside pynwb, and a first look at a data set of a thousand subjects.
//!
//! `cargo bench -p nullcline-datasets --bench recordings`. The peer runs where `NULLCLINE_PYTHON`, or else `python3`, has
//! pynwb; it reads the same file right after us, unit by unit (as its own documentation does) and as one flat vector.
//! Each reading is a process of its own, whose start and imports are not counted.
//! What pynwb needs grows with the chunks it has to inflate, so there are three files: spike times in one piece, deflated
//! in chunks of a megabyte by us, and deflated by pynwb as it does by itself. All are in the page cache. Inflating is
//! most of the work on the last two; ours is shared by all threads, which the CPU times, of all threads together, do not
//! show. Writes some 200 MB into a temporary folder.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nullcline_datasets::bids::sidecar;
use nullcline_datasets::readers::nwb;
use nullcline_datasets::readers::nwb_write::{self, Storage};
use nullcline_datasets::{Dataset, RecordingFilter, SpikeTrains, Support};

const N_UNITS: usize = 400;
const SPIKES_PER_UNIT: usize = 25_000;
const SESSION_SECS: f64 = 3600.0;
const RECORDED_HZ: f64 = 30_000.0;
const N_SUBJECTS: usize = 1000;
const REPETITIONS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, task, path] = &arguments[..]
        && task == "nwb"
    {
        let (before_mib, before_secs, started) = (peak_mib(), cpu_secs(), Instant::now());
        let n_spikes = read_units(Path::new(path));
        let wall = started.elapsed().as_secs_f64();
        println!("{wall} {} {} {n_spikes}", cpu_secs() - before_secs, peak_mib() - before_mib);
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("{:<52}{:>10}{:>10}{:>10}{:>10}{:>12}", "", "median s", "least s", "most s", "CPU s", "peak MiB");
    let peers = folder.path().join("peers.py");
    fs::write(&peers, include_str!("recordings_peers.py")).expect("a writable folder");
    let python = std::env::var("NULLCLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let units = folder.path().join("units.nwb");
    write_units(&units, Storage::Plain);
    spikes(&units, "in one piece", &python, &peers);
    write_units(&units, Storage::Deflated);
    spikes(&units, "deflated", &python, &peers);
    let mut write = Command::new(&python);
    write.arg(&peers).arg("write").arg(&units).args([N_UNITS * SPIKES_PER_UNIT, N_UNITS].map(|n| n.to_string()));
    if write.output().is_ok_and(|output| output.status.success()) {
        spikes(&units, "deflated by pynwb", &python, &peers);
    }
    dataset(folder.path());
}

fn spikes(path: &Path, how: &str, python: &str, peers: &Path) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let n_spikes = N_UNITS * SPIKES_PER_UNIT;
    let file_mib = mib(fs::metadata(path).map_or(0, |file| file.len()));
    let kept_mib = mib((n_spikes * size_of::<f64>()) as u64);
    println!("{n_spikes} spikes of {N_UNITS} units, {how}: {file_mib:.0} MiB, of which {kept_mib:.0} are kept");

    let here = std::env::current_exe().expect("this program");
    let mut ours = Vec::new();
    let mut theirs = [Vec::new(), Vec::new()];
    for _ in 0..REPETITIONS {
        ours.extend(reading(Command::new(&here).arg("nwb").arg(path)));
        for (task, measured) in ["by-unit", "whole"].iter().zip(&mut theirs) {
            measured.extend(reading(Command::new(python).arg(peers).arg(task).arg(path)));
        }
    }
    let ours = row("nullcline", &ours);
    for (name, measured) in ["pynwb, unit by unit", "pynwb, the flat vector and its index"].iter().zip(theirs) {
        if measured.len() < REPETITIONS {
            println!("{name}: not found by {python}");
            continue;
        }
        let peer = row(name, &measured);
        let (wall, cpu) = (peer.wall / ours.wall, peer.cpu / ours.cpu);
        println!("{:>52}{wall:>10.2} × as long as ours, {cpu:.2} × the CPU time", "");
    }
}

/// What a process of its own says of one reading: seconds, CPU seconds, MiB that it took at most, and spikes.
fn reading(command: &mut Command) -> Option<Measured> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[wall, cpu, peak_mib, n_spikes] = &numbers[..] else { return None };
    assert_eq!(n_spikes as usize, N_UNITS * SPIKES_PER_UNIT, "both read the same spikes");
    Some(Measured { wall, cpu, peak_mib: Some(peak_mib) })
}

fn read_units(path: &Path) -> usize {
    let trains = std::hint::black_box(nwb::read(path).expect("a sound file"));
    assert_eq!(trains.units().len(), N_UNITS);
    trains.n_spikes()
}

fn write_units(path: &Path, storage: Storage) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let unit = |i: usize| {
        // Spikes lie where a sample was taken.
        let spike = |_| (uniform() * SESSION_SECS * RECORDED_HZ).floor() / RECORDED_HZ;
        let mut spikes: Vec<f64> = (0..SPIKES_PER_UNIT).map(spike).collect();
        spikes.sort_by(f64::total_cmp);
        (format!("unit{i}"), spikes)
    };
    let trains = SpikeTrains::of_units((0..N_UNITS).map(unit), Support::between(0.0, SESSION_SECS));
    let session_description = "made by a benchmark";
    let file = nwb_write::NwbToWrite { identifier: "bench", session_description, trains: &trains, storage };
    nwb_write::write(path, &file).expect("a writable folder");
}

/// What a run looks up before it reads anything: subjects, their recordings, and what describes those.
fn dataset(folder: &Path) {
    let root = folder.join("study");
    write_study(&root);
    let times = timed(|| {
        let dataset = Dataset::open(&root).expect("a sound data set");
        let filter = RecordingFilter { session: Some("1".into()), ..Default::default() };
        let mut n_described = 0;
        for subject in &dataset.subjects {
            for file in dataset.recordings_of(subject, &filter).expect("folders that can be listed") {
                let sidecar = sidecar(&file.path).expect("sound sidecars");
                assert!(sidecar.power_line_hz == Some(50.0) && file.channels_path().is_some());
                n_described += usize::from(file.events_path().is_some());
            }
        }
        assert_eq!(n_described, N_SUBJECTS);
    });
    row(&format!("nullcline, look-up of {N_SUBJECTS} subjects × 2 sessions"), &times);
}

fn write_study(root: &Path) {
    fs::create_dir_all(root).expect("a writable folder");
    let write = |path: &Path, text: &str| fs::write(path, text).expect("a writable folder");
    let mut participants = "participant_id\tgroup\tage\n".to_owned();
    for i in 0..N_SUBJECTS {
        participants += &format!("sub-{i:04}\t{}\t{}\n", if i % 2 == 0 { "patient" } else { "control" }, 20 + i % 50);
        for session in ["1", "2"] {
            let folder = root.join(format!("sub-{i:04}/ses-{session}/eeg"));
            fs::create_dir_all(&folder).expect("a writable folder");
            let file = |end: &str| folder.join(format!("sub-{i:04}_ses-{session}_task-rest_{end}"));
            write(&file("eeg.edf"), "");
            write(&file("eeg.json"), r#"{"SamplingFrequency": 256}"#);
            write(&file("channels.tsv"), "name\ttype\tunits\nFz\tEEG\tuV\n");
            write(&file("events.tsv"), "onset\tduration\ttrial_type\n1\t1\tgo\n");
        }
    }
    write(&root.join("participants.tsv"), &participants);
    write(&root.join("task-rest_eeg.json"), r#"{"TaskName": "rest", "PowerLineFrequency": 50}"#);
}

/// What something took: by the clock, and of the computing of all threads, which a busy machine leaves alone.
#[derive(Clone, Copy)]
struct Measured {
    wall: f64,
    cpu: f64,
    peak_mib: Option<f64>,
}

fn timed(mut work: impl FnMut()) -> Vec<Measured> {
    let once = |_| {
        let (started, computed) = (Instant::now(), cpu_secs());
        work();
        Measured { wall: started.elapsed().as_secs_f64(), cpu: cpu_secs() - computed, peak_mib: None }
    };
    (0..REPETITIONS).map(once).collect()
}

/// Prints a line of the table; the medians.
fn row(name: &str, measured: &[Measured]) -> Measured {
    let sorted = |of: fn(&Measured) -> f64| {
        let mut sorted: Vec<f64> = measured.iter().map(of).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (wall, cpu) = (sorted(|m| m.wall), sorted(|m| m.cpu));
    let peak_mib = measured.iter().filter_map(|m| m.peak_mib).reduce(f64::max);
    let median = Measured { wall: wall[wall.len() / 2], cpu: cpu[cpu.len() / 2], peak_mib };
    let peak = peak_mib.map_or("–".to_owned(), |mib| format!("{mib:.0}"));
    let (least, most) = (wall[0], wall[wall.len() - 1]);
    println!("{name:<52}{:>10.3}{least:>10.3}{most:>10.3}{:>10.3}{peak:>12}", median.wall, median.cpu);
    median
}

/// Computed by all threads so far, in hundredths of a second, by the kernel's account; NaN where there is none.
fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = after_name.split_whitespace().skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
    if ticks.is_empty() { f64::NAN } else { ticks.iter().sum::<f64>() / 100.0 }
}

/// Most memory this process has had, by the kernel's account; NaN where there is none.
fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}
