use nalgebra::{Complex, DMatrix, DVector, SymmetricEigen};
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
pub fn eigenvalue_distance(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<f64, OperatorError> {
    check_sizes(a, b)?;
    let values = |matrix| multipliers(matrix).map_err(|_| OperatorError::NoEigenvalues);
    Ok(distance_between_spectra(&values(a)?, &values(b)?))
}

/// As [`eigenvalue_distance`], between multipliers that are known already, in any order.
///
/// The shorter list is filled up with zeros: a direction that an operator lacks is one that is lost in one step.
/// Not a number where a multiplier is not. Costs `O(r³)`.
pub fn distance_between_spectra(left: &[Complex<f64>], right: &[Complex<f64>]) -> f64 {
    if left.iter().chain(right).any(|multiplier| !multiplier.is_finite()) {
        return f64::NAN;
    }
    let size = left.len().max(right.len());
    let at = |spectrum: &[Complex<f64>], k: usize| spectrum.get(k).copied().unwrap_or_default();
    let costs = DMatrix::from_fn(size, size, |i, j| (at(left, i) - at(right, j)).norm_sqr());
    let total: f64 = cheapest_assignment(&costs).iter().enumerate().map(|(i, &j)| costs[(i, j)]).sum();
    (total.max(0.0) / size.max(1) as f64).sqrt()
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
/// `delay_operator` do. Minimises `‖A − C B Cᵀ‖_F` over both halves of `O(r)` by Newton's method on the skew generators: from
/// the rotations that align the eigenvectors of the symmetric parts (every choice of their signs up to rank 6, beyond it the
/// one that synchronises the skew parts), which hold the answer where the operators can be made equal; then from `restarts` random
/// ones. The problem has several minima and no certificate, so the result is an upper bound; it is deterministic in `rng`.
/// Exchanging `a` and `b` tells how far it can be trusted: with 12 restarts it made no difference in 400 random pairs of
/// each rank up to 6, and one in 16 of 400 at rank 8.
///
/// Costs `O(r⁶)` per step, some dozen steps per start: for ranks up to about 15.
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
    let mut starts = aligned(a, b);
    for _ in 0..restarts {
        let start = random_orthogonal(rng, size);
        // Descent never crosses from rotations to reflections; but −C turns B as C does, and in odd dimensions lies in the other half.
        if size % 2 == 0 && size > 0 {
            let mut mirrored = start.clone();
            mirrored.row_mut(0).neg_mut();
            starts.push(mirrored);
        }
        starts.push(start);
    }
    let mut best: Option<(f64, DMatrix<f64>)> = None;
    for start in starts {
        let (distance, rotation) = descend(a, b, start);
        if best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, rotation));
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

/// Up to this size all choices of signs are starts.
const ALL_SIGNS_TO: usize = 6;

/// `C = U_A S U_Bᵀ`, with the eigenvectors `U` of the symmetric parts in ascending order and signs `S`: all `2^{r−1}` that differ by
/// more than `C → −C` where these are few, else those for which the skew parts agree, in both halves of `O(r)`.
fn aligned(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Vec<DMatrix<f64>> {
    let size = a.nrows();
    let basis = |matrix: &DMatrix<f64>| {
        let eigen = SymmetricEigen::new((matrix + matrix.transpose()) * 0.5);
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[i].total_cmp(&eigen.eigenvalues[j]));
        DMatrix::from_fn(size, size, |i, k| eigen.eigenvectors[(i, order[k])])
    };
    let (left, right) = (basis(a), basis(b));
    let signs = if size <= ALL_SIGNS_TO {
        let sign = |choice: usize, k: usize| if choice >> k & 1 == 1 { -1.0 } else { 1.0 };
        (0..1_usize << size.saturating_sub(1)).map(|choice| DVector::from_fn(size, |k, _| sign(choice, k))).collect()
    } else {
        let agreeing = synchronised_signs(a, b, &left, &right);
        let mut mirrored = agreeing.clone();
        mirrored[0] = -mirrored[0];
        vec![agreeing, mirrored]
    };
    signs.iter().map(|signs| &left * DMatrix::from_diagonal(signs) * right.transpose()).collect()
}

/// The signs of the leading eigenvector of the elementwise product of the two skew parts in these bases.
fn synchronised_signs(a: &DMatrix<f64>, b: &DMatrix<f64>, left: &DMatrix<f64>, right: &DMatrix<f64>) -> DVector<f64> {
    let skew =
        |matrix: &DMatrix<f64>, basis: &DMatrix<f64>| basis.transpose() * (matrix - matrix.transpose()) * basis * 0.5;
    let eigen = SymmetricEigen::new(skew(a, left).component_mul(&skew(b, right)));
    let leading = eigen.eigenvalues.imax();
    eigen.eigenvectors.column(leading).map(|x| if x < 0.0 { -1.0 } else { 1.0 })
}

const MOST_STEPS: usize = 200;

/// Newton's method for `R = A − C B Cᵀ` with `C ← cayley(Ω) C`, `Ω` skew, damped until the Hessian is positive definite and the
/// step descends. With `B′ = C B Cᵀ`, to second order `‖R‖² − 2 ⟨A, [Ω, B′]⟩ + ⟨[Ω, A], [Ω, B′]⟩`: no part is left out, as
/// Gauss & Newton do, who creep where the operators do not agree in the end.
fn descend(a: &DMatrix<f64>, b: &DMatrix<f64>, mut rotation: DMatrix<f64>) -> (f64, DMatrix<f64>) {
    let size = a.nrows();
    let generators: Vec<(usize, usize)> = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j))).collect();
    let mut turned = &rotation * b * rotation.transpose();
    let mut error = (a - &turned).norm_squared();
    let scale = a.norm_squared() + b.norm_squared();
    let turns_of_a = commutators(&generators, a);
    let mut damping = 1e-3;
    for _ in 0..MOST_STEPS {
        if error <= 1e-28 * scale || generators.is_empty() {
            break;
        }
        let turns_of_b = commutators(&generators, &turned);
        let gradient = turns_of_b.tr_mul(&DVector::from_column_slice(a.as_slice()));
        if gradient.norm() <= 1e-14 * scale {
            break;
        }
        let half = turns_of_a.tr_mul(&turns_of_b);
        let hessian = (&half + half.transpose()) * 0.5;
        let unit = (turns_of_b.norm_squared() / generators.len() as f64).max(f64::MIN_POSITIVE);
        let mut improved = false;
        while damping < 1e9 {
            let mut damped = hessian.clone();
            (0..generators.len()).for_each(|k| damped[(k, k)] += damping * unit);
            let Some(step) = damped.cholesky().map(|factor| factor.solve(&gradient)) else {
                damping *= 4.0;
                continue;
            };
            let next_rotation = cayley(size, &generators, &step) * &rotation;
            let next_turned = &next_rotation * b * next_rotation.transpose();
            let next_error = (a - &next_turned).norm_squared();
            if next_error < error {
                improved = true;
                (rotation, turned, error) = (next_rotation, next_turned, next_error);
                damping = (damping / 8.0).max(1e-12);
                break;
            }
            damping *= 4.0;
        }
        if !improved {
            break;
        }
    }
    (error.sqrt(), rotation)
}

/// `[G, X] = G X − X G` for every generator `G = Eᵢⱼ − Eⱼᵢ`, one to a column.
fn commutators(generators: &[(usize, usize)], matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let size = matrix.nrows();
    let mut all = DMatrix::zeros(size * size, generators.len());
    for (k, &(i, j)) in generators.iter().enumerate() {
        let mut column = all.column_mut(k);
        for c in 0..size {
            // G X has two rows, X G two columns.
            column[c * size + i] += matrix[(j, c)];
            column[c * size + j] -= matrix[(i, c)];
            column[j * size + c] -= matrix[(c, i)];
            column[i * size + c] += matrix[(c, j)];
        }
    }
    all
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
