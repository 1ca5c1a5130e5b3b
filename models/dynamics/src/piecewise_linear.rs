use nalgebra::{DMatrix, DMatrixView, DVector};

use crate::geometry::{dot, norm};
use crate::hinge_units::HingeUnits;
use crate::map::Map;
use crate::pattern::ActivationPattern;
use crate::vectorised::{add_columns, vectorised};
use crate::weight_checks::{MapError, check_decay, check_matrix, check_shallow, check_square, check_vector};

/// Every frozen RNN of the PLRNN family, as one sum of hinges.
///
/// `F(z) = L z + Σₖ cₖ relu(wₖ·z + bₖ) + h`, with `L: [M × M]` and `z, cₖ, wₖ, h: [M]`.
///
/// Each hinge folds the latent space along the hyperplane `wₖ·z + bₖ = 0`; between the folds `F` is affine. Hinges
/// that never fold (`wₖ = 0`) or never act (`cₖ = 0`) are absorbed on construction, so there may be fewer than `H`.
#[derive(Debug, Clone)]
pub struct PiecewiseLinearMap {
    /// `L: [M × M]`.
    linear: DMatrix<f64>,
    /// `h: [M]`.
    offset: Vec<f64>,
    hinges: Vec<Hinge>,
    /// The hinges again, as a step evaluates them.
    units: HingeUnits,
}

/// `column · relu(normal · z + bias)`, with `normal, column: [M]`.
#[derive(Debug, Clone)]
pub(crate) struct Hinge {
    pub normal: Vec<f64>,
    pub bias: f64,
    pub column: Vec<f64>,
}

impl PiecewiseLinearMap {
    /// shPLRNN: `a⊙z + W₁ relu(W₂ z + h₂) + h₁`, with `W₁: [M × H]`, `W₂: [H × M]`.
    ///
    /// Source: Hess et al. (2023), ICML.
    pub fn shallow(a: &[f64], w1: &DMatrix<f64>, w2: &DMatrix<f64>, h1: &[f64], h2: &[f64]) -> Result<Self, MapError> {
        check_shallow(a, w1, w2, h1, h2)?;
        let hinges = (0..h2.len()).map(|k| Hinge { normal: row(w2, k), bias: h2[k], column: column(w1, k) });
        Self::from_hinges(diagonal(a), h1.to_vec(), hinges)
    }

    /// clippedShPLRNN: `a⊙z + W₁ [relu(W₂ z + h₂) − relu(W₂ z)] + h₁`, bounded where every `|aᵢ| < 1`.
    ///
    /// Source: Hess et al. (2023), ICML.
    pub fn clipped_shallow(
        a: &[f64],
        w1: &DMatrix<f64>,
        w2: &DMatrix<f64>,
        h1: &[f64],
        h2: &[f64],
    ) -> Result<Self, MapError> {
        check_shallow(a, w1, w2, h1, h2)?;
        // With h₂ₖ = 0 the two hinges of a unit cancel.
        let hinges = (0..h2.len()).filter(|&k| h2[k] != 0.0).flat_map(|k| {
            let column = column(w1, k);
            let negated = column.iter().map(|c| -c).collect();
            [
                Hinge { normal: row(w2, k), bias: h2[k], column },
                Hinge { normal: row(w2, k), bias: 0.0, column: negated },
            ]
        });
        Self::from_hinges(diagonal(a), h1.to_vec(), hinges)
    }

    /// Low-rank network: `a⊙z + V relu(U z + b)`, with `V: [M × N]`, `U: [N × M]` over `N` units of rank `M`.
    ///
    /// The latent view of `x′ = a x + m nᵀ relu(x + b) / N`: `V = nᵀ / N` and `U = m`.
    ///
    /// Source: Mastrogiuseppe & Ostojic (2018), Neuron 99, 609–623; Pals et al. (2024), NeurIPS.
    pub fn low_rank(a: &[f64], v: &DMatrix<f64>, u: &DMatrix<f64>, b: &[f64]) -> Result<Self, MapError> {
        let (dim, units) = (check_decay(a)?, b.len());
        check_matrix("V", v, (dim, units))?;
        check_matrix("U", u, (units, dim))?;
        check_vector("b", b, units)?;
        Self::shallow(a, v, u, &vec![0.0; dim], b)
    }

