//! The page of the cohort, section by section.

mod cohort;
mod differences;
mod family;
mod strips;
mod subjects;

use minijinja::value::Value;
use minijinja::{Error, context};

use self::cohort::Cohort;
use self::differences::differences;
use self::strips::strips;
use self::subjects::{reproduction, subjects};
use super::figure::{chance_scale, classifier_row};
use super::html::{Head, Section, Templates, safe, serialised, terms};
use super::words::glossary::{GROUP_TERMS, SUBJECT_TERMS};
use super::words::group as words;
use super::words::number::{fixed, listed};
use super::{GroupPage, ReportError};
use crate::compare::Comparison;

pub fn render(page: &GroupPage) -> Result<String, ReportError> {
    let templates = Templates::new()?;
    let cohort = Cohort::of(page);
    let mut sections = vec![
        findings(&templates, page)?,
        subjects(&templates, page, &cohort)?,
        reproduction(&templates, page, &cohort)?,
    ];
    if let Some(comparison) = &page.comparison {
        sections.push(differences(&templates, page, comparison)?);
        sections.push(strips(&templates, page, comparison, &cohort)?);
        sections.push(rivals(&templates, page, comparison)?);
    }
    sections.push(caveats(&templates, page)?);
    sections.push(methods(&templates, page)?);
    let glossary = context! { terms => terms(&[GROUP_TERMS, SUBJECT_TERMS]) };
    sections.push(templates.section("terms", "Terms", "terms.html", glossary)?);
    let colophon = serialised(&page.colophon);
    sections.push(templates.section("colophon", "Settings and sources", "colophon.html", colophon)?);
    Ok(templates.page(&head(page), &sections)?)
}

fn head(page: &GroupPage) -> Head {
    let n_analysed = page.subjects.iter().filter(|row| row.excluded.is_none()).count();
    let mut facts = vec![
        ("groups by".to_string(), page.group_column.clone()),
        ("subjects".to_string(), page.subjects.len().to_string()),
        ("analysed".to_string(), n_analysed.to_string()),
    ];
    if let Some(comparison) = &page.comparison {
        facts.push((comparison.control.clone(), comparison.n_control.to_string()));
        facts.push((comparison.other.clone(), comparison.n_other.to_string()));
    }
    Head {
        kind: "Group report",
        title: page.dataset.clone(),
        facts,
        verdict: None,
        version: page.colophon.version.clone(),
    }
}

fn findings(templates: &Templates, page: &GroupPage) -> Result<Section, Error> {
    let values = context! { findings => &page.findings, not_compared => &page.not_compared };
    templates.section("findings", "Findings", "group/findings.html", values)
}

fn rivals(templates: &Templates, page: &GroupPage, comparison: &Comparison) -> Result<Section, Error> {
    let rows: Vec<Value> = comparison
        .classifiers
        .iter()
        .map(|score| context! { row => serialised(score), plot => safe(classifier_row(score)) })
        .collect();
    let distance = comparison.distance.as_ref().map(|test| {
        context! {
            sentence => words::distance(test, page.alpha),
            test => serialised(test),
        }
    });
    let dynamics_distance =
        comparison.dynamics_distance.as_ref().map(|test| words::dynamics_distance(test, page.alpha));
    let values = context! {
        rows,
        scale => safe(chance_scale()),
        sentence => words::classifiers(&comparison.classifiers, page.alpha),
        distance,
        dynamics_distance,
    };
    templates.section("rivals", "Would something simpler do?", "group/rivals.html", values)
}

fn caveats(templates: &Templates, page: &GroupPage) -> Result<Section, Error> {
    let notes = page.comparison.as_ref().map_or(Vec::new(), |comparison| comparison.notes.clone());
    let values = context! { caveats => words::caveats(page), notes };
    templates.section("caveats", "Caveats and notes", "group/caveats.html", values)
}

fn methods(templates: &Templates, page: &GroupPage) -> Result<Section, Error> {
    let values = context! {
        compared => page.comparison.as_ref().map(|comparison| context! {
            n_permutations => comparison.n_permutations,
            covariates => listed(&comparison.covariates),
            n_features => comparison.features.len(),
            n_simple => comparison.simple.len(),
        }),
        level => fixed(100.0 * (1.0 - page.alpha), 0),
        alpha => page.alpha,
        version => &page.colophon.version,
    };
    templates.section("methods", "Methods in short", "group/methods.html", values)
}
