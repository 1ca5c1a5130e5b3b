//! The course of a channel in a few cells, made while its samples pass.

/// Mean, least and largest value in each of at most [`Outline::CELLS`] equal parts of what has passed so far.
///
/// Cells start with one sample each; when they are full, neighbours are joined. Needs no memory for the samples and no
/// knowledge of how many will come.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    cells: Vec<Cell>,
    per_cell: usize,
    from_zero: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    n_samples: usize,
    n_finite: usize,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for Outline {
    fn default() -> Self {
        Self { cells: Vec::new(), per_cell: 1, from_zero: false }
    }
}

impl Outline {
    /// Even, so that neighbours can be joined.
    const CELLS: usize = 64;

    pub fn of(samples: &[f64]) -> Self {
        let mut outline = Self::default();
        outline.take(samples);
        outline
    }

    /// Of numbers that are drawn from zero on, such as counts.
    pub fn of_counts(counts: &[f64]) -> Self {
        Self { from_zero: true, ..Self::of(counts) }
    }

    /// Adds the samples that come next.
    pub fn take(&mut self, mut samples: &[f64]) {
        while !samples.is_empty() {
            let has_room = self.cells.last().is_some_and(|cell| cell.n_samples < self.per_cell);
            if !has_room {
                if self.cells.len() == Self::CELLS {
                    let pairs = self.cells.chunks(2).filter_map(|pair| pair.iter().copied().reduce(Cell::joined));
                    self.cells = pairs.collect();
                    self.per_cell *= 2;
                }
                self.cells.push(Cell::EMPTY);
            }
            let Some(last) = self.cells.last_mut() else { return };
            let (now, later) = samples.split_at((self.per_cell - last.n_samples).min(samples.len()));
            *last = last.joined(Cell::of(now));
            samples = later;
        }
    }

    /// About `width` cells, at most twice as many, each between 0 and 1: the range within the cell, or the value itself where
    /// there are so few samples that each has a cell. `None` where nothing is finite.
    pub fn shares(&self, width: usize) -> Vec<Option<f64>> {
        let each_has_its_own = self.per_cell == 1 && self.cells.len() <= 2 * width;
        let per_column = if each_has_its_own { 1 } else { self.cells.len().div_ceil(width.max(1)).max(1) };
        let columns: Vec<Cell> =
            self.cells.chunks(per_column).filter_map(|cells| cells.iter().copied().reduce(Cell::joined)).collect();
        let of_range = columns.iter().any(|cell| cell.n_samples > 1);
        let values: Vec<Option<f64>> = columns
            .iter()
            .map(|cell| (cell.n_finite > 0).then_some(if of_range { cell.max - cell.min } else { cell.sum }))
            .collect();
        let largest = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = if of_range || self.from_zero {
            0.0
        } else {
            values.iter().flatten().copied().fold(f64::INFINITY, f64::min)
        };
        let share = |value: f64| if largest > least { (value - least) / (largest - least) } else { 0.0 };
        values.into_iter().map(|value| value.map(share)).collect()
    }
}

impl Cell {
    const EMPTY: Self = Self { n_samples: 0, n_finite: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn of(samples: &[f64]) -> Self {
        let finite = |cell: Self, &sample: &f64| match sample.is_finite() {
            true => Self {
                n_finite: cell.n_finite + 1,
                sum: cell.sum + sample,
                min: cell.min.min(sample),
                max: cell.max.max(sample),
                ..cell
            },
            false => cell,
        };
        samples.iter().fold(Self { n_samples: samples.len(), ..Self::EMPTY }, finite)
    }

    fn joined(self, other: Self) -> Self {
        Self {
            n_samples: self.n_samples + other.n_samples,
            n_finite: self.n_finite + other.n_finite,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_samples_are_drawn_as_they_are() {
        let shares = Outline::of(&[1.0, 3.0, f64::NAN, 2.0]).shares(10);
        assert_eq!(shares, [Some(0.0), Some(1.0), None, Some(0.5)]);
        assert_eq!(Outline::default().shares(10), []);
        assert_eq!(Outline::of(&[5.0, 5.0]).shares(2), [Some(0.0), Some(0.0)]);
        assert_eq!(Outline::of_counts(&[5.0, 10.0]).shares(2), [Some(0.5), Some(1.0)]);
    }

    /// A sine that is loud in its last quarter: the outline is low, then high, however many samples there are.
    #[test]
    fn many_samples_are_drawn_by_their_range() {
        for n in [1_000, 100_003] {
            let loud = |t: usize| if 4 * t >= 3 * n { 10.0 } else { 1.0 };
            let samples: Vec<f64> = (0..n).map(|t| loud(t) * (t as f64).sin()).collect();
            let mut pieces = Outline::default();
            samples.chunks(777).for_each(|piece| pieces.take(piece));
            let outline = Outline::of(&samples);
            assert_eq!(pieces.cells.len(), outline.cells.len());
            let shares: Vec<f64> = outline.shares(20).into_iter().flatten().collect();
            assert!((10..=20).contains(&shares.len()), "{}", shares.len());
            let quarter = shares.len() * 3 / 4;
            assert!(shares[..quarter - 1].iter().all(|&share| share < 0.2), "{shares:?}");
            assert!(shares[quarter + 1..shares.len() - 1].iter().all(|&share| share > 0.9), "{shares:?}");
        }
    }
}
