//! How well the dynamics of public benchmark series are reconstructed: `make bench-dsr`.
//!
//! Every row is the program itself, `nullcline fit TRAIN --test TEST --preset … --random-seed 1 … 5`, trained on the
//! train file alone and judged on the test file; no seed is left out, and a run that failed counts as the worst. The
//! series lie in the benchmarks folder of `NULLCLINE_DATA` (default `../shared/data`). Arguments choose rows by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use nalgebra::DMatrix;
use nullcline::outputs::read_model;
use nullcline_datasets::read_series;
use nullcline_dynamics::{LyapunovPlan, lyapunov_exponents};
use nullcline_models::judging::{JudgePlan, state_space_divergence};
use nullcline_models::{SequenceVae, Series, Surroundings};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const SEEDS: u64 = 5;

fn main() {
    let data = std::env::var_os("NULLCLINE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"))
        .join("benchmarks");
    if !data.is_dir() {
        println!("skipped: no benchmark series in {}; set NULLCLINE_DATA", data.display());
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bench = Bench { data, folder: folder.path().to_path_buf() };
    if is_wanted("ecg") {
        bench.pair("ecg", "ECG_pecuzal_5d_train.npy", "ECG_pecuzal_5d_test.npy", None);
    }
    if is_wanted("lorenz63") {
        bench.pair("lorenz63", "lorenz63_on0.05_train.npy", "lorenz63_test.npy", Some(0.01));
    }
    if is_wanted("counts") {
        bench.counts();
    }
    if is_wanted("eeg") {
        bench.eeg();
    }
    if is_wanted("fmri") {
        bench.fmri();
    }
}

struct Bench {
    data: PathBuf,
    folder: PathBuf,
}

/// One fit, as `--json` answered it, and the model it saved.
struct Fit {
    answer: Value,
    model: PathBuf,
}

impl Fit {
    fn number(&self, path: &[&str]) -> Option<f64> {
        path.iter().try_fold(&self.answer, |value, key| value.get(key))?.as_f64()
    }

    /// `[D_stsp, D_H, PE]` of the model, or of the rival whose name begins so.
    fn scores(&self, rival: Option<&str>) -> [Option<f64>; 3] {
        match rival {
            None => [self.number(&["d_stsp"]), self.number(&["d_h"]), self.number(&["pe", "value"])],
            Some(rival) => {
                let scores = self.answer["baselines"].as_object().and_then(|all| {
                    all.iter().find(|(name, _)| name.starts_with(rival)).map(|(_, scores)| scores.clone())
                });
                ["d_stsp", "d_h", "pe"].map(|key| scores.as_ref()?.get(key)?.as_f64())
            }
        }
    }

    fn rival_name(&self, rival: &str) -> String {
        let names = self.answer["baselines"].as_object();
        names.and_then(|all| all.keys().find(|name| name.starts_with(rival))).cloned().unwrap_or(rival.to_string())
    }
}