    /// ALRNN: `a⊙z + W φ(z) + h`, where `φ` rectifies the last `n_relu` units and passes the others; `W: [M × M]`.
    ///
    /// Source: Brenner et al. (2024), NeurIPS.
    pub fn almost_linear(a: &[f64], w: &DMatrix<f64>, h: &[f64], n_relu: usize) -> Result<Self, MapError> {
        check_square(a, w, h)?;
        let dim = a.len();
        if n_relu > dim {
            return Err(MapError::TooManyRelus { dim, n_relu });
        }
        let n_linear = dim - n_relu;
        let mut linear = diagonal(a);
        for unit in 0..n_linear {
            let mut target = linear.column_mut(unit);
            target += w.column(unit);
        }
        let hinges = (n_linear..dim).map(|unit| {
            let mut normal = vec![0.0; dim];
            normal[unit] = 1.0;
            Hinge { normal, bias: 0.0, column: column(w, unit) }
        });
        Self::from_hinges(linear, h.to_vec(), hinges)
    }

    /// PLRNN: `a⊙z + W relu(z) + h`, with `W: [M × M]`.
    ///
    /// Source: Durstewitz (2017), PLoS Comput. Biol. 13, e1005542.
    pub fn piecewise_linear(a: &[f64], w: &DMatrix<f64>, h: &[f64]) -> Result<Self, MapError> {
        Self::almost_linear(a, w, h, a.len())
    }

    /// The same map under a constant drive: `F(z) + offset`, with `offset: [M]`.
    pub fn with_constant_input(&self, offset: &[f64]) -> Result<Self, MapError> {
        check_vector("the constant input", offset, self.offset.len())?;
        let mut driven = self.clone();
        add_scaled(&mut driven.offset, 1.0, offset);
        if driven.offset.iter().all(|x| x.is_finite()) { Ok(driven) } else { Err(MapError::Overflow) }
    }

    /// The same map while the input `s: [K]` is held: `F(z) + C s`, with `C: [M × K]`.
    pub fn with_held_input(&self, c: &DMatrix<f64>, s: &[f64]) -> Result<Self, MapError> {
        check_matrix("C", c, (self.offset.len(), s.len()))?;
        check_vector("the input s", s, s.len())?;
        let drive = c * DVector::from_column_slice(s);
        if drive.iter().any(|x| !x.is_finite()) {
            return Err(MapError::Overflow);
        }
        self.with_constant_input(drive.as_slice())
    }

    /// `K`, the number of hinges that fold and act; at most `2^K` linear regions exist.
    pub fn n_hinges(&self) -> usize {
        self.hinges.len()
    }

    /// The linear region in which `z` lies. On a border the hinge counts as off, as in the derivative of relu.
    pub fn pattern_at(&self, z: &[f64]) -> ActivationPattern {
        let mut pattern = ActivationPattern::inactive(self.hinges.len());
        for (index, hinge) in self.hinges.iter().enumerate() {
            pattern.set(index, hinge.activation(z) > 0.0);
        }
        pattern
    }

    /// `(J, c)` such that `F(z) = J z + c` throughout a region; `J: [M × M]`, `c: [M]`.
    pub fn affine_in(&self, pattern: &ActivationPattern) -> (DMatrix<f64>, DVector<f64>) {
        let mut jacobian = self.linear.clone();
        let mut offset = DVector::from_column_slice(&self.offset);
        for index in pattern.active() {
            let Hinge { normal, bias, column } = &self.hinges[index];
            for (j, &weight) in normal.iter().enumerate() {
                if weight != 0.0 {
                    add_scaled(jacobian.column_mut(j).as_mut_slice(), weight, column);
                }
            }
            add_scaled(offset.as_mut_slice(), *bias, column);
        }
        (jacobian, offset)
    }

    pub(crate) fn hinges(&self) -> &[Hinge] {
        &self.hinges
    }

    pub(crate) fn linear(&self) -> &DMatrix<f64> {
        &self.linear
    }

    /// The same map of `z̃` with `z = scale ⊙ z̃`, every scale positive.
    pub(crate) fn in_units_of(&self, scale: &[f64]) -> Self {
        let divided = |values: &[f64]| values.iter().zip(scale).map(|(x, s)| x / s).collect();
        let hinges: Vec<Hinge> = self
            .hinges
            .iter()
            .map(|hinge| Hinge {
                normal: hinge.normal.iter().zip(scale).map(|(w, s)| w * s).collect(),
                bias: hinge.bias,
                column: divided(&hinge.column),
            })
            .collect();
        Self {
            linear: DMatrix::from_fn(scale.len(), scale.len(), |i, j| self.linear[(i, j)] * scale[j] / scale[i]),
            offset: divided(&self.offset),
            units: HingeUnits::of(&hinges, scale.len()),
            hinges,
        }
    }

