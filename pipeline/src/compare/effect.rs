//! How large is the difference, whatever its p-value?

use super::moments::{is_constant, mean, squared_deviations};
use super::noncentral_t::noncentrality_at;

/// A standardised difference with the interval of its population value.
pub(super) struct StandardisedDifference {
    pub g: f64,
    pub low: f64,
    pub high: f64,
}

/// Hedges' g, other minus control, with its `1 − α` interval.
///
/// `g = J(ν) (x̄ₒ − x̄_c) / s`, with the pooled standard deviation `s` on `ν = n_c + nₒ − 2`
/// degrees of freedom. `J(ν)` takes away the bias of the plain ratio in small samples.
///
/// The interval holds every population difference `δ` that the data do not reject: `T = (x̄ₒ − x̄_c)
/// / (s √(1/n_c + 1/nₒ))` is noncentral t with noncentrality `δ / √(1/n_c + 1/nₒ)`, which is solved
/// for at `α/2` and `1 − α/2`. These are bounds of `δ` itself, so they are not shrunk by `J`.
///
/// Exact for normal values of equal variance in both groups. Misleads for counts and other skewed
/// features, and it is not adjusted for covariates: read it beside the AUC and the plot.
/// `None` when neither group varies, for then there is no unit. Costs some 10⁴ normal probabilities.
///
/// Source: Hedges (1981), J. Educ. Stat. 6, 107–128; the interval: Steiger & Fouladi (1997), in
/// What If There Were No Significance Tests?, 221–257.
pub(super) fn hedges_g(control: &[f64], other: &[f64], alpha: f64) -> Option<StandardisedDifference> {
    let (n_control, n_other) = (control.len() as f64, other.len() as f64);
    let dof = n_control + n_other - 2.0;
    if control.is_empty() || other.is_empty() || dof < 2.0 || (is_constant(control) && is_constant(other)) {
        return None;
    }
    let pooled_sd = ((squared_deviations(control) + squared_deviations(other)) / dof).sqrt();
    let difference = (mean(other) - mean(control)) / pooled_sd;
    let standard_error = (1.0 / n_control + 1.0 / n_other).sqrt();

    let t = difference / standard_error;
    let low = noncentrality_at(t, dof, 1.0 - alpha / 2.0)? * standard_error;
    let high = noncentrality_at(t, dof, alpha / 2.0)? * standard_error;
    Some(StandardisedDifference { g: bias_correction(dof as usize) * difference, low, high })
}

/// Probability that a subject of the other group has the larger value; ties count half.
///
/// The Mann–Whitney statistic over its largest value, `U / (n_c nₒ)`: 0.5 is no difference, 0 and 1
/// are complete separation. Depends on ranks only. Misleads when the groups differ in spread but
/// not in location. Costs `O(n_c nₒ)`.
///
/// Source: Mann & Whitney (1947), Ann. Math. Stat. 18, 50–60; as an area: Hanley & McNeil (1982),
/// Radiology 143, 29–36.
pub(super) fn auc(control: &[f64], other: &[f64]) -> f64 {
    let wins: f64 = other.iter().flat_map(|larger| control.iter().map(move |smaller| win(*larger, *smaller))).sum();
    wins / (control.len() * other.len()) as f64
}

/// 1 when the first value is the larger, one half for a tie.
pub(super) fn win(first: f64, second: f64) -> f64 {
    if first > second {
        1.0
    } else if first == second {
        0.5
    } else {
        0.0
    }
}

