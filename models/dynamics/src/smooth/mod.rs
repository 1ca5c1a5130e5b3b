//! Smooth right-hand sides, written once: values, derivatives, and proven ranges of both.

mod elementary;
mod formula;
mod gru;
mod interval;
mod mlp;
mod number;
mod polynomial;
mod tanh_rnn;

pub use formula::{Enclosed, Formula, Iterated, SmoothField, SmoothMap, SmoothSystem};
pub use gru::Gru;
pub use interval::Interval;
pub use mlp::{Activation, EulerStep, Layer, Mlp, Relaxation};
pub use number::{Dual, Number};
pub use polynomial::{Monomial, Polynomial};
pub use tanh_rnn::{CurrentRnn, TanhRnn};
