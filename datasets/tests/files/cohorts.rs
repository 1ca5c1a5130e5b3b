//! Every subject of three public cohorts, from folder to clean recording.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::shared_data::shared_data;
use nullcline_datasets::{Cleaned, CleaningPlan, Dataset, Modality, RecordingFilter, SubjectId, prepare};

/// Cleans all subjects; each has one recording in these cohorts.
fn clean_all(name: &str) -> Option<(Dataset, BTreeMap<SubjectId, Cleaned>)> {
    let dataset = Dataset::open(shared_data("cohorts")?.join(name)).unwrap();
    let started = Instant::now();
    let cleaned = dataset.subjects.iter().map(|subject| {
        let files = dataset.recordings_of(subject, &RecordingFilter::default()).unwrap();
        assert_eq!(files.len(), 1, "{subject}");
        let cleaned = prepare(&files[0], 0.8, &CleaningPlan::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(cleaned.recording.samples.iter().all(|value| value.is_finite()), "{subject}");
        (subject.clone(), cleaned)
    });
    let cleaned = cleaned.collect();
    println!("{name}: {} subjects in {:.2} s", dataset.subjects.len(), started.elapsed().as_secs_f64());
    Some((dataset, cleaned))
}

/// Probability that a subject of group `a` has a larger statistic than one of group `b`.
fn auc(dataset: &Dataset, cleaned: &BTreeMap<SubjectId, Cleaned>, statistic: &str, a: &str, b: &str) -> f64 {
    let of_group = |group: &str| {
        let members = cleaned.iter().filter(|(subject, _)| dataset.participants.get(subject, "group") == Some(group));
        members.map(|(_, cleaned)| cleaned.simple[statistic]).collect::<Vec<f64>>()
    };
    let (a, b) = (of_group(a), of_group(b));
    let wins: f64 = a
        .iter()
        .flat_map(|x| {
            b.iter().map(move |y| {
                if x > y {
                    1.0
                } else if x == y {
                    0.5
                } else {
                    0.0
                }
            })
        })
        .sum();
    wins / (a.len() * b.len()) as f64
}

#[test]
fn eeg_of_schizophrenia() {
    let Some((dataset, cleaned)) = clean_all("eeg-schizophrenia") else {
        return;
    };
    assert_eq!(
        dataset.participants.levels("group"),
        BTreeMap::from([("control".into(), 16), ("schizophrenia".into(), 16)])
    );
    for (subject, cleaned) in &cleaned {
        let recording = &cleaned.recording;
        assert_eq!(recording.modality, Modality::Eeg);
        assert_eq!((recording.n_channels(), recording.n_times()), (19, 3840), "{subject}");
        assert_eq!(recording.sample_rate.hz(), 128.0);
        assert_eq!(
            cleaned.steps,
            [
                "No notch: 50 Hz lies outside the pass band",
                "Band-pass 1–40 Hz, Butterworth order 4, zero phase",
                "Average reference over 19 channels",
                "Each channel standardised by the mean and sd of its first 3072 samples",
            ]
        );
        // These recordings went through strong artefact removal; scalp EEG as recorded has some tens of microvolts.
        let microvolts = cleaned.simple["log_sd"].exp() * 1e6;
        assert!((0.1..100.0).contains(&microvolts), "{subject}: {microvolts}");
        assert_eq!(cleaned.simple.len(), 7);
    }
    // Computed independently with SciPy 1.17 (sosfiltfilt, welch) and NumPy from the same files.
    let simple = &cleaned[&SubjectId::parse("sch004").unwrap()].simple;
    for (name, expected) in [
        ("theta_power", 0.20732723197310476),
        ("spectral_entropy", 0.9028924565063945),
        ("log_sd", -13.525730381460685),
        ("mean_abs_correlation", 0.6123600061728814),
    ] {
        assert!((simple[name] - expected).abs() < 1e-5, "{name}: {} instead of {expected}", simple[name]);
    }
    let theta = auc(&dataset, &cleaned, "theta_power", "schizophrenia", "control");
    assert!((theta - 0.79296875).abs() < 1e-9, "{theta}");
}

#[test]
fn roi_series_of_autism() {
    let Some((dataset, cleaned)) = clean_all("fmri-autism") else {
        return;
    };
    assert_eq!(dataset.participants.levels("group"), BTreeMap::from([("autism".into(), 31), ("control".into(), 23)]));
    for (subject, cleaned) in &cleaned {
        let recording = &cleaned.recording;
        assert_eq!(recording.n_channels() + cleaned.excluded_channels.len(), 96, "{subject}");
        assert_eq!(recording.n_times(), 180, "{subject}");
        assert_eq!(recording.sample_rate.hz(), 0.5);
        assert!((0.0..1.0).contains(&cleaned.simple["lag1_autocorrelation"]), "{subject}: {:?}", cleaned.simple);
    }
}

/// Expected separation: NumPy 2.4 (`histogram`, `corrcoef`) on the same units of at least 0.05 Hz.
#[test]
fn retinal_waves() {
    let Some((dataset, cleaned)) = clean_all("spikes-retina") else {
        return;
    };
    assert_eq!(dataset.subjects.len(), 33);
    for (subject, cleaned) in &cleaned {
        let n_units: usize = dataset.participants.get(subject, "n_units").unwrap().parse().unwrap();
        assert_eq!(cleaned.recording.n_channels() + cleaned.excluded_channels.len(), n_units, "{subject}");
        let duration: f64 = dataset.participants.get(subject, "duration_s").unwrap().parse().unwrap();
        assert!((cleaned.recording.duration_secs() - duration).abs() <= 0.2, "{subject}");
        assert!(cleaned.recording.samples.iter().all(|&count| count >= 0.0 && count.fract() == 0.0));
    }
    let separation = auc(&dataset, &cleaned, "mean_correlation", "control", "mutant");
    assert!((separation - 0.195).abs() < 1e-9, "{separation}");
}
