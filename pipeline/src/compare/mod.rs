//! The groups, compared: which features of the dynamics differ, how surely, and beside what.
//!
//! Everything here is arithmetic on [`SubjectFeatures`]; files are read and written elsewhere.

mod classify;
mod cohort;
mod covariates;
mod design;
mod differences;
mod effect;
mod fdr;
mod freedman_lane;
mod icc;
mod logistic;
mod moments;
mod noncentral_t;
mod permanova;
mod relabelling;
mod spectra;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize};

use classify::Predictors;
use cohort::{Cohort, Table, at_rows};
use covariates::Adjustment;
use moments::is_constant;

/// Compares the two groups: each feature of the dynamics, each simple statistic, the portraits as a
/// whole, and how well a classifier tells the groups apart from either.
///
/// The subject is the unit; its refits are averaged. The result depends on the seed and on the
/// subjects, not on their order. What could not be compared is named in the notes. `Err` means that
/// the question could not be asked.
pub fn compare(seed: u64, subjects: &[SubjectFeatures], plan: &ComparisonPlan) -> Result<Comparison, ComparisonError> {
    plan.check()?;
    let mut notes = Vec::new();
    let cohort = Cohort::new(subjects, plan, &mut notes)?;
    let adjustment = Adjustment::choose(&cohort, &plan.covariates, &mut notes);
    let (dynamics, simple) = (cohort.dynamics(), cohort.simple());
    notes.extend(remarks(&cohort, &adjustment, plan));

    let test = |family: &Table, notes: &mut Vec<String>| {
        let rng = || Chance::GroupTest.rng(seed);
        differences::differences(rng, &cohort, &adjustment, plan, family, notes)
    };
    let mut features = test(&dynamics, &mut notes);
    for feature in &mut features {
        feature.icc = icc::icc_1_1(&cohort.over_refits(&feature.feature));
    }
    let simple_differences = test(&simple, &mut notes);
    let distance = distance(seed, &cohort, &adjustment, plan, &dynamics, &mut notes);
    let dynamics_distance = dynamics_distance(seed, &cohort, &adjustment, plan, &mut notes);
    let classifiers = classifiers(seed, &cohort, plan, dynamics, simple, &mut notes);

    let (n_control, n_other) = cohort.sizes(0..cohort.subjects.len());
    Ok(Comparison {
        control: cohort.control,
        other: cohort.other,
        n_control,
        n_other,
        covariates: adjustment.names,
        n_permutations: plan.n_permutations,
        features,
        simple: simple_differences,
        distance,
        dynamics_distance,
        classifiers,
        notes,
    })
}

/// Why the groups cannot be compared at all.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComparisonError {
    #[error("need the control group `{control}` and exactly one other, found groups: {found}")]
    NotTwoGroups { control: String, found: String },
    #[error("need {needed} subjects with a faithful model in each group, found {found} in `{group}`")]
    GroupTooSmall { needed: usize, found: usize, group: String },
    #[error("need each subject once, found `{subject}` more than once")]
    RepeatedSubject { subject: String },
    #[error("need {needed}, found {found}")]
    Plan { needed: &'static str, found: String },
}

