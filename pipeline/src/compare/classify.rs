//! Can the group of a subject be told from its numbers, and from which numbers best?

use nalgebra::DMatrix;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::ClassifierScore;
use super::effect::win;
use super::logistic::Logistic;
use super::moments::{is_constant, mean, standard_deviation};
use super::relabelling::p_value;

/// At most so many folds; a smaller group has one fold for each of its subjects.
const MAX_FOLDS: usize = 5;
/// Each repeat deals the subjects into folds anew, which evens out the luck of the deal.
const N_REPEATS: usize = 10;
/// Every permutation repeats the whole cross-validation, so fewer are made than for a feature:
/// the smallest p is 1 / 500.
pub(super) const MAX_PERMUTATIONS: usize = 499;
/// The penalty `λ` for standardised predictors. Fixed beforehand: tuning it would need a second
/// cross-validation inside the first, and small cohorts cannot pay for that.
const PENALTY: f64 = 1.0;

/// One way to describe the subjects.
pub(super) struct Predictors {
    pub name: &'static str,
    /// One vector over the subjects for each predictor; what is not finite is missing.
    pub columns: Vec<Vec<f64>>,
}

/// How well each set of predictors tells the groups apart, on the same subjects and folds.
///
/// Ridge-penalised logistic regression under stratified 5-fold cross-validation, repeated 10 times.
/// Standardisation and the means that stand in for missing values come from the training folds
/// alone. Scored on held-out subjects:
/// - balanced accuracy, the mean over the two groups of the share told right;
/// - AUC over pairs of one subject of each group held out together, so that two log-odds are only
///   compared when the same model gave both.
///
/// There is no leave-one-out: leaving out one subject makes its group the rarer one in training,
/// and pooled scores then fall below chance. `p` compares balanced accuracy with that after the
/// subjects' numbers are dealt to other subjects, folds and groups staying as they are; the same
/// deals serve all sets, [`MAX_PERMUTATIONS`] of them or `n_permutations` if fewer.
///
/// Misleads in small cohorts, where the score varies by ±0.1 and more between equally good samples.
/// A p below α says better than chance, not better than a rival: compare the scores for that.
/// A set without a predictor that varies is not scored. Costs 50 fits per set and permutation.
///
/// Source: Varoquaux et al. (2017), NeuroImage 145, 166–179; pairs: Airola et al. (2011), Comput.
/// Stat. Data Anal. 55, 1828–1844; leave-one-out: Parker et al. (2007), BMC Bioinformatics 8, 326;
/// p: Ojala & Garriga (2010), J. Mach. Learn. Res. 11, 1833–1863.
pub(super) fn cross_validate(
    folds_rng: &mut ChaCha8Rng,
    chance_rng: &mut ChaCha8Rng,
    is_other: &[bool],
    sets: &[Predictors],
    n_permutations: usize,
) -> Vec<ClassifierScore> {
    let trials = Trials::deal(folds_rng, is_other);
    let mut order: Vec<usize> = (0..is_other.len()).collect();
    let sets: Vec<(&str, Vec<&[f64]>)> = sets
        .iter()
        .map(|set| (set.name, set.columns.iter().map(Vec::as_slice).filter(|c| varies(c)).collect()))
        .filter(|(_, columns): &(_, Vec<&[f64]>)| !columns.is_empty())
        .collect();
    let observed: Vec<Score> = sets.iter().map(|(_, columns)| trials.score(columns, &order)).collect();

    let n_permutations = n_permutations.min(MAX_PERMUTATIONS);
    let mut n_as_good = vec![0; sets.len()];
    for _ in 0..n_permutations {
        order.shuffle(chance_rng);
        for (set, (_, columns)) in sets.iter().enumerate() {
            let by_chance = trials.score(columns, &order);
            // Shares of the same counts: anything closer than this is a tie.
            if by_chance.balanced_accuracy >= observed[set].balanced_accuracy - 1e-9 {
                n_as_good[set] += 1;
            }
        }
    }

    (0..sets.len())
        .map(|set| ClassifierScore {
            predictors: sets[set].0.to_string(),
            n_predictors: sets[set].1.len(),
            n_subjects: is_other.len(),
            balanced_accuracy: observed[set].balanced_accuracy,
            auc: observed[set].auc,
            p_permutation: p_value(n_as_good[set], n_permutations),
        })
        .collect()
}

struct Score {
    balanced_accuracy: f64,
    auc: f64,
}

/// The splits into training and held-out subjects, over all folds and repeats.
struct Trials<'a> {
    is_other: &'a [bool],
    splits: Vec<Split>,
}

