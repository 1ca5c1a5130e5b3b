//! What a learned map does once its weights are frozen.
//!
//! `z ← F(z)`, in `f64`, without input: where it rests, with which multipliers, which attractors its orbits
//! reach, how chaotic they are, and from what share of the starts. Nothing here knows a tensor library, a file
//! or a subject; a model hands over a [`Map`] and receives a [`Portrait`].
//!
//! ```
//! use nullcline_dynamics::{FixedPointPlan, PiecewiseLinearMap, find_fixed_points};
//! use rand::SeedableRng;
//!
//! // z′ = z/2 + relu(1 − z): one stable fixed point, at 2/3.
//! let w = nalgebra::DMatrix::from_element(1, 1, -1.0);
//! let map = PiecewiseLinearMap::shallow(&[0.5], &-&w, &w, &[0.0], &[1.0])?;
//! let plan = FixedPointPlan {
//!     max_patterns: 1 << 20,
//!     max_boxes: 200_000,
//!     max_regions: 4096,
//!     max_solves: 10_000,
//!     residual_tolerance: 1e-10,
//!     merge_distance: 1e-9,
//!     marginal_tolerance: 1e-9,
//! };
//! let search = find_fixed_points(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1), &map, &[], &plan);
//! assert!(search.complete);
//! assert!((search.found[0].location[0] - 2.0 / 3.0).abs() < 1e-12);
//! # Ok::<(), nullcline_dynamics::MapError>(())
//! ```

mod arrangement;
mod assignment;
mod attractors;
mod balance;
mod basin_edge;
mod basin_geometry;
mod basin_slice;
mod branch_and_bound;
mod catalogue;
mod certified;
mod closed_curve;
mod continuum;
mod cycle_search;
mod cycles;
mod cyclic_system;
mod delay_operator;
mod dynamics_distance;
mod fixed_points;
mod flow;
mod fraction;
mod geometry;
mod hinge_system;
mod hinge_units;
mod homotopy;
mod itineraries;
mod known_attractor;
mod linear_system;
mod lu;
mod lyapunov;
mod map;
mod matching;
mod multipliers;
mod newton;
mod nonnormality;
mod orbit;
mod pattern;
mod piecewise_linear;
mod portrait;
mod region_search;
mod region_solver;
mod sign_tree;
mod singular_values;
mod smooth;
mod smooth_portrait;
mod stability;
mod trapping;
mod units;
mod unseen;
mod vectorised;
mod weight_checks;
mod words;

pub use attractors::{Attractor, AttractorKind, AttractorPlan, AttractorSearch, End, find_attractors, label_starts};
pub use basin_edge::{BasinEdge, EdgePlan, Escape, distance_to_edge};
pub use basin_geometry::{
    BasinEntropy, GridError, basin_entropy, tipping_probabilities, uncertain_shares, uncertainty_exponent,
};
pub use basin_slice::{BasinSlice, SliceError, SlicePlan, basin_slice};
pub use certified::{
    BoxPlan, BoxSearch, Certificate, Certified, certified_equilibria, certified_fixed_points, certify,
};
pub use cycle_search::{CycleFamily, CycleSearch, CycleSearchPlan, find_cycles};
pub use cycles::{Cycle, CyclePlan, refine_cycle};
pub use delay_operator::{DelayPlan, OperatorError, delay_operator};
pub use dynamics_distance::{Alignment, distance_between_spectra, eigenvalue_distance, procrustes_distance};
pub use fixed_points::{Continuum, FixedPoint, FixedPointPlan, FixedPointSearch, SearchMethod, find_fixed_points};
pub use flow::{
    Equilibrium, FlowError, ForcedField, IntegrationPlan, LimitCycle, LimitCycleError, LimitCyclePlan, Reversed,
    StroboscopicMap, TimeStepMap, VectorField, advance, advance_with_derivative, find_equilibria, find_limit_cycle,
    refine_limit_cycle, trajectory,
};
pub use fraction::Fraction;
pub use lyapunov::{
    Estimate, LyapunovError, LyapunovPlan, LyapunovSpectrum, kaplan_yorke_dimension, lyapunov_exponents,
    lyapunov_spectrum,
};
pub use map::{Map, central_difference_jacobian};
pub use matching::{MatchError, Matching, match_attractors, wasserstein_distance};
pub use multipliers::{MultiplierError, frequency_per_step, multipliers, time_constant_steps};
pub use newton::{NewtonPlan, Search, StopReason, find_fixed_points_smooth};
pub use nonnormality::{NonNormality, non_normality, numerical_abscissa};
pub use pattern::ActivationPattern;
pub use piecewise_linear::PiecewiseLinearMap;
pub use portrait::{Portrait, PortraitPlan, portrait};
pub use smooth::{
    Activation, CurrentRnn, Dual, Enclosed, EulerStep, Formula, Gru, Interval, Iterated, Layer, Mlp, Monomial, Number,
    Polynomial, Relaxation, SmoothField, SmoothMap, SmoothSystem, TanhRnn,
};
pub use smooth_portrait::portrait_smooth;
pub use stability::Stability;
pub use unseen::Unseen;
pub use weight_checks::MapError;

/// A complex number, as multipliers are; the one `nalgebra` uses.
pub use nalgebra::Complex;