impl Bench {
    /// Fits all tasks, two at a time, one thread each; a failed fit is told and absent.
    fn fit_all(&self, tasks: Vec<(String, Vec<String>)>) -> BTreeMap<String, Fit> {
        let results = Mutex::new(BTreeMap::new());
        let queue = Mutex::new(tasks.into_iter());
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((name, arguments)) = { queue.lock().expect("no panic").next() } {
                        match self.fit(&name, &arguments) {
                            Ok(fit) => drop(results.lock().expect("no panic").insert(name, fit)),
                            Err(why) => println!("{name}: failed: {why}"),
                        }
                    }
                });
            }
        });
        results.into_inner().expect("no panic")
    }

    fn fit(&self, name: &str, arguments: &[String]) -> Result<Fit, String> {
        let model = self.folder.join(format!("{name}.safetensors"));
        let output = Command::new(env!("CARGO_BIN_EXE_nullcline"))
            .arg("fit")
            .args(arguments)
            // In the units of the published errors.
            .args(["--own-units", "--json", "--n-cpus", "1", "--save"])
            .arg(&model)
            .output()
            .map_err(|error| error.to_string())?;
        let answer = serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no answer").to_string())?;
        Ok(Fit { answer, model })
    }

    fn path(&self, file: &str) -> String {
        self.data.join(file).to_string_lossy().into_owned()
    }

    fn seeds(&self, preset: &str, series: &[String]) -> Vec<Option<Fit>> {
        let tasks = (1..=SEEDS).map(|seed| {
            let mut arguments = series.to_vec();
            arguments.extend(["--preset".into(), preset.into(), "--random-seed".into(), seed.to_string()]);
            (format!("{preset}-{seed}"), arguments)
        });
        let mut fits = self.fit_all(tasks.collect());
        (1..=SEEDS).map(|seed| fits.remove(&format!("{preset}-{seed}"))).collect()
    }

    fn pair(&self, preset: &str, train: &str, test: &str, time_step: Option<f64>) {
        let fits = self.seeds(preset, &[self.path(train), "--test".into(), self.path(test)]);
        header(preset, &fits);
        for (seed, fit) in (1..).zip(&fits) {
            let Some(fit) = fit else { continue };
            let [d_stsp, d_h, pe] = fit.scores(None);
            let exponent = time_step.and_then(|step| largest_exponent(&fit.model, step));
            let extra = exponent.map_or(String::new(), |l| format!("   largest exponent {l:.3} per time unit"));
            println!(
                "  seed {seed}  D_stsp {}  D_H {}  PE {}  {:.0} s of one core, chosen at epoch {}{extra}",
                show(d_stsp),
                show(d_h),
                show(pe),
                fit.number(&["processor_seconds"]).unwrap_or(f64::NAN),
                fit.answer["chosen_epoch"]
            );
        }
        summary("nullcline", fits.iter().map(|fit| fit.as_ref().map_or([None; 3], |fit| fit.scores(None))).collect());
        if let Some(step) = time_step {
            let exponents: Vec<f64> = fits
                .iter()
                .map(|fit| largest_exponent(&fit.as_ref()?.model, step))
                .map(|l| l.unwrap_or(f64::NAN))
                .collect();
            let (middle, low, high) = spread(exponents);
            println!("  largest exponent {middle:.3} [{low:.3}, {high:.3}] per time unit");
        }
        rivals(&fits);
    }

    /// 64 channels, the first 70 % to learn from.
    fn eeg(&self) {
        let fits = self.seeds("eeg", &[self.path("EEG_64ch.npy")]);
        header("eeg", &fits);
        summary("nullcline", fits.iter().map(|fit| fit.as_ref().map_or([None; 3], |fit| fit.scores(None))).collect());
        rivals(&fits);
        verdicts(&fits);
    }

    /// 26 subjects of the n-back task, 20 regions, 360 volumes: each its own model.
    fn fmri(&self) {
        let (subjects, n_times, n_regions, values) = read_cube(&self.data.join("koppe_nback_26x360x20.npy"));
        let mut tasks = Vec::new();
        for subject in 0..subjects {
            let path = self.folder.join(format!("nback-{subject:02}.tsv"));
            let rows = &values[subject * n_times * n_regions..][..n_times * n_regions];
            let text: String = rows
                .chunks_exact(n_regions)
                .map(|row| row.iter().map(f32::to_string).collect::<Vec<_>>().join("\t") + "\n")
                .collect();
            let names: Vec<String> = (1..=n_regions).map(|region| format!("region{region}")).collect();
            std::fs::write(&path, names.join("\t") + "\n" + &text).expect("room in the temporary folder");
            for seed in 1..=SEEDS {
                let path = path.to_string_lossy().into_owned();
                let arguments = vec![path, "--preset".into(), "fmri".into(), "--random-seed".into(), seed.to_string()];
                tasks.push((format!("nback-{subject:02}-{seed}"), arguments));
            }
        }
        let mut fits = self.fit_all(tasks);
        println!("\nfmri: n-back, {subjects} subjects, {SEEDS} seeds each; medians over seeds");
        println!("  subject   D_stsp (VAR, surrogate)        D_H (VAR, surrogate)          PE(1) (VAR)");
        let mut no_worse = [0; 3];
        let mut in_all = 0;
        let (mut model_errors, mut var_errors) = (Vec::new(), Vec::new());
        for subject in 0..subjects {
            let own: Vec<Option<Fit>> =
                (1..=SEEDS).map(|seed| fits.remove(&format!("nback-{subject:02}-{seed}"))).collect();
            let [ours, var, surrogate] = [None, Some("VAR"), Some("phase")].map(|rival| median_scores(&own, rival));
            println!(
                "  {subject:>7}   {} ({}, {})   {} ({}, {})   {} ({})",
                show(ours[0]),
                show(var[0]),
                show(surrogate[0]),
                show(ours[1]),
                show(var[1]),
                show(surrogate[1]),
                show(ours[2]),
                show(var[2])
            );
            let each: Vec<bool> =
                (0..3).map(|i| is_no_worse(ours[i], var[i]) && is_no_worse(ours[i], surrogate[i])).collect();
            (0..3).for_each(|i| no_worse[i] += usize::from(each[i]));
            in_all += usize::from(each.iter().all(|&yes| yes));
            model_errors.extend(ours[2]);
            var_errors.extend(var[2]);
        }
        let [d_stsp, d_h, pe] = no_worse;
        println!(
            "  no worse than VAR and surrogate: D_stsp {d_stsp}, D_H {d_h}, PE(1) {pe}, all three {in_all} of {subjects}"
        );
        println!(
            "  PE(1), median over subjects: {} (VAR {})",
            show(Some(spread(model_errors).0)),
            show(Some(spread(var_errors).0))
        );
    }

    /// The Lorenz system through Poisson counts, and through Gaussian observations of the same kind.
    fn counts(&self) {
        const TIME_STEP: f64 = 0.05;
        let files = |kind: &str| [format!("lorenz_mm_{kind}_train.npy"), format!("lorenz_mm_{kind}_test.npy")];
        let [poisson_train, poisson_test] = files("poisson");
        let [truth_train, truth_test] = files("gaussian");
        let fits =
            self.seeds("lorenz63-counts", &[self.path(&poisson_train), "--test".into(), self.path(&poisson_test)]);
        header("lorenz63-counts", &fits);
        let [train, test] = [&truth_train, &truth_test].map(|file| matrix(&self.data.join(file)));
        let counts = matrix(&self.data.join(&poisson_train));
        let decoded: Vec<Option<Decoded>> =
            fits.iter().map(|fit| Decoded::of(&fit.as_ref()?.model, &counts, &train, &test)).collect();
        for (seed, (fit, decoded)) in (1..).zip(fits.iter().zip(&decoded)) {
            let (Some(fit), Some(decoded)) = (fit, decoded) else {
                println!("  seed {seed}  the free simulation diverged, or there is no model");
                continue;
            };
            println!(
                "  seed {seed}  D_stsp of the decoded state {:.3}  R² of decoding {:.3}  largest exponent {} per time unit  {:.0} s",
                decoded.d_stsp,
                decoded.r_squared,
                show(largest_exponent(&fit.model, TIME_STEP)),
                fit.number(&["processor_seconds"]).unwrap_or(f64::NAN),
            );
        }
        let worst = f64::INFINITY;
        let (middle, low, high) = spread(decoded.iter().map(|d| d.as_ref().map_or(worst, |d| d.d_stsp)).collect());
        println!("  D_stsp of the decoded state {middle:.3} [{low:.3}, {high:.3}]");
        self.pair("lorenz63", &truth_train, &truth_test, Some(TIME_STEP));
    }
}