struct Split {
    training: Vec<usize>,
    held_out: Vec<usize>,
}

impl<'a> Trials<'a> {
    /// Deals each group in turn over the folds, so that every fold holds some of both.
    fn deal(rng: &mut ChaCha8Rng, is_other: &'a [bool]) -> Self {
        let (mut other, mut control): (Vec<usize>, Vec<usize>) = (0..is_other.len()).partition(|&i| is_other[i]);
        let n_folds = other.len().min(control.len()).min(MAX_FOLDS);
        let mut splits = Vec::new();
        for _ in 0..N_REPEATS {
            control.shuffle(rng);
            other.shuffle(rng);
            let mut fold_of = vec![0; is_other.len()];
            // The second group goes on where the first stopped, which keeps the folds of one size.
            for (turn, &subject) in control.iter().chain(&other).enumerate() {
                fold_of[subject] = turn % n_folds;
            }
            splits.extend((0..n_folds).map(|fold| {
                let (held_out, training) = (0..is_other.len()).partition(|&i| fold_of[i] == fold);
                Split { training, held_out }
            }));
        }
        Self { is_other, splits }
    }

    /// The score when position `i` has the numbers of subject `order[i]`.
    fn score(&self, columns: &[&[f64]], order: &[usize]) -> Score {
        let mut tally = Tally::default();
        for split in &self.splits {
            let scales: Vec<Scale> = columns.iter().map(|column| Scale::of(column, &split.training, order)).collect();
            let table = |subjects: &[usize]| {
                DMatrix::from_fn(subjects.len(), columns.len(), |row, j| {
                    scales[j].apply(columns[j][order[subjects[row]]])
                })
            };
            let labels = |subjects: &[usize]| subjects.iter().map(|&i| self.is_other[i]).collect::<Vec<_>>();
            let model = Logistic::fit(&table(&split.training), &labels(&split.training), PENALTY);
            let log_odds = model.log_odds(&table(&split.held_out));
            tally.add(log_odds.as_slice(), &labels(&split.held_out));
        }
        tally.score()
    }
}

/// Centre and spread of one predictor among the training subjects.
struct Scale {
    mean: f64,
    sd: f64,
}

impl Scale {
    fn of(column: &[f64], training: &[usize], order: &[usize]) -> Self {
        let known: Vec<f64> = training.iter().map(|&i| column[order[i]]).filter(|v| v.is_finite()).collect();
        if known.len() < 2 || is_constant(&known) {
            return Self { mean: 0.0, sd: f64::INFINITY };
        }
        Self { mean: mean(&known), sd: standard_deviation(&known) }
    }

    /// In training standard deviations; a missing value becomes the training mean, which is 0, and
    /// so does everything when the training subjects did not vary.
    fn apply(&self, value: f64) -> f64 {
        if value.is_finite() && self.sd.is_finite() { (value - self.mean) / self.sd } else { 0.0 }
    }
}

/// Held-out subjects told right, by group, and pairs ordered right.
#[derive(Default)]
struct Tally {
    right_control: f64,
    n_control: f64,
    right_other: f64,
    n_other: f64,
    pairs_won: f64,
    n_pairs: f64,
}

impl Tally {
    fn add(&mut self, log_odds: &[f64], is_other: &[bool]) {
        let of_group = |wanted: bool| {
            let rows = log_odds.iter().zip(is_other);
            rows.filter(move |&(_, &other)| other == wanted).map(|(&odds, _)| odds).collect::<Vec<f64>>()
        };
        let (control, other) = (of_group(false), of_group(true));
        self.n_control += control.len() as f64;
        self.n_other += other.len() as f64;
        self.n_pairs += (control.len() * other.len()) as f64;
        self.right_control += control.iter().map(|&odds| win(0.0, odds)).sum::<f64>();
        self.right_other += other.iter().map(|&odds| win(odds, 0.0)).sum::<f64>();
        for &of_other in &other {
            self.pairs_won += control.iter().map(|&of_control| win(of_other, of_control)).sum::<f64>();
        }
    }

    fn score(&self) -> Score {
        Score {
            balanced_accuracy: 0.5 * (self.right_control / self.n_control + self.right_other / self.n_other),
            auc: self.pairs_won / self.n_pairs,
        }
    }
}

