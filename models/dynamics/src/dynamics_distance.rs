use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::Rng;

use crate::assignment::cheapest_assignment;
use crate::basin_edge::gaussian_vector;
use crate::delay_operator::OperatorError;
use crate::multipliers::multipliers;

/// Root mean square distance between the eigenvalues of two operators, paired as cheaply as possible: the 2-Wasserstein distance
/// of their spectra in the complex plane.
///
/// Blind to *any* invertible linear change of coordinates, since eigenvalues are; and so also to non-normality: operators with
/// one spectrum and other eigenvectors are at distance zero. For normal operators of rank `r` it is the
/// [`procrustes_distance`] divided by `√r` (Hoffman & Wielandt 1953, Duke Math. J. 20, 37–39). Costs `O(r³)`.
///
/// Source: Redman et al. (2024), NeurIPS (spectra of Koopman operators compared by Wasserstein distance).
pub fn spectral_distance(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<f64, OperatorError> {
    let size = check_sizes(a, b)?;
    let values = |matrix| multipliers(matrix).map_err(|_| OperatorError::NoEigenvalues);
    let (left, right) = (values(a)?, values(b)?);
    let costs = DMatrix::from_fn(size, size, |i, j| (left[i] - right[j]).norm_sqr());
    let total: f64 = cheapest_assignment(&costs).iter().enumerate().map(|(i, &j)| costs[(i, j)]).sum();
    Ok((total.max(0.0) / size.max(1) as f64).sqrt())
}

/// Two operators laid over each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// `min_C ‖A − C B Cᵀ‖_F` over orthogonal `C`, at most; in the unit of a multiplier times `√r`.
    pub distance: f64,
    /// `arccos ⟨A, C B Cᵀ⟩ / (‖A‖ ‖B‖)`, between 0 and π: the same without the scale of the operators.
    pub angle: f64,
    /// `C: [r × r]`, with `C B Cᵀ ≈ A`.
    pub rotation: DMatrix<f64>,
}

/// How different two operators are after the best rotation or reflection of one of them (dynamical similarity analysis).
///
/// Zero where the systems differ by coordinates alone, provided that the operators come from whitened coordinates, as those of
/// `delay_operator` do. Minimises `‖A − C B Cᵀ‖_F` over both halves of `O(r)`: first from the rotation that aligns the
/// eigenvectors of the symmetric parts, their signs synchronised through the skew parts, which is the answer where one
/// exists; then from `restarts` random ones; each by Levenberg–Marquardt on the skew generators. The problem
/// has several minima, so the result is an upper bound; it is deterministic in `rng`.
///
/// Costs `O(r⁶)` per step, some dozen steps per restart: for ranks up to about 15.
///
/// Source: Ostrow et al. (2023), NeurIPS, who descend by Adam; synchronisation of signs after Singer (2011), Appl. Comput.
/// Harmon. Anal. 30, 20–36.
pub fn procrustes_distance(
    rng: &mut impl Rng,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    restarts: usize,
) -> Result<Alignment, OperatorError> {
    let size = check_sizes(a, b)?;
    let mut starts = vec![synchronised(a, b)];
    for _ in 0..restarts {
        starts.push(random_orthogonal(rng, size));
    }
    let mut best: Option<(f64, DMatrix<f64>)> = None;
    for start in starts {
        // Descent never crosses from rotations to reflections: try both.
        let mut mirrored = start.clone();
        if size > 0 {
            mirrored.row_mut(0).neg_mut();
        }
        for start in [start, mirrored] {
            let (distance, rotation) = descend(a, b, start);
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, rotation));
            }
        }
    }
    let (distance, rotation) = best.unwrap_or_else(|| (0.0, DMatrix::identity(size, size)));
    let overlap = a.dot(&(&rotation * b * rotation.transpose())) / (a.norm() * b.norm());
    let angle = if overlap.is_nan() { 0.0 } else { overlap.clamp(-1.0, 1.0).acos() };
    Ok(Alignment { distance, angle, rotation })
}