/// A free simulation of a model of counts, seen in the space of the true states.
struct Decoded {
    d_stsp: f64,
    /// Of the linear map from encoded to true states, on the training file.
    r_squared: f64,
}

impl Decoded {
    fn of(model: &Path, counts: &DMatrix<f64>, train: &DMatrix<f64>, test: &DMatrix<f64>) -> Option<Self> {
        let model: SequenceVae = read_model(model).ok()?.1;
        let rows: Vec<f32> = counts.transpose().iter().map(|&x| x as f32).collect();
        let series = Series::new(rows, counts.ncols(), Vec::new(), 0).ok()?;
        let encoded = model.encode(&series, 0..counts.nrows()).ok()?;
        // Before the first state the encoder has not seen enough.
        let first = (0..encoded.nrows()).find(|&t| !encoded[(t, 0)].is_nan())?;
        let encoded = encoded.rows(first, encoded.nrows() - first).into_owned();
        let truth = train.rows(train.nrows() - encoded.nrows(), encoded.nrows()).into_owned();
        let with_one = |z: &DMatrix<f64>| z.clone().insert_column(z.ncols(), 1.0);
        let design = with_one(&encoded);
        let readout = (design.tr_mul(&design)).cholesky()?.solve(&design.tr_mul(&truth));
        let residual = &truth - &design * &readout;
        let centred = DMatrix::from_fn(truth.nrows(), truth.ncols(), |t, i| truth[(t, i)] - truth.column(i).mean());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let start: Vec<f64> = encoded.row(encoded.nrows() - 1).iter().copied().collect();
        let run = model.freeze().ok()?.simulate(&mut rng, &[&start], test.nrows(), Surroundings::Silent)?;
        let states = with_one(&run.latent) * readout;
        Some(Self {
            d_stsp: state_space_divergence(&mut rng, test, &states, &JudgePlan::default())?,
            r_squared: 1.0 - residual.norm_squared() / centred.norm_squared(),
        })
    }
}