/// Whether the known values of a predictor could tell anybody from anybody.
fn varies(column: &[f64]) -> bool {
    let known: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
    known.len() >= 2 && !is_constant(&known)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::compare::tests::{assert_close, noise};

    fn scores(seed: u64, is_other: &[bool], columns: Vec<Vec<f64>>, n: usize) -> Vec<ClassifierScore> {
        let set = Predictors { name: "dynamics", columns };
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        cross_validate(&mut ChaCha8Rng::seed_from_u64(seed), &mut chance, is_other, &[set], n)
    }

    fn unequal_groups(n: usize) -> Vec<bool> {
        (0..n).map(|i| i % 3 == 0).collect()
    }

    #[test]
    fn every_subject_is_held_out_once_a_repeat_and_every_fold_has_both_groups() {
        let is_other = unequal_groups(23);
        let trials = Trials::deal(&mut ChaCha8Rng::seed_from_u64(1), &is_other);
        assert_eq!(trials.splits.len(), N_REPEATS * MAX_FOLDS);
        for repeat in trials.splits.chunks(MAX_FOLDS) {
            let mut held_out: Vec<usize> = repeat.iter().flat_map(|split| split.held_out.clone()).collect();
            held_out.sort_unstable();
            assert_eq!(held_out, (0..23).collect::<Vec<_>>());
            for split in repeat {
                for part in [&split.held_out, &split.training] {
                    assert!(part.iter().any(|&i| is_other[i]) && part.iter().any(|&i| !is_other[i]));
                }
                assert!(matches!(split.held_out.len(), 4 | 5));
            }
        }
    }

    /// Two in three are controls, so always answering `control` would be right in 67 %: the
    /// balanced score must not reward that, nor the predictors that are noise.
    #[test]
    fn noise_predicts_nothing() {
        let is_other = unequal_groups(30);
        let (mut accuracy, mut area) = (0.0, 0.0);
        let n_studies = 60;
        for seed in 0..n_studies {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let columns = (0..4).map(|_| (0..30).map(|_| noise(&mut rng)).collect()).collect();
            let score = &scores(seed, &is_other, columns, 0)[0];
            accuracy += score.balanced_accuracy / n_studies as f64;
            area += score.auc / n_studies as f64;
        }
        assert_close(accuracy, 0.5, 0.04);
        assert_close(area, 0.5, 0.05);
    }

    #[test]
    fn separated_groups_are_told_apart() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let is_other = unequal_groups(30);
        let telling = is_other.iter().map(|&other| noise(&mut rng) + if other { 8.0 } else { 0.0 }).collect();
        let useless = (0..30).map(|_| noise(&mut rng)).collect();
        let score = &scores(1, &is_other, vec![telling, useless], 99)[0];
        assert!(score.balanced_accuracy > 0.98 && score.auc > 0.999);
        assert_close(score.p_permutation, 0.01, 1e-12);
    }

    #[test]
    fn missing_values_are_filled_and_empty_predictors_ignored() {
        let is_other = unequal_groups(30);
        let column: Vec<f64> =
            (0..30).map(|i| if i % 7 == 0 { f64::NAN } else { f64::from(u8::from(is_other[i])) }).collect();
        let infinite = vec![f64::INFINITY; 30];
        let score = &scores(1, &is_other, vec![column, vec![f64::NAN; 30], vec![2.0; 30], infinite], 19)[0];
        assert_eq!(score.n_predictors, 1);
        assert!(score.balanced_accuracy > 0.85);
    }

    #[test]
    fn nothing_to_predict_from_is_not_scored() {
        assert!(scores(1, &unequal_groups(12), vec![], 9).is_empty());
        assert!(scores(1, &unequal_groups(12), vec![vec![1.0; 12]], 9).is_empty());
    }

    #[test]
    fn two_subjects_a_group_are_enough_to_run() {
        let score = &scores(1, &[true, false, true, false], vec![vec![1.0, 0.0, 1.1, 0.1]], 9)[0];
        assert_close(score.balanced_accuracy, 1.0, 1e-12);
        // Any regrouping is the same one or splits the pairs; chance cannot be excluded.
        assert!(score.p_permutation >= 0.1);
    }

    #[test]
    fn sets_share_their_folds() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let is_other = unequal_groups(24);
        let column: Vec<f64> = (0..24).map(|_| noise(&mut rng)).collect();
        let twice = ["dynamics", "simple statistics"].map(|name| Predictors { name, columns: vec![column.clone()] });
        let mut other_rng = ChaCha8Rng::seed_from_u64(4);
        let scores = cross_validate(&mut rng, &mut other_rng, &is_other, &twice, 49);
        assert_eq!(scores[0].balanced_accuracy, scores[1].balanced_accuracy);
        assert_eq!(scores[0].p_permutation, scores[1].p_permutation);
    }
}
