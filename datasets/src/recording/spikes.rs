//! Spike times of sorted units.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::Support;

/// Sorted units of one session. All times are in seconds on the clock of the session.
///
/// The spikes of all units lie end to end in one vector, as files keep them, so that a session needs no second copy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpikeTrains {
    units: Vec<Unit>,
    spike_secs: Vec<f64>,
    /// When any unit was observed.
    pub observed: Support,
    pub trials: Trials,
    /// What the reader had to assume or leave out, one sentence each.
    pub warnings: Vec<String>,
}

/// A sorted unit without its spikes, which [`SpikeTrains::spikes_of`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub name: String,
    /// When this unit was observed; `None` where the file does not say, so that the whole session counts.
    pub observed: Option<Support>,
    /// Columns of the units' table, such as `quality`, as written.
    pub properties: BTreeMap<String, String>,
    spikes: Range<usize>,
}

/// The trials of a session, one row of the table each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trials {
    /// `[start, stop)` of each trial.
    pub intervals_secs: Vec<[f64; 2]>,
    /// Other columns by name, one value for each trial, as written.
    pub columns: BTreeMap<String, Vec<String>>,
}

impl SpikeTrains {
    /// `spike_secs` holds the spikes of the units end to end; `units` names them with their numbers of spikes.
    ///
    /// Spikes are put in order within each unit, with a warning. `observed` of `None` means from 0 s (or the first
    /// spike, where that is earlier) to the last spike. Panics where the numbers do not add up.
    pub fn new(units: Vec<(Unit, usize)>, mut spike_secs: Vec<f64>, observed: Option<Support>) -> Self {
        let mut rest = &mut spike_secs[..];
        let mut start = 0;
        let mut of_units = Vec::with_capacity(units.len());
        for (mut unit, n) in units {
            let (spikes, others) = rest.split_at_mut(n);
            rest = others;
            unit.spikes = start..start + n;
            start += n;
            of_units.push((unit, spikes));
        }
        assert!(rest.is_empty(), "every spike belongs to one unit");
        let (units, warnings): (Vec<Unit>, Vec<Option<String>>) =
            of_units.into_par_iter().map(|(unit, spikes)| put_in_order(unit, spikes)).unzip();
        let mut warnings: Vec<String> = warnings.into_iter().flatten().collect();
        let observed = observed.unwrap_or_else(|| {
            let first_secs = units.iter().filter_map(|unit| spike_secs[unit.spikes.clone()].first()).copied();
            let (observed, first_secs) = (span_of(&units, &spike_secs), first_secs.fold(f64::INFINITY, f64::min));
            // Times of the day, or of an era, begin far from 0.
            if observed.span_secs().is_some_and(|[_, stop]| first_secs > 0.5 * stop) && first_secs.is_finite() {
                warnings.push(format!(
                    "The session is taken to begin at 0 s, long before its first spike at {first_secs} s."
                ));
            }
            observed
        });
        Self { units, spike_secs, observed, trials: Trials::default(), warnings }
    }

    /// Named units with their spikes, all observed throughout `observed`.
    pub fn of_units(units: impl IntoIterator<Item = (String, Vec<f64>)>, observed: Support) -> Self {
        let mut all = Vec::new();
        let units = units.into_iter().map(|(name, spikes)| {
            all.extend_from_slice(&spikes);
            (Unit::named(name), spikes.len())
        });
        let units = units.collect();
        Self::new(units, all, Some(observed))
    }

    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// A unit with a time that is not a number or not finite, and that time.
    pub(crate) fn not_finite(&self) -> Option<(&Unit, f64)> {
        // In a total order such times come before or after all others.
        let ends = |unit| [self.spikes_of(unit).first(), self.spikes_of(unit).last()].into_iter().flatten();
        self.units.iter().find_map(|unit| Some((unit, *ends(unit).find(|time| !time.is_finite())?)))
    }

    /// The spikes of a unit of this session, ascending.
    pub fn spikes_of(&self, unit: &Unit) -> &[f64] {
        &self.spike_secs[unit.spikes.clone()]
    }

    pub fn n_spikes(&self) -> usize {
        self.spike_secs.len()
    }

    /// Says of no unit that it was observed in `whole`, when that is what holds of all unless said otherwise.
    pub(crate) fn share_observed(&mut self, whole: &Support) {
        for unit in &mut self.units {
            unit.observed.take_if(|observed| observed == whole);
        }
    }

    /// When the unit was observed, within the session.
    pub fn observed_of(&self, unit: &Unit) -> Support {
        unit.observed.as_ref().map_or_else(|| self.observed.clone(), |observed| observed.intersection(&self.observed))
    }

    /// Spikes of the unit in these stretches of time, which may be written up to and with their last spike.
    pub fn n_spikes_in(&self, unit: &Unit, stretches: &Support) -> usize {
        let spikes = self.spikes_of(unit);
        let inside =
            |&[start, stop]: &[f64; 2]| spikes.partition_point(|&t| t <= stop) - spikes.partition_point(|&t| t < start);
        stretches.intervals_secs().iter().map(inside).sum::<usize>().min(spikes.len())
    }

