//! The page of one subject, section by section.

use minijinja::value::Value;
use minijinja::{Error, context};

use super::figure::{basin_bar, basin_picture, loss_curve, phase_figure, spectrum, traces};
use super::html::{Head, Section, Templates, safe, safe_or_none, serialised, terms};
use super::words::glossary::SUBJECT_TERMS;
use super::words::number::number;
use super::words::rivals::{against_rivals, can_win, is_yardstick, judged_row, metrics};
use super::words::subject::{completeness, verdict};
use super::{AttractorRow, BestModel, ReportError, ScoreRow, SubjectPage};

/// Spectra beyond these are not drawn; the caption says so.
const MOST_SPECTRA: usize = 12;

pub fn render(page: &SubjectPage) -> Result<String, ReportError> {
    let templates = Templates::new()?;
    let mut sections = vec![recording(&templates, page)?, reproduction(&templates, page)?];
    if let Some(best) = &page.best {
        sections.push(portrait(&templates, best)?);
        sections.push(fixed_points(&templates, best)?);
        sections.push(attractors(&templates, best)?);
        sections.push(training(&templates, best)?);
    }
    let glossary = context! { terms => terms(&[SUBJECT_TERMS]) };
    sections.push(templates.section("terms", "Terms", "terms.html", glossary)?);
    let colophon = serialised(&page.colophon);
    sections.push(templates.section("colophon", "Settings and sources", "colophon.html", colophon)?);
    Ok(templates.page(&head(page), &sections)?)
}

fn head(page: &SubjectPage) -> Head {
    let (tone, sentence) = verdict(page);
    let group = page.group.iter().map(|group| ("group".to_string(), group.clone()));
    Head {
        kind: "Subject report",
        title: page.subject.clone(),
        facts: group.chain(page.participant.iter().cloned()).collect(),
        verdict: Some((tone.class(), sentence)),
        version: page.colophon.version.clone(),
    }
}

fn recording(templates: &Templates, page: &SubjectPage) -> Result<Section, Error> {
    let facts = page.recording.as_ref();
    let n_held_out = facts.map(|facts| facts.n_times.saturating_sub(facts.n_fit + facts.n_validation));
    let secs = |n: usize| facts.map(|facts| n as f64 / facts.sampling_rate_hz);
    let parts: Vec<Value> = facts
        .map(|facts| [("fit", facts.n_fit), ("validation", facts.n_validation), ("held-out", n_held_out.unwrap_or(0))])
        .into_iter()
        .flatten()
        .map(|(name, n)| context! { name, n, secs => secs(n) })
        .collect();
    let values = context! {
        recording => serialised(&facts),
        duration => secs(facts.map_or(0, |facts| facts.n_times)),
        parts,
        excluded => &page.excluded,
    };
    templates.section("recording", "What was read", "subject/recording.html", values)
}

fn reproduction(templates: &Templates, page: &SubjectPage) -> Result<Section, Error> {
    let pe_steps = page.scores.iter().map(|row| row.pe_steps).find(|&n| n > 0);
    let best = page.best.as_ref();
    let trace_figure = best.and_then(|best| traces(&best.traces));
    let n_channels = best.map_or(0, |best| best.traces.len());
    let spectra: Vec<Value> = best
        .iter()
        .flat_map(|best| best.spectra.iter().take(MOST_SPECTRA))
        .filter_map(|pair| spectrum(pair).map(safe))
        .collect();
    let values = context! {
        rows => score_rows(page),
        pe_name => pe_steps.map_or("PE(n)".to_string(), |n| format!("PE({n})")),
        has_bits => page.scores.iter().any(|row| row.bits_per_spike.is_some()),
        sentences => against_rivals(page),
        best => best.map(|best| context! { name => &best.name, summary => &best.summary }),
        traces => trace_figure.map(|figure| context! {
            data => safe(figure.data),
            simulated => safe(figure.simulated),
            n_drawn => figure.n_drawn,
            n_channels,
            leaves_range => figure.leaves_range,
        }),
        n_spectra => best.map_or(0, |best| best.spectra.len()),
        spectra,
    };
    templates.section("reproduction", "Does the model reproduce the recording?", "subject/scores.html", values)
}

