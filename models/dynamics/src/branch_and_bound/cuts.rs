//! Where a part that does not shrink is cut in two.

use super::{Part, Search, Side, Workspace, half_height};

impl Search<'_> {
    /// The two halves across the axis, or along the fold, that leaves least undecided.
    pub(super) fn cut(&self, part: Part, work: &Workspace) -> [Part; 2] {
        let n = self.system.dim();
        let edges: Vec<f64> = part.low.iter().zip(&part.high).map(|(low, high)| high - low).collect();
        let weights: Vec<f64> = if work.influence.len() == work.undecided.len() * n
            && work.delta.len() == work.undecided.len()
        {
            let relative = |influence: &[f64]| {
                influence.iter().zip(&edges).map(|(y, edge)| y.abs() / edge.max(f64::MIN_POSITIVE)).fold(0.0, f64::max)
            };
            work.influence.chunks_exact(n.max(1)).map(relative).collect()
        } else {
            vec![1.0; work.undecided.len()]
        };
        let undecided = || work.undecided.iter().zip(&weights).filter(|&(&k, _)| part.sides[k] == Side::Either);
        let total: f64 = undecided().map(|(&k, weight)| weight * half_height(part.range[k])).sum();
        let mut best = (Cut::Axis(0), f64::INFINITY);
        for (&k, weight) in undecided() {
            let rest = total - weight * half_height(part.range[k]);
            if rest < best.1 {
                best = (Cut::Fold(k), rest);
            }
        }
        for (j, &edge) in edges.iter().enumerate() {
            if edge <= self.short[j] {
                continue;
            }
            let mut rest = [0.0; 2];
            for (&k, weight) in undecided() {
                let ([low, high], slope) = (part.range[k], self.normal(k)[j]);
                let taken = slope.abs() * edge / 2.0;
                let halves = if slope > 0.0 {
                    [[low, high - taken], [low + taken, high]]
                } else {
                    [[low + taken, high], [low, high - taken]]
                };
                rest.iter_mut().zip(halves).for_each(|(rest, half)| *rest += weight * half_height(half));
            }
            let rest = rest[0].max(rest[1]);
            if rest < best.1 {
                best = (Cut::Axis(j), rest);
            }
        }
        let mut halves = [part.clone(), part];
        match best.0 {
            Cut::Axis(j) => {
                let middle = halves[0].low[j] / 2.0 + halves[0].high[j] / 2.0;
                halves[0].high[j] = middle;
                halves[1].low[j] = middle;
            }
            Cut::Fold(k) => {
                for (half, side) in halves.iter_mut().zip([Side::Off, Side::On]) {
                    half.sides[k] = side;
                    half.cuts.push(k);
                    let at = usize::from(side == Side::Off);
                    half.range[k][at] = 0.0;
                }
            }
        }
        halves
    }
}

enum Cut {
    Axis(usize),
    Fold(usize),
}
