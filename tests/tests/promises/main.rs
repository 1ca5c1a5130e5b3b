//! Promises to the lab, each kept by the built program as a person would run it.

mod bad_input;
mod bad_weights;
mod chain;
mod commands;
mod diverging;
mod fmriprep;
mod interrupted;
mod known_portraits;
mod no_room;
mod observations;
mod real_cohorts;
mod redone;
mod reproducible;
mod spoilt_subjects;
mod terminal;