/// What one subject brings to the comparison. The subject is the unit; refits only say how far
/// a feature can be trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectFeatures {
    pub subject: String,
    pub group: String,
    /// Numeric covariates by name; a two-valued text column becomes 0 / 1. Missing values are absent.
    pub covariates: BTreeMap<String, f64>,
    /// Features of the dynamics, one map for each faithful refit. An undefined feature is absent.
    pub refits: Vec<BTreeMap<String, f64>>,
    /// Multipliers `[re, im]` of the operator that carries the model's trajectories one step on, for each faithful refit
    /// that has one.
    pub spectra: Vec<Vec<[f64; 2]>>,
    /// Simple statistics of the raw signal, the rival every feature has to beat.
    pub simple: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComparisonPlan {
    /// The reference level of the group column, for example `control`.
    pub control: String,
    /// Names of covariates to adjust for, for example `["age", "sex"]`.
    pub covariates: Vec<String>,
    pub n_permutations: usize,
    /// Two-sided level of intervals and of "found": 0.05 gives 95 % intervals.
    pub alpha: f64,
    /// A group smaller than this is not compared.
    pub min_per_group: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    pub control: String,
    pub other: String,
    pub n_control: usize,
    pub n_other: usize,
    /// Covariates that were adjusted for; those of the plan that could not be are in the notes.
    pub covariates: Vec<String>,
    pub n_permutations: usize,
    /// Features of the dynamics, in a fixed order (by name).
    pub features: Vec<FeatureDifference>,
    /// Simple statistics of the raw signal, through the same test.
    pub simple: Vec<FeatureDifference>,
    pub distance: Option<DistanceTest>,
    /// The same test on distances between the spectra of the dynamics, which no change of latent coordinates moves.
    #[serde(default)]
    pub dynamics_distance: Option<DistanceTest>,
    /// Dynamics, age and sex alone, simple statistics: on the same subjects and folds.
    pub classifiers: Vec<ClassifierScore>,
    /// One line for every feature or subject that had to be left out, and why; and what limits a p.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeatureDifference {
    pub feature: String,
    pub n_control: usize,
    pub n_other: usize,
    pub mean_control: f64,
    pub mean_other: f64,
    pub sd_control: f64,
    pub sd_other: f64,
    /// Other minus control, in pooled standard deviations, with its interval.
    /// Not a number when neither group varies. Not adjusted for covariates, unlike `p_permutation`.
    #[serde(deserialize_with = "nan_if_null")]
    pub hedges_g: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub g_low: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub g_high: f64,
    /// Probability that a subject of the other group has the larger value.
    pub auc: f64,
    /// Adjusted for [`Comparison::covariates`].
    pub p_permutation: f64,
    /// Benjamini–Hochberg, within features and within simple statistics separately.
    pub q_fdr: f64,
    /// Agreement over refits, ICC(1,1); absent for simple statistics or fewer than two refits.
    pub icc: Option<f64>,
    /// Subject means, for the plot: (subject, group, value).
    pub values: Vec<SubjectValue>,
}

impl FeatureDifference {
    /// In which direction the other group differs; also where neither group varies and g is not defined.
    pub fn direction(&self) -> &'static str {
        if self.mean_other > self.mean_control { "higher" } else { "lower" }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectValue {
    pub subject: String,
    pub group: String,
    pub value: f64,
}

/// PERMANOVA on distances between subjects (Anderson 2001).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DistanceTest {
    /// Infinite when the groups explain everything; JSON knows no infinity and reads as not a number.
    #[serde(deserialize_with = "nan_if_null")]
    pub pseudo_f: f64,
    /// Share of the squared distances explained by the group, beyond the covariates.
    pub r_squared: f64,
    pub p_permutation: f64,
    /// Standardised features, or principal coordinates of the distances between spectra.
    pub n_features: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassifierScore {
    /// `dynamics`, `covariates`, `simple statistics`.
    pub predictors: String,
    pub n_predictors: usize,
    pub n_subjects: usize,
    pub balanced_accuracy: f64,
    pub auc: f64,
    /// Of the balanced accuracy, against the same cross-validation with subjects permuted, at most
    /// 499 times.
    pub p_permutation: f64,
}

impl ComparisonPlan {
    fn check(&self) -> Result<(), ComparisonError> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(ComparisonError::Plan {
                needed: "a level alpha between 0 and 1",
                found: self.alpha.to_string(),
            });
        }
        if self.n_permutations == 0 {
            return Err(ComparisonError::Plan { needed: "at least 1 permutation", found: "0".to_string() });
        }
        Ok(())
    }
}

/// What a reader of the p-values should know beforehand.
fn remarks(cohort: &Cohort, adjustment: &Adjustment, plan: &ComparisonPlan) -> Vec<String> {
    let mut remarks: Vec<String> = cohort
        .not_finite()
        .iter()
        .map(|(name, count)| format!("{name}: values that are not finite count as missing ({count})"))
        .collect();
    let groups = cohort.groups_of(&adjustment.rows);
    if let Some(groupings) = relabelling::distinct_relabellings(&groups, plan.n_permutations) {
        let how = if adjustment.names.is_empty() { "each is used once, and " } else { "" };
        remarks.push(format!(
            "{} subjects can be grouped in only {groupings} ways: {how}no p is below 1/{groupings}",
            groups.len()
        ));
    }
    if plan.n_permutations > classify::MAX_PERMUTATIONS {
        remarks.push(format!(
            "classifiers: chance is taken from {} permutations, to save time",
            classify::MAX_PERMUTATIONS
        ));
    }
    remarks
}