fn check_sizes(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<usize, OperatorError> {
    if !a.is_square() || a.shape() != b.shape() {
        let written = |matrix: &DMatrix<f64>| format!("{} × {}", matrix.nrows(), matrix.ncols());
        return Err(OperatorError::Sizes(written(a), written(b)));
    }
    if a.iter().chain(b.iter()).any(|x| !x.is_finite()) {
        return Err(OperatorError::NotFinite);
    }
    Ok(a.nrows())
}

/// `C = U_A S U_Bᵀ`, with the eigenvectors `U` of the symmetric parts in ascending order and signs `S` such that the skew parts
/// agree: those of the leading eigenvector of the elementwise product of the two in these bases.
fn synchronised(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let basis = |matrix: &DMatrix<f64>| {
        let eigen = SymmetricEigen::new((matrix + matrix.transpose()) * 0.5);
        let mut order: Vec<usize> = (0..matrix.nrows()).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[i].total_cmp(&eigen.eigenvalues[j]));
        DMatrix::from_fn(matrix.nrows(), matrix.nrows(), |i, k| eigen.eigenvectors[(i, order[k])])
    };
    let skew =
        |matrix: &DMatrix<f64>, basis: &DMatrix<f64>| basis.transpose() * (matrix - matrix.transpose()) * basis * 0.5;
    let (left, right) = (basis(a), basis(b));
    let agreement = skew(a, &left).component_mul(&skew(b, &right));
    let eigen = SymmetricEigen::new(agreement);
    let mut signs = DVector::from_element(a.nrows(), 1.0);
    if let Some(leading) = (0..a.nrows()).max_by(|&i, &j| eigen.eigenvalues[i].total_cmp(&eigen.eigenvalues[j])) {
        signs = eigen.eigenvectors.column(leading).map(|x| if x < 0.0 { -1.0 } else { 1.0 });
    }
    left * DMatrix::from_diagonal(&signs) * right.transpose()
}

const MOST_STEPS: usize = 60;

/// Levenberg–Marquardt on `R = A − C B Cᵀ` with `C ← cayley(Ω) C`, `Ω` skew: to first order `δR = −(Ω B′ − B′ Ω)`, `B′ = C B Cᵀ`.
fn descend(a: &DMatrix<f64>, b: &DMatrix<f64>, mut rotation: DMatrix<f64>) -> (f64, DMatrix<f64>) {
    let size = a.nrows();
    let generators: Vec<(usize, usize)> = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j))).collect();
    let mut turned = &rotation * b * rotation.transpose();
    let mut error = (a - &turned).norm_squared();
    let scale = a.norm_squared() + b.norm_squared();
    let mut damping = 1e-3;
    for _ in 0..MOST_STEPS {
        if error <= 1e-28 * scale || generators.is_empty() {
            break;
        }
        let residual = a - &turned;
        let mut slope = DMatrix::zeros(size * size, generators.len());
        for (k, &(i, j)) in generators.iter().enumerate() {
            let mut column = slope.column_mut(k);
            for c in 0..size {
                // Ω = Eᵢⱼ − Eⱼᵢ: Ω B′ has two rows, B′ Ω two columns.
                column[c * size + i] += turned[(j, c)];
                column[c * size + j] -= turned[(i, c)];
                column[j * size + c] -= turned[(c, i)];
                column[i * size + c] += turned[(c, j)];
            }
        }
        let gradient = slope.tr_mul(&DVector::from_column_slice(residual.as_slice()));
        let normal = slope.tr_mul(&slope);
        let mut improved = false;
        while damping < 1e9 {
            let mut damped = normal.clone();
            let lift = damping * (normal.trace() / generators.len() as f64).max(f64::MIN_POSITIVE);
            (0..generators.len()).for_each(|k| damped[(k, k)] += lift);
            let Some(step) = damped.cholesky().map(|factor| factor.solve(&gradient)) else {
                damping *= 10.0;
                continue;
            };
            let next_rotation = cayley(size, &generators, &step) * &rotation;
            let next_turned = &next_rotation * b * next_rotation.transpose();
            let next_error = (a - &next_turned).norm_squared();
            if next_error < error {
                improved = error - next_error > 1e-10 * error;
                (rotation, turned, error) = (next_rotation, next_turned, next_error);
                damping = (damping / 5.0).max(1e-12);
                break;
            }
            damping *= 10.0;
        }
        if !improved {
            break;
        }
    }
    (error.sqrt(), rotation)
}

/// `(I − Ω/2)⁻¹ (I + Ω/2)`, orthogonal for skew `Ω`.
fn cayley(size: usize, generators: &[(usize, usize)], step: &DVector<f64>) -> DMatrix<f64> {
    let mut half = DMatrix::zeros(size, size);
    for (&(i, j), &value) in generators.iter().zip(step.iter()) {
        half[(i, j)] = value / 2.0;
        half[(j, i)] = -value / 2.0;
    }
    let identity = DMatrix::<f64>::identity(size, size);
    // I − Ω/2 has a positive definite symmetric part: it is never singular.
    (&identity - &half).lu().solve(&(&identity + &half)).unwrap_or(identity)
}

fn random_orthogonal(rng: &mut impl Rng, size: usize) -> DMatrix<f64> {
    let raw = DMatrix::from_vec(size, size, gaussian_vector(rng, size * size));
    raw.qr().q()
}