/// Scores as the table shows them: refits first, the best value of each column marked.
fn score_rows(page: &SubjectPage) -> Vec<Value> {
    let judged = judged_row(page).map(|row| row.name.as_str());
    let metrics = metrics(0);
    let best_of = metrics.each_ref().map(|(metric, of)| {
        let honest = page.scores.iter().filter(|row| can_win(metric, row));
        honest.filter_map(of).filter(|value| value.is_finite()).min_by(f64::total_cmp)
    });
    let most_bits = page
        .scores
        .iter()
        .filter(|row| !is_yardstick(row))
        .filter_map(|row| row.bits_per_spike)
        .filter(|value| value.is_finite())
        .max_by(f64::total_cmp);
    let cell = |value: Option<f64>, best: Option<f64>, given: bool| {
        let reads_best = value.zip(best).is_some_and(|(value, best)| number(value) == number(best));
        context! { value, best => reads_best && !given, given }
    };
    let (refits, rivals): (Vec<&ScoreRow>, Vec<&ScoreRow>) = page.scores.iter().partition(|row| !row.is_rival);
    let ordered = refits.into_iter().chain(rivals);
    ordered
        .map(|row| {
            let mut cells: Vec<Value> = metrics
                .iter()
                .zip(best_of)
                .map(|((metric, of), best)| cell(of(row), best, !can_win(metric, row)))
                .collect();
            cells.push(cell(row.bits_per_spike, most_bits, false));
            context! {
                name => &row.name,
                is_rival => row.is_rival,
                is_yardstick => is_yardstick(row),
                judged => judged == Some(row.name.as_str()),
                verdict => &row.verdict,
                reason => &row.reason,
                cells,
            }
        })
        .collect()
}

fn portrait(templates: &Templates, best: &BestModel) -> Result<Section, ReportError> {
    let figure = phase_figure(&best.phase)?.map(|figure| {
        context! {
            oblique => safe(figure.oblique),
            projections => figure.projections.into_iter().map(safe).collect::<Vec<_>>(),
            points => safe(figure.points_json),
            outside => figure.outside,
            leaves_range => figure.leaves_range,
        }
    });
    let values = context! { name => &best.name, summary => &best.summary, figure };
    Ok(templates.section("portrait", "Phase portrait", "subject/portrait.html", values)?)
}

fn fixed_points(templates: &Templates, best: &BestModel) -> Result<Section, Error> {
    let values = context! {
        completeness => completeness(best),
        rows => serialised(&best.fixed_points),
    };
    templates.section("fixed-points", "Fixed points", "subject/fixed_points.html", values)
}

fn attractors(templates: &Templates, best: &BestModel) -> Result<Section, Error> {
    let row = |attractor: &AttractorRow| {
        let AttractorRow { basin_fraction: share, basin_low: low, basin_high: high, .. } = *attractor;
        context! {
            row => serialised(attractor),
            bar => safe(basin_bar(share, low, high)),
        }
    };
    let values = context! {
        rows => best.attractors.iter().map(row).collect::<Vec<_>>(),
        picture => best.basins.as_ref().and_then(basin_picture).map(|figure| context! {
            svg => safe(figure.svg),
            legend => figure.legend,
        }),
        diverged => best.diverged_fraction,
        undecided => best.undecided_fraction,
    };
    templates.section("attractors", "Attractors and basins", "subject/attractors.html", values)
}

fn training(templates: &Templates, best: &BestModel) -> Result<Section, Error> {
    let values = context! {
        name => &best.name,
        summary => &best.summary,
        chosen => best.loss.chosen_epoch,
        figure => safe_or_none(loss_curve(&best.loss)),
    };
    templates.section("training", "Training", "subject/training.html", values)
}
