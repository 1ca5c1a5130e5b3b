//! Every pattern of few hinges, by deciding one hinge after the other.
//!
//! In the activations `u: [K]` of the hinges the fixed-point equation is `u = q + G r` with `r = relu(u)`, a linear
//! complementarity problem. Deciding that a hinge is off drops its `r`; deciding that it is on eliminates its `r = u` by one
//! principal pivot, `O(K²)`, whatever `M` is. All `2^K` patterns share the pivots of their common beginnings. As the `r` not
//! yet decided are not negative, a row whose terms all push the same way tells that no pattern below can hold.
//!
//! Source: Cottle, Pang & Stone (1992), The Linear Complementarity Problem, for pivots and the equation.

use nalgebra::{DMatrix, DVector};

use crate::hinge_system::Reduced;

/// The equation in the activations, with some hinges decided: `u = q + G r` over the hinges still open.
#[derive(Clone)]
struct Tableau {
    constant: Vec<f64>,
    /// `G: [K × K]`, one row after the other; columns of decided hinges are not used.
    gain: Vec<f64>,
    /// For each hinge whether it is on, off, or open.
    on: Vec<Option<bool>>,
    open: Vec<usize>,
}

/// A pivot smaller than this share of its terms is avoided while there is another.
const GOOD_PIVOT: f64 = 0.05;
/// A pivot smaller than this share of its terms cannot be told from zero.
const NO_PIVOT: f64 = 1e-9;
/// Activations within this of zero, relative to the largest, may be of either sign.
const UNSURE: f64 = 1e-7;

/// Calls `solve` with every pattern that may hold a fixed point; `on` has one entry per hinge. Where `I − L` is singular
/// whichever hinges are turned, no pattern can be told from another beforehand and all of them are offered.
pub(crate) fn every_pattern(reduced: &Reduced, mut solve: impl FnMut(&[bool])) {
    let n = reduced.system.hinges.len();
    let open: Vec<usize> = (0..n).collect();
    let Some((constant, gain)) = complementarity_form(reduced) else {
        return patterns_of(vec![false; n], &open, &mut solve);
    };
    let gain = gain.transpose().as_slice().to_vec();
    let mut stack = vec![Tableau { constant: constant.as_slice().to_vec(), gain, on: vec![None; n], open }];
    while let Some(tableau) = stack.pop() {
        if tableau.is_contradictory() {
            continue;
        }
        match tableau.next_hinge() {
            Next::None => solve(&tableau.pattern()),
            Next::Hinge(k) => {
                stack.push(tableau.switched_on(k));
                stack.push(tableau.switched_off(k));
            }
            Next::Singular => patterns_of(tableau.pattern(), &tableau.open, &mut solve),
        }
    }
}

/// `(q, G)`: with `x = Σ cⱼ rⱼ + h`, the activations are `uₖ = wₖ·h + bₖ + Σⱼ (wₖ·cⱼ) rⱼ`.
fn complementarity_form(reduced: &Reduced) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let system = &reduced.system;
    if system.balance != DMatrix::identity(system.dim(), system.dim()) {
        return None;
    }
    let n = system.hinges.len();
    let constant = DVector::from_fn(n, |k, _| system.hinges[k].activation(&system.offset));
    let normals = DMatrix::from_fn(n, system.dim(), |k, i| system.hinges[k].normal[i]);
    let columns = DMatrix::from_fn(system.dim(), n, |i, k| system.hinges[k].column[i]);
    Some((constant, normals * columns))
}

enum Next {
    /// Nothing is open.
    None,
    Hinge(usize),
    /// None of the open hinges can be eliminated alone.
    Singular,
}

impl Tableau {
    fn gain(&self, row: usize, column: usize) -> f64 {
        self.gain[row * self.on.len() + column]
    }

    /// Whether some decided hinge would have the other sign whatever the open ones do.
    fn is_contradictory(&self) -> bool {
        let largest = self.constant.iter().fold(0.0_f64, |largest, q| largest.max(q.abs()));
        (0..self.on.len()).any(|k| {
            let Some(on) = self.on[k] else {
                return false;
            };
            let side = if on { 1.0 } else { -1.0 };
            side * self.constant[k] < -UNSURE * largest && self.open.iter().all(|&j| side * self.gain(k, j) <= 0.0)
        })
    }

    fn next_hinge(&self) -> Next {
        if self.open.is_empty() {
            return Next::None;
        }
        let pivot = |k: usize| (1.0 - self.gain(k, k)).abs() / (1.0 + self.gain(k, k).abs());
        if let Some(&first) = self.open.iter().find(|&&k| pivot(k) >= GOOD_PIVOT) {
            return Next::Hinge(first);
        }
        let best = self.open.iter().copied().max_by(|&a, &b| pivot(a).total_cmp(&pivot(b)));
        best.filter(|&k| pivot(k) >= NO_PIVOT).map_or(Next::Singular, Next::Hinge)
    }

    fn switched_off(mut self, k: usize) -> Self {
        self.on[k] = Some(false);
        self.open.retain(|&j| j != k);
        self
    }

    /// `u_k = (q_k + Σ G_kj r_j) / (1 − G_kk)`, put into every other row.
    fn switched_on(&self, k: usize) -> Self {
        let n = self.on.len();
        let mut next = self.clone();
        next.on[k] = Some(true);
        next.open.retain(|&j| j != k);
        let pivot = 1.0 - self.gain(k, k);
        next.constant[k] /= pivot;
        next.open.iter().for_each(|&j| next.gain[k * n + j] /= pivot);
        let (eliminated, row): (f64, Vec<f64>) = (next.constant[k], next.gain[k * n..(k + 1) * n].to_vec());
        for i in (0..n).filter(|&i| i != k) {
            let factor = self.gain(i, k);
            next.constant[i] += factor * eliminated;
            next.open.iter().for_each(|&j| next.gain[i * n + j] += factor * row[j]);
        }
        next
    }

    fn pattern(&self) -> Vec<bool> {
        self.on.iter().map(|&on| on == Some(true)).collect()
    }
}

/// All ways to decide the open hinges.
fn patterns_of(mut pattern: Vec<bool>, open: &[usize], solve: &mut impl FnMut(&[bool])) {
    for bits in 0..1_u64 << open.len() {
        open.iter().enumerate().for_each(|(i, &k)| pattern[k] = bits >> i & 1 == 1);
        solve(&pattern);
    }
}
