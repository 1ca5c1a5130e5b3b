//! From a scan and an atlas to the mean signal of each region, one volume at a time.

use std::path::Path;

use super::atlas::Atlas;
use super::grid::Grid;
use super::roi_series::{RegionSeries, RoiSeries};
use crate::bids::entities::BidsName;
use crate::readers::error::ReadError;
use crate::readers::nifti::{NiftiImage, Orientation};

/// Mean signal of each region of `atlas` in the scan at `bold`, `Σ w x / Σ w` over the voxels measured.
///
/// A voxel counts as measured where it lies in `mask` (any value but 0), is finite in every volume, and is not 0
/// throughout, as voxels outside the field of view are. The atlas is brought to the scan's grid: each voxel of the
/// scan takes what the atlas has at its centre (nearest neighbour). Coverage is told on the atlas's side: the share of
/// a region's weight whose voxels lie in measured voxels of the scan.
///
/// Differs from nilearn's `NiftiLabelsMasker` where a region has voxels that are 0 throughout (nilearn averages them
/// in) and from `NiftiMapsMasker` for overlapping maps (nilearn solves for all maps together).
///
/// Fails where the files cannot be read, where the scan has one volume only, and where the two grids do not meet.
/// Memory: one volume of f32, the atlas's voxels, and the series. Reads the scan once; twice where voxels that were
/// measured at first turn non-finite later.
pub fn roi_series(bold: &Path, atlas: &Atlas, mask: Option<&Path>) -> Result<RoiSeries, ReadError> {
    let image = NiftiImage::open(bold)?;
    let header = image.header.clone();
    if !header.datatype.components().is_empty() || header.n_volumes() < 2 {
        let found = format!("shape {:?} of {:?}", header.shape, header.datatype);
        return Err(ReadError::field("a scan of several volumes of single values", found, bold));
    }
    if !header.is_series() {
        let found = format!("{} with shape {:?}", header.shape.len(), header.shape);
        return Err(ReadError::field("a scan of four axes, the last of them time", found, bold));
    }
    let scan = header.grid();
    let mut warnings = header.warnings.clone();
    warnings.extend(spaces_that_differ(bold, header.orientation, atlas));
    let no_overlap = || ReadError::field(format!("a scan that overlaps {}", atlas.path.display()), "none", bold);
    let mut members = Members::project(&scan, atlas).ok_or_else(no_overlap)?;
    if let Some(mask) = mask {
        members.restrict_to(mask, &scan)?;
    }
    if members.regions.iter().all(Vec::is_empty) {
        return Err(no_overlap());
    }
    if !scan.is_same_as(&atlas.grid) {
        warnings.push(format!("{} brought to the scan's grid, nearest neighbour", file_name(&atlas.path)));
    }
    let mut sums = members.sum_over_scan(image)?;
    if sums.late_non_finite {
        sums = members.sum_over_scan(NiftiImage::open(bold)?)?;
    }
    if sums.n_missing > 0 {
        warnings.push(format!("{} of {} volumes are empty and count as missing", sums.n_missing, header.n_volumes()));
    }
    Ok(RoiSeries {
        n_times: header.n_volumes(),
        repetition_time_secs: header.repetition_time_secs,
        regions: members.means(&sums, atlas),
        warnings,
        path: bold.to_owned(),
    })
}

