//! A parcellation of the brain: one label for each voxel, or one map of weights for each region.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::grid::Grid;
use crate::readers::error::ReadError;
use crate::readers::nifti::{NiftiImage, Orientation};
use crate::readers::table::Table;

/// Regions on the atlas's own grid, by ascending label.
#[derive(Debug, Clone, PartialEq)]
pub struct Atlas {
    pub path: PathBuf,
    pub grid: Grid,
    pub orientation: Orientation,
    pub regions: Vec<AtlasRegion>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AtlasRegion {
    /// The value in the image, or the number of the map, counted from 1.
    pub label: i64,
    /// From the table beside the image; "region 7" where that has none.
    pub name: String,
    /// Voxel, in storage order, and its weight: 1 for labels. Ascending.
    pub voxels: Vec<(u32, f32)>,
}

/// An image of anatomy has thousands of values, an atlas some hundreds.
const MOST_REGIONS: usize = 10_000;

/// Voxels read at a time.
const BLOCK: usize = 1 << 16;

impl Atlas {
    /// Reads a label image (three axes, whole numbers, 0 is background) or a probabilistic atlas (four axes, a map of
    /// weights ≥ 0 for each region).
    ///
    /// Names come from the table beside it, `atlas.tsv` for `atlas.nii.gz`, with columns `index` and `name` (or
    /// `label`), as BIDS writes them. Fails at labels that are not whole, at negative weights, and where there are no
    /// regions.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut image = NiftiImage::open(path)?;
        if !image.header.datatype.components().is_empty() {
            return Err(ReadError::field("an atlas of labels or weights", "colours or complex numbers", path));
        }
        if image.n_voxels_per_volume() > u32::MAX as usize {
            return Err(ReadError::field("an atlas of at most 2³² voxels", format!("{:?}", image.header.shape), path));
        }
        let found = match image.header.n_volumes() {
            1 => labels(&mut image)?,
            n_maps => {
                (1..=n_maps as i64).map(|map| Ok((map, weights(&mut image)?))).collect::<Result<_, ReadError>>()?
            }
        };
        image.finish()?;
        if found.values().all(Vec::is_empty) {
            return Err(ReadError::field("an atlas with a region", "zeros only", path));
        }
        let names = names_beside(path)?;
        let name = |label: i64| names.get(&label).cloned().unwrap_or_else(|| format!("region {label}"));
        let regions = found.into_iter().map(|(label, voxels)| AtlasRegion { label, name: name(label), voxels });
        Ok(Self {
            path: path.to_owned(),
            grid: image.header.grid(),
            orientation: image.header.orientation,
            regions: regions.collect(),
        })
    }
}

fn labels(image: &mut NiftiImage) -> Result<BTreeMap<i64, Vec<(u32, f32)>>, ReadError> {
    let mut regions: BTreeMap<i64, Vec<(u32, f32)>> = BTreeMap::new();
    for_each_voxel(image, |voxel, value, path| {
        if value == 0.0 {
            return Ok(());
        }
        // f64 holds every whole number up to 2^53.
        if value.fract() != 0.0 || value.abs() > 9e15 {
            return Err(ReadError::field("whole numbers as labels", format!("{value} in voxel {voxel}"), path));
        }
        regions.entry(value as i64).or_default().push((voxel, 1.0));
        if regions.len() > MOST_REGIONS {
            return Err(ReadError::field(format!("at most {MOST_REGIONS} labels in an atlas"), "more", path));
        }
        Ok(())
    })?;
    Ok(regions)
}

fn weights(image: &mut NiftiImage) -> Result<Vec<(u32, f32)>, ReadError> {
    let mut voxels = Vec::new();
    for_each_voxel(image, |voxel, value, path| {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(ReadError::field("weights of at least 0", format!("{value} in voxel {voxel}"), path));
        }
        if value > 0.0 {
            voxels.push((voxel, value as f32));
        }
        Ok(())
    })?;
    Ok(voxels)
}

/// Every voxel of the next volume, in storage order.
fn for_each_voxel(
    image: &mut NiftiImage,
    mut visit: impl FnMut(u32, f64, &Path) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let path = image.path().to_owned();
    let n_voxels = image.n_voxels_per_volume();
    let mut block = Vec::with_capacity(BLOCK.min(n_voxels));
    for start in (0..n_voxels).step_by(BLOCK) {
        block.clear();
        image.append(BLOCK.min(n_voxels - start), &mut block)?;
        for (voxel, &value) in (start as u32..).zip(&block) {
            visit(voxel, value, &path)?;
        }
    }
    Ok(())
}

/// Label to name; empty where no table lies beside the image.
fn names_beside(path: &Path) -> Result<BTreeMap<i64, String>, ReadError> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = [".nii.gz", ".nii", ".hdr.gz", ".hdr"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(&file);
    let tables = ["tsv", "csv"].map(|extension| path.with_file_name(format!("{stem}.{extension}")));
    let Some(table) = tables.iter().find(|table| table.is_file()) else {
        return Ok(BTreeMap::new());
    };
    let table = Table::read(table)?;
    let column = |names: &[&str]| {
        let needed =
            || ReadError::field(format!("a column {}", names.join(" or ")), table.columns.join(", "), &table.path);
        names.iter().find_map(|name| table.column(name)).ok_or_else(needed)
    };
    let (index, name) = (column(&["index"])?, column(&["name", "label"])?);
    table.rows.iter().map(|row| Ok((table.number(row, index)? as i64, row.cells[name].clone()))).collect()
}
