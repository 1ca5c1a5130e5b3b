//! The page of the cohort, section by section.

use std::collections::BTreeMap;

use minijinja::value::Value;
use minijinja::{Error, context};

use super::figure::{Forest, Pair, StripDot, chance_scale, classifier_row, paired_dots, strip};
use super::html::{Head, Section, Templates, relative, safe, safe_or_none, serialised, terms};
use super::words::glossary::{GROUP_TERMS, SUBJECT_TERMS};
use super::words::group as words;
use super::words::number::{fixed, listed};
use super::{GroupPage, ReportError, SubjectRow};
use crate::compare::{Comparison, FeatureDifference};

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
    sections.push(templates.section(
        "colophon",
        "Settings and sources",
        "colophon.html",
        colophon,
    )?);
    Ok(templates.page(&head(page), &sections)?)
}

/// Who belongs where, asked for by several sections.
struct Cohort<'a> {
    /// Names of the groups; the first two have a colour.
    groups: Vec<&'a str>,
    links: BTreeMap<&'a str, String>,
}

impl<'a> Cohort<'a> {
    fn of(page: &'a GroupPage) -> Cohort<'a> {
        let mut groups: Vec<&str> = page
            .comparison
            .iter()
            .flat_map(|comparison| [comparison.control.as_str(), comparison.other.as_str()])
            .collect();
        let mut others: Vec<&str> = page
            .subjects
            .iter()
            .map(|row| row.group.as_str())
            .filter(|group| !groups.contains(group))
            .collect();
        others.sort_unstable();
        others.dedup();
        groups.extend(others);
        let links = page
            .subjects
            .iter()
            .filter_map(|row| Some((row.subject.as_str(), relative(row.link.as_deref()?))))
            .collect();
        Cohort { groups, links }
    }

    fn class(&self, group: &str) -> &'static str {
        match self.groups.iter().position(|name| *name == group) {
            Some(0) => "control",
            Some(1) => "other",
            _ => "neither",
        }
    }

    fn link(&self, subject: &str) -> Option<String> {
        self.links.get(subject).cloned()
    }
}

