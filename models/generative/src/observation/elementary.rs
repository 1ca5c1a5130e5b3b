//! `exp` and `ln` of single precision in plain arithmetic, so that a loop over samples runs in vector
//! registers: the functions of the standard library are calls, one sample at a time.
//!
//! Source: Moshier's Cephes (1984–1992), functions `expf` and `logf`: the reductions of the argument and the
//! minimax coefficients.

/// Adding it to a number below 2²² leaves that number, rounded, in the low bits.
const ROUNDING: f32 = 12_582_912.0;
/// `ln 2` in two parts; the first has few bits, so that multiples of it are exact.
#[allow(clippy::excessive_precision)]
const LN_2_HIGH: f32 = 0.693_359_375;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `exp x`, to two units in the last place, for `|x| ≤ 87`; beyond, its value there.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let fraction = p * (r * r) + r + 1.0;
    let power = shifted.to_bits().wrapping_sub(ROUNDING.to_bits()) << 23;
    fraction * f32::from_bits(power.wrapping_add(1.0f32.to_bits()))
}

/// `ln x`, to two units in the last place of the larger of the result and one, for positive normal `x`.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = 2ⁿ m with m in [√½, √2).
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(SQRT_HALF);
    let n = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF)) - 1.0;
    let p = 7.037_683_6e-2;
    let p = p * m - 1.151_461e-1;
    let p = p * m + 1.167_699_9e-1;
    let p = p * m - 1.242_014_1e-1;
    let p = p * m + 1.424_932_3e-1;
    let p = p * m - 1.666_805_8e-1;
    let p = p * m + 2.000_071_5e-1;
    let p = p * m - 2.499_999_4e-1;
    let p = p * m + 3.333_333e-1;
    let square = m * m;
    let tail = p * m * square + n * LN_2_LOW - 0.5 * square;
    n * LN_2_HIGH + (m + tail)
}

/// `ln (1 + u)` for `u ≥ 0`, accurate for small `u` too (Kahan's correction of the rounded sum).
#[inline(always)]
pub fn ln_1p(u: f32) -> f32 {
    let sum = 1.0 + u;
    let lost = u - (sum - 1.0);
    ln(sum) + lost / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: f32, expected: f64, scale: f64) {
        let tolerance = 2.0 * f64::from(f32::EPSILON) * scale;
        assert!((f64::from(found) - expected).abs() <= tolerance, "{found} against {expected}");
    }

    #[test]
    fn they_agree_with_the_standard_library_in_double_precision() {
        for step in -8_600..=8_600 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            check(exp(x), expected, expected);
            let positive = (0.4 * x).exp();
            let expected = f64::from(positive).ln();
            check(ln(positive), expected, expected.abs().max(1.0));
            let expected = f64::from(positive).ln_1p();
            check(ln_1p(positive), expected, expected.max(f64::from(positive).min(1.0)));
        }
    }
}
