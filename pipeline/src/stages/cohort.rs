//! Who belongs to which group: the columns of participants.tsv, made into a comparison.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use nullcline_datasets::{Participants, SubjectId};

use crate::plan::ComparePlan;

/// The comparison that a participants.tsv allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    pub column: String,
    pub control: String,
    pub other: String,
    pub covariates: Vec<String>,
    /// What was guessed, to be printed.
    pub guesses: Vec<String>,
}

/// Names under which reference groups go, in lower case.
const CONTROL_NAMES: &[&str] = &[
    "control",
    "controls",
    "con",
    "ctrl",
    "hc",
    "cn",
    "healthy",
    "healthy control",
    "td",
    "wt",
    "wild-type",
    "wildtype",
];
/// Default covariates, by the names they commonly have.
const AGE_NAMES: &[&str] = &["age", "age_years", "age_days"];
const SEX_NAMES: &[&str] = &["sex", "gender"];

/// Settles group column, reference level and covariates. The column is guessed only when exactly one has
/// two values, the reference only by a common name; every guess is in [`Groups::guesses`].
pub fn settle_groups(participants: &Participants, plan: &ComparePlan) -> Result<Groups> {
    let mut guesses = Vec::new();
    let columns: Vec<&str> =
        participants.columns().iter().map(String::as_str).filter(|&c| c != "participant_id").collect();
    let column = match &plan.group_column {
        Some(named) if columns.contains(&named.as_str()) => named.clone(),
        Some(named) => bail!("need a column {named:?} in participants.tsv, found {}", columns.join(", ")),
        None => {
            let two_valued: Vec<&str> =
                columns.iter().copied().filter(|column| participants.levels(column).len() == 2).collect();
            // Women and men are two groups, and yet nobody's diagnosis.
            let is_sex = |column: &str| SEX_NAMES.contains(&column.to_lowercase().as_str());
            match two_valued.as_slice() {
                [only] if is_sex(only) => bail!(
                    "need a group column in participants.tsv, found only {only:?} with two values; name it with --group-column"
                ),
                [only] => {
                    guesses
                        .push(format!("group column is {only:?}, the only column of participants.tsv with two values"));
                    only.to_string()
                }
                [] => bail!(
                    "need a group column with two values in participants.tsv, found none; name one with --group-column"
                ),
                several => bail!(
                    "need one group column, found {} with two values ({}); choose with --group-column",
                    several.len(),
                    several.join(", ")
                ),
            }
        }
    };
    let levels: Vec<String> = participants.levels(&column).into_keys().collect();
    let listed = levels.join(", ");
    let control = match &plan.control {
        Some(named) if levels.contains(named) => named.clone(),
        Some(named) => bail!("need the reference level {named:?} in column {column:?}, found {listed}"),
        None => {
            let known: Vec<&String> =
                levels.iter().filter(|level| CONTROL_NAMES.contains(&level.to_lowercase().as_str())).collect();
            match known.as_slice() {
                [only] => {
                    guesses.push(format!("reference group is {only:?}, by its name"));
                    only.to_string()
                }
                _ => {
                    bail!("need to know which level of {column:?} is the reference ({listed}); name it with --control")
                }
            }
        }
    };
    let others: Vec<&String> = levels.iter().filter(|level| **level != control).collect();
    let other = match (&plan.versus, others.as_slice()) {
        (Some(named), others) if others.contains(&named) => named.clone(),
        (Some(named), _) => bail!("need the level {named:?} beside {control:?} in column {column:?}, found {listed}"),
        (None, [only]) => only.to_string(),
        (None, []) => bail!("need two groups in column {column:?}, found only {control:?}"),
        (None, _) => {
            bail!("need two groups in column {column:?}, found {}: {listed}; choose with --versus", levels.len())
        }
    };
    let covariates = match &plan.covariates {
        Some(named) => {
            if let Some(missing) = named.iter().find(|name| !columns.contains(&name.as_str())) {
                bail!("need the covariate {missing:?} in participants.tsv, found {}", columns.join(", "));
            }
            named.clone()
        }
        None => [AGE_NAMES, SEX_NAMES]
            .into_iter()
            .filter_map(|names| columns.iter().find(|column| names.contains(&column.to_lowercase().as_str())))
            .filter(|name| **name != column)
            .map(|name| name.to_string())
            .collect(),
    };
    Ok(Groups { column, control, other, covariates, guesses })
}

impl Groups {
    /// Numeric covariates of `subject`; the two values of a text column become 0 and 1, in sorted order.
    pub fn covariates_of(&self, participants: &Participants, subject: &SubjectId) -> Result<BTreeMap<String, f64>> {
        let mut values = BTreeMap::new();
        for name in &self.covariates {
            let Some(text) = participants.get(subject, name) else { continue };
            let levels = participants.levels(name);
            let value = match (text.parse::<f64>(), levels.len()) {
                (Ok(number), _) if number.is_finite() => number,
                (_, 0..=2) => levels.keys().position(|level| level == text).unwrap_or(0) as f64,
                (_, n) => bail!(
                    "need numbers or two values in covariate {name:?}, found {text:?} among {n} values, in participants.tsv"
                ),
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}
