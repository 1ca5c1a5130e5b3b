//! What a subject's page says in plain sentences.

use super::number::{counted, duration, listed, percent};
use super::rivals::{as_good_where, is_linear};
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
    let (n_refits, n_faithful) = (refits().count(), refits().filter(|row| is_faithful(row)).count());
    if let Some(reason) = &page.excluded {
        sentences.push(format!("Not part of the group comparison: {}.", without_stop(reason)));
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
    let linear = as_good_where(page, is_linear);
    if n_faithful > 0 && !linear.is_empty() {
        sentences.push(format!("On {} a linear model does as well or better.", listed(&linear)));
    }
    let tone = match (&page.excluded, n_faithful) {
        (Some(_), _) => Tone::Excluded,
        (None, 0) => Tone::Doubtful,
        (None, _) if linear.len() > 1 => Tone::Doubtful,
        (None, _) => Tone::Reproduces,
    };
    (tone, sentences.join(" "))
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
            format!("{found}. The list is complete up to rounding: every linear region of the model was searched.")
        }
        false => format!("{found}. The list may be incomplete: not every region of the model could be searched."),
    }
}

fn attractors(best: &BestModel) -> String {
    match best.attractors.as_slice() {
        [] => "has no attractor that the search could find".to_string(),
        [only] => format!("has one attractor: {}", described(only)),
        [first, second, third] => {
            format!("has 3 attractors: {}, {} and {}", described(first), described(second), described(third))
        }
        [first, second] => format!("has 2 attractors: {} and {}", described(first), described(second)),
        many => format!("has {} attractors, the largest basin being that of {}", many.len(), largest(many)),
    }
}

fn largest(attractors: &[AttractorRow]) -> String {
    attractors.iter().max_by(|a, b| a.basin_fraction.total_cmp(&b.basin_fraction)).map_or(String::new(), described)
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
    format!("{kind}{period} (basin {})", percent(attractor.basin_fraction))
}

pub fn is_faithful(row: &ScoreRow) -> bool {
    row.verdict == "faithful"
}

fn plural_was(n: usize, noun: &str) -> String {
    format!("{} {}", counted(n, noun), if n == 1 { "was" } else { "were" })
}

pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// A reason as it goes into the middle of a sentence.
fn without_stop(reason: &str) -> &str {
    reason.trim_end_matches(['.', ' '])
}