/// Which voxels of the scan belong to which region.
struct Members {
    /// For each region of the atlas: voxel of the scan and weight.
    regions: Vec<Vec<(u32, f32)>>,
    /// For each region: weight of its voxels in the atlas, with the voxel of the scan they lie in.
    atlas_side: Vec<Vec<(Option<u32>, f32)>>,
    /// For each voxel of the scan: what is known of it.
    voxels: Vec<Voxel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voxel {
    /// No region wants it, or it lies outside the mask, or it is not finite somewhere.
    Unwanted,
    /// 0 in all volumes so far.
    Silent,
    Measured,
}

/// What one reading of the scan gives.
struct Sums {
    /// `[time, region]`, `Σ w x`; NaN for a missing volume.
    values: Vec<f64>,
    n_missing: usize,
    /// Voxels that had been added before they turned out not finite.
    late_non_finite: bool,
}

impl Members {
    /// `None` where one of the grids is flat.
    fn project(scan: &Grid, atlas: &Atlas) -> Option<Self> {
        // For each atlas voxel, the scan's voxels that take from it: a list cut into stretches by `starts`.
        let taken: Vec<Option<usize>> = scan.nearest_in(&atlas.grid)?.collect();
        let mut starts = vec![0u32; atlas.grid.n_voxels() + 1];
        taken.iter().flatten().for_each(|&from| starts[from + 1] += 1);
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let mut takers = vec![0u32; starts[starts.len() - 1] as usize];
        let mut next = starts.clone();
        for (voxel, from) in taken.iter().enumerate() {
            if let Some(from) = *from {
                takers[next[from] as usize] = voxel as u32;
                next[from] += 1;
            }
        }
        let takers_of = |voxel: u32| &takers[starts[voxel as usize] as usize..starts[voxel as usize + 1] as usize];
        let regions = atlas.regions.iter().map(|region| {
            let mut members: Vec<(u32, f32)> = region
                .voxels
                .iter()
                .flat_map(|&(from, weight)| takers_of(from).iter().map(move |&voxel| (voxel, weight)))
                .collect();
            members.sort_unstable_by_key(|&(voxel, _)| voxel);
            members
        });
        let regions: Vec<_> = regions.collect();
        let lies_in: Vec<Option<u32>> =
            atlas.grid.nearest_in(scan)?.map(|voxel| voxel.map(|voxel| voxel as u32)).collect();
        let atlas_side: Vec<Vec<(Option<u32>, f32)>> = atlas
            .regions
            .iter()
            .map(|region| region.voxels.iter().map(|&(voxel, weight)| (lies_in[voxel as usize], weight)).collect())
            .collect();
        let mut voxels = vec![Voxel::Unwanted; scan.n_voxels()];
        let wanted = regions.iter().flatten().map(|&(voxel, _)| voxel);
        for voxel in wanted.chain(atlas_side.iter().flatten().filter_map(|&(voxel, _)| voxel)) {
            voxels[voxel as usize] = Voxel::Silent;
        }
        Some(Self { regions, atlas_side, voxels })
    }

    /// Leaves out what a brain mask leaves out.
    fn restrict_to(&mut self, mask: &Path, scan: &Grid) -> Result<(), ReadError> {
        let image = NiftiImage::open(mask)?;
        let grid = image.header.grid();
        if image.header.n_volumes() != 1 {
            return Err(ReadError::field("a mask of one volume", format!("shape {:?}", image.header.shape), mask));
        }
        let values: Vec<f32> = image.read_all()?;
        let inside =
            scan.nearest_in(&grid).ok_or_else(|| ReadError::field("a mask with a volume", "a flat one", mask))?;
        for (state, at) in self.voxels.iter_mut().zip(inside) {
            if at.is_none_or(|at| values[at] == 0.0 || values[at].is_nan()) {
                *state = Voxel::Unwanted;
            }
        }
        self.forget_unwanted();
        Ok(())
    }

    fn forget_unwanted(&mut self) {
        let Self { regions, voxels, .. } = self;
        regions.iter_mut().for_each(|r| r.retain(|&(voxel, _)| voxels[voxel as usize] != Voxel::Unwanted));
    }

