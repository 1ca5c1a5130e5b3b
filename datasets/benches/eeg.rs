//! Reading an hour of 64 channels at 1 kHz to single precision, beside MNE on the same file in the same run.
//!
//! `cargo bench -p nullcline-datasets --bench eeg`. Each reading is a process of its own, ours and MNE's in turn, so
//! that the peak of memory is that of the reading and the file is in the page cache for both. Beside the time that
//! passed stands the time of all processors, which says more where a machine is shared. The peer needs a Python with
//! MNE: `NULLCLINE_PYTHON`, or `python3`. `NULLCLINE_BENCH_SECS` makes the recording shorter.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nullcline_datasets::readers::open_signals;

/// As the program: where the allocator keeps its own notes decides whether a channel fits into large pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const N_CHANNELS: usize = 64;
const RATE_HZ: usize = 1000;
const REPETITIONS: usize = 5;

fn main() {
    // A reading: this program again, with the file as argument.
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("read") {
        return read(Path::new(&arguments.next().expect("a file to read")));
    }
    let n_secs = std::env::var("NULLCLINE_BENCH_SECS").ok().and_then(|secs| secs.parse().ok()).unwrap_or(3600);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let python = python_with_mne();
    if python.is_none() {
        println!("no Python with MNE (NULLCLINE_PYTHON, python3): only our own times");
    }
    let kept_mib = (n_secs * RATE_HZ * N_CHANNELS * 4) as f64 / f64::from(1 << 20);
    println!("{N_CHANNELS} channels, {RATE_HZ} Hz, {n_secs} s: {kept_mib:.0} MiB in single precision");
    println!(
        "{:<26} {:>6} {:>20} {:>12} {:>10} {:>13} {:>12}",
        "file", "MiB", "s (min–max)", "processor s", "times MNE", "by processor", "peak / kept"
    );
    type Make = fn(&Path, usize) -> PathBuf;
    let files: [(&str, Make, &str); 5] = [
        ("EDF", |folder, n_secs| edf(folder, n_secs, 2), "read_raw_edf"),
        ("BDF", |folder, n_secs| edf(folder, n_secs, 3), "read_raw_bdf"),
        ("BrainVision INT_16", |folder, n| brainvision(folder, n, "int", false), "read_raw_brainvision"),
        ("BrainVision IEEE_FLOAT_32", |folder, n| brainvision(folder, n, "float", false), "read_raw_brainvision"),
        ("BrainVision vectorized", |folder, n| brainvision(folder, n, "vectors", true), "read_raw_brainvision"),
    ];
    for (name, make, reader) in files {
        // One at a time: an hour takes half a gigabyte and more.
        let path = make(folder.path(), n_secs);
        let mut ours = Vec::new();
        let mut peers = Vec::new();
        for _ in 0..REPETITIONS {
            ours.push(measure(Command::new(std::env::current_exe().unwrap()).arg("read").arg(&path)));
            if let Some(python) = &python {
                peers.push(measure(Command::new(python).args(["-c", PEER, reader]).arg(&path)));
            }
        }
        print_row(name, &path, &ours, kept_mib, ratios(&peers, &ours));
        if !peers.is_empty() {
            print_row("  MNE, to double precision", &path, &peers, kept_mib, None);
        }
        let data = path.with_extension("eeg");
        std::fs::remove_file(&path).expect("the file just read");
        let _ = std::fs::remove_file(data);
    }
}

/// What a process says of its reading, in one line.
struct Measured {
    secs: f64,
    /// Of all threads.
    processor_secs: f64,
    peak_mib: f64,
}

const PEER: &str = "
import sys, time, resource, warnings
warnings.simplefilter('ignore')
import mne
usage = lambda: resource.getrusage(resource.RUSAGE_SELF)
before = usage().ru_maxrss / 1024
start, used = time.perf_counter(), time.process_time()
raw = getattr(mne.io, sys.argv[1])(sys.argv[2], preload=True, verbose='error')
print(time.perf_counter() - start, time.process_time() - used, usage().ru_maxrss / 1024 - before)
";