/// The portraits as wholes, over the features that every subject of the test has.
fn distance(
    seed: u64,
    cohort: &Cohort,
    adjustment: &Adjustment,
    plan: &ComparisonPlan,
    dynamics: &Table,
    notes: &mut Vec<String>,
) -> Option<DistanceTest> {
    let rows = &adjustment.rows;
    if let Some(shortage) = cohort.shortage(rows) {
        notes.push(format!("distance between portraits: {shortage} with every covariate; not tested"));
        return None;
    }
    let columns = dynamics.iter().map(|(&name, column)| (name, at_rows(column, rows)));
    let (complete, incomplete): (Vec<_>, Vec<_>) =
        columns.partition(|(_, values)| values.iter().all(|value| value.is_finite()));
    if !incomplete.is_empty() {
        let names: Vec<&str> = incomplete.iter().map(|&(name, _)| name).collect();
        notes.push(format!(
            "distance between portraits: not every subject has {}; distance uses the other features",
            names.join(", ")
        ));
    }
    let varying: Vec<Vec<f64>> = complete
        .into_iter()
        .map(|(_, values)| values)
        .filter(|values| !is_constant(values))
        .map(|values| permanova::standardised(&values))
        .collect();
    if varying.is_empty() {
        notes.push("distance between portraits: no feature that every subject has varies; not tested".to_string());
        return None;
    }
    let mut rng = Chance::Distance.rng(seed);
    let tested = adjustment
        .design(cohort, rows, "distance between portraits", notes)
        .and_then(|design| permanova::permanova(&mut rng, &design, &varying, plan.n_permutations));
    if tested.is_none() {
        notes.push("distance between portraits: the covariates leave nothing to test".to_string());
    }
    tested
}

/// The dynamics as wholes: distances between the spectra of their operators.
fn dynamics_distance(
    seed: u64,
    cohort: &Cohort,
    adjustment: &Adjustment,
    plan: &ComparisonPlan,
    notes: &mut Vec<String>,
) -> Option<DistanceTest> {
    const WHAT: &str = "distance between dynamics";
    let has_spectrum = |&row: &usize| !cohort.subjects[row].spectra.is_empty();
    let (rows, without): (Vec<usize>, Vec<usize>) = adjustment.rows.iter().copied().partition(|row| has_spectrum(row));
    if rows.is_empty() {
        return None;
    }
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(|&row| cohort.subjects[row].subject.as_str()).collect();
        notes.push(format!("{WHAT}: {} left out, whose models do not move", names.join(", ")));
    }
    if let Some(shortage) = cohort.shortage(&rows) {
        notes.push(format!("{WHAT}: {shortage}; not tested"));
        return None;
    }
    let spectra: Vec<&[Vec<[f64; 2]>]> = rows.iter().map(|&row| cohort.subjects[row].spectra.as_slice()).collect();
    let columns = spectra::principal_coordinates(&spectra);
    let mut rng = Chance::DynamicsDistance.rng(seed);
    let tested = adjustment
        .design(cohort, &rows, WHAT, notes)
        .filter(|_| !columns.is_empty())
        .and_then(|design| permanova::permanova(&mut rng, &design, &columns, plan.n_permutations));
    if tested.is_none() {
        notes.push(format!("{WHAT}: the covariates leave nothing to test"));
    }
    tested
}

/// Dynamics and its rivals, on all subjects and the same folds.
fn classifiers(
    seed: u64,
    cohort: &Cohort,
    plan: &ComparisonPlan,
    dynamics: Table,
    simple: Table,
    notes: &mut Vec<String>,
) -> Vec<ClassifierScore> {
    let covariates = plan.covariates.iter().map(|name| cohort.covariate(name)).collect();
    let sets = [
        Predictors { name: "dynamics", columns: dynamics.into_values().collect() },
        Predictors { name: "covariates", columns: covariates },
        Predictors { name: "simple statistics", columns: simple.into_values().collect() },
    ];
    let (mut folds, mut chance) = (Chance::Folds.rng(seed), Chance::ShuffledSubjects.rng(seed));
    let scores = classify::cross_validate(&mut folds, &mut chance, &cohort.is_other, &sets, plan.n_permutations);
    for set in &sets {
        if scores.iter().all(|score| score.predictors != set.name) {
            notes.push(format!("classifier from {}: nothing that varies to predict from; not scored", set.name));
        }
    }
    scores
}

/// What chance is needed for; each has a stream of its own, so that none disturbs another.
#[derive(Clone, Copy)]
enum Chance {
    GroupTest = 1,
    Distance = 2,
    Folds = 3,
    ShuffledSubjects = 4,
    DynamicsDistance = 5,
}

impl Chance {
    fn rng(self, seed: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self as u64);
        rng
    }
}

/// JSON writes what is not a number as null.
fn nan_if_null<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or(f64::NAN))
}
