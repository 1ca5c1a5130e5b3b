//! The model beside its rivals: where it is better, and where it is not, said plainly.

use super::number::{listed, number};
use super::subject::{capitalised, is_faithful};
use crate::report::{ScoreRow, SubjectPage};

/// A score on which less is better: its name and where it stands in a row.
type Metric = (String, fn(&ScoreRow) -> Option<f64>);

/// Where the refit of this page is better than every rival and where it is not.
pub fn against_rivals(page: &SubjectPage) -> Vec<String> {
    let Some(model) = judged_row(page) else {
        return Vec::new();
    };
    if !page.scores.iter().any(is_contender) {
        return vec!["No rival was scored on this recording: how good these numbers are cannot be said.".to_string()];
    }
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for (metric, of) in scored(model) {
        let named: Vec<String> = as_good(page, model, &metric, of)
            .map(|rival| format!("{} ({})", rival.name, of(rival).map_or(String::new(), number)))
            .collect();
        if named.is_empty() {
            won.push(metric);
            continue;
        }
        lost.push(format!(
            "On {metric}, {} {} as good as {} ({}) or better.",
            listed(&named),
            if named.len() == 1 { "is" } else { "are" },
            model.name,
            of(model).map_or(String::new(), number)
        ));
    }
    let n_scored = won.len() + lost.len();
    let linear = as_good_where(page, is_linear);
    let mut sentences = Vec::new();
    if !won.is_empty() {
        let name = capitalised(&model.name);
        sentences.push(format!("{name} is better than every rival on {}.", listed(&won)));
    }
    sentences.extend(lost);
    if !linear.is_empty() && linear.len() == n_scored {
        sentences.push(
            "A linear model reproduces this recording at least as well: nothing nonlinear needs to be claimed from it."
                .to_string(),
        );
    } else if !linear.is_empty() {
        sentences.push(format!("Judged by {} alone, a linear model is enough.", listed(&linear)));
    }
    sentences.extend(floor(page));
    sentences
}

/// The scores on which some rival of this kind is as good as the refit of this page, or better.
pub fn as_good_where(page: &SubjectPage, kind: fn(&ScoreRow) -> bool) -> Vec<String> {
    let Some(model) = judged_row(page) else {
        return Vec::new();
    };
    scored(model)
        .into_iter()
        .filter(|(metric, of)| as_good(page, model, metric, *of).any(kind))
        .map(|(metric, _)| metric)
        .collect()
}

/// The refit that the page is about, among the scores.
pub fn judged_row(page: &SubjectPage) -> Option<&ScoreRow> {
    let refits = || page.scores.iter().filter(|row| !row.is_rival);
    let best = page.best.as_ref().map(|best| best.name.as_str());
    refits().find(|row| Some(row.name.as_str()) == best).or_else(|| refits().find(|row| is_faithful(row)))
}

/// The columns on which less is better.
pub fn metrics(pe_steps: usize) -> [Metric; 3] {
    [
        ("D_stsp".to_string(), |row| row.d_stsp),
        ("D_H".to_string(), |row| row.d_h),
        (format!("PE({pe_steps})"), |row| row.pe),
    ]
}

/// Whether a row can win a column: not when it is part of the recording itself, and not on a spectrum
/// that is right by construction.
pub fn can_win(metric: &str, row: &ScoreRow) -> bool {
    let right_by_construction = metric == "D_H" && row.is_rival && row.name.contains("surrogate");
    !is_yardstick(row) && !right_by_construction
}

/// An earlier stretch of the recording, scored like a model: the floor that chance leaves.
pub fn is_yardstick(row: &ScoreRow) -> bool {
    row.is_rival && row.name.starts_with("same recording")
}

pub fn is_linear(row: &ScoreRow) -> bool {
    row.is_rival && (row.name.starts_with("VAR") || row.name.starts_with("AR("))
}

fn is_contender(row: &ScoreRow) -> bool {
    row.is_rival && !is_yardstick(row)
}

fn scored(model: &ScoreRow) -> Vec<Metric> {
    let is_scored = |(_, of): &Metric| of(model).is_some_and(f64::is_finite);
    metrics(model.pe_steps).into_iter().filter(is_scored).collect()
}

/// Compared at the three digits that the table shows: what reads as equal is called equal.
fn as_good<'a>(
    page: &'a SubjectPage,
    model: &ScoreRow,
    metric: &str,
    of: fn(&ScoreRow) -> Option<f64>,
) -> impl Iterator<Item = &'a ScoreRow> {
    let own = of(model).unwrap_or(f64::NAN);
    page.scores
        .iter()
        .filter(move |row| is_contender(row) && can_win(metric, row))
        .filter(move |row| of(row).is_some_and(|value| value <= own || number(value) == number(own)))
}

/// How far the recording is from itself.
fn floor(page: &SubjectPage) -> Option<String> {
    let row = page.scores.iter().find(|row| is_yardstick(row))?;
    let distances: Vec<String> = metrics(row.pe_steps)
        .into_iter()
        .filter_map(|(metric, of)| Some((metric, of(row).filter(|value| value.is_finite())?)))
        .map(|(metric, value)| format!("{metric} {}", number(value)))
        .collect();
    if distances.is_empty() {
        return None;
    }
    Some(format!(
        "Two stretches of the recording itself differ by {}: no model can be expected to come closer.",
        listed(&distances)
    ))
}
