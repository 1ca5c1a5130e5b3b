//! A subject's page on which everything that can be wrong is wrong.

use super::{HOSTILE, nasty_colophon, subject};
use crate::report::*;

/// Hostile names wherever a name can stand, and numbers that are none.
pub fn nasty_subject() -> SubjectPage {
    let name = || HOSTILE.to_string();
    let mut page = subject();
    page.subject = name();
    page.group = Some(name());
    page.participant = vec![(name(), name())];
    page.excluded = Some(name());
    page.recording = Some(RecordingFacts {
        files: vec![name()],
        modality: name(),
        sampling_rate_hz: f64::NAN,
        n_times: 0,
        n_fit: 10,
        n_validation: 10,
        channels_kept: vec![name()],
        channels_excluded: vec![(name(), name())],
        steps: vec![name()],
        warnings: vec![name()],
    });
    for row in &mut page.scores {
        (row.name, row.verdict, row.reason) = (name(), name(), name());
        (row.d_stsp, row.d_h, row.pe, row.bits_per_spike) =
            (Some(f64::NAN), Some(f64::INFINITY), None, Some(f64::NEG_INFINITY));
    }
    let bad = [f64::NAN, f64::INFINITY, -1e308, 1e308, 0.0];
    page.best = Some(BestModel {
        name: name(),
        summary: name(),
        traces: vec![TracePair {
            channel: name(),
            unit: name(),
            secs: bad.to_vec(),
            data: bad.to_vec(),
            simulated: vec![],
        }],
        spectra: vec![SpectrumPair { channel: name(), hz: bad.to_vec(), data: bad.to_vec(), simulated: bad.to_vec() }],
        phase: PhasePortrait {
            explained: [f64::NAN; 3],
            data: vec![[f64::NAN, 1.0, 2.0], [1.0, 1.0, 1.0]],
            simulated: vec![[f64::INFINITY; 3]],
            fixed_points: vec![
                PhasePoint { label: name(), at: [1.0; 3], stability: name() },
                PhasePoint { label: name(), at: [f64::NAN; 3], stability: "stable".into() },
            ],
        },
        fixed_points: vec![FixedPointRow {
            label: name(),
            stability: name(),
            unstable_dims: 0,
            spectral_radius: f64::NAN,
            time_constant_secs: None,
            frequency_hz: None,
            residual: f64::INFINITY,
            distance_from_data: f64::NAN,
        }],
        fixed_points_complete: false,
        basins: Some(BasinPicture {
            reach: [3.0, 1e-3],
            ends: vec![vec![name(), "A99999999999999999999".into()], vec![]],
            data: bad.iter().map(|&x| [x, x]).collect(),
            attractors: vec![(name(), [0.0; 2])],
        }),
        attractors: vec![AttractorRow {
            label: name(),
            kind: name(),
            period_secs: None,
            decay_secs: Some(f64::INFINITY),
            largest_lyapunov_per_sec: f64::NAN,
            lyapunov_error_per_sec: f64::NAN,
            dimension: Some(f64::NAN),
            basin_fraction: f64::NAN,
            basin_low: f64::NAN,
            basin_high: f64::NAN,
        }],
        diverged_fraction: f64::NAN,
        undecided_fraction: f64::NAN,
        loss: LossCurve {
            epoch: vec![f64::NAN, 1.0],
            loss: vec![f64::INFINITY, f64::NAN],
            validation: vec![],
            chosen_epoch: f64::NAN,
        },
    });
    page.colophon = nasty_colophon();
    page
}
