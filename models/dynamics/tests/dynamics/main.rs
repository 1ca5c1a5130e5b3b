//! What the dynamics crate promises, checked by a second route: algebra, brute force, or a published number.

mod attractors;
mod bad_input;
mod basins;
mod certified;
mod claims;
mod cycles;
mod fixed_points;
mod flows;
mod known_answers;
mod leaving;
mod lyapunov;
mod matching;
mod newton;
mod sampled_flows;
mod smooth;
mod special_positions;
mod speed;
mod stiff_flows;
mod systems;
mod units;
mod weights;
