//! A scan of a data set, in whatever form it comes, to channels of regions.

use super::atlas::Atlas;
use super::extraction::roi_series;
use super::parcellation::{Parcellation, parcel_series, parcellate};
use crate::bids::{RecordingFile, Sidecar};
use crate::cleaning::BoldPlan;
use crate::readers::error::ReadError;
use crate::readers::scan_rate;
use crate::recording::Signals;

/// Reads an image with its brain mask and the plan's atlas, a dense CIFTI series with its `dlabel` atlas, or a CIFTI
/// series of parcels.
///
/// The rate is that of the sidecar, else of the file. Fails where an atlas is needed and there is none, or it is of
/// the other kind.
pub fn read_scan(file: &RecordingFile, sidecar: &Sidecar, plan: &BoldPlan) -> Result<Signals, ReadError> {
    let name = file.path.to_string_lossy();
    let atlas = || {
        let needed = || ReadError::field("an atlas (--atlas) for a scan without ROI series", "none", &file.path);
        plan.atlas.as_deref().ok_or_else(needed)
    };
    let series = if name.ends_with(".ptseries.nii") {
        parcel_series(&file.path)?
    } else if name.ends_with(".dtseries.nii") {
        parcellate(&file.path, &Parcellation::read(atlas()?)?)?
    } else {
        roi_series(&file.path, &Atlas::read(atlas()?)?, file.brain_mask_path().as_deref())?
    };
    let conflict = series.repetition_time_secs.and_then(|secs| sidecar.repetition_conflict(secs));
    let mut signals = series.into_signals(scan_rate(sidecar), plan.min_coverage)?;
    signals.warnings.extend(conflict);
    Ok(signals)
}
