use std::fmt;

use nalgebra::Complex;

/// What the linearisation says about orbits that start nearby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stability {
    /// Every direction contracts.
    Stable,
    /// Some directions contract, `unstable_dims` expand.
    Saddle { unstable_dims: usize },
    /// Every direction expands.
    Unstable,
    /// No direction clearly expands, and at least one cannot be told from neutral: the linearisation does not decide.
    Marginal,
}

impl Stability {
    /// Reads the verdict from the multipliers, of which those with `| |λ| − 1 | ≤ tolerance` count as neutral.
    ///
    /// One clearly expanding direction settles that a point repels, whatever its neutral directions do; a neutral
    /// direction matters only where it would decide.
    pub fn from_multipliers(multipliers: &[Complex<f64>], tolerance: f64) -> Self {
        let mut expanding = 0;
        let mut neutral = 0;
        for multiplier in multipliers {
            let excess = multiplier.norm() - 1.0;
            if excess > tolerance {
                expanding += 1;
            } else if excess >= -tolerance || excess.is_nan() {
                // A multiplier that is not a number must not be called stable.
                neutral += 1;
            }
        }
        match (expanding, neutral) {
            (0, 0) => Self::Stable,
            (0, _) => Self::Marginal,
            _ if expanding == multipliers.len() => Self::Unstable,
            _ => Self::Saddle { unstable_dims: expanding },
        }
    }
}

impl Stability {
    /// Directions that clearly expand, of `dim`.
    pub fn unstable_dims(self, dim: usize) -> usize {
        match self {
            Self::Stable | Self::Marginal => 0,
            Self::Saddle { unstable_dims } => unstable_dims,
            Self::Unstable => dim,
        }
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stable => "stable",
            Self::Saddle { .. } => "saddle",
            Self::Unstable => "unstable",
            Self::Marginal => "marginal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(moduli: &[f64], expected: Stability) {
        let multipliers: Vec<_> = moduli.iter().map(|&re| Complex::new(re, 0.0)).collect();
        assert_eq!(Stability::from_multipliers(&multipliers, 1e-6), expected, "{moduli:?}");
    }

    #[test]
    fn stability_follows_the_moduli() {
        check(&[0.9, -0.2], Stability::Stable);
        check(&[1.1, -0.2], Stability::Saddle { unstable_dims: 1 });
        check(&[1.1, -1.2], Stability::Unstable);
        check(&[1.0, 0.5], Stability::Marginal);
        check(&[-1.0, 0.5], Stability::Marginal);
        check(&[1.5, 1.0], Stability::Saddle { unstable_dims: 1 });
        check(&[f64::NAN, 0.5], Stability::Marginal);
    }
}
