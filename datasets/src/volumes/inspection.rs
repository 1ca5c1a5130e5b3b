//! What an image holds, without keeping its values.

use std::path::Path;

use serde::Serialize;

use super::statistics::RunningStatistics;
use crate::inspect::{ChannelInspection, Inspection};
use crate::readers::cifti::{Cifti, CiftiAxis};
use crate::readers::error::ReadError;
use crate::readers::nifti::NiftiImage;
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
    let mut statistics = vec![RunningStatistics::default(); components.len().max(1)];
    let mut first = Vec::new();
    let mut warnings = header.warnings.clone();
    warnings.extend(for_each_block(&mut image, statistics.len(), |block| {
        if first.is_empty() {
            first.extend(block.iter().copied().take(5 * statistics.len()));
        }
        for (i, statistics) in statistics.iter_mut().enumerate() {
            statistics.add(block.iter().copied().skip(i).step_by(components.len().max(1)));
        }
    })?);
    let n_not_finite: u64 = statistics.iter().map(|statistics| statistics.n_not_finite).sum();
    warnings.extend(not_finite(n_not_finite));
    if !components.is_empty() {
        warnings.push(format!("Each voxel holds {}, no single value.", components.join(", ")));
    }
    let of_scalars = statistics[0].range().filter(|_| components.is_empty());
    let n_volumes = header.n_volumes();
    Ok(Inspection {
        format: if header.version == 1 { "NIfTI-1" } else { "NIfTI-2" },
        modality: (n_volumes > 1 && components.is_empty()).then_some(Modality::Bold),
        sampling_rate_hz: header.repetition_time_secs.map(|secs| 1.0 / secs),
        n_times: (n_volumes > 1).then_some(n_volumes),
        channels: components
            .iter()
            .zip(&statistics)
            .enumerate()
            .map(|(i, (name, statistics))| {
                let first: Vec<f64> = first.iter().skip(i).step_by(components.len()).copied().collect();
                channel(name, statistics, &first)
            })
            .collect(),
        annotations: 0,
        warnings,
        units: None,
        image: Some(ImageInspection {
            tr_s: header.repetition_time_secs,
            voxel_mm: header.voxel_mm,
            mean: of_scalars.and(statistics[0].mean()),
            std: of_scalars.and(statistics[0].std()),
            min: of_scalars.map(|[min, _]| min),
            max: of_scalars.map(|[_, max]| max),
            shape: header.shape,
        }),
    })
}

/// All values, in blocks of whole rows of `row` values; a warning where bytes follow the last.
fn for_each_block(
    image: &mut NiftiImage,
    row: usize,
    mut visit: impl FnMut(&[f64]),
) -> Result<Option<String>, ReadError> {
    let mut remaining = image.remaining();
    let mut block: Vec<f64> = Vec::new();
    while remaining > 0 {
        let n = remaining.min((BLOCK_VALUES / row).max(1) * row);
        block.clear();
        image.append(n, &mut block)?;
        visit(&block);
        remaining -= n;
    }
    Ok(image.finish()?.then(|| "Bytes follow after the last value.".to_owned()))
}

fn not_finite(n: u64) -> Option<String> {
    (n > 0).then(|| format!("{n} values are not finite."))
}

/// Parcels over time are channels; so are the maps of a scalar or label file.
fn inspect_cifti(mut cifti: Cifti) -> Result<Inspection, ReadError> {
    let row = cifti.axes[0].len();
    // Which axis the channels run along: 1, the rows; 0, along each row.
    let (names, along_rows): (Vec<String>, bool) = match &cifti.axes[..] {
        [CiftiAxis::Series { .. }, CiftiAxis::Parcels { parcels }] => {
            (parcels.iter().map(|parcel| parcel.name.clone()).collect(), false)
        }
        [CiftiAxis::Scalars { names }, _] => (names.clone(), true),
        [CiftiAxis::Labels { maps }, _] => (maps.iter().map(|map| map.name.clone()).collect(), true),
        _ => (Vec::new(), false),
    };
    let step_secs = match cifti.axes[0] {
        CiftiAxis::Series { step_secs, .. } => step_secs,
        _ => None,
    };
    let is_series = matches!(cifti.axes[0], CiftiAxis::Series { .. });
    let mut all = RunningStatistics::default();
    let mut each = vec![RunningStatistics::default(); names.len()];
    let mut first = vec![Vec::new(); names.len()];
    let mut n_rows = 0;
    let mut warnings = cifti.image.header.warnings.clone();
    // The header of a CIFTI file has no place for an orientation: that is in the XML.
    warnings.retain(|warning| !warning.starts_with("No orientation"));
    warnings.extend(for_each_block(&mut cifti.image, row, |block| {
        all.add(block.iter().copied());
        let rows = block.chunks(row);
        match along_rows {
            true => {
                for (i, (statistics, first)) in each.iter_mut().zip(&mut first).enumerate() {
                    statistics.add(block.iter().copied().skip(i).step_by(row));
                    first.extend(rows.clone().map(|row| row[i]).take(5 - first.len()));
                }
            }
            false if !each.is_empty() => {
                for (i, row) in (n_rows..).zip(rows.clone()) {
                    each[i].add(row.iter().copied());
                    first[i].extend(row.iter().copied().take(5));
                }
            }
            false => {}
        }
        n_rows += rows.len();
    })?);
    warnings.extend(not_finite(all.n_not_finite));
    let header = cifti.image.header;
    let channels =
        names.iter().zip(&each).zip(&first).map(|((name, statistics), first)| channel(name, statistics, first));
    Ok(Inspection {
        format: "CIFTI-2",
        modality: is_series.then_some(Modality::Bold),
        sampling_rate_hz: step_secs.map(|secs| 1.0 / secs),
        n_times: is_series.then_some(row),
        channels: channels.collect(),
        annotations: 0,
        warnings,
        units: None,
        image: Some(ImageInspection {
            tr_s: step_secs,
            voxel_mm: header.voxel_mm,
            mean: all.mean(),
            std: all.std(),
            min: all.range().map(|[min, _]| min),
            max: all.range().map(|[_, max]| max),
            shape: cifti.axes.iter().map(CiftiAxis::len).collect(),
        }),
    })
}

fn channel(name: &str, statistics: &RunningStatistics, first: &[f64]) -> ChannelInspection {
    ChannelInspection {
        name: name.to_owned(),
        unit: "a.u.".to_owned(),
        mean: statistics.mean(),
        std: statistics.std(),
        min: statistics.range().map(|[min, _]| min),
        max: statistics.range().map(|[_, max]| max),
        first: first.iter().map(|value| value.is_finite().then_some(*value)).collect(),
        sampling_rate_hz: None,
    }
}
