//! What the box of a part alone says of its hinges.

use super::{Part, Search, Side, Workspace, narrow};

impl Search<'_> {
    /// Bounds the activations over the part and settles the hinges that keep one side; false where a cut lies outside.
    pub(super) fn settle(&self, part: &mut Part, work: &mut Workspace) -> bool {
        work.undecided.clear();
        for at in 0..part.cuts.len() {
            if !self.keep_to(part.cuts[at], part) {
                return false;
            }
        }
        for k in 0..part.sides.len() {
            if part.sides[k] != Side::Either {
                continue;
            }
            let [low, high] = self.activation_range(k, part);
            if !narrow(part, k, low, high) {
                return false;
            }
            if part.sides[k] == Side::Either {
                work.undecided.push(k);
            }
        }
        true
    }

    pub(super) fn activation_range(&self, k: usize, part: &Part) -> [f64; 2] {
        let (mut middle, mut radius, mut terms) = (self.biases[k], 0.0, self.biases[k].abs());
        for ((w, low), high) in self.normal(k).iter().zip(&part.low).zip(&part.high) {
            middle += w * (low / 2.0 + high / 2.0);
            radius += w.abs() * (high / 2.0 - low / 2.0);
            terms += w.abs() * low.abs().max(high.abs());
        }
        let reach = radius + self.rounding * terms;
        [middle - reach, middle + reach]
    }

    /// Cuts off what lies on the wrong side of a fold along which the part was cut; false where that is all of it.
    pub(super) fn keep_to(&self, k: usize, part: &mut Part) -> bool {
        let side = if part.sides[k] == Side::On { 1.0 } else { -1.0 };
        let mut highest = side * self.biases[k];
        let mut terms = highest.abs();
        for (w, (low, high)) in self.normal(k).iter().zip(part.low.iter().zip(&part.high)) {
            highest += (side * w * low).max(side * w * high);
            terms += w.abs() * low.abs().max(high.abs());
        }
        highest += 2.0 * self.rounding * terms;
        if highest < 0.0 {
            return false;
        }
        for (j, w) in self.normal(k).iter().enumerate() {
            let slope = side * w;
            if slope > 0.0 {
                part.low[j] = part.low[j].max(part.high[j] - highest / slope);
            } else if slope < 0.0 {
                part.high[j] = part.high[j].min(part.low[j] - highest / slope);
            }
        }
        true
    }
}
