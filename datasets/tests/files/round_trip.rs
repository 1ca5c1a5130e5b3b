//! What is written comes back, whatever the values.

use nullcline_datasets::readers::edf;
use nullcline_datasets::readers::edf_write::{EdfToWrite, write, write_bdf};
use nullcline_datasets::{SampleRate, inspect, read_series};
use proptest::prelude::*;

proptest! {
    /// Every sample within one digital step, at any amplitude from nanovolts to volts and any offset.
    #[test]
    fn edf_and_bdf_return_what_was_written(
        is_bdf in any::<bool>(),
        n_channels in 1usize..4,
        n_secs in 1usize..4,
        amplitude in (-9.0f32..0.0).prop_map(|exponent| 10f32.powf(exponent)),
        offset in -1.0f32..1.0,
        shares in prop::collection::vec(-1.0f32..1.0, 3 * 3 * 8),
    ) {
        let samples: Vec<f32> =
            shares[..n_channels * n_secs * 8].iter().map(|share| (share + offset) * amplitude).collect();
        let channel_names: Vec<String> = (0..n_channels).map(|i| format!("C{i}")).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.edf");
        let sample_rate = SampleRate::from_hz(8.0).unwrap();
        let writer = if is_bdf { write_bdf } else { write };
        writer(&path, &EdfToWrite { channel_names: &channel_names, sample_rate, samples: &samples }).unwrap();

        let found = edf::open(&path).unwrap();
        prop_assert_eq!(found.channels.len(), n_channels);
        prop_assert!(found.warnings.is_empty());
        for (i, (channel, values)) in found.channels.iter().zip(found.values().unwrap()).enumerate() {
            prop_assert_eq!(channel.unit.as_str(), "V");
            prop_assert_eq!(channel.sample_rate, sample_rate);
            prop_assert_eq!(values.len(), n_secs * 8);
            for (found, written) in values.iter().zip(samples.iter().skip(i).step_by(n_channels)) {
                prop_assert!((found - f64::from(*written)).abs() <= channel.step());
            }
        }
    }

    /// A header of noise, or a sound one with noise in it, never panics.
    #[test]
    fn edf_noise_is_an_error_or_a_value(at in 0usize..1024, noise in prop::collection::vec(any::<u8>(), 1..64)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.edf");
        let names = ["a", "b"].map(str::to_owned);
        let sample_rate = SampleRate::from_hz(8.0).unwrap();
        write(&path, &EdfToWrite { channel_names: &names, sample_rate, samples: &[1e-6; 32] }).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let end = (at + noise.len()).min(bytes.len());
        if at < end {
            bytes[at..end].copy_from_slice(&noise[..end - at]);
        }
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = edf::open(&path) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}

/// A sound file of two channels with `noise` written over it from byte `at`, for a reader that must not panic.
fn spoilt(mut bytes: Vec<u8>, at: usize, noise: &[u8]) -> Vec<u8> {
    let at = at % bytes.len();
    let end = (at + noise.len()).min(bytes.len());
    bytes[at..end].copy_from_slice(&noise[..end - at]);
    bytes
}

proptest! {
    /// Arrays and tables with noise in them never panic either, and their errors are one line.
    #[test]
    fn noise_elsewhere_is_an_error_or_a_value(
        at in 0usize..200,
        noise in prop::collection::vec(any::<u8>(), 1..32),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut npy = b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}  \n".to_vec();
        npy.extend([0; 24]);
        let tsv = b"left\tright\n1\t2.5\n3\tn/a\n-4e2\t5\n".to_vec();
        for (name, sound) in [("a.npy", npy), ("a.tsv", tsv)] {
            let path = folder.path().join(name);
            std::fs::write(&path, spoilt(sound, at, &noise)).unwrap();
            for result in [inspect(&path).map(drop), read_series(&path).map(drop)] {
                if let Err(error) = result {
                    prop_assert!(!error.to_string().contains('\n'));
                }
            }
        }
    }
}

#[test]
fn what_edf_cannot_hold_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.edf");
    let message = |names: &[&str], hz: f64, samples: &[f32]| {
        let channel_names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let sample_rate = SampleRate::from_hz(hz).unwrap();
        write(&path, &EdfToWrite { channel_names: &channel_names, sample_rate, samples }).unwrap_err().to_string()
    };
    assert!(message(&[], 2.0, &[]).contains("1 to 9999 channels"));
    assert!(message(&["a"], 2.5, &[0.0; 5]).contains("whole number of samples per second"));
    assert!(message(&["a"], 2.0, &[0.0; 3]).contains("whole number of seconds"));
    assert!(message(&["µ"], 2.0, &[0.0; 2]).contains("ASCII"));
    assert!(message(&["a"], 2.0, &[0.0, f32::NAN]).contains("finite samples"));
    assert!(message(&["a"], 2.0, &[0.0, 1e9]).contains("finite samples"));
}
