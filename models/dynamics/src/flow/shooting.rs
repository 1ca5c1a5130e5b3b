//! Closed orbits in pieces: multiple shooting, by Newton's method.

use nalgebra::{Complex, DMatrix, DVector};

use super::integrate::{FlowError, advance_with_derivative, trajectory};
use super::limit_cycle::{LimitCycle, LimitCycleError, LimitCyclePlan};
use super::vector_field::VectorField;
use crate::geometry::{distance, is_finite, norm};
use crate::multipliers::multipliers;
use crate::stability::Stability;

/// Newton's method from `orbit` to a closed one.
pub(super) fn close(
    field: &(impl VectorField + ?Sized),
    mut orbit: Shooting,
    plan: &LimitCyclePlan,
) -> Result<Shooting, LimitCycleError> {
    let anchor = orbit.nodes[0].clone();
    let mut direction = vec![0.0; anchor.len()];
    field.velocity(&anchor, &mut direction);
    let first_period = orbit.period;
    let mut shots = orbit.shoot(field, plan)?;
    for _ in 0..plan.max_steps {
        let gap = orbit.gap(&shots);
        let Some(step) = orbit.newton_step(field, &shots, &anchor, &direction) else {
            return Err(LimitCycleError::NotConverged);
        };
        let mut fraction = 1.0;
        let better = loop {
            let next = orbit.moved(&step, fraction);
            // A period far from the guess belongs to another cycle, one near zero to a point of rest.
            if next.period > 0.2 * first_period
                && next.period < 5.0 * first_period
                && let Ok(next_shots) = next.shoot(field, plan)
                && next.gap(&next_shots) < gap
            {
                break Some((next, next_shots));
            }
            fraction /= 2.0;
            if fraction < 1e-4 {
                break None;
            }
        };
        match better {
            Some((next, next_shots)) => (orbit, shots) = (next, next_shots),
            None => break,
        }
        if orbit.gap(&shots) == 0.0 {
            break;
        }
    }
    let extent = orbit.extent();
    if extent <= 1e-6 * norm(&anchor).max(1e-3) {
        return Err(LimitCycleError::AtRest);
    }
    if orbit.gap(&shots) <= plan.residual_tolerance * extent { Ok(orbit) } else { Err(LimitCycleError::NotConverged) }
}

/// A Newton step longer than this, relative to the orbit, may lead along what does not matter.
const SHORT_STEP: f64 = 0.1;
/// Singular values below this share of the largest are zero.
const NEGLIGIBLE_SLOPE: f64 = 1e-9;
/// Up to this many unknowns singular systems are decomposed: half a second.
const MOST_DECOMPOSED: usize = 250;

/// What decays to less than this within a period is gone.
const SMALLEST_MULTIPLIER: f64 = 1e-10;

/// An orbit in pieces that need not fit: node `i` is followed for `period / m`.
pub(super) struct Shooting {
    pub nodes: Vec<Vec<f64>>,
    pub period: f64,
}

/// Where a piece ends, and the derivative of the end by its start.
type Shot = (Vec<f64>, DMatrix<f64>);

impl Shooting {
    pub fn along(
        field: &(impl VectorField + ?Sized),
        start: &[f64],
        period: f64,
        plan: &LimitCyclePlan,
    ) -> Result<Self, FlowError> {
        let follow = |time: f64| trajectory(field, start, time, plan.segments, &plan.integration);
        let gap = |nodes: &[Vec<f64>]| distance(&nodes[0], &nodes[nodes.len() - 1]);
        // What repels forwards attracts backwards: of the two directions the one that comes closer to closing.
        let mut nodes = match (follow(period), follow(-period)) {
            (Ok(ahead), Ok(behind)) if gap(&ahead) <= gap(&behind) => ahead,
            (_, Ok(mut behind)) => {
                behind.reverse();
                behind
            }
            (ahead, _) => ahead?,
        };
        nodes.truncate(plan.segments);
        Ok(Self { nodes, period })
    }

    fn shoot(&self, field: &(impl VectorField + ?Sized), plan: &LimitCyclePlan) -> Result<Vec<Shot>, FlowError> {
        let time = self.period / self.nodes.len() as f64;
        self.nodes.iter().map(|node| advance_with_derivative(field, node, time, &plan.integration)).collect()
    }

    /// The largest distance between the end of a piece and the start of the next.
    fn gap(&self, shots: &[Shot]) -> f64 {
        let next = self.nodes.iter().cycle().skip(1);
        shots.iter().zip(next).map(|((end, _), next)| distance(end, next)).fold(0.0, f64::max)
    }

    pub fn extent(&self) -> f64 {
        self.nodes.iter().map(|node| distance(node, &self.nodes[0])).fold(0.0, f64::max)
    }

