//! Mean signals of regions, and how much of each region was measured.

use std::path::{Path, PathBuf};

use crate::readers::error::ReadError;
use crate::recording::{Modality, SampleRate, SignalChannel, Signals};

/// The mean signal of every region of an atlas or parcellation.
#[derive(Debug, Clone, PartialEq)]
pub struct RoiSeries {
    pub n_times: usize,
    pub repetition_time_secs: Option<f64>,
    /// By ascending label.
    pub regions: Vec<RegionSeries>,
    /// What had to be assumed, one sentence each.
    pub warnings: Vec<String>,
    /// For messages.
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RegionSeries {
    pub label: i64,
    pub name: String,
    /// Voxels or vertices that the mean is over.
    pub n_used: usize,
    /// Share of the region that was measured, in [0, 1].
    pub coverage: f64,
    /// Empty where nothing of the region was measured; NaN at a volume that is missing as a whole.
    pub samples: Vec<f32>,
}

impl RoiSeries {
    /// Channels of the regions of which a share of `min_coverage` or more was measured; the others are named in a
    /// warning, with their share.
    ///
    /// The rate is that of `sample_rate`, else of the image. Fails where neither says it and where no region is left.
    pub fn into_signals(self, sample_rate: Option<SampleRate>, min_coverage: f64) -> Result<Signals, ReadError> {
        let of_image = || SampleRate::from_hz(1.0 / self.repetition_time_secs?).ok();
        let Some(sample_rate) = sample_rate.or_else(of_image) else {
            return Err(ReadError::NoScanRate { path: self.path });
        };
        let mut warnings = self.warnings;
        let mut channels = Vec::new();
        for region in self.regions {
            if region.n_used == 0 {
                warnings.push(format!("{} (label {}) vanishes: nothing of it was measured", region.name, region.label));
            } else if region.coverage < min_coverage {
                let (percent, needed) = (100.0 * region.coverage, 100.0 * min_coverage);
                let RegionSeries { name, label, .. } = region;
                warnings.push(format!(
                    "{name} (label {label}) left out: {percent:.0} % of it measured, need {needed:.0} %"
                ));
            } else {
                let unit = "a.u.".to_owned();
                channels.push(SignalChannel {
                    name: region.name,
                    kind: None,
                    marked_bad: false,
                    unit,
                    sample_rate,
                    samples: region.samples,
                });
            }
        }
        if channels.is_empty() {
            return Err(no_region(&self.path));
        }
        Ok(Signals { warnings, ..Signals::unbroken(Modality::Bold, channels) })
    }
}

fn no_region(path: &Path) -> ReadError {
    ReadError::field("an atlas that lies on the image", "no region covered well enough", path)
}
