//! The coordinates in which phase portraits are drawn.

use nalgebra::DMatrix;
use nullcline_models::Projection;

use crate::outputs::{FixedPointJson, PortraitJson};
use crate::report::{PhasePoint, PhasePortrait};
use crate::stages::{FreeRun, known_rows};

/// Points in a cloud: what an eye can tell apart.
const SHOWN_POINTS: usize = 1500;

/// Principal axes of the encoded states, for drawing.
pub struct PhaseAxes {
    projection: Projection,
    encoded: DMatrix<f64>,
    spread: f64,
}

impl PhaseAxes {
    pub fn of(encoded: &DMatrix<f64>) -> Self {
        let rows: Vec<f32> = encoded.transpose().iter().map(|&value| value as f32).collect();
        let projection = Projection { scale: 1.0, ..Projection::principal(&rows, encoded.ncols(), encoded.ncols()) };
        Self { projection, encoded: encoded.clone(), spread: encoded.row_variance().sum().sqrt() }
    }

    fn project(&self, states: &DMatrix<f64>) -> Vec<[f64; 3]> {
        let rows: Vec<f32> = states.transpose().iter().map(|&value| value as f32).collect();
        let placed = self.projection.apply(&rows);
        placed.row_iter().map(|row| std::array::from_fn(|i| if i < row.len() { row[i] } else { 0.0 })).collect()
    }

    pub fn portrait(&self, run: &FreeRun, portrait: &PortraitJson, labels: &[String]) -> PhasePortrait {
        let variance = self.project_variance();
        let total: f64 = variance.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        PhasePortrait {
            explained: std::array::from_fn(|i| variance.get(i).copied().unwrap_or(0.0) / total),
            // Neighbours in time, so that a path is a path: the held-out stretch beside the free run.
            data: self.project(&known_rows(&run.encoded.rows(0, run.encoded.nrows().min(SHOWN_POINTS)).into_owned())),
            simulated: self.project(&run.latent.rows(0, run.latent.nrows().min(SHOWN_POINTS)).into_owned()),
            fixed_points: portrait
                .fixed_points
                .iter()
                .zip(labels)
                // A point far outside the data would shrink everything else to a dot; the table has it.
                .filter(|(point, _)| self.distance(point) <= 6.0)
                .map(|(point, label)| PhasePoint {
                    label: label.clone(),
                    at: self.project(&DMatrix::from_row_slice(1, point.z.len(), &point.z))[0],
                    stability: point.stability.clone(),
                })
                .collect(),
        }
    }

    fn project_variance(&self) -> Vec<f64> {
        let rows: Vec<f32> = self.encoded.transpose().iter().map(|&value| value as f32).collect();
        self.projection.apply(&rows).row_variance().iter().copied().collect()
    }

    /// From the centre of the encoded states, in their root mean square distance from it.
    pub fn distance(&self, point: &FixedPointJson) -> f64 {
        let centre = self.encoded.row_mean();
        let squared: f64 = point.z.iter().zip(centre.iter()).map(|(z, c)| (z - c).powi(2)).sum();
        squared.sqrt() / self.spread.max(f64::MIN_POSITIVE)
    }
}
