//! Every subject's own value of every feature.

use minijinja::value::Value;
use minijinja::{Error, context};

use super::cohort::Cohort;
use super::family::{by_effect, explained, families};
use crate::compare::{Comparison, FeatureDifference};
use crate::report::GroupPage;
use crate::report::figure::{StripDot, strip};
use crate::report::html::{Section, Templates, safe};
use crate::report::words::setting::feature_name;

pub fn strips(
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
        strip(&feature_name(&row.feature), unit, [(control, of(control)), (other, of(other))])
    };
    let families: Vec<Value> = families(comparison)
        .into_iter()
        .map(|(id, _, rows)| {
            let cards = by_effect(rows).into_iter().map(|(index, row)| {
                let (unit, help) = explained(page, &row.feature);
                context! {
                    id => format!("{id}-{index}"),
                    feature => feature_name(&row.feature),
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
    templates.section("single-subjects", "Single subjects", "group/strips.html", context! { families })
}
