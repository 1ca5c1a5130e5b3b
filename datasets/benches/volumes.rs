//! Reading a compressed scan, and a scan with an atlas to ROI series, beside nibabel and nilearn.
//!
//! `cargo bench -p nullcline-datasets --bench volumes`. The peers run where `NULLCLINE_PYTHON`, or else `python3`, has
//! nibabel and nilearn. Writes a scan of 64 × 64 × 36 × 600 volumes, an hour at a repetition time of 6 s or ten
//! minutes at 1 s, into a temporary folder.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nullcline_datasets::readers::nifti::{ByteOrder, Datatype, NiftiImage};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use nullcline_datasets::volumes::{Atlas, roi_series};

const SHAPE: [usize; 4] = [64, 64, 36, 600];
const AFFINE: [[f64; 4]; 3] = [[-3.0, 0.0, 0.0, 94.5], [0.0, 3.0, 0.0, -94.5], [0.0, 0.0, 3.0, -52.5]];
const N_REGIONS: usize = 100;
const REPETITIONS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, task, scan, atlas] = &arguments[..] {
        // A process of its own, so that its peak of memory is that of one reading.
        run(task, Path::new(scan), Path::new(atlas));
        println!("{}", peak_mib());
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [scan, atlas, peers] = ["scan.nii.gz", "atlas.nii.gz", "peers.py"].map(|name| folder.path().join(name));
    write_scan(&scan, &atlas);
    let n_values = SHAPE.iter().product::<usize>() as f64;
    let mib = |path: &Path| std::fs::metadata(path).map_or(0.0, |file| file.len() as f64 / (1 << 20) as f64);
    println!(
        "scan {SHAPE:?} int16, {:.0} MiB compressed, {:.0} MiB as f32",
        mib(&scan),
        n_values * 4.0 / (1 << 20) as f64
    );
    println!("{:<46}{:>10}{:>10}{:>10}{:>12}", "", "median s", "least s", "most s", "peak MiB");

    let here = std::env::current_exe().expect("this program");
    let ours = ["inflate", "read", "roi"].map(|task| {
        let times = (0..REPETITIONS).map(|_| {
            let started = Instant::now();
            run(task, &scan, &atlas);
            started.elapsed().as_secs_f64()
        });
        let times: Vec<f64> = times.collect();
        let child = Command::new(&here).args([task.as_ref(), scan.as_os_str(), atlas.as_os_str()]).output();
        let peak = child.ok().and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().ok());
        let names = ["inflate alone (gzip's floor)", "scan to f32", "scan and atlas to ROI series"];
        let name = names[["inflate", "read", "roi"].iter().position(|t| *t == task).unwrap_or(0)];
        row(&format!("nullcline, {name}"), &times, peak)
    });

    std::fs::write(&peers, include_str!("volumes_peers.py")).expect("a writable folder");
    let python = std::env::var("NULLCLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for (task, name, ours) in
        [("nibabel", "nibabel, scan to f32", ours[1]), ("nilearn", "nilearn NiftiLabelsMasker", ours[2])]
    {
        let output =
            Command::new(&python).arg(&peers).arg(task).arg(&scan).arg(&atlas).arg(REPETITIONS.to_string()).output();
        let answer = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let numbers: Vec<f64> =
            answer.lines().next().unwrap_or_default().split(' ').filter_map(|n| n.parse().ok()).collect();
        let [times @ .., peak] = &numbers[..] else {
            println!("{name}: not found by {python}");
            continue;
        };
        println!("{:>56.2} × as long as ours", row(name, times, Some(*peak)) / ours);
        if task == "nilearn" {
            println!("{:>56.1e} largest difference of the series, relative", difference(&answer, &scan, &atlas));
        }
    }
}

