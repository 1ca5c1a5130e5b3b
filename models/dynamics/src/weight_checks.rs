//! What weights must satisfy to be a map, and what to say where they do not.

use nalgebra::DMatrix;
use thiserror::Error;

/// Why a set of weights is not a map.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MapError {
    #[error("a map needs at least one latent dimension, found A of length 0")]
    NoDimensions,
    #[error("{weights} must be {expected}, found {found}")]
    Shape { weights: &'static str, expected: String, found: String },
    #[error("{weights} holds a value that is not finite")]
    NotFinite { weights: &'static str },
    #[error("the weights are finite, but products of them that the map needs are not: rescale the network")]
    Overflow,
    #[error("at most all {dim} latent units can be rectified, found P = {n_relu}")]
    TooManyRelus { dim: usize, n_relu: usize },
    #[error("a map needs at least one latent dimension, found {weights} empty")]
    Empty { weights: &'static str },
    #[error("the leak α must be finite and not zero, found {leak}")]
    NoLeak { leak: String },
}

pub(crate) fn check_shallow(
    a: &[f64],
    w1: &DMatrix<f64>,
    w2: &DMatrix<f64>,
    h1: &[f64],
    h2: &[f64],
) -> Result<(), MapError> {
    let (dim, hidden) = (check_decay(a)?, h2.len());
    check_matrix("W1", w1, (dim, hidden))?;
    check_matrix("W2", w2, (hidden, dim))?;
    check_vector("h1", h1, dim)?;
    check_vector("h2", h2, hidden)
}

pub(crate) fn check_square(a: &[f64], w: &DMatrix<f64>, h: &[f64]) -> Result<(), MapError> {
    let dim = check_decay(a)?;
    check_matrix("W", w, (dim, dim))?;
    check_vector("h", h, dim)
}

pub(crate) fn check_decay(a: &[f64]) -> Result<usize, MapError> {
    if a.is_empty() {
        return Err(MapError::NoDimensions);
    }
    check_vector("A", a, a.len())?;
    Ok(a.len())
}

pub(crate) fn check_vector(weights: &'static str, vector: &[f64], expected: usize) -> Result<(), MapError> {
    if vector.len() != expected {
        return Err(MapError::Shape {
            weights,
            expected: format!("of length {expected}"),
            found: vector.len().to_string(),
        });
    }
    check_finite(weights, vector.iter())
}

pub(crate) fn check_matrix(
    weights: &'static str,
    matrix: &DMatrix<f64>,
    expected: (usize, usize),
) -> Result<(), MapError> {
    if matrix.shape() != expected {
        let written = |(rows, columns): (usize, usize)| format!("{rows} × {columns}");
        return Err(MapError::Shape { weights, expected: written(expected), found: written(matrix.shape()) });
    }
    check_finite(weights, matrix.iter())
}

pub(crate) fn check_finite<'a>(
    weights: &'static str,
    mut values: impl Iterator<Item = &'a f64>,
) -> Result<(), MapError> {
    if values.all(|x| x.is_finite()) { Ok(()) } else { Err(MapError::NotFinite { weights }) }
}