    /// Corrections of all nodes and, last, of the period.
    fn newton_step(
        &self,
        field: &(impl VectorField + ?Sized),
        shots: &[Shot],
        anchor: &[f64],
        direction: &[f64],
    ) -> Option<DVector<f64>> {
        let (m, dim) = (self.nodes.len(), anchor.len());
        let unknowns = m * dim + 1;
        let mut slope = DMatrix::zeros(unknowns, unknowns);
        let mut mismatch = DVector::zeros(unknowns);
        let mut velocity = vec![0.0; dim];
        for (i, (end, derivative)) in shots.iter().enumerate() {
            let (row, next) = (i * dim, (i + 1) % m);
            slope.view_mut((row, i * dim), (dim, dim)).copy_from(derivative);
            field.velocity(end, &mut velocity);
            for k in 0..dim {
                slope[(row + k, next * dim + k)] -= 1.0;
                slope[(row + k, unknowns - 1)] = velocity[k] / m as f64;
                mismatch[row + k] = self.nodes[next][k] - end[k];
            }
        }
        for k in 0..dim {
            slope[(unknowns - 1, k)] = direction[k];
            mismatch[unknowns - 1] -= direction[k] * (self.nodes[0][k] - anchor[k]);
        }
        // Where closed orbits of one period lie side by side, only the shortest of all solutions says anything.
        let is_short = |step: &DVector<f64>| step.norm() <= SHORT_STEP * self.reach();
        let shortest = |slope: DMatrix<f64>| {
            let parts = slope.try_svd(true, true, f64::EPSILON, 100 * unknowns)?;
            parts
                .solve(&mismatch, NEGLIGIBLE_SLOPE * parts.singular_values.max())
                .ok()
                .filter(|step| is_finite(step.as_slice()))
        };
        let step = slope.clone().lu().solve(&mismatch).filter(|step| is_finite(step.as_slice()));
        match step {
            Some(step) if is_short(&step) => Some(step),
            step if unknowns <= MOST_DECOMPOSED => shortest(slope).or(step),
            step => step,
        }
    }

    /// The largest coordinate or the period, whichever is more.
    fn reach(&self) -> f64 {
        self.nodes.iter().flatten().fold(self.period, |largest, x| largest.max(x.abs()))
    }

    fn moved(&self, step: &DVector<f64>, fraction: f64) -> Self {
        let dim = self.nodes[0].len();
        let nodes = (self.nodes.iter().enumerate())
            .map(|(i, node)| node.iter().enumerate().map(|(k, z)| z + fraction * step[i * dim + k]).collect())
            .collect();
        Self { nodes, period: self.period + fraction * step[step.len() - 1] }
    }

    pub fn describe(
        self,
        field: &(impl VectorField + ?Sized),
        plan: &LimitCyclePlan,
    ) -> Result<LimitCycle, LimitCycleError> {
        let shots = self.shoot(field, plan)?;
        let dim = self.nodes[0].len();
        let monodromy = shots.iter().fold(DMatrix::identity(dim, dim), |product, (_, derivative)| derivative * product);
        let mut velocity = DVector::zeros(dim);
        field.velocity(&self.nodes[0], velocity.as_mut_slice());
        let along = velocity.normalize();
        // Orthonormal, the first column along the flow.
        let mut basis = DMatrix::identity(dim, dim);
        basis.set_column(0, &along);
        let pivot = along.iamax();
        if pivot != 0 {
            basis.set_column(pivot, &DVector::from_fn(dim, |i, _| if i == 0 { 1.0 } else { 0.0 }));
        }
        let mut basis = basis.qr().q();
        basis.set_column(0, &along);
        let turned = basis.tr_mul(&(&monodromy * &basis));
        let across = turned.view((1, 1), (dim - 1, dim - 1)).into_owned();
        let trivial_multiplier = turned[(0, 0)];
        let mut multipliers = multipliers(&across).map_err(|_| LimitCycleError::NotConverged)?;
        let floor = (trivial_multiplier - 1.0).abs().max(SMALLEST_MULTIPLIER);
        multipliers
            .iter_mut()
            .filter(|multiplier| multiplier.norm() < floor)
            .for_each(|multiplier| *multiplier = Complex::ZERO);
        let stability = Stability::from_multipliers(&multipliers, plan.marginal_tolerance);
        let per_segment = plan.n_points.div_ceil(self.nodes.len()).max(1);
        let time = self.period / self.nodes.len() as f64;
        let mut points = Vec::with_capacity(per_segment * self.nodes.len());
        for node in &self.nodes {
            let mut piece = trajectory(field, node, time, per_segment, &plan.integration)?;
            piece.truncate(per_segment);
            points.append(&mut piece);
        }
        let residual = self.gap(&shots) / self.extent();
        Ok(LimitCycle { period: self.period, points, multipliers, trivial_multiplier, stability, residual })
    }
}
