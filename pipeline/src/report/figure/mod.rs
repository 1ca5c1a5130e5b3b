//! Figures as SVG text: one file per kind. Each takes values of a page and answers with markup.

mod axis;
mod basin;
mod basin_picture;
mod classifiers;
mod forest;
mod frame;
mod loss;
mod marker;
mod paired;
mod phase;
mod space;
mod spectra;
mod strip;
mod svg;
mod thin;
mod ticks;
mod traces;

pub use basin::basin_bar;
pub use basin_picture::basin_picture;
pub use classifiers::{chance_scale, classifier_row};
pub use forest::Forest;
pub use loss::loss_curve;
pub use marker::marker_key;
pub use paired::{Pair, paired_dots};
pub use phase::phase_figure;
pub use spectra::spectrum;
pub use strip::{StripDot, strip};
pub use svg::escape;
pub use traces::traces;
