//! Flows `ż = v(z)`: integration, equilibria, limit cycles, and the maps they induce.

mod equations;
mod equilibria;
mod integrate;
mod limit_cycle;
mod radau;
mod shooting;
mod solvers;
mod time_step;
mod vector_field;

pub use equilibria::{Equilibrium, find_equilibria};
pub use integrate::{FlowError, IntegrationPlan, advance, advance_with_derivative, trajectory};
pub use limit_cycle::{LimitCycle, LimitCycleError, LimitCyclePlan, find_limit_cycle, refine_limit_cycle};
pub use time_step::{StroboscopicMap, TimeStepMap};
pub use vector_field::{ForcedField, Reversed, VectorField};

pub(crate) use equilibria::describe_equilibrium;