fn head(page: &GroupPage) -> Head {
    let n_analysed = page
        .subjects
        .iter()
        .filter(|row| row.excluded.is_none())
        .count();
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

fn subjects(templates: &Templates, page: &GroupPage, cohort: &Cohort) -> Result<Section, Error> {
    let counts: Vec<Value> = cohort
        .groups
        .iter()
        .map(|&name| {
            let members = || page.subjects.iter().filter(|row| row.group == name);
            let excluded = members().filter(|row| row.excluded.is_some()).count();
            let read = members().count();
            context! { name, class => cohort.class(name), read, excluded, analysed => read - excluded }
        })
        .collect();
    let rows: Vec<Value> = page
        .subjects
        .iter()
        .map(|row| {
            context! {
                row => serialised(row),
                link => cohort.link(&row.subject),
                class => cohort.class(&row.group),
            }
        })
        .collect();
    let values = context! { counts, rows };
    templates.section(
        "subjects",
        "Who was analysed",
        "group/subjects.html",
        values,
    )
}

fn reproduction(
    templates: &Templates,
    page: &GroupPage,
    cohort: &Cohort,
) -> Result<Section, Error> {
    let figure = |metric: &str, of: fn(&SubjectRow) -> (Option<f64>, Option<f64>)| {
        let pairs: Vec<Pair> = page
            .subjects
            .iter()
            .filter_map(|row| {
                let (linear, model) = of(row);
                Some(Pair {
                    subject: &row.subject,
                    class: cohort.class(&row.group),
                    linear: linear?,
                    model: model?,
                    link: cohort.link(&row.subject),
                })
            })
            .collect();
        safe_or_none(paired_dots(metric, &pairs))
    };
    let figures = [
        figure("D_stsp (nats)", |row| (row.var_d_stsp, row.d_stsp)),
        figure("D_H", |row| (row.var_d_h, row.d_h)),
    ];
    let groups: Vec<Value> = cohort
        .groups
        .iter()
        .map(|&name| context! { name, class => cohort.class(name) })
        .collect();
    let values = context! { sentence => words::against_linear(&page.subjects), figures, groups };
    templates.section(
        "reproduction",
        "Do the models reproduce the recordings?",
        "group/reproduction.html",
        values,
    )
}

/// The two families of tests, which share a page but not a correction.
fn families<'a>(
    comparison: &'a Comparison,
) -> [(&'static str, &'static str, &'a [FeatureDifference]); 2] {
    [
        ("dynamics", "features of the dynamics", &comparison.features),
        ("simple", "simple statistics", &comparison.simple),
    ]
}

fn differences(
    templates: &Templates,
    page: &GroupPage,
    comparison: &Comparison,
) -> Result<Section, Error> {
    let all = comparison.features.iter().chain(&comparison.simple);
    let forest = Forest::over(all, page.alpha);
    let level = fixed(100.0 * (1.0 - page.alpha), 0);
    let (mut plots, mut tables) = (Vec::new(), Vec::new());
    for (id, noun, tests) in families(comparison) {
        let rows: Vec<Value> = by_effect(tests)
            .into_iter()
            .map(|(index, row)| feature_row(page, &forest, id, index, row))
            .collect();
        tables.push(templates.fragment(
            "group/table.html",
            context! {
                id,
                rows => rows.clone(),
                control => &comparison.control,
                other => &comparison.other,
                level => level.clone(),
                has_icc => tests.iter().any(|row| row.icc.is_some()),
            },
        )?);
        let sentences = words::differences(noun, tests, comparison, page.alpha);
        plots.push(context! { id, rows, sentences });
    }
    let values = context! {
        families => plots,
        tables,
        scale => safe(forest.scale(&comparison.control, &comparison.other)),
        level,
        alpha => page.alpha,
        covariates => listed(&comparison.covariates),
    };
    templates.section(
        "differences",
        "Differences between the groups",
        "group/differences.html",
        values,
    )
}

/// Largest effect first; what could not be measured last. Keeps each row's place in its family.
fn by_effect(rows: &[FeatureDifference]) -> Vec<(usize, &FeatureDifference)> {
    let mut sorted: Vec<(usize, &FeatureDifference)> = rows.iter().enumerate().collect();
    let size = |row: &FeatureDifference| {
        if row.hedges_g.is_nan() {
            -1.0
        } else {
            row.hedges_g.abs()
        }
    };
    sorted.sort_by(|(i, a), (j, b)| size(b).total_cmp(&size(a)).then(i.cmp(j)));
    sorted
}

fn feature_row(
    page: &GroupPage,
    forest: &Forest,
    family: &str,
    index: usize,
    row: &FeatureDifference,
) -> Value {
    let (unit, help) = explained(page, &row.feature);
    context! {
        id => format!("{family}-{index}"),
        feature => &row.feature,
        unit,
        help,
        plot => safe(forest.row(row)),
        found => row.q_fdr < page.alpha,
        poor => row.icc.is_some_and(|icc| icc < words::POOR_AGREEMENT),
        n_control => row.n_control,
        n_other => row.n_other,
        mean_control => row.mean_control,
        mean_other => row.mean_other,
        sd_control => row.sd_control,
        sd_other => row.sd_other,
        g => row.hedges_g,
        g_low => row.g_low,
        g_high => row.g_high,
        auc => row.auc,
        p => row.p_permutation,
        q => row.q_fdr,
        icc => row.icc,
    }
}

fn explained<'a>(page: &'a GroupPage, feature: &str) -> (&'a str, &'a str) {
    page.feature_help
        .iter()
        .find(|(name, _, _)| name == feature)
        .map_or(("", ""), |(_, unit, help)| (unit, help))
}

fn strips(
    templates: &Templates,
    page: &GroupPage,
    comparison: &Comparison,
    cohort: &Cohort,
) -> Result<Section, Error> {
    let figure = |row: &FeatureDifference, unit: &str| {
        let of = |group: &str| -> Vec<StripDot> {
            let members = row.values.iter().filter(|value| value.group == group);
            members
                .map(|value| StripDot {
                    subject: &value.subject,
                    value: value.value,
                    link: cohort.link(&value.subject),
                })
                .collect()
        };
        let (control, other) = (comparison.control.as_str(), comparison.other.as_str());
        strip(
            &row.feature,
            unit,
            [(control, of(control)), (other, of(other))],
        )
    };
    let families: Vec<Value> = families(comparison)
        .into_iter()
        .map(|(id, _, rows)| {
            let cards = by_effect(rows).into_iter().map(|(index, row)| {
                let (unit, help) = explained(page, &row.feature);
                context! {
                    id => format!("{id}-{index}"),
                    feature => &row.feature,
                    help,
                    figure => safe(figure(row, unit)),
                    g => row.hedges_g,
                    g_low => row.g_low,
                    g_high => row.g_high,
                    q => row.q_fdr,
                }
            });
            context! { id, cards => cards.collect::<Vec<_>>() }
        })
        .collect();
    templates.section(
        "single-subjects",
        "Single subjects",
        "group/strips.html",
        context! { families },
    )
}

fn rivals(
    templates: &Templates,
    page: &GroupPage,
    comparison: &Comparison,
) -> Result<Section, Error> {
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
    let values = context! {
        rows,
        scale => safe(chance_scale()),
        sentence => words::classifiers(&comparison.classifiers, page.alpha),
        distance,
    };
    templates.section(
        "rivals",
        "Would something simpler do?",
        "group/rivals.html",
        values,
    )
}

fn caveats(templates: &Templates, page: &GroupPage) -> Result<Section, Error> {
    let notes = page
        .comparison
        .as_ref()
        .map_or(Vec::new(), |comparison| comparison.notes.clone());
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
