//! What an image holds, without keeping its values.

use std::path::Path;

use serde::Serialize;

use crate::inspect::{ChannelInspection, Inspection};
use crate::readers::cifti::{Cifti, CiftiAxis};
use crate::readers::error::ReadError;
use crate::readers::nifti::NiftiImage;
use crate::readers::sample_store::SampleSink;
use crate::readers::sample_summary::SampleSummary;
use crate::recording::Modality;

/// Statistics of scaled values, over the finite ones; `None` where the values are colours or complex numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageInspection {
    /// The first varies fastest.
    pub shape: Vec<usize>,
    pub voxel_mm: [f64; 3],
    /// Seconds from volume to volume.
    pub tr_s: Option<f64>,
    pub mean: Option<f64>,
    /// Population standard deviation.
    pub std: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// Values looked at together.
const BLOCK_VALUES: usize = 1 << 16;

/// Reads the whole image, a block at a time. Colours and complex numbers are channels of their own.
pub fn inspect_image(path: &Path) -> Result<Inspection, ReadError> {
    let mut image = NiftiImage::open(path)?;
    if Cifti::is_in(&image) {
        return inspect_cifti(Cifti::of(image)?);
    }
    let header = image.header.clone();
    let components = header.datatype.components();
    let mut each = vec![SampleSummary::default(); components.len().max(1)];
    let mut warnings = header.warnings.clone();
    warnings.extend(for_each_block(&mut image, each.len(), |block| take_columns(&mut each, block))?);
    warnings.extend(not_finite(each.iter()));
    if !components.is_empty() {
        warnings.push(format!("Each voxel holds {}, no single value.", components.join(", ")));
    }
    let n_volumes = header.n_volumes();
    let is_series = n_volumes > 1 && header.is_series();
    if !header.is_series() {
        warnings.push(format!("{} axes: no series of volumes over time, which has four.", header.shape.len()));
    }
    let scalars = each.first().filter(|_| components.is_empty());
    Ok(Inspection {
        modality: (is_series && components.is_empty()).then_some(Modality::Bold),
        sampling_rate_hz: header.repetition_time_secs.map(|secs| 1.0 / secs),
        n_times: is_series.then_some(n_volumes),
        channels: components.iter().zip(&each).map(|(name, summary)| channel(name, summary)).collect(),
        warnings,
        image: Some(ImageInspection {
            tr_s: header.repetition_time_secs,
            voxel_mm: header.voxel_mm,
            mean: scalars.and_then(SampleSummary::mean),
            std: scalars.and_then(SampleSummary::std),
            min: scalars.and_then(SampleSummary::min),
            max: scalars.and_then(SampleSummary::max),
            shape: header.shape,
        }),
        ..Inspection::nothing(if header.version == 1 { "NIfTI-1" } else { "NIfTI-2" })
    })
}

/// Parcels over time are channels; so are the maps of a scalar or label file.
fn inspect_cifti(mut cifti: Cifti) -> Result<Inspection, ReadError> {
    let row = cifti.axes[0].len();
    let names: Vec<String> = match &cifti.axes[..] {
        [CiftiAxis::Series { .. }, CiftiAxis::Parcels { parcels }] => {
            parcels.iter().map(|parcel| parcel.name.clone()).collect()
        }
        [CiftiAxis::Scalars { names }, _] => names.clone(),
        [CiftiAxis::Labels { maps }, _] => maps.iter().map(|map| map.name.clone()).collect(),
        _ => Vec::new(),
    };
    let step_secs = match cifti.axes[0] {
        CiftiAxis::Series { step_secs, .. } => step_secs,
        _ => None,
    };
    let is_series = matches!(cifti.axes[0], CiftiAxis::Series { .. });
    let mut all = SampleSummary::default();
    let mut each = vec![SampleSummary::default(); names.len()];
    let mut n_rows = 0;
    let mut warnings = cifti.image.header.warnings.clone();
    // The header of a CIFTI file has no place for an orientation: that is in the XML.
    warnings.retain(|warning| !warning.starts_with("No orientation"));
    warnings.extend(for_each_block(&mut cifti.image, row, |block| {
        all.take(block);
        if is_series {
            let rows = block.chunks(row);
            let first = n_rows;
            n_rows += rows.len();
            each.iter_mut().skip(first).zip(rows).for_each(|(summary, row)| summary.take(row));
        } else {
            take_columns(&mut each, block);
        }
    })?);
    warnings.extend(not_finite(std::iter::once(&all)));
    Ok(Inspection {
        modality: is_series.then_some(Modality::Bold),
        sampling_rate_hz: step_secs.map(|secs| 1.0 / secs),
        n_times: is_series.then_some(row),
        channels: names.iter().zip(&each).map(|(name, summary)| channel(name, summary)).collect(),
        warnings,
        image: Some(ImageInspection {
            tr_s: step_secs,
            voxel_mm: cifti.image.header.voxel_mm,
            mean: all.mean(),
            std: all.std(),
            min: all.min(),
            max: all.max(),
            shape: cifti.axes.iter().map(CiftiAxis::len).collect(),
        }),
        ..Inspection::nothing("CIFTI-2")
    })
}

/// All values, in blocks of whole rows of `row` values; a warning where bytes follow the last.
fn for_each_block(
    image: &mut NiftiImage,
    row: usize,
    mut visit: impl FnMut(&[f64]),
) -> Result<Option<String>, ReadError> {
    let mut block: Vec<f64> = Vec::new();
    while image.remaining() > 0 {
        block.clear();
        image.append(image.remaining().min((BLOCK_VALUES / row).max(1) * row), &mut block)?;
        visit(&block);
    }
    Ok(image.finish()?.then(|| "Bytes follow after the last value.".to_owned()))
}

/// `block` is rows of one value for each of `summaries`.
fn take_columns(summaries: &mut [SampleSummary], block: &[f64]) {
    match summaries {
        [] => {}
        [only] => only.take(block),
        several => {
            let n = several.len();
            for (i, summary) in several.iter_mut().enumerate() {
                summary.take(&block.iter().skip(i).step_by(n).copied().collect::<Vec<f64>>());
            }
        }
    }
}

fn not_finite<'s>(summaries: impl Iterator<Item = &'s SampleSummary>) -> Option<String> {
    let n: usize = summaries.map(|summary| summary.n_samples - summary.n_finite).sum();
    (n > 0).then(|| format!("{n} values are not finite."))
}

fn channel(name: &str, summary: &SampleSummary) -> ChannelInspection {
    ChannelInspection::of(name, "a.u.", summary)
}
