use nalgebra::DMatrix;

use crate::smooth::{Enclosed, Interval};

/// Proof that a system has a point of rest in one box and no second one in another.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// Holds exactly one point of rest, as narrow as `f64` allows; `[M]`.
    pub enclosure: Vec<Interval>,
    /// Holds no other; at least as wide as `enclosure`.
    pub unique_in: Vec<Interval>,
}

/// What Krawczyk's operator says about a box.
pub(super) enum Verdict {
    /// It holds no solution.
    Empty,
    /// It holds exactly one, which lies in the box given.
    Unique(Vec<Interval>),
    /// Every solution it holds lies in the box given.
    Within(Vec<Interval>),
    /// The slope in the middle cannot be inverted, or a range is unbounded.
    Unknown,
}

/// Krawczyk's test of a box for `g(z) = 0`.
///
/// `K([z]) = m − Y g(m) + (I − Y G([z])) ([z] − m)`, with `m` in the box, `Y ≈ g′(m)⁻¹` and `G([z]) ⊇ g′([z])`. All solutions in
/// `[z]` lie in `K([z])`; if `K([z])` lies in the interior of `[z]`, there is exactly one. Every operation rounds outwards, so the verdict
/// is a proof. Costs one evaluation of `G` and `O(M³)` interval operations.
///
/// Sources: Krawczyk (1969), Computing 4, 187–201; Moore (1977), SIAM J. Numer. Anal. 14, 611–615.
pub(super) fn krawczyk(system: &(impl Enclosed + ?Sized), z: &[Interval]) -> Verdict {
    let dim = z.len();
    let middle: Vec<f64> = z.iter().map(|side| side.mid()).collect();
    let slope = system.slope(&middle);
    if slope.iter().any(|x| !x.is_finite()) {
        return Verdict::Unknown;
    }
    let Some(inverse) = slope.try_inverse().filter(|inverse| inverse.iter().all(|x| x.is_finite())) else {
        return Verdict::Unknown;
    };
    let mut at_middle: Vec<Interval> = middle.iter().map(|&x| Interval::point(x)).collect();
    let point = at_middle.clone();
    system.enclose_residual(&point, &mut at_middle);
    let slopes = system.enclose_slope(z);
    let off_middle: Vec<Interval> = z.iter().zip(&point).map(|(&side, &m)| side - m).collect();
    let image = operator(&inverse, &point, &at_middle, &slopes, &off_middle);
    if image.iter().any(|side| !side.is_finite()) {
        return Verdict::Unknown;
    }
    let common: Option<Vec<Interval>> = (0..dim).map(|i| image[i].intersect(z[i])).collect();
    match common {
        None => Verdict::Empty,
        Some(common) if image.iter().zip(z).all(|(k, &z)| k.is_interior_to(z)) => Verdict::Unique(common),
        Some(common) => Verdict::Within(common),
    }
}

fn operator(
    inverse: &DMatrix<f64>,
    middle: &[Interval],
    residual: &[Interval],
    slopes: &[Interval],
    off_middle: &[Interval],
) -> Vec<Interval> {
    let dim = middle.len();
    let mut image = middle.to_vec();
    for i in 0..dim {
        for k in 0..dim {
            image[i] = image[i] - residual[k] * inverse[(i, k)];
        }
        for j in 0..dim {
            // The entry of I − Y G.
            let mut entry = Interval::point(if i == j { 1.0 } else { 0.0 });
            for k in 0..dim {
                entry = entry - slopes[j * dim + k] * inverse[(i, k)];
            }
            image[i] = image[i] + entry * off_middle[j];
        }
    }
    image
}

/// A proof that `system` rests exactly once next to `location`, or `None` where none is found: at a degenerate point of rest,
/// or where `location` is not accurate enough.
///
/// Tests boxes around `location`, from the width of rounding upwards, for existence, and further upwards for uniqueness; then narrows the
/// enclosure down. Costs some twenty tests of `O(M³)` interval operations.
///
/// Source: the ε-inflation of Rump (1999), in Developments in Reliable Computing, Kluwer, 77–104.
pub fn certify(system: &(impl Enclosed + ?Sized), location: &[f64]) -> Option<Certificate> {
    if location.is_empty() || location.len() != system.n_unknowns() || location.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let size = location.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
    let mut certificate: Option<Certificate> = None;
    for exponent in -14..=0 {
        let radius = size * 10.0_f64.powi(exponent);
        let around: Vec<Interval> = location.iter().map(|&x| Interval::around(x, radius)).collect();
        match (krawczyk(system, &around), &mut certificate) {
            (Verdict::Unique(enclosure), None) => {
                certificate = Some(Certificate { enclosure: narrowed(system, enclosure), unique_in: around });
            }
            (Verdict::Unique(_), Some(known)) => known.unique_in = around,
            (Verdict::Empty, _) | (_, Some(_)) => break,
            _ => {}
        }
    }
    certificate
}

/// The same solution in a smaller box, as far as rounding allows.
pub(super) fn narrowed(system: &(impl Enclosed + ?Sized), mut enclosure: Vec<Interval>) -> Vec<Interval> {
    for _ in 0..20 {
        let (Verdict::Unique(next) | Verdict::Within(next)) = krawczyk(system, &enclosure) else {
            break;
        };
        let total = |sides: &[Interval]| sides.iter().map(|side| side.width()).sum::<f64>();
        let shrank = total(&next) < 0.9 * total(&enclosure);
        enclosure = next;
        if !shrank {
            break;
        }
    }
    enclosure
}
