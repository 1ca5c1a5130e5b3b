//! What differs between the groups: forest plots, and every number behind them.

use minijinja::value::Value;
use minijinja::{Error, context};

use super::family::{by_effect, explained, families};
use crate::compare::{Comparison, FeatureDifference};
use crate::report::GroupPage;
use crate::report::figure::Forest;
use crate::report::html::{Section, Templates, safe};
use crate::report::words::group as words;
use crate::report::words::number::{fixed, listed};
use crate::report::words::setting::feature_name;

pub fn differences(templates: &Templates, page: &GroupPage, comparison: &Comparison) -> Result<Section, Error> {
    let all = comparison.features.iter().chain(&comparison.simple);
    let forest = Forest::over(all, page.alpha);
    let level = fixed(100.0 * (1.0 - page.alpha), 0);
    let (mut plots, mut tables) = (Vec::new(), Vec::new());
    for (id, noun, tests) in families(comparison) {
        let rows: Vec<Value> =
            by_effect(tests).into_iter().map(|(index, row)| feature_row(page, &forest, id, index, row)).collect();
        let has_icc = tests.iter().any(|row| row.icc.is_some());
        tables.push(templates.fragment(
            "group/table.html",
            context! {
                id,
                rows => rows.clone(),
                control => &comparison.control,
                other => &comparison.other,
                level => level.clone(),
                has_icc,
            },
        )?);
        let sentences = words::differences(noun, tests, comparison, page.alpha);
        plots.push(context! { id, rows, sentences, has_icc });
    }
    let values = context! {
        families => plots,
        tables,
        scale => safe(forest.scale(&comparison.control, &comparison.other)),
        level,
        alpha => page.alpha,
        covariates => listed(&comparison.covariates),
    };
    templates.section("differences", "Differences between the groups", "group/differences.html", values)
}

fn feature_row(page: &GroupPage, forest: &Forest, family: &str, index: usize, row: &FeatureDifference) -> Value {
    let (unit, help) = explained(page, &row.feature);
    context! {
        id => format!("{family}-{index}"),
        column => &row.feature,
        feature => feature_name(&row.feature),
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
