//! The groups, compared: which features of the dynamics differ, how surely, and beside what.
//!
//! Everything here is arithmetic on [`SubjectFeatures`]; files are read and written elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    pub covariates: Vec<String>,
    pub n_permutations: usize,
    /// Features of the dynamics, in a fixed order (by name).
    pub features: Vec<FeatureDifference>,
    /// Simple statistics of the raw signal, through the same test.
    pub simple: Vec<FeatureDifference>,
    pub distance: Option<DistanceTest>,
    /// Dynamics, age and sex alone, simple statistics: on the same subjects and folds.
    pub classifiers: Vec<ClassifierScore>,
    /// One line for every feature or subject that had to be left out, and why.
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
    pub hedges_g: f64,
    pub g_low: f64,
    pub g_high: f64,
    /// Probability that a subject of the other group has the larger value.
    pub auc: f64,
    pub p_permutation: f64,
    /// Benjamini–Hochberg, within features and within simple statistics separately.
    pub q_fdr: f64,
    /// Agreement over refits, ICC(1,1); absent for simple statistics or fewer than two refits.
    pub icc: Option<f64>,
    /// Subject means, for the plot: (subject, group, value).
    pub values: Vec<SubjectValue>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectValue {
    pub subject: String,
    pub group: String,
    pub value: f64,
}

/// PERMANOVA on Euclidean distance between standardised feature vectors (Anderson 2001).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DistanceTest {
    pub pseudo_f: f64,
    pub r_squared: f64,
    pub p_permutation: f64,
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
    /// Against the same cross-validation with group labels permuted.
    pub p_permutation: f64,
}
