//! Affine maps of the plane.

/// `z ↦ A z + c`, as the first two rows of a homogeneous matrix.
pub(super) type Affine = [[f64; 3]; 2];

/// The functional on `z₀` that is `fold` at `reached(z₀)`.
pub(super) fn pulled_back(fold: &[f64; 3], reached: &Affine) -> [f64; 3] {
    let mut line = [0.0; 3];
    (0..3).for_each(|j| line[j] = fold[0] * reached[0][j] + fold[1] * reached[1][j]);
    line[2] += fold[2];
    line
}

pub(super) fn composed(step: &Affine, before: &Affine) -> Affine {
    step.map(|row| {
        let mut product = [0.0; 3];
        (0..3).for_each(|j| product[j] = row[0] * before[0][j] + row[1] * before[1][j]);
        product[2] += row[2];
        product
    })
}

/// `(I − A)⁻¹ c` by Cramer's rule; `None` where it is not one point.
pub(super) fn fixed_point_of([[a, b, e], [c, d, f]]: &Affine) -> Option<[f64; 2]> {
    let (p, q, r, s) = (1.0 - a, -b, -c, 1.0 - d);
    let determinant = p * s - q * r;
    let point = [(s * e - q * f) / determinant, (p * f - r * e) / determinant];
    point.iter().all(|x| x.is_finite()).then_some(point)
}
