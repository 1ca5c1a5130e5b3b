//! Scores over seeds, as they are printed.

use super::fits::{Fit, SEEDS};

pub fn header(name: &str, fits: &[Option<Fit>]) {
    let parameters =
        fits.iter().flatten().next().map_or(String::new(), |fit| format!(", {} parameters", fit.answer["parameters"]));
    println!("\n{name}: {} of {SEEDS} seeds finished{parameters}", fits.iter().flatten().count());
}

/// Median and range of each score; what is missing is the worst.
pub fn summary(name: &str, scores: Vec<[Option<f64>; 3]>) {
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

pub fn rivals(fits: &[Option<Fit>]) {
    let Some(first) = fits.iter().flatten().next() else { return };
    for rival in ["same", "phase", "VAR", "constant"] {
        let scores: Vec<_> = fits.iter().flatten().map(|fit| fit.scores(Some(rival))).collect();
        // What a rival cannot do, such as a surrogate predict, is not its failure.
        let absent = |i: usize| scores.iter().all(|s: &[Option<f64>; 3]| s[i].is_none());
        let scores = scores.iter().map(|s| [0, 1, 2].map(|i| if absent(i) { Some(f64::NAN) } else { s[i] })).collect();
        summary(&first.rival_name(rival), scores);
    }
}

pub fn verdicts(fits: &[Option<Fit>]) {
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
pub fn is_no_worse(ours: Option<f64>, theirs: Option<f64>) -> bool {
    theirs.is_none_or(|theirs| ours.is_some_and(|ours| ours <= theirs))
}

/// Of the model, or of the rival whose name begins so, over the seeds.
pub fn median_scores(fits: &[Option<Fit>], rival: Option<&str>) -> [Option<f64>; 3] {
    let scores: Vec<_> = fits.iter().map(|fit| fit.as_ref().map_or([None; 3], |fit| fit.scores(rival))).collect();
    [0, 1, 2].map(|i| {
        Some(spread(scores.iter().map(|s| s[i].unwrap_or(f64::INFINITY)).collect()).0).filter(|x| x.is_finite())
    })
}

/// Median, smallest, largest.
pub fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => (f64::NAN, f64::NAN, f64::NAN),
        n => (0.5 * (values[(n - 1) / 2] + values[n / 2]), values[0], values[n - 1]),
    }
}

pub fn show(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.is_nan() => "–".into(),
        Some(value) if value.is_infinite() => "diverged".into(),
        Some(value) if value.abs() < 0.01 => format!("{value:.2e}"),
        Some(value) => format!("{value:.3}"),
    }
}