fn run(task: &str, scan: &Path, atlas: &Path) {
    match task {
        "inflate" => {
            let file = std::io::BufReader::new(std::fs::File::open(scan).expect("the scan"));
            let mut decoder = flate2::bufread::MultiGzDecoder::new(file);
            let mut block = vec![0; 1 << 17];
            while std::io::Read::read(&mut decoder, &mut block).expect("sound gzip") > 0 {}
        }
        "read" => {
            let values: Vec<f32> = NiftiImage::open(scan).and_then(NiftiImage::read_all).expect("a sound scan");
            std::hint::black_box(values);
        }
        _ => {
            let atlas = Atlas::read(atlas).expect("a sound atlas");
            std::hint::black_box(roi_series(scan, &atlas, None).expect("a series"));
        }
    }
}

/// An ellipsoid of tissue with slow rhythms and noise, 0 outside; labels by an irregular grid of blocks inside.
fn write_scan(scan: &Path, atlas: &Path) {
    let [nx, ny, nz, n_times] = SHAPE;
    let centred = |i: usize, n: usize| 2.0 * (i as f64 + 0.5) / n as f64 - 1.0;
    let inside = move |v: usize| {
        let (x, y, z) = (centred(v % nx, nx), centred(v / nx % ny, ny), centred(v / nx / ny, nz));
        x * x / 0.6 + y * y / 0.8 + z * z / 0.8 < 1.0
    };
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 40) as f64 / f64::from(1 << 24)
    };
    let n_voxels = nx * ny * nz;
    let tissue: Vec<f64> = (0..n_voxels).map(|v| if inside(v) { 600.0 + 400.0 * uniform() } else { 0.0 }).collect();
    let values = (0..n_times).flat_map(|t| {
        let rhythm = 8.0 * (t as f64 * 0.21).sin();
        let mut uniform = uniform;
        // Another stretch of noise for each volume.
        (0..t % 7).for_each(|_| {
            uniform();
        });
        tissue
            .iter()
            .enumerate()
            .map(move |(v, &mean)| {
                if mean == 0.0 {
                    0.0
                } else {
                    (mean + rhythm * (v % 5) as f64 + 20.0 * (uniform() + uniform() - 1.0)).round()
                }
            })
            .collect::<Vec<f64>>()
    });
    let image = |shape: &'static [usize], datatype, secs| NiftiToWrite {
        version: 1,
        order: ByteOrder::Little,
        datatype,
        shape,
        affine: AFFINE,
        space_code: 1,
        repetition_time_secs: secs,
        scaling: [0.0, 0.0],
        intent_code: 0,
        extensions: &[],
    };
    write(scan, &image(&SHAPE, Datatype::Int16, Some(1.0)), values).expect("a writable folder");
    let label = |v: usize| {
        if inside(v) { (1 + (v / 6 + v / nx / 7 * 11 + v / nx / ny / 6 * 37) % N_REGIONS) as f64 } else { 0.0 }
    };
    write(atlas, &image(&SHAPE[..3], Datatype::UInt8, None), (0..n_voxels).map(label)).expect("a writable folder");
}

/// Prints a line; returns the median.
fn row(name: &str, times: &[f64], peak: Option<f64>) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (median, least, most) = (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1]);
    let peak = peak.map_or("–".to_owned(), |mib| format!("{mib:.0}"));
    println!("{name:<46}{median:>10.3}{least:>10.3}{most:>10.3}{peak:>12}");
    median
}

/// nilearn's series, one region a line, against ours.
fn difference(answer: &str, scan: &Path, atlas: &Path) -> f64 {
    let atlas = Atlas::read(atlas).expect("a sound atlas");
    let ours = roi_series(scan, &atlas, None).expect("a series");
    let theirs = answer.lines().skip(1).map(|line| line.split(' ').filter_map(|n| n.parse::<f64>().ok()));
    let pairs = ours.regions.iter().zip(theirs).flat_map(|(region, theirs)| region.samples.iter().copied().zip(theirs));
    let differences: Vec<f64> = pairs.map(|(a, b)| (f64::from(a) - b).abs() / b.abs()).collect();
    if differences.len() == N_REGIONS * SHAPE[3] { differences.into_iter().fold(0.0, f64::max) } else { f64::NAN }
}

/// The most memory that this process had, in MiB; NaN where the system does not say.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
