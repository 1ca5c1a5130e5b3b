use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nullcline::demo::{CohortPlan, View, write_cohort};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Answer, TINY};

/// A temporary folder with a run file, `tiny.toml`, in which the program is run.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    #[expect(clippy::new_without_default, reason = "a bench is set up, not defaulted")]
    pub fn new() -> Self {
        let lab = Self { folder: TempDir::new().unwrap() };
        lab.write("tiny.toml", TINY);
        lab
    }

    /// With a simulated cohort in `study`: `control01`, `control02`, …, `patient01`, ….
    pub fn with_cohort(view: View, subjects_per_group: usize) -> Self {
        let lab = Self::new();
        let plan = CohortPlan {
            view,
            subjects_per_group,
            // As much as each view needs for a few hundred samples.
            secs: if view == View::Bold { 400.0 } else { 60.0 },
            seed: 1,
        };
        write_cohort(&lab.path("study"), &plan).unwrap();
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Rewrites a text file.
    #[track_caller]
    pub fn edit(&self, name: &str, edit: impl Fn(&str) -> String) {
        let text = self.read(name);
        let edited = edit(&text);
        assert_ne!(edited, text, "the edit of {name} changed nothing");
        self.write(name, edited);
    }

    /// Runs `nullcline <line>` in this folder, words separated by spaces.
    #[track_caller]
    pub fn nullcline(&self, line: &str) -> Answer {
        let output = self.command(line).output().expect("the program starts");
        Answer::of(line, &output)
    }

    /// Starts `nullcline <line>` in this folder and does not wait. Nobody reads what it says.
    pub fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.folder.path()).args(line.split_whitespace()).stdin(Stdio::null());
        command
    }
}

/// The program that `cargo build` made, beside the tests: `target/<profile>/nullcline`.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().nth(2).unwrap_or(Path::new("."));
    let program = profile.join("nullcline").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.is_file(), "need the program at {}; run `cargo build` first", program.display());
    program
}