    fn sum_over_scan(&mut self, mut image: NiftiImage) -> Result<Sums, ReadError> {
        let n_volumes = image.header.n_volumes();
        let n_voxels = image.n_voxels_per_volume();
        let mut silent: Vec<u32> =
            (0u32..).zip(&self.voxels).filter(|&(_, &state)| state == Voxel::Silent).map(|(voxel, _)| voxel).collect();
        let mut sums = Sums { values: Vec::new(), n_missing: 0, late_non_finite: false };
        let mut volume: Vec<f32> = Vec::with_capacity(n_voxels);
        for t in 0..n_volumes {
            volume.clear();
            image.append(n_voxels, &mut volume)?;
            let measured = |&(voxel, _): &(u32, f32)| {
                let value = volume[voxel as usize];
                value.is_finite() && value != 0.0
            };
            if !self.regions.iter().flatten().any(measured) {
                sums.values.extend(self.regions.iter().map(|_| f64::NAN));
                sums.n_missing += 1;
                continue;
            }
            let start = sums.values.len();
            sums.values.extend(self.regions.iter().map(|members| weighted_sum(members, &volume)));
            if sums.values[start..].iter().any(|sum| !sum.is_finite()) {
                for &(voxel, _) in self.regions.iter().flatten() {
                    if !volume[voxel as usize].is_finite() {
                        self.voxels[voxel as usize] = Voxel::Unwanted;
                    }
                }
                self.forget_unwanted();
                sums.late_non_finite |= t > sums.n_missing;
                sums.values.truncate(start);
                sums.values.extend(self.regions.iter().map(|members| weighted_sum(members, &volume)));
            }
            silent.retain(|&voxel| {
                let (value, state) = (volume[voxel as usize], &mut self.voxels[voxel as usize]);
                if value != 0.0 && value.is_finite() && *state == Voxel::Silent {
                    *state = Voxel::Measured;
                }
                *state == Voxel::Silent
            });
        }
        image.finish()?;
        Ok(sums)
    }

    fn means(&self, sums: &Sums, atlas: &Atlas) -> Vec<RegionSeries> {
        let is_measured = |voxel: u32| self.voxels[voxel as usize] == Voxel::Measured;
        let n_regions = self.regions.len();
        let of_region = |(i, region): (usize, &super::atlas::AtlasRegion)| {
            let used = || self.regions[i].iter().filter(|&&(voxel, _)| is_measured(voxel));
            let weight: f64 = used().map(|&(_, weight)| f64::from(weight)).sum();
            let total: f64 = region.voxels.iter().map(|&(_, weight)| f64::from(weight)).sum();
            let covered = self.atlas_side[i].iter().filter(|(voxel, _)| voxel.is_some_and(is_measured));
            let covered: f64 = covered.map(|&(_, weight)| f64::from(weight)).sum();
            let n_used = used().count();
            let series = sums.values.iter().skip(i).step_by(n_regions);
            RegionSeries {
                label: region.label,
                name: region.name.clone(),
                n_used,
                coverage: if total > 0.0 { covered / total } else { 0.0 },
                samples: if n_used > 0 { series.map(|sum| (sum / weight) as f32).collect() } else { Vec::new() },
            }
        };
        atlas.regions.iter().enumerate().map(of_region).collect()
    }
}

/// In four parts, so that additions need not wait for one another.
fn weighted_sum(members: &[(u32, f32)], volume: &[f32]) -> f64 {
    let term = |&(voxel, weight): &(u32, f32)| f64::from(volume[voxel as usize]) * f64::from(weight);
    let mut chunks = members.chunks_exact(4);
    let mut parts = [0.0; 4];
    for chunk in &mut chunks {
        (0..4).for_each(|i| parts[i] += term(&chunk[i]));
    }
    parts.iter().sum::<f64>() + chunks.remainder().iter().map(term).sum::<f64>()
}

/// What file names or header codes say of two spaces that are not one.
fn spaces_that_differ(bold: &Path, of_scan: Orientation, atlas: &Atlas) -> Option<String> {
    let space = |path: &Path| {
        let name = BidsName::of(path)?;
        name.entities.get("space").or_else(|| name.entities.get("tpl")).map(str::to_owned)
    };
    if let (Some(scan), Some(of_atlas)) = (space(bold), space(&atlas.path)) {
        return (scan != of_atlas).then(|| format!("The scan is in space {scan}, the atlas in {of_atlas}"));
    }
    let is_standard = |space| matches!(space, Orientation::Talairach | Orientation::Mni152 | Orientation::Template);
    (of_scan == Orientation::Scanner && is_standard(atlas.orientation))
        .then(|| format!("The scan's header says scanner space, the atlas's {:?}", atlas.orientation))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
