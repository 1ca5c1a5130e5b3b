//! What a subject's page says in plain sentences.

use super::number::{counted, duration, listed, number, percent};
use crate::report::{AttractorRow, BestModel, ScoreRow, SubjectPage};

/// How the sentence at the top of a page is to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    Reproduces,
    Doubtful,
    Excluded,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Tone::Reproduces => "good",
            Tone::Doubtful => "doubtful",
            Tone::Excluded => "bad",
        }
    }
}

/// The page in one or two sentences.
pub fn verdict(page: &SubjectPage) -> (Tone, String) {
    let mut sentences = Vec::new();
    let refits = || page.scores.iter().filter(|row| !row.is_rival);
    let (n_refits, n_faithful) = (
        refits().count(),
        refits().filter(|row| is_faithful(row)).count(),
    );
    if let Some(reason) = &page.excluded {
        sentences.push(format!(
            "Not part of the group comparison: {}.",
            without_stop(reason)
        ));
    }
    match (n_refits, n_faithful) {
        (0, _) => sentences.push("No model was fitted.".to_string()),
        (_, 0) => sentences.push(format!(
            "None of {} reproduces the held-out recording: what follows describes a model, not this person.",
            counted(n_refits, "refit")
        )),
        _ => sentences.push(format!(
            "{n_faithful} of {} reproduce{} the held-out recording{}",
            counted(n_refits, "refit"),
            if n_faithful == 1 { "s" } else { "" },
            match &page.best {
                Some(best) => format!("; the best ({}) {}.", best.name, attractors(best)),
                None => ".".to_string(),
            }
        )),
    }
    let tone = match (&page.excluded, n_faithful) {
        (Some(_), _) => Tone::Excluded,
        (None, 0) => Tone::Doubtful,
        (None, _) => Tone::Reproduces,
    };
    (tone, sentences.join(" "))
}

/// The refit that the page is about, among the scores.
pub fn judged_row(page: &SubjectPage) -> Option<&ScoreRow> {
    let refits = || page.scores.iter().filter(|row| !row.is_rival);
    let best = page.best.as_ref().map(|best| best.name.as_str());
    refits()
        .find(|row| Some(row.name.as_str()) == best)
        .or_else(|| refits().find(|row| is_faithful(row)))
}

/// Where the model is better than its rivals and where it is not, said plainly.
pub fn against_rivals(page: &SubjectPage) -> Vec<String> {
    let Some(model) = judged_row(page) else {
        return Vec::new();
    };
    let rivals: Vec<&ScoreRow> = page.scores.iter().filter(|row| row.is_rival).collect();
    if rivals.is_empty() {
        return vec![
            "No rival was scored on this recording: how good these numbers are cannot be said."
                .to_string(),
        ];
    }
    let (mut won, mut lost, mut linear) = (Vec::new(), Vec::new(), Vec::new());
    for (metric, of) in metrics(model.pe_steps) {
        let Some(own) = of(model).filter(|value| value.is_finite()) else {
            continue;
        };
        let equal_or_better: Vec<&&ScoreRow> = rivals
            .iter()
            .filter(|rival| !is_given(&metric, rival))
            .filter(|rival| of(rival).is_some_and(|value| reads_at_most(value, own)))
            .collect();
        if equal_or_better.is_empty() {
            won.push(metric);
            continue;
        }
        let named: Vec<String> = equal_or_better
            .iter()
            .map(|rival| {
                format!(
                    "{} ({})",
                    rival.name,
                    of(rival).map_or(String::new(), number)
                )
            })
            .collect();
        lost.push(format!(
            "On {metric}, {} {} as good as {} ({}) or better.",
            listed(&named),
            if named.len() == 1 { "is" } else { "are" },
            model.name,
            number(own)
        ));
        if equal_or_better.iter().any(|rival| is_linear(rival)) {
            linear.push(metric);
        }
    }
    let mut sentences = Vec::new();
    if !won.is_empty() {
        let name = capitalised(&model.name);
        sentences.push(format!(
            "{name} is better than every rival on {}.",
            listed(&won)
        ));
    }
    let n_scored = won.len() + lost.len();
    sentences.extend(lost);
    if !linear.is_empty() && linear.len() == n_scored {
        sentences.push("A linear model reproduces this recording at least as well: nothing nonlinear needs to be claimed from it.".to_string());
    } else if !linear.is_empty() {
        sentences.push(format!(
            "Judged by {} alone, a linear model is enough.",
            listed(&linear)
        ));
    }
    sentences
}

/// A surrogate's spectrum is right by construction and wins nothing.
pub fn is_given(metric: &str, row: &ScoreRow) -> bool {
    metric == "D_H" && row.is_rival && row.name.contains("surrogate")
}

/// The columns on which less is better.
pub fn metrics(pe_steps: usize) -> [(String, fn(&ScoreRow) -> Option<f64>); 3] {
    [
        ("D_stsp".to_string(), |row| row.d_stsp),
        ("D_H".to_string(), |row| row.d_h),
        (format!("PE({pe_steps})"), |row| row.pe),
    ]
}

/// How the list of fixed points is to be taken.
pub fn completeness(best: &BestModel) -> String {
    let n = best.fixed_points.len();
    let found = match n {
        0 => "No fixed point was found".to_string(),
        _ => format!("{} found", plural_was(n, "fixed point")),
    };
    match best.fixed_points_complete {
        true => {
            format!("{found}. The list is complete: every linear region of the model was searched.")
        }
        false => format!(
            "{found}. The list may be incomplete: not every region of the model could be searched."
        ),
    }
}

fn attractors(best: &BestModel) -> String {
    match best.attractors.as_slice() {
        [] => "has no attractor that the search could find".to_string(),
        [only] => format!("has one attractor: {}", described(only)),
        [first, second, third] => format!(
            "has 3 attractors: {}, {} and {}",
            described(first),
            described(second),
            described(third)
        ),
        [first, second] => format!(
            "has 2 attractors: {} and {}",
            described(first),
            described(second)
        ),
        many => format!(
            "has {} attractors, the largest basin being that of {}",
            many.len(),
            largest(many)
        ),
    }
}

fn largest(attractors: &[AttractorRow]) -> String {
    attractors
        .iter()
        .max_by(|a, b| a.basin_fraction.total_cmp(&b.basin_fraction))
        .map_or(String::new(), described)
}

fn described(attractor: &AttractorRow) -> String {
    let kind = match attractor.kind.as_str() {
        "chaotic" | "quasiperiodic" => format!("a {} one", attractor.kind),
        kind => format!("a {kind}"),
    };
    let period = match attractor.period_secs {
        Some(secs) if secs.is_finite() => format!(" of {}", duration(secs)),
        _ => String::new(),
    };
    format!(
        "{kind}{period} (basin {})",
        percent(attractor.basin_fraction)
    )
}

fn is_faithful(row: &ScoreRow) -> bool {
    row.verdict == "faithful"
}

fn is_linear(row: &ScoreRow) -> bool {
    row.name.starts_with("VAR") || row.name.starts_with("AR(")
}

/// Compared at the three digits that the table shows: what reads as equal is called equal.
fn reads_at_most(value: f64, own: f64) -> bool {
    value <= own || number(value) == number(own)
}

fn plural_was(n: usize, noun: &str) -> String {
    format!(
        "{} {}",
        counted(n, noun),
        if n == 1 { "was" } else { "were" }
    )
}

pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// A reason as it goes into the middle of a sentence.
fn without_stop(reason: &str) -> &str {
    reason.trim_end_matches(['.', ' '])
}
