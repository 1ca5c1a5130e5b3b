//! Channels on one scale, without a look at the held-out part.

/// How many of `n` samples are for training: the first `fraction`, at least one.
pub fn n_training(n: usize, fraction: f64) -> usize {
    ((n as f64 * fraction).round() as usize).clamp(1.min(n), n)
}

/// To mean 0 and population sd 1 over the first `n_training` samples, in place; missing ones (NaN) have no say.
/// `None` where those do not vary.
pub fn standardise(x: &mut [f64], n_training: usize) -> Option<()> {
    let training = || x[..n_training.min(x.len())].iter().filter(|value| value.is_finite());
    let n = training().count() as f64;
    let mean = training().sum::<f64>() / n;
    let sd = (training().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Rounding leaves a constant with an sd of a few units in the last place.
    let largest = training().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if sd.is_nan() || sd <= 1e-12 * largest {
        return None;
    }
    for value in x.iter_mut() {
        *value = (*value - mean) / sd;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_held_out_part_does_not_count() {
        let mut x = [1.0, 3.0, 1.0, 3.0, 1e6];
        let mut gapped = [1.0, f64::NAN, 3.0];
        assert!(standardise(&mut gapped, 3).is_some());
        assert!(gapped[0] == -1.0 && gapped[1].is_nan() && gapped[2] == 1.0);
        assert!(standardise(&mut x, n_training(5, 0.8)).is_some());
        assert_eq!(x[..4], [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(x[4], 1e6 - 2.0);
        assert_eq!(standardise(&mut [0.1; 7], 7), None);
    }
}
