//! Every file of the shared data against what its reference reader says, format by format.
//!
//! The table is printed whatever the outcome: `cargo nextest run -p nullcline-datasets manifest --no-capture`.

mod known;
mod references;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use nullcline_datasets::inspect;
use serde_json::Value;

use crate::shared_data::shared_data;
use known::reason_for;
use references::Checks;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Agrees,
    /// Differs for a reason that is given by name.
    Known,
    Differs,
    /// A companion of other files, or one without reference values: nothing to compare.
    NoReference,
}

struct Row {
    file: String,
    what: String,
    expected: String,
    found: String,
    verdict: Verdict,
    reason: &'static str,
}

#[test]
fn every_file_agrees_with_its_reference_reader() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let text = std::fs::read_to_string(formats.join("MANIFEST.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let mut rows = Vec::new();
    for entry in manifest["files"].as_array().unwrap() {
        rows.extend(rows_of(&formats, entry));
    }
    println!("{}", table(&rows));
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| row.verdict == Verdict::Differs)
        .map(|row| format!("{} {}: {} instead of {}", row.file, row.what, row.found, row.expected))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stale = known::never_met(rows.iter().filter(|row| row.verdict == Verdict::Known).map(|row| row.reason));
    assert!(stale.is_empty(), "reasons that no file needs any more: {stale:?}");
}

fn rows_of(formats: &Path, entry: &Value) -> Vec<Row> {
    let file = entry["file"].as_str().unwrap();
    let row = |what: &str, expected: String, found: String, verdict| Row {
        file: file.to_owned(),
        what: what.to_owned(),
        expected,
        found,
        verdict,
        reason: "",
    };
    let reference = &entry["ref"];
    if !reference.is_object() && !entry["ref_error"].is_string() {
        return vec![row("file", "no reference values".into(), "not compared".into(), Verdict::NoReference)];
    }
    let found = inspect(&formats.join(file));
    let mut checks = Checks::default();
    match (&entry["ref_error"], found) {
        (Value::String(error), found) => {
            checks.error(error, found.err().map(|error| error.to_string()));
        }
        (_, Ok(found)) => references::compare(&formats.join(file), reference, &found, &mut checks),
        (_, Err(error)) => references::refused(reference, &error, &mut checks),
    }
    let (agreeing, differing): (Vec<_>, Vec<_>) = checks.list.into_iter().partition(|check| check.agrees);
    let mut rows = Vec::new();
    if !agreeing.is_empty() {
        let names = agreeing.iter().map(|check| check.what.split(' ').next().unwrap_or_default());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        names.for_each(|name| *counts.entry(name).or_default() += 1);
        let whats: Vec<String> = counts.iter().map(|(name, n)| format!("{name}×{n}")).collect();
        rows.push(row(&whats.join(" "), String::new(), String::new(), Verdict::Agrees));
    }
    for check in differing {
        let reason = reason_for(file, &check.what);
        let verdict = if reason.is_some() { Verdict::Known } else { Verdict::Differs };
        rows.push(Row { reason: reason.unwrap_or_default(), ..row(&check.what, check.expected, check.found, verdict) });
    }
    rows
}

fn table(rows: &[Row]) -> String {
    let format_of = |row: &Row| row.file.split('/').next().unwrap_or_default().to_owned();
    let mut by_format: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_format.entry(format_of(row)).or_default().push(row);
    }
    let mut text = String::new();
    for (format, rows) in by_format {
        let n = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let counts = format!(
            "{} agree, {} known differences, {} differ, {} without reference",
            n(Verdict::Agrees),
            n(Verdict::Known),
            n(Verdict::Differs),
            n(Verdict::NoReference)
        );
        writeln!(text, "\n{format}: {counts}").unwrap();
        for row in rows {
            let verdict = match row.verdict {
                Verdict::Agrees => "agrees",
                Verdict::Known => "known",
                Verdict::Differs => "DIFFERS",
                Verdict::NoReference => "–",
            };
            write!(text, "  {:<58} {verdict:<8} {}", row.file, row.what).unwrap();
            if matches!(row.verdict, Verdict::Known | Verdict::Differs) {
                write!(text, ": expected {}, found {}", row.expected, row.found).unwrap();
            }
            writeln!(text, "{}{}", if row.reason.is_empty() { "" } else { " — " }, row.reason).unwrap();
        }
    }
    text
}