    fn from_hinges(
        linear: DMatrix<f64>,
        mut offset: Vec<f64>,
        hinges: impl IntoIterator<Item = Hinge>,
    ) -> Result<Self, MapError> {
        let mut kept: Vec<Hinge> = Vec::new();
        for hinge in hinges {
            if !hinge.folds() {
                add_scaled(&mut offset, hinge.bias.max(0.0), &hinge.column);
            } else if hinge.column.iter().any(|&c| c != 0.0) {
                kept.push(hinge);
            }
        }
        let units = HingeUnits::of(&kept, offset.len());
        let map = Self { linear, offset, hinges: kept, units };
        // The sum over all hinges bounds every Jacobian and offset that a region can have.
        let mut reach = map.offset.iter().chain(map.linear.iter()).map(|x| x.abs()).sum::<f64>();
        for hinge in &map.hinges {
            reach += norm(&hinge.column) * (norm(&hinge.normal) + hinge.bias.abs());
        }
        if reach.is_finite() { Ok(map) } else { Err(MapError::Overflow) }
    }
}

impl Map for PiecewiseLinearMap {
    fn dim(&self) -> usize {
        self.offset.len()
    }

    fn step(&self, z: &[f64], next: &mut [f64]) {
        vectorised(
            #[inline(always)]
            || {
                next.copy_from_slice(&self.offset);
                add_columns(next, z, self.linear.as_slice());
                self.units.add_values(z, next);
            },
        );
    }

    fn jacobian(&self, z: &[f64]) -> DMatrix<f64> {
        let mut jacobian = self.linear.clone();
        vectorised(
            #[inline(always)]
            || self.units.add_slopes(z, &mut jacobian),
        );
        jacobian
    }

    fn affine_radius(&self, z: &[f64], covariance: &DMatrix<f64>) -> f64 {
        let folds = self.hinges.iter().map(|hinge| hinge.standardised_distance(z, covariance));
        folds.fold(f64::INFINITY, f64::min)
    }

    fn push_forward(&self, z: &[f64], frame: DMatrixView<'_, f64>, image: &mut DMatrix<f64>) {
        let dim = self.offset.len();
        image.fill(0.0);
        let add_products = |matrix: &DMatrix<f64>, image: &mut DMatrix<f64>| {
            for (vector, image) in frame.column_iter().zip(image.as_mut_slice().chunks_exact_mut(dim)) {
                add_columns(image, vector.as_slice(), matrix.as_slice());
            }
        };
        // One product with the Jacobian is faster than a pass for each hinge, unless there is little to carry.
        if frame.len() > 3 * dim && 2 * frame.len() > dim * dim {
            let jacobian = self.jacobian(z);
            vectorised(
                #[inline(always)]
                || add_products(&jacobian, image),
            );
        } else {
            vectorised(
                #[inline(always)]
                || {
                    add_products(&self.linear, image);
                    self.units.add_images(z, frame, image);
                },
            );
        }
    }
}

impl Hinge {
    /// How many standard deviations the fold lies from `z` where the deviations have this `covariance`.
    fn standardised_distance(&self, z: &[f64], covariance: &DMatrix<f64>) -> f64 {
        let variance: f64 = covariance
            .column_iter()
            .zip(&self.normal)
            .map(|(column, w)| w * dot(column.as_slice(), &self.normal))
            .sum();
        self.activation(z).abs() / variance.sqrt()
    }

    /// Whether the hinge has a fold at all: a normal so short that its fold lies at infinity has none.
    fn folds(&self) -> bool {
        let length = norm(&self.normal);
        length > 0.0 && (self.bias / length).is_finite()
    }

    /// Whether `next` folds in parallel and takes back what this one adds.
    pub fn is_undone_by(&self, next: &Self) -> bool {
        self.normal == next.normal && self.column.iter().zip(&next.column).all(|(a, b)| *a == -b)
    }

    /// `wₖ·z + bₖ`.
    pub fn activation(&self, z: &[f64]) -> f64 {
        dot(&self.normal, z) + self.bias
    }
}

/// `target += factor · values`.
fn add_scaled(target: &mut [f64], factor: f64, values: &[f64]) {
    for (t, v) in target.iter_mut().zip(values) {
        *t += factor * v;
    }
}

fn diagonal(a: &[f64]) -> DMatrix<f64> {
    DMatrix::from_diagonal(&DVector::from_column_slice(a))
}

fn row(matrix: &DMatrix<f64>, index: usize) -> Vec<f64> {
    matrix.row(index).iter().copied().collect()
}

fn column(matrix: &DMatrix<f64>, index: usize) -> Vec<f64> {
    matrix.column(index).iter().copied().collect()
}
