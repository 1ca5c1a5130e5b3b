//! Mean, spread and range of more values than memory should hold.

/// Statistics over the finite values seen so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningStatistics {
    pub n: u64,
    pub n_not_finite: u64,
    pub min: f64,
    pub max: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Default for RunningStatistics {
    fn default() -> Self {
        Self { n: 0, n_not_finite: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, mean: 0.0, squares: 0.0 }
    }
}

impl RunningStatistics {
    /// Adds a block: its own mean and squares, merged as by Chan, Golub & LeVeque (1983), Am. Stat. 37, 242–247.
    pub fn add(&mut self, block: impl Iterator<Item = f64> + Clone) {
        let finite = block.clone().filter(|value| value.is_finite());
        let (mut n, mut sum) = (0u64, 0.0);
        for value in finite.clone() {
            n += 1;
            sum += value;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.n_not_finite += block.count() as u64 - n;
        if n == 0 {
            return;
        }
        let mean = sum / n as f64;
        let squares: f64 = finite.map(|value| (value - mean).powi(2)).sum();
        let total = (self.n + n) as f64;
        let apart = mean - self.mean;
        self.squares += squares + apart * apart * self.n as f64 * n as f64 / total;
        self.mean += apart * n as f64 / total;
        self.n += n;
    }

    /// `None` where no value was finite.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Population standard deviation.
    pub fn std(&self) -> Option<f64> {
        (self.n > 0).then(|| (self.squares / self.n as f64).sqrt())
    }

    pub fn range(&self) -> Option<[f64; 2]> {
        (self.n > 0).then_some([self.min, self.max])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far from zero, where a sum of squares would lose all digits.
    #[test]
    fn blocks_give_what_the_whole_gives() {
        let values: Vec<f64> = (0..1000).map(|i| 1e9 + (f64::from(i) * 0.7).sin()).collect();
        let mut running = RunningStatistics::default();
        for block in values.chunks(77) {
            running.add(block.iter().copied());
        }
        running.add([f64::NAN, f64::INFINITY].into_iter());
        let mean = values.iter().map(|value| value - 1e9).sum::<f64>() / 1000.0;
        let std = (values.iter().map(|value| (value - 1e9 - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
        assert!((running.mean().unwrap() - 1e9 - mean).abs() < 1e-6);
        assert!((running.std().unwrap() - std).abs() < 1e-7);
        assert_eq!((running.n, running.n_not_finite), (1000, 2));
        assert_eq!(RunningStatistics::default().mean(), None);
    }
}
