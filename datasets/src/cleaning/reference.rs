//! What voltages are measured against.

/// Subtracts the mean over channels from every channel, sample by sample; `channels: [channel][time]`.
///
/// A channel that is missing (NaN) at a time stays so, and the mean is over the others. Only good channels may be passed: a bad one would leak into all others. Costs one dimension: the channels
/// then sum to zero.
pub fn subtract_average(channels: &mut [Vec<f64>]) {
    let n_times = channels.iter().map(Vec::len).min().unwrap_or(0);
    for t in 0..n_times {
        let present = || channels.iter().map(|channel| channel[t]).filter(|value| value.is_finite());
        let mean = present().sum::<f64>() / present().count() as f64;
        for channel in channels.iter_mut() {
            channel[t] -= mean;
        }
    }
}

/// Subtracts the mean over the channels at `references` from every channel, sample by sample; missing where all of those
/// are.
pub fn subtract_channels(channels: &mut [Vec<f64>], references: &[usize]) {
    let n_times = channels.iter().map(Vec::len).min().unwrap_or(0);
    for t in 0..n_times {
        let present = || references.iter().map(|&i| channels[i][t]).filter(|value| value.is_finite());
        let mean = present().sum::<f64>() / present().count() as f64;
        channels.iter_mut().for_each(|channel| channel[t] -= mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_channels_are_the_reference() {
        let mut channels = vec![vec![1.0, 2.0], vec![3.0, f64::NAN], vec![5.0, 1.0]];
        subtract_channels(&mut channels, &[1, 2]);
        assert_eq!(channels[0], [-3.0, 1.0]);
    }

    #[test]
    fn channels_sum_to_zero() {
        let mut channels = vec![vec![1.0, 2.0], vec![3.0, 6.0], vec![5.0, 1.0]];
        subtract_average(&mut channels);
        assert_eq!(channels, [[-2.0, -1.0], [0.0, 3.0], [2.0, -2.0]]);
    }
}
