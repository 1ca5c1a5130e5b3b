//! Stretches around events.

use serde::{Deserialize, Serialize};

use crate::bids::events::Event;
use crate::recording::{Runs, SampleRate};

/// Which stretches are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochPlan {
    /// Kinds of events (`trial_type`, or the text of an annotation) that epochs lie around; empty takes all.
    #[serde(default)]
    pub around: Vec<String>,
    /// `[start, stop)` in seconds from the onset, such as `[-0.2, 0.8]`.
    pub window_secs: [f64; 2],
    /// The mean over `[start, stop)` in seconds from the onset is subtracted from each channel of each epoch.
    #[serde(default)]
    pub baseline_secs: Option<[f64; 2]>,
}

/// Epochs, each a run of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Epochs {
    /// `[channel][time]`
    pub data: Vec<Vec<f64>>,
    pub runs: Runs,
    /// Events that were wanted; those whose window is not wholly recorded have no epoch.
    pub n_events: usize,
}

/// Cuts `data: [channel][time]` around the wanted events. All epochs have the same number of samples; those that overlap
/// share samples. A window that reaches beyond its run has no epoch.
pub fn cut(data: &[Vec<f64>], runs: &Runs, rate: SampleRate, events: &[Event], plan: &EpochPlan) -> Epochs {
    let wanted: Vec<&Event> =
        events.iter().filter(|event| plan.around.is_empty() || plan.around.contains(&event.kind)).collect();
    let whole = |secs: f64| (secs * rate.hz()).round() as isize;
    let [from, to] = plan.window_secs.map(whole);
    let mut windows = Vec::new();
    for event in &wanted {
        for run in runs.iter() {
            let onset = whole(event.onset_secs - run.start_secs);
            let inside = onset + from >= 0 && onset + to <= run.samples.len() as isize && from < to;
            if inside {
                let start = run.samples.start + (onset + from) as usize;
                windows.push((start..start + (to - from) as usize, event.onset_secs + from as f64 / rate.hz()));
            }
        }
    }
    let baseline = plan.baseline_secs.map(|secs| secs.map(|secs| (whole(secs) - from).clamp(0, to - from) as usize));
    let epochs_of = |x: &Vec<f64>| {
        let mut epochs = Vec::with_capacity(windows.iter().map(|(window, _)| window.len()).sum());
        for (window, _) in &windows {
            let epoch = &x[window.clone()];
            let level = match baseline {
                Some([start, stop]) if start < stop => mean_of_present(&epoch[start..stop]),
                _ => 0.0,
            };
            epochs.extend(epoch.iter().map(|value| value - level));
        }
        epochs
    };
    let starts = windows.iter().map(|(window, start_secs)| (window.len(), *start_secs));
    Epochs { data: data.iter().map(epochs_of).collect(), runs: Runs::from_lengths(starts), n_events: wanted.len() }
}

fn mean_of_present(x: &[f64]) -> f64 {
    let (n, sum) =
        x.iter().filter(|value| value.is_finite()).fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    if n > 0.0 { sum / n } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_runs_around_their_events() {
        let event = |onset_secs: f64, kind: &str| Event { onset_secs, duration_secs: 0.0, kind: kind.to_owned() };
        let events = [
            event(1.0, "go"),
            event(2.0, "stop"),
            event(3.75, "go"),
            event(10.5, "go"),
            event(11.0, "go"),
            event(0.0, "go"),
        ];
        let runs = Runs::from_lengths([(16, 0.0), (8, 10.0)]);
        let data = vec![(0..24).map(f64::from).collect::<Vec<f64>>()];
        let plan = EpochPlan { around: vec!["go".into()], window_secs: [-0.25, 0.75], baseline_secs: None };
        let rate = SampleRate::from_hz(4.0).unwrap();
        let epochs = cut(&data, &runs, rate, &events, &plan);
        assert_eq!((epochs.n_events, epochs.runs.len()), (5, 3));
        assert_eq!(epochs.data[0], [3.0, 4.0, 5.0, 6.0, 17.0, 18.0, 19.0, 20.0, 19.0, 20.0, 21.0, 22.0]);
        assert_eq!(epochs.runs, Runs::from_lengths([(4, 0.75), (4, 10.25), (4, 10.75)]));
        let plan = EpochPlan { baseline_secs: Some([-0.25, 0.25]), ..plan };
        let epochs = cut(&data, &runs, rate, &events, &plan);
        assert_eq!(epochs.data[0][..4], [-0.5, 0.5, 1.5, 2.5]);
    }
}
