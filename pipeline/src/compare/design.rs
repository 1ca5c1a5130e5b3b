//! The linear model behind the group test: a constant, the covariates, and the group.

use std::fmt;

use super::moments::{centered, dot, is_constant};
use super::relabelling::Exchange;

/// A regressor of which less than this share is left after the others have explained it adds nothing.
const COLLINEAR: f64 = 1e-8;

/// `y = Z γ + g β + ε` over a fixed set of subjects: `Z` the constant and the covariates, `g` the
/// group. Kept as an orthonormal basis of `Z` and the part of `g` outside it, which is all that a
/// test of `β` needs. Invariant: that part is not zero, and a residual degree of freedom is left.
pub(super) struct Design {
    is_other: Vec<bool>,
    /// Covariates made orthogonal to the constant and to each other, each of length 1.
    covariates: Vec<Vec<f64>>,
    /// The group regressor outside `Z`, of length 1.
    group: Vec<f64>,
}

/// Why a covariate is not in the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unusable {
    Constant,
    Collinear,
    DeterminesGroup,
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Constant => "is the same for all subjects",
            Self::Collinear => "is a combination of the covariates before it",
            Self::DeterminesGroup => "determines the group, so a difference between the groups cannot be told from it",
        })
    }
}

/// Sums of squares of one response, after the reduced model.
#[derive(Clone, Copy, Default)]
pub(super) struct Explained {
    pub by_group: f64,
    pub total: f64,
}

impl Design {
    /// The model, and the covariates that had to stay out with the reason, by position.
    /// `None` when no residual degree of freedom is left, or there are not two groups.
    ///
    /// Covariates enter in the given order; one that adds nothing, or with which the group could no
    /// longer be told apart, is left out. Costs `O(n q²)` for `q` covariates.
    pub(super) fn new(is_other: &[bool], covariates: &[Vec<f64>]) -> Option<(Self, Vec<(usize, Unusable)>)> {
        let indicator: Vec<f64> = is_other.iter().map(|&other| f64::from(u8::from(other))).collect();
        if indicator.is_empty() || is_constant(&indicator) {
            return None;
        }
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut unusable = Vec::new();
        let mut group = outside(&basis, &indicator)?;
        for (position, covariate) in covariates.iter().enumerate() {
            if is_constant(covariate) {
                unusable.push((position, Unusable::Constant));
                continue;
            }
            let Some(direction) = outside(&basis, covariate) else {
                unusable.push((position, Unusable::Collinear));
                continue;
            };
            basis.push(direction);
            match outside(&basis, &indicator) {
                Some(still_apart) => group = still_apart,
                None => {
                    basis.pop();
                    unusable.push((position, Unusable::DeterminesGroup));
                }
            }
        }
        let design = Self { is_other: is_other.to_vec(), covariates: basis, group };
        (design.n_subjects() > design.n_parameters()).then_some((design, unusable))
    }

    pub(super) fn is_other(&self) -> &[bool] {
        &self.is_other
    }

    pub(super) fn n_subjects(&self) -> usize {
        self.is_other.len()
    }

    /// Degrees of freedom left to the residuals of the full model.
    pub(super) fn residual_dof(&self) -> usize {
        self.n_subjects() - self.n_parameters()
    }

    pub(super) fn exchange(&self) -> Exchange {
        if self.covariates.is_empty() { Exchange::Groups } else { Exchange::Everything }
    }

    /// `y` less what the constant and the covariates explain; `None` when nothing is left.
    pub(super) fn residuals(&self, y: &[f64]) -> Option<Vec<f64>> {
        let spread = centered(y);
        let residuals = residuals(&self.covariates, &spread);
        (length(&residuals) > COLLINEAR * length(&spread)).then_some(residuals)
    }

    /// How much of `residuals`, in any order, the group explains beyond the reduced model.
    ///
    /// Fitting `Zγ̂ + e*` gives the same answer for any `γ̂`, so the fitted part is never added back.
    /// A reordered `e*` correlates with the covariates again, and that part leaves the total.
    pub(super) fn explained(&self, residuals: &[f64], sum_of_squares: f64) -> Explained {
        let by_covariates: f64 = self.covariates.iter().map(|z| dot(z, residuals).powi(2)).sum();
        Explained { by_group: dot(&self.group, residuals).powi(2), total: (sum_of_squares - by_covariates).max(0.0) }
    }

    /// The constant, the covariates, the group.
    fn n_parameters(&self) -> usize {
        self.covariates.len() + 2
    }
}

/// The part of `regressor` outside the constant and the basis, at length 1; `None` when collinear.
fn outside(basis: &[Vec<f64>], regressor: &[f64]) -> Option<Vec<f64>> {
    let spread = centered(regressor);
    let unit: Vec<f64> = spread.iter().map(|v| v / length(&spread)).collect();
    let left = residuals(basis, &unit);
    let left_length = length(&left);
    (left_length > COLLINEAR).then(|| left.iter().map(|v| v / left_length).collect())
}

/// Gram–Schmidt, twice: the second pass removes what rounding left of the first.
fn residuals(basis: &[Vec<f64>], centered_values: &[f64]) -> Vec<f64> {
    let mut left = centered_values.to_vec();
    for direction in basis.iter().chain(basis) {
        let along = dot(direction, &left);
        left.iter_mut().zip(direction).for_each(|(v, d)| *v -= along * d);
    }
    left
}

fn length(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: [bool; 6] = [false, true, false, true, false, true];
    const AGE: [f64; 6] = [21.0, 34.0, 45.0, 28.0, 39.0, 52.0];

    fn unusable(covariates: &[Vec<f64>]) -> Vec<(usize, Unusable)> {
        Design::new(&GROUP, covariates).unwrap().1
    }

    #[test]
    fn covariates_that_add_nothing_stay_out() {
        let in_months = AGE.map(|years| 12.0 * years + 3.0).to_vec();
        let site = GROUP.map(|other| if other { 2.0 } else { 1.0 }).to_vec();
        let found = unusable(&[vec![7.0; 6], AGE.to_vec(), in_months, site]);
        use Unusable::{Collinear, Constant, DeterminesGroup};
        assert_eq!(found, [(0, Constant), (2, Collinear), (3, DeterminesGroup)]);
    }

    /// Units must not matter: a covariate in millions is as good as one in millionths.
    #[test]
    fn collinearity_has_no_units() {
        for unit in [1e-9, 1.0, 1e9] {
            assert!(unusable(&[AGE.map(|years| unit * years).to_vec()]).is_empty());
        }
    }

    #[test]
    fn no_model_without_two_groups_or_without_freedom() {
        assert!(Design::new(&[], &[]).is_none());
        assert!(Design::new(&[true, true], &[]).is_none());
        assert!(Design::new(&[true, false], &[]).is_none());
        assert_eq!(Design::new(&[true, false, false], &[]).unwrap().0.residual_dof(), 1);
    }

    #[test]
    fn nothing_is_left_of_a_response_made_of_covariates() {
        let (design, _) = Design::new(&GROUP, &[AGE.to_vec()]).unwrap();
        assert!(design.residuals(&AGE.map(|years| 3.0 - 0.2 * years)).is_none());
        assert!(design.residuals(&[4.0; 6]).is_none());
    }
}