    /// Spikes outside the time in which their unit was observed.
    pub fn n_unobserved(&self) -> usize {
        let outside = |unit| self.spikes_of(unit).len() - self.n_spikes_in(unit, &self.observed_of(unit));
        self.units.iter().map(outside).sum()
    }
}

impl Unit {
    /// Observed throughout, nothing else known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), observed: None, properties: BTreeMap::new(), spikes: 0..0 }
    }

    pub fn n_spikes(&self) -> usize {
        self.spikes.len()
    }
}

impl Trials {
    pub fn len(&self) -> usize {
        self.intervals_secs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.intervals_secs.is_empty()
    }

    /// Leaves out the trials that do not start and end, in this order; returns how many they were.
    pub(crate) fn retain_whole(&mut self) -> usize {
        let is_whole = |&[start, stop]: &[f64; 2]| start.is_finite() && stop.is_finite() && start <= stop;
        let kept: Vec<bool> = self.intervals_secs.iter().map(is_whole).collect();
        for cells in self.columns.values_mut() {
            let mut kept = kept.iter();
            cells.retain(|_| kept.next().is_some_and(|&kept| kept));
        }
        self.intervals_secs.retain(is_whole);
        kept.iter().filter(|&&kept| !kept).count()
    }
}

/// Says so where the spikes of a unit had to be sorted.
fn put_in_order(unit: Unit, spikes: &mut [f64]) -> (Unit, Option<String>) {
    // Without an early end in a block, the compiler compares several pairs at once.
    const BLOCK: usize = 1 << 12;
    let is_block_sorted = |block: &[f64]| block.iter().zip(&block[1..]).fold(true, |sorted, (a, b)| sorted & (a <= b));
    let is_sorted = (0..spikes.len()).step_by(BLOCK).all(|first| {
        // With the first of the next block.
        is_block_sorted(&spikes[first..spikes.len().min(first + BLOCK + 1)])
    });
    if is_sorted {
        return (unit, None);
    }
    spikes.sort_unstable_by(f64::total_cmp);
    let warning = format!("Spikes of unit {} were out of order and have been sorted.", unit.name);
    (unit, Some(warning))
}

/// A unit's last spike is part of what was observed, so the stretch ends just after it.
fn span_of(units: &[Unit], spike_secs: &[f64]) -> Support {
    let ends = units.iter().filter_map(|unit| spike_secs[unit.spikes.clone()].split_first());
    let span = ends.fold([0.0f64, 0.0f64], |[first, last], (head, tail)| {
        [first.min(*head), last.max(*tail.last().unwrap_or(head))]
    });
    Support::new([[span[0], span[1].next_up()]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_keep_their_own_spikes_in_order() {
        let trains = SpikeTrains::new(
            vec![(Unit::named("a"), 2), (Unit::named("b"), 0), (Unit::named("c"), 3)],
            vec![0.5, 1.0, 3.0, 2.0, -1.0],
            None,
        );
        let spikes: Vec<&[f64]> = trains.units().iter().map(|unit| trains.spikes_of(unit)).collect();
        assert_eq!(spikes, [&[0.5, 1.0][..], &[], &[-1.0, 2.0, 3.0]]);
        assert_eq!(trains.warnings, ["Spikes of unit c were out of order and have been sorted."]);
        assert!(trains.observed.covers([-1.0, 3.0]));
        assert_eq!(trains.n_unobserved(), 0);
        let late = SpikeTrains::new(vec![(Unit::named("a"), 2)], vec![1.6e9, 1.6e9 + 5.0], None);
        assert!(late.warnings[0].contains("long before its first spike at 1600000000 s"), "{:?}", late.warnings);
    }

    #[test]
    fn trials_without_an_end_are_left_out_with_their_cells() {
        let column = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut trials = Trials {
            intervals_secs: vec![[0.0, 1.0], [1.0, f64::NAN], [3.0, 2.0], [4.0, 4.0]],
            columns: BTreeMap::from([("cue".to_owned(), column)]),
        };
        assert_eq!(trials.retain_whole(), 2);
        assert_eq!(trials.intervals_secs, [[0.0, 1.0], [4.0, 4.0]]);
        assert_eq!(trials.columns["cue"], ["a", "d"]);
    }

    #[test]
    fn spikes_outside_the_observed_time_are_counted() {
        let observed = Support::new([[0.0, 1.0], [2.0, 3.0]]);
        let trains = SpikeTrains::of_units([("a".to_owned(), vec![0.0, 1.0, 1.5, 2.5, 9.0])], observed);
        assert_eq!(trains.n_unobserved(), 2);
        assert_eq!(trains.n_spikes_in(&trains.units()[0], &trains.observed), 3);
    }
}
