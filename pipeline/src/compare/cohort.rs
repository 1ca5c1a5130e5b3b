//! The subjects of the comparison, checked once: two groups, one row per subject, in a fixed order.

use std::collections::{BTreeMap, BTreeSet};

use super::moments::mean;
use super::{ComparisonError, ComparisonPlan, SubjectFeatures};

/// Numbers of all subjects in cohort order, by name; not a number where a subject has none.
pub(super) type Table<'a> = BTreeMap<&'a str, Vec<f64>>;

/// Subjects of exactly two groups. Invariant: sorted by name, each once, each with a faithful
/// refit, and both groups at least of the size that the plan asks for.
pub(super) struct Cohort<'a> {
    pub control: String,
    pub other: String,
    pub subjects: Vec<&'a SubjectFeatures>,
    pub is_other: Vec<bool>,
    pub min_per_group: usize,
}

impl<'a> Cohort<'a> {
    pub(super) fn new(
        subjects: &'a [SubjectFeatures],
        plan: &ComparisonPlan,
        notes: &mut Vec<String>,
    ) -> Result<Self, ComparisonError> {
        let mut sorted: Vec<&SubjectFeatures> = subjects.iter().collect();
        sorted.sort_by(|a, b| a.subject.cmp(&b.subject));
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].subject == pair[1].subject) {
            return Err(ComparisonError::RepeatedSubject { subject: pair[0].subject.clone() });
        }

        let levels: BTreeSet<&str> = sorted.iter().map(|subject| subject.group.as_str()).collect();
        let others: Vec<&str> = levels.iter().copied().filter(|level| *level != plan.control).collect();
        let [other] = others[..] else {
            return Err(not_two_groups(plan, &levels));
        };
        if levels.len() != 2 {
            return Err(not_two_groups(plan, &levels));
        }

        let (fitted, unfitted): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|subject| !subject.refits.is_empty());
        notes.extend(unfitted.iter().map(|s| format!("{}: no faithful model; not compared", s.subject)));

        let cohort = Self {
            control: plan.control.clone(),
            other: other.to_string(),
            is_other: fitted.iter().map(|subject| subject.group == other).collect(),
            subjects: fitted,
            // A standard deviation needs two.
            min_per_group: plan.min_per_group.max(2),
        };
        let (n_control, n_other) = cohort.sizes(0..cohort.subjects.len());
        for (group, found) in [(&cohort.control, n_control), (&cohort.other, n_other)] {
            if found < cohort.min_per_group {
                let (needed, group) = (cohort.min_per_group, group.clone());
                return Err(ComparisonError::GroupTooSmall { needed, found, group });
            }
        }
        Ok(cohort)
    }

    /// How many of `rows` are controls, and how many are of the other group.
    pub(super) fn sizes(&self, rows: impl IntoIterator<Item = usize>) -> (usize, usize) {
        rows.into_iter().fold(
            (0, 0),
            |(control, other), row| {
                if self.is_other[row] { (control, other + 1) } else { (control + 1, other) }
            },
        )
    }

    /// What `rows` lack for a comparison, in words; `None` when both groups are large enough.
    pub(super) fn shortage(&self, rows: &[usize]) -> Option<String> {
        let (n_control, n_other) = self.sizes(rows.iter().copied());
        (n_control.min(n_other) < self.min_per_group).then(|| {
            format!(
                "need {} subjects per group, found {n_control} {} and {n_other} {}",
                self.min_per_group, self.control, self.other
            )
        })
    }

    pub(super) fn groups_of(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&row| self.is_other[row]).collect()
    }

    /// Features of the dynamics: the mean over the refits in which the feature is defined.
    pub(super) fn dynamics(&self) -> Table<'a> {
        let refits = self.subjects.iter().flat_map(|subject| &subject.refits);
        // The mean of no refits is not a number, which is how a missing value is written.
        let subject_means = |name| self.over_refits(name).iter().map(|v| mean(v)).collect();
        names(refits).map(|name| (name, subject_means(name))).collect()
    }

    /// Finite values of one feature, one row per subject and one value per refit that has it.
    pub(super) fn over_refits(&self, name: &str) -> Vec<Vec<f64>> {
        let finite = |subject: &&SubjectFeatures| {
            let values = subject.refits.iter().filter_map(|refit| refit.get(name));
            values.copied().filter(|value| value.is_finite()).collect()
        };
        self.subjects.iter().map(finite).collect()
    }

    /// Values that are there but not finite, by name: they count as missing, and are spoken of.
    pub(super) fn not_finite(&self) -> BTreeMap<&'a str, usize> {
        let mut counts = BTreeMap::new();
        for subject in &self.subjects {
            let maps = subject.refits.iter().chain([&subject.simple, &subject.covariates]);
            for (name, _) in maps.flatten().filter(|(_, value)| !value.is_finite()) {
                *counts.entry(name.as_str()).or_default() += 1;
            }
        }
        counts
    }

    pub(super) fn simple(&self) -> Table<'a> {
        names(self.subjects.iter().map(|subject| &subject.simple))
            .map(|name| (name, self.column(name, |subject| &subject.simple)))
            .collect()
    }

    pub(super) fn covariate(&self, name: &str) -> Vec<f64> {
        self.column(name, |subject| &subject.covariates)
    }

    fn column(&self, name: &str, of: impl Fn(&SubjectFeatures) -> &BTreeMap<String, f64>) -> Vec<f64> {
        let value = |subject: &&SubjectFeatures| of(subject).get(name).copied().unwrap_or(f64::NAN);
        self.subjects.iter().map(value).collect()
    }
}

/// Every name once.
fn names<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, f64>>) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<&str> = maps.flat_map(BTreeMap::keys).map(String::as_str).collect();
    names.into_iter()
}

fn not_two_groups(plan: &ComparisonPlan, levels: &BTreeSet<&str>) -> ComparisonError {
    ComparisonError::NotTwoGroups {
        control: plan.control.clone(),
        found: levels.iter().copied().collect::<Vec<_>>().join(", "),
    }
}

/// The rows of a column that hold a number.
pub(super) fn known_rows(column: &[f64]) -> impl Iterator<Item = usize> {
    (0..column.len()).filter(|&row| column[row].is_finite())
}

pub(super) fn at_rows(column: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| column[row]).collect()
}