/// `J(ν) = Γ(ν/2) / (√(ν/2) Γ((ν−1)/2))`, exactly, for `ν ≥ 2`.
///
/// The ratio `r(ν)` of the two gamma functions obeys `r(ν + 2) = r(ν) ν / (ν − 1)`, from
/// `r(2) = 1/√π` and `r(3) = √π/2`.
fn bias_correction(dof: usize) -> f64 {
    let root_pi = std::f64::consts::PI.sqrt();
    let (first, start) = if dof.is_multiple_of(2) { (2, root_pi.recip()) } else { (3, root_pi / 2.0) };
    let ratio = (first..dof).step_by(2).fold(start, |ratio, nu| ratio * nu as f64 / (nu as f64 - 1.0));
    ratio / (dof as f64 / 2.0).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::compare::tests::{assert_close, noise};

    const CONTROL: [f64; 6] = [4.8, 5.1, 6.3, 5.9, 5.0, 4.4];
    const OTHER: [f64; 5] = [6.1, 7.4, 5.9, 6.8, 7.0];

    /// g with the exact `J`, and the bounds from a root of `scipy.stats.nct.cdf`, SciPy 1.17.
    #[test]
    fn effect_and_interval_agree_with_scipy() {
        let effect = hedges_g(&CONTROL, &OTHER, 0.05).unwrap();
        assert_close(effect.g, 1.8804441925178375, 1e-12);
        assert_close(effect.low, 0.5118821792696296, 1e-8);
        assert_close(effect.high, 3.5349461828874618, 1e-8);
    }

    /// `scipy.stats.mannwhitneyu`, SciPy 1.17: U / 30, with one tie.
    #[test]
    fn auc_agrees_with_scipy() {
        assert_close(auc(&CONTROL, &OTHER), 0.9166666666666666, 1e-12);
        assert_close(auc(&[1.0, 1.0], &[1.0, 1.0, 1.0]), 0.5, 1e-12);
        assert_close(auc(&[1.0, 2.0], &[3.0, 4.0]), 1.0, 1e-12);
    }

    /// From the gamma function, SciPy 1.17.
    #[test]
    fn bias_correction_is_exact() {
        let cases = [
            (2, 0.5641895835477564),
            (3, 0.7236012545582676),
            (9, 0.9138748917925524),
            (10, 0.922745608053087),
            (58, 0.9870035810279977),
        ];
        for (dof, expected) in cases {
            assert_close(bias_correction(dof), expected, 1e-13);
        }
    }

    #[test]
    fn swapping_the_groups_mirrors_everything() {
        let (there, back) = (hedges_g(&CONTROL, &OTHER, 0.05).unwrap(), hedges_g(&OTHER, &CONTROL, 0.05).unwrap());
        assert_close(there.g, -back.g, 1e-12);
        assert_close(there.low, -back.high, 1e-8);
        assert_close(there.high, -back.low, 1e-8);
        assert_close(auc(&CONTROL, &OTHER) + auc(&OTHER, &CONTROL), 1.0, 1e-12);
    }

    #[test]
    fn no_unit_no_effect() {
        assert!(hedges_g(&[1.0, 1.0], &[2.0, 2.0], 0.05).is_none());
        assert!(hedges_g(&[1.0], &[2.0, 3.0], 0.05).is_none());
        assert!(hedges_g(&[], &[2.0, 3.0], 0.05).is_none());
        assert!(hedges_g(&[1.0, 1.0], &[2.0, 3.0], 0.05).is_some());
    }

    /// A true difference of 0.8 lies in 90 % of 90 % intervals, and g is right on average.
    #[test]
    fn interval_covers_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let n_samples = 600;
        let (mut covered, mut sum) = (0.0, 0.0);
        for _ in 0..n_samples {
            let control: Vec<f64> = (0..6).map(|_| noise(&mut rng)).collect();
            let other: Vec<f64> = (0..9).map(|_| noise(&mut rng) + 0.8).collect();
            let effect = hedges_g(&control, &other, 0.1).unwrap();
            covered += f64::from(u8::from(effect.low <= 0.8 && 0.8 <= effect.high));
            sum += effect.g;
        }
        // Three standard errors of a share of 600, and of a mean of 600.
        assert_close(covered / f64::from(n_samples), 0.9, 0.037);
        assert_close(sum / f64::from(n_samples), 0.8, 0.075);
    }
}
