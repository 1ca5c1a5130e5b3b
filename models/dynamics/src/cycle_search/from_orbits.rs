//! Cycles by the sequences of regions that orbits and known cycles suggest, where not all sequences can be followed.

use std::collections::{BTreeSet, HashSet};

use rand::{Rng, RngExt};

use super::finds::{Finds, Refined};
use crate::geometry::{distance, dot, is_finite, norm};
use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::unseen::Unseen;
use crate::words::{Solved, solve_word};

/// Which sequence follows one whose solution visits other regions.
#[derive(Clone, Copy)]
enum Next {
    /// The regions in which the solved points lie: converges where nothing expands or contracts much.
    VisitedByPoints,
    /// Those that the orbit of the first point visits: converges to what attracts.
    VisitedByOrbit,
}

/// Steps before an orbit is looked at: many, to see what attracts, and few, to see what repels.
const TRANSIENTS: [usize; 4] = [5000, 0, 500, 30];
/// Sequences tried one after the other from one start.
const LONGEST_CHAIN: usize = 30;
/// Periods tried on one stretch of orbit: those after which it comes closest to where it was, and as many by chance.
const PERIODS_PER_ORBIT: usize = 4;
/// Hinges that are turned in the sequence of a known cycle, the ones closest to their fold.
const TURNED_HINGES: usize = 200;
impl Finds<'_> {
    /// Looks for periods beyond `known_up_to` until the steps are spent.
    pub fn search(&mut self, rng: &mut impl Rng, starts: &[Vec<f64>], known_up_to: usize) -> Unseen {
        let usable: Vec<&Vec<f64>> = starts.iter().filter(|z| z.len() == self.map.dim() && is_finite(z)).collect();
        let spread = usable.iter().map(|z| norm(z)).fold(0.0, f64::max);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let mut restarts = 0;
        let mut spent_on_turning = 0;
        while self.steps < self.plan.max_steps {
            // Equal shares: in chaos, known cycles have more neighbours than there are steps.
            if spent_on_turning <= self.steps / 2
                && let Some((_, index)) = self.unturned.pop_first()
            {
                let before = self.steps;
                self.turn_hinges_of(index);
                spent_on_turning += self.steps - before;
                continue;
            }
            let start: Vec<f64> = match usable.get(restarts) {
                Some(start) => start.to_vec(),
                None => (0..self.map.dim()).map(|_| 2.0 * spread * rng.random_range(-1.0..1.0)).collect(),
            };
            let met = self.search_from(rng, &start, TRANSIENTS[restarts % TRANSIENTS.len()], known_up_to);
            met.into_iter().for_each(|index| self.counts[index] += 1);
            restarts += 1;
        }
        Unseen::from_counts(&self.counts, restarts)
    }

    /// Tries the sequences along one orbit; which cycles it met.
    fn search_from(
        &mut self,
        rng: &mut impl Rng,
        start: &[f64],
        transient: usize,
        known_up_to: usize,
    ) -> BTreeSet<usize> {
        let mut met = BTreeSet::new();
        let longest = self.plan.max_period;
        let begin = self.map.iterate(start, transient);
        let orbit: Vec<Vec<f64>> = self.map.orbit(&begin, longest).into_iter().take_while(|z| is_finite(z)).collect();
        self.steps += transient / 16 + 1;
        let Some(last) = orbit.len().checked_sub(1) else {
            return met;
        };
        let shortest = known_up_to.max(1) + 1;
        if last < shortest {
            return met;
        }
        let mut periods: Vec<usize> = (shortest..=last).collect();
        periods.sort_by(|&a, &b| {
            distance(&orbit[last - a], &orbit[last]).total_cmp(&distance(&orbit[last - b], &orbit[last]))
        });
        for &closest in periods.iter().take(PERIODS_PER_ORBIT) {
            // Short periods are cheap: as many tries for each doubling.
            let by_chance = shortest as f64 * (last as f64 / shortest as f64).powf(rng.random_range(0.0..=1.0));
            for period in [closest, (by_chance as usize).clamp(shortest, last)] {
                let word = orbit[last - period..last].iter().map(|z| self.map.pattern_at(z)).collect();
                met.extend(self.follow_chain(word, Next::VisitedByPoints).or_else(|| {
                    let word = orbit[last - period..last].iter().map(|z| self.map.pattern_at(z)).collect();
                    self.follow_chain(word, Next::VisitedByOrbit)
                }));
            }
        }
        met
    }

    /// Solves a sequence, goes on to the one that its solution visits, and so on.
    fn follow_chain(&mut self, mut word: Vec<ActivationPattern>, next: Next) -> Option<usize> {
        let period = word.len();
        let mut seen = HashSet::new();
        while seen.len() < LONGEST_CHAIN && self.steps < self.plan.max_steps && seen.insert(word.clone()) {
            // What repeats a shorter sequence has its solution: mostly a fixed point, visited again and again.
            let root = &word[..length_of_root(&word)];
            self.steps += root.len() * self.map.dim().pow(3).div_ceil(16_usize.pow(3));
            let Solved { points, visits } = solve_word(self.map, root)?;
            if visits == root {
                if root.len() == 1 {
                    return None;
                }
                return match self.keep_near(points) {
                    Refined::Cycle(index) => Some(index),
                    Refined::FixedPoint | Refined::Nothing => None,
                };
            }
            word = match next {
                Next::VisitedByPoints => visits.iter().cycle().take(period).cloned().collect(),
                Next::VisitedByOrbit => {
                    self.map.orbit(&points[0], period - 1).iter().map(|z| self.map.pattern_at(z)).collect()
                }
            };
        }
        None
    }

    /// Tries the sequence of a known cycle, and twice that sequence, with each of the hinges turned that come closest to
    /// their folds.
    fn turn_hinges_of(&mut self, index: usize) {
        let points = self.found[index].points.clone();
        let word: Vec<ActivationPattern> = points.iter().map(|z| self.map.pattern_at(z)).collect();
        let mut margins = Vec::with_capacity(word.len() * self.map.n_hinges());
        for (time, z) in points.iter().enumerate() {
            for (k, hinge) in self.map.hinges().iter().enumerate() {
                let margin = (dot(&hinge.normal, z) + hinge.bias).abs() / norm(&hinge.normal);
                margins.push((margin, time, k));
            }
        }
        margins.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let doubled = if 2 * word.len() <= self.plan.max_period { 2 } else { 1 };
        for repeats in 1..=doubled {
            for &(_, time, k) in margins.iter().take(TURNED_HINGES) {
                if self.steps >= self.plan.max_steps {
                    return;
                }
                let mut other: Vec<_> = word.iter().cycle().take(repeats * word.len()).cloned().collect();
                other[time] = other[time].with_flipped(k);
                self.follow_chain(other, Next::VisitedByPoints);
            }
        }
    }
}

/// The length of the shortest sequence that this one repeats.
fn length_of_root(word: &[ActivationPattern]) -> usize {
    let period = word.len();
    let repeats = |length: usize| period.is_multiple_of(length) && word[length..] == word[..period - length];
    (1..period).find(|&length| repeats(length)).unwrap_or(period)
}
