//! How well the dynamics of public benchmark series are reconstructed: `make bench-dsr`.
//!
//! Every row is the program itself, `nullcline fit TRAIN --test TEST --preset … --random-seed 1 … 5`, trained on the
//! train file alone and judged on the test file; no seed is left out, and a run that failed counts as the worst. The
//! series lie in the benchmarks folder of `NULLCLINE_DATA` (default `../shared/data`). Arguments choose rows by name.

mod arrays;
mod fits;
mod states;
mod tables;

use std::path::PathBuf;

use arrays::{matrix, read_cube};
use fits::{Bench, Fit, SEEDS};
use states::{Decoded, largest_exponent};
use tables::{header, is_no_worse, median_scores, rivals, show, spread, summary, verdicts};

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

impl Bench {
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
        let mut decoded: Vec<Result<(&Fit, Decoded), String>> = Vec::new();
        for fit in &fits {
            decoded.push(match fit {
                Some(fit) => Decoded::of(&fit.model, &counts, &train, &test).map(|decoded| (fit, decoded)),
                None => Err("there is no model".to_owned()),
            });
        }
        for (seed, decoded) in (1..).zip(&decoded) {
            let (fit, decoded) = match decoded {
                Ok((fit, decoded)) => (fit, decoded),
                Err(why) => {
                    println!("  seed {seed}  {why}");
                    continue;
                }
            };
            println!(
                "  seed {seed}  D_stsp of the decoded state {:.3}  R² of decoding {:.3} (from whole windows {:.3})  largest exponent {} per time unit  {:.0} s",
                decoded.d_stsp,
                decoded.r_squared,
                decoded.r_squared_of_windows,
                show(Some(decoded.largest_exponent / TIME_STEP)),
                fit.number(&["processor_seconds"]).unwrap_or(f64::NAN),
            );
        }
        let over_seeds = |of: &dyn Fn(&Decoded) -> f64, worst| {
            let (middle, low, high) =
                spread(decoded.iter().map(|d| d.as_ref().map_or(worst, |(_, d)| of(d))).collect());
            format!("{middle:.3} [{low:.3}, {high:.3}]")
        };
        println!(
            "  D_stsp of the decoded state {}   largest exponent {} per time unit",
            over_seeds(&|d| d.d_stsp, f64::INFINITY),
            over_seeds(&|d| d.largest_exponent / TIME_STEP, f64::NEG_INFINITY)
        );
        self.pair("lorenz63", &truth_train, &truth_test, Some(TIME_STEP));
    }
}
