use std::fmt;
use std::path::PathBuf;

use nalgebra::DMatrix;
use nullcline_dynamics::Complex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// A file of the known-answers folder, if it is at hand.
pub fn data_file(name: &str) -> Option<Value> {
    let data = std::env::var_os("NULLCLINE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    match std::fs::read_to_string(data.join("known-answers").join(name)) {
        Ok(text) => Some(serde_json::from_str(&text).expect("known answers are JSON")),
        Err(_) => {
            println!("skipped: no {name} in the known-answers folder; set NULLCLINE_DATA");
            None
        }
    }
}

/// What was asked, expected and found, row after row.
pub struct Table {
    case: String,
    rows: Vec<Row>,
}

struct Row {
    case: String,
    question: String,
    expected: String,
    found: String,
    tolerance: String,
    verdict: Verdict,
}

#[derive(PartialEq)]
enum Verdict {
    Passed,
    Failed,
    LeftOut,
}

impl Table {
    /// Nothing yet about this case.
    pub fn of(case: &str) -> Self {
        Self { case: case.to_string(), rows: Vec::new() }
    }

    pub fn leave_out(&mut self, reason: &str) {
        self.push("left out", String::new(), reason.to_string(), String::new(), Verdict::LeftOut);
    }

    /// `|found − expected| ≤ tolerance`.
    pub fn near(&mut self, question: &str, found: f64, expected: f64, tolerance: f64) {
        let passed = (found - expected).abs() <= tolerance;
        self.push(question, number(expected), number(found), format!("±{tolerance:.1e}"), verdict(passed));
    }

    /// Within `tolerance`, relative to what is expected.
    pub fn near_relative(&mut self, question: &str, found: f64, expected: f64, tolerance: f64) {
        let passed = (found - expected).abs() <= tolerance * expected.abs();
        self.push(question, number(expected), number(found), format!("±{tolerance:.1e} rel"), verdict(passed));
    }

    pub fn between(&mut self, question: &str, found: f64, low: f64, high: f64) {
        let passed = low <= found && found <= high;
        self.push(question, format!("{low} … {high}"), number(found), "as given".to_string(), verdict(passed));
    }

    pub fn equal<T: PartialEq + fmt::Debug>(&mut self, question: &str, found: T, expected: T) {
        let passed = found == expected;
        self.push(question, format!("{expected:?}"), format!("{found:?}"), "exact".to_string(), verdict(passed));
    }

    pub fn holds(&mut self, question: &str, passed: bool) {
        self.push(
            question,
            "yes".to_string(),
            if passed { "yes" } else { "no" }.to_string(),
            String::new(),
            verdict(passed),
        );
    }

    /// Both lists of the same length, each expected number list next to one that was found, no more than `tolerance` apart in any entry.
    pub fn same_points(&mut self, question: &str, found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        let worst = (expected.iter())
            .map(|e| found.iter().map(|f| apart(f, e)).fold(f64::INFINITY, f64::min))
            .fold(0.0, f64::max);
        let passed = found.len() == expected.len() && worst <= tolerance;
        let here = format!("{} points, {worst:.1e} off", found.len());
        self.push(question, format!("{} points", expected.len()), here, format!("±{tolerance:.1e}"), verdict(passed));
    }

    /// The same numbers in any order.
    pub fn same_spectrum(&mut self, question: &str, found: &[Complex<f64>], expected: &[Complex<f64>], tolerance: f64) {
        let mut rest = found.to_vec();
        let mut worst: f64 = if found.len() == expected.len() { 0.0 } else { f64::INFINITY };
        for value in expected {
            let nearest =
                (0..rest.len()).min_by(|&a, &b| (rest[a] - value).norm().total_cmp(&(rest[b] - value).norm()));
            match nearest {
                Some(nearest) => worst = worst.max((rest.swap_remove(nearest) - value).norm()),
                None => worst = f64::INFINITY,
            }
        }
        let shown = expected.first().map_or(String::new(), |leading| format!("{:.5}{:+.5}i …", leading.re, leading.im));
        self.push(
            question,
            shown,
            format!("{worst:.1e} off"),
            format!("±{tolerance:.1e}"),
            verdict(worst <= tolerance),
        );
    }

    /// The cases and questions of the rows that failed.
    pub fn failed(&self) -> Vec<(&str, &str)> {
        let failed = self.rows.iter().filter(|row| row.verdict == Verdict::Failed);
        failed.map(|row| (row.case.as_str(), row.question.as_str())).collect()
    }

    fn push(&mut self, question: &str, expected: String, found: String, tolerance: String, verdict: Verdict) {
        let row = Row { case: self.case.clone(), question: question.to_string(), expected, found, tolerance, verdict };
        self.rows.push(row);
    }
}

/// One after the other.
impl FromIterator<Table> for Table {
    fn from_iter<I: IntoIterator<Item = Table>>(tables: I) -> Self {
        Self { case: String::new(), rows: tables.into_iter().flat_map(|table| table.rows).collect() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut case = "";
        for row in &self.rows {
            let shown = if row.case == case { "" } else { row.case.as_str() };
            case = row.case.as_str();
            let mark = match row.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "FAILED",
                Verdict::LeftOut => "left out",
            };
            writeln!(
                out,
                "{shown:<34} {:<44} {:<28} {:<32} {:<14} {mark}",
                row.question, row.expected, row.found, row.tolerance
            )?;
        }
        let n_failed = self.rows.iter().filter(|row| row.verdict == Verdict::Failed).count();
        let n_left_out = self.rows.iter().filter(|row| row.verdict == Verdict::LeftOut).count();
        write!(out, "{} answers, {n_failed} failed; {n_left_out} cases left out", self.rows.len() - n_left_out)
    }
}

fn verdict(passed: bool) -> Verdict {
    if passed { Verdict::Passed } else { Verdict::Failed }
}

fn number(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e5) { format!("{x:.6e}") } else { format!("{x:.8}") }
}

pub fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, found {value}"))
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("a list, found {value}")).iter().map(float).collect()
}

pub fn points(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap_or_else(|| panic!("a list of lists, found {value}")).iter().map(numbers).collect()
}

/// The `x` of each entry.
pub fn locations(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(|entry| numbers(&entry["x"])).collect()
}

pub fn spectrum(value: &Value) -> Vec<Complex<f64>> {
    points(value).iter().map(|pair| Complex::new(pair[0], pair[1])).collect()
}

pub fn matrix(value: &Value) -> DMatrix<f64> {
    let rows = points(value);
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}
