use super::formula::Formula;
use super::number::Number;
use crate::weight_checks::{MapError, check_vector};

/// `coefficient · z₁^p₁ · … · z_M^p_M`.
#[derive(Debug, Clone, PartialEq)]
pub struct Monomial {
    pub coefficient: f64,
    /// `p: [M]`.
    pub powers: Vec<u32>,
}

/// Polynomials in each component, as sparse regression finds them: `fᵢ(z) = Σ_k c_ik Π_j z_j^p_ikj`.
///
/// Source: Brunton, Proctor & Kutz (2016), Proc. Natl. Acad. Sci. 113, 3932–3937 (SINDy).
#[derive(Debug, Clone)]
pub struct Polynomial {
    terms: Vec<Vec<Monomial>>,
}

impl Polynomial {
    /// The terms of each of the `M` components.
    pub fn new(terms: Vec<Vec<Monomial>>) -> Result<Self, MapError> {
        let dim = terms.len();
        if dim == 0 {
            return Err(MapError::Empty { weights: "terms" });
        }
        for term in terms.iter().flatten() {
            check_vector("the coefficients", &[term.coefficient], 1)?;
            let powers: Vec<f64> = term.powers.iter().map(|&power| f64::from(power)).collect();
            check_vector("the powers of a term", &powers, dim)?;
        }
        Ok(Self { terms })
    }
}

impl Formula for Polynomial {
    fn dim(&self) -> usize {
        self.terms.len()
    }

    fn evaluate<N: Number>(&self, z: &[N], value: &mut [N]) {
        for (value, terms) in value.iter_mut().zip(&self.terms) {
            *value = terms.iter().fold(N::zero(), |sum, term| {
                let factors = z.iter().zip(&term.powers).filter(|&(_, &power)| power > 0);
                sum + factors.fold(N::from_f64(term.coefficient), |product, (&z, &power)| product * power_of(z, power))
            });
        }
    }
}

/// `zⁿ` by squaring, which keeps even powers of intervals positive.
fn power_of<N: Number>(z: N, power: u32) -> N {
    match power {
        0 => N::from_f64(1.0),
        1 => z,
        even if even % 2 == 0 => power_of(z, even / 2).square(),
        odd => power_of(z, odd - 1) * z,
    }
}
