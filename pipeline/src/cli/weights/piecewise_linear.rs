//! Weights of piecewise-linear maps made elsewhere.

use anyhow::{Context, Result, bail};
use nalgebra::{DMatrix, DVector};
use nullcline_dynamics::PiecewiseLinearMap;

use super::source::Source;

#[derive(Clone, Copy, PartialEq)]
pub enum Family {
    /// `A, W1, W2, h1, h2`
    Shallow,
    ClippedShallow,
    /// `A, W, h, P`
    AlmostLinear,
    /// `A, W, h`
    Plain,
    /// `a, V, U, b`
    LowRank,
}

/// Names of the number of hidden units, which the weights tell too.
const HIDDEN: &[&str] = &["hidden_dim", "H"];

/// Names under which low-rank networks are found.
pub const DECAY: &[&str] = &["a", "A", "decay_a"];
pub const TO_LATENT: &[&str] = &["V", "V_latent_from_rates"];
pub const FROM_LATENT: &[&str] = &["U", "U_rates_from_latent"];

pub fn read(source: &Source, family: Family, input: Option<&[f64]>) -> Result<PiecewiseLinearMap> {
    if family == Family::LowRank {
        let LowRank { a, v, u, b, h } = LowRank::read(source, input)?;
        return Ok(PiecewiseLinearMap::low_rank(&a, &v, &u, &b)?.with_constant_input(&h)?);
    }
    let a = source.vector(&["A"])?;
    let map = match family {
        Family::Shallow | Family::ClippedShallow => {
            let (w1, w2) = (source.matrix(&["W1"])?, source.matrix(&["W2"])?);
            source.check_size(HIDDEN, w1.ncols())?;
            let (h1, h2) = (source.vector(&["h1"])?, source.vector(&["h2"])?);
            match family {
                Family::Shallow => PiecewiseLinearMap::shallow(&a, &w1, &w2, &h1, &h2)?,
                _ => PiecewiseLinearMap::clipped_shallow(&a, &w1, &w2, &h1, &h2)?,
            }
        }
        Family::AlmostLinear => {
            let n_relu = source.optional_number(&["P"])?.context("need the number of relu units \"P\"")?;
            if n_relu < 0.0 || n_relu.fract() != 0.0 {
                bail!("need a whole number of relu units \"P\", found {n_relu}");
            }
            PiecewiseLinearMap::almost_linear(&a, &source.matrix(&["W"])?, &source.vector(&["h"])?, n_relu as usize)?
        }
        _ => PiecewiseLinearMap::piecewise_linear(&a, &source.matrix(&["W"])?, &source.vector(&["h"])?)?,
    };
    match driven(source, &["C"], input, a.len(), "dimensions")? {
        None => Ok(map),
        Some(drive) => Ok(map.with_constant_input(&drive)?),
    }
}

/// `a z + V φ(U z + b) + h`, with the input inside.
pub struct LowRank {
    pub a: Vec<f64>,
    pub v: DMatrix<f64>,
    pub u: DMatrix<f64>,
    pub b: Vec<f64>,
    pub h: Vec<f64>,
}

impl LowRank {
    /// `a` may be one number; the input enters the rates through `w_inp: [K × H]` or `[H × K]`, or the latent state through `C: [M × K]`.
    pub fn read(source: &Source, input: Option<&[f64]>) -> Result<Self> {
        let (v, u) = (source.matrix(TO_LATENT)?, source.matrix(FROM_LATENT)?);
        let (dim, hidden) = v.shape();
        source.check_size(HIDDEN, hidden)?;
        let a = source.vector_or_number(DECAY, dim)?;
        let mut b = source.vector(&["b"])?;
        let mut h = source.optional_vector(&["h"])?.unwrap_or_else(|| vec![0.0; dim]);
        let (target, drive) = match source.optional_matrix(&["w_inp", "W_in"])? {
            Some((name, weights)) => {
                let weights = if weights.nrows() == hidden { weights } else { weights.transpose() };
                (&mut b, product(&weights, input, hidden, name)?)
            }
            None => (&mut h, driven(source, &["C"], input, dim, "dimensions")?),
        };
        target.iter_mut().zip(drive.into_iter().flatten()).for_each(|(x, drive)| *x += drive);
        Ok(Self { a, v, u, b, h })
    }
}

/// `C s: [n]`, or `s` itself where the file has no `C` and `s` has as many entries; nothing where there is no input.
pub fn driven(
    source: &Source,
    names: &[&str],
    input: Option<&[f64]>,
    n: usize,
    what: &str,
) -> Result<Option<Vec<f64>>> {
    match (source.optional_matrix(names)?, input) {
        (Some((name, weights)), _) => product(&weights, input, n, name),
        (None, Some(input)) if input.len() != n => {
            bail!("need {:?} for an input of {}, or an input of as many as the {n} {what}", names[0], input.len())
        }
        (None, input) => Ok(input.map(<[f64]>::to_vec)),
    }
}

/// The weights must fit also where no input uses them.
fn product(weights: &DMatrix<f64>, input: Option<&[f64]>, n: usize, name: &str) -> Result<Option<Vec<f64>>> {
    let (rows, columns) = weights.shape();
    let n_inputs = input.map_or(columns, <[f64]>::len);
    if (rows, columns) != (n, n_inputs) {
        bail!("need {name:?} of {n} × {n_inputs} for an input of {n_inputs}, found {rows} × {columns}");
    }
    Ok(input.map(|input| (weights * DVector::from_column_slice(input)).iter().copied().collect()))
}
