//! From files to clean recordings: formats, cohorts, and what may go wrong with either.

mod bad_input;
mod cohorts;
mod eeg;
mod formats;
mod manifest;
mod round_trip;
mod series;
mod shared_data;
