//! Fits by the program itself, and what it answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

pub const SEEDS: u64 = 5;

/// Where the series lie, and where models are saved.
pub struct Bench {
    pub data: PathBuf,
    pub folder: PathBuf,
}

/// One fit, as `--json` answered it, and the model it saved.
pub struct Fit {
    pub answer: Value,
    pub model: PathBuf,
}

impl Fit {
    pub fn number(&self, path: &[&str]) -> Option<f64> {
        path.iter().try_fold(&self.answer, |value, key| value.get(key))?.as_f64()
    }

    /// `[D_stsp, D_H, PE]` of the model, or of the rival whose name begins so.
    pub fn scores(&self, rival: Option<&str>) -> [Option<f64>; 3] {
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

    pub fn rival_name(&self, rival: &str) -> String {
        let names = self.answer["baselines"].as_object();
        names.and_then(|all| all.keys().find(|name| name.starts_with(rival))).cloned().unwrap_or(rival.to_string())
    }
}

impl Bench {
    /// Fits all tasks, as many at a time as there are cores, one thread each; a failed fit is told and absent.
    pub fn fit_all(&self, tasks: Vec<(String, Vec<String>)>) -> BTreeMap<String, Fit> {
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

    pub fn path(&self, file: &str) -> String {
        self.data.join(file).to_string_lossy().into_owned()
    }

    /// One fit for each seed; absent where it failed.
    pub fn seeds(&self, preset: &str, series: &[String]) -> Vec<Option<Fit>> {
        let tasks = (1..=SEEDS).map(|seed| {
            let mut arguments = series.to_vec();
            arguments.extend(["--preset".into(), preset.into(), "--random-seed".into(), seed.to_string()]);
            (format!("{preset}-{seed}"), arguments)
        });
        let mut fits = self.fit_all(tasks.collect());
        (1..=SEEDS).map(|seed| fits.remove(&format!("{preset}-{seed}"))).collect()
    }
}
