//! What the equation says of a part: Krawczyk's operator with a line for each undecided hinge.

use nalgebra::{DMatrix, DVector};

use super::{Part, Search, Side, Workspace, narrow};
use crate::geometry::dot;

/// Undecided hinges up to which their activations are bounded by the equation, at `O(U²)`, and not by the box alone.
const MAX_PAIRED: usize = 96;

/// What one round of shrinking left.
pub(super) enum Left {
    Nothing,
    /// The largest share of an edge.
    Share(f64),
    /// All of it: the mean slope is singular.
    Everything,
}

impl Search<'_> {
    /// Intersects the part with where its solutions must lie.
    pub(super) fn contract(&self, part: &mut Part, work: &mut Workspace) -> Left {
        let n = self.system.dim();
        self.linearise(part, work);
        let Some(inverse) = work.matrix.clone().try_inverse().filter(|y| y.iter().all(|x| x.is_finite())) else {
            return Left::Everything;
        };
        work.influence.clear();
        work.influence.resize(work.undecided.len() * n, 0.0);
        for (&k, influence) in work.undecided.iter().zip(work.influence.chunks_exact_mut(n.max(1))) {
            for (c, y) in self.column(k).iter().zip(inverse.column_iter()) {
                influence.iter_mut().zip(y.iter()).for_each(|(v, y)| *v += c * y);
            }
        }
        let center = &inverse * &work.right;
        let leak = DMatrix::identity(n, n) - &inverse * &work.matrix;
        let mut share: f64 = 0.0;
        for i in 0..n {
            let spread = |(delta, influence): (&f64, &[f64])| influence[i].abs() * delta;
            let radius: f64 = work.delta.iter().zip(work.influence.chunks_exact(n)).map(spread).sum();
            let mut error = 0.0;
            for j in 0..n {
                error += leak[(i, j)].abs() * part.low[j].abs().max(part.high[j].abs());
                error += self.rounding * inverse[(i, j)].abs() * work.terms[j];
            }
            work.error[i] = error;
            let before = part.high[i] - part.low[i];
            // A bound that is not a number is no bound.
            part.low[i] = part.low[i].max(center[i] - radius - error);
            part.high[i] = part.high[i].min(center[i] + radius + error);
            let after = part.high[i] - part.low[i];
            if after < 0.0 {
                return Left::Nothing;
            }
            if before > 0.0 {
                share = share.max(after / before);
            }
        }
        // Bounds from all pairs of hinges pay where pairs are few.
        let few = work.undecided.len() <= MAX_PAIRED;
        if !few || self.narrow_activations(part, work, &center) { Left::Share(share) } else { Left::Nothing }
    }

    /// `A_λ`, its right-hand side and `δ`, with every undecided hinge replaced by the line in the middle of its strip.
    fn linearise(&self, part: &Part, work: &mut Workspace) {
        work.matrix.copy_from(&self.system.balance);
        work.right.copy_from_slice(&self.system.offset);
        work.delta.clear();
        let size = |j: usize| part.low[j].abs().max(part.high[j].abs());
        for (i, terms) in work.terms.iter_mut().enumerate() {
            *terms = self.system.offset[i].abs();
            *terms += (0..part.low.len()).map(|j| self.system.balance[(i, j)].abs() * size(j)).sum::<f64>();
        }
        for (k, side) in part.sides.iter().enumerate() {
            let (slope, lift) = match side {
                Side::Off => continue,
                Side::On => (1.0, 0.0),
                Side::Either => {
                    let [low, high] = part.range[k];
                    let slope = high / (high - low);
                    work.delta.push(-slope * low / 2.0);
                    (slope, -slope * low / 2.0)
                }
            };
            let column = self.column(k);
            let mut reach = self.biases[k].abs() + lift;
            for (j, w) in self.normal(k).iter().enumerate() {
                let factor = slope * w;
                work.matrix.column_mut(j).iter_mut().zip(column).for_each(|(a, c)| *a -= factor * c);
                reach += w.abs() * size(j);
            }
            let constant = slope * self.biases[k] + lift;
            work.right.iter_mut().zip(column).for_each(|(h, c)| *h += constant * c);
            work.terms.iter_mut().zip(column).for_each(|(terms, c)| *terms += reach * c.abs());
        }
    }

    /// Bounds the undecided activations by the equation itself, which sees that they vary together; false where one of
    /// them, or a cut, is left without a value.
    fn narrow_activations(&self, part: &mut Part, work: &Workspace, center: &DVector<f64>) -> bool {
        let n = self.system.dim();
        let cuts = part.cuts.clone();
        work.undecided.iter().chain(&cuts).all(|&k| {
            let normal = self.normal(k);
            let middle = self.biases[k] + dot(normal, center.as_slice());
            let spread = |(delta, influence): (&f64, &[f64])| dot(normal, influence).abs() * delta;
            let radius: f64 = work.delta.iter().zip(work.influence.chunks_exact(n.max(1))).map(spread).sum();
            let error: f64 = normal.iter().zip(&work.error).map(|(w, error)| w.abs() * error).sum::<f64>()
                + self.rounding
                    * (self.biases[k].abs()
                        + normal.iter().zip(center.iter()).map(|(w, x)| (w * x).abs()).sum::<f64>());
            narrow(part, k, middle - radius - error, middle + radius + error)
        })
    }
}
