//! What the tests stand on: a bench with a temporary folder, the built program, and files to compare.
//!
//! The tests run the program as a person would, in a folder, with a command line. Build it first:
//! `cargo build && cargo nextest run`.

mod answer;
mod files;
mod lab;
mod real_data;
mod settings;
mod wave;

pub use answer::{Answer, check_one_line};
pub use files::Files;
pub use lab::Lab;
pub use nullcline::demo::View;
pub use real_data::real_data;
pub use settings::{TINY, changed};
pub use wave::{WAVE_FILES, write_wave};
