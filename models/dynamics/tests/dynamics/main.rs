//! What the dynamics crate promises, checked by a second route: algebra, brute force, or a published number.

mod attractors;
mod fixed_points;
mod known_answers;
mod lyapunov;
mod newton;
mod speed;
mod systems;
mod weights;
