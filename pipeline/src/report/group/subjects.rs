//! Who was analysed, and whether their models reproduce their recordings.

use minijinja::value::Value;
use minijinja::{Error, context};

use super::cohort::Cohort;
use crate::report::figure::{Pair, paired_dots};
use crate::report::html::{Section, Templates, safe_or_none, serialised};
use crate::report::words::group as words;
use crate::report::{GroupPage, SubjectRow};

pub fn subjects(templates: &Templates, page: &GroupPage, cohort: &Cohort) -> Result<Section, Error> {
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
    templates.section("subjects", "Who was analysed", "group/subjects.html", values)
}

pub fn reproduction(templates: &Templates, page: &GroupPage, cohort: &Cohort) -> Result<Section, Error> {
    let figure = |metric: &str, of: fn(&SubjectRow) -> (Option<f64>, Option<f64>)| {
        let pairs: Vec<Pair> = page
            .subjects
            .iter()
            .filter_map(|row| {
                let (linear, model) = of(row);
                Some(Pair {
                    subject: &row.subject,
                    class: cohort.class(&row.group),
                    is_faint: row.excluded.is_some(),
                    linear: linear?,
                    model: model?,
                    link: cohort.link(&row.subject),
                })
            })
            .collect();
        safe_or_none(paired_dots(metric, &pairs))
    };
    let figures =
        [figure("D_stsp (nats)", |row| (row.var_d_stsp, row.d_stsp)), figure("D_H", |row| (row.var_d_h, row.d_h))];
    let groups: Vec<Value> = cohort.groups.iter().map(|&name| context! { name, class => cohort.class(name) }).collect();
    let values = context! { sentence => words::against_linear(&page.subjects), figures, groups };
    templates.section("reproduction", "Do the models reproduce the recordings?", "group/reproduction.html", values)
}
