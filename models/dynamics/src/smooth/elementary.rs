//! Elementary functions of one number with proven enclosures.
//!
//! The accuracy of a platform's `exp` or `sin` is not specified, so nothing rigorous can rest on it. Here the argument is
//! reduced almost exactly, a Taylor polynomial evaluated by Horner's rule, and every rounding accounted for; `u = 2⁻⁵³`.
//! The bounds used are about twice what the analysis gives.

use super::interval::Interval;

const UNIT: f64 = f64::EPSILON / 2.0;

/// `1/n!`
const INVERSE_FACTORIAL: [f64; 19] = {
    let mut values = [1.0; 19];
    let mut factorial = 1.0;
    let mut n = 1;
    while n < 19 {
        // Exact: 18! is below 2⁵³.
        factorial *= n as f64;
        values[n] = 1.0 / factorial;
        n += 1;
    }
    values
};

/// An interval that holds `eˣ`.
///
/// `x = k ln 2 + r`, `|r| ≤ 0.35`, where `k · LN2_HIGH` is exact and the two subtractions cost `u |r|` each. Horner's rule on the
/// polynomial of degree 14 errs by at most `2.5 u` (`eₙ ≤ |r| eₙ₊₁ + u |r sₙ₊₁| + u |sₙ|`), truncation adds `0.35¹⁵/15! < u/1000`.
/// Altogether less than `4 u` of a value of at least 0.7.
pub(super) fn exp(x: f64) -> Interval {
    // ln 2 in two parts; the first has 33 bits, so that its product with |k| < 2¹¹ is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const RELATIVE_ERROR: f64 = 12.0 * UNIT;
    if x.is_nan() {
        return Interval::ENTIRE;
    }
    if x > 709.0 {
        return Interval::new(f64::MAX / 4.0, f64::INFINITY);
    }
    if x < -708.0 {
        return Interval::new(0.0, 1e-307);
    }
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let sum = INVERSE_FACTORIAL[..15].iter().rev().fold(0.0, |sum, c| c + r * sum);
    // A power of two: exact.
    let scale = f64::from_bits(((k as i64 + 1023) as u64) << 52);
    Interval::outward(sum * (1.0 - RELATIVE_ERROR) * scale, sum * (1.0 + RELATIVE_ERROR) * scale)
}

/// Intervals that hold `sin t` and `cos t` for every `t` of `x`.
///
/// Monotone between the turning points, which are looked for with a margin far above their rounding.
pub(super) fn sin_cos_range(x: Interval) -> (Interval, Interval) {
    const REACH: f64 = 1e5;
    let all = Interval::new(-1.0, 1.0);
    // Written so that ends that are not finite fall here too.
    if !(x.magnitude() <= REACH && x.width() < std::f64::consts::TAU) {
        return (all, all);
    }
    let ((sin_a, cos_a), (sin_b, cos_b)) = (sin_cos(x.lo()), sin_cos(x.hi()));
    // Whether x comes within the margin of some `phase + 2πm`.
    let meets = |phase: f64| {
        const MARGIN: f64 = 1e-9;
        let m = ((x.lo() - MARGIN - phase) / std::f64::consts::TAU).ceil();
        phase + m * std::f64::consts::TAU <= x.hi() + MARGIN
    };
    let range = |a: Interval, b: Interval, top: f64| {
        let hull = a.hull(b);
        let hi = if meets(top) { 1.0 } else { hull.hi().min(1.0) };
        let lo = if meets(top + std::f64::consts::PI) { -1.0 } else { hull.lo().max(-1.0) };
        Interval::new(lo, hi)
    };
    (range(sin_a, sin_b, std::f64::consts::FRAC_PI_2), range(cos_a, cos_b, 0.0))
}

/// Intervals that hold `sin x` and `cos x`, for `|x| ≤ 10⁵`.
///
/// `x = k π/2 + r`, `|r| ≤ 0.79`; the products of `k < 2¹⁷` with the 33-bit parts of `π/2` are exact and the three
/// subtractions cost at most `u |r| + 2 u · 10⁻⁵`. Horner's rule in `r²` up to degree 18 errs by less than `3 u`.
fn sin_cos(x: f64) -> (Interval, Interval) {
    const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];
    const ERROR: f64 = 16.0 * UNIT;
    let k = (x * std::f64::consts::FRAC_2_PI).round();
    let r = ((x - k * HALF_PI[0]) - k * HALF_PI[1]) - k * HALF_PI[2];
    let square = -r * r;
    let series =
        |first: usize| (0..=8).rev().map(|i| INVERSE_FACTORIAL[2 * i + first]).fold(0.0, |sum, c| c + square * sum);
    let (sin, cos) = (r * series(1), series(0));
    let (sin, cos) = match (k as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    };
    (Interval::outward(sin - ERROR, sin + ERROR), Interval::outward(cos - ERROR, cos + ERROR))
}

#[cfg(test)]
mod tests;
