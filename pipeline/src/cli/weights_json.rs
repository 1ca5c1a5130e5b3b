//! Weights made elsewhere, as JSON.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nalgebra::DMatrix;
use nullcline_dynamics::PiecewiseLinearMap;
use serde::Deserialize;

/// `{"type": "shPLRNN", "A": [M], "W1": [[H] × M], "W2": [[M] × H], "h1": [M], "h2": [H]}` and its kin.
#[derive(Deserialize)]
struct Weights {
    #[serde(rename = "type")]
    family: String,
    #[serde(rename = "A")]
    a: Vec<f64>,
    #[serde(rename = "W1")]
    w1: Option<Vec<Vec<f64>>>,
    #[serde(rename = "W2")]
    w2: Option<Vec<Vec<f64>>>,
    #[serde(rename = "W")]
    w: Option<Vec<Vec<f64>>>,
    h: Option<Vec<f64>>,
    h1: Option<Vec<f64>>,
    h2: Option<Vec<f64>>,
    #[serde(rename = "P")]
    p: Option<usize>,
}

/// The map whose weights `path` holds: shPLRNN, clippedShPLRNN, ALRNN or PLRNN.
pub fn read_weights(path: &Path) -> Result<PiecewiseLinearMap> {
    let text = std::fs::read_to_string(path).with_context(|| format!("need weights in {}", path.display()))?;
    let weights: Weights =
        serde_json::from_str(&text).with_context(|| format!("need weights in JSON in {}", path.display()))?;
    let map = || -> Result<PiecewiseLinearMap> {
        let m = weights.a.len();
        Ok(match weights.family.as_str() {
            "shPLRNN" | "clippedShPLRNN" => {
                let (w1, w2) = (matrix(&weights.w1, "W1")?, matrix(&weights.w2, "W2")?);
                let h1 = field(&weights.h1, "h1")?;
                let h2 = field(&weights.h2, "h2")?;
                match weights.family.as_str() {
                    "shPLRNN" => PiecewiseLinearMap::shallow(&weights.a, &w1, &w2, h1, h2)?,
                    _ => PiecewiseLinearMap::clipped_shallow(&weights.a, &w1, &w2, h1, h2)?,
                }
            }
            "ALRNN" => {
                let n_relu = *weights.p.as_ref().context("need the number of relu units \"P\"")?;
                PiecewiseLinearMap::almost_linear(
                    &weights.a,
                    &matrix(&weights.w, "W")?,
                    field(&weights.h, "h")?,
                    n_relu,
                )?
            }
            "PLRNN" => {
                PiecewiseLinearMap::piecewise_linear(&weights.a, &matrix(&weights.w, "W")?, field(&weights.h, "h")?)?
            }
            other => bail!("need the type shPLRNN, clippedShPLRNN, ALRNN or PLRNN, found {other:?} of {m} dimensions"),
        })
    };
    map().with_context(|| format!("the weights in {}", path.display()))
}

fn field<'a>(values: &'a Option<Vec<f64>>, name: &str) -> Result<&'a [f64]> {
    values.as_deref().with_context(|| format!("need {name:?}"))
}

fn matrix(rows: &Option<Vec<Vec<f64>>>, name: &str) -> Result<DMatrix<f64>> {
    let rows = rows.as_deref().with_context(|| format!("need {name:?}"))?;
    let n_columns = rows.first().map_or(0, Vec::len);
    if let Some(at) = rows.iter().position(|row| row.len() != n_columns) {
        bail!("need rows of {n_columns} in {name:?}, found {} in row {at}", rows[at].len());
    }
    Ok(DMatrix::from_row_iterator(rows.len(), n_columns, rows.iter().flatten().copied()))
}
