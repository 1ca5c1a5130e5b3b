use std::process::Output;

use serde_json::Value;

/// What a command line answered, and what can be expected of it.
#[derive(Debug)]
pub struct Answer {
    pub line: String,
    /// Absent when a signal ended the program.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn of(line: &str, output: &Output) -> Self {
        let answer = Self {
            line: line.to_string(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        // Whatever a lab feeds it, the program never falls over.
        assert!(!answer.stderr.contains("panicked"), "{}", answer.told());
        answer
    }

    /// The whole answer, for the message of a failed test.
    pub fn told(&self) -> String {
        let Self { line, code, stdout, stderr } = self;
        format!("`nullcline {line}` ended with {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.told());
        self
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Nothing could be done, and exactly one line says why, with all of `words`.
    #[track_caller]
    pub fn refuses(self, words: &[&str]) -> Self {
        let answer = self.exits(1);
        assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.told());
        assert_eq!(answer.stdout, "", "{}", answer.told());
        check_one_line(&answer.stderr);
        answer.says(words)
    }

    /// All of `words` are on standard error.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in:\n{}", self.told());
        }
        self
    }

    /// Standard output, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.told()))
    }
}

/// A reason fit for one line: not broken, and no part of it said twice.
#[track_caller]
pub fn check_one_line(reason: &str) {
    let reason = reason.trim_end();
    assert!(!reason.contains('\n'), "{reason:?}");
    for (at, _) in reason.match_indices(": ") {
        let (before, after) = (&reason[..at], &reason[at + 2..]);
        assert!(!before.contains(after), "said twice: {reason}");
    }
}