fn read(path: &Path) {
    let before = (peak_mib(), processor_secs());
    let start = Instant::now();
    let signals = open_signals(path).and_then(|file| file.into_signals()).expect("a sound file");
    let secs = start.elapsed().as_secs_f64();
    assert_eq!(signals.channels.len(), N_CHANNELS);
    println!("{secs} {} {}", processor_secs() - before.1, peak_mib() - before.0);
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// User and system time of the process, which Linux counts in hundredths of a second.
fn processor_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn measure(command: &mut Command) -> Measured {
    let output = command.output().expect("a program that runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    Measured { secs: numbers[0], processor_secs: numbers[1], peak_mib: numbers[2] }
}

fn python_with_mne() -> Option<PathBuf> {
    let python = std::env::var_os("NULLCLINE_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let found = Command::new(&python).args(["-c", "import mne"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

fn sorted(measured: &[Measured], of: fn(&Measured) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = measured.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(measured: &[Measured], of: fn(&Measured) -> f64) -> f64 {
    sorted(measured, of)[measured.len() / 2]
}

/// How many times as long the peers take, in passed and in processor time.
fn ratios(peers: &[Measured], ours: &[Measured]) -> Option<[f64; 2]> {
    let ratio = |of: fn(&Measured) -> f64| median(peers, of) / median(ours, of);
    (!peers.is_empty()).then(|| [ratio(|m| m.secs), ratio(|m| m.processor_secs)])
}

fn print_row(name: &str, path: &Path, measured: &[Measured], kept_mib: f64, ratios: Option<[f64; 2]>) {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    let data = path.with_extension("eeg");
    let file_mib = bytes(path).max(bytes(&data)) as f64 / f64::from(1 << 20);
    let secs = sorted(measured, |m| m.secs);
    let peak = measured.iter().map(|m| m.peak_mib).fold(0.0, f64::max) / kept_mib;
    let spread = format!("{:.2} ({:.2}–{:.2})", secs[secs.len() / 2], secs[0], secs[secs.len() - 1]);
    let processor = median(measured, |m| m.processor_secs);
    let [passed, processors] =
        ratios.map_or(["", ""].map(String::from), |ratios| ratios.map(|ratio| format!("{ratio:.1}")));
    println!("{name:<26} {file_mib:>6.0} {spread:>20} {processor:>12.2} {passed:>10} {processors:>13} {peak:>12.2}");
}

/// A sample that no compression or shortcut could guess.
fn sample(t: usize, channel: usize) -> i32 {
    let mixed = (t as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (channel as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 40) as i16 as i32
}

/// One-second records; `width` bytes a sample make it EDF or BDF.
fn edf(folder: &Path, n_secs: usize, width: usize) -> PathBuf {
    let path = folder.join(if width == 2 { "a.edf" } else { "a.bdf" });
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
    let (version, reserved): (&[u8], _) = if width == 2 { (b"0       ", "") } else { (b"\xFFBIOSEMI", "24BIT") };
    let (min, max) = if width == 2 { ("-32768", "32767") } else { ("-8388608", "8388607") };
    let mut header = String::new();
    let mut field = |width: usize, text: &str| header.push_str(&format!("{text:<width$}"));
    let header_bytes = (256 * (N_CHANNELS + 1)).to_string();
    [(80, "X X X X"), (80, "Startdate X X X X"), (8, "01.01.85"), (8, "00.00.00"), (8, &header_bytes), (44, reserved)]
        .iter()
        .for_each(|&(width, text)| field(width, text));
    field(8, &n_secs.to_string());
    field(8, "1");
    field(4, &N_CHANNELS.to_string());
    let rate = RATE_HZ.to_string();
    (0..N_CHANNELS).for_each(|channel| field(16, &format!("E{channel}")));
    for (width, text) in
        [(80, ""), (8, "uV"), (8, "-3276.8"), (8, "3276.7"), (8, min), (8, max), (80, ""), (8, &rate), (32, "")]
    {
        (0..N_CHANNELS).for_each(|_| field(width, text));
    }
    file.write_all(version).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    for second in 0..n_secs {
        for channel in 0..N_CHANNELS {
            for t in second * RATE_HZ..(second + 1) * RATE_HZ {
                file.write_all(&sample(t, channel).to_le_bytes()[..width]).unwrap();
            }
        }
    }
    file.flush().unwrap();
    path
}

fn brainvision(folder: &Path, n_secs: usize, name: &str, is_vectorized: bool) -> PathBuf {
    let header = folder.join(format!("{name}.vhdr"));
    let is_float = name == "float";
    let mut text = format!(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\nDataFile={name}.eeg\n\
         MarkerFile=\nDataFormat=BINARY\nDataOrientation={}\nNumberOfChannels={N_CHANNELS}\nDataPoints={}\n\
         SamplingInterval={}\n\n[Binary Infos]\nBinaryFormat={}\n\n[Channel Infos]\n",
        if is_vectorized { "VECTORIZED" } else { "MULTIPLEXED" },
        n_secs * RATE_HZ,
        1_000_000 / RATE_HZ,
        if is_float { "IEEE_FLOAT_32" } else { "INT_16" },
    );
    (1..=N_CHANNELS).for_each(|i| text.push_str(&format!("Ch{i}=E{i},,0.1,µV\n")));
    std::fs::write(&header, text).unwrap();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(header.with_extension("eeg")).unwrap());
    let mut put = |t: usize, channel: usize| {
        let value = sample(t, channel);
        match is_float {
            true => file.write_all(&(value as f32).to_le_bytes()).unwrap(),
            false => file.write_all(&value.to_le_bytes()[..2]).unwrap(),
        }
    };
    let n_times = n_secs * RATE_HZ;
    match is_vectorized {
        true => (0..N_CHANNELS).for_each(|channel| (0..n_times).for_each(|t| put(t, channel))),
        false => (0..n_times).for_each(|t| (0..N_CHANNELS).for_each(|channel| put(t, channel))),
    }
    file.flush().unwrap();
    header
}
