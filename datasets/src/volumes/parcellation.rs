//! From series of every vertex and voxel to the mean series of each labelled area.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::roi_series::{RegionSeries, RoiSeries};
use crate::readers::cifti::{BrainModel, Cifti, CiftiAxis, Places};
use crate::readers::error::ReadError;

/// Areas of a `dlabel` file, by structure and vertex, or by voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcellation {
    pub path: PathBuf,
    /// Label, name, and number of places, by ascending label. Label 0 is no area.
    pub areas: Vec<(i64, String, usize)>,
    vertices: HashMap<(String, u32), usize>,
    voxels: HashMap<[u32; 3], usize>,
    warnings: Vec<String>,
}

impl Parcellation {
    /// Reads the first map of a `dlabel` file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut cifti = Cifti::open(path)?;
        let [CiftiAxis::Labels { maps }, CiftiAxis::BrainModels { models, n }] = &cifti.axes[..] else {
            return Err(ReadError::field("labels of brain places (.dlabel.nii)", "other axes", path));
        };
        let Some(map) = maps.first() else {
            return Err(ReadError::field("a map of labels", "none", path));
        };
        let mut keys: Vec<f64> = Vec::new();
        let mut labels: Vec<i64> = Vec::new();
        for _ in 0..*n {
            keys.clear();
            cifti.image.append(maps.len(), &mut keys)?;
            if keys[0].fract() != 0.0 {
                return Err(ReadError::field("whole numbers as labels", keys[0].to_string(), path));
            }
            labels.push(keys[0] as i64);
        }
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        labels.iter().filter(|&&label| label != 0).for_each(|&label| *counts.entry(label).or_default() += 1);
        if counts.is_empty() {
            return Err(ReadError::field("a labelled place", "zeros only", path));
        }
        let name = |label: i64| map.names.get(&label).cloned().unwrap_or_else(|| format!("region {label}"));
        let areas: Vec<_> = counts.into_iter().map(|(label, n)| (label, name(label), n)).collect();
        let area_of: HashMap<i64, usize> = areas.iter().enumerate().map(|(i, &(label, ..))| (label, i)).collect();
        let mut found = Self {
            path: path.to_owned(),
            vertices: HashMap::new(),
            voxels: HashMap::new(),
            warnings: Vec::new(),
            areas,
        };
        for model in models {
            let labels = &labels[model.offset..model.offset + model.places.len()];
            found.insert(model, labels.iter().map(|label| area_of.get(label).copied()));
        }
        if maps.len() > 1 {
            found.warnings.push(format!("{} maps of labels; the first is used: {}", maps.len(), map.name));
        }
        Ok(found)
    }

    fn insert(&mut self, model: &BrainModel, areas: impl Iterator<Item = Option<usize>>) {
        match &model.places {
            Places::Vertices(vertices) => {
                let labelled = vertices.iter().zip(areas).filter_map(|(&vertex, area)| Some((vertex, area?)));
                self.vertices.extend(labelled.map(|(vertex, area)| ((model.structure.clone(), vertex), area)));
            }
            Places::Voxels(voxels) => {
                self.voxels.extend(voxels.iter().zip(areas).filter_map(|(&voxel, area)| Some((voxel, area?))));
            }
        }
    }

    /// The area of each place of a model.
    fn areas_of(&self, model: &BrainModel) -> Vec<Option<usize>> {
        match &model.places {
            Places::Vertices(vertices) => {
                let area = |&vertex: &u32| self.vertices.get(&(model.structure.clone(), vertex)).copied();
                vertices.iter().map(area).collect()
            }
            Places::Voxels(voxels) => voxels.iter().map(|voxel| self.voxels.get(voxel).copied()).collect(),
        }
    }
}

/// Mean series of each area over the places of the `dtseries` at `path` that have its label.
///
/// A place that is not finite somewhere, or 0 throughout, does not count as measured. Vertices are matched within
/// their structure, voxels by their indices, so both files must be of the same surfaces and volume. Memory: one
/// place's series and the means.
pub fn parcellate(path: &Path, parcellation: &Parcellation) -> Result<RoiSeries, ReadError> {
    let mut cifti = Cifti::open(path)?;
    let [CiftiAxis::Series { n: n_times, step_secs }, CiftiAxis::BrainModels { models, .. }] = &cifti.axes[..] else {
        return Err(ReadError::field("a series of brain places (.dtseries.nii)", "other axes", path));
    };
    let n_areas = parcellation.areas.len();
    let mut sums = vec![vec![0.0f64; *n_times]; n_areas];
    let mut n_used = vec![0usize; n_areas];
    let mut series: Vec<f64> = Vec::with_capacity(*n_times);
    for area in models.iter().flat_map(|model| parcellation.areas_of(model)) {
        series.clear();
        cifti.image.append(*n_times, &mut series)?;
        let is_measured = series.iter().all(|value| value.is_finite()) && series.iter().any(|&value| value != 0.0);
        if let Some(area) = area.filter(|_| is_measured) {
            sums[area].iter_mut().zip(&series).for_each(|(sum, value)| *sum += value);
            n_used[area] += 1;
        }
    }
    cifti.image.finish()?;
    if n_used.iter().all(|&n| n == 0) {
        let needed = format!("places that {} labels", parcellation.path.display());
        return Err(ReadError::field(needed, "none", path));
    }
    let regions = parcellation.areas.iter().zip(sums).zip(n_used).map(|(((label, name, n_places), sums), n_used)| {
        let mean = |sum: f64| (sum / n_used as f64) as f32;
        RegionSeries {
            label: *label,
            name: name.clone(),
            n_used,
            coverage: n_used as f64 / *n_places as f64,
            samples: if n_used > 0 { sums.into_iter().map(mean).collect() } else { Vec::new() },
        }
    });
    Ok(RoiSeries {
        n_times: *n_times,
        repetition_time_secs: *step_secs,
        regions: regions.collect(),
        warnings: parcellation.warnings.clone(),
        path: path.to_owned(),
    })
}

/// The series of a `ptseries` file, which somebody else has averaged: every parcel counts as covered.
pub fn parcel_series(path: &Path) -> Result<RoiSeries, ReadError> {
    let mut cifti = Cifti::open(path)?;
    let [CiftiAxis::Series { n: n_times, step_secs }, CiftiAxis::Parcels { parcels }] = &cifti.axes[..] else {
        return Err(ReadError::field("series of parcels (.ptseries.nii)", "other axes", path));
    };
    let mut regions = Vec::new();
    for (label, parcel) in (1..).zip(parcels) {
        let mut samples = Vec::with_capacity(*n_times);
        cifti.image.append(*n_times, &mut samples)?;
        let (name, n_used) = (parcel.name.clone(), parcel.n_places.max(1));
        regions.push(RegionSeries { label, name, n_used, coverage: 1.0, samples });
    }
    cifti.image.finish()?;
    Ok(RoiSeries {
        n_times: *n_times,
        repetition_time_secs: *step_secs,
        regions,
        warnings: Vec::new(),
        path: path.to_owned(),
    })
}
