//! Images of the brain: where their voxels lie, what they hold, and the mean signals of their regions.

pub mod atlas;
mod extraction;
mod grid;
mod inspection;
pub mod parcellation;
pub mod roi_series;
pub mod scan;

pub use atlas::Atlas;
pub use extraction::roi_series;
pub use grid::Grid;
pub use inspection::{ImageInspection, inspect_image};
pub use parcellation::{Parcellation, parcel_series, parcellate};
pub use roi_series::{RegionSeries, RoiSeries};
pub use scan::read_scan;