/// Of the latent map without noise, per time unit.
fn largest_exponent(model: &Path, time_step: f64) -> Option<f64> {
    let model: SequenceVae = read_model(model).ok()?.1;
    let map = model.freeze().ok()?.map;
    let start = vec![0.1; model.plan.latent_dim];
    let plan = LyapunovPlan { transient: 10_000, steps: 200_000, n_exponents: 1, renormalise_every: 1 };
    lyapunov_exponents(&map, &start, &plan).ok()?.first().map(|l| l / time_step)
}

fn header(name: &str, fits: &[Option<Fit>]) {
    let parameters =
        fits.iter().flatten().next().map_or(String::new(), |fit| format!(", {} parameters", fit.answer["parameters"]));
    println!("\n{name}: {} of {SEEDS} seeds finished{parameters}", fits.iter().flatten().count());
}

/// Median and range of each score; what is missing is the worst.
fn summary(name: &str, scores: Vec<[Option<f64>; 3]>) {
    let column = |i: usize| spread(scores.iter().map(|s| s[i].unwrap_or(f64::INFINITY)).collect());
    let words: Vec<String> = ["D_stsp", "D_H", "PE"]
        .iter()
        .enumerate()
        .map(|(i, score)| {
            let (middle, low, high) = column(i);
            format!("{score} {} [{}, {}]", show(Some(middle)), show(Some(low)), show(Some(high)))
        })
        .collect();
    println!("  {name:<24}{}", words.join("   "));
}

fn rivals(fits: &[Option<Fit>]) {
    let Some(first) = fits.iter().flatten().next() else { return };
    for rival in ["same", "phase", "VAR", "constant"] {
        let scores: Vec<_> = fits.iter().flatten().map(|fit| fit.scores(Some(rival))).collect();
        // What a rival cannot do, such as a surrogate predict, is not its failure.
        let absent = |i: usize| scores.iter().all(|s: &[Option<f64>; 3]| s[i].is_none());
        let scores = scores.iter().map(|s| [0, 1, 2].map(|i| if absent(i) { Some(f64::NAN) } else { s[i] })).collect();
        summary(&first.rival_name(rival), scores);
    }
}

fn verdicts(fits: &[Option<Fit>]) {
    let ours = median_scores(fits, None);
    let Some(first) = fits.iter().flatten().next() else { return };
    for rival in ["VAR", "phase"] {
        let theirs = median_scores(fits, Some(rival));
        let words: Vec<String> = ["D_stsp", "D_H", "PE"]
            .iter()
            .enumerate()
            .filter(|(i, _)| theirs[*i].is_some())
            .map(|(i, score)| format!("{score} {}", if is_no_worse(ours[i], theirs[i]) { "no worse" } else { "worse" }))
            .collect();
        println!("  against {}: {}", first.rival_name(rival), words.join(", "));
    }
}

/// A rival without the score cannot be worse.
fn is_no_worse(ours: Option<f64>, theirs: Option<f64>) -> bool {
    theirs.is_none_or(|theirs| ours.is_some_and(|ours| ours <= theirs))
}

/// Of the model, or of the rival whose name begins so, over the seeds.
fn median_scores(fits: &[Option<Fit>], rival: Option<&str>) -> [Option<f64>; 3] {
    let scores: Vec<_> = fits.iter().map(|fit| fit.as_ref().map_or([None; 3], |fit| fit.scores(rival))).collect();
    [0, 1, 2].map(|i| {
        Some(spread(scores.iter().map(|s| s[i].unwrap_or(f64::INFINITY)).collect()).0).filter(|x| x.is_finite())
    })
}

/// Median, smallest, largest.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => (f64::NAN, f64::NAN, f64::NAN),
        n => (values[n / 2], values[0], values[n - 1]),
    }
}

fn show(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.is_nan() => "–".into(),
        Some(value) if value.is_infinite() => "diverged".into(),
        Some(value) if value.abs() < 0.01 => format!("{value:.2e}"),
        Some(value) => format!("{value:.3}"),
    }
}

fn matrix(path: &Path) -> DMatrix<f64> {
    let series = read_series(path).expect("a benchmark series");
    DMatrix::from_row_slice(series.n_times, series.names.len(), &series.values)
}

/// A C-ordered f32 array of three dimensions.
fn read_cube(path: &Path) -> (usize, usize, usize, Vec<f32>) {
    let bytes = std::fs::read(path).expect("the n-back array");
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]).into_owned();
    assert!(text.contains("'<f4'") && text.contains("False"), "{text}");
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
    let sizes: Vec<usize> = inside.split(',').map(|n| n.trim().parse().expect("a size")).collect();
    let values = bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (sizes[0], sizes[1], sizes[2], values)
}
